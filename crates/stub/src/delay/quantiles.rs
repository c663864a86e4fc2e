//! A distribution by its quantiles, log-linear between them: what a recording gives.
//!
//! Equal values at neighbouring points are a step: that value is drawn with the whole share between them.

/// Points that rise from probability 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantiles {
    points: Vec<Point>,
}

/// A value and the probability of not exceeding it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) share: f64,
    pub(super) value: f64,
}

/// Why points are no distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// A point's value is less than that of the point before it.
    Falls(Point, Point),
    /// The point of probability 0 or 1 is missing.
    NoEnd(&'static str),
    /// Two points have one probability.
    Twice(Point),
}

impl Quantiles {
    /// From points in any order.
    pub(super) fn new(mut points: Vec<Point>) -> Result<Self, Fault> {
        points.sort_by(|one, other| one.share.total_cmp(&other.share));
        if points.first().is_none_or(|first| first.share != 0.0) {
            return Err(Fault::NoEnd("p0"));
        }
        if points.last().is_none_or(|last| last.share != 1.0) {
            return Err(Fault::NoEnd("p100"));
        }
        for (lower, upper) in points.iter().zip(&points[1..]) {
            if lower.share == upper.share {
                return Err(Fault::Twice(*upper));
            }
            if upper.value < lower.value {
                return Err(Fault::Falls(*lower, *upper));
            }
        }
        Ok(Self { points })
    }

    pub(super) fn quantile(&self, p: f64) -> f64 {
        let (lower, upper) = self.around(self.points.partition_point(|point| point.share < p));
        let way = ((p - lower.share) / (upper.share - lower.share)).clamp(0.0, 1.0);
        if lower.value == upper.value {
            return lower.value;
        }
        if lower.value == 0.0 {
            // there is no logarithm to go along
            return upper.value * way;
        }
        lower.value * (way * (upper.value / lower.value).ln()).exp()
    }

    /// The probability of a value at or below `x`.
    pub(super) fn cdf(&self, x: f64) -> f64 {
        self.probability(x, self.points.partition_point(|point| point.value <= x))
    }

    /// The probability of a value below `x`.
    pub(super) fn below(&self, x: f64) -> f64 {
        self.probability(x, self.points.partition_point(|point| point.value < x))
    }

    /// The integral of the quantile over probabilities between two.
    pub(super) fn sum_between(&self, from: f64, to: f64) -> f64 {
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

    /// `upper` is the first point beyond `x`.
    fn probability(&self, x: f64, upper: usize) -> f64 {
        if upper == 0 {
            return 0.0;
        }
        if upper == self.points.len() {
            return 1.0;
        }
        let (lower, upper) = self.around(upper);
        if x >= upper.value {
            return upper.share;
        }
        let way =
            if lower.value > 0.0 { (x / lower.value).ln() / (upper.value / lower.value).ln() } else { x / upper.value };
        lower.share + (upper.share - lower.share) * way.clamp(0.0, 1.0)
    }

    /// The point of an index and the one before it, as far as there are such.
    fn around(&self, upper: usize) -> (Point, Point) {
        let upper = upper.clamp(1, self.points.len() - 1);
        (self.points[upper - 1], self.points[upper])
    }
}

/// The mean of what rises exponentially from one value above 0 to another.
fn logarithmic_mean(first: f64, last: f64) -> f64 {
    let ratio = (last - first) / first;
    // the quotient loses its digits where the two are almost the same
    if ratio < 1e-6 { first.midpoint(last) } else { (last - first) / ratio.ln_1p() }
}
