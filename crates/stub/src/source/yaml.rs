//! YAML 1.2 as the same tree as JSON, from the events of a YAML parser.
//!
//! Plain scalars follow the core schema as far as JSON can say it (see `plain.rs`). Aliases and merge keys (`<<`) are
//! unfolded within bounds. Refused in words: several documents, names that stand twice, names that are lists or maps,
//! and tags other than `!!str`.

mod offsets;
mod plain;
mod problem;

use std::ops::Range;

use hashbrown::HashMap;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{MAX_DEPTH, Member, Node, SyntaxError, Value, first_repeated};
use offsets::Offsets;

/// Reads the one document of a text.
pub fn read_yaml(text: &str) -> Result<Node, SyntaxError> {
    let mut reader =
        Reader { text, offsets: Offsets::new(text), open: Vec::new(), anchors: HashMap::new(), copied: 0, root: None };
    reader.document().map_err(|error| error.under(reader.steps()))
}

struct Reader<'t> {
    text: &'t str,
    offsets: Offsets<'t>,
    /// The lists and maps that have begun and not ended, outermost first.
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    /// The weight of all that was copied for anchors and aliases.
    copied: usize,
    root: Option<Node>,
}

struct Open {
    start: usize,
    /// Where the last value in it ends; a block ends there, whatever comments follow.
    end: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map(Map),
}

#[derive(Default)]
struct Map {
    members: Vec<Member>,
    /// The name whose value comes next.
    key: Option<(String, Range<usize>)>,
    /// Whether that name is `<<`.
    merging: bool,
    /// What is merged into the map when it ends.
    merged: Vec<Member>,
}

/// A value with a name that aliases may use.
struct Anchored {
    node: Node,
    weight: usize,
    depth: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Node, SyntaxError> {
        for event in Parser::new_from_str(self.text) {
            match event {
                Ok((event, span)) => self.event(event, span)?,
                Err(error) => {
                    return Err(problem::explain(&error, self.text, self.offsets.byte(error.marker().index())));
                }
            }
        }
        let end = self.text.len();
        self.root.take().ok_or_else(|| SyntaxError::new(end..end, "there is no YAML here", "write `name: value`"))
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        let span = self.offsets.byte(span.start.index())..self.offsets.byte(span.end.index());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.as_deref().map_or(Ok(false), |tag| is_text_tag(tag, &span))?;
                let is_plain = style == ScalarStyle::Plain && !is_text;
                if is_plain && text == "<<" && self.awaits_name() {
                    self.begin_merge(span);
                    return Ok(());
                }
                // a name is the text that was typed, `1.0` and `Null` too
                let value =
                    if is_plain && !self.awaits_name() { plain::value(&text) } else { Value::String(text.into()) };
                let length = self.text.get(span.clone()).map_or(0, |part| part.trim_end().len());
                self.put(Node { span: span.start..span.start + length, value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.begin(span, anchor, tag.as_deref(), Content::List(Vec::new())),
            Event::MappingStart(anchor, tag) => self.begin(span, anchor, tag.as_deref(), Content::Map(Map::default())),
            Event::SequenceEnd | Event::MappingEnd => self.end(&span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(SyntaxError::new(span, "a second document begins here", "keep one document in a file"))
            }
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        span: Range<usize>,
        anchor: usize,
        tag: Option<&Tag>,
        content: Content,
    ) -> Result<(), SyntaxError> {
        if let Some(tag) = tag {
            return Err(no_tag(tag, &span));
        }
        if self.awaits_name() {
            return Err(no_name(self.text, span));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.open.push(Open { start: span.start, end: span.end, anchor, content });
        Ok(())
    }

    fn end(&mut self, span: &Range<usize>) -> Result<(), SyntaxError> {
        if let Some(Open { content: Content::Map(map), .. }) = self.open.last_mut() {
            if let Some(member) = first_repeated(&map.members) {
                let message = format!("the name `{}` stands twice in this map", member.key);
                return Err(SyntaxError::new(member.key_span.clone(), message, "remove one, or rename it"));
            }
            map.merge();
        }
        let Some(open) = self.open.pop() else { return Ok(()) };
        let (value, bracket) = match open.content {
            Content::List(items) => (Value::Array(items), ']'),
            Content::Map(map) => (Value::Object(map.members), '}'),
        };
        // a bracket ends where it stands; the parser's span goes on to the next word
        let end = if self.text[span.start..].starts_with(bracket) { span.start + 1 } else { open.end };
        self.put(Node { span: open.start..end.max(open.start), value }, open.anchor)
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Result<(), SyntaxError> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(SyntaxError::new(span, "this alias stands in the value that it names", "write the value out"));
        };
        if self.open.len() + anchored.depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.copied += anchored.weight;
        if self.copied > MAX_COPIED {
            return Err(too_much(span));
        }
        let node = Node { span, value: anchored.node.value.clone() };
        self.put(node, 0)
    }

    /// Puts a whole value where it belongs.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxError> {
        if anchor > 0 {
            let (weight, depth) = measure(&node);
            self.copied += weight;
            if self.copied > MAX_COPIED {
                return Err(too_much(node.span));
            }
            self.anchors.insert(anchor, Anchored { node: node.clone(), weight, depth });
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.end = open.end.max(node.span.end);
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map(map) => map.put(node)?,
        }
        Ok(())
    }

    /// Whether the next scalar is a name in a map.
    fn awaits_name(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Map(Map { key: None, .. }), .. }))
    }

    fn begin_merge(&mut self, span: Range<usize>) {
        if let Some(Open { content: Content::Map(map), .. }) = self.open.last_mut() {
            map.key = Some(("<<".to_owned(), span));
            map.merging = true;
        }
    }

    /// The names and indices that lead to the value that is being read.
    fn steps(&self) -> impl Iterator<Item = String> {
        self.open.iter().filter_map(|open| match &open.content {
            Content::List(items) => Some(items.len().to_string()),
            Content::Map(map) => map.key.as_ref().map(|(key, _)| key.clone()),
        })
    }
}

