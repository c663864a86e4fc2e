//! A reply that is made anew for each call: which of its parts are templates, and what they are rendered with.

use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use rand::Rng;
use rand::RngExt as _;

use super::files::Files;
use super::template::Template;
use super::template::budget::{ALL_STEPS, Budget, Cancellation, MAX_OUTPUT, QUICK_STEPS, Stop};
use super::template::model::Model;
use super::template::value::Value;
use crate::call::Call;
use crate::reply::{Body, Reply};
use standin_dialect::PathTemplate;
use standin_files::regular_file;

/// The parts of a reply that are templates.
#[derive(Debug)]
pub struct Templates {
    /// The body.
    pub body: BodyTemplate,
    /// Headers with a template among their values, each with all its values in their order.
    pub headers: Vec<(HeaderName, Vec<HeaderTemplate>)>,
    /// The stub's `transformerParameters`.
    parameters: Value,
    /// The template that the stub's url was given as.
    path: Option<PathTemplate>,
    /// Whether a call was seen to take longer than a worker may wait.
    is_long: AtomicBool,
}

/// What the body of a reply is made from.
#[derive(Debug, Default)]
pub enum BodyTemplate {
    /// Nothing: it is the same for all calls.
    #[default]
    Fixed,
    /// A text.
    Text(Template),
    /// A file that is read for each call, since its name is a template, or because it is large or was not there yet.
    File {
        /// Its name.
        name: Template,
        /// Where it is.
        files: Files,
        /// Whether what is in it is a template.
        is_template: bool,
    },
    /// What is wrong with it; calls are told.
    Broken(String),
}

/// A value of a header.
#[derive(Debug)]
pub enum HeaderTemplate {
    /// What is wrong with it; calls are told.
    Broken(String),
    /// The same for all calls.
    Fixed(HeaderValue),
    /// Made for each call.
    Text(Template),
}

/// Why there is no reply.
enum Failure {
    /// It takes longer than it may on a worker.
    TooLong,
    /// What the client is told.
    Told(String),
}

impl Templates {
    /// Templates without a body or headers yet.
    pub fn new(parameters: &serde_json::Value) -> Self {
        Self {
            body: BodyTemplate::Fixed,
            headers: Vec::new(),
            parameters: super::helpers::value_of(parameters),
            path: None,
            is_long: AtomicBool::new(false),
        }
    }

    /// With the template that the stub's url was given as.
    #[must_use]
    pub fn with_path(self, path: Option<PathTemplate>) -> Self {
        Self { path, ..self }
    }

    /// What is wrong with the first part that does not parse.
    pub fn broken(&self) -> Option<&str> {
        if let BodyTemplate::Broken(what) = &self.body {
            return Some(what);
        }
        self.headers.iter().flat_map(|(_, values)| values).find_map(|value| match value {
            HeaderTemplate::Broken(what) => Some(what.as_str()),
            _ => None,
        })
    }

    /// Whether there is nothing to be rendered.
    pub fn is_empty(&self) -> bool {
        matches!(self.body, BodyTemplate::Fixed) && self.headers.is_empty()
    }

    /// Whether a reply is to be made off the worker.
    pub(super) fn is_slow(&self) -> bool {
        matches!(self.body, BodyTemplate::File { .. }) || self.is_long.load(Relaxed)
    }

    /// From now on the reply is made off the worker.
    pub(super) fn is_long(&self) {
        self.is_long.store(true, Relaxed);
    }

    /// The reply to a call, if it is made before a worker would notice.
    pub(super) fn at_once(&self, reply: &Reply, call: &Call, chance: &mut dyn Rng) -> Option<Reply> {
        match self.make(reply, call, chance, Budget::new(QUICK_STEPS)) {
            Ok(made) => Some(made),
            Err(Failure::TooLong) => {
                self.is_long();
                None
            }
            Err(Failure::Told(what)) => Some(failed(reply, what)),
        }
    }

    /// The reply to a call, however long it takes within its bounds.
    pub(super) fn render(&self, reply: &Reply, call: &Call, chance: &mut dyn Rng, cancellation: Cancellation) -> Reply {
        match self.make(reply, call, chance, Budget::cancelled_by(cancellation)) {
            Ok(made) => made,
            Err(Failure::TooLong) => {
                failed(reply, format!("the template takes more than {ALL_STEPS} steps; shorten its loops"))
            }
            Err(Failure::Told(what)) => failed(reply, what),
        }
    }

