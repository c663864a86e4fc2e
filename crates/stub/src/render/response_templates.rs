//! Replies with templates: which parts are templates, and how they are rendered.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use rand::Rng;
use rand::RngExt as _;

use super::files::FilesFolder;
use super::settings::SystemKeys;
use super::template::Template;
use super::template::budget::{ALL_STEPS, Cancellation, MAX_OUTPUT_BYTES, QUICK_STEPS, RenderBudget, RenderError};
use super::template::request_model::{RequestModel, TemplateContext};
use crate::call::{Call, latin_header_value};
use crate::proxy::ProxyDefinition;
use crate::reply::{Body, Reply};
use standin_dialect::PathTemplate;
use standin_files::regular_file;

/// The parts of a reply that are templates.
#[derive(Debug)]
pub struct ResponseTemplates {
    /// The template of the body.
    pub body: BodyTemplate,
    /// Headers that have a template among their values, each with all values in order.
    pub headers: Vec<(HeaderName, Vec<HeaderTemplate>)>,
    /// The templates of a proxied response, if there are any.
    pub proxy: Option<ProxyTemplates>,
    context: TemplateContext,
    /// True if a rendering has exceeded the budget of a worker.
    is_over_inline_budget: AtomicBool,
}

/// The source of the body.
#[derive(Debug, Default)]
pub enum BodyTemplate {
    /// The body is the same for all requests.
    #[default]
    Fixed,
    /// The body is rendered from this template.
    Text(Template),
    /// The body is a file that is read per request: its name is a template, or it is large or did
    /// not exist at load.
    File {
        /// The name of the file.
        name: Template,
        /// The folder of the file.
        files: FilesFolder,
        /// True if the content of the file is a template.
        is_template: bool,
    },
    /// The template is invalid; requests get this message.
    Broken(String),
}

/// The source of a header value.
#[derive(Debug)]
pub enum HeaderTemplate {
    /// The template is invalid; requests get this message.
    Broken(String),
    /// The value is the same for all requests.
    Fixed(HeaderValue),
    /// The value is rendered from this template.
    Text(Template),
}

/// The templates of a proxied response; an invalid one is the message that its requests get.
#[derive(Debug)]
pub struct ProxyTemplates {
    /// The template of the base URL.
    pub base_url: Option<Result<Template, String>>,
    /// The templates of headers that are added to the request.
    pub headers: Vec<(HeaderName, Result<Template, String>)>,
}

/// The reason why there is no rendered reply.
enum RenderFailure {
    /// The rendering exceeded its budget.
    TooLong,
    /// The rendering failed; the client gets this message.
    Told(String),
}

impl ResponseTemplates {
    /// Creates a set without templates. `parameters` are those of the transformer.
    pub fn new(parameters: &serde_json::Value) -> Self {
        Self {
            body: BodyTemplate::Fixed,
            headers: Vec::new(),
            proxy: None,
            context: TemplateContext {
                parameters: super::helpers::value_of(parameters),
                path: None,
                system_keys: SystemKeys::default(),
            },
            is_over_inline_budget: AtomicBool::new(false),
        }
    }

    /// Sets the path template of the stub's URL, and the variables of the environment that may be
    /// read.
    #[must_use]
    pub fn of_stub(self, path: Option<PathTemplate>, system_keys: SystemKeys) -> Self {
        Self { context: TemplateContext { path, system_keys, ..self.context }, ..self }
    }

    /// Returns the message of the first invalid template.
    pub fn broken(&self) -> Option<&str> {
        if let BodyTemplate::Broken(message) = &self.body {
            return Some(message);
        }
        if let Some(message) = self.proxy.as_ref().and_then(ProxyTemplates::broken) {
            return Some(message);
        }
        self.headers.iter().flat_map(|(_, values)| values).find_map(|value| match value {
            HeaderTemplate::Broken(message) => Some(message.as_str()),
            _ => None,
        })
    }

    /// Returns whether there are no templates.
    pub fn is_empty(&self) -> bool {
        matches!(self.body, BodyTemplate::Fixed) && self.headers.is_empty() && self.proxy.is_none()
    }

    /// Returns whether replies are rendered off the worker.
    pub(super) fn needs_offload(&self) -> bool {
        matches!(self.body, BodyTemplate::File { .. }) || self.is_over_inline_budget.load(Relaxed)
    }

    /// Records that a rendering exceeded the budget of a worker; further ones run off it.
    pub(super) fn mark_over_inline_budget(&self) {
        self.is_over_inline_budget.store(true, Relaxed);
    }

    /// Renders the reply within the budget of a worker; `None` if that is exceeded.
    pub(super) fn try_render_inline(&self, reply: &Reply, call: &Call, rng: &mut dyn Rng) -> Option<Reply> {
        match self.make(reply, call, rng, RenderBudget::new(QUICK_STEPS)) {
            Ok(made) => Some(made),
            Err(RenderFailure::TooLong) => {
                self.mark_over_inline_budget();
                None
            }
            Err(RenderFailure::Told(message)) => Some(failed(reply, message)),
        }
    }

    /// Renders the reply within the full budget.
    pub(super) fn render(&self, reply: &Reply, call: &Call, rng: &mut dyn Rng, cancellation: Cancellation) -> Reply {
        match self.make(reply, call, rng, RenderBudget::cancelled_by(cancellation)) {
            Ok(made) => made,
            Err(RenderFailure::TooLong) => {
                failed(reply, format!("the template takes more than {ALL_STEPS} steps; shorten its loops"))
            }
            Err(RenderFailure::Told(message)) => failed(reply, message),
        }
    }

