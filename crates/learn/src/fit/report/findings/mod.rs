//! Findings: caveats to report beside the numbers, and what follows from them.

mod display;
pub(crate) mod rules;

use std::time::Duration;

use serde::{Serialize, Serializer};

/// A finding about a fitted model.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// No call waited for another: only a lower bound of the capacity is known.
    CapacityUnknown {
        /// Smallest number of workers that would not have shown.
        at_least: u32,
    },
    /// The number of workers rests on few calls that waited.
    RareWaits {
        /// Number of calls that waited.
        calls: usize,
        /// Lowest and highest number of workers that they support.
        workers: (u32, u32),
    },
    /// No single station explains the tape.
    NotOneQueue {
        /// Effect size of the best model.
        effect: f64,
    },
    /// The model fails to predict the tape's own highest load.
    HoldoutMispredicted {
        /// Mean error at p50, p90 and p95.
        error: f64,
        /// Mean noise of a single run at the same percentiles.
        noise: f64,
    },
    /// The effect size is small, but larger than by chance.
    Approximation {
        /// Effect size of the best model.
        effect: f64,
        /// Effect size by chance.
        chance: f64,
    },
    /// Other models explain the tape about as well.
    Ambiguous {
        /// Names of the other models.
        others: Vec<String>,
    },
    /// The lower load alone points to another model.
    LowerLoadDiffers {
        /// Name of that model.
        model: String,
    },
    /// The service changed between the halves of the recording.
    Drifted {
        /// Mean demand of the second half relative to the first, minus 1.
        demand: f64,
        /// Time from the first call to the second half; `None` for several tapes.
        middle: Option<Duration>,
        /// True if the change is so large that no model is served for both halves.
        is_refused: bool,
    },
    /// The load hardly varied, so no prediction could be checked.
    SingleLoad,
    /// Calls were rejected in most of the recording, so no part of it shows an offered load.
    MostlyRejected {
        /// Share of rejected calls.
        share: f64,
    },
    /// The recording has too few calls to check a prediction.
    TooShort {
        /// Number of calls that it concerns.
        calls: u64,
    },
    /// An operation has too few calls for a strong comparison.
    FewCalls {
        /// Number of calls in the smallest third.
        third: u64,
    },
    /// The recorder's limit of calls at a time was reached.
    InFlightLimit {
        /// Highest number of calls at a time.
        limit: u32,
    },
    /// The recorder's rate limit was reached.
    RateLimit {
        /// Highest rate in calls a second.
        per_second: f64,
    },
    /// The recorder did not see all traffic.
    NotExclusive,
    /// The population that the recorder counted differs from that of the calls on the tape.
    PopulationMismatch {
        /// Ratio of the recorder's mean population to the tape's, minus 1.
        difference: f64,
    },
    /// Calls without a complete response are left out.
    Failures {
        /// Number of calls that it concerns.
        calls: u64,
    },
    /// Calls are left out because they are shorter than any call through this recorder can be.
    Mistimed {
        /// Number of calls that it concerns.
        calls: u64,
        /// Share of all answered calls.
        share: f64,
        /// Shortest time that the recorder can measure.
        round_trip: Duration,
    },
    /// So many calls are shorter than the recorder's round trip that the service itself is that
    /// fast.
    TooFast {
        /// Number of calls that it concerns.
        calls: u64,
        /// Round trip of the recorder.
        round_trip: Duration,
    },
    /// Calls are missing from the tape.
    Lost {
        /// Number of calls that it concerns.
        calls: u64,
    },
    /// The times of the tape are rounded to a unit that is not small beside the latencies.
    CoarseTimes {
        /// Unit of the time stamps.
        stamps: Duration,
        /// Unit of the durations.
        durations: Duration,
        /// Median latency.
        median: Duration,
    },
    /// The tape is a sample of the calls.
    SampledCalls {
        /// Share of the calls that are on the tape.
        share: f64,
    },
    /// Calls were rejected, and neither a full queue nor a rate explains when.
    Rejected {
        /// Status of their responses.
        status: u16,
        /// Number of calls that it concerns.
        calls: u64,
        /// Share of calls that the model rejects at random; `None` if it does not.
        repeated: Option<f64>,
    },
    /// The first calls were slower and do not count.
    WarmUp {
        /// Number of calls that it concerns.
        calls: u64,
    },
    /// A varying delay lies beside the queue; only the queue's capacity is known.
    DelayCenter {
        /// Maximum throughput of the queue, in calls a second.
        capacity: f64,
        /// Largest mean error over loads.
        error: f64,
    },
    /// The service rate was measured by the number of calls inside.
    LoadDependentRate {
        /// Largest population that occurred often enough.
        measured: u32,
        /// Maximum throughput in calls a second, if the curve continues as measured.
        capacity: f64,
    },
    /// Calls pass a front station, one at a time, before the workers.
    TandemQueue {
        /// Mean demand on the front.
        front: Duration,
        /// Number of workers behind it.
        workers: u32,
        /// Maximum throughput of both stations, in calls a second.
        capacity: f64,
        /// Largest mean error over loads.
        error: f64,
    },
    /// Hardly any call waited for the workers behind the front.
    PoolHardlyUsed {
        /// Number of workers in the model.
        workers: u32,
    },
    /// Calls in service share cores.
    Layered {
        /// Name of the pool and the cores: `fifo(6) on 1 core`.
        model: String,
        /// Smallest and largest share of an operation's demand that needs a core.
        cpu: (f64, f64),
        /// Throughput in calls a second beyond which the queue grows.
        capacity: Option<f64>,
    },
    /// The CPU shares were scaled so that the simulated tape has the recorded latencies.
    CpuScaled {
        /// Factor that was applied.
        factor: f64,
    },
    /// A tandem queue explains the tape better, but only one of its stations shows.
    TandemQueueHidden,
    /// Neither a load-dependent rate nor a tandem queue explains the tape.
    NoFamilyExplains,
    /// The models that the tape accepts predict different latencies.
    Uncertain {
        /// Highest load in calls a second at which they agree within 30 %; 0 for none.
        known_up_to: f64,
        /// Load at which they do not.
        per_second: f64,
        /// Lowest and highest p95 there.
        p95: (Duration, Duration),
    },
    /// A fixed part of the latency is spent outside the queue.
    FixedLatency {
        /// Length of that part.
        time: Duration,
    },
}

