//! What a helper is given: values, and the body of its block.

use smallvec::SmallVec;

use super::budget::{Budget, Stop};
use super::eval::Frame;
use super::tree::{Block, Call, Memo};
use super::value::Value;

/// What a helper is given.
pub(crate) struct Given<'t, 'f> {
    pub(super) call: &'t Call,
    /// The first parameter; the current value if there is none.
    pub(crate) context: Value,
    /// The other parameters.
    pub(crate) params: SmallVec<[Value; 4]>,
    pub(super) hash: SmallVec<[(&'t str, Value); 2]>,
    pub(super) block: Option<&'t Block>,
    pub(crate) frame: &'f Frame<'f>,
}

impl Given<'_, '_> {
    /// A parameter behind the first; null if there is none.
    pub(crate) fn param(&self, place: usize) -> &Value {
        self.params.get(place).unwrap_or(&Value::Null)
    }

    /// What is given by name; `None` if that is nothing.
    pub(crate) fn named(&self, key: &str) -> Option<&Value> {
        self.hash.iter().find(|(known, _)| *known == key).map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// Whether the first parameter is there, rather than the current value in its place.
    pub(crate) fn has_context(&self) -> bool {
        !self.call.params.is_empty()
    }

    /// Whether the helper has a body.
    pub(crate) fn is_block(&self) -> bool {
        self.block.is_some()
    }

    /// What is compiled from a text, kept for the next call if it is the first text that is asked
    /// for here. Texts that differ from call to call are compiled for each, and paid for.
    pub(crate) fn memo(&self, text: &str, budget: &mut Budget, compile: impl FnOnce() -> Memo) -> Result<Memo, Stop> {
        match self.call.memo.get() {
            Some((known, memo)) if **known == *text => Ok(memo.clone()),
            Some(_) => budget.spend_time(compile),
            None => {
                let memo = compile();
                // another worker may have been first, perhaps with another text
                let _ = self.call.memo.set((text.into(), memo.clone()));
                Ok(memo)
            }
        }
    }
}
