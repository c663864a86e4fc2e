//! Response definitions: compiled at load, so that no request copies a body.
//!
//! Templates are rendered per request: on the worker if that is fast, else off it.

pub mod files;
pub mod format;
mod helpers;
mod response_templates;
pub mod settings;
pub mod stream;
pub mod template;
mod templated_text;
mod webhook;

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, Method, StatusCode};
use rand::Rng;

pub use helpers::names as helper_names;
pub(crate) use helpers::value_of as parameters_value;
pub use response_templates::{BodyTemplate, HeaderTemplate, ProxyTemplates, ResponseTemplates};
pub use template::budget::{CancelOnDrop, Cancellation};
pub use templated_text::TemplatedText;
pub use webhook::{Webhook, WebhookBody, WebhookRequest, Webhooks};

use crate::call::Call;
use crate::delay::Distribution;
use crate::reply::{Body, Reply};
use standin_coding::ContentCoding;

/// Size of a body, in bytes, up to which it is compressed on the worker, in well under a
/// millisecond.
const MAX_INLINE_GZIP_BYTES: usize = 16 << 10;

/// The delays of a stub; they add up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delays {
    /// Constant delay before the response.
    pub fixed: Option<Duration>,
    /// A delay that is drawn per request.
    pub distribution: Option<Distribution>,
}

impl Delays {
    /// Returns these delays, each replaced by that of `global` if it is absent.
    pub fn or<'a>(&'a self, global: &'a Self) -> (Option<Duration>, Option<&'a Distribution>) {
        (self.fixed.or(global.fixed), self.distribution.as_ref().or(global.distribution.as_ref()))
    }
}

/// A response definition, compiled.
#[derive(Debug)]
pub struct ResponseDefinition {
    reply: Reply,
    /// True if bodies are compressed for clients that accept gzip.
    compresses: bool,
    /// The compressed body, made on first use.
    zipped: OnceLock<Bytes>,
    delays: Delays,
    /// The parts that are rendered per request, if there are any.
    templates: Option<Box<ResponseTemplates>>,
}

impl ResponseDefinition {
    /// Creates a definition that gives every request the same reply.
    pub fn new(reply: Reply, delays: Delays) -> Self {
        Self { reply, compresses: true, zipped: OnceLock::new(), delays, templates: None }
    }

    /// Sets whether bodies are compressed for clients that accept gzip.
    #[must_use]
    pub fn compressed(self, compresses: bool) -> Self {
        Self { compresses, ..self }
    }

    /// Adds the parts that are rendered per request.
    #[must_use]
    pub fn with_templates(self, templates: ResponseTemplates) -> Self {
        Self { templates: Some(Box::new(templates)).filter(|templates| !templates.is_empty()), ..self }
    }

    /// Returns the body if it is in memory; of a template, its source.
    pub fn whole_body(&self) -> Option<&Bytes> {
        match &self.reply.body {
            Body::Bytes(bytes) => Some(bytes),
            Body::File(_) | Body::FilePart(..) => None,
        }
    }

    /// Returns the size of the body in bytes; `None` if it is unknown or differs between requests.
    pub fn length(&self) -> Option<u64> {
        match &self.reply.body {
            _ if self.templates.is_some() || self.reply.stream.is_some() => None,
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::File(path) => std::fs::metadata(path).ok().map(|file| file.len()),
            Body::FilePart(_, range) => Some(range.end - range.start),
        }
    }

    /// Returns whether both have the same body: the same bytes, or the same file.
    pub fn has_body_of(&self, other: &Self) -> bool {
        match (&self.reply.body, &other.reply.body) {
            (Body::Bytes(one), Body::Bytes(other)) => one == other,
            (Body::File(one), Body::File(other)) => one == other,
            _ => false,
        }
    }

    /// Returns whether all requests get the same reply, apart from its content coding.
    pub fn is_fixed(&self) -> bool {
        self.rendered().is_none()
    }

    /// Returns whether the body of this reply is shared by all requests.
    pub fn shares_body_of(&self, reply: &Reply) -> bool {
        let Body::Bytes(made) = &reply.body else { return true };
        let is_same = |shared: &Bytes| shared.as_ptr() == made.as_ptr() && shared.len() == made.len();
        self.templates.is_none() || self.whole_body().is_some_and(is_same)
    }

