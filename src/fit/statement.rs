//! What must be said beside the numbers, in words.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::delay::units::{duration, share};

/// A thing to know about a fitted model.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// No call waited for another: nothing is known of the capacity but a floor.
    CapacityUnknown {
        /// Fewer workers would have shown.
        at_least: u32,
    },
    /// The number of workers rests on the calls that waited.
    FewWaited {
        /// How many.
        calls: usize,
        /// Numbers of workers that they speak for, the lowest and the highest.
        workers: (u32, u32),
    },
    /// No single station explains the tape.
    NotOneQueue {
        /// The effect size that remains.
        effect: f64,
    },
    /// The model fails to predict the tape's own highest load.
    Extrapolation {
        /// The mean error at p50, p90 and p95.
        error: f64,
        /// What one run of the model differs from the mean of its runs.
        noise: f64,
    },
    /// The effect size is small, but more than chance.
    Approximation {
        /// The effect size that remains.
        effect: f64,
        /// What chance makes of it.
        chance: f64,
    },
    /// Other models explain the tape about as well.
    Ambiguous {
        /// Their names.
        others: Vec<String>,
    },
    /// The lower load alone points to another model.
    LowerLoadDiffers {
        /// The model it points to.
        model: String,
    },
    /// The second half of the recording is of another service than the first.
    Changed {
        /// By how much its mean demand differs.
        demand: f64,
    },
    /// The load hardly varied, so nothing could be predicted.
    OneLoad,
    /// A third of an operation's calls is too small to compare.
    FewCalls {
        /// Calls in the smallest third.
        third: u64,
    },
    /// The recorder let no more calls through at a time.
    InFlightLimit {
        /// The limit.
        limit: u32,
    },
    /// The recorder let no more calls through in a second.
    RateLimit {
        /// The limit, in calls a second.
        per_second: f64,
    },
    /// The recorder did not see all traffic.
    NotExclusive,
    /// The recorder counted another population than the calls of the tape make.
    Population {
        /// The recorder's mean over the tape's, less 1.
        difference: f64,
    },
    /// Calls that got no whole answer are left out.
    Failures {
        /// How many.
        calls: u64,
    },
    /// Calls that the tape lacks.
    Lost {
        /// How many.
        calls: u64,
    },
    /// Calls that the service turned away, and neither a full queue nor a rate explains when.
    Rejected {
        /// Their status.
        status: u16,
        /// How many.
        calls: u64,
    },
    /// The first calls were slower and do not count.
    WarmUp {
        /// How many.
        calls: u64,
    },
    /// A delay that varies lies beside the queue: of the queue only the capacity is known.
    DelayBeside {
        /// Calls a second that the queue can do.
        capacity: f64,
        /// The mean error of the strata, by the noise of a run.
        error: f64,
    },
    /// The service was measured by how many calls are inside.
    Curve {
        /// The largest population that was seen often enough.
        measured: u32,
        /// Calls a second that it can do, as far as the curve goes on as it did.
        capacity: f64,
    },
    /// Calls pass a front, one at a time, before the workers.
    Series {
        /// The mean that one demands of it.
        front: Duration,
        /// The workers behind it.
        workers: u32,
        /// Calls a second that both can do.
        capacity: f64,
        /// The worst mean error of the strata.
        error: f64,
    },
    /// Hardly any call waited for the workers behind a front.
    PoolUnsure {
        /// How many there are, if any.
        workers: u32,
    },
    /// A front would explain the tape better, but the tape does not show both stations.
    SeriesHidden,
    /// Neither a curve nor a front explains what no single station does.
    NoFamily,
    /// A part of the latency is spent beside the queue.
    Outside {
        /// How long.
        time: Duration,
    },
}

impl Statement {
    /// Whether the tape is not explained by the model.
    pub fn is_unexplained(&self) -> bool {
        matches!(self, Self::NotOneQueue { .. } | Self::Extrapolation { .. })
    }

    /// Whether waiting may pass for demands, so that the slowest of them say nothing of the service.
    pub(super) fn blurs_tails(&self) -> bool {
        self.is_unexplained()
            || matches!(self, Self::NotExclusive | Self::Population { .. } | Self::Lost { .. } | Self::Changed { .. })
    }