    fn make(
        &self,
        reply: &Reply,
        call: &Call,
        rng: &mut dyn Rng,
        mut budget: RenderBudget,
    ) -> Result<Reply, RenderFailure> {
        let mut made = reply.clone();
        let mut model = RequestModel::new(call, &self.context);
        rng.fill(&mut model.id);
        match &self.body {
            BodyTemplate::Fixed => {}
            BodyTemplate::Broken(message) => return Err(RenderFailure::Told(message.clone())),
            BodyTemplate::Text(template) => {
                made.body = Body::Bytes(template.render(&model, &mut budget, rng)?.into());
            }
            BodyTemplate::File { name, files, is_template } => {
                let name = name.render(&model, &mut budget, rng)?;
                let failed_reply = || {
                    RenderFailure::Told(format!(
                        "`{name}` is not a file in `__files`; check the template of the file name"
                    ))
                };
                // a request never selects a hidden file
                let path = files.find_shown(&name).ok_or_else(failed_reply)?;
                made.body = if *is_template { from_file(&path, &model, &mut budget, rng)? } else { Body::File(path) };
            }
        }
        if let (Some(proxy), Some(templates)) = (&reply.proxy, &self.proxy) {
            made.proxy = Some(Arc::new(templates.make(proxy, &model, &mut budget, rng)?));
        }
        for (name, values) in &self.headers {
            made.headers.remove(name);
            for value in values {
                let value = match value {
                    HeaderTemplate::Broken(message) => return Err(RenderFailure::Told(message.clone())),
                    HeaderTemplate::Fixed(value) => value.clone(),
                    HeaderTemplate::Text(template) => header_value(name, &template.render(&model, &mut budget, rng)?)?,
                };
                made.headers.append(name, value);
            }
        }
        Ok(made)
    }
}

impl ProxyTemplates {
    /// Returns whether there are no templates.
    pub fn is_empty(&self) -> bool {
        self.base_url.is_none() && self.headers.is_empty()
    }

    fn broken(&self) -> Option<&str> {
        let headers = self.headers.iter().map(|(_, template)| template);
        self.base_url.iter().chain(headers).find_map(|template| template.as_ref().err().map(String::as_str))
    }

    fn make(
        &self,
        proxy: &ProxyDefinition,
        model: &RequestModel<'_>,
        budget: &mut RenderBudget,
        rng: &mut dyn Rng,
    ) -> Result<ProxyDefinition, RenderFailure> {
        let mut made = proxy.clone();
        let mut render = |template: &Result<Template, String>| match template {
            Ok(template) => template.render(model, budget, rng).map_err(RenderFailure::from),
            Err(message) => Err(RenderFailure::Told(message.clone())),
        };
        if let Some(base_url) = &self.base_url {
            made.base_url = render(base_url)?;
        }
        for (name, template) in &self.headers {
            let value = header_value(name, &render(template)?)?;
            if let Some((_, old)) = made.additional_headers.iter_mut().find(|(known, _)| known == name) {
                *old = value;
            }
        }
        Ok(made)
    }
}

fn header_value(name: &HeaderName, text: &str) -> Result<HeaderValue, RenderFailure> {
    latin_header_value(text)
        .ok_or_else(|| RenderFailure::Told(format!("the value of header `{name}` has a control character")))
}

impl From<RenderError> for RenderFailure {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Exhausted => Self::TooLong,
            RenderError::Failed { at, message } => Self::Told(format!("{}: {message}", at.unwrap_or_default())),
        }
    }
}

/// Renders a body from a file. A file that is not text is sent unchanged.
fn from_file(
    path: &Path,
    model: &RequestModel<'_>,
    budget: &mut RenderBudget,
    rng: &mut dyn Rng,
) -> Result<Body, RenderFailure> {
    match path.metadata() {
        Ok(file) if file.len() > MAX_OUTPUT_BYTES as u64 && !begins_as_text(path) => {
            return Ok(Body::File(path.to_owned()));
        }
        Ok(file) if file.len() > MAX_OUTPUT_BYTES as u64 => {
            let cure = "set `disableBodyFileTemplating` in its `transformerParameters`";
            let message = format!("`{}` is too long for a template; {cure}", path.display());
            return Err(RenderFailure::Told(message));
        }
        _ => {}
    }
    // errors in reading are reported when the file is sent
    let Ok(bytes) = regular_file::read(path, MAX_OUTPUT_BYTES as u64) else { return Ok(Body::File(path.to_owned())) };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Ok(Body::Bytes(error.into_bytes().into())),
    };
    if !Template::is_one(&text) {
        return Ok(Body::Bytes(text.into()));
    }
    let template = Template::parse(&text).map_err(|error| RenderFailure::Told(error.to_string()))?;
    Ok(Body::Bytes(Bytes::from(template.render(model, budget, rng)?)))
}

/// Returns whether the first bytes of a file are UTF-8; the last character may be cut.
fn begins_as_text(path: &Path) -> bool {
    let mut first = Vec::with_capacity(SNIFFED_BYTES);
    let read = regular_file::open(path).and_then(|file| file.take(SNIFFED_BYTES as u64).read_to_end(&mut first));
    read.is_ok() && std::str::from_utf8(&first).err().is_none_or(|error| error.error_len().is_none())
}

/// Returns the reply for a failed rendering, with the headers that name the stub.
fn failed(reply: &Reply, message: String) -> Reply {
    let mut failed_reply = Reply::text(StatusCode::INTERNAL_SERVER_ERROR, message);
    failed_reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    for name in ["matched-stub-id", "matched-stub-name"] {
        if let Some(value) = reply.headers.get(name) {
            failed_reply.headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    failed_reply
}

/// Number of bytes by which a file is recognized as text.
const SNIFFED_BYTES: usize = 64 << 10;