impl Map {
    fn put(&mut self, node: Node) -> Result<(), SyntaxError> {
        let Some((key, key_span)) = self.key.take() else {
            let key = match node.value {
                Value::String(text) | Value::Number(text) => text,
                Value::Bool(value) => value.to_string(),
                Value::Null => "null".to_owned(),
                Value::Array(_) | Value::Object(_) => return Err(no_name("", node.span)),
            };
            self.key = Some((key, node.span));
            return Ok(());
        };
        if !std::mem::take(&mut self.merging) {
            self.members.push(Member { key, key_span, value: node });
            return Ok(());
        }
        let sources = match node.value {
            Value::Array(items) => items,
            value => vec![Node { span: node.span, value }],
        };
        for source in sources {
            let Value::Object(members) = source.value else {
                let message = format!("`<<` merges a map or a list of maps, not {}", source.kind_name());
                return Err(SyntaxError::new(source.span, message, "write `<<: *name` with the anchor of a map"));
            };
            self.merged.extend(members);
        }
        Ok(())
    }

    /// Adds what was merged, except for names that the map has itself; of several sources the first counts.
    fn merge(&mut self) {
        if self.merged.is_empty() {
            return;
        }
        let mut known: HashMap<String, ()> = self.members.iter().map(|member| (member.key.clone(), ())).collect();
        for member in self.merged.drain(..) {
            if known.insert(member.key.clone(), ()).is_none() {
                self.members.push(member);
            }
        }
    }
}

/// How much a value takes in memory, roughly in bytes, and how many lists and maps stand in each other in it.
fn measure(node: &Node) -> (usize, usize) {
    let (inner, depth) = match &node.value {
        Value::Null | Value::Bool(_) => return (NODE_WEIGHT, 0),
        Value::Number(text) | Value::String(text) => return (NODE_WEIGHT + text.len(), 0),
        Value::Array(items) => sum(items.iter().map(measure)),
        Value::Object(members) => sum(members.iter().map(|member| {
            let (weight, depth) = measure(&member.value);
            (weight + NODE_WEIGHT + member.key.len(), depth)
        })),
    };
    (NODE_WEIGHT + inner, depth + 1)
}

fn sum(parts: impl Iterator<Item = (usize, usize)>) -> (usize, usize) {
    parts.fold((0, 0), |(weight, depth), part| (weight + part.0, depth.max(part.1)))
}

fn is_text_tag(tag: &Tag, span: &Range<usize>) -> Result<bool, SyntaxError> {
    if tag.is_yaml_core_schema() && tag.suffix == "str" { Ok(true) } else { Err(no_tag(tag, span)) }
}

fn no_tag(tag: &Tag, span: &Range<usize>) -> SyntaxError {
    let spelled = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
    SyntaxError::new(span.clone(), format!("the tag `{spelled}` is not known here"), "remove it; only `!!str` is known")
}

fn no_name(text: &str, span: Range<usize>) -> SyntaxError {
    if text.get(..span.start).is_some_and(|before| before.ends_with('{')) {
        return SyntaxError::new(span, "a template is no YAML by itself", "put the value in quotes: `\"{{…}}\"`");
    }
    SyntaxError::new(span, "a name is a text, not a list or a map", "write `name: value`")
}

fn too_deep(span: Range<usize>) -> SyntaxError {
    SyntaxError::new(
        span,
        format!("more than {MAX_DEPTH} lists and maps stand in each other"),
        "make the document flatter",
    )
}

fn too_much(span: Range<usize>) -> SyntaxError {
    SyntaxError::new(
        span,
        "the aliases of this document unfold to too much",
        "write the values out, or use fewer aliases",
    )
}

/// Bytes that anchors and aliases may come to when they are unfolded: far above any stub, far below what hurts.
const MAX_COPIED: usize = 32 << 20;

/// Bytes that a value takes beside its text.
const NODE_WEIGHT: usize = 64;

#[cfg(test)]
mod tests;