    /// Returns the delays of the stub.
    pub fn delays(&self) -> &Delays {
        &self.delays
    }

    /// Returns the reply before anything that depends on a request.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    /// Returns the approximate number of bytes in memory.
    pub fn heap_bytes(&self) -> usize {
        let body = match &self.reply.body {
            Body::Bytes(bytes) => bytes.len(),
            Body::File(_) | Body::FilePart(..) => 0,
        };
        let body = body + self.reply.stream.as_ref().map_or(0, |stream| stream.heap_bytes());
        let templates = if self.templates.is_some() { size_of::<ResponseTemplates>() + 4 * body } else { 0 };
        size_of::<Self>() + body + templates + self.zipped.get().map_or(0, Bytes::len)
    }

    /// Renders the reply on the worker. Returns `None` if that would take too long; the reply is
    /// then rendered off the worker. `values` gives the random numbers of the request.
    pub fn try_render_inline<R: Rng>(&self, call: &Call, values: impl FnOnce() -> R) -> Option<Reply> {
        let Some(templates) = self.rendered() else {
            return if self.is_slow(call) { None } else { Some(self.fixed(call)) };
        };
        if templates.needs_offload() {
            return None;
        }
        let reply = templates.try_render_inline(&self.reply, call, &mut values())?;
        match &reply.body {
            Body::Bytes(bytes) if bytes.len() > MAX_INLINE_GZIP_BYTES && self.zips(&reply, call) => {
                templates.mark_over_inline_budget();
                None
            }
            _ => Some(self.zipped(reply, call)),
        }
    }

    /// Renders the reply, however long it takes. After a cancellation the reply has no meaning.
    pub fn render<R: Rng>(&self, call: &Call, values: impl FnOnce() -> R, cancellation: Cancellation) -> Reply {
        match self.rendered() {
            Some(templates) => self.zipped(templates.render(&self.reply, call, &mut values(), cancellation), call),
            None => self.fixed(call),
        }
    }

    /// Returns the templates; `None` with a fault, which sends none of them.
    fn rendered(&self) -> Option<&ResponseTemplates> {
        self.templates.as_deref().filter(|_| self.reply.ending.is_none())
    }

    /// Returns whether compressing the body would occupy the worker for too long.
    fn is_slow(&self, call: &Call) -> bool {
        matches!(&self.reply.body, Body::Bytes(bytes) if bytes.len() > MAX_INLINE_GZIP_BYTES)
            && self.zipped.get().is_none()
            && self.zips(&self.reply, call)
    }

    /// Returns the reply that is the same for all requests, apart from its content coding.
    fn fixed(&self, call: &Call) -> Reply {
        let mut reply = self.reply.clone();
        if let Body::Bytes(bytes) = &self.reply.body
            && self.zips(&self.reply, call)
        {
            encode(&mut reply, self.zipped.get_or_init(|| Bytes::from(ContentCoding::Gzip.encode(bytes))).clone());
        }
        reply
    }

    /// Compresses a reply for one request if the client accepts that.
    fn zipped(&self, mut reply: Reply, call: &Call) -> Reply {
        if let Body::Bytes(bytes) = &reply.body
            && self.zips(&reply, call)
        {
            let bytes = Bytes::from(ContentCoding::Gzip.encode(bytes));
            encode(&mut reply, bytes);
        }
        reply
    }

    /// Returns whether a reply is compressed: the client accepts gzip, and the stub sets no coding
    /// itself.
    fn zips(&self, reply: &Reply, call: &Call) -> bool {
        self.compresses
            && accepts_gzip(call)
            && matches!(call.method, Method::GET | Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
            && !reply.headers.contains_key(CONTENT_ENCODING)
            && !matches!(reply.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            && matches!(&reply.body, Body::Bytes(bytes) if !bytes.is_empty())
    }
}

fn encode(reply: &mut Reply, bytes: Bytes) {
    reply.body = Body::Bytes(bytes);
    reply.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    reply.headers.remove(CONTENT_LENGTH);
}

fn accepts_gzip(call: &Call) -> bool {
    let is_zero = |weight: &[u8]| matches!(weight, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000");
    call.headers.get_all(ACCEPT_ENCODING).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|coding| {
            let mut parts = coding.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            parts.next().is_some_and(|name| name.eq_ignore_ascii_case(b"gzip")) && !parts.any(is_zero)
        })
    })
}
