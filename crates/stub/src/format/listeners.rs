//! Reading of `serveEventListeners` and of the older `postServeActions`: webhooks, and listeners
//! that are not known, which are reported.

use base64::Engine as _;
use serde_json::{Value as Json, json};

use super::delay::distribution_of;
use super::templates;
use crate::defect::nearest;
use crate::render::template::Template;
use crate::render::{TemplatedText, Webhook, WebhookBody};
use crate::source::{MAX_DEPTH, Node, Object, Reader, Value};

/// A webhook, or why it cannot be configured.
type ParsedWebhook = Result<Webhook, String>;

/// Reads both lists, which are echoed, and returns the webhooks in them.
pub(super) fn read(object: &mut Object<'_>, reader: &mut Reader) -> Vec<ParsedWebhook> {
    let mut webhooks = Vec::new();
    for key in ["postServeActions", "serveEventListeners"] {
        let Some(node) = object.node(key) else { continue };
        let is_map = key == "postServeActions" && matches!(node.value, Value::Object(_));
        let list = match &node.value {
            Value::Array(_) => node.to_json(),
            Value::Object(_) if is_map && node.depth() > MAX_MAP_DEPTH => {
                let message =
                    format!("more than {MAX_DEPTH} lists and objects stand in each other in the list of `{key}`");
                reader.error_at(node, key, message, "make its parameters flatter");
                continue;
            }
            Value::Object(members) if is_map => {
                members.iter().map(|member| json!({"name": member.key, "parameters": member.value.to_json()})).collect()
            }
            Value::Null => continue,
            _ => {
                let help = "write `[{\"name\": …, \"parameters\": {…}}]`";
                reader.error_at(node, key, format!("`{key}` is a list, not {}", node.kind_name()), help);
                continue;
            }
        };
        object.echo(key, list);
        reader.within(key, |reader| {
            for item in node.items() {
                let name = item.get("name").and_then(Node::as_str).unwrap_or_default();
                let parameters = item.get("parameters");
                if is_after_complete(item, reader) {
                    webhooks.extend(listener(name, item, parameters, reader));
                }
            }
            for member in node.members() {
                webhooks.extend(listener(&member.key, &member.value, Some(&member.value), reader));
            }
        });
    }
    webhooks
}

/// Returns false for a listener that is not called once the answer is complete, when webhooks are
/// sent; this is reported.
fn is_after_complete(item: &Node, reader: &mut Reader) -> bool {
    let Some(node) = item.get("requestPhases").filter(|node| matches!(node.value, Value::Array(_))) else {
        return true;
    };
    let is_called = node.items().iter().any(|phase| phase.as_str() == Some("AFTER_COMPLETE"));
    if !is_called {
        let message = "a webhook is sent in the phase AFTER_COMPLETE, which `requestPhases` leaves out";
        reader.warn_at(node, "requestPhases", message, "add `AFTER_COMPLETE`, or leave `requestPhases` out");
    }
    is_called
}

fn listener(name: &str, place: &Node, parameters: Option<&Node>, reader: &mut Reader) -> Option<ParsedWebhook> {
    if name != WEBHOOK {
        let message = format!("the listener `{name}` is not known, and does nothing");
        let help = match nearest(name, &[WEBHOOK]) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "standin has the listener `webhook`; extensions in Java are not run".to_owned(),
        };
        reader.warn_at(place.get("name").unwrap_or(place), "name", message, help);
        return None;
    }
    let read = match parameters {
        Some(parameters) => reader.as_warnings(|reader| webhook(parameters, reader)),
        None => Err("a webhook needs `parameters` with a `url`".to_owned()),
    };
    if let Err(message) = &read {
        let help = "until then, it is not sent, and the journal says why";
        reader.warn_at(parameters.unwrap_or(place), "parameters", message.clone(), help);
    }
    Some(read)
}

fn webhook(parameters: &Node, reader: &mut Reader) -> ParsedWebhook {
    let url = match text_of(parameters, "url") {
        Some(url) => text(&url, parameters, "url", reader),
        None => return Err("a webhook needs a `url`".to_owned()),
    };
    let mut webhook = Webhook::new(url, &parameters.to_json());
    if let Some(method) = text_of(parameters, "method") {
        webhook.method = text(&method, parameters, "method", reader);
    }
    for member in parameters.get("headers").map(Node::members).unwrap_or_default() {
        let values: Vec<String> = match &member.value.value {
            Value::Array(items) => items.iter().filter_map(scalar).collect(),
            _ => scalar(&member.value).into_iter().collect(),
        };
        let values = values.iter().map(|value| text(value, parameters, "headers", reader)).collect();
        webhook.headers.push((member.key.clone(), values));
    }
    if let Some(body) = text_of(parameters, "body") {
        webhook.body = WebhookBody::Text(text(&body, parameters, "body", reader));
    } else if let Some(encoded) = text_of(parameters, "base64Body") {
        let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.as_bytes());
        webhook.body =
            WebhookBody::Bytes(decoded.map_err(|error| format!("`base64Body` is not base64: {error}"))?.into());
    }
    if let Some(node) = parameters.get("delay").filter(|node| node.value != Value::Null) {
        let delay = reader.within("delay", |reader| distribution_of(node, reader));
        webhook.delay = Some(delay.ok_or_else(|| "the `delay` of a webhook is none".to_owned())?);
    }
    report_unused(parameters, reader);
    Ok(webhook)
}

/// Reports parameters that are neither a webhook's own nor named by one of its templates.
fn report_unused(parameters: &Node, reader: &mut Reader) {
    let texts = parameters.to_json().to_string();
    for member in parameters.members() {
        let name = member.key.as_str();
        let is_named = texts.contains(&format!("parameters.{name}")) || texts.contains(&format!("parameters '{name}'"));
        if PARAMETERS.contains(&name) || is_named {
            continue;
        }
        let message = format!("`{name}` is no parameter of a webhook, and none of its templates uses it");
        let help = match (name, nearest(name, PARAMETERS)) {
            ("bodyFileName", _) => "give the text as `body`; a webhook reads no file".to_owned(),
            (_, Some(near)) => format!("did you mean `{near}`?"),
            (_, None) => format!("remove it, or use it as `{{{{parameters.{name}}}}}`"),
        };
        reader.warn_at(&member.value, name, message, help);
    }
}

fn text(text: &str, parameters: &Node, key: &str, reader: &mut Reader) -> TemplatedText {
    if !Template::is_one(text) {
        return TemplatedText::Fixed(text.to_owned());
    }
    let node = parameters.get(key).unwrap_or(parameters);
    match templates::parse(text, node, key, reader) {
        Ok(template) => TemplatedText::Template(template),
        Err(message) => TemplatedText::Broken(message),
    }
}

/// Returns a parameter as text; `None` if it is absent or null.
fn text_of(parameters: &Node, key: &str) -> Option<String> {
    parameters.get(key).and_then(scalar)
}

/// Returns the text of a value; lists and objects are written as JSON.
fn scalar(node: &Node) -> Option<String> {
    match node.to_json() {
        Json::Null => None,
        Json::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// Name of the only listener that standin has.
const WEBHOOK: &str = "webhook";

/// Parameters of a webhook.
const PARAMETERS: &[&str] = &["base64Body", "body", "delay", "headers", "method", "url"];

/// Maximum depth of a map of listeners. It is echoed as a list of objects, which is one level
/// deeper and has to be readable again.
const MAX_MAP_DEPTH: usize = MAX_DEPTH - 2;
