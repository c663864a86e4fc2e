//! [`Quantiles`], an empirical distribution given by its quantiles, log-linear between them.
//!
//! Two neighbouring points of equal value are an atom: the value has the probability between them.

/// A quantile function as points with increasing probabilities from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantiles {
    points: Vec<QuantilePoint>,
}

/// A value and the probability (0 to 1) of not exceeding it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct QuantilePoint {
    pub(super) share: f64,
    pub(super) value: f64,
}

/// The reason why points are no quantile function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum QuantileError {
    /// The value of the second point is less than that of the first.
    Decreasing(QuantilePoint, QuantilePoint),
    /// The point of probability 0 (`p0`) or 1 (`p100`) is missing.
    MissingEnd(&'static str),
    /// Two points have the same probability.
    Repeated(QuantilePoint),
}

impl Quantiles {
    /// Checks points in any order.
    pub(super) fn new(mut points: Vec<QuantilePoint>) -> Result<Self, QuantileError> {
        points.sort_by(|one, other| one.share.total_cmp(&other.share));
        if points.first().is_none_or(|first| first.share != 0.0) {
            return Err(QuantileError::MissingEnd("p0"));
        }
        if points.last().is_none_or(|last| last.share != 1.0) {
            return Err(QuantileError::MissingEnd("p100"));
        }
        for (lower, upper) in points.iter().zip(&points[1..]) {
            if lower.share == upper.share {
                return Err(QuantileError::Repeated(*upper));
            }
            if upper.value < lower.value {
                return Err(QuantileError::Decreasing(*lower, *upper));
            }
        }
        Ok(Self { points })
    }

    /// Returns the quantile of probability `p` (0 to 1).
    pub(super) fn quantile(&self, p: f64) -> f64 {
        let (lower, upper) = self.segment(self.points.partition_point(|point| point.share < p));
        let fraction = ((p - lower.share) / (upper.share - lower.share)).clamp(0.0, 1.0);
        if lower.value == upper.value {
            return lower.value;
        }
        if lower.value == 0.0 {
            // the logarithm of 0 is infinite, so that the interpolation is linear
            return upper.value * fraction;
        }
        lower.value * (fraction * (upper.value / lower.value).ln()).exp()
    }

    /// Returns the probability of a value at or below `x`.
    pub(super) fn cdf(&self, x: f64) -> f64 {
        self.probability(x, self.points.partition_point(|point| point.value <= x))
    }

    /// Returns the probability of a value below `x`.
    pub(super) fn below(&self, x: f64) -> f64 {
        self.probability(x, self.points.partition_point(|point| point.value < x))
    }

    /// Returns the integral of the quantile function over the probabilities from `from` to `to`.
    pub(super) fn integral(&self, from: f64, to: f64) -> f64 {
        self.points
            .iter()
            .zip(&self.points[1..])
            .map(|(lower, upper)| {
                let (start, end) = (lower.share.max(from), upper.share.min(to));
                if start >= end {
                    return 0.0;
                }
                let first = if start == lower.share { lower.value } else { self.quantile(start) };
                let last = self.quantile(end);
                (end - start) * if lower.value == 0.0 { first.midpoint(last) } else { logarithmic_mean(first, last) }
            })
            .sum()
    }

    /// Returns the probability of `x`; `upper` is the index of the first point beyond it.
    fn probability(&self, x: f64, upper: usize) -> f64 {
        if upper == 0 {
            return 0.0;
        }
        if upper == self.points.len() {
            return 1.0;
        }
        let (lower, upper) = self.segment(upper);
        if x >= upper.value {
            return upper.share;
        }
        let fraction =
            if lower.value > 0.0 { (x / lower.value).ln() / (upper.value / lower.value).ln() } else { x / upper.value };
        lower.share + (upper.share - lower.share) * fraction.clamp(0.0, 1.0)
    }

    /// Returns the points at `upper - 1` and `upper`, clamped to the existing ones.
    fn segment(&self, upper: usize) -> (QuantilePoint, QuantilePoint) {
        let upper = upper.clamp(1, self.points.len() - 1);
        (self.points[upper - 1], self.points[upper])
    }
}

/// Returns the logarithmic mean of two positive values: the mean of a quantity that rises
/// exponentially between them.
fn logarithmic_mean(first: f64, last: f64) -> f64 {
    let ratio = (last - first) / first;
    // the quotient loses precision where the two values are almost equal
    if ratio < 1e-6 { first.midpoint(last) } else { (last - first) / ratio.ln_1p() }
}
