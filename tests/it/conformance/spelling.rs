//! JSON as the recording client spelt it: `, ` and `: ` between the parts, nothing but ASCII.
//!
//! Cases see this spelling where a stub echoes a body or counts its bytes, so it is part of what
//! was recorded.

use std::io::{self, Write};

use serde::Serialize as _;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value};

/// Returns a value in that spelling.
pub(super) fn spelt(value: &Value) -> String {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced)).expect("values have string keys");
    String::from_utf8(bytes).expect("ASCII")
}

/// Returns a value in that spelling with names in alphabetical order, for sorting.
pub(super) fn spelt_in_order(value: &Value) -> String {
    spelt(&in_order(value))
}

fn in_order(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(in_order).collect(),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(name, value)| (name.clone(), in_order(value))).collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            members.into_iter().collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for letter in fragment.chars() {
            if letter <= '~' {
                writer.write_all(&[letter as u8])?;
                continue;
            }
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_spaced_and_ascii() {
        assert_eq!(spelt(&json!({"ä": [1, "😀\n"], "b": {}})), r#"{"\u00e4": [1, "\ud83d\ude00\n"], "b": {}}"#);
    }

    #[test]
    fn names_are_put_in_order_at_every_depth() {
        assert_eq!(spelt_in_order(&json!({"b": {"d": 1, "c": 2}, "a": 3})), r#"{"a": 3, "b": {"c": 2, "d": 1}}"#);
    }
}
