//! Confidence of a comparison in words: what repeated runs show, what parts of one run cannot show,
//! and what was not compared.

use crate::gap::evaluate::limit_outcome::Verdict;
use crate::gap::format::{TOO_SLOW_THEN, signed};
use crate::gap::inference::{Largest, Power};
use crate::gap::report::summary::is_noise_from_parts;
use crate::gap::{Gap, Inference, MockKind};
use standin_text::{grouped, list, percent};

impl Gap {
    /// Returns sentences about the confidence of the comparison.
    pub(crate) fn describe_confidence(&self) -> Vec<String> {
        let mut all: Vec<String> = match &self.inference {
            Some(inference) => self.by_runs(inference),
            None if is_noise_from_parts(&self.cells) => vec![self.by_parts()],
            None => Vec::new(),
        };
        let rows = self.cells.len();
        let judged = self.cells.iter().filter(|cell| cell.verdict != Verdict::NotJudged).count();
        if self.verdict != Verdict::NoBudget && rows > 0 {
            all.push(if judged == rows {
                format!("all {rows} comparisons (an operation at a load each) could be judged")
            } else {
                format!("{judged} of {rows} comparisons (an operation at a load each) could be judged")
            });
        }
        let lacking = self.cells.iter().filter(|cell| cell.reliable_percentiles.len() < 4).count();
        if lacking > 0 {
            let place =
                if lacking == rows { "everywhere".to_owned() } else { format!("in {lacking} of {rows} comparisons") };
            all.push(format!("{place} there are too few calls for the highest percentiles (marked few)"));
        }
        if self.mock.left_out > 0 {
            let left_out = grouped(self.mock.left_out);
            all.push(format!("{left_out} calls are left out, for {TOO_SLOW_THEN}"));
        }
        let beyond = self.mock.beyond + self.reference.beyond;
        if beyond > 0 {
            all.push(format!("{} calls came at loads that only one side had; they are not compared", grouped(beyond)));
        }
        all
    }

    /// Returns sentences about the significance test on runs of one schedule.
    fn by_runs(&self, inference: &Inference) -> Vec<String> {
        let (reference, mock) = inference.runs;
        let mut all = vec![if reference == mock {
            format!("each side ran the same calls {reference} times")
        } else {
            format!("the service ran the same calls {reference} times, and the mock {mock} times")
        }];
        if let Some(largest) = &inference.largest {
            let Largest { operation, level, percent, log_ratio, .. } = largest;
            // as it stands in the table, of all runs together
            let cell = self.cells.iter().find(|cell| cell.operation == *operation && cell.level == *level);
            let log = cell.and_then(|cell| cell.deviation).map_or(*log_ratio, |one| one.log_ratio.at(*percent));
            let when = crate::gap::report::summary::spaced(&self.when(level));
            all.push(format!("the clearest difference is in the p{percent} of {operation}{when} ({})", signed(log)));
            all.push(match (inference.chance, inference.differs()) {
                (Some(chance), Some(true)) => format!(
                    "if the mock were the service, chance would make one as clear in {} of 100 comparisons, so the mock really differs",
                    per_hundred(chance)
                ),
                (Some(chance), _) => format!(
                    "if the mock were the service, chance would make one as clear in {} of 100 comparisons, so no difference in answer times was \
                     shown (this test does not look at errors)",
                    per_hundred(chance)
                ),
                (None, _) => "so few runs cannot tell it from chance: it takes 4 a side".to_owned(),
            });
        }
        all.extend(self.power(&inference.power));
        all
    }

    /// Returns a sentence about the smallest difference that the test would show.
    fn power(&self, power: &[Power]) -> Option<String> {
        let is_slow = |power: &Power| power.percent > 50;
        let what = match (power.iter().any(is_slow), power.iter().all(is_slow)) {
            (true, true) => "slow answers (p95)",
            (false, _) => "typical answers (p50)",
            (true, false) => "slow answers (p95; p50 where there are few calls)",
        };
        let seen: Vec<String> = power
            .iter()
            .map(|power| match self.label(&power.level) {
                "all" => percent(power.seen),
                label => format!("{} ({label})", percent(power.seen)),
            })
            .collect();
        (!seen.is_empty()).then(|| {
            format!(
                "a comparison like this would notice a difference of {} in {what} about half of the time; smaller ones would mostly go unnoticed",
                list(&seen, "or")
            )
        })
    }

    /// Returns a sentence about noise that is estimated from parts, and how to improve on it.
    fn by_parts(&self) -> String {
        let (reference, mock) = (self.reference.runs, self.mock.runs);
        let parts =
            "what chance makes is estimated from parts of it, which cannot show what differs from one run to the next";
        match self.served {
            MockKind::Tape if reference > 1 && mock > 1 => {
                "the recordings are not runs of the same load, so what chance makes is estimated from parts of them, which cannot show what \
                 differs from one run to the next: compare 4 recordings a side of the same calls"
                    .to_owned()
            }
            MockKind::Tape if reference > 1 || mock > 1 => format!(
                "one side has a single recording, so {parts}: to be sure of small differences, record both sides 4 times \
                 (`--reference A1 A2 A3 A4 --mock B1 B2 B3 B4`)"
            ),
            MockKind::Tape => format!(
                "there is one recording a side, so {parts}: to be sure of small differences, compare 4 recordings a side of the same calls \
                 (`--reference A1 A2 A3 A4 --mock B1 B2 B3 B4`)"
            ),
            _ if reference > 1 => format!(
                "the calls were sent once, in turns, so {parts}: to be sure of small differences, repeat all of them (`--runs 4`)"
            ),
            _ => format!(
                "there is one run a side, so {parts}: to be sure of small differences, send the calls to the live service and the mock several times \
                 (`--target URL --max-per-second N --runs 4`)"
            ),
        }
    }
}

/// Formats a probability as a number out of 100 comparisons.
fn per_hundred(chance: f64) -> String {
    let hundredths = chance * 100.0;
    if hundredths < 1.0 { "fewer than 1".to_owned() } else { format!("about {hundredths:.0}") }
}
