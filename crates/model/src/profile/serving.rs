//! What a service says beside its capacity: what stands in front, when it stands still, and what becomes of abandoned calls.

use std::time::Duration;

use super::delays::delay;
use super::read::close;
use super::spec::{Abandon, Stalls};
use standin_stub::source::defect::nearest;
use standin_stub::source::{Node, Object, Reader, Value};

/// A front and what is demanded of it need each other.
pub(super) fn front_is_used(service: &Object<'_>, reader: &mut Reader) {
    let operations = service.node("operations").map_or(&[][..], Node::items);
    let demands = |work: &&Node| work.get("front").is_some_and(|node| node.value != Value::Null);
    let demanding: Vec<&Node> = operations.iter().chain(service.node("default")).filter(demands).collect();
    match service.node("front") {
        None => {
            for work in demanding {
                let help = "give the service one: `front: {discipline: fifo, workers: 1, queue: unbounded}`";
                reader.error_at(work.get("front").unwrap_or(work), "front", "the service has no `front`", help);
            }
        }
        Some(node) if demanding.is_empty() => {
            let help = "add `front: {fixed: 1ms}` to an operation, or remove it here";
            reader.warn_at(node, "front", "no operation demands anything of the front", help);
        }
        Some(_) => {}
    }
}

/// Reads what becomes of a call whose client goes away.
pub(super) fn abandon(service: &mut Object<'_>, reader: &mut Reader) -> Option<Abandon> {
    let word = service.text("abandon", reader)?;
    match word.as_str() {
        "keep" => Some(Abandon::Keep),
        "free" => Some(Abandon::Free),
        other => {
            let help = match nearest(other, &["free", "keep"]) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "use `keep` or `free`".to_owned(),
            };
            let message = format!("`{other}` is nothing that becomes of an abandoned call");
            reader.error_at(service.node("abandon")?, "abandon", message, help);
            None
        }
    }
}

/// Reads when a service stands still.
pub(super) fn stalls(node: &Node, reader: &mut Reader) -> Option<Stalls> {
    let whole = Object::open(node, "`stalls`", reader)?;
    let mut times = |key: &str, help: &str| match whole.node(key) {
        Some(node) => reader.within(key, |reader| delay(node, reader)),
        None => {
            reader.error(node, format!("the stalls have no `{key}`"), help);
            None
        }
    };
    let every = times("every", "add the time between two, such as `every: {exponential: {mean: 30s}}`");
    let last = times("last", "add the time that one takes, such as `last: {lognormal: {median: 120ms, p99: 400ms}}`");
    if let (Some(node), Some(every)) = (whole.node("every"), &every)
        && let Ok(built) = every.build()
        && built.mean().is_some_and(|mean| mean < SHORTEST_GAP)
    {
        let help = "use a mean of 1ms or more; for a slower service use `scale`";
        reader.error_at(node, "every", "there is hardly any time between these stalls", help);
    }
    close(whole, &["every", "last"], reader);
    Some(Stalls { every: every?, last: last? })
}

/// The least mean time between two stalls: schedules are drawn ahead, and what comes more often is a slower service.
const SHORTEST_GAP: Duration = Duration::from_millis(1);
