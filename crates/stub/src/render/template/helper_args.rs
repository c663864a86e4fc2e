//! The arguments of a helper: values, and the body of its block.

use smallvec::SmallVec;

use super::budget::{RenderBudget, RenderError};
use super::scope::Frame;
use super::tree::{BlockTag, Cached, HelperCall};
use super::value::TemplateValue;

/// The arguments of one helper call.
pub(crate) struct HelperArgs<'t, 'f> {
    pub(super) call: &'t HelperCall,
    /// The first parameter; the current value if there is none.
    pub(crate) context: TemplateValue,
    pub(crate) params: SmallVec<[TemplateValue; 4]>,
    pub(super) hash: SmallVec<[(&'t str, TemplateValue); 2]>,
    pub(super) block: Option<&'t BlockTag>,
    pub(crate) frame: &'f Frame<'f>,
}

impl HelperArgs<'_, '_> {
    /// Returns a parameter after the first, by its 0-based index; null if there is none.
    pub(crate) fn param(&self, place: usize) -> &TemplateValue {
        self.params.get(place).unwrap_or(&TemplateValue::Null)
    }

    /// Returns a named argument; `None` if it is absent or null.
    pub(crate) fn named(&self, key: &str) -> Option<&TemplateValue> {
        self.hash.iter().find(|(known, _)| *known == key).map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// Returns whether the first parameter is given.
    pub(crate) fn has_context(&self) -> bool {
        !self.call.params.is_empty()
    }

    /// Returns whether the helper is called as a block.
    pub(crate) fn is_block(&self) -> bool {
        self.block.is_some()
    }

    /// Returns the compiled form of a text. The form of the first text is cached for later
    /// renderings; other texts are compiled on each call, and their CPU time is spent.
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
