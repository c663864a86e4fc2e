//! `transfer: {rate: 20MB/s}`: how fast the bodies of an operation leave, as profiles spell it.

use super::read::close;
use standin_stub::delay::units::parse_rate;
use standin_stub::source::{Node, Object, Reader, Value};

/// Reads a transfer, in bytes a second.
pub(super) fn transfer(node: &Node, reader: &mut Reader) -> Option<f64> {
    let whole = Object::open(node, "a transfer", reader)?;
    let Some(rate) = whole.node("rate") else {
        reader.error(node, "the transfer has no `rate`", "add the bytes that leave a second, such as `rate: 20MB/s`");
        close(whole, &["rate"], reader);
        return None;
    };
    let read = match &rate.value {
        Value::String(text) | Value::Number(text) => parse_rate(text).map_err(|error| (error.message, error.help)),
        _ => Err((format!("a rate is needed here, not {}", rate.kind_name()), "write one such as `20MB/s`".to_owned())),
    };
    let bytes = read.map_err(|(message, help)| reader.error_at(rate, "rate", message, help)).ok();
    if bytes.is_some_and(|bytes| bytes < SLOWEST) {
        reader.error_at(rate, "rate", "no body leaves at less than a byte a second", "use at least `1B/s`");
    }
    close(whole, &["rate"], reader);
    bytes
}

/// Bytes a second: at less, no answer would ever end.
const SLOWEST: f64 = 1.0;
