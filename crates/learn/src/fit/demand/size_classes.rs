//! Size classes: response lengths from which responses demand more.
//!
//! Calls are split in two where that explains most of the squares of their log demands (a
//! regression tree; Breiman, Friedman, Olshen and Stone, *Classification and Regression Trees*,
//! 1984, section 8.3), and each part again, as long as the means of both parts differ by enough to
//! matter and by more than chance.

use standin_model::stats::{Moments, mean};

/// Demands of the responses from some length on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SizeClass {
    /// Smallest length in bytes; 0 for the shortest class.
    pub(crate) from: u64,
    pub(crate) demands: Vec<f64>,
}

/// Divides calls, given as response length in bytes and demand in nanoseconds, into classes in
/// ascending order of length; a single class if length does not matter.
pub(crate) fn divide(mut calls: Vec<(u64, f64)>) -> Vec<SizeClass> {
    calls.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
    let mut found = Vec::new();
    split(&calls, 0, MAX_SPLITS, &mut found);
    found
}

fn split(calls: &[(u64, f64)], from: u64, depth: usize, found: &mut Vec<SizeClass>) {
    match best_split(calls).filter(|_| depth > 0) {
        Some(cut) => {
            let (short, long) = calls.split_at(cut);
            split(short, from, depth - 1, found);
            split(long, round_between(calls[cut - 1].0, calls[cut].0), depth - 1, found);
        }
        None => found.push(SizeClass { from, demands: calls.iter().map(|(_, demand)| *demand).collect() }),
    }
}

/// Returns the index of the first call of the longer part.
fn best_split(calls: &[(u64, f64)]) -> Option<usize> {
    let log = |call: &(u64, f64)| call.1.max(1.0).ln();
    let all: f64 = calls.iter().map(log).sum();
    let (mut before, mut best) = (0.0, None::<(f64, usize)>);
    for cut in 1..calls.len() {
        before += log(&calls[cut - 1]);
        if calls[cut - 1].0 == calls[cut].0 || cut < MIN_CALLS || calls.len() - cut < MIN_CALLS {
            continue;
        }
        let (short, long) = (cut as f64, (calls.len() - cut) as f64);
        // the part of the squares that the two means explain, up to a constant
        let explained = before * before / short + (all - before).powi(2) / long;
        if best.is_none_or(|(most, _)| explained > most) {
            best = Some((explained, cut));
        }
    }
    let (_, cut) = best?;
    let (short, long) = calls.split_at(cut);
    let moments = |calls: &[(u64, f64)]| Moments::new(calls.iter().map(|(_, demand)| *demand));
    let (short, long) = (moments(short), moments(long));
    let difference = (short.mean - long.mean).abs();
    let error = short.squared_error().sqrt().hypot(long.squared_error().sqrt());
    let overall = mean(calls.iter().map(|(_, demand)| demand));
    (difference > overall * MIN_RELATIVE_DIFFERENCE && difference > MIN_STANDARD_ERRORS * error).then_some(cut)
}

/// Returns a round number above one length and at most the other.
fn round_between(shorter: u64, longer: u64) -> u64 {
    let middle = ((shorter.max(1) as f64) * longer as f64).sqrt();
    let rounded = (0..4).map(|digits| {
        let unit = 10_f64.powi(middle.log10().floor() as i32 - digits);
        ((middle / unit).round() * unit) as u64
    });
    rounded.into_iter().find(|length| (shorter + 1..=longer).contains(length)).unwrap_or(longer)
}

/// Minimum number of calls of a class.
const MIN_CALLS: usize = 200;
/// Number of successive splits: four classes at most.
const MAX_SPLITS: usize = 2;
/// Minimum difference of the means of two parts, relative to the overall mean.
const MIN_RELATIVE_DIFFERENCE: f64 = 0.15;
/// Minimum difference in standard errors; it is high because the split is the best of many.
const MIN_STANDARD_ERRORS: f64 = 5.0;

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_distr::{Distribution as _, LogNormal};

    use super::*;
    use crate::fit::demand::DemandTable;

    fn calls(count: usize, seed: u64, mean: impl Fn(u64) -> f64) -> Vec<(u64, f64)> {
        let mut random = StdRng::seed_from_u64(seed);
        let spread = LogNormal::new(0.0, 0.7).expect("a positive spread");
        let mut call = || {
            let bytes = 10_f64.powf(random.random_range(2.0..6.0)) as u64;
            (bytes, mean(bytes) * spread.sample(&mut random))
        };
        (0..count).map(|_| call()).collect()
    }

    #[test]
    fn a_step_is_found_where_it_is() {
        let found = divide(calls(5_000, 1, |bytes| if bytes < 20_000 { 2e6 } else { 1e7 }));
        assert_eq!(found.len(), 2, "{:?}", found.iter().map(|split| split.from).collect::<Vec<_>>());
        assert!((18_000..=22_000).contains(&found[1].from), "{}", found[1].from);
        assert_eq!(found.iter().map(|split| split.demands.len()).sum::<usize>(), 5_000);
    }

    #[test]
    fn what_grows_with_length_has_several_parts_that_rise() {
        let found = divide(calls(10_000, 2, |bytes| 1e6 + bytes as f64 * 20.0));
        assert_eq!(found.len(), 4);
        let median = |split: &SizeClass| DemandTable::new(split.demands.clone()).quantile(0.5);
        assert!(found.windows(2).all(|pair| pair[0].from < pair[1].from && median(&pair[0]) < median(&pair[1])));
    }

    #[test]
    fn where_length_does_not_matter_there_is_one_part() {
        for seed in 0..40 {
            assert_eq!(divide(calls(3_000, seed, |_| 5e6)).len(), 1, "{seed}");
        }
        assert_eq!(divide(vec![(100, 1e6); 5_000]).len(), 1);
        assert_eq!(divide(Vec::new()).len(), 1);
    }

    #[test]
    fn a_boundary_is_as_round_as_it_can_be() {
        for (shorter, longer, expected) in
            [(900, 110_000, 10_000), (0, 5, 2), (1_499, 1_500, 1_500), (1_200, 1_600, 1_400)]
        {
            let found = round_between(shorter, longer);
            assert_eq!(found, expected, "{shorter} to {longer}");
            assert!(shorter < found && found <= longer);
        }
    }
}
