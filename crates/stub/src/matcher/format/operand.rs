//! Operands and options that several matchers share.

use crate::source::{Node, Reader, Value};
use standin_dialect::java_regex::JavaRegex;

/// Reads an operand that must be a string.
pub(super) fn text(operator: &str, operand: &Node, reader: &mut Reader) -> Option<String> {
    if let Value::String(text) = &operand.value {
        return Some(text.clone());
    }
    reader.error(operand, format!("{operator} operand must be a non-null string"), "put it in quotes");
    None
}

/// Compiles a Java pattern; an error is reported with its position in the pattern.
pub(super) fn java_regex(pattern: &str, node: &Node, reader: &mut Reader) -> Option<JavaRegex> {
    match JavaRegex::new(pattern) {
        Ok(regex) => Some(regex),
        Err(error) => {
            reader.error(
                node,
                format!("{} at index {} of the pattern `{pattern}`", error.message, error.at),
                error.help,
            );
            None
        }
    }
}

/// Reads a boolean option beside an operator; the default is false.
pub(super) fn flag(whole: &Node, key: &str) -> bool {
    match whole.get(key).map(|node| &node.value) {
        Some(Value::Bool(value)) => *value,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        Some(Value::Number(number)) => number.parse::<f64>().is_ok_and(|number| number != 0.0),
        _ => false,
    }
}

/// Returns an option beside an operator, unless it is null.
pub(super) fn given<'n>(whole: &'n Node, key: &str) -> Option<&'n Node> {
    whole.get(key).filter(|node| !matches!(node.value, Value::Null))
}
