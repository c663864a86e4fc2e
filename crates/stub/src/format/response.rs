//! Reading of response definitions: reply, delays, templates and faults.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::StatusCode;
use hyper::ext::ReasonPhrase;
use serde_json::{Map, Value as Json};

use super::delay::distribution_of;
use super::{proxy, stream, templates};
use crate::call::latin_bytes;
use crate::delay::Distribution;
use crate::files::BLOCKING_READ_LIMIT;
use crate::files::FilesFolder;
use crate::java_base64::BASE64;
use crate::render::format::{fault, headers, status};
use crate::render::stream::StreamDefinition;
use crate::render::template::Template;
use crate::render::{Delays, ResponseTemplates};
use crate::reply::{Body, Dribble, Reply};
use crate::source::defect::Defect;
use crate::source::rule::Rule;
use crate::source::{Node, Object, Reader, Strictness};
use standin_files::regular_file;

/// Known fields of a response definition.
pub(super) const KEYS: &[&str] = &[
    "additionalProxyRequestHeaders",
    "base64Body",
    "body",
    "bodyFileName",
    "chunkedDribbleDelay",
    "delayDistribution",
    "fault",
    "fixedDelayMilliseconds",
    "fromConfiguredStub",
    "headers",
    "jsonBody",
    "proxyBaseUrl",
    "proxyUrlPrefixToRemove",
    "removeProxyRequestHeaders",
    "status",
    "statusMessage",
    "stream",
    "transformerParameters",
    "transformers",
];

/// A parsed response definition.
pub(super) struct ParsedResponse {
    pub(super) reply: Reply,
    pub(super) delays: Delays,
    /// Parts of the reply that are rendered for each request.
    pub(super) templates: Option<ResponseTemplates>,
    /// Body in chunks, if it is one.
    pub(super) stream: Option<StreamDefinition>,
    /// Definition as WireMock echoes it.
    pub(super) echo: Map<String, Json>,
}

/// Returns the response of a stub that defines none.
pub(super) fn default_response() -> ParsedResponse {
    let mut echo = Map::new();
    echo.insert("status".to_owned(), 200.into());
    let (reply, delays) = (Reply::empty(StatusCode::OK), Delays::default());
    ParsedResponse { reply, delays, templates: None, stream: None, echo }
}

/// Reads a response definition.
pub(super) fn read(node: &Node, files: &FilesFolder, reader: &mut Reader) -> ParsedResponse {
    let Some(mut object) = Object::open(node, "a response definition", reader) else { return default_response() };
    let mut reply = Reply::empty(StatusCode::OK);
    let is_templated = templates::is_templated(&mut object, files, reader);
    reply.status = status(&mut object, reader);
    reply.reason = reason(&mut object, reply.status, reader);
    reply.headers = headers(&mut object, reader);
    reply.body = body(&mut object, files, is_templated, reader);
    reply.dribble = dribble(&mut object, reader);
    reply.ending = fault(&mut object, reader);
    let delays = Delays {
        fixed: object.integer("fixedDelayMilliseconds", reader).map(milliseconds),
        distribution: distribution(&mut object, reader),
    };
    reply.proxy = proxy::read(&mut object, reader).map(Arc::new);
    if reply.proxy.is_some() {
        proxy::warn_of_fault(&object, reader);
        reply.ending = None;
    }
    if let Some(node) = object.node("transformerParameters") {
        object.echo("transformerParameters", node.to_json());
    }
    let templates = is_templated.then(|| templates::read(&object, &reply, files, reader));
    let stream = stream::read(&mut object, is_templated, reader);
    let mut echo = object.close(KEYS, Strictness::Strict, reader);
    echo.entry("status").or_insert_with(|| 200.into());
    ParsedResponse { reply, delays, templates, stream, echo }
}

