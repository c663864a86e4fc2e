//! The responses of an operation, and what they answer.

use serde_json::{Map, Value as Json};
use standin_stub::source::{Member, Node};

use super::Description;
use super::media::{concrete, is_json};
use super::path::OperationPath;
use crate::schema::Direction;

/// A response of an operation.
pub(super) struct Response<'d> {
    /// Key in the description: `200`, `4XX` or `default`.
    pub(super) key: &'d str,
    pub(super) status: u16,
    /// Answers of the response, the default one first.
    pub(super) answers: Vec<Answer>,
}

/// One answer of a response.
pub(super) struct Answer {
    /// Name of the example.
    pub(super) example: Option<String>,
    /// Media type, if the response has a body.
    pub(super) media_type: Option<String>,
    /// True if it is the first of its media type.
    pub(super) is_first_of_type: bool,
    pub(super) definition: Map<String, Json>,
}

/// A body, and where it is from.
struct Body {
    value: Json,
    example: Option<String>,
    is_example: bool,
}

/// Returns the responses of an operation, that which answers by default first.
pub(super) fn responses<'d>(description: &mut Description<'d, '_>, path: &OperationPath<'d>) -> Vec<Response<'d>> {
    let members = path.operation.get("responses").map_or(&[][..], Node::members);
    let mut found: Vec<Response<'d>> = Vec::new();
    for member in members.iter().filter(|member| !member.key.starts_with("x-")) {
        let Some(status) = status(&member.key, members) else {
            let message = format!("`{}` is no status that a response can have", member.key);
            description.warn(&member.value, message, "write one of 200 to 599, such as `4XX`, or `default`");
            continue;
        };
        let Some(node) = description.resolve(&member.value) else { continue };
        let answers = answers(description, node, status, path.method);
        found.push(Response { key: &member.key, status, answers });
    }
    let rank = |response: &Response<'_>| match response.status {
        status @ 200..=299 => (usize::from(response.key == "default"), status),
        status @ 300..=399 => (2, status),
        status => (3, status),
    };
    found.sort_by_key(rank);
    found
}

/// Returns the status of a response: the first of a range, and 200 for a `default` that is the only
/// one that tells of success, otherwise 500.
fn status(key: &str, all: &[Member]) -> Option<u16> {
    if key == "default" {
        let has_success = all.iter().any(|member| member.key.starts_with(['2', '3']));
        return Some(if has_success { 500 } else { 200 });
    }
    let status: u16 = key.to_ascii_uppercase().replace("XX", "00").parse().ok()?;
    (200..=599).contains(&status).then_some(status)
}

fn answers<'d>(description: &mut Description<'d, '_>, response: &'d Node, status: u16, method: &str) -> Vec<Answer> {
    let headers = headers(description, response);
    let definition = |media_type: Option<&str>, body: Option<Json>| {
        let mut definition = Map::new();
        definition.insert("status".to_owned(), status.into());
        let mut headers = headers.clone();
        if let Some(media_type) = media_type {
            headers.insert("Content-Type".to_owned(), media_type.into());
        }
        if !headers.is_empty() {
            definition.insert("headers".to_owned(), headers.into());
        }
        if let Some(body) = body {
            definition.extend([body_field(media_type.unwrap_or_default(), body)]);
        }
        definition
    };
    let mut content: Vec<&'d Member> = response.get("content").map_or(&[][..], Node::members).iter().collect();
    content.sort_by_key(|media| !is_json(&media.key));
    if content.is_empty() || matches!(status, 204 | 205 | 304) || method == "HEAD" {
        description.report.without_body += 1;
        let definition = definition(None, None);
        return vec![Answer { example: None, media_type: None, is_first_of_type: true, definition }];
    }
    let mut answers = Vec::new();
    for media in content {
        let media_type = concrete(&media.key);
        let bodies = bodies(description, &media.value, &media_type);
        if bodies.is_empty() {
            description.report.without_body += 1;
            let definition = definition(Some(&media_type), None);
            answers.push(Answer { example: None, media_type: Some(media_type), is_first_of_type: true, definition });
            continue;
        }
        for (place, body) in bodies.into_iter().enumerate() {
            let made = if body.is_example {
                &mut description.report.from_examples
            } else {
                &mut description.report.from_schemas
            };
            *made += 1;
            let definition = definition(Some(&media_type), Some(body.value));
            let media_type = Some(media_type.clone());
            answers.push(Answer { example: body.example, media_type, is_first_of_type: place == 0, definition });
        }
    }
    answers
}

