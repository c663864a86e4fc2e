//! What must be said beside the numbers: which things there are, and what follows from them. `telling` has the words.

use std::time::Duration;

use serde::{Serialize, Serializer};

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
        /// Where the second half begins, counted from the first call; none of several tapes.
        middle: Option<Duration>,
        /// Whether it is so much that no model is served for both.
        is_refused: bool,
    },
    /// The load hardly varied, so nothing could be predicted.
    OneLoad,
    /// Calls were refused in most of the recording, so that no part of it shows a load that was offered.
    Refused {
        /// The share of calls.
        share: f64,
    },
    /// No part of the recording has calls enough to check a prediction.
    Short {
        /// Calls.
        calls: u64,
    },
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
    /// Calls left out because they are shorter than any call over this recorder can be.
    Mistimed {
        /// How many.
        calls: u64,
        /// Their share of all answered calls.
        share: f64,
        /// The shortest time that the recorder can measure.
        round_trip: Duration,
    },
    /// Calls shorter than the recorder's round trip are so many that the service itself is that fast.
    TooFast {
        /// How many.
        calls: u64,
        /// The recorder's round trip.
        round_trip: Duration,
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
        /// The share of calls that the model answers so at random; none where it does not.
        repeated: Option<f64>,
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

    /// Whether a prediction of the highest load could not be checked, or hardly.
    pub(super) fn is_unchecked(&self) -> bool {
        matches!(self, Self::OneLoad | Self::Refused { .. } | Self::Short { .. } | Self::FewCalls { .. })
    }

    /// Whether several numbers of workers explain the tape.
    pub(super) fn leaves_workers_open(&self) -> bool {
        matches!(self, Self::Ambiguous { .. }) || self.marks_workers()
    }

    fn marks_workers(&self) -> bool {
        let is_wide = |(low, high): &(u32, u32)| f64::from(*high) > f64::from(*low) * WIDE;
        matches!(self, Self::FewWaited { workers, .. } if is_wide(workers))
    }

    /// Whether a change of the service would make one say so, too: it is told alone.
    pub(super) fn follows_from_a_change(&self) -> bool {
        matches!(
            self,
            Self::NotOneQueue { .. } | Self::Extrapolation { .. } | Self::Approximation { .. } | Self::NoFamily
        )
    }

    /// Whether waiting may pass for demands, so that the slowest of them say nothing of the service.
    pub(super) fn blurs_tails(&self) -> bool {
        self.is_unexplained()
            || matches!(self, Self::NotExclusive | Self::Population { .. } | Self::Lost { .. } | Self::Changed { .. })
    }

    /// Whether what the model predicts beyond the tape must not be trusted.
    pub fn marks_predictions(&self) -> bool {
        self.marks_workers()
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

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// To whole microseconds: more digits would pretend to know them.
pub(super) fn rounded(time: Duration) -> Duration {
    Duration::from_micros(((time.as_nanos() + 500) / 1_000) as u64)
}

/// Numbers of workers further apart are not known.
const WIDE: f64 = 1.15;