/// Reads the delays of the global settings: `fixedDelay` and `delayDistribution`.
pub fn delays(node: &Node, reader: &mut Reader) -> (Delays, Map<String, Json>) {
    let Some(mut object) = Object::open(node, "settings", reader) else { return (Delays::default(), Map::new()) };
    let delays = Delays {
        fixed: object.integer("fixedDelay", reader).map(milliseconds),
        distribution: distribution(&mut object, reader),
    };
    let pass_through = object.boolean("proxyPassThrough", reader);
    object.echo("proxyPassThrough", pass_through.unwrap_or(false).into());
    if let Some(node) = object.node("extended") {
        object.echo("extended", node.to_json());
    }
    let known = ["delayDistribution", "extended", "fixedDelay", "proxyPassThrough"];
    (delays, object.close(&known, Strictness::Strict, reader))
}

/// Reads the reason phrase; `None` for the standard one. A status whose phrase is another in
/// WireMock gets that, and one without a standard phrase its number.
fn reason(object: &mut Object<'_>, status: StatusCode, reader: &mut Reader) -> Option<ReasonPhrase> {
    let phrase = match object.text("statusMessage", reader) {
        Some(phrase) => phrase,
        None if status == StatusCode::INTERNAL_SERVER_ERROR => "Server Error".to_owned(),
        None if status == StatusCode::IM_A_TEAPOT => "I'm a Teapot".to_owned(),
        None if status == StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => "Unavailable for Legal Reason".to_owned(),
        None if status.canonical_reason().is_some() => return None,
        None => status.as_str().to_owned(),
    };
    let reason = ReasonPhrase::try_from(latin_bytes(&phrase, b'?')).ok();
    if reason.is_none() {
        let node = object.node("statusMessage").unwrap_or(object.whole());
        let message = format!("`{phrase}` cannot be a reason phrase");
        reader.error_at(node, "statusMessage", message, "remove control characters");
    }
    reason
}

fn body(object: &mut Object<'_>, files: &FilesFolder, is_templated: bool, reader: &mut Reader) -> Body {
    let text = object.text("body", reader);
    let json = object.node("jsonBody");
    if let Some(node) = json {
        object.echo("jsonBody", node.to_json());
    }
    let base64 = object.text("base64Body", reader);
    let file = object.text("bodyFileName", reader);
    if let Some(text) = text {
        return Body::Bytes(text.into());
    }
    if let Some(node) = json {
        return Body::Bytes(plain_exponents(node.to_json()).to_string().into());
    }
    if let Some(encoded) = base64 {
        let node = object.node("base64Body").unwrap_or(object.whole());
        return match BASE64.decode(encoded.as_bytes()) {
            Ok(bytes) => Body::Bytes(bytes.into()),
            Err(error) => {
                let help = "encode the bytes as base64";
                reader.error_at(node, "base64Body", format!("not base64: {error}"), help);
                Body::Bytes(Bytes::new())
            }
        };
    }
    match file {
        // the name is rendered for each request
        Some(name) if is_templated && Template::is_one(&name) => Body::Bytes(Bytes::new()),
        Some(name) => body_file(&name, object, files, reader),
        None => Body::Bytes(Bytes::new()),
    }
}

/// Returns the body of a file: the bytes of a small file, the path of a large one, which is read
/// when it is sent.
///
/// A missing file is reported in a stub folder. A stub from the API may name a file before it
/// exists. Both are served, and their requests are answered with an error that names the file.
fn body_file(name: &str, object: &Object<'_>, files: &FilesFolder, reader: &mut Reader) -> Body {
    let node = object.node("bodyFileName").unwrap_or(object.whole());
    let Some(path) = files.find(name) else {
        if reader.is_lenient() {
            let message = format!("`{name}` leads out of the folder `__files`");
            let help = "put the file below `__files` and name it from there; until then, calls are answered with 500";
            reader.report(missing_file(message, help), node, "bodyFileName");
        }
        // no file can have this name, so that requests are answered with the error of an unreadable
        // file
        return Body::File(files.root.join("\u{0}").join(name.trim_start_matches('/')));
    };
    let size = path.metadata().map(|metadata| metadata.len());
    match size {
        Ok(size) if size > BLOCKING_READ_LIMIT => Body::File(path),
        _ => match regular_file::read(&path, BLOCKING_READ_LIMIT) {
            Ok(bytes) => Body::Bytes(bytes.into()),
            Err(error) => {
                if reader.is_lenient() {
                    let message = format!("cannot read `{}`: {error}", path.display());
                    let help = "put the file there, or correct its name; until then, calls are answered with 500";
                    reader.report(missing_file(message, help), node, "bodyFileName");
                }
                Body::File(path)
            }
        },
    }
}

