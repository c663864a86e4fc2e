//! YAML 1.2 with the same tree as JSON: plain scalars are null, booleans, numbers or text as in its core schema.
//!
//! Anchors may be used, within bounds; merge keys, tags and several documents are refused in words.

use std::ops::Range;

use hashbrown::HashMap;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{MAX_DEPTH, Member, Node, SyntaxError, Value};

/// Nodes that a document may come to when its aliases are followed.
const MAX_NODES: usize = 1_000_000;

/// Reads one document.
pub fn read(text: &str) -> Result<Node, SyntaxError> {
    let mut reader =
        Reader { text, offsets: Offsets::new(text), anchors: HashMap::new(), open: Vec::new(), nodes: 0, root: None };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => reader.event(&event, span)?,
            Err(error) => {
                let at = reader.offsets.byte(error.marker().index());
                return Err(reader.error(at..at, error.info(), "check the indentation and the quotes around here"));
            }
        }
    }
    let end = text.len();
    reader
        .root
        .take()
        .ok_or_else(|| reader.error(end..end, "there is no YAML here", "write `request:` and `response:`"))
}

struct Reader<'t> {
    text: &'t str,
    offsets: Offsets<'t>,
    anchors: HashMap<usize, (Node, usize)>,
    open: Vec<Open>,
    nodes: usize,
    root: Option<Node>,
}

/// A list or map that has not ended.
struct Open {
    start: usize,
    anchor: usize,
    nodes_before: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map(Vec<Member>, Option<(String, Range<usize>)>),
}

impl Reader<'_> {
    fn event(&mut self, event: &Event<'_>, span: Span) -> Result<(), SyntaxError> {
        let span = self.offsets.byte(span.start.index())..self.offsets.byte(span.end.index());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some() {
                    return Err(self.error(span, "tags are not known here", "remove the `!…`"));
                }
                let value = if *style == ScalarStyle::Plain { plain(text) } else { Value::String(text.to_string()) };
                self.complete(Node { span, value }, *anchor, 1)
            }
            Event::SequenceStart(anchor, _) => self.begin(span.start, *anchor, Items::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(span.start, *anchor, Items::Map(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let value = match open.items {
                    Items::List(items) => Value::Array(items),
                    Items::Map(members, _) => Value::Object(members),
                };
                let end = span.start.max(open.start);
                let end = open.start + self.text[open.start..end].trim_end().len();
                let size = self.nodes - open.nodes_before;
                self.complete(Node { span: open.start..end, value }, open.anchor, size)
            }
            Event::Alias(anchor) => match self.anchors.get(anchor).cloned() {
                Some((node, size)) => self.complete(Node { span, ..node }, 0, size),
                None => Err(self.error(
                    span,
                    "this alias has no anchor that ended before it",
                    "define it above with `&name`",
                )),
            },
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(self.error(span, "a file holds one document", "use a list under `mappings:`"))
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, start: usize, anchor: usize, items: Items) -> Result<(), SyntaxError> {
        if self.open.len() >= MAX_DEPTH {
            let what = format!("values stand more than {MAX_DEPTH} deep in each other");
            return Err(self.error(start..start, what, "flatten the document"));
        }
        self.open.push(Open { start, anchor, nodes_before: self.nodes, items });
        Ok(())
    }

    /// Puts a whole node where it belongs.
    fn complete(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), SyntaxError> {
        self.nodes += size;
        if self.nodes > MAX_NODES {
            return Err(self.error(
                node.span,
                "the aliases of this document unfold to too much",
                "write out less of it",
            ));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.items {
            Items::List(items) => items.push(node),
            Items::Map(members, pending) => match pending.take() {
                Some((key, key_span)) => members.push(Member { key, key_span, value: node }),
                None => {
                    let key = match node.value {
                        Value::String(text) | Value::Number(text) => text,
                        Value::Bool(value) => value.to_string(),
                        Value::Null => "null".to_owned(),
                        _ => return Err(self.error(node.span, "a name is a text", "write `name: value`")),
                    };
                    if key == "<<" {
                        return Err(self.error(node.span, "merge keys are not YAML 1.2", "write the members out"));
                    }
                    if members.iter().any(|member| member.key == key) {
                        return Err(self.error(node.span, format!("`{key}` stands twice in this map"), "remove one"));
                    }
                    *pending = Some((key, node.span));
                }
            },
        }
        Ok(())
    }

    fn error(&self, span: Range<usize>, what: impl Into<String>, mend: impl Into<String>) -> SyntaxError {
        let mut pointer = String::new();
        for open in &self.open {
            match &open.items {
                Items::List(items) => pointer.push_str(&format!("/{}", items.len())),
                Items::Map(_, Some((key, _))) => pointer.push_str(&format!("/{key}")),
                Items::Map(_, None) => {}
            }
        }
        SyntaxError { span, pointer, what: what.into(), mend: Some(mend.into()) }
    }
}

/// A plain scalar in the core schema. What JSON cannot say (`.inf`, `0x1f`) stays text.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    match super::read_json(text) {
        Ok(Node { value: Value::Number(number), span }) if span == (0..text.len()) => Value::Number(number),
        _ => Value::String(text.to_owned()),
    }
}

