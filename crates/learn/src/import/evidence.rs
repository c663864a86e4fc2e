//! What a file tells of the times of one kind of call, in whatever shape, as points of a distribution.

use super::buckets::Buckets;
use std::time::Duration;

use super::percentiles::Percentiles;
use super::tally::Tally;
use standin_text::short_duration;

/// Times, as far as they are known.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// Of each call.
    Calls(Tally),
    /// By how many calls lie between bounds.
    Buckets(Buckets),
    /// A few percentiles.
    Percentiles(Percentiles),
}

impl Evidence {
    /// Adds what else is known of the same calls; whether that can be told from the two.
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

    /// How many calls, if that is known.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Calls(tally) => Some(tally.count()),
            Self::Buckets(buckets) => Some(buckets.count()),
            Self::Percentiles(percentiles) => percentiles.count,
        }
    }

    /// Percentages from 0 to 100 and times in nanoseconds, both rising; empty if nothing is known.
    pub fn points(&self) -> Vec<(f64, f64)> {
        match self {
            Self::Calls(tally) => tally.points(),
            Self::Buckets(buckets) => buckets.points(),
            Self::Percentiles(percentiles) if percentiles.is_empty() => Vec::new(),
            Self::Percentiles(percentiles) => percentiles.points().0,
        }
    }

    /// The mean that the source names beside the points, in nanoseconds.
    pub fn mean(&self) -> Option<f64> {
        match self {
            Self::Calls(tally) => Some(tally.mean()),
            Self::Buckets(_) => None,
            Self::Percentiles(percentiles) => percentiles.mean,
        }
    }

    /// What is not known of the points, in words: what was assumed, what is cut off, how coarse it is.
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
