//! Parsing of the templates in a response definition.
//!
//! A template that does not parse is an error in a stub folder. The API accepts such a stub, as
//! WireMock does, and its requests are answered with the error.

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value as Json};

use super::unrendered;
use crate::call::header_text;
use crate::defect::nearest;
use crate::files::{FilesFolder, Templating};
use crate::proxy::ProxyDefinition;
use crate::render::template::Template;
use crate::render::{BodyTemplate, HeaderTemplate, ProxyTemplates, ResponseTemplates, helper_names};
use crate::reply::{Body, Reply};
use crate::source::{Node, Object, Reader, Value};

/// Returns true if the reply is to be rendered.
pub(super) fn is_templated(object: &mut Object<'_>, files: &FilesFolder, reader: &mut Reader) -> bool {
    let is_named = object.node("transformers").is_some_and(|node| {
        let Value::Array(names) = &node.value else {
            let message = format!("`transformers` is a list, not {}", node.kind_name());
            reader.error_at(node, "transformers", message, "write `[\"response-template\"]`");
            return false;
        };
        object.echo("transformers", node.to_json());
        unrendered::warn_of_transformers(node, reader);
        names.iter().any(|name| name.as_str() == Some(unrendered::TEMPLATES))
    });
    match files.settings.templating {
        Templating::All => true,
        Templating::Named => {
            if !is_named && reader.is_lenient() {
                unrendered::warn_of_templates(object, reader);
            }
            is_named
        }
        Templating::Off => false,
    }
}

/// Parses the parts of a reply that are templates.
pub(super) fn read(object: &Object<'_>, reply: &Reply, files: &FilesFolder, reader: &mut Reader) -> ResponseTemplates {
    let parameters = object.node("transformerParameters").map_or_else(|| Json::Object(Map::new()), Node::to_json);
    let mut templates = ResponseTemplates::new(&parameters);
    let key = ["body", "jsonBody", "base64Body", "bodyFileName"].into_iter().find(|key| object.node(key).is_some());
    let node = key.and_then(|key| object.node(key));
    if let Some(proxy) = &reply.proxy {
        templates.proxy = Some(proxy_templates(proxy, object, reader)).filter(|proxy| !proxy.is_empty());
    } else if let (Some(key), Some(node)) = (key, node) {
        templates.body = match (key, &reply.body) {
            ("bodyFileName", body) => {
                let is_off = |value: &Json| *value == true || value.as_str() == Some("true");
                let is_template = !parameters.get("disableBodyFileTemplating").is_some_and(is_off);
                body_file(node, body, files, is_template, reader)
            }
            ("body" | "jsonBody", Body::Bytes(bytes)) => text(&String::from_utf8_lossy(bytes), node, key, reader),
            _ => BodyTemplate::Fixed,
        };
    }
    let Some(node) = object.node("headers") else { return templates };
    for name in reply.headers.keys() {
        let values = reply.headers.get_all(name).iter();
        let value = |value: &HeaderValue| match &*header_text(value) {
            text if Template::is_one(text) => match parse(text, node, "headers", reader) {
                Ok(template) => HeaderTemplate::Text(template),
                Err(message) => HeaderTemplate::Broken(message),
            },
            _ => HeaderTemplate::Fixed(value.clone()),
        };
        let values: Vec<HeaderTemplate> = values.map(value).collect();
        if values.iter().any(|value| !matches!(value, HeaderTemplate::Fixed(_))) {
            templates.headers.push((HeaderName::clone(name), values));
        }
    }
    templates
}

/// Parses the templates in the URL of a service and in the headers that are sent to it.
fn proxy_templates(proxy: &ProxyDefinition, object: &Object<'_>, reader: &mut Reader) -> ProxyTemplates {
    let mut parsed = |text: &str, key: &str| {
        let node = object.node(key).filter(|_| Template::is_one(text))?;
        Some(parse(text, node, key, reader))
    };
    let base_url = parsed(&proxy.base_url, "proxyBaseUrl");
    let header = |(name, value): &(HeaderName, HeaderValue)| {
        Some((name.clone(), parsed(&header_text(value), "additionalProxyRequestHeaders")?))
    };
    ProxyTemplates { base_url, headers: proxy.additional_headers.iter().filter_map(header).collect() }
}

/// Parses a body file. The content of a small file is parsed now, that of others for each request.
fn body_file(node: &Node, body: &Body, files: &FilesFolder, is_template: bool, reader: &mut Reader) -> BodyTemplate {
    let name = match node.as_str() {
        Some(name) if Template::is_one(name) || (is_template && matches!(body, Body::File(_))) => name,
        _ => {
            return match body {
                Body::Bytes(bytes) if is_template => match std::str::from_utf8(bytes) {
                    Ok(content) => text(content, node, "bodyFileName", reader),
                    Err(_) => BodyTemplate::Fixed,
                },
                _ => BodyTemplate::Fixed,
            };
        }
    };
    match parse(name, node, "bodyFileName", reader) {
        Ok(name) => BodyTemplate::File { name, files: files.clone(), is_template },
        Err(message) => BodyTemplate::Broken(message),
    }
}

fn text(text: &str, node: &Node, key: &str, reader: &mut Reader) -> BodyTemplate {
    if !Template::is_one(text) {
        return BodyTemplate::Fixed;
    }
    match parse(text, node, key, reader) {
        Ok(template) => BodyTemplate::Text(template),
        Err(message) => BodyTemplate::Broken(message),
    }
}

/// Parses a template; returns its error as a text. An unknown helper is a warning, and a template
/// that does not parse is an error in a file.
pub(crate) fn parse(text: &str, node: &Node, key: &str, reader: &mut Reader) -> Result<Template, String> {
    match Template::parse(text) {
        Ok(template) => {
            if let Some(name) = template.unknown_helper() {
                let help = match nearest(name, &helper_names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "use a helper that docs/TEMPLATES.md names; until then, calls are answered with 500".to_owned()
                    }
                };
                reader.warn_at(
                    node,
                    key,
                    format!("the template asks for the helper `{name}`, which is not known"),
                    help,
                );
            }
            Ok(template)
        }
        Err(error) => {
            if reader.is_lenient() {
                let message = format!("the template does not parse, at its {}: {}", error.place(), error.message);
                reader.error_at(node, key, message, error.help.clone());
            }
            Err(error.to_string())
        }
    }
}
