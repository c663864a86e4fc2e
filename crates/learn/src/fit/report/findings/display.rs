//! The sentences of findings.

use std::fmt;
use std::time::Duration;

use super::Finding;
use standin_stub::delay::units::duration;
use standin_text::{counted, list, percent, short_duration};

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CapacityUnknown { .. }
            | Self::RareWaits { .. }
            | Self::NotOneQueue { .. }
            | Self::Approximation { .. }
            | Self::Ambiguous { .. }
            | Self::FixedLatency { .. } => self.write_single_station(out),
            Self::LoadDependentRate { .. }
            | Self::TandemQueue { .. }
            | Self::PoolHardlyUsed { .. }
            | Self::TandemQueueHidden
            | Self::DelayCenter { .. }
            | Self::Layered { .. }
            | Self::CpuScaled { .. }
            | Self::NoFamilyExplains => self.write_more_parameters(out),
            Self::HoldoutMispredicted { .. }
            | Self::Uncertain { .. }
            | Self::LowerLoadDiffers { .. }
            | Self::SingleLoad
            | Self::MostlyRejected { .. }
            | Self::TooShort { .. }
            | Self::FewCalls { .. } => self.write_validation(out),
            Self::InFlightLimit { .. }
            | Self::RateLimit { .. }
            | Self::NotExclusive
            | Self::PopulationMismatch { .. }
            | Self::Mistimed { .. }
            | Self::TooFast { .. }
            | Self::CoarseTimes { .. }
            | Self::SampledCalls { .. }
            | Self::Lost { .. } => self.write_recorder(out),
            Self::Failures { .. } | Self::Rejected { .. } | Self::WarmUp { .. } => self.write_left_out(out),
            Self::Drifted { demand, middle, is_refused } => write_drift(out, *demand, *middle, *is_refused),
        }
    }
}

