//! Medians, ranges and quantiles, each with what the sample size allows to say of it.

/// The middle of some measurements and the outermost of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// Of at least one measurement.
    pub fn of(values: &[f64]) -> Self {
        let sorted = sorted(values);
        Self {
            median: quantile(&sorted, 0.5),
            least: sorted.first().copied().unwrap_or(f64::NAN),
            most: sorted.last().copied().unwrap_or(f64::NAN),
        }
    }
}

/// In rising order.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The `p`-quantile of sorted values, linear between neighbours (Hyndman and Fan's type 7, 1996).
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = p.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// The standard error of the `p`-quantile: half the distance between the quantiles one binomial
/// deviation √(p(1-p)/n) to either side, which needs no density (Woodruff 1952).
pub fn standard_error(sorted: &[f64], p: f64) -> f64 {
    let deviation = (p * (1.0 - p) / sorted.len() as f64).sqrt();
    (quantile(sorted, p + deviation) - quantile(sorted, p - deviation)) / 2.0
}

/// Each value by its partner.
pub fn ratios(values: &[f64], bases: &[f64]) -> Vec<f64> {
    values.iter().zip(bases).map(|(value, base)| value / base).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_names_middle_and_ends() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Spread::of(&[4.0, 2.0]), Spread { median: 3.0, least: 2.0, most: 4.0 });
        assert!(Spread::of(&[]).median.is_nan());
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert!((quantile(&values, 0.9) - 90.0).abs() < 1e-9);
        assert!((quantile(&values, 0.005) - 0.5).abs() < 1e-9);
        assert!((quantile(&values, 1.0) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn the_error_of_a_uniform_median_is_known() {
        // n = 10,001 uniform values: 0.5 / √n of the range
        let values: Vec<f64> = (0..=10_000).map(|i| f64::from(i) / 10_000.0).collect();
        assert!((standard_error(&values, 0.5) - 0.005).abs() < 1e-4);
    }
}
