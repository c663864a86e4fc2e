//! Reading of stub mappings in WireMock's JSON, from a tree with spans.
//!
//! The reader reports every defect instead of stopping at the first, and returns the mapping as
//! WireMock echoes it.

mod delay;
mod json_schema;
mod listeners;
mod proxy;
mod response;
mod stream;
mod templates;
mod unrendered;

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

pub(crate) use delay::delay as delay_of;
pub use json_schema::STUB_JSON_SCHEMA;
pub use response::delays;
pub(crate) use templates::parse as parse_template;

use self::response::ParsedResponse;
use super::{ScenarioStep, Stub, StubOrigin};
use crate::files::FilesFolder;
use crate::matcher::format::request;
use crate::matcher::{Rank, RequestPattern, UrlRule};
use crate::render::{Delays, ResponseDefinition, ResponseTemplates, Webhooks};
use crate::reply::Reply;
use crate::source::{Node, Object, Value};

pub use crate::matcher::format::{request_pattern, value_matcher};
pub use crate::source::{Reader, Strictness};

/// A parsed mapping, without its rank among others.
#[derive(Debug)]
pub struct Mapping {
    /// Id, if the mapping states one.
    pub id: Option<Uuid>,
    /// Name that reports show.
    pub name: Option<String>,
    /// Priority; 5 is the default, and 1 comes first.
    pub priority: i32,
    /// Conditions that a request must meet.
    pub pattern: Arc<RequestPattern>,
    /// Response, without the headers that name the stub.
    pub reply: Reply,
    /// True if its body is compressed for clients that accept gzip.
    pub compresses: bool,
    /// Delays of the response.
    pub delays: Delays,
    /// Parts of the reply that are rendered for each request.
    pub templates: Option<ResponseTemplates>,
    /// Scenario to which the stub belongs.
    pub scenario: Option<ScenarioStep>,
    /// Requests that are sent once the stub has answered.
    pub webhooks: Option<Webhooks>,
    /// True if the stub is saved to disk.
    pub persistent: bool,
    /// Mapping as WireMock echoes it, without the ids.
    pub document: Map<String, Json>,
}

/// Known fields of a mapping.
const KEYS: &[&str] = &[
    "$schema",
    "id",
    "insertionIndex",
    "metadata",
    "name",
    "newScenarioState",
    "persistent",
    "postServeActions",
    "priority",
    "request",
    "requiredScenarioState",
    "response",
    "scenarioName",
    "serveEventListeners",
    "uuid",
];

/// Reads a mapping. Defects are reported to the reader; `None` if the node is no object.
pub fn mapping(node: &Node, files: &FilesFolder, reader: &mut Reader) -> Option<Mapping> {
    let mut object = Object::open(node, "a stub mapping", reader)?;
    let id = id(&mut object, reader);
    let name = object.text("name", reader);
    let priority = object.integer("priority", reader);
    let persistent = object.boolean("persistent", reader);
    let scenario = scenario(&mut object, reader);
    if let Some(node) = object.node("metadata") {
        match &node.value {
            Value::Object(_) => object.echo("metadata", without_nulls(node.to_json())),
            _ => reader.error_at(node, "metadata", "metadata is an object", "write `\"metadata\": {…}`"),
        }
    }
    let (pattern, request) = match object.node("request") {
        Some(node) => reader.within("request", |reader| request::read(node, reader)),
        None => request::anything(),
    };
    object.echo("request", Json::Object(request));
    let ParsedResponse { mut reply, delays, templates, stream, echo } = match object.node("response") {
        Some(node) => reader.within("response", |reader| response::read(node, files, reader)),
        None => response::default_response(),
    };
    object.echo("response", Json::Object(echo));
    let path = match pattern.url() {
        UrlRule::PathTemplate(template) => Some(template.clone()),
        _ => None,
    };
    let system_keys = &files.settings.system_keys;
    if let Some(stream) = stream.map(|stream| stream.of_stub(path.clone(), system_keys.clone())) {
        if let Some(content_type) = stream.content_type().filter(|_| !reply.headers.contains_key(CONTENT_TYPE)) {
            reply.headers.insert(CONTENT_TYPE, content_type);
        }
        reply.stream = Some(Arc::new(stream));
    }
    let webhooks = listeners::read(&mut object, reader).into_iter();
    let webhooks: Webhooks =
        webhooks.map(|read| read.map(|webhook| webhook.of_stub(path.clone(), system_keys.clone()))).collect();
    let document = object.close(KEYS, Strictness::TopLevel, reader);
    Some(Mapping {
        id,
        name,
        priority: priority
            .map_or(Rank::DEFAULT_PRIORITY, |priority| priority.clamp(i32::MIN.into(), i32::MAX.into()) as i32),
        pattern: Arc::new(pattern),
        reply,
        delays,
        templates: templates.map(|templates| templates.of_stub(path, system_keys.clone())),
        scenario,
        webhooks: (!webhooks.is_empty()).then_some(webhooks),
        compresses: files.settings.compresses,
        persistent: persistent.unwrap_or(false),
        document,
    })
}

