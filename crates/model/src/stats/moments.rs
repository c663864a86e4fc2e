//! The mean of a sample and what its values deviate from it.

use super::SampleValue;

/// Returns the mean of a sample; 0 if it is empty.
pub fn mean<T: SampleValue>(values: impl IntoIterator<Item = T>) -> f64 {
    let (mut sum, mut count) = (0.0, 0_usize);
    for value in values {
        sum += value.to_f64();
        count += 1;
    }
    sum / count.max(1) as f64
}

/// Returns the sum of a sample.
pub fn sum<T: SampleValue>(values: impl IntoIterator<Item = T>) -> f64 {
    values.into_iter().map(SampleValue::to_f64).sum()
}

/// The number of values of a sample, their mean, and the sum of the squares of their deviations
/// from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The number of values.
    pub count: f64,
    /// The mean; 0 if there are no values.
    pub mean: f64,
    squares: f64,
}

impl Moments {
    /// Reads the values twice: for the mean, then for the deviations from it.
    pub fn new(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count.max(1.0);
        Self { count, mean, squares: values.map(|value| (value - mean).powi(2)).sum() }
    }

    /// Returns the moments of a slice.
    pub fn of(values: &[f64]) -> Self {
        Self::new(values.iter().copied())
    }

    /// Returns the mean square of the deviations (divisor n); 0 if there are no values.
    pub fn variance(&self) -> f64 {
        self.squares / self.count.max(1.0)
    }

    /// Returns the unbiased estimate of the variance of the distribution (divisor n − 1); 0 for
    /// fewer than two values.
    pub fn sample_variance(&self) -> f64 {
        self.squares / (self.count - 1.0).max(1.0)
    }

    /// Returns the unbiased estimate of the square of the standard error of the mean; infinite for
    /// fewer than two values.
    pub fn squared_error(&self) -> f64 {
        if self.count < 2.0 { f64::INFINITY } else { self.sample_variance() / self.count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_a_small_sample_are_known() {
        let moments = Moments::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((moments.count, moments.mean, moments.variance()), (8.0, 5.0, 4.0));
        assert!((moments.sample_variance() - 32.0 / 7.0).abs() < 1e-12);
        assert!((moments.squared_error() - 4.0 / 7.0).abs() < 1e-12);
    }

    #[test]
    fn a_sample_of_one_or_none_has_no_error() {
        assert_eq!((mean::<f64>([]), mean([3_u64])), (0.0, 3.0));
        let none = Moments::of(&[]);
        assert_eq!((none.mean, none.variance(), none.sample_variance()), (0.0, 0.0, 0.0));
        assert!(none.squared_error().is_infinite() && Moments::of(&[1.0]).squared_error().is_infinite());
    }
}
