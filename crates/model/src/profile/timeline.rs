//! The active step of a timeline at a time since its activation.
//!
//! Times are whole nanoseconds and the speed whole millionths, so that a step is active at the
//! exact time of its begin.

use std::time::Duration;

use super::model::Timeline;

/// The active step of a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveStep {
    /// Index of the step.
    pub step: usize,
    /// Time since activation at which another step begins; `None` if this one stays active.
    pub next: Option<Duration>,
}

impl Timeline {
    /// Returns the step that is active at a time since activation.
    pub fn active_step(&self, after: Duration) -> ActiveStep {
        let speed = ((self.speed * MILLIONTHS as f64).round() as u128).clamp(1, MILLIONTHS * MILLIONTHS);
        // 2^64 ns times 2^40 are less than 2^128
        let now = u128::from(nanos(after)) * speed / MILLIONTHS;
        let repeat = self.repeat.map(|repeat| u128::from(nanos(repeat).max(1)));
        let round = repeat.map_or(0, |repeat| now / repeat * repeat);
        let within = now - round;
        let begun = self.steps.partition_point(|step| u128::from(nanos(step.at)) <= within);
        let next = self.steps.get(begun).map(|step| u128::from(nanos(step.at)));
        // a step behind the end of a round never begins
        let next = match (next, repeat) {
            (Some(next), Some(repeat)) => Some(next.min(repeat)),
            (next, repeat) => next.or(repeat.filter(|_| self.steps.len() > 1)),
        };
        let at = next.map(|next| ((round + next) * MILLIONTHS).div_ceil(speed));
        ActiveStep {
            step: begun.saturating_sub(1),
            next: at.and_then(|at| u64::try_from(at).ok()).map(Duration::from_nanos),
        }
    }

    /// Returns the name of the profile that is active in a step.
    pub fn profile_at(&self, step: usize) -> Option<&str> {
        self.steps.iter().take(step.saturating_add(1)).rev().find_map(|step| step.profile.as_deref())
    }
}

/// Returns nanoseconds, at most 584 years.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Resolution of a speed, in parts of 1.
const MILLIONTHS: u128 = 1_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::profile::model::{ScaleFactors, TimelineStep};

    fn line(at: &[u64], repeat: Option<u64>, speed: f64) -> Timeline {
        let steps = at.iter().enumerate().map(|(place, at)| TimelineStep {
            at: Duration::from_secs(*at),
            profile: (place % 2 == 0).then(|| format!("p{place}")),
            scale: ScaleFactors::default(),
        });
        Timeline { steps: steps.collect(), repeat: repeat.map(Duration::from_secs), speed }
    }

    fn turns(line: &Timeline, seconds: &[f64]) -> Vec<(usize, Option<f64>)> {
        let turn = |seconds: &f64| {
            let turn = line.active_step(Duration::from_secs_f64(*seconds));
            (turn.step, turn.next.map(|next| next.as_secs_f64()))
        };
        seconds.iter().map(turn).collect()
    }

    #[test]
    fn the_last_step_stays_for_good() {
        let line = line(&[0, 600, 1200], None, 1.0);
        let expected = [(0, Some(600.0)), (0, Some(600.0)), (1, Some(1200.0)), (2, None), (2, None)];
        assert_eq!(turns(&line, &[0.0, 599.9, 600.0, 1200.0, 1e9]), expected);
        assert_eq!([0, 1, 2, 9].map(|step| line.profile_at(step).unwrap()), ["p0", "p0", "p2", "p2"]);
    }

    #[test]
    fn a_round_begins_again() {
        let line = line(&[0, 600], Some(1000), 1.0);
        let expected = [(1, Some(1000.0)), (0, Some(1600.0)), (1, Some(2000.0)), (0, Some(2600.0))];
        assert_eq!(turns(&line, &[999.0, 1000.0, 1600.0, 2000.5]), expected);
        // there is nothing to wait for
        assert_eq!(turns(&super::tests::line(&[0], Some(5), 1.0), &[7.0]), [(0, None)]);
    }

    #[test]
    fn a_day_goes_by_in_24_minutes() {
        let line = line(&[0, 6 * 3600, 18 * 3600], Some(24 * 3600), 60.0);
        let minutes = [0.0, 5.99, 6.0, 17.0, 18.0, 24.0, 30.0].map(|minutes| minutes * 60.0);
        let steps: Vec<usize> = turns(&line, &minutes).into_iter().map(|(step, _)| step).collect();
        assert_eq!(steps, [0, 0, 1, 1, 2, 0, 1]);
        assert_eq!(turns(&line, &[0.0]), [(0, Some(360.0))]);
    }

    proptest! {
        /// Counts second by second and round by round.
        #[test]
        fn it_is_what_counting_finds(
            gaps in proptest::collection::vec(1..40u64, 0..6),
            rest in 1..40u64,
            repeats in any::<bool>(),
            speed in prop_oneof![Just(1u64), 2..90u64],
            millis in 0..400_000u64,
        ) {
            let mut at = vec![0];
            at.extend(gaps.iter().scan(0, |sum, gap| { *sum += gap; Some(*sum) }));
            let end = at.last().unwrap() + rest;
            let line = line(&at, repeats.then_some(end), speed as f64);
            let mut left = millis * speed;
            while repeats && left >= end * 1000 {
                left -= end * 1000;
            }
            let expected = at.iter().rposition(|at| at * 1000 <= left).unwrap();
            let turn = line.active_step(Duration::from_millis(millis));
            prop_assert_eq!(turn.step, expected);
            if let Some(next) = turn.next {
                prop_assert!(next > Duration::from_millis(millis));
                let before = line.active_step(next.saturating_sub(Duration::from_nanos(1)));
                prop_assert_eq!((before.step, before.next), (turn.step, Some(next)), "nothing happens until then");
                prop_assert_ne!(line.active_step(next).step, turn.step, "and then it does");
            }
        }

        #[test]
        fn no_number_panics(
            at in any::<u64>(), repeat in prop::option::of(any::<u64>()), speed in any::<f64>(), after in any::<u64>(), nanos in 0..1_000_000_000u32,
        ) {
            line(&[0, at], repeat, speed).active_step(Duration::new(after, nanos));
            Timeline { steps: Vec::new(), repeat: None, speed }.active_step(Duration::new(after, nanos));
        }
    }
}
