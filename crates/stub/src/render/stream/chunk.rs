//! The bytes of a chunk: a server-sent event, a line of JSON, or bytes as they are.

use bytes::Bytes;

use crate::render::template::budget::RenderError;
use crate::render::templated_text::TemplatedText;

/// The encoding of the chunks of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamFormat {
    /// Server-sent events (WHATWG HTML, 9.2).
    Events,
    /// A line for each chunk, such as newline-delimited JSON.
    JsonLines,
    /// Bytes without any encoding.
    Raw,
}

/// The source of the bytes of a chunk.
#[derive(Debug)]
pub enum ChunkSource {
    /// Bytes that all calls get, encoded at load.
    Fixed(Bytes),
    /// Texts that are rendered for each call.
    Rendered(Box<EventFields>),
}

/// The texts of a chunk. All but `data` are of server-sent events only.
#[derive(Debug, Default)]
pub struct EventFields {
    /// Comment, which clients ignore.
    pub comment: Option<TemplatedText>,
    /// Type of the event.
    pub event: Option<TemplatedText>,
    /// Id of the event, which a client names when it connects again.
    pub id: Option<TemplatedText>,
    /// Time in milliseconds after which a client connects again.
    pub retry: Option<u64>,
    /// Data.
    pub data: Option<TemplatedText>,
}

impl StreamFormat {
    /// Names of the formats in stubs.
    pub const NAMES: [(&'static str, Self); 3] =
        [("sse", Self::Events), ("ndjson", Self::JsonLines), ("raw", Self::Raw)];
}

impl ChunkSource {
    /// Returns the id of the event if it is the same for all calls.
    pub(super) fn fixed_id(&self) -> Option<&str> {
        match self {
            Self::Fixed(bytes) => id_line(bytes),
            Self::Rendered(fields) => fields.id.as_ref()?.fixed(),
        }
    }

    /// Returns the approximate number of bytes in memory.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Fixed(bytes) => bytes.len(),
            Self::Rendered(_) => size_of::<EventFields>(),
        }
    }
}

/// Returns the id of an encoded event.
fn id_line(event: &[u8]) -> Option<&str> {
    let mut lines = event.split(|byte| *byte == b'\n');
    lines.find_map(|line| line.strip_prefix(b"id: ")).and_then(|id| std::str::from_utf8(id).ok())
}

impl EventFields {
    /// Returns the texts with the names of their fields.
    pub fn texts(&self) -> impl Iterator<Item = (&'static str, &TemplatedText)> {
        let fields = [("comment", &self.comment), ("event", &self.event), ("id", &self.id), ("data", &self.data)];
        fields.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)))
    }

    /// Encodes the chunk, if its texts are the same for all calls.
    pub fn encode_fixed(&self, format: StreamFormat) -> Option<Result<Bytes, String>> {
        if self.texts().any(|(_, text)| text.fixed().is_none()) {
            return None;
        }
        let encoded = self.encode(format, |text| Ok(text.fixed().unwrap_or_default().to_owned()));
        Some(encoded.map_err(RenderError::text))
    }

    /// Encodes the chunk with the texts that `render` returns.
    pub(super) fn encode(
        &self,
        format: StreamFormat,
        mut render: impl FnMut(&TemplatedText) -> Result<String, RenderError>,
    ) -> Result<Bytes, RenderError> {
        let mut rendered = |text: &Option<TemplatedText>| text.as_ref().map(&mut render).transpose();
        if format != StreamFormat::Events {
            let mut data = rendered(&self.data)?.unwrap_or_default();
            if format == StreamFormat::JsonLines {
                // a line break between tokens of JSON is a space; within a string there is none
                data = data.trim_end_matches(['\r', '\n']).replace("\r\n", " ").replace(['\r', '\n'], " ");
                data.push('\n');
            }
            return Ok(data.into());
        }
        let mut event = String::new();
        if let Some(comment) = rendered(&self.comment)? {
            push_lines(&mut event, ": ", &comment);
        }
        for (name, text) in [("event", &self.event), ("id", &self.id)] {
            let Some(text) = rendered(text)? else { continue };
            if text.contains(['\r', '\n', '\0']) {
                return Err(RenderError::failed(format!("the `{name}` of an event is one line")));
            }
            push_lines(&mut event, &format!("{name}: "), &text);
        }
        if let Some(retry) = self.retry {
            push_lines(&mut event, "retry: ", &retry.to_string());
        }
        if let Some(data) = rendered(&self.data)? {
            push_lines(&mut event, "data: ", &data);
        }
        event.push('\n');
        Ok(event.into())
    }
}

/// Appends each line of a text after a prefix.
fn push_lines(event: &mut String, prefix: &str, text: &str) {
    for line in text.replace("\r\n", "\n").split(['\r', '\n']) {
        event.push_str(prefix);
        event.push_str(line);
        event.push('\n');
    }
}
