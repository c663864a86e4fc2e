//! [`TemplatedText`]: a text of a stub that may be a template.

use rand::Rng;

use super::template::Template;
use super::template::budget::{RenderBudget, RenderError};
use super::template::request_model::RequestModel;

/// A text of a webhook, a chunk or a message.
#[derive(Debug)]
pub enum TemplatedText {
    /// The same text for all calls.
    Fixed(String),
    /// A template.
    Template(Template),
    /// A template that does not parse; calls get this message.
    Broken(String),
}

impl TemplatedText {
    /// Returns the text if it is the same for all calls.
    pub fn fixed(&self) -> Option<&str> {
        match self {
            Self::Fixed(text) => Some(text),
            Self::Template(_) | Self::Broken(_) => None,
        }
    }

    /// Renders the text for a call.
    pub(crate) fn render(
        &self,
        model: &RequestModel<'_>,
        budget: &mut RenderBudget,
        rng: &mut dyn Rng,
    ) -> Result<String, RenderError> {
        match self {
            Self::Fixed(text) => Ok(text.clone()),
            Self::Broken(message) => Err(RenderError::failed(message.clone())),
            Self::Template(template) => template.render(model, budget, rng),
        }
    }
}
