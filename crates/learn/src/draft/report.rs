//! Report of a draft: the number of stubs, and what was left out and why. Silence would look like
//! completeness.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use standin_tape::SplitOperation;
use standin_tape::operations::VariableSegment;
use standin_text::counted;

/// The numbers of a draft, and what was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DraftReport {
    /// Calls on the tapes.
    pub calls: u64,
    /// Stubs, those for other ids included.
    pub stubs: usize,
    /// Stubs that answer ids that were not recorded.
    pub templates: usize,
    /// Operations that have stubs.
    pub operations: usize,
    /// Path segments that are ids.
    pub variables: Vec<VariableSegment>,
    /// Operations of one path that a query parameter tells apart.
    pub split_operations: Vec<SplitOperation>,
    /// Omissions and remarks, by reason.
    pub remarks: BTreeMap<LeftOut, OmittedCalls>,
}

/// The calls that a remark applies to, and their operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OmittedCalls {
    /// The number of calls.
    pub calls: u64,
    /// Their operations, where they are known.
    pub operations: BTreeSet<String>,
}

/// Why something of a call is not in the stubs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// No answer, or one that was cut off.
    NoAnswer,
    /// A body is not on the tape.
    NoBody,
    /// A method, url or status that no stub can have.
    Strange,
    /// Answered otherwise than the stub answers.
    Differing,
    /// 5xx, 429 and 408: how the service fails belongs to its profile.
    Overload,
    /// 304: it answers a header that stubs do not ask for.
    NotModified,
    /// More distinct calls of an operation than stubs were asked for.
    Capped,
    /// The body is not asked for: too large, or multipart.
    LooseBody,
    /// Headers of the answer that held a secret, in whose place they have another value.
    SecretHeader,
    /// The answer names the recorded service itself.
    NamesTarget,
    /// Told apart by headers.
    ByHeader,
    /// A call that was repeated got different answers in a stable order.
    Sequence,
    /// A write changed the answers of reads.
    WriteScenario,
    /// Fields of the request whose values are for one call only.
    VolatileField,
    /// The answer repeats values of the request, or the time.
    Template,
    /// The answers differ by the id in the path alone, and other ids get them with their own.
    IdEcho,
    /// Other ids get the answer of one that was not there.
    IdNotFound,
    /// Other ids get no stub.
    IdMiss,
}

impl DraftReport {
    /// Notes calls of an operation; an empty name is none.
    pub(super) fn note(&mut self, why: LeftOut, calls: u64, operation: &str) {
        let omitted = self.remarks.entry(why).or_default();
        omitted.calls += calls;
        if !operation.is_empty() {
            omitted.operations.insert(operation.to_owned());
        }
    }
}

impl LeftOut {
    /// Returns the label of the remark, and its text after the number of calls.
    fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::NoAnswer => ("left out", "without a whole answer"),
            Self::NoBody => ("left out", "with a body that is not on the tape"),
            Self::Strange => ("left out", "that no stub can ask for or answer"),
            Self::Differing => (
                "left out",
                "answered otherwise than the same call mostly is, in no stable order: a stub has one answer, the most frequent, and of several the latest",
            ),
            Self::Overload => ("left out", "answered 5xx, 429 or 408: how often is a matter of the profile"),
            Self::NotModified => ("left out", "answered 304: stubs do not ask for the headers that it depends on"),
            Self::Capped => ("left out", "beyond the stubs that an operation may have; see `--max-stubs`"),
            Self::LooseBody => ("note", "whose body is not asked for: over 64 KiB, multipart, or bytes with a secret"),
            Self::SecretHeader => (
                "note",
                "whose answer has another value where a header held a secret, such as Set-Cookie; `record --keep KEY` keeps it",
            ),
            Self::ByHeader => ("note", "told apart by a header on which the answer depends"),
            Self::VolatileField => {
                ("note", "with fields whose values are for one call only, so that any value matches")
            }
            Self::Template => ("note", "whose answer repeats values of the request, or the time: a template gives it"),
            Self::IdEcho => ("note", "whose answers differ by the id alone: other ids get them with their own"),
            Self::IdNotFound => ("note", "whose answers differ in more than the id: other ids get a recorded 404"),
            Self::IdMiss => ("note", "whose answers differ in more than the id: other ids get no stub"),
            Self::Sequence => (
                "note",
                "of the same request answered differently in turn: a scenario gives the answers in their order",
            ),
            Self::WriteScenario => {
                ("note", "of reads that a write changed, and of such writes: a scenario follows the writes")
            }
            Self::NamesTarget => {
                ("note", "whose answer names the recorded service: clients that follow such a link reach it")
            }
        }
    }
}

impl fmt::Display for DraftReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, stubs, templates, operations, variables, split_operations, remarks } = self;
        write!(
            out,
            "{} gave {} of {}",
            counted(*calls, "call"),
            counted(*stubs as u64, "stub"),
            counted(*operations as u64, "operation")
        )?;
        if *templates > 0 {
            write!(out, ", {templates} of them for ids that were not recorded")?;
        }
        for VariableSegment { path, values, examples, look } in variables {
            let more = if *values > examples.len() { ", …" } else { "" };
            let look = if *look == "stated" { "stated by --id-segments" } else { look };
            let (values, examples) = (counted(*values as u64, "value"), examples.join(", "));
            write!(out, "\n  id: `{path}` stands for {values} ({look}): {examples}{more}")?;
        }
        for SplitOperation { path, key, operations, proof } in split_operations {
            let more = operations.len().saturating_sub(MAX_NAMED_OPERATIONS);
            let names: Vec<String> =
                operations.iter().take(MAX_NAMED_OPERATIONS).map(|name| format!("`{name}`")).collect();
            write!(out, "\n  query: `{key}` tells calls of `{path}` apart ({proof}): {}", names.join(", "))?;
            if more > 0 {
                write!(out, " and {more} more")?;
            }
        }
        for (why, omitted) in remarks {
            let calls = counted(omitted.calls, "call");
            let (label, description) = why.describe();
            write!(out, "\n  {label}: {calls} {description}")?;
            let mut names = omitted.operations.iter();
            for (place, name) in names.by_ref().take(MAX_NAMED_OPERATIONS).enumerate() {
                write!(out, "{}`{name}`", if place == 0 { ": " } else { ", " })?;
            }
            match names.count() {
                0 => {}
                more => write!(out, " and {more} more")?,
            }
        }
        Ok(())
    }
}

/// Operations that a remark names.
const MAX_NAMED_OPERATIONS: usize = 4;