fn missing_file(message: String, help: &str) -> Defect {
    Defect::served_error(message).help(help).rule(&Rule::MISSING_BODY_FILE)
}

fn dribble(object: &mut Object<'_>, reader: &mut Reader) -> Option<Dribble> {
    let node = object.node("chunkedDribbleDelay")?;
    object.echo("chunkedDribbleDelay", node.to_json());
    reader.within("chunkedDribbleDelay", |reader| {
        let mut dribble = Object::open(node, "`chunkedDribbleDelay`", reader)?;
        let chunks = dribble.integer("numberOfChunks", reader);
        let total = dribble.integer("totalDuration", reader);
        dribble.close(&["numberOfChunks", "totalDuration"], Strictness::Strict, reader);
        let (Some(chunks), Some(total)) = (chunks, total) else {
            reader.error(
                node,
                "a dribble needs `numberOfChunks` and `totalDuration`",
                "give both, the time in milliseconds",
            );
            return None;
        };
        Some(Dribble { chunks: usize::try_from(chunks).unwrap_or(1).max(1), total: milliseconds(total) })
    })
}

/// Reads a delay distribution in milliseconds: one of WireMock's or any kind of
/// [`Distribution::KINDS`].
fn distribution(object: &mut Object<'_>, reader: &mut Reader) -> Option<Distribution> {
    let node = object.node("delayDistribution")?;
    object.echo("delayDistribution", node.to_json());
    reader.within("delayDistribution", |reader| distribution_of(node, reader))
}

/// Writes numbers with exponents as decimals, as WireMock does: `1E+3` becomes `1000`.
fn plain_exponents(value: Json) -> Json {
    match value {
        Json::Number(number) if number.as_str().contains(['e', 'E']) => without_exponent(number.as_str())
            .and_then(|text| text.parse().ok())
            .map_or(Json::Number(number), Json::Number),
        Json::Array(items) => items.into_iter().map(plain_exponents).collect(),
        Json::Object(members) => {
            members.into_iter().map(|(key, value)| (key, plain_exponents(value))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

/// Returns a number without its exponent; `None` if the exponent is beyond ±400.
fn without_exponent(number: &str) -> Option<String> {
    let (mantissa, exponent) = number.split_once(['e', 'E'])?;
    let exponent: i32 = exponent.parse().ok().filter(|exponent: &i32| exponent.abs() <= 400)?;
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = whole.len() as i32 + exponent;
    let text = if point <= 0 {
        format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize))
    } else if point as usize >= digits.len() {
        format!("{digits}{}", "0".repeat(point as usize - digits.len()))
    } else {
        format!("{}.{}", &digits[..point as usize], &digits[point as usize..])
    };
    let trimmed = text.trim_start_matches('0');
    let whole = if trimmed.is_empty() || trimmed.starts_with('.') { format!("0{trimmed}") } else { trimmed.to_owned() };
    Some(format!("{sign}{whole}"))
}

/// Returns a delay in milliseconds; a negative one is zero, as in WireMock.
fn milliseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::without_exponent;

    #[test]
    fn exponents_are_written_out() {
        for (spelt, expected) in
            [("1E+3", "1000"), ("1.5e1", "15"), ("1.25e1", "12.5"), ("-2e-2", "-0.02"), ("1e-1", "0.1"), ("0e5", "0")]
        {
            assert_eq!(without_exponent(spelt).as_deref(), Some(expected), "{spelt}");
        }
    }
}
