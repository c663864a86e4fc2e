//! A reader of YAML 1.2 into the same tree as JSON, from the events of a YAML parser.
//!
//! Plain scalars follow the core schema as far as JSON can represent it (see `plain.rs`). Aliases
//! and merge keys (`<<`) are expanded within limits. Errors are: several documents, repeated names,
//! names that are lists or maps, and tags other than `!!str`.

mod offsets;
mod plain;
mod problem;

use std::ops::Range;

use hashbrown::HashMap;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{DocumentError, MAX_DEPTH, Member, Node, Value, first_repeated};
use offsets::Offsets;

/// Parses the only document of a text.
pub fn read_yaml(text: &str) -> Result<Node, DocumentError> {
    let mut reader = YamlReader {
        text,
        offsets: Offsets::new(text),
        open: Vec::new(),
        anchors: HashMap::new(),
        copied_bytes: 0,
        root: None,
    };
    reader.document().map_err(|error| error.with_path(reader.steps()))
}

struct YamlReader<'t> {
    text: &'t str,
    offsets: Offsets<'t>,
    /// Containers that are open, the outermost first.
    open: Vec<YamlContainer>,
    anchors: HashMap<usize, AnchoredValue>,
    /// Estimated size in bytes of the values that were copied for anchors and aliases.
    copied_bytes: usize,
    root: Option<Node>,
}

/// A list or map that has begun and not ended.
struct YamlContainer {
    start: usize,
    /// End of its last value, which is the end of a block even if comments follow.
    end: usize,
    anchor: usize,
    content: YamlContent,
}

enum YamlContent {
    List(Vec<Node>),
    Map(YamlMap),
}

/// A map that is read.
#[derive(Default)]
struct YamlMap {
    members: Vec<Member>,
    /// Name whose value comes next, with its span.
    key: Option<(String, Range<usize>)>,
    /// True if that name is `<<`.
    is_merging: bool,
    /// Members to merge into the map when it ends.
    merged: Vec<Member>,
}

/// A value with an anchor, to which aliases may refer.
struct AnchoredValue {
    node: Node,
    /// Estimated size in bytes.
    size: usize,
    depth: usize,
}

