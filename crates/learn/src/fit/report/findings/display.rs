//! Findings in words.

use std::fmt;
use std::time::Duration;

use super::Finding;
use standin_stub::delay::units::duration;
use standin_text::{list, percent, short_duration};

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CapacityUnknown { at_least } => write!(
                out,
                "capacity unknown: at least {at_least}, for no queue was seen; record at a higher load to learn it"
            ),
            Self::RareWaits { calls, workers } => few_waited(out, *calls, *workers),
            Self::NotOneQueue { effect } => write!(
                out,
                "not explained by one queue: demands still differ by {} of their mean between low and high population; do not \
                 trust predictions beyond the recorded load",
                percent(*effect)
            ),
            Self::HoldoutMispredicted { error, noise } => write!(
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
                list(others, "and"),
                if others.len() == 1 { "explains" } else { "explain" }
            ),
            Self::LowerLoadDiffers { model } => {
                write!(
                    out,
                    "the lower load alone points to {model}; only the highest load of the tape shows the capacity"
                )
            }
            Self::Drifted { demand, middle, is_refused } => changed(out, *demand, *middle, *is_refused),
            Self::SingleLoad => {
                write!(out, "the tape holds one load, so no prediction could be checked; record at several loads")
            }
            Self::MostlyRejected { share } => write!(
                out,
                "{} of the calls were refused throughout, so no part of the tape could be used to check the prediction",
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
            Self::InFlightLimit { .. }
            | Self::RateLimit { .. }
            | Self::NotExclusive
            | Self::PopulationMismatch { .. }
            | Self::Mistimed { .. }
            | Self::TooFast { .. } => self.recorder(out),
            Self::Failures { calls } => write!(out, "left out {calls} calls without a whole answer"),
            Self::Lost { calls } => {
                write!(out, "the tape lacks {calls} calls, so populations are too low; record to a faster disk")
            }
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
                write!(out, "left the first {calls} calls out: they looked like they were still warming up")
            }
            Self::DelayCenter { capacity, error } => delay_beside(out, *capacity, *error),
            Self::LoadDependentRate { .. }
            | Self::TandemQueue { .. }
            | Self::PoolHardlyUsed { .. }
            | Self::TandemQueueHidden
            | Self::NoFamilyExplains => self.family(out),
            Self::FixedLatency { time } => {
                write!(
                    out,
                    "{} of each call is spent beside the queue: network, accept, dispatch",
                    short_duration(*time)
                )
            }
        }
    }
}

impl Finding {
    /// Writes a finding about the recorder.
    fn recorder(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
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
            _ => Ok(()),
        }
    }

    /// Writes a finding about a model beyond the single station.
    fn family(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoadDependentRate { measured, capacity } => write!(
                out,
                "rates by how many calls are inside explain the tape better than any number of workers. They were measured with up to \
                 {measured} calls; beyond that they go on as they went, to {capacity:.0} calls/s"
            ),
            Self::TandemQueue { front, workers, capacity, error } => write!(
                out,
                "calls pass a front one at a time, for a mean of {}, and then {workers} workers; no single station does that. Both \
                 together can do {capacity:.0} calls/s. The tape is met with a mean error of {}",
                short_duration(*front),
                percent(*error)
            ),
            Self::PoolHardlyUsed { workers } => write!(
                out,
                "calls hardly wait for the {workers} workers behind the front, so there may be more of them; a recording at a \
                 higher load would tell"
            ),
            Self::TandemQueueHidden => write!(
                out,
                "two stations in series explain the tape better, but it shows only one of them at work; record at a higher load \
                 to learn both"
            ),
            Self::NoFamilyExplains => {
                write!(out, "neither rates by how many calls are inside nor two stations in series explain the tape")
            }
            _ => Ok(()),
        }
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

fn changed(out: &mut fmt::Formatter<'_>, demand: f64, middle: Option<Duration>, is_refused: bool) -> fmt::Result {
    let how = if demand > 0.0 { "longer" } else { "shorter" };
    write!(
        out,
        "the service changed while it was recorded: calls of the second half keep it busy {} {how} than those of the first. Was it warming up, or were \
         workers added? ",
        percent(demand.abs())
    )?;
    if is_refused {
        write!(
            out,
            "One model would be that of neither half, so no profile is written unless `--anyway` is given; fit"
        )?;
    } else {
        write!(out, "The model is of both halves mixed; better fit")?;
    }
    match middle {
        Some(middle) => {
            let middle = duration(Duration::from_secs_f64(middle.as_secs_f64().round().max(1.0)));
            write!(out, " the halves by themselves: `standin fit --to {middle}` and `standin fit --from {middle}`")
        }
        None => write!(
            out,
            " what was recorded before the change and after it by themselves (`--to`, `--from`, or a tape at a time)"
        ),
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
