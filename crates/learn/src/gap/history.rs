//! History of comparisons: a line for each, and the trend that the lines show.

use serde::{Deserialize, Serialize};

use crate::gap::evaluate::limit_outcome::Verdict;
use crate::gap::format::unsigned;
use crate::gap::{Gap, MockKind};
use standin_text::counted;

/// A comparison that was made before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Time of the comparison: `2026-11-30 17:40 UTC`.
    pub at: String,
    /// The name of the reference: `recorded` or `live`.
    pub against: String,
    /// The profile that the mock was served with; `None` without one.
    #[serde(default)]
    pub profile: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// The median over all rows of the gap, in logarithms.
    pub typical: f64,
    /// The gap of the worst row.
    pub worst: f64,
    /// The operation of the worst row.
    pub worst_operation: String,
    /// The share of rows, 0 to 1, that could be judged.
    pub judged: f64,
    /// Version of standin.
    #[serde(default)]
    pub version: Option<String>,
}

/// Age of the profile that was compared, and of the tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileAge {
    /// Time of the recording that the profile was fitted to.
    pub profile: String,
    /// Time of the recording that it was compared with.
    pub tape: String,
}

impl Gap {
    /// Returns the line of this comparison; `None` if nothing could be compared.
    pub fn history_entry(&self, profile: Option<&str>) -> Option<HistoryEntry> {
        let headline = self.headline.as_ref()?;
        Some(HistoryEntry {
            at: self.conditions.compared.clone()?,
            against: self.reference.name.clone(),
            profile: profile.map(str::to_owned),
            verdict: self.verdict,
            typical: headline.median,
            worst: headline.worst,
            worst_operation: headline.worst_operation.clone(),
            judged: self.judged,
            version: self.conditions.version.clone(),
        })
    }

    /// Adds the comparisons that were made before, in the order in which they were made.
    pub fn set_history(&mut self, entries: Vec<HistoryEntry>) {
        self.history = entries;
    }

    /// Returns sentences about the comparisons before this one; none without any of this kind.
    pub(crate) fn describe_trend(&self) -> Vec<String> {
        let Some(now) = &self.headline else { return Vec::new() };
        let before: Vec<&HistoryEntry> =
            self.history.iter().filter(|entry| entry.against == self.reference.name).collect();
        let [first, .., last] = before.as_slice() else {
            return before.first().map(|only| since(only, now.median)).into_iter().collect();
        };
        let (least, most) = before
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(least, most), one| (least.min(one.typical), most.max(one.typical)));
        let mut all = vec![format!(
            "answer times are typically {} off now; in the {} before, since {}, {}, and {} in the last of them",
            unsigned(now.median),
            counted(before.len() as u64, "comparison"),
            day(&first.at),
            range(least, most),
            unsigned(last.typical)
        )];
        if now.median > most * GROWTH_FACTOR && now.median - most > MIN_GROWTH {
            all.push("they were never so far off: the service or the mock has changed".to_owned());
        }
        if self.verdict == Verdict::Over && before.iter().all(|entry| entry.verdict == Verdict::Within) {
            all.push("this is the first of these comparisons that is over the budget".to_owned());
        }
        all
    }

    /// Adds what the comparison says of the service itself: a profile that no longer fits a later
    /// recording of the service shows that the service has changed.
    pub fn note_age(&mut self, age: &ProfileAge) {
        let ProfileAge { profile, tape } = age;
        let (profile, tape) = (format!("the profile is of {profile}"), format!("the recording of {tape}"));
        let says = match (self.verdict, self.served) {
            (_, MockKind::Tape | MockKind::Unpaced) => return,
            (Verdict::Over, _) => "the service has changed since the profile was fitted; fit the later recording",
            (Verdict::Within, _) => "the service has not changed since by more than the budget allows",
            (Verdict::NotJudged | Verdict::NoBudget, _) => "whether the service has changed since is not judged",
        };
        self.notes.push(format!("{profile}, {tape}: {says}"));
    }
}

/// Returns a sentence about the only comparison before.
fn since(only: &HistoryEntry, now: f64) -> String {
    format!(
        "answer times are typically {} off now, and were {} off in the comparison of {}",
        unsigned(now),
        unsigned(only.typical),
        day(&only.at)
    )
}

/// Returns the range of two gaps in words.
fn range(least: f64, most: f64) -> String {
    let (least, most) = (unsigned(least), unsigned(most));
    if least == most { most } else { format!("{least} to {most}") }
}

/// Returns the day of a time.
fn day(at: &str) -> &str {
    at.split(' ').next().unwrap_or(at)
}

/// A gap that is larger by this factor and by this much is larger than any before.
const GROWTH_FACTOR: f64 = 1.5;
const MIN_GROWTH: f64 = 0.01;