impl YamlReader<'_> {
    fn document(&mut self) -> Result<Node, DocumentError> {
        for event in Parser::new_from_str(self.text) {
            match event {
                Ok((event, span)) => self.event(event, span)?,
                Err(error) => {
                    return Err(problem::explain(&error, self.text, self.offsets.byte(error.marker().index())));
                }
            }
        }
        let end = self.text.len();
        self.root.take().ok_or_else(|| DocumentError::new(end..end, "there is no YAML here", "write `name: value`"))
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), DocumentError> {
        let span = self.offsets.byte(span.start.index())..self.offsets.byte(span.end.index());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.as_deref().map_or(Ok(false), |tag| is_text_tag(tag, &span))?;
                let is_plain = style == ScalarStyle::Plain && !is_text;
                if is_plain && text == "<<" && self.expects_name() {
                    self.begin_merge(span);
                    return Ok(());
                }
                // a name is always a text, also `1.0` and `Null`
                let value =
                    if is_plain && !self.expects_name() { plain::value(&text) } else { Value::String(text.into()) };
                let length = self.text.get(span.clone()).map_or(0, |part| part.trim_end().len());
                self.put(Node { span: span.start..span.start + length, value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(span, anchor, tag.as_deref(), YamlContent::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(span, anchor, tag.as_deref(), YamlContent::Map(YamlMap::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(DocumentError::new(span, "a second document begins here", "keep one document in a file"))
            }
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        span: Range<usize>,
        anchor: usize,
        tag: Option<&Tag>,
        content: YamlContent,
    ) -> Result<(), DocumentError> {
        if let Some(tag) = tag {
            return Err(no_tag(tag, &span));
        }
        if self.expects_name() {
            return Err(no_name(self.text, span));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.open.push(YamlContainer { start: span.start, end: span.end, anchor, content });
        Ok(())
    }

    fn end(&mut self, span: &Range<usize>) -> Result<(), DocumentError> {
        if let Some(YamlContainer { content: YamlContent::Map(map), .. }) = self.open.last_mut() {
            if let Some(member) = first_repeated(&map.members) {
                let message = format!("the name `{}` stands twice in this map", member.key);
                return Err(DocumentError::new(member.key_span.clone(), message, "remove one, or rename it"));
            }
            map.merge();
        }
        let Some(open) = self.open.pop() else { return Ok(()) };
        let (value, bracket) = match open.content {
            YamlContent::List(items) => (Value::Array(items), ']'),
            YamlContent::Map(map) => (Value::Object(map.members), '}'),
        };
        // the parser's span of a bracket extends to the next token
        let end = if self.text[span.start..].starts_with(bracket) { span.start + 1 } else { open.end };
        self.put(Node { span: open.start..end.max(open.start), value }, open.anchor)
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Result<(), DocumentError> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(DocumentError::new(
                span,
                "this alias stands in the value that it names",
                "write the value out",
            ));
        };
        if self.open.len() + anchored.depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.copied_bytes += anchored.size;
        if self.copied_bytes > MAX_COPIED_BYTES {
            return Err(too_much(span));
        }
        let node = Node { span, value: anchored.node.value.clone() };
        self.put(node, 0)
    }

    /// Adds a value to the innermost container.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), DocumentError> {
        if anchor > 0 {
            let (size, depth) = size_and_depth(&node);
            self.copied_bytes += size;
            if self.copied_bytes > MAX_COPIED_BYTES {
                return Err(too_much(node.span));
            }
            self.anchors.insert(anchor, AnchoredValue { node: node.clone(), size, depth });
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.end = open.end.max(node.span.end);
        match &mut open.content {
            YamlContent::List(items) => items.push(node),
            YamlContent::Map(map) => map.put(node)?,
        }
        Ok(())
    }

    /// Returns true if the next scalar is a name in a map.
    fn expects_name(&self) -> bool {
        matches!(self.open.last(), Some(YamlContainer { content: YamlContent::Map(YamlMap { key: None, .. }), .. }))
    }

    fn begin_merge(&mut self, span: Range<usize>) {
        if let Some(YamlContainer { content: YamlContent::Map(map), .. }) = self.open.last_mut() {
            map.key = Some(("<<".to_owned(), span));
            map.is_merging = true;
        }
    }

    /// Returns the path of the value that is read, as names and indices.
    fn steps(&self) -> impl Iterator<Item = String> {
        self.open.iter().filter_map(|open| match &open.content {
            YamlContent::List(items) => Some(items.len().to_string()),
            YamlContent::Map(map) => map.key.as_ref().map(|(key, _)| key.clone()),
        })
    }
}

impl YamlMap {
    fn put(&mut self, node: Node) -> Result<(), DocumentError> {
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
        if !std::mem::take(&mut self.is_merging) {
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
                return Err(DocumentError::new(source.span, message, "write `<<: *name` with the anchor of a map"));
            };
            self.merged.extend(members);
        }
        Ok(())
    }

    /// Adds the members to merge, except for names that the map has already; of several sources the
    /// first counts.
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

/// Returns the estimated size of a value in bytes, and its depth of nested containers.
fn size_and_depth(node: &Node) -> (usize, usize) {
    let (inner, depth) = match &node.value {
        Value::Null | Value::Bool(_) => return (NODE_BYTES, 0),
        Value::Number(text) | Value::String(text) => return (NODE_BYTES + text.len(), 0),
        Value::Array(items) => sum(items.iter().map(size_and_depth)),
        Value::Object(members) => sum(members.iter().map(|member| {
            let (size, depth) = size_and_depth(&member.value);
            (size + NODE_BYTES + member.key.len(), depth)
        })),
    };
    (NODE_BYTES + inner, depth + 1)
}

fn sum(parts: impl Iterator<Item = (usize, usize)>) -> (usize, usize) {
    parts.fold((0, 0), |(size, depth), part| (size + part.0, depth.max(part.1)))
}

fn is_text_tag(tag: &Tag, span: &Range<usize>) -> Result<bool, DocumentError> {
    if tag.is_yaml_core_schema() && tag.suffix == "str" { Ok(true) } else { Err(no_tag(tag, span)) }
}

fn no_tag(tag: &Tag, span: &Range<usize>) -> DocumentError {
    let spelled = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
    DocumentError::new(
        span.clone(),
        format!("the tag `{spelled}` is not known here"),
        "remove it; only `!!str` is known",
    )
}

fn no_name(text: &str, span: Range<usize>) -> DocumentError {
    if text.get(..span.start).is_some_and(|before| before.ends_with('{')) {
        return DocumentError::new(span, "a template is no YAML by itself", "put the value in quotes: `\"{{…}}\"`");
    }
    DocumentError::new(span, "a name is a text, not a list or a map", "write `name: value`")
}

fn too_deep(span: Range<usize>) -> DocumentError {
    DocumentError::new(
        span,
        format!("more than {MAX_DEPTH} lists and maps stand in each other"),
        "make the document flatter",
    )
}

fn too_much(span: Range<usize>) -> DocumentError {
    DocumentError::new(
        span,
        "the aliases of this document unfold to too much",
        "write the values out, or use fewer aliases",
    )
}

/// Limit of the expanded size of anchors and aliases, in bytes: far above any stub.
const MAX_COPIED_BYTES: usize = 32 << 20;

/// Estimated size in bytes of a value without its text.
const NODE_BYTES: usize = 64;

#[cfg(test)]
mod tests;
