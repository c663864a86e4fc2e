//! Autocorrelation of recovered demands: slow spells, their length, and their correlation.
//!
//! Demands are replaced by the normal scores of their ranks, so that no tail dominates. Within
//! windows of length w, the mean product of two scores is the correlation of two calls at most w
//! apart. For blocks of length B that begin anywhere and have a correlation ρ it is ρ · (1 - w/3B)
//! up to w = B and ρ · (B/w - B²/3w²) beyond: the mean of the triangle 1 - d/B over pairs of a
//! window. The curve over many w gives B and ρ, and the windows' sums of squares give the
//! significance.

use std::time::Duration;

use standin_model::profile::Autocorrelation;
use standin_stub::delay::normal;

/// Correlation of pairs within windows of one length.
struct WindowCorrelation {
    window: f64,
    /// Mean product of two scores.
    correlation: f64,
    /// Variance of `correlation` for independent demands.
    noise: f64,
    /// Probability of at least this correlation by chance.
    chance: f64,
}

/// Returns the autocorrelation of an operation's demands, given as arrivals (nanoseconds,
/// ascending) and demands. `None` if they are as good as independent. The operation is one of
/// `family` that are tested; one in a hundred families has a false positive.
pub(crate) fn find_autocorrelation(calls: &[(f64, f64)], family: usize) -> Option<Autocorrelation> {
    let (first, last) = (calls.first()?.0, calls.last()?.0);
    let span = last - first;
    if calls.len() < MIN_CALLS || span <= 0.0 {
        return None;
    }
    let scores = scores(calls);
    let gap = span / calls.len() as f64;
    let mut correlations = Vec::new();
    let mut window = gap * MIN_WINDOW_GAPS;
    while window < span / MIN_WINDOWS {
        correlations.extend(window_correlation(calls, &scores, window));
        window *= WINDOW_RATIO;
    }
    let asked = (correlations.len() * family.max(1)) as f64;
    if !correlations.iter().any(|window_correlation| {
        window_correlation.correlation > 0.0 && window_correlation.chance * asked < FALSE_POSITIVE_RATE
    }) {
        return None;
    }
    let strongest = correlations.iter().map(|window_correlation| window_correlation.correlation).fold(0.0, f64::max);
    let weight = |window_correlation: &WindowCorrelation| {
        // windows are independent, but the calls of a block share a factor
        let of_blocks = 2.0 * strongest * strongest * window_correlation.window / span;
        1.0 / (window_correlation.noise + of_blocks)
    };
    let mut best: Option<(f64, f64, f64)> = None;
    let mut block = gap;
    while block < span / MIN_WINDOWS {
        let (mut product, mut square) = (0.0, 0.0);
        for window_correlation in &correlations {
            let shape = shape(window_correlation.window, block);
            product += weight(window_correlation) * window_correlation.correlation * shape;
            square += weight(window_correlation) * shape * shape;
        }
        let correlation = (product / square).clamp(0.0, 1.0);
        let error = |window_correlation: &WindowCorrelation| {
            weight(window_correlation)
                * (window_correlation.correlation - correlation * shape(window_correlation.window, block)).powi(2)
        };
        let error: f64 = correlations.iter().map(error).sum();
        if best.is_none_or(|(least, _, _)| error < least) {
            best = Some((error, block, correlation));
        }
        block *= BLOCK_RATIO;
    }
    let (_, block, correlation) = best?;
    let mean = calls.iter().map(|call| call.1.max(0.0)).sum::<f64>() / calls.len() as f64;
    if block < mean * MIN_SPELL_DEMANDS {
        return None;
    }
    let correlation = (correlation * 1e3).round() / 10.0 / 100.0;
    (correlation >= MIN_CORRELATION).then(|| Autocorrelation { block: round_to_two_digits(block), correlation })
}

/// Returns the normal scores of demands, in the order of the calls. Equal demands share their mean
/// rank.
fn scores(calls: &[(f64, f64)]) -> Vec<f64> {
    let mut by_demand: Vec<usize> = (0..calls.len()).collect();
    by_demand.sort_by(|one, other| calls[*one].1.total_cmp(&calls[*other].1));
    let mut scores = vec![0.0; calls.len()];
    for equal in by_demand.chunk_by(|one, other| calls[*one].1 == calls[*other].1) {
        let lowest = by_demand.partition_point(|call| calls[*call].1.total_cmp(&calls[equal[0]].1).is_lt());
        let middle = lowest as f64 + equal.len() as f64 / 2.0;
        let score = normal::quantile(middle / calls.len() as f64);
        for call in equal {
            scores[*call] = score;
        }
    }
    // ties reduce the variance
    let variance = scores.iter().map(|score| score * score).sum::<f64>() / scores.len() as f64;
    if variance > 0.0 {
        for score in &mut scores {
            *score /= variance.sqrt();
        }
    }
    scores
}

/// Returns the correlation of pairs within windows of a length, averaged over several offsets of
/// the windows. `None` if there are few pairs.
fn window_correlation(calls: &[(f64, f64)], scores: &[f64], window: f64) -> Option<WindowCorrelation> {
    let (mut products, mut pairs, mut chance) = (0.0, 0.0, 1.0f64);
    for shift in 0..OFFSETS {
        let offset = calls[0].0 - window * f64::from(shift) / f64::from(OFFSETS);
        let (mut all, mut count, mut squares) = (0.0, 0.0, 0.0);
        let mut from = 0;
        while from < calls.len() {
            let end = offset + window * (((calls[from].0 - offset) / window).floor() + 1.0);
            let length = calls[from..].partition_point(|call| call.0 < end).max(1);
            let within = &scores[from..from + length];
            let sum: f64 = within.iter().sum();
            all += sum * sum - within.iter().map(|score| score * score).sum::<f64>();
            let ordered = (length * (length - 1)) as f64;
            count += ordered;
            squares += ordered * ordered;
            from += length;
        }
        if count < MIN_PAIRS {
            return None;
        }
        chance = chance.min(tail_probability(all / (2.0 * count).sqrt(), count * count / squares));
        products += all;
        pairs += count;
    }
    let noise = 2.0 / (pairs / f64::from(OFFSETS));
    Some(WindowCorrelation {
        window,
        correlation: products / pairs,
        noise,
        chance: (chance * f64::from(OFFSETS)).min(1.0),
    })
}

