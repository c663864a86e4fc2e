//! What became of a tape's calls: how many stubs, and what was left out and why. Silence would look like completeness.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use standin_text::counted;

/// What a draft was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Calls on the tapes.
    pub calls: u64,
    /// Stubs, those for other ids included.
    pub stubs: usize,
    /// Stubs that answer ids that were not recorded.
    pub templates: usize,
    /// Operations that have stubs.
    pub operations: usize,
    /// What was left out, and what is to be known.
    pub remarks: BTreeMap<LeftOut, Tally>,
}

/// How many calls, and of which operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The calls.
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
    /// Headers of the answer that held a secret.
    SecretHeader,
    /// The answer names the recorded service itself.
    NamesTarget,
}

impl Report {
    /// Notes calls of an operation; an empty name is none.
    pub(super) fn note(&mut self, why: LeftOut, calls: u64, operation: &str) {
        let tally = self.remarks.entry(why).or_default();
        tally.calls += calls;
        if !operation.is_empty() {
            tally.operations.insert(operation.to_owned());
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, stubs, templates, operations, remarks } = self;
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
        for (why, tally) in remarks {
            let calls = counted(tally.calls, "call");
            match why {
                LeftOut::NoAnswer => write!(out, "\n  left out: {calls} without a whole answer")?,
                LeftOut::NoBody => write!(out, "\n  left out: {calls} with a body that is not on the tape")?,
                LeftOut::Strange => write!(out, "\n  left out: {calls} that no stub can ask for or answer")?,
                LeftOut::Differing => write!(
                    out,
                    "\n  left out: {calls} answered otherwise than the same call mostly is: a stub has one answer, the most frequent, and of several the latest"
                )?,
                LeftOut::Overload => {
                    write!(
                        out,
                        "\n  left out: {calls} answered 5xx, 429 or 408: how often is a matter of the profile"
                    )?;
                }
                LeftOut::NotModified => {
                    write!(
                        out,
                        "\n  left out: {calls} answered 304: stubs do not ask for the headers that it depends on"
                    )?;
                }
                LeftOut::Capped => {
                    write!(
                        out,
                        "\n  left out: {calls} beyond the stubs that an operation may have; see `--max-stubs`"
                    )?;
                }
                LeftOut::LooseBody => {
                    write!(
                        out,
                        "\n  note: {calls} whose body is not asked for: over 64 KiB, multipart, or bytes with a secret"
                    )?;
                }
                LeftOut::SecretHeader => {
                    write!(
                        out,
                        "\n  note: {calls} whose answer lacks a header that held a secret, such as Set-Cookie"
                    )?;
                }
                LeftOut::NamesTarget => write!(
                    out,
                    "\n  note: {calls} whose answer names the recorded service: clients that follow such a link reach it"
                )?,
            }
            let mut names = tally.operations.iter();
            for (place, name) in names.by_ref().take(SHOWN).enumerate() {
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
const SHOWN: usize = 4;