impl Finding {
    /// Writes a finding about a single station.
    fn write_single_station(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CapacityUnknown { at_least } => write!(
                out,
                "capacity unknown: at least {}, because no call waited; record at a higher load to measure it",
                counted(u64::from(*at_least), "worker")
            ),
            Self::RareWaits { calls, workers: (low, high) } => {
                write!(
                    out,
                    "the number of workers rests on the {calls} calls that found all workers busy: they indicate {low}"
                )?;
                if low < high {
                    write!(out, " to {high}; record at a higher load to narrow it down")?;
                }
                Ok(())
            }
            Self::NotOneQueue { effect } => write!(
                out,
                "not explained by one queue: demands still differ by {} of their mean between low and high population; \
                 do not trust predictions beyond the recorded load",
                percent(*effect)
            ),
            Self::Approximation { effect, chance } => write!(
                out,
                "an approximation: demands still differ by {} of their mean between low and high population (by chance: \
                 {}); compare with the service before relying on it",
                percent(*effect),
                percent(*chance)
            ),
            Self::Ambiguous { others } => write!(
                out,
                "{} {} the tape about as well; record at a higher load to distinguish them",
                list(others, "and"),
                if others.len() == 1 { "explains" } else { "explain" }
            ),
            Self::FixedLatency { time } => write!(
                out,
                "{} of each call is spent outside the queue: network, accept, dispatch",
                short_duration(*time)
            ),
            _ => Ok(()),
        }
    }

    /// Writes a finding about a model with more parameters than a single station.
    fn write_more_parameters(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoadDependentRate { measured, capacity } => write!(
                out,
                "service rates by the number of calls inside explain the tape better than any number of workers. They were \
                 measured with up to {measured} calls, and are extrapolated to {capacity:.0} calls/s"
            ),
            Self::TandemQueue { front, workers, capacity, error } => write!(
                out,
                "calls pass a front one at a time, for a mean of {}, and then {workers} workers; no single station explains \
                 the tape. Both together have a capacity of {capacity:.0} calls/s. The mean error on the tape is {}",
                short_duration(*front),
                percent(*error)
            ),
            Self::PoolHardlyUsed { workers } => write!(
                out,
                "calls hardly wait for the {workers} workers behind the front, so there may be more of them; record at a \
                 higher load to find out"
            ),
            Self::TandemQueueHidden => write!(
                out,
                "two stations in series explain the tape better, but only one of them shows; record at a higher load to \
                 measure both"
            ),
            Self::DelayCenter { capacity, error } => write!(
                out,
                "most of each call is a varying delay beside the queue. Calls that arrive together delay each other as with a \
                 capacity of about {capacity:.0} calls/s; the number of workers is unknown. The mean error on the tape is {}",
                percent(*error)
            ),
            Self::Layered { model, cpu: (least, most), capacity } => {
                write!(out, "{model}: calls need a core for ")?;
                if least < most {
                    write!(out, "{} to {} of their demand, by operation", percent(*least), percent(*most))?;
                } else {
                    write!(out, "{} of their demand", percent(*most))?;
                }
                capacity.map_or(Ok(()), |capacity| write!(out, ". The capacity is about {capacity:.0} calls/s"))
            }
            Self::CpuScaled { factor } => write!(
                out,
                "the CPU shares were multiplied by {factor} so that the simulated tape has the recorded latencies at its highest load: pauses, or \
                 a recorder that waited for a core, look like CPU too. Nothing checks this factor beyond the tape"
            ),
            Self::NoFamilyExplains => write!(
                out,
                "neither shared cores, service rates by the number of calls inside, nor two stations in series explain the tape"
            ),
            _ => Ok(()),
        }
    }

    /// Writes a finding about the prediction of the held-out load.
    fn write_validation(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HoldoutMispredicted { error, noise } => write!(
                out,
                "not explained by one queue, or the service changed during the recording: the lower load predicts the highest \
                 load of the tape with a mean error of {} (by chance: {}); do not trust predictions beyond the recorded load",
                percent(*error),
                percent(*noise)
            ),
            Self::Uncertain { known_up_to, per_second, p95: (low, high) } => {
                write!(
                    out,
                    "the models that the tape accepts predict a p95 between {} and {} at {per_second:.0} calls/s; ",
                    short_duration(*low),
                    short_duration(*high)
                )?;
                if *known_up_to > 0.0 {
                    write!(out, "they agree within 30 % up to {known_up_to:.0} calls/s. ")?;
                } else {
                    write!(out, "they agree within 30 % at no load. ")?;
                }
                write!(out, "Record at a higher load, or longer, to tell them apart")
            }
            Self::LowerLoadDiffers { model } => write!(
                out,
                "the lower load alone points to {model}; only the highest load of the tape shows the capacity"
            ),
            Self::SingleLoad => {
                write!(out, "the tape holds one load, so no prediction could be checked; record at several loads")
            }
            Self::MostlyRejected { share } => write!(
                out,
                "{} of the calls were rejected, throughout the recording, so no part of the tape can be used to check the \
                 prediction",
                percent(*share)
            ),
            Self::TooShort { calls } => write!(
                out,
                "the tape's {calls} calls are too few to check a prediction of its highest load from the rest; record longer"
            ),
            Self::FewCalls { third } => write!(
                out,
                "only {third} calls in a third of the rarest operation; below 300 the comparison is weak, record longer"
            ),
            _ => Ok(()),
        }
    }

    /// Writes a finding about the recorder.
    fn write_recorder(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InFlightLimit { limit } => write!(
                out,
                "the recorder let at most {limit} calls through at a time, and that limit was reached: at least {limit}, not a \
                 capacity; raise the recorder's limit to learn more"
            ),
            Self::RateLimit { per_second } => write!(
                out,
                "the recorder let at most {per_second} calls a second through, and that limit was reached: at least that many, not a \
                 capacity; raise the recorder's limit to learn more"
            ),
            Self::NotExclusive => write!(
                out,
                "the recorder did not see all traffic of the service, so populations are too low; record with the service to \
                 yourself, or declare `--exclusive` if that was so"
            ),
            Self::PopulationMismatch { difference } => write!(
                out,
                "the recorder counted a mean population {} {} than the calls of the tape make; calls are missing or were \
                 counted twice, record again",
                percent(difference.abs()),
                if *difference > 0.0 { "higher" } else { "lower" }
            ),
            Self::Mistimed { calls, share, round_trip } => write!(
                out,
                "left out {calls} calls ({}) that the tape shows as shorter than the recorder's own round trip ({}): their time \
                 stamps cannot be true. The recorder had to wait for a core; give it one of its own, or record with the current \
                 version",
                percent(*share),
                short_duration(*round_trip)
            ),
            Self::TooFast { calls, round_trip } => write!(
                out,
                "{calls} calls are shorter than the recorder's own round trip ({}): the service is as fast as the recorder can \
                 measure, so their demands are mostly the recorder's",
                short_duration(*round_trip)
            ),
            Self::CoarseTimes { stamps, durations, median } => write!(
                out,
                "the times of the source are rounded (stamps to {}, durations to {}; half of the calls take less than {}): \
                 percentiles may be off by as much, which calls overlapped is partly unknown, and so is the number of workers",
                short_duration(*stamps),
                short_duration(*durations),
                short_duration(*median)
            ),
            Self::SampledCalls { share } => write!(
                out,
                "the source holds {} of the calls: rates and populations are too low, and the number of workers cannot be known",
                percent(*share)
            ),
            Self::Lost { calls } => {
                write!(
                    out,
                    "the tape lacks {calls} calls, so populations are too low; record to a faster disk, or capture with a larger buffer"
                )
            }
            _ => Ok(()),
        }
    }

    /// Writes a finding about calls that are left out.
    fn write_left_out(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures { calls } => write!(out, "left out {calls} calls without a complete response"),
            Self::Rejected { status, calls, repeated } => {
                write!(
                    out,
                    "{calls} calls were answered {status}, and neither a full queue nor a rate limit explains when; "
                )?;
                match repeated {
                    Some(share) => write!(out, "the model repeats them at random ({})", percent(*share)),
                    None => {
                        write!(out, "the model does not repeat them: set `queue` or `rateLimit` by hand if it matters")
                    }
                }
            }
            Self::WarmUp { calls } => {
                write!(out, "left out the first {calls} calls: the service was still warming up")
            }
            _ => Ok(()),
        }
    }
}

