//! Statistics of samples: the one definition of a quantile, of a mean, and of a distance between
//! two samples that fitting, comparison and tests share, so that a p95 is the same figure wherever
//! it is reported.
//!
//! Samples are slices of numbers. "Sorted" means in ascending order; functions that need it say so.

mod distance;
mod log_normal;
mod moments;
mod quantile;
mod score;

pub use distance::{kolmogorov_smirnov, log_ratio, matched_distance, wasserstein};
pub use log_normal::LogNormal;
pub use moments::{Moments, mean, sum};
pub use quantile::{median, quantile, quantile_of};
pub use score::{signed_rank_score, standard_score};

/// A value of a sample: a number that converts to `f64`. Integers are exact below 2^53 (104 days in
/// nanoseconds).
pub trait SampleValue: Copy + PartialOrd {
    /// Returns the value as a floating-point number.
    fn to_f64(self) -> f64;
}

impl<T: SampleValue> SampleValue for &T {
    fn to_f64(self) -> f64 {
        (*self).to_f64()
    }
}

impl SampleValue for f64 {
    fn to_f64(self) -> f64 {
        self
    }
}

impl SampleValue for u64 {
    fn to_f64(self) -> f64 {
        self as f64
    }
}

impl SampleValue for i64 {
    fn to_f64(self) -> f64 {
        self as f64
    }
}
