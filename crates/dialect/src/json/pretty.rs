//! JSON texts as Jackson's pretty printer writes them: a member a line, lists in one line.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Returns a value as Jackson's pretty printer writes it.
///
/// ```
/// use standin_dialect::json::pretty_text;
///
/// let value = serde_json::json!({"a": [1, {}], "b": {"c": null}});
/// let expected = "{\n  \"a\" : [ 1, { } ],\n  \"b\" : {\n    \"c\" : null\n  }\n}";
/// assert_eq!(pretty_text(&value), expected);
/// ```
pub fn pretty_text(value: &impl Serialize) -> String {
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, JacksonFormatter::default());
    // a value of JSON has text keys, and a list of bytes takes every write
    value.serialize(&mut serializer).expect("JSON is written to memory");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// The separators of Jackson's `DefaultPrettyPrinter`.
#[derive(Debug, Default)]
struct JacksonFormatter {
    depth: usize,
    /// True if the object that ends next has a member.
    has_member: bool,
}

impl JacksonFormatter {
    fn line<W: ?Sized + io::Write>(&self, writer: &mut W) -> io::Result<()> {
        write!(writer, "\n{:width$}", "", width = 2 * self.depth)
    }
}

impl Formatter for JacksonFormatter {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b" " } else { b", " })
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b" ]")
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        self.has_member = false;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.has_member {
            self.line(writer)?;
        } else {
            writer.write_all(b" ")?;
        }
        self.has_member = true;
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.line(writer)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b" : ")
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_member = true;
        Ok(())
    }
}
