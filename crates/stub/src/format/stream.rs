//! Reading of `stream`: a response body in chunks with delays.

use std::time::Duration;

use base64::Engine as _;
use serde_json::{Map, Value as Json};

use super::delay::delay;
use super::templates;
use crate::render::TemplatedText;
use crate::render::stream::{ChunkSource, EventFields, StreamChunk, StreamDefinition, StreamEnding, StreamFormat};
use crate::render::template::Template;
use crate::source::defect::nearest;
use crate::source::{Node, Object, Reader, Strictness, Value};

/// Known fields of a stream.
pub(super) const KEYS: &[&str] = &["chunks", "delay", "end", "format", "maxChunks", "maxDuration", "repeat"];

/// Known fields of a chunk.
pub(super) const CHUNK_KEYS: &[&str] = &["base64", "comment", "data", "delay", "event", "id", "retry"];

/// Fields of a response that a stream takes the place of.
const BODY_KEYS: [&str; 7] =
    ["base64Body", "body", "bodyFileName", "chunkedDribbleDelay", "fault", "jsonBody", "proxyBaseUrl"];

/// Reads the stream of a response; `None` if there is none, or it has an error.
pub(super) fn read(object: &mut Object<'_>, is_templated: bool, reader: &mut Reader) -> Option<StreamDefinition> {
    let node = object.node("stream")?;
    object.echo("stream", node.to_json());
    if let Some((key, other)) = BODY_KEYS.iter().find_map(|key| Some((*key, object.node(key)?))) {
        let message = format!("a response has either a `stream` or `{key}`");
        reader.error_at(other, key, message, format!("remove `{key}`, or write it as a chunk of the stream"));
    }
    let parameters = object.node("transformerParameters").map_or_else(|| Json::Object(Map::new()), Node::to_json);
    reader.within("stream", |reader| {
        let mut stream = Object::open(node, "`stream`", reader)?;
        let format = format_of(&mut stream, reader);
        let chunks = chunks(&stream, format.unwrap_or(StreamFormat::Raw), is_templated, reader);
        let delay = delay(&stream, reader);
        let rounds = rounds(&stream, reader);
        let max_chunks = positive(&mut stream, "maxChunks", reader);
        let max_duration = positive(&mut stream, "maxDuration", reader);
        let ending = ending(&mut stream, reader);
        stream.close(KEYS, Strictness::Strict, reader);
        let mut read = StreamDefinition::new(format?, chunks?, &parameters);
        (read.delay, read.rounds, read.max_chunks, read.ending) = (delay, rounds, max_chunks, ending);
        if let Some(milliseconds) = max_duration {
            read.max_duration = Duration::from_millis(milliseconds);
        }
        warn_of_burst(&read, node, reader);
        Some(read)
    })
}

/// Warns of an endless stream that sends its chunks as fast as a client takes them.
fn warn_of_burst(stream: &StreamDefinition, node: &Node, reader: &mut Reader) {
    let has_delay = stream.delay.is_some() || stream.chunks.iter().any(|chunk| chunk.delay.is_some());
    if stream.rounds.is_none() && stream.max_chunks.is_none() && !has_delay {
        let message = "this endless stream has no delay, and sends as fast as its client reads";
        reader.warn_at(node.get("repeat").unwrap_or(node), "repeat", message, "add a `delay` or `maxChunks`");
    }
}

fn format_of(stream: &mut Object<'_>, reader: &mut Reader) -> Option<StreamFormat> {
    let names = StreamFormat::NAMES.map(|(name, _)| name);
    let Some(name) = stream.text("format", reader) else {
        let help = format!("add `\"format\"`: one of {}", names.join(", "));
        reader.error(stream.whole(), "a stream needs a `format`", help);
        return None;
    };
    let known = StreamFormat::NAMES.iter().find(|(known, _)| *known == name);
    if known.is_none() {
        let help = match nearest(&name, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", names.join(", ")),
        };
        let node = stream.node("format").unwrap_or(stream.whole());
        reader.error_at(node, "format", format!("`{name}` is no format of a stream"), help);
    }
    known.map(|(_, format)| *format)
}

fn chunks(
    stream: &Object<'_>,
    format: StreamFormat,
    is_templated: bool,
    reader: &mut Reader,
) -> Option<Vec<StreamChunk>> {
    let node = stream.node("chunks").unwrap_or(stream.whole());
    let items = stream.node("chunks").map(Node::items).unwrap_or_default();
    if items.is_empty() {
        reader.error_at(node, "chunks", "a stream needs a list of `chunks`", "write `\"chunks\": [{\"data\": …}]`");
        return None;
    }
    reader.within("chunks", |reader| {
        let read = |(index, item): (usize, &Node)| {
            reader.within(index.to_string(), |reader| chunk(item, format, is_templated, reader))
        };
        let chunks: Vec<Option<StreamChunk>> = items.iter().enumerate().map(read).collect();
        chunks.into_iter().collect()
    })
}

