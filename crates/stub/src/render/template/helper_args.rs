//! What a helper is given: values, and the body of its block.

use smallvec::SmallVec;

use super::budget::{RenderBudget, RenderError};
use super::eval::Frame;
use super::tree::{BlockTag, Cached, HelperCall};
use super::value::TemplateValue;

/// What a helper is given.
pub(crate) struct HelperArgs<'t, 'f> {
    pub(super) call: &'t HelperCall,
    /// The first parameter; the current value if there is none.
    pub(crate) context: TemplateValue,
    /// The other parameters.
    pub(crate) params: SmallVec<[TemplateValue; 4]>,
    pub(super) hash: SmallVec<[(&'t str, TemplateValue); 2]>,
    pub(super) block: Option<&'t BlockTag>,
    pub(crate) frame: &'f Frame<'f>,
}

impl HelperArgs<'_, '_> {
    /// Returns a parameter behind the first; null if there is none.
    pub(crate) fn param(&self, place: usize) -> &TemplateValue {
        self.params.get(place).unwrap_or(&TemplateValue::Null)
    }

    /// What is given by name; `None` if that is nothing.
    pub(crate) fn named(&self, key: &str) -> Option<&TemplateValue> {
        self.hash.iter().find(|(known, _)| *known == key).map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// Returns whether the first parameter is there, rather than the current value in its place.
    pub(crate) fn has_context(&self) -> bool {
        !self.call.params.is_empty()
    }

    /// Returns whether the helper has a body.
    pub(crate) fn is_block(&self) -> bool {
        self.block.is_some()
    }

    /// What is compiled from a text, kept for the next call if it is the first text that is asked
    /// for here. Texts that differ from call to call are compiled for each, and paid for.
    pub(crate) fn cached(
        &self,
        text: &str,
        budget: &mut RenderBudget,
        compile: impl FnOnce() -> Cached,
    ) -> Result<Cached, RenderError> {
        match self.call.cached.get() {
            Some((known, cached)) if **known == *text => Ok(cached.clone()),
            Some(_) => budget.spend_time(compile),
            None => {
                let cached = compile();
                // another worker may have been first, perhaps with another text
                let _ = self.call.cached.set((text.into(), cached.clone()));
                Ok(cached)
            }
        }
    }
}