    /// Whether what the model predicts beyond the tape must not be trusted.
    pub fn marks_predictions(&self) -> bool {
        let is_wide = |(low, high): &(u32, u32)| f64::from(*high) > f64::from(*low) * WIDE;
        matches!(self, Self::FewWaited { workers, .. } if is_wide(workers))
            || matches!(
                self,
                Self::CapacityUnknown { .. }
                    | Self::NotOneQueue { .. }
                    | Self::Extrapolation { .. }
                    | Self::Ambiguous { .. }
                    | Self::NotExclusive
                    | Self::PoolUnsure { .. }
                    | Self::Changed { .. }
            )
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CapacityUnknown { at_least } => write!(
                out,
                "capacity unknown: at least {at_least}, for no queue was seen; record at a higher load to learn it"
            ),
            Self::FewWaited { calls, workers } => few_waited(out, *calls, *workers),
            Self::NotOneQueue { effect } => write!(
                out,
                "not explained by one queue: demands still differ by {} of their mean between low and high population; do not \
                 trust predictions beyond the recorded load",
                percent(*effect)
            ),
            Self::Extrapolation { error, noise } => write!(
                out,
                "not explained by one queue, or the service changed meanwhile: its lower load predicts the highest of the tape \
                 with a mean error of {}, where chance makes {}; do not trust predictions beyond the recorded load",
                percent(*error),
                percent(*noise)
            ),
            Self::Approximation { effect, chance } => write!(
                out,
                "an approximation: demands still differ by {} of their mean between low and high population, where chance makes \
                 {}; compare with the service before relying on it",
                percent(*effect),
                percent(*chance)
            ),
            Self::Ambiguous { others } => write!(
                out,
                "{} {} the tape about as well; a recording at a higher load would tell",
                listed(others),
                if others.len() == 1 { "explains" } else { "explain" }
            ),
            Self::LowerLoadDiffers { model } => {
                write!(
                    out,
                    "the lower load alone points to {model}; only the highest load of the tape shows the capacity"
                )
            }
            Self::Changed { demand } => write!(
                out,
                "the service changed: calls of the second half of the recording demand {} {} than those of the first; was it \
                 warming up, or were workers added? Fit the parts by themselves, with `--from` and `--to`",
                percent(demand.abs()),
                if *demand > 0.0 { "more" } else { "less" }
            ),
            Self::OneLoad => {
                write!(out, "the tape holds one load, so no prediction could be checked; record at several loads")
            }
            Self::FewCalls { third } => write!(
                out,
                "only {third} calls in a third of the rarest operation; below 300 the comparison is weak, record longer"
            ),
            Self::InFlightLimit { limit } => write!(
                out,
                "the recorder let at most {limit} calls through at a time and that was reached: at least {limit}, not a \
                 capacity; raise the recorder's limit to learn more"
            ),
            Self::RateLimit { per_second } => write!(
                out,
                "the recorder let at most {per_second} calls a second through and that was reached: at least that many, not a \
                 capacity; raise the recorder's limit to learn more"
            ),
            Self::NotExclusive => write!(
                out,
                "the recorder did not see all traffic of the service, so populations are too low; record with the service to \
                 yourself, or declare `--exclusive` if that was so"
            ),
            Self::Population { difference } => write!(
                out,
                "the recorder counted a mean population {} {} than the calls of the tape make; calls are missing or were \
                 counted twice, record again",
                percent(difference.abs()),
                if *difference > 0.0 { "higher" } else { "lower" }
            ),
            Self::Failures { calls } => write!(out, "left out {calls} calls without a whole answer"),
            Self::Lost { calls } => {
                write!(out, "the tape lacks {calls} calls, so populations are too low; record to a faster disk")
            }
            Self::Rejected { status, calls } => write!(
                out,
                "left out {calls} calls that were turned away with {status}: neither a full queue nor a rate explains when; set \
                 `queue` or `rateLimit` by hand if it matters"
            ),
            Self::WarmUp { calls } => {
                write!(out, "left the first {calls} calls out of the demands: they were still warming up")
            }
            Self::DelayBeside { capacity, error } => delay_beside(out, *capacity, *error),
            Self::Curve { .. }
            | Self::Series { .. }
            | Self::PoolUnsure { .. }
            | Self::SeriesHidden
            | Self::NoFamily => self.family(out),
            Self::Outside { time } => {
                write!(
                    out,
                    "{} of each call is spent beside the queue: network, accept, dispatch",
                    duration(rounded(*time))
                )
            }
        }
    }
}

impl Statement {
    /// What is said of curves and of two stations in series.
    fn family(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Curve { measured, capacity } => write!(
                out,
                "rates by how many calls are inside explain the tape better than any number of workers. They were measured with up to \
                 {measured} calls; beyond that they go on as they went, to {capacity:.0} calls/s"
            ),
            Self::Series { front, workers, capacity, error } => write!(
                out,
                "calls pass a front one at a time, for a mean of {}, and then {workers} workers; no single station does that. Both \
                 together can do {capacity:.0} calls/s. The tape is met with a mean error of {}",
                duration(rounded(*front)),
                percent(*error)
            ),
            Self::PoolUnsure { workers } => write!(
                out,
                "calls hardly wait for the {workers} workers behind the front, so there may be more of them; a recording at a \
                 higher load would tell"
            ),
            Self::SeriesHidden => write!(
                out,
                "two stations in series explain the tape better, but it shows only one of them at work; record at a higher load \
                 to learn both"
            ),
            Self::NoFamily => {
                write!(out, "neither rates by how many calls are inside nor two stations in series explain the tape")
            }
            _ => Ok(()),
        }
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn few_waited(out: &mut fmt::Formatter<'_>, calls: usize, (low, high): (u32, u32)) -> fmt::Result {
    write!(out, "{calls} calls found all workers busy; they speak for {low}")?;
    if low < high {
        write!(out, " to {high}, and a recording at a higher load would tell more")?;
    }
    Ok(())
}

fn delay_beside(out: &mut fmt::Formatter<'_>, capacity: f64, error: f64) -> fmt::Result {
    write!(
        out,
        "most of a call is a delay beside the queue, and it varies; how much calls that come together hold each other up shows a \
         capacity of about {capacity:.0} calls/s, but not the number of workers. The tape is met with a mean error of {}",
        percent(error)
    )
}

/// To whole microseconds: more digits would pretend to know them.
pub(super) fn rounded(time: Duration) -> Duration {
    Duration::from_micros(((time.as_nanos() + 500) / 1_000) as u64)
}

/// Numbers of workers further apart are not known.
const WIDE: f64 = 1.15;

fn percent(of: f64) -> String {
    share((of * 100.0).round() / 100.0)
}

fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
