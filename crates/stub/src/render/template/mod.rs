//! Response templates: WireMock's dialect of Handlebars, parsed at load and rendered within limits.
//!
//! No existing crate fits: WireMock's output depends on the peculiarities of handlebars.java, on
//! values that are a text and a list at once, and on the Java types of numbers.

pub(crate) mod budget;
mod call;
mod cursor;
pub(crate) mod documents;
pub(crate) mod eval;
pub(crate) mod helper_args;
mod names;
mod parse;
mod position;
pub(crate) mod print;
pub(crate) mod request_model;
mod request_part;
pub(crate) mod scope;
pub(crate) mod tree;
pub(crate) mod value;
mod xml_node;

use std::fmt;

use rand::Rng;

use self::budget::{RenderBudget, RenderError};
use self::eval::Evaluator;
use self::position::Position;
use self::request_model::RequestModel;
use self::tree::TemplateBody;

/// A template, parsed and ready to render.
#[derive(Debug)]
pub struct Template {
    body: TemplateBody,
    unknown: Option<(Box<str>, Position)>,
    /// Length of the source in bytes: most outputs are about as long.
    source_bytes: usize,
}

/// Error in the text of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    at: Position,
    /// Description of the error.
    pub message: String,
    /// Correction that is suggested.
    pub help: String,
}

impl Template {
    /// Parses the text of a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let source_bytes = text.len();
        parse::parse(text).map(|parsed| Self { body: parsed.body, unknown: parsed.unknown, source_bytes })
    }

    /// Returns whether a text contains tags.
    pub fn is_one(text: &str) -> bool {
        text.contains("{{")
    }

    /// Returns the first unknown helper; such a template fails on every rendering.
    pub fn unknown_helper(&self) -> Option<&str> {
        self.unknown.as_ref().map(|(name, _)| &**name)
    }

    /// Renders the template for one request.
    pub(crate) fn render<'t>(
        &'t self,
        model: &'t RequestModel<'t>,
        budget: &'t mut RenderBudget,
        rng: &'t mut dyn Rng,
    ) -> Result<String, RenderError> {
        if let Some((name, at)) = &self.unknown {
            return Err(RenderError::failed(format!("could not find helper: '{name}'")).at(*at));
        }
        Evaluator::new(model, budget, rng).run(&self.body, self.source_bytes)
    }
}

impl TemplateError {
    /// Returns the position as text: line and column.
    pub fn place(&self) -> String {
        format!("line {}, column {}", self.at.line, self.at.column + 1)
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}; {}", self.at, self.message, self.help)
    }
}

impl std::error::Error for TemplateError {}

#[cfg(test)]
pub(crate) mod tests;
