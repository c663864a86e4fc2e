//! Counts of calls between bounds: what Prometheus and OpenTelemetry keep of latencies.
//!
//! The shares at the bounds are known and nothing between them. A `quantiles` distribution is
//! log-linear between its points, so that the bounds themselves are the points, and no percentile
//! is computed twice.

/// Counts between bounds in nanoseconds, in rising order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    /// The lower bound of the first bucket.
    floor: f64,
    /// Upper bounds, each with its own count.
    counts: Vec<(f64, u64)>,
    /// Calls beyond the last bound.
    beyond: u64,
    /// The shortest and the longest time, where the source tells them.
    ends: (Option<f64>, Option<f64>),
}

impl Buckets {
    /// Buckets by rising upper bounds; `beyond` calls took longer than the last of them. `ends` are
    /// the shortest and the longest time, if known.
    pub fn new(floor: f64, counts: Vec<(f64, u64)>, beyond: u64, ends: (Option<f64>, Option<f64>)) -> Self {
        Self { floor, counts, beyond, ends }
    }

    /// Adds the counts of another, where each bound of one lies on a bound of the other or outside
    /// its calls; whether that is so.
    #[must_use]
    pub fn merge(&mut self, other: &Self) -> bool {
        let mut bounds: Vec<f64> = self.counts.iter().chain(&other.counts).map(|(bound, _)| *bound).collect();
        bounds.extend([self.floor, other.floor]);
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let (Some(mine), Some(others)) = (self.onto(&bounds), other.onto(&bounds)) else { return false };
        self.floor = bounds[0];
        let own = mine.iter().zip(others).map(|(one, other)| one.saturating_add(other));
        self.counts = bounds[1..].iter().copied().zip(own).collect();
        self.beyond = self.beyond.saturating_add(other.beyond);
        self.ends.0 = self.ends.0.zip(other.ends.0).map(|(one, other)| one.min(other));
        self.ends.1 = self.ends.1.zip(other.ends.1).map(|(one, other)| one.max(other));
        true
    }

    /// Returns the counts between the bounds of a finer or longer row, if none of its buckets with
    /// calls would have to be split.
    fn onto(&self, bounds: &[f64]) -> Option<Vec<u64>> {
        let mut own = vec![0; bounds.len().saturating_sub(1)];
        let mut lower = self.floor;
        for (upper, count) in &self.counts {
            if *count > 0 {
                let at = bounds.iter().position(|bound| bound == upper)?;
                if at == 0 || bounds[at - 1] != lower {
                    return None;
                }
                own[at - 1] = *count;
            }
            lower = *upper;
        }
        (self.beyond == 0 || bounds.last() == Some(&lower)).then_some(own)
    }

    /// Returns the number of calls, including those beyond the last bound.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(self.beyond, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Calls beyond the last bound whose longest time is not known: their tail is cut off there.
    pub fn cut_off(&self) -> u64 {
        if self.ends.1.is_some() { 0 } else { self.beyond }
    }

    /// Returns the last bound, in nanoseconds.
    pub fn last_bound(&self) -> Option<f64> {
        self.counts.last().map(|(bound, _)| *bound)
    }

    /// Percentages (0 to 100) and times in nanoseconds, both rising: the bounds, from the lower one
    /// of the first bucket that has calls to the upper one of the last. What lies beyond the last
    /// bound stands at it, unless the longest time is known. Empty if there are no calls or no
    /// bounds.
    pub fn points(&self) -> Vec<(f64, f64)> {
        let total = self.count();
        let Some(last) = self.last_bound().filter(|_| total > 0) else { return Vec::new() };
        let mut points: Vec<(f64, f64)> = Vec::new();
        let (mut lower, mut seen) = (self.floor, 0u64);
        for (bound, count) in &self.counts {
            if *count > 0 {
                if seen == 0 {
                    points.push((0.0, self.ends.0.map_or(lower, |shortest| shortest.clamp(lower, *bound))));
                } else if points.last().is_some_and(|point| point.1 < lower) {
                    // nothing lies in the empty buckets in between: a step
                    let at = points.last().map_or(0.0, |point| point.0);
                    points.push(((at + STEP_PERCENT).min(100.0), lower));
                }
                seen = seen.saturating_add(*count);
                points.push((seen as f64 / total as f64 * 100.0, *bound));
            }
            lower = *bound;
        }
        if seen == 0 {
            points.push((0.0, last));
        }
        if let Some(end) = points.last().copied().filter(|end| self.beyond > 0 && end.1 < last) {
            // neither between the last calls and the last bound
            points.push(((end.0 + STEP_PERCENT).min(100.0), last));
        }
        if let Some(longest) = self.ends.1 {
            let before = points.iter().rev().nth(1).map_or(0.0, |point| point.1);
            if self.beyond == 0 {
                if let Some(end) = points.last_mut() {
                    end.1 = longest.clamp(before, end.1);
                }
            } else {
                points.push((100.0, longest.max(last)));
            }
        } else if self.beyond > 0 {
            points.push((100.0, last));
        }
        thinned(points)
    }

    /// Returns the bounds of a percentile in nanoseconds; the upper one is `None` if it is unknown.
    pub fn around(&self, percent: f64) -> Option<(f64, Option<f64>)> {
        let rank = (percent / 100.0 * self.count() as f64).ceil().max(1.0) as u64;
        let (mut lower, mut seen) = (self.floor, 0u64);
        for (bound, count) in &self.counts {
            seen = seen.saturating_add(*count);
            if seen >= rank {
                return Some((lower, Some(*bound)));
            }
            lower = *bound;
        }
        (self.beyond > 0).then_some((lower, self.ends.1))
    }
}

