//! Times of one kind of call, in the shape that the file has them, as points of a distribution.

use super::buckets::Buckets;
use std::time::Duration;

use super::histogram::Histogram;
use super::percentiles::KnownPercentiles;
use standin_text::short_duration;

/// Times, as far as they are known.
#[derive(Clone, Debug, PartialEq)]
pub enum Measurements {
    /// The time of each call.
    Calls(Histogram),
    /// Numbers of calls between bounds.
    Buckets(Buckets),
    /// Some percentiles of the times.
    Percentiles(KnownPercentiles),
}

impl Measurements {
    /// Adds other measurements of the same calls. Returns false if the two cannot be combined.
    #[must_use]
    pub fn merge(&mut self, other: &Self) -> bool {
        match (self, other) {
            (Self::Calls(mine), Self::Calls(others)) => {
                mine.merge(others);
                true
            }
            (Self::Buckets(mine), Self::Buckets(others)) => mine.merge(others),
            _ => false,
        }
    }

    /// Returns the number of calls, if it is known.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Calls(histogram) => Some(histogram.count()),
            Self::Buckets(buckets) => Some(buckets.count()),
            Self::Percentiles(percentiles) => percentiles.count,
        }
    }

    /// Percentages from 0 to 100 and times in nanoseconds, both rising; empty if nothing is known.
    pub fn points(&self) -> Vec<(f64, f64)> {
        match self {
            Self::Calls(histogram) => histogram.points(),
            Self::Buckets(buckets) => buckets.points(),
            Self::Percentiles(percentiles) if percentiles.is_empty() => Vec::new(),
            Self::Percentiles(percentiles) => percentiles.points().0,
        }
    }

    /// Returns the mean that the source names beside the points, in nanoseconds.
    pub fn mean(&self) -> Option<f64> {
        match self {
            Self::Calls(histogram) => Some(histogram.mean()),
            Self::Buckets(_) => None,
            Self::Percentiles(percentiles) => percentiles.mean,
        }
    }

    /// Returns remarks on the accuracy of the points: assumptions, a cut-off tail, coarse buckets.
    pub fn doubts(&self) -> Vec<String> {
        match self {
            Self::Calls(_) => Vec::new(),
            Self::Percentiles(percentiles) => match percentiles.points().1 {
                assumed if assumed.is_empty() => assumed,
                assumed => vec![format!("assumed: {}", assumed.join(", "))],
            },
            Self::Buckets(buckets) => {
                let short = |nanos: f64| short_duration(Duration::from_nanos(nanos as u64));
                let mut doubts = Vec::new();
                let between = [50.0, 95.0, 99.0].into_iter().filter_map(|percent| {
                    let (lower, upper) = buckets.around(percent)?;
                    Some(match upper {
                        Some(upper) => format!("p{percent} between {} and {}", short(lower), short(upper)),
                        None => format!("p{percent} beyond {}", short(lower)),
                    })
                });
                doubts.push(between.collect::<Vec<_>>().join(", "));
                if let (1.., Some(last)) = (buckets.cut_off(), buckets.last_bound()) {
                    doubts.push(format!(
                        "{} of {} calls took longer than the last bound: they are served in {}, the tail is cut off there",
                        buckets.cut_off(),
                        buckets.count(),
                        short(last)
                    ));
                }
                doubts
            }
        }
    }
}
