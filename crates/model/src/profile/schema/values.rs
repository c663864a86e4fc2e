//! Codecs of the values of a profile: texts, numbers, times, shares, lengths and rates.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::keys::{Codec, read_node};
use super::yaml::{Yaml, flow, line_text, quoted, word};
use standin_stub::delay::units;
use standin_stub::matcher::format::request_pattern;
use standin_stub::render::format::{headers, status};
use standin_stub::source::{Node, Object, Reader, Value};

/// A text on a line of its own.
pub(super) const TEXT: Codec<String> =
    Codec::new(|key, object, reader| object.text(key, reader), |text| Yaml::Inline(line_text(text)));

/// A text between braces.
pub(super) const WORD: Codec<String> =
    Codec::new(|key, object, reader| object.text(key, reader), |text| Yaml::Inline(word(text)));

/// A text in quotes.
pub(super) const QUOTED: Codec<String> =
    Codec::new(|key, object, reader| object.text(key, reader), |text| Yaml::Inline(quoted(text)));

/// The name of a service or an operation.
pub(super) const NAME: Codec<String> = Codec::new(
    |key, object, reader| {
        let name = object.text(key, reader)?;
        if name.trim().is_empty() {
            let node = object.node(key).unwrap_or(object.whole());
            reader.error_at(node, key, format!("the `{key}` is empty"), NAME_HELP);
            return None;
        }
        Some(name)
    },
    |name| Yaml::Inline(line_text(name)),
);

pub(super) const NAME_HELP: &str = "give it one: draws, metrics and `extends` go by it";

pub(super) const INTEGER: Codec<i64> =
    Codec::new(|key, object, reader| object.integer(key, reader), |number| Yaml::Inline(number.to_string()));

pub(super) const BOOLEAN: Codec<bool> =
    Codec::new(|key, object, reader| object.boolean(key, reader), |value| Yaml::Inline(value.to_string()));

/// A whole number from 0 up.
pub(super) const COUNT: Codec<u64> = Codec::new(read_count, |count| Yaml::Inline(count.to_string()));

/// A plain finite number.
pub(super) const NUMBER: Codec<f64> = Codec::new(
    |key, object, reader| read_node(key, object, reader, read_number),
    |number| Yaml::Inline(number.to_string()),
);

/// A percentage, kept as a share from 0 to 1.
pub(super) const SHARE: Codec<f64> = Codec::new(
    |key, object, reader| read_node(key, object, reader, read_share),
    |share| Yaml::Inline(units::share(*share)),
);

/// A time with its unit.
pub(super) const DURATION: Codec<Duration> = Codec::new(
    |key, object, reader| read_node(key, object, reader, read_duration),
    |time| Yaml::Inline(units::duration(*time)),
);