/// Points that are to be told apart: percentages to a millionth, times that rise, and no more of
/// them than one can read.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let last = points.len().saturating_sub(1);
    let crowded = points.len() > MAX_POINTS;
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (index, (percent, time)) in points.into_iter().enumerate() {
        let percent = (percent * 1e6).round() / 1e6;
        let Some(before) = kept.last_mut() else {
            kept.push((percent, time));
            continue;
        };
        let is_step = percent - before.0 <= 2.0 * STEP_PERCENT;
        if percent <= before.0 {
            // too few calls to be a point of their own
            before.1 = if before.0 > 0.0 { before.1.max(time) } else { before.1 };
        } else if !crowded || index == last || is_step || logit(percent) - logit(before.0) > MIN_LOGIT_DISTANCE {
            kept.push((percent, time));
        }
    }
    kept
}

/// Returns the logit of a percentage, the logarithm of its odds, which spaces both tails alike.
fn logit(percent: f64) -> f64 {
    let share = (percent / 100.0).clamp(1e-9, 1.0 - 1e-9);
    (share / (1.0 - share)).ln()
}

/// Percent within which a step rises.
const STEP_PERCENT: f64 = 1e-6;
const MAX_POINTS: usize = 40;
const MIN_LOGIT_DISTANCE: f64 = 0.3;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use standin_model::profile::DistributionSpec;

    fn buckets() -> impl Strategy<Value = Buckets> {
        (prop::collection::vec((1.05..4.0f64, 0..2000u64), 1..60), 0..50u64).prop_map(|(steps, beyond)| {
            let mut bound = 1e6;
            let counts = steps.into_iter().map(|(factor, count)| {
                bound = (bound * factor).round().min(1e14);
                (bound, count)
            });
            let mut counts: Vec<_> = counts.collect();
            counts.dedup_by_key(|(bound, _)| *bound);
            Buckets::new(0.0, counts, beyond, (None, None))
        })
    }

    proptest! {
        #[test]
        fn points_rise_from_0_to_100_and_percentiles_lie_in_their_buckets(buckets in buckets()) {
            let points = buckets.points();
            if buckets.count() == 0 {
                prop_assert!(points.is_empty());
                return Ok(());
            }
            prop_assert_eq!((points[0].0, points[points.len() - 1].0), (0.0, 100.0));
            for pair in points.windows(2) {
                prop_assert!(pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1, "{:?}", pair);
            }
            let delay = DistributionSpec::quantiles(points.iter().map(|(percent, time)| (*percent, Duration::from_nanos(*time as u64))));
            let built = delay.build().expect("points that rise are a distribution");
            if points.len() < MAX_POINTS / 2 {
                for percent in [50.0, 90.0, 99.0] {
                    let (lower, upper) = buckets.around(percent).expect("there are calls");
                    let time = built.quantile(percent / 100.0).as_nanos() as f64;
                    // four digits are kept, and a rank may fall between two buckets
                    prop_assert!(time >= lower * 0.998, "p{}: {} below {}", percent, time, lower);
                    prop_assert!(time <= upper.unwrap_or(lower) * 1.002, "p{}: {} above {:?}", percent, time, upper);
                }
            }
        }
    }

    #[test]
    fn no_tail_is_invented() {
        let cut = Buckets::new(0.0, vec![(5.0, 0), (10.0, 90), (20.0, 0)], 10, (None, None));
        assert_eq!(cut.points()[0], (0.0, 5.0), "the lower bound of the first bucket with calls");
        assert_eq!(cut.points().last(), Some(&(100.0, 20.0)));
        assert_eq!((cut.cut_off(), cut.around(99.0)), (10, Some((20.0, None))));
        let known = Buckets::new(0.0, vec![(10.0, 90)], 10, (Some(2.0), Some(70.0)));
        assert_eq!(known.points(), [(0.0, 2.0), (90.0, 10.0), (100.0, 70.0)]);
        assert_eq!(known.cut_off(), 0);
    }

    #[test]
    fn rows_of_bounds_are_added_where_they_fit() {
        let mut one = Buckets::new(2.0, vec![(4.0, 1), (8.0, 2)], 0, (Some(3.0), None));
        assert!(one.merge(&Buckets::new(4.0, vec![(8.0, 3), (16.0, 4)], 0, (None, None))));
        assert_eq!(one, Buckets::new(2.0, vec![(4.0, 1), (8.0, 5), (16.0, 4)], 0, (None, None)));
        let before = one.clone();
        assert!(!one.merge(&Buckets::new(2.0, vec![(5.0, 1)], 0, (None, None))), "4 lies within");
        assert!(!one.merge(&Buckets::new(2.0, vec![(4.0, 1)], 1, (None, None))), "what is beyond 4 may be anywhere");
        assert_eq!(one, before);
    }

    #[test]
    fn nothing_lies_in_an_empty_bucket() {
        let apart = Buckets::new(0.0, vec![(1e6, 50), (1e7, 0), (2e7, 50)], 0, (None, None));
        assert_eq!(apart.points(), [(0.0, 0.0), (50.0, 1e6), (50.000_001, 1e7), (100.0, 2e7)]);
    }
}