fn write_drift(out: &mut fmt::Formatter<'_>, demand: f64, middle: Option<Duration>, is_refused: bool) -> fmt::Result {
    let how = if demand > 0.0 { "longer" } else { "shorter" };
    write!(
        out,
        "the service changed during the recording: calls of the second half occupy it {} {how} than those of the first. Check \
         whether it was warming up, or workers were added. ",
        percent(demand.abs())
    )?;
    if is_refused {
        write!(out, "One model would fit neither half, so no profile is written without `--anyway`; fit")?;
    } else {
        write!(out, "The model mixes both halves; it is better to fit")?;
    }
    match middle {
        Some(middle) => {
            let middle = duration(Duration::from_secs_f64(middle.as_secs_f64().round().max(1.0)));
            write!(out, " the halves separately: `standin fit --to {middle}` and `standin fit --from {middle}`")
        }
        None => {
            write!(out, " the parts before and after the change separately (`--to`, `--from`, or a tape at a time)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_how_to_fit_the_halves() {
        let changed = |middle: Option<u64>, is_refused| {
            Finding::Drifted { demand: 0.29, middle: middle.map(Duration::from_millis), is_refused }.to_string()
        };
        let told = changed(Some(74_983), true);
        assert!(told.contains("29 % longer") && told.contains("no profile is written"), "{told}");
        assert!(told.contains("`standin fit --to 75s` and `standin fit --from 75s`"), "{told}");
        assert!(!changed(None, false).contains("no profile"), "{}", changed(None, false));
    }

    /// Rejections that the model repeats at random must not be reported as left out.
    #[test]
    fn refusals_say_whether_they_are_served() {
        let told = |repeated| Finding::Rejected { status: 503, calls: 473, repeated }.to_string();
        assert!(told(Some(0.0198)).contains("repeats them at random (2 %)"), "{}", told(Some(0.0198)));
        assert!(told(None).contains("does not repeat them"), "{}", told(None));
        assert!(!told(None).contains("left out"), "{}", told(None));
    }
}