/// A time in UTC, such as `2026-11-30T17:40:00Z`, kept in seconds since 1970.
pub(super) const UTC_TIME: Codec<u64> = Codec::new(
    |key, object, reader| {
        let text = object.text(key, reader)?;
        let seconds = text.parse::<Timestamp>().ok().and_then(|at| u64::try_from(at.as_second()).ok());
        if seconds.is_none() {
            let node = object.node(key)?;
            let help = "write it as in `2026-11-30T17:40:00Z`";
            reader.error_at(node, key, format!("`{text}` is no time since 1970"), help);
        }
        seconds
    },
    |seconds| {
        let at = i64::try_from(*seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        Yaml::Inline(quoted(&at.unwrap_or(Timestamp::UNIX_EPOCH).to_string()))
    },
);

/// A length of a body in bytes: a number, or one with a unit.
pub(super) const SIZE: Codec<u64> = Codec::new(
    |key, object, reader| {
        read_node(key, object, reader, |node, reader| {
            let Some(text) = typed_text(node) else {
                let message = format!("a length is needed here, not {}", node.kind_name());
                reader.error(node, message, "write one such as `32kB`");
                return None;
            };
            units::parse_size(text).map_err(|error| reader.error(node, error.message, error.help)).ok()
        })
    },
    |bytes| Yaml::Inline(units::size(*bytes)),
);

/// A rate in bytes a second.
pub(super) const BYTE_RATE: Codec<f64> = Codec::new(
    |key, object, reader| {
        read_node(key, object, reader, |node, reader| {
            let Some(text) = typed_text(node) else {
                let message = format!("a rate is needed here, not {}", node.kind_name());
                reader.error(node, message, "write one such as `20MB/s`");
                return None;
            };
            units::parse_rate(text).map_err(|error| reader.error(node, error.message, error.help)).ok()
        })
    },
    |rate| Yaml::Inline(units::rate(*rate)),
);

/// A WireMock request pattern. It is checked here and compiled with the profile.
pub(super) const REQUEST_PATTERN: Codec<Json> = Codec::new(
    |key, object, reader| {
        read_node(key, object, reader, |node, reader| {
            request_pattern(node, reader);
            Some(node.to_json())
        })
    },
    |pattern| Yaml::Inline(flow(pattern)),
);

/// The status of an answer, under the key `status`.
pub(super) const STATUS: Codec<u16> = Codec::new(
    |key, object, reader| {
        let node = object.node(key)?;
        let status = status(object, reader).as_u16();
        if status > MAX_STATUS {
            let help = format!("use a number from 200 to {MAX_STATUS}");
            reader.error_at(node, key, format!("no service answers {status}"), help);
        }
        Some(status)
    },
    |status| Yaml::Inline(status.to_string()),
);

/// The headers of an answer, under the key `headers`.
pub(super) const HEADERS: Codec<HeaderMap> =
    Codec::new(|_, object, reader| Some(headers(object, reader)), |headers| Yaml::Inline(write_headers(headers)));

fn write_headers(headers: &HeaderMap) -> String {
    let members = headers.keys().map(|name| {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| quoted(&String::from_utf8_lossy(value.as_bytes()))).collect();
        match values.as_slice() {
            [value] => format!("{}: {value}", word(name.as_str())),
            values => format!("{}: [{}]", word(name.as_str()), values.join(", ")),
        }
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

pub(super) fn read_count(key: &str, object: &mut Object<'_>, reader: &mut Reader) -> Option<u64> {
    let node = object.node(key)?;
    let count = typed_text(node).and_then(|text| text.parse().ok());
    if count.is_none() {
        reader.error_at(node, key, format!("`{key}` is a whole number, not {}", node.to_json()), "write digits");
    }
    count
}

pub(super) fn read_duration(node: &Node, reader: &mut Reader) -> Option<Duration> {
    let Some(text) = typed_text(node) else {
        reader.error(node, format!("a time is needed here, not {}", node.kind_name()), "write one such as `3.2ms`");
        return None;
    };
    units::parse_duration(text).map_err(|error| reader.error(node, error.message, error.help)).ok()
}

pub(super) fn read_share(node: &Node, reader: &mut Reader) -> Option<f64> {
    let Some(text) = typed_text(node) else {
        reader.error(node, format!("a share is needed here, not {}", node.kind_name()), "write one such as `0.4%`");
        return None;
    };
    units::parse_share(text).map_err(|error| reader.error(node, error.message, error.help)).ok()
}

pub(super) fn read_number(node: &Node, reader: &mut Reader) -> Option<f64> {
    let number = typed_text(node).and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite());
    if number.is_none() {
        let typed = typed_text(node).map_or_else(|| node.kind_name().to_owned(), |text| format!("`{text}`"));
        reader.error(node, format!("a plain number is needed here, not {typed}"), "write digits without a unit");
    }
    number
}

/// Returns the text of a number or a string as it was typed, without quotes.
pub(super) fn typed_text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::String(text) | Value::Number(text) => Some(text),
        _ => None,
    }
}

/// HTTP has no status beyond this one.
const MAX_STATUS: u16 = 599;
