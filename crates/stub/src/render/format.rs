//! Reads the parts of a response that stubs and profiles share: status, headers, and faults.

use http::{HeaderMap, HeaderName, StatusCode};

use crate::call::latin_header_value;
use crate::reply::ConnectionEnding;
use crate::source::{Object, Reader, Value};

/// Reads `status`; the default is 200.
pub fn status(object: &mut Object<'_>, reader: &mut Reader) -> StatusCode {
    let Some(number) = object.integer("status", reader) else { return StatusCode::OK };
    if number <= 0 {
        return StatusCode::OK;
    }
    let node = object.node("status").unwrap_or(object.whole());
    match u16::try_from(number).ok().and_then(|number| StatusCode::from_u16(number).ok()) {
        Some(status) if !status.is_informational() => status,
        _ => {
            let message = format!("{number} cannot be the status of an answer");
            reader.error_at(node, "status", message, "use a number from 200 to 999");
            StatusCode::OK
        }
    }
}

/// Reads `headers`, each with a value or a list of values.
pub fn headers(object: &mut Object<'_>, reader: &mut Reader) -> HeaderMap {
    headers_of("headers", object, reader)
}

/// Reads the headers of the field `key`, each with a value or a list of values.
pub fn headers_of(key: &str, object: &mut Object<'_>, reader: &mut Reader) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(node) = object.node(key) else { return headers };
    let members = match &node.value {
        Value::Object(members) => members,
        Value::Array(items) if items.is_empty() => return headers,
        _ => {
            let message = format!("`{key}` is an object, not {}", node.kind_name());
            reader.error_at(node, key, message, format!("write `\"{key}\": {{\"Name\": \"value\"}}`"));
            return headers;
        }
    };
    object.echo(key, node.to_json());
    for member in members {
        let one = std::slice::from_ref(&member.value);
        let values = match &member.value.value {
            Value::Array(values) if !values.is_empty() => values.as_slice(),
            _ => one,
        };
        for value in values {
            let Value::String(text) = &value.value else {
                let message = format!("the value of header `{}` is a string, not {}", member.key, value.kind_name());
                reader.error_at(value, key, message, "put it in quotes");
                continue;
            };
            match (HeaderName::from_bytes(member.key.as_bytes()), latin_header_value(text)) {
                (Ok(name), Some(value)) => drop(headers.append(name, value)),
                (Err(_), _) => {
                    let message = format!("`{}` cannot be the name of a header", member.key);
                    reader.error_at(value, key, message, "use letters, digits and `-`");
                }
                (_, None) => {
                    let message = format!("the value of header `{}` has a control character", member.key);
                    reader.error_at(value, key, message, "remove it");
                }
            }
        }
    }
    headers
}

/// Reads `fault`, which says how the connection ends.
pub fn fault(object: &mut Object<'_>, reader: &mut Reader) -> Option<ConnectionEnding> {
    let fault = object.text("fault", reader)?;
    let ending = ending(&fault);
    if ending.is_none() {
        let node = object.node("fault").unwrap_or(object.whole());
        let help = "use EMPTY_RESPONSE, CONNECTION_RESET_BY_PEER, MALFORMED_RESPONSE_CHUNK or RANDOM_DATA_THEN_CLOSE";
        reader.error_at(node, "fault", format!("`{fault}` is not a fault"), help);
    }
    ending
}

/// Returns how the connection ends with a fault of this WireMock name.
pub fn ending(fault: &str) -> Option<ConnectionEnding> {
    let raw = |bytes: String| Some(ConnectionEnding::Raw(bytes.into()));
    match fault {
        "CONNECTION_RESET_BY_PEER" => Some(ConnectionEnding::Reset),
        "EMPTY_RESPONSE" => Some(ConnectionEnding::Close),
        "MALFORMED_RESPONSE_CHUNK" => raw(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{GARBAGE}")),
        "RANDOM_DATA_THEN_CLOSE" => raw(GARBAGE.to_owned()),
        _ => None,
    }
}

/// Bytes that are not HTTP, which a fault sends.
const GARBAGE: &str = "\u{1}standin: these bytes are not HTTP\u{2}";
