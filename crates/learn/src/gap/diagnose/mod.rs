//! The diagnosis of a comparison: evidence from the cells, and rules that map it to likely causes.

pub(crate) mod evidence;
pub(crate) mod rules;
