//! The answer that a drafted stub gives: of all answers to calls that a stub cannot tell apart, the
//! most frequent one.

use std::cmp::Reverse;

use super::report::{DraftReport, LeftOut};
use super::{CallGroup, SeenAnswer};

/// A group of calls and the answer that its stub gives.
#[derive(Clone, Copy)]
pub(super) struct ChosenAnswer<'d> {
    pub(super) group: &'d CallGroup,
    pub(super) seen: &'d SeenAnswer,
}

/// Chooses an answer for each group and reports the others as left out under `operation`.
///
/// Overload answers are chosen only if the service gave no others: how a service fails under load
/// belongs to its profile.
pub(super) fn choose_answers<'g>(
    operation: &str,
    groups: &[&'g CallGroup],
    report: &mut DraftReport,
) -> Vec<ChosenAnswer<'g>> {
    let candidates: Vec<Option<&SeenAnswer>> = groups.iter().map(|group| most_frequent(group)).collect();
    let has_others = candidates.iter().flatten().any(|seen| answer_class(seen) != AnswerClass::Overload);
    let mut all_chosen = Vec::new();
    for (group, candidate) in groups.iter().zip(candidates) {
        let stubbed = candidate.filter(|seen| !has_others || answer_class(seen) != AnswerClass::Overload);
        for seen in group.answers.values().filter(|seen| !stubbed.is_some_and(|one| std::ptr::eq(one, *seen))) {
            let why = match answer_class(seen) {
                AnswerClass::NotModified => LeftOut::NotModified,
                AnswerClass::Overload => LeftOut::Overload,
                AnswerClass::Plain | AnswerClass::Conditional => LeftOut::Differing,
            };
            report.note(why, seen.calls, operation);
        }
        all_chosen.extend(stubbed.map(|seen| ChosenAnswer { group, seen }));
    }
    all_chosen
}

/// A class of answers, from the most to the least suitable for a stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum AnswerClass {
    /// An answer that depends on the call alone.
    Plain,
    /// 206, 412 or 416: it depends on headers that stubs do not match.
    Conditional,
    /// 408, 429 or 5xx: the service was too busy, or broken.
    Overload,
    /// 304: useless to a client that did not ask for it.
    NotModified,
}

fn answer_class(seen: &SeenAnswer) -> AnswerClass {
    match seen.response.status {
        304 => AnswerClass::NotModified,
        206 | 412 | 416 => AnswerClass::Conditional,
        408 | 429 | 500.. => AnswerClass::Overload,
        _ => AnswerClass::Plain,
    }
}

/// Returns the answer of the best class that was given most often; of equals, the latest.
fn most_frequent(group: &CallGroup) -> Option<&SeenAnswer> {
    let usable = group.answers.values().filter(|seen| answer_class(seen) != AnswerClass::NotModified);
    usable.max_by_key(|seen| (Reverse(answer_class(seen)), seen.calls, seen.last))
}
