//! Classes of answers by their suitability for a stub.

use super::call_group::SeenAnswer;

/// A class of answers, from the most to the least suitable for a stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AnswerClass {
    /// An answer that depends on the call alone.
    Plain,
    /// 206, 412 or 416: it depends on headers of the request.
    Conditional,
    /// 408, 429 or 5xx: the service was too busy, or broken.
    Overload,
    /// 304: useless to a client that did not ask for it.
    NotModified,
}

pub(super) fn answer_class(seen: &SeenAnswer) -> AnswerClass {
    match seen.response.status {
        304 => AnswerClass::NotModified,
        206 | 412 | 416 => AnswerClass::Conditional,
        408 | 429 | 500.. => AnswerClass::Overload,
        _ => AnswerClass::Plain,
    }
}