    fn make(&self, reply: &Reply, call: &Call, chance: &mut dyn Rng, mut budget: Budget) -> Result<Reply, Failure> {
        let mut made = reply.clone();
        let model = Model::new(call, self.parameters.clone(), self.path.as_ref());
        let mut id = [0; 16];
        chance.fill(&mut id);
        let _ = model.id.set(uuid::Builder::from_random_bytes(id).into_uuid().to_string().into());
        match &self.body {
            BodyTemplate::Fixed => {}
            BodyTemplate::Broken(what) => return Err(Failure::Told(what.clone())),
            BodyTemplate::Text(template) => {
                made.body = Body::Bytes(template.render(&model, &mut budget, chance)?.into());
            }
            BodyTemplate::File { name, files, is_template } => {
                let name = name.render(&model, &mut budget, chance)?;
                let told = || {
                    Failure::Told(format!(
                        "`{name}` names no file below `__files`; see what its template made of this call"
                    ))
                };
                // what a call asks for is never a hidden file
                let path = files.find_shown(&name).ok_or_else(told)?;
                made.body =
                    if *is_template { from_file(&path, &model, &mut budget, chance)? } else { Body::File(path) };
            }
        }
        for (name, values) in &self.headers {
            made.headers.remove(name);
            for value in values {
                let value = match value {
                    HeaderTemplate::Broken(what) => return Err(Failure::Told(what.clone())),
                    HeaderTemplate::Fixed(value) => value.clone(),
                    HeaderTemplate::Text(template) => {
                        let text = template.render(&model, &mut budget, chance)?;
                        HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
                            Failure::Told(format!("the value of header `{name}` has a control character"))
                        })?
                    }
                };
                made.headers.append(name, value);
            }
        }
        Ok(made)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Exhausted => Self::TooLong,
            Stop::Failed { at, what } => Self::Told(format!("{}: {what}", at.unwrap_or_default())),
        }
    }
}

/// A body from a file that is a template; one that is no text is sent as it is.
fn from_file(path: &Path, model: &Model<'_>, budget: &mut Budget, chance: &mut dyn Rng) -> Result<Body, Failure> {
    match path.metadata() {
        Ok(file) if file.len() > MAX_OUTPUT as u64 && !begins_as_text(path) => return Ok(Body::File(path.to_owned())),
        Ok(file) if file.len() > MAX_OUTPUT as u64 => {
            let cure = "set `disableBodyFileTemplating` in its `transformerParameters`";
            let what = format!("`{}` is too long for a template; {cure}", path.display());
            return Err(Failure::Told(what));
        }
        _ => {}
    }
    // what cannot be read is told where it is sent
    let Ok(bytes) = regular_file::read(path, MAX_OUTPUT as u64) else { return Ok(Body::File(path.to_owned())) };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Ok(Body::Bytes(error.into_bytes().into())),
    };
    if !Template::is_one(&text) {
        return Ok(Body::Bytes(text.into()));
    }
    let template = Template::parse(&text).map_err(|error| Failure::Told(error.to_string()))?;
    Ok(Body::Bytes(Bytes::from(template.render(model, budget, chance)?)))
}

/// Whether the first bytes of a file are text, up to a letter that may be cut.
fn begins_as_text(path: &Path) -> bool {
    let mut first = Vec::with_capacity(FIRST_BYTES);
    let read = regular_file::open(path).and_then(|file| file.take(FIRST_BYTES as u64).read_to_end(&mut first));
    read.is_ok() && std::str::from_utf8(&first).err().is_none_or(|error| error.error_len().is_none())
}

/// What a call gets instead of a reply that cannot be made; the headers that name the stub stay.
fn failed(reply: &Reply, what: String) -> Reply {
    let mut told = Reply::text(StatusCode::INTERNAL_SERVER_ERROR, what);
    told.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    for name in ["matched-stub-id", "matched-stub-name"] {
        if let Some(value) = reply.headers.get(name) {
            told.headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    told
}

/// Enough of a file to see whether it is text.
const FIRST_BYTES: usize = 64 << 10;
