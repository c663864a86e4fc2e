//! [`StreamDefinition`]: a response body as a list of chunks, each sent after a delay.

mod chunk;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use rand::Rng;

pub use self::chunk::{ChunkSource, EventFields, StreamFormat};
use super::helpers;
use super::settings::SystemKeys;
use super::template::budget::{ALL_STEPS, QUICK_STEPS, RenderBudget, RenderError};
use super::template::request_model::{RequestModel, TemplateContext};
use super::template::value::TemplateValue;
use crate::call::{Call, header_text};
use crate::delay::Distribution;
use standin_dialect::PathTemplate;

/// Header in which a client of server-sent events names the last event that it has received.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Maximum time of a stream whose stub sets none: one hour.
pub const DEFAULT_MAX_DURATION: Duration = Duration::from_secs(3600);

/// A response body that is sent in chunks.
#[derive(Debug)]
pub struct StreamDefinition {
    /// Encoding of the chunks.
    pub format: StreamFormat,
    /// Chunks of one round; not empty.
    pub chunks: Vec<StreamChunk>,
    /// Delay before each chunk that has none of its own.
    pub delay: Option<Distribution>,
    /// Number of times that the list is sent; `None` for an endless stream.
    pub rounds: Option<u64>,
    /// Maximum number of chunks of one response.
    pub max_chunks: Option<u64>,
    /// Maximum time from the head of the response to its end.
    pub max_duration: Duration,
    /// End of a stream whose chunks are sent.
    pub ending: StreamEnding,
    context: TemplateContext,
}

/// A chunk of a stream.
#[derive(Debug)]
pub struct StreamChunk {
    /// Source of its bytes.
    pub source: ChunkSource,
    /// Time between the chunk before it, or the head, and this one.
    pub delay: Option<Distribution>,
}

/// The end of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamEnding {
    /// The body ends as HTTP prescribes.
    #[default]
    Complete,
    /// The body breaks off, as if the service had failed.
    Abort,
}

/// The reason why a chunk is not rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// The rendering exceeds the budget of a worker.
    TooLong,
    /// The rendering failed.
    Failed(String),
}

impl fmt::Display for ChunkError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => out.write_str("the templates of the chunk take too long"),
            Self::Failed(message) => out.write_str(message),
        }
    }
}

impl std::error::Error for ChunkError {}

impl StreamDefinition {
    /// Creates a stream that sends its chunks once, without delays. `parameters` are those that
    /// templates see.
    pub fn new(format: StreamFormat, chunks: Vec<StreamChunk>, parameters: &serde_json::Value) -> Self {
        Self {
            format,
            chunks,
            delay: None,
            rounds: Some(1),
            max_chunks: None,
            max_duration: DEFAULT_MAX_DURATION,
            ending: StreamEnding::Complete,
            context: TemplateContext {
                parameters: helpers::value_of(parameters),
                path: None,
                system_keys: SystemKeys::default(),
            },
        }
    }

    /// Sets the path template of the stub's URL, and the variables of the environment that may be
    /// read.
    #[must_use]
    pub fn of_stub(self, path: Option<PathTemplate>, system_keys: SystemKeys) -> Self {
        Self { context: TemplateContext { path, system_keys, ..self.context }, ..self }
    }

    /// Returns whether all calls get the same bytes.
    pub fn is_fixed(&self) -> bool {
        self.chunks.iter().all(|chunk| matches!(chunk.source, ChunkSource::Fixed(_)))
    }

    /// Returns the number of chunks in all rounds; `None` if it is endless.
    pub fn total(&self) -> Option<u64> {
        self.rounds.map(|rounds| rounds.saturating_mul(self.chunks.len() as u64))
    }

    /// Returns whether the stream has a chunk of this 0-based index.
    pub fn has_chunk(&self, index: u64) -> bool {
        self.total().is_none_or(|total| index < total)
    }

    /// Draws the delay of the chunk of this index; zero if it has none.
    pub fn draw_delay(&self, index: u64, rng: &mut (impl Rng + ?Sized)) -> Duration {
        let own = self.chunk(index).delay.as_ref().or(self.delay.as_ref());
        own.map_or(Duration::ZERO, |delay| delay.sample(rng))
    }

    /// Renders the chunk of this index. `id` are the random bytes of `request.id`. A worker passes
    /// `is_quick`, by which a long rendering ends with [`ChunkError::TooLong`].
    pub fn render(
        &self,
        index: u64,
        call: &Call,
        id: [u8; 16],
        rng: &mut dyn Rng,
        is_quick: bool,
    ) -> Result<Bytes, ChunkError> {
        let fields = match &self.chunk(index).source {
            ChunkSource::Fixed(bytes) => return Ok(bytes.clone()),
            ChunkSource::Rendered(fields) => fields,
        };
        let model = self.model(index, call).with_id(id);
        let mut budget = RenderBudget::new(if is_quick { QUICK_STEPS } else { ALL_STEPS });
        let encoded = fields.encode(self.format, |text| text.render(&model, &mut budget, &mut *rng));
        encoded.map_err(|error| match error {
            RenderError::Exhausted if is_quick => ChunkError::TooLong,
            error => ChunkError::Failed(error.text()),
        })
    }

    /// Returns the index of the first chunk for a call: the one behind the event that the header
    /// `Last-Event-ID` names, or 0 without such an event.
    pub fn first_index(&self, call: &Call, rng: &mut dyn Rng) -> u64 {
        if self.format != StreamFormat::Events {
            return 0;
        }
        let Some(last) = call.headers.get(LAST_EVENT_ID).map(header_text) else { return 0 };
        let fixed = self.chunks.iter().position(|chunk| chunk.source.fixed_id() == Some(&*last));
        if let Some(position) = fixed {
            return position as u64 + 1;
        }
        // a rendered id nearly always counts the events, from 0 or from 1
        let digits = last.len() - last.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
        let Ok(number) = last[last.len() - digits..].parse::<u64>() else { return 0 };
        [number.wrapping_sub(1), number]
            .into_iter()
            .filter(|index| *index < u64::MAX && self.has_chunk(*index))
            .find(|index| self.rendered_id(*index, call, &mut *rng).as_deref() == Some(&*last))
            .map_or(0, |index| index + 1)
    }

    fn rendered_id(&self, index: u64, call: &Call, rng: &mut dyn Rng) -> Option<String> {
        let ChunkSource::Rendered(fields) = &self.chunk(index).source else { return None };
        let id = fields.id.as_ref()?;
        id.render(&self.model(index, call), &mut RenderBudget::new(QUICK_STEPS), rng).ok()
    }

    fn chunk(&self, index: u64) -> &StreamChunk {
        &self.chunks[(index % self.chunks.len() as u64) as usize]
    }

    fn model<'c>(&'c self, index: u64, call: &'c Call) -> RequestModel<'c> {
        let round = index / self.chunks.len() as u64;
        let member = |name: &str, value: u64| (Arc::from(name), TemplateValue::from_usize(value as usize));
        RequestModel::new(call, &self.context)
            .with_object("chunk", vec![member("index", index), member("number", index + 1), member("round", round)])
    }

    /// Returns the `Content-Type` of a response whose stub sets none.
    pub fn content_type(&self) -> Option<HeaderValue> {
        match self.format {
            StreamFormat::Events => Some(HeaderValue::from_static("text/event-stream")),
            StreamFormat::JsonLines => Some(HeaderValue::from_static("application/x-ndjson")),
            StreamFormat::Raw => None,
        }
    }

    /// Returns the approximate number of bytes in memory.
    pub fn heap_bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| size_of::<StreamChunk>() + chunk.source.heap_bytes()).sum()
    }
}
