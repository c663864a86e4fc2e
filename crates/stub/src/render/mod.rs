//! How a stub's reply is made: compiled at load into a recipe, so that a call copies no body. What
//! is a template is rendered for each call, on the worker as long as that takes no time to speak
//! of.

pub mod files;
pub mod format;
mod helpers;
mod response_templates;
pub mod template;

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, Method, StatusCode};
use rand::Rng;

pub use helpers::names as helper_names;
pub use response_templates::{BodyTemplate, HeaderTemplate, ResponseTemplates};
pub use template::budget::{CancelOnDrop, Cancellation};

use crate::call::Call;
use crate::delay::Distribution;
use crate::reply::{Body, Reply};

/// Bodies up to this many bytes are zipped on the worker, in well under a millisecond; larger ones
/// off it.
const QUICK_ZIP: usize = 16 << 10;

/// The delays that a stub asks for itself; they add up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delays {
    /// Always the same.
    pub fixed: Option<Duration>,
    /// Drawn for each call.
    pub distribution: Option<Distribution>,
}

impl Delays {
    /// These, with `global` in place of each that is not given.
    pub fn or<'a>(&'a self, global: &'a Self) -> (Option<Duration>, Option<&'a Distribution>) {
        (self.fixed.or(global.fixed), self.distribution.as_ref().or(global.distribution.as_ref()))
    }
}

/// A reply that is ready but for what depends on the call.
#[derive(Debug)]
pub struct ResponseDefinition {
    reply: Reply,
    /// The body as gzip, made when it is first asked for.
    zipped: OnceLock<Bytes>,
    delays: Delays,
    /// What is rendered for each call, if anything is.
    templates: Option<Box<ResponseTemplates>>,
}

impl ResponseDefinition {
    /// Returns a recipe for the same reply to every call.
    pub fn new(reply: Reply, delays: Delays) -> Self {
        Self { reply, zipped: OnceLock::new(), delays, templates: None }
    }

    /// Returns the same, with parts that are rendered for each call.
    #[must_use]
    pub fn with_templates(self, templates: ResponseTemplates) -> Self {
        Self { templates: Some(Box::new(templates)).filter(|templates| !templates.is_empty()), ..self }
    }

    /// Returns the body, if it is at hand; a template as it is written.
    pub fn whole_body(&self) -> Option<&Bytes> {
        match &self.reply.body {
            Body::Bytes(bytes) => Some(bytes),
            Body::File(_) => None,
        }
    }

    /// Returns how many bytes the body has; `None` if its file cannot be asked, or each call has
    /// another.
    pub fn length(&self) -> Option<u64> {
        match &self.reply.body {
            _ if self.templates.is_some() => None,
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::File(path) => std::fs::metadata(path).ok().map(|file| file.len()),
        }
    }

    /// Returns whether the body is the same, byte for byte where it is at hand.
    pub fn has_body_of(&self, other: &Self) -> bool {
        match (&self.reply.body, &other.reply.body) {
            (Body::Bytes(one), Body::Bytes(other)) => one == other,
            (Body::File(one), Body::File(other)) => one == other,
            _ => false,
        }
    }

    /// Returns whether all calls get the same reply, but for its coding.
    pub fn is_fixed(&self) -> bool {
        self.rendered().is_none()
    }

    /// Returns whether the body of this reply is shared by all calls, rather than made for one.
    pub fn shares_body_of(&self, reply: &Reply) -> bool {
        let Body::Bytes(made) = &reply.body else { return true };
        let is_same = |shared: &Bytes| shared.as_ptr() == made.as_ptr() && shared.len() == made.len();
        self.templates.is_none() || self.whole_body().is_some_and(is_same)
    }

    /// Returns the stub's own delays.
    pub fn delays(&self) -> &Delays {
        &self.delays
    }

    /// Returns the reply, before anything that depends on a call.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    /// About how many bytes it holds on to.
    pub fn heap_bytes(&self) -> usize {
        let body = match &self.reply.body {
            Body::Bytes(bytes) => bytes.len(),
            Body::File(_) => 0,
        };
        let templates = if self.templates.is_some() { size_of::<ResponseTemplates>() + 4 * body } else { 0 };
        size_of::<Self>() + body + templates + self.zipped.get().map_or(0, Bytes::len)
    }

    /// Returns the reply to a call, if it takes no more than a moment to make; otherwise it is to
    /// be made off the worker. `values` are the random numbers of the call.
    pub fn try_render_inline<R: Rng>(&self, call: &Call, values: impl FnOnce() -> R) -> Option<Reply> {
        let Some(templates) = self.rendered() else {
            return if self.is_slow(call) { None } else { Some(self.fixed(call)) };
        };
        if templates.needs_offload() {
            return None;
        }
        let reply = templates.try_render_inline(&self.reply, call, &mut values())?;
        match &reply.body {
            Body::Bytes(bytes) if bytes.len() > QUICK_ZIP && zips(&reply, call) => {
                templates.mark_over_inline_budget();
                None
            }
            _ => Some(zipped(reply, call)),
        }
    }

    /// Returns the reply to a call, however long it takes to make. What it is when the rendering is
    /// cancelled says nothing.
    pub fn render<R: Rng>(&self, call: &Call, values: impl FnOnce() -> R, cancellation: Cancellation) -> Reply {
        match self.rendered() {
            Some(templates) => zipped(templates.render(&self.reply, call, &mut values(), cancellation), call),
            None => self.fixed(call),
        }
    }

    /// What is to be rendered; a fault sends nothing of it.
    fn rendered(&self) -> Option<&ResponseTemplates> {
        self.templates.as_deref().filter(|_| self.reply.ending.is_none())
    }

    /// Returns whether zipping the body takes more than a moment.
    fn is_slow(&self, call: &Call) -> bool {
        matches!(&self.reply.body, Body::Bytes(bytes) if bytes.len() > QUICK_ZIP)
            && self.zipped.get().is_none()
            && zips(&self.reply, call)
    }

    /// Returns the reply that is the same for all calls, but for their coding.
    fn fixed(&self, call: &Call) -> Reply {
        let mut reply = self.reply.clone();
        if let Body::Bytes(bytes) = &self.reply.body
            && zips(&self.reply, call)
        {
            encode(&mut reply, self.zipped.get_or_init(|| zip(bytes)).clone());
        }
        reply
    }
}

/// Returns a reply that is made for one call, zipped if the call asks for that.
fn zipped(mut reply: Reply, call: &Call) -> Reply {
    if let Body::Bytes(bytes) = &reply.body
        && zips(&reply, call)
    {
        let bytes = zip(bytes);
        encode(&mut reply, bytes);
    }
    reply
}

fn encode(reply: &mut Reply, bytes: Bytes) {
    reply.body = Body::Bytes(bytes);
    reply.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    reply.headers.remove(CONTENT_LENGTH);
}

/// Returns whether the client asked for gzip and the stub leaves it to us.
fn zips(reply: &Reply, call: &Call) -> bool {
    accepts_gzip(call)
        && matches!(call.method, Method::GET | Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
        && !reply.headers.contains_key(CONTENT_ENCODING)
        && !matches!(reply.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        && matches!(&reply.body, Body::Bytes(bytes) if !bytes.is_empty())
}

fn accepts_gzip(call: &Call) -> bool {
    call.headers.contains_key(ACCEPT_ENCODING)
        && call.header(&ACCEPT_ENCODING).any(|value| {
            value.split(',').any(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
                    && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
            })
        })
}

fn zip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::default());
    encoder.write_all(bytes).expect("writing to memory cannot fail");
    encoder.finish().expect("writing to memory cannot fail").into()
}