impl Mapping {
    /// Returns the stub with this id, rank and origin.
    pub fn into_stub(mut self, id: Uuid, rank: Rank, origin: StubOrigin) -> Stub {
        let mut ids = Map::new();
        ids.insert("id".to_owned(), id.to_string().into());
        ids.append(&mut self.document);
        ids.insert("uuid".to_owned(), id.to_string().into());
        if self.reply.proxy.is_none() {
            add_stub_headers(&mut self.reply.headers, id, self.name.as_deref());
        }
        let response = ResponseDefinition::new(self.reply, self.delays).compressed(self.compresses);
        let response = match self.templates {
            Some(templates) => response.with_templates(templates),
            None => response,
        };
        Stub {
            id,
            name: self.name,
            rank,
            pattern: self.pattern,
            response: Arc::new(response),
            scenario: self.scenario,
            webhooks: self.webhooks,
            persistent: self.persistent,
            origin,
            document: Json::Object(ids).to_string().into(),
            hits: Arc::default(),
        }
    }
}

/// Adds the headers `Matched-Stub-Id` and `Matched-Stub-Name`.
fn add_stub_headers(headers: &mut HeaderMap, id: Uuid, name: Option<&str>) {
    let id = HeaderValue::from_str(&id.to_string()).expect("a UUID is ASCII");
    headers.insert(HeaderName::from_static("matched-stub-id"), id);
    if let Some(name) = name {
        let ascii: String = name.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' }).collect();
        let name = HeaderValue::from_str(&ascii).expect("printable ASCII is a header value");
        headers.insert(HeaderName::from_static("matched-stub-name"), name);
    }
}

/// Reads the id, which is named `id` or `uuid`; both are echoed.
fn id(object: &mut Object<'_>, reader: &mut Reader) -> Option<Uuid> {
    let mut found = None;
    for key in ["id", "uuid"] {
        let Some(node) = object.node(key) else { continue };
        match &node.value {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::String(text) => match text.parse() {
                Ok(id) => found = Some(id),
                Err(_) => reader.error_at(
                    node,
                    key,
                    format!("`{text}` is not a UUID"),
                    "write 36 characters such as `5f2c1e0a-9d4b-4c57-8a51-0d9c6f2e7b13`, or leave it out",
                ),
            },
            _ => reader.error_at(node, key, "an id is a string that holds a UUID", "put it in quotes"),
        }
    }
    found
}

fn scenario(object: &mut Object<'_>, reader: &mut Reader) -> Option<ScenarioStep> {
    let name = object.text("scenarioName", reader);
    let required = object.text("requiredScenarioState", reader);
    let next = object.text("newScenarioState", reader);
    name.map(|name| ScenarioStep { name, required, next })
}

/// Removes null members, as WireMock does when it echoes metadata.
fn without_nulls(value: Json) -> Json {
    match value {
        Json::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}
