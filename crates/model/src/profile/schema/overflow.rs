//! Keys of what turns calls away: overflow and rate limit.

use http::HeaderMap;

use super::keys::{Codec, Schema, SchemaKey, Style, Usage, default_key, key, no_check, optional_key, read_node};
use super::values::{BOOLEAN, HEADERS, NUMBER, QUOTED, STATUS, read_count};
use super::yaml::{Yaml, word};
use crate::profile::model::{Overflow, RateLimit};
use crate::station::TokenRate;
use standin_stub::render::format::fault;
use standin_stub::source::{Node, Object, Reader};

pub(super) static OVERFLOW_KEYS: Schema<OverflowKeys> = Schema {
    name: "an overflow",
    subject: "the overflow",
    style: Style::Flow,
    blank: OverflowKeys::default,
    keys: &[
        optional_key!(OverflowKeys, "fault", fault, FAULT)
            .selector()
            .used(|object| if object.node("fault").is_some() { Usage::Read } else { Usage::Unknown }),
        optional_key!(OverflowKeys, "status", status, STATUS)
            .required("add one such as `status: 503`, or a `fault`")
            .used(without_fault),
        default_key!(OverflowKeys, "headers", headers, HEADERS, HeaderMap::new()).used(without_fault),
        optional_key!(OverflowKeys, "body", body, QUOTED).used(without_fault),
    ],
    check: no_check,
};

#[derive(Clone, Default)]
pub(super) struct OverflowKeys {
    fault: Option<String>,
    status: Option<u16>,
    headers: HeaderMap,
    body: Option<String>,
}

/// `overflow` of a station or a rate limit.
pub(super) const OVERFLOW: Codec<Overflow> = Codec::new(
    |key, object, reader| {
        let keys = read_node(key, object, reader, |node, reader| OVERFLOW_KEYS.read(node, reader))?;
        Some(match (keys.fault, keys.status) {
            (Some(fault), _) => Overflow::Fault(fault),
            (None, status) => Overflow::Answer { status: status?, headers: keys.headers, body: keys.body },
        })
    },
    |overflow| {
        OVERFLOW_KEYS.write(&match overflow.clone() {
            Overflow::Fault(fault) => OverflowKeys { fault: Some(fault), ..OverflowKeys::default() },
            Overflow::Answer { status, headers, body } => {
                OverflowKeys { fault: None, status: Some(status), headers, body }
            }
        })
    },
);

/// A fault by WireMock's name.
const FAULT: Codec<String> = Codec::new(
    |key, object, reader| {
        fault(object, reader)?;
        object.node(key)?.as_str().map(str::to_owned)
    },
    |fault| Yaml::Inline(word(fault)),
);

fn without_fault(object: &Object<'_>) -> Usage {
    if object.node("fault").is_none() { Usage::Read } else { Usage::Unknown }
}

/// `rateLimit` of a service.
pub(super) static RATE_LIMIT_KEYS: Schema<RateLimit> = Schema {
    name: "a rate limit",
    subject: "the rate limit",
    style: Style::Flow,
    blank: || RateLimit { rate: TokenRate { per_second: MIN_RATE, burst: 1, spaced: false }, overflow: None },
    keys: &[
        key!(
            RateLimit,
            "perSecond",
            rate.per_second,
            NUMBER.checked(|value, node, reader| check_rate(*value, node, reader))
        )
        .required("add how many calls may come a second"),
        key!(RateLimit, "burst", rate.burst, BURST),
        default_key!(RateLimit, "spaced", rate.spaced, BOOLEAN, false),
        optional_key!(RateLimit, "overflow", overflow, OVERFLOW),
    ],
    check: no_check,
};

const BURST: Codec<u32> = Codec::new(
    |key, object, reader| {
        let burst = u32::try_from(read_count(key, object, reader)?).ok().filter(|burst| *burst > 0);
        if burst.is_none() {
            let node = object.node(key)?;
            reader.error_at(node, key, "a burst has at least one call", "use a number from 1 up, or remove it");
        }
        burst
    },
    |burst| Yaml::Inline(burst.to_string()),
);

fn check_rate(rate: f64, node: &Node, reader: &mut Reader) {
    if !(MIN_RATE..=MAX_RATE).contains(&rate) {
        let help = format!("use a number from {MIN_RATE} to {MAX_RATE}");
        reader.error(node, format!("{} is no rate to limit to", node.to_json()), help);
    }
}

/// Calls a second: one in a quarter of an hour.
pub(super) const MIN_RATE: f64 = 0.001;

/// Calls a second: more than any machine takes.
pub(super) const MAX_RATE: f64 = 1e9;