impl Finding {
    /// Returns true if the model does not explain the tape.
    pub fn is_unexplained(&self) -> bool {
        matches!(self, Self::NotOneQueue { .. } | Self::HoldoutMispredicted { .. })
    }

    /// Returns true if the prediction of the highest load was not checked, or hardly.
    pub(crate) fn is_unchecked(&self) -> bool {
        matches!(self, Self::SingleLoad | Self::MostlyRejected { .. } | Self::TooShort { .. } | Self::FewCalls { .. })
    }

    /// Returns true if several numbers of workers explain the tape.
    pub(crate) fn leaves_workers_open(&self) -> bool {
        matches!(self, Self::Ambiguous { .. } | Self::CoarseTimes { .. } | Self::SampledCalls { .. })
            || self.leaves_a_wide_range()
    }

    fn leaves_a_wide_range(&self) -> bool {
        let is_wide = |(low, high): &(u32, u32)| f64::from(*high) > f64::from(*low) * MAX_KNOWN_RATIO;
        matches!(self, Self::RareWaits { workers, .. } if is_wide(workers))
    }

    /// Returns true if a change of the service would cause this finding too.
    pub(crate) fn follows_from_drift(&self) -> bool {
        matches!(self, Self::NotOneQueue { .. } | Self::Approximation { .. } | Self::NoFamilyExplains)
    }

    /// Returns true if waits may be mistaken for demands, so that the slowest demands say nothing
    /// about the service.
    pub(crate) fn blurs_tails(&self) -> bool {
        self.is_unexplained()
            || matches!(
                self,
                Self::NotExclusive
                    | Self::PopulationMismatch { .. }
                    | Self::Lost { .. }
                    | Self::Drifted { .. }
                    | Self::CoarseTimes { .. }
                    | Self::SampledCalls { .. }
            )
    }

    /// Returns true if predictions beyond the tape must not be trusted.
    pub fn is_doubtful(&self) -> bool {
        self.leaves_a_wide_range()
            || matches!(
                self,
                Self::CapacityUnknown { .. }
                    | Self::NotOneQueue { .. }
                    | Self::HoldoutMispredicted { .. }
                    | Self::Ambiguous { .. }
                    | Self::Uncertain { .. }
                    | Self::NotExclusive
                    | Self::PoolHardlyUsed { .. }
                    | Self::Drifted { .. }
                    | Self::CoarseTimes { .. }
                    | Self::SampledCalls { .. }
            )
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Ratio of the highest to the lowest number of workers above which the number counts as unknown.
const MAX_KNOWN_RATIO: f64 = 1.15;