/// Reads a chunk: an object, or its data alone.
fn chunk(node: &Node, format: StreamFormat, is_templated: bool, reader: &mut Reader) -> Option<StreamChunk> {
    let is_object = CHUNK_KEYS.iter().any(|key| node.get(key).is_some()) || node.members().is_empty();
    if !matches!(node.value, Value::Object(_)) || !is_object {
        let data = text_of(node, is_templated, "data", reader);
        let fields = EventFields { data: Some(data), ..EventFields::default() };
        return Some(StreamChunk { source: source(fields, format, node, reader)?, delay: None });
    }
    let mut chunk = Object::open(node, "a chunk", reader)?;
    let delay = delay(&chunk, reader);
    let bytes = base64(&mut chunk, format, reader);
    let mut text = |key: &str| chunk.node(key).map(|node| text_of(node, is_templated, key, reader));
    let (comment, event, id, data) = (text("comment"), text("event"), text("id"), text("data"));
    let retry = positive(&mut chunk, "retry", reader);
    for key in ["comment", "event", "id", "retry"] {
        if let Some(node) = chunk.node(key).filter(|_| format != StreamFormat::Events) {
            reader.error_at(node, key, format!("`{key}` is for the format `sse`"), "remove it, or change the format");
        }
    }
    chunk.close(CHUNK_KEYS, Strictness::Strict, reader);
    let fields = EventFields { comment, event, id, retry, data };
    if bytes.is_none() && fields.retry.is_none() && fields.texts().next().is_none() {
        reader.error(node, "a chunk has no content", "give it `data`");
        return None;
    }
    let source = match bytes {
        Some(bytes) => ChunkSource::Fixed(bytes.into()),
        None => source(fields, format, node, reader)?,
    };
    Some(StreamChunk { source, delay })
}

/// Returns the bytes of `base64`, if the chunk has it; none of them after an error.
fn base64(chunk: &mut Object<'_>, format: StreamFormat, reader: &mut Reader) -> Option<Vec<u8>> {
    let node = chunk.node("base64")?;
    let encoded = chunk.text("base64", reader)?;
    if format != StreamFormat::Raw || chunk.node("data").is_some() {
        let message = "`base64` is for the format `raw`, in place of `data`";
        reader.error_at(node, "base64", message, "write `data`, or change the format");
        return Some(Vec::new());
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.as_bytes());
    Some(decoded.unwrap_or_else(|error| {
        reader.error_at(node, "base64", format!("not base64: {error}"), "encode the bytes as base64, with padding");
        Vec::new()
    }))
}

fn source(fields: EventFields, format: StreamFormat, node: &Node, reader: &mut Reader) -> Option<ChunkSource> {
    match fields.encode_fixed(format) {
        None => Some(ChunkSource::Rendered(Box::new(fields))),
        Some(Ok(bytes)) => Some(ChunkSource::Fixed(bytes)),
        Some(Err(message)) => {
            reader.error(node, message, "remove its line breaks");
            None
        }
    }
}

/// Returns a text as it stands, and other values as JSON.
fn text_of(node: &Node, is_templated: bool, key: &str, reader: &mut Reader) -> TemplatedText {
    let text = match node.to_json() {
        Json::String(text) => text,
        other => other.to_string(),
    };
    if !is_templated || !Template::is_one(&text) {
        return TemplatedText::Fixed(text);
    }
    match templates::parse(&text, node, key, reader) {
        Ok(template) => TemplatedText::Template(template),
        Err(message) => TemplatedText::Broken(message),
    }
}

/// Reads `repeat`: a number of rounds, or `forever`.
fn rounds(stream: &Object<'_>, reader: &mut Reader) -> Option<u64> {
    let Some(node) = stream.node("repeat") else { return Some(1) };
    let count = match &node.value {
        Value::String(text) if text == "forever" => return None,
        Value::String(text) | Value::Number(text) => text.parse().ok().filter(|count| *count > 0),
        _ => None,
    };
    if count.is_none() {
        let message = "`repeat` is how often the list is sent, from 1, or `forever`";
        reader.error_at(node, "repeat", message, "write digits, or `\"forever\"`");
    }
    count.or(Some(1))
}

fn positive(object: &mut Object<'_>, key: &str, reader: &mut Reader) -> Option<u64> {
    let number = object.integer(key, reader)?;
    let positive = u64::try_from(number).ok().filter(|number| *number > 0);
    if positive.is_none() {
        let node = object.node(key).unwrap_or(object.whole());
        reader.error_at(node, key, format!("`{key}` is at least 1, not {number}"), "write a larger number");
    }
    positive
}

fn ending(stream: &mut Object<'_>, reader: &mut Reader) -> StreamEnding {
    match stream.text("end", reader).as_deref() {
        None | Some("complete") => StreamEnding::Complete,
        Some("abort") => StreamEnding::Abort,
        Some(other) => {
            let node = stream.node("end").unwrap_or(stream.whole());
            let message = format!("`{other}` is no end of a stream");
            reader.error_at(node, "end", message, "write `complete` or `abort`");
            StreamEnding::Complete
        }
    }
}