/// Returns the bodies of a media type: its examples, otherwise a sample of its schema.
fn bodies<'d>(description: &mut Description<'d, '_>, media: &'d Node, media_type: &str) -> Vec<Body> {
    let mut bodies = Vec::new();
    if let Some(example) = media.get("example") {
        let value = checked_example(description, example, media, media_type);
        bodies.push(Body { value, example: None, is_example: true });
    }
    for member in media.get("examples").map_or(&[][..], Node::members) {
        let Some(example) = description.resolve(&member.value) else { continue };
        if let Some(value) = example.get("value") {
            let value = checked_example(description, value, media, media_type);
            bodies.push(Body { value, example: Some(member.key.clone()), is_example: true });
        } else if example.get("externalValue").is_some() {
            let help = "put the text into `value`";
            description.warn(example, "the example is in another file, and nothing is fetched", help);
        }
    }
    let Some(schema) = media.get("schema").filter(|_| bodies.is_empty()) else { return bodies };
    let compiled = description.schema(schema, Direction::Response);
    let sample = description.sample(&compiled, schema);
    match sample {
        Some(value) if is_json(media_type) || value.is_string() => {
            bodies.push(Body { value, example: None, is_example: false });
        }
        Some(_) => description.warn(
            schema,
            format!("samples of `{media_type}` are not made of objects and lists"),
            "add an `example` with the text",
        ),
        None => {}
    }
    bodies
}

/// Returns an example, and reports one that its schema does not allow. JSON may be written as a
/// text.
fn checked_example<'d>(
    description: &mut Description<'d, '_>,
    example: &Node,
    media: &'d Node,
    media_type: &str,
) -> Json {
    let value = example.to_json();
    if !is_json(media_type) {
        return value;
    }
    let parsed = value.as_str().and_then(|text| serde_json::from_str::<Json>(text).ok());
    let parsed = parsed.filter(|parsed| parsed.is_object() || parsed.is_array());
    let Some(schema) = media.get("schema") else { return parsed.unwrap_or(value) };
    let schema = description.schema(schema, Direction::Response);
    if schema.problem.is_some() || schema.allows(&value) {
        return if schema.allows_everything() { parsed.unwrap_or(value) } else { value };
    }
    if let Some(parsed) = parsed.filter(|parsed| schema.allows(parsed)) {
        return parsed;
    }
    // many responses may share an example
    if !description.wrong_examples.insert(example.span.start) {
        return value;
    }
    description.warn(
        example,
        "this example is not valid by its schema",
        "correct one of them; it is answered as it is",
    );
    value
}

/// Returns the headers of a response with an example or a sample of each.
fn headers<'d>(description: &mut Description<'d, '_>, response: &'d Node) -> Map<String, Json> {
    let mut headers = Map::new();
    for member in response.get("headers").map_or(&[][..], Node::members) {
        if CONNECTION_HEADERS.iter().any(|name| member.key.eq_ignore_ascii_case(name)) {
            continue;
        }
        let Some(header) = description.resolve(&member.value) else { continue };
        let named = header.get("examples").and_then(|examples| examples.members().first()).map(|member| &member.value);
        let named = named.and_then(|example| description.resolve(example)).and_then(|example| example.get("value"));
        let example = header.get("example").or(named).map(Node::to_json);
        let value = example.or_else(|| {
            let schema = header.get("schema")?;
            let compiled = description.schema(schema, Direction::Response);
            description.sample(&compiled, schema)
        });
        headers.extend(value.and_then(|value| header_text(&value)).map(|text| (member.key.clone(), text.into())));
    }
    headers
}

/// Returns a value as the text of a header (style `simple`); `None` for objects and texts that
/// headers cannot have.
fn header_text(value: &Json) -> Option<String> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(_) | Json::Bool(_) => value.to_string(),
        Json::Array(items) => items.iter().map(header_text).collect::<Option<Vec<_>>>()?.join(","),
        Json::Null | Json::Object(_) => return None,
    };
    (!text.chars().any(char::is_control)).then_some(text)
}

/// Returns the field of the response definition for a body.
fn body_field(media_type: &str, body: Json) -> (String, Json) {
    match body {
        _ if is_json(media_type) => ("jsonBody".to_owned(), body),
        Json::String(text) => ("body".to_owned(), text.into()),
        other => ("body".to_owned(), other.to_string().into()),
    }
}

/// Headers that belong to the connection or that standin writes itself.
const CONNECTION_HEADERS: [&str; 6] =
    ["Connection", "Content-Encoding", "Content-Length", "Content-Type", "Date", "Transfer-Encoding"];