/// Returns the probability that a standardized sum of `squares` equally weighted squares exceeds
/// `score` by chance, by the cube root approximation (Wilson and Hilferty, *The distribution of
/// chi-square*, PNAS 17, 1931).
fn tail_probability(score: f64, squares: f64) -> f64 {
    let ratio = (1.0 + score * (2.0 / squares).sqrt()).max(0.0);
    let width = 2.0 / (9.0 * squares);
    normal::cdf(-(ratio.cbrt() - (1.0 - width)) / width.sqrt())
}

/// Returns the mean correlation over pairs of a window, relative to that within a block.
fn shape(window: f64, block: f64) -> f64 {
    if window <= block {
        return 1.0 - window / (3.0 * block);
    }
    let part = block / window;
    part - part * part / 3.0
}

/// Rounds a time in nanoseconds to two significant digits.
fn round_to_two_digits(nanos: f64) -> Duration {
    let unit = 10f64.powi(nanos.log10().floor() as i32 - 1);
    Duration::from_nanos(((nanos / unit).round() * unit).round().max(1.0) as u64)
}

/// Minimum number of calls for a test.
const MIN_CALLS: usize = 500;
/// Narrowest window, in mean gaps between calls.
const MIN_WINDOW_GAPS: f64 = 1.0;
/// Ratios of successive window lengths and of successive block lengths.
const WINDOW_RATIO: f64 = std::f64::consts::SQRT_2;
const BLOCK_RATIO: f64 = 1.05;
/// Minimum ratio of the tape's length to the widest window and the longest block.
const MIN_WINDOWS: f64 = 25.0;
/// Number of offsets of the windows, and minimum number of pairs.
const OFFSETS: u32 = 4;
const MIN_PAIRS: f64 = 200.0;
/// Probability of a false positive.
const FALSE_POSITIVE_RATE: f64 = 0.01;
/// Minimum length of a spell in mean demands; a wrong queueing model leaves shorter ones behind.
const MIN_SPELL_DEMANDS: f64 = 5.0;
/// Smallest correlation that matters to latencies.
const MIN_CORRELATION: f64 = 0.05;

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;
    use standin_stub::delay::uniform;

    fn normal(rng: &mut StdRng) -> f64 {
        normal::quantile(uniform(rng.random()))
    }

    /// Poisson arrivals, log-normal demands, and blocks that begin anywhere; times in nanoseconds.
    fn calls(seed: u64, count: usize, gap: f64, block: f64, correlation: f64) -> Vec<(f64, f64)> {
        let mut rng = StdRng::seed_from_u64(seed);
        let begin = block * uniform(rng.random());
        let (mut at, mut factor, mut within) = (begin, normal(&mut rng), 0);
        let mut call = || {
            at -= gap * uniform(rng.random()).ln();
            let number = (at / block) as u64;
            if number > within {
                (factor, within) = (normal(&mut rng), number);
            }
            let score = correlation.sqrt() * factor + (1.0 - correlation).sqrt() * normal(&mut rng);
            (at, 3e6 * score.exp())
        };
        (0..count).map(|_| call()).collect()
    }

    #[test]
    fn independent_demands_have_no_order() {
        for (count, gap) in [(1_000, 1e7), (3_000, 1e6)] {
            let found =
                (0..100).filter(|seed| find_autocorrelation(&calls(*seed, count, gap, 2e8, 0.0), 1).is_some()).count();
            assert!(found <= 1, "{found} of 100 at {count}");
        }
        // few different values, and a single one
        let steps: Vec<_> = calls(1, 3_000, 1e6, 2e8, 0.0).into_iter().map(|(at, d)| (at, (d / 1e6).round())).collect();
        assert_eq!(find_autocorrelation(&steps, 1), None);
        let fixed: Vec<_> = steps.iter().map(|(at, _)| (*at, 1.0)).collect();
        assert_eq!(find_autocorrelation(&fixed, 1), None);
        assert_eq!(find_autocorrelation(&[], 1), None);
        assert_eq!(find_autocorrelation(&vec![(0.0, 1.0); 1_000], 1), None);
    }

    #[test]
    fn blocks_are_found_with_their_length_and_their_correlation() {
        // a few hundred blocks: the relative standard error of a correlation is √2 over the root of
        // their number
        for (seed, gap, block, correlation) in
            [(1, 2e6, 2e8, 0.4), (2, 2e6, 2e8, 0.2), (3, 1e7, 1e8, 0.6), (4, 5e6, 3e8, 0.8), (5, 1e6, 4e7, 0.3)]
        {
            let found = find_autocorrelation(&calls(seed, 20_000, gap, block, correlation), 10).expect("an order");
            let ratio = found.block.as_nanos() as f64 / block;
            assert!((1.0 / 1.5..1.5).contains(&ratio), "{block} {correlation}: {found:?}");
            assert!((found.correlation - correlation).abs() < 0.1, "{block} {correlation}: {found:?}");
        }
    }
}
