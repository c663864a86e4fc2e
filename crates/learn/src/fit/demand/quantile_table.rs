//! Points of a demand table: few enough to read, and enough to keep the mean.
//!
//! The usual percentiles are points. More are inserted where interpolation would miss the sum of
//! the demands between two of them.

use standin_model::stats::{Moments, quantile};

/// Returns the points of a table of sorted demands in nanoseconds: shares and quantiles.
pub(crate) fn table(demands: &[f64]) -> Vec<(f64, f64)> {
    let sums = PrefixSums::new(demands);
    let mut shares: Vec<f64> = match demands.len() {
        0..100 => FEW_PERCENTAGES.to_vec(),
        100..2_000 => PERCENTAGES.to_vec(),
        _ => PERCENTAGES.iter().chain(&[99.9]).copied().collect(),
    };
    shares.sort_by(f64::total_cmp);
    let mut points: Vec<(f64, f64)> =
        shares.iter().map(|percent| (percent / 100.0, quantile(demands, percent / 100.0))).collect();
    // points closer than the samples would claim precision that is not there
    let (enough, finest) = (sums.mean() * MAX_MEAN_ERROR.max(sums.mean_error() / 5.0), 2.0 / demands.len() as f64);
    while points.len() < MAX_POINTS {
        let errors: Vec<f64> = points.windows(2).map(|pair| sums.error(pair[0], pair[1])).collect();
        let wide = (0..errors.len()).filter(|index| points[index + 1].0 - points[*index].0 > finest);
        let worst = wide.max_by(|one, other| errors[*one].total_cmp(&errors[*other]));
        let Some(worst) = worst.filter(|_| errors.iter().sum::<f64>() > enough) else { break };
        // percentages with three digits are readable and fine enough
        let middle = (points[worst].0.midpoint(points[worst + 1].0) * 1e5).round() / 1e5;
        if middle <= points[worst].0 || middle >= points[worst + 1].0 {
            break;
        }
        points.insert(worst + 1, (middle, quantile(demands, middle)));
    }
    points
}

/// Returns the integral of a log-linear curve through points with positive values.
pub(crate) fn log_linear_area(points: &[(f64, f64)]) -> f64 {
    points
        .windows(2)
        .map(|pair| {
            let ((from, lower), (to, upper)) = (pair[0], pair[1]);
            let ratio = (upper - lower) / lower;
            (to - from) * if ratio < 1e-6 { lower } else { (upper - lower) / ratio.ln_1p() }
        })
        .sum()
}

/// Returns the name of a share as the profile writes it: `p99.9`.
pub fn percentile_name(share: f64) -> String {
    let percent = format!("{:.4}", share * 100.0);
    format!("p{}", percent.trim_end_matches('0').trim_end_matches('.'))
}

/// Sorted values with their running sums.
struct PrefixSums<'v> {
    sorted: &'v [f64],
    sums: Vec<f64>,
}

impl<'v> PrefixSums<'v> {
    fn new(sorted: &'v [f64]) -> Self {
        let mut sum = 0.0;
        let sums = std::iter::once(0.0).chain(sorted.iter().map(|value| {
            sum += value;
            sum
        }));
        Self { sorted, sums: sums.collect() }
    }

    fn mean(&self) -> f64 {
        self.sums[self.sorted.len()] / self.sorted.len() as f64
    }

    /// Returns the standard error of the mean, relative to the mean.
    fn mean_error(&self) -> f64 {
        let moments = Moments::of(self.sorted);
        (moments.variance() / moments.count).sqrt() / moments.mean
    }

    /// Returns the sum of the lowest `share` of values, divided by their number.
    fn sum_to(&self, share: f64) -> f64 {
        let place = share * self.sorted.len() as f64;
        let whole = (place.floor() as usize).min(self.sorted.len());
        let next = self.sorted.get(whole).copied().unwrap_or(0.0);
        (self.sums[whole] + next * (place - whole as f64)) / self.sorted.len() as f64
    }

    /// Returns the error of the mean from interpolating between two points.
    fn error(&self, lower: (f64, f64), upper: (f64, f64)) -> f64 {
        (log_linear_area(&[lower, upper]) - (self.sum_to(upper.0) - self.sum_to(lower.0))).abs()
    }
}

/// Percentages that every table has.
const PERCENTAGES: &[f64] =
    &[0.0, 1.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 85.0, 90.0, 95.0, 98.0, 99.0, 100.0];
const FEW_PERCENTAGES: &[f64] = &[0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 100.0];
const MAX_POINTS: usize = 48;
/// Relative error of the mean that a table may have; a fifth of its standard error is accepted too.
const MAX_MEAN_ERROR: f64 = 0.001;