/// From the parser's characters to bytes, forward only for the most part.
struct Offsets<'t> {
    text: &'t str,
    ascii: bool,
    /// The byte of every 64th character.
    steps: Vec<usize>,
}

impl<'t> Offsets<'t> {
    fn new(text: &'t str) -> Self {
        let ascii = text.is_ascii();
        let steps = if ascii { Vec::new() } else { text.char_indices().step_by(64).map(|(byte, _)| byte).collect() };
        Self { text, ascii, steps }
    }

    fn byte(&self, character: usize) -> usize {
        if self.ascii {
            return character.min(self.text.len());
        }
        let Some(&start) = self.steps.get(character / 64) else { return self.text.len() };
        self.text[start..].char_indices().nth(character % 64).map_or(self.text.len(), |(byte, _)| start + byte)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_core_schema_is_read() {
        let text = "a: 1\nb: '1'\nc: true\nd: [x, ~, 1.50]\ne: {f: no}\ng: |\n  two\n  lines\n7: seven\nh: 0x1f\ni: 2026-01-01\n";
        let expected = json!({"a": 1, "b": "1", "c": true, "d": ["x", null, 1.5], "e": {"f": "no"}, "g": "two\nlines\n",
            "7": "seven", "h": "0x1f", "i": "2026-01-01"});
        let read = read(text).expect("YAML").to_json();
        assert_eq!(read["d"][2].to_string(), "1.50");
        assert_eq!(read["a"], expected["a"]);
        for key in ["b", "c", "e", "g", "7", "h", "i"] {
            assert_eq!(read[key], expected[key], "{key}");
        }
    }

    #[test]
    fn places_are_bytes() {
        let text = "é: {ü: 'x'}\nlist:\n  - wö\n  - 12\n";
        let node = read(text).expect("YAML");
        let part = |node: &Node| text[node.span.clone()].to_owned();
        assert_eq!(part(node.get("é").and_then(|n| n.get("ü")).expect("there")), "'x'");
        let Some(Value::Array(items)) = node.get("list").map(|list| &list.value) else { panic!("a list") };
        assert_eq!((part(&items[0]).as_str(), part(&items[1]).as_str()), ("wö", "12"));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, what) in [
            ("a: 1\na: 2\n", "stands twice"),
            ("a: [1, 2\nb: 3\n", ""),
            ("a: 1\n---\nb: 2\n", "one document"),
            ("base: &b {x: 1}\nc:\n  <<: *b\n", "merge keys"),
            ("a: !!int 5\n", "tags"),
            ("", "no YAML"),
            ("? [a]\n: b\n", "a name is a text"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.what.contains(what), "{text}: {}", error.what);
            assert!(text.get(error.span).is_some());
        }
    }

    #[test]
    fn aliases_cannot_unfold_without_end() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let list = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        assert!(read(&text).expect_err("too much").what.contains("too much"));
        let once = read("a: &x {k: 1}\nb: *x\n").expect("YAML");
        assert_eq!(once.to_json()["b"]["k"].to_string(), "1");
    }
}
