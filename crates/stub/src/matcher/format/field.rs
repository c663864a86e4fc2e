//! Reads the rules for headers and parameters.

use super::value::value_matcher;
use crate::matcher::FieldRule;
use crate::source::{Node, Reader, Value};

/// Reads the rule for a header or parameter: one matcher, or a list of matchers.
pub(super) fn field_rule(node: &Node, reader: &mut Reader) -> Option<FieldRule> {
    for (key, rule) in [("hasExactly", FieldRule::HasExactly as fn(_) -> _), ("includes", FieldRule::Includes)] {
        let Some(list) = node.get(key) else { continue };
        let Value::Array(items) = &list.value else {
            let message = format!("`{key}` takes a list of matchers, not {}", list.kind_name());
            reader.error(list, message, format!("write `\"{key}\": [{{…}}]`"));
            return None;
        };
        let rules: Vec<_> = items.iter().filter_map(|item| value_matcher(item, false, reader)).collect();
        return (rules.len() == items.len()).then(|| rule(rules));
    }
    value_matcher(node, false, reader).map(FieldRule::One)
}
