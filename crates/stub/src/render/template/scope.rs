//! Scopes in which names are looked up.

use super::value::TemplateValue;

/// A scope for names: a value, and the enclosing scope.
pub(crate) struct Frame<'f> {
    pub(crate) value: TemplateValue,
    pub(super) locals: Locals<'f>,
    pub(super) parent: Option<&'f Frame<'f>>,
}

/// The local variables of a scope: `@index` and others, and the block parameters.
pub(crate) type Locals<'f> = Vec<(&'f str, TemplateValue)>;
