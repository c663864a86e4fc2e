//! Recordings that no model can be fitted to: too short, or with times that contradict each other.

use std::fmt;

use super::prepare::trace::Trace;
use standin_text::percent;

/// The reason for which a recording is not fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FitError {
    /// There are too few calls.
    TooFewCalls {
        /// Number of answered calls on the tapes.
        calls: u64,
    },
    /// Times of a tape contradict each other.
    InconsistentTimes {
        /// Share of the calls whose times cannot be true.
        share: f64,
    },
    /// The recorder counted other populations than the times of a tape make.
    InconsistentPopulations {
        /// Mean population that was counted, relative to the one that the times make, minus 1.
        difference: f64,
    },
}

impl Trace {
    /// Returns an error if times of the tape contradict each other so often that every model of it
    /// would be wrong.
    pub(crate) fn check_consistency(&self) -> Result<(), FitError> {
        let calls = (self.calls.len() + self.mistimed.len()) as f64;
        let share = self.contradictory as f64 / calls.max(1.0);
        if share > MAX_CONTRADICTORY_SHARE {
            return Err(FitError::InconsistentTimes { share });
        }
        let is_whole = (self.lost + self.failed) as f64 <= calls * MAX_MISSING_SHARE;
        match self.population_difference().filter(|_| is_whole) {
            Some(difference) if difference.abs() > MAX_POPULATION_DIFFERENCE => {
                Err(FitError::InconsistentPopulations { difference })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for FitError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewCalls { calls } => {
                write!(
                    out,
                    "{calls} answered calls are too few to fit; record at least {MIN_CALLS}: \
                     `standin record --ramp` repeats recorded calls at rising rates"
                )
            }
            Self::InconsistentTimes { share } => {
                write!(
                    out,
                    "this recording's times are inconsistent: those of {} of the calls cannot be true. ",
                    percent(*share)
                )?;
                out.write_str(RECORD_AGAIN)
            }
            Self::InconsistentPopulations { difference } => {
                write!(
                    out,
                    "this recording's times are inconsistent: the recorder counted {} {} calls at the service than the \
                     times of the calls make, though none is missing. ",
                    percent(difference.abs()),
                    if *difference > 0.0 { "more" } else { "fewer" }
                )?;
                out.write_str(RECORD_AGAIN)
            }
        }
    }
}

impl std::error::Error for FitError {}

/// Minimum number of calls of a recording that is fitted.
pub(crate) const MIN_CALLS: usize = 200;
/// Advice for a recording with inconsistent times.
const RECORD_AGAIN: &str = "Record again with the current version, and give the recorder a core of its own; do not join or \
                            edit tapes by hand";
/// Largest share of calls with impossible times: up to 5 % are left out without harm.
const MAX_CONTRADICTORY_SHARE: f64 = 0.1;
/// Largest share of calls missing from a tape whose populations are compared.
const MAX_MISSING_SHARE: f64 = 0.02;
/// Largest relative difference between counted and computed populations. Recorders that share a
/// core with the service reach 6 %.
const MAX_POPULATION_DIFFERENCE: f64 = 0.3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::prepare::trace::Observation;

    fn trace(counted: impl Fn(u64) -> u32) -> Trace {
        let call = |rank: u64| Observation {
            operation: 0,
            arrival: rank * 10,
            finish: rank * 10 + 35,
            status: 200,
            bytes: None,
            in_flight: counted(rank),
        };
        Trace { operations: vec!["GET /".to_owned()], calls: (0..500).map(call).collect(), ..Trace::default() }
    }

    #[test]
    fn times_that_contradict_each_other_are_told_with_what_to_do() {
        let consistent = trace(|rank| rank.min(3) as u32 + 1);
        assert_eq!(consistent.check_consistency(), Ok(()));
        let few = Trace { contradictory: 20, ..consistent.clone() };
        assert_eq!(few.check_consistency(), Ok(()));
        let many = Trace { contradictory: 100, ..consistent };
        let told = many.check_consistency().unwrap_err().to_string();
        assert!(told.starts_with("this recording's times are inconsistent: those of 20 %"), "{told}");
        assert!(told.contains("Record again"), "{told}");
    }

    #[test]
    fn counted_populations_contradict_times_only_where_no_call_is_missing() {
        let other = trace(|_| 9);
        let told = other.check_consistency().unwrap_err().to_string();
        assert!(told.contains("more calls at the service"), "{told}");
        assert_eq!(Trace { lost: 300, ..other }.check_consistency(), Ok(()));
    }
}
