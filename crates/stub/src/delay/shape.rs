//! [`DistributionShape`]: a constant, a truncated family, or a mixture of these.

use super::families::Family;

/// Minimum probability within bounds. With less, rounding errors would decide what is drawn.
const MIN_PROBABILITY: f64 = 1e-9;

/// A distribution of times in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum DistributionShape {
    /// A constant time in nanoseconds.
    Fixed(f64),
    /// A mixture of one part or more.
    Mixture(Vec<MixturePart>),
    /// A family between two bounds.
    Truncated(Truncated),
}

/// A part of a mixture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MixturePart {
    shape: DistributionShape,
    /// Sum of the shares up to this part; exactly 1 for the last.
    cumulative_share: f64,
    share: f64,
}

/// A family between two bounds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Truncated {
    family: Family,
    /// Probability of the family below `min`.
    from: f64,
    /// Probability of the family up to `max`.
    to: f64,
    min: f64,
    max: f64,
}

impl DistributionShape {
    /// Returns a family truncated at 0, as delays are not negative; `None` if almost all of it lies
    /// below.
    pub(super) fn of(family: Family) -> Option<Self> {
        let whole = Truncated { family, from: 0.0, to: 1.0, min: f64::NEG_INFINITY, max: f64::INFINITY };
        whole.within(0.0, f64::INFINITY).map(|(_, shape)| shape)
    }

    /// Returns a mixture of parts, each with its share above 0. Shares are normalized by their sum.
    /// `None` without parts.
    pub(super) fn mixture(parts: Vec<(f64, Self)>) -> Option<Self> {
        let sum: f64 = parts.iter().map(|(share, _)| share).sum();
        let mut before = 0.0;
        let mut parts: Vec<_> = parts
            .into_iter()
            .map(|(share, shape)| {
                before += share / sum;
                MixturePart { shape, cumulative_share: before, share: share / sum }
            })
            .collect();
        parts.last_mut()?.cumulative_share = 1.0;
        Some(Self::Mixture(parts))
    }

    /// Truncates the shape at two bounds, both included. Returns the probability within them and
    /// the truncated shape; `None` if almost nothing lies within them.
    pub(super) fn within(self, min: f64, max: f64) -> Option<(f64, Self)> {
        match self {
            Self::Fixed(value) => (min <= value && value <= max).then_some((1.0, self)),
            Self::Truncated(truncated) => truncated.within(min, max),
            Self::Mixture(parts) => {
                let parts: Vec<_> = parts
                    .into_iter()
                    .filter_map(|part| {
                        let (inside, shape) = part.shape.within(min, max)?;
                        Some((part.share * inside, shape))
                    })
                    .collect();
                let share: f64 = parts.iter().map(|(share, _)| share).sum();
                if share < MIN_PROBABILITY {
                    return None;
                }
                Some((share.min(1.0), Self::mixture(parts)?))
            }
        }
    }

    /// Draws a value; `uniform` gives numbers strictly between 0 and 1.
    pub(super) fn draw(&self, uniform: &mut impl FnMut() -> f64) -> f64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Truncated(truncated) => truncated.quantile(uniform()),
            Self::Mixture(parts) => {
                let choice = uniform();
                let index = parts.partition_point(|part| part.cumulative_share < choice).min(parts.len() - 1);
                parts[index].shape.draw(uniform)
            }
        }
    }

    /// Returns the quantile of probability `p`.
    pub(super) fn quantile(&self, p: f64) -> f64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Truncated(truncated) => truncated.quantile(p),
            Self::Mixture(parts) => {
                // the mixture's quantile lies between the least and the greatest of its parts'
                let (low, high) = parts
                    .iter()
                    .map(|part| part.shape.quantile(p))
                    .fold((f64::INFINITY, 0.0f64), |(low, high), quantile| (low.min(quantile), high.max(quantile)));
                least(low, high, |value| self.cdf(value) >= p)
            }
        }
    }

    /// Returns the probability of a value at or below `value`.
    pub(super) fn cdf(&self, value: f64) -> f64 {
        match self {
            Self::Fixed(fixed) => f64::from(value >= *fixed),
            Self::Truncated(truncated) => truncated.cdf(value),
            Self::Mixture(parts) => parts.iter().map(|part| part.share * part.shape.cdf(value)).sum(),
        }
    }

    /// Returns the mean, which may be infinite.
    pub(super) fn mean(&self) -> f64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Truncated(truncated) => truncated.mean(),
            Self::Mixture(parts) => parts.iter().map(|part| part.share * part.shape.mean()).sum(),
        }
    }
}

impl Truncated {
    fn within(self, min: f64, max: f64) -> Option<(f64, DistributionShape)> {
        let (min, max) = (min.max(self.min), max.min(self.max));
        let (from, to) = (self.from.max(self.family.below(min)), self.to.min(self.family.cdf(max)));
        // negated, so that a NaN is rejected too
        if !(min <= max && to - from >= MIN_PROBABILITY) {
            return None;
        }
        let share = (to - from) / (self.to - self.from);
        Some((share, DistributionShape::Truncated(Self { family: self.family, from, to, min, max })))
    }

    fn quantile(&self, p: f64) -> f64 {
        let whole = self.from + p * (self.to - self.from);
        // rounding must not turn a probability below 1 into an infinite quantile
        let whole = if p < 1.0 { whole.min(LARGEST_BELOW_ONE) } else { whole };
        self.family.quantile(whole).clamp(self.min, self.max)
    }

    fn cdf(&self, value: f64) -> f64 {
        if value < self.min {
            return 0.0;
        }
        if value >= self.max {
            return 1.0;
        }
        ((self.family.cdf(value) - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }

    fn mean(&self) -> f64 {
        let sum = self.family.partial_expectation((self.min, self.max), (self.from, self.to));
        (sum / (self.to - self.from)).clamp(self.min, self.max)
    }
}

/// Returns the least number from `low` to `high`, both not negative, at which the monotone
/// condition `holds` is true; `high` if that is infinite.
fn least(low: f64, high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    if holds(low) {
        return low;
    }
    if high.is_infinite() {
        return high;
    }
    // floats that are not negative have the order of their bits, so that at most 64 halvings find
    // the exact number
    let (mut below, mut from) = (low.abs().to_bits(), high.abs().to_bits());
    while below + 1 < from {
        let middle = u64::midpoint(below, from);
        if holds(f64::from_bits(middle)) {
            from = middle;
        } else {
            below = middle;
        }
    }
    f64::from_bits(from)
}

/// The largest float below 1.
const LARGEST_BELOW_ONE: f64 = 1.0 - f64::EPSILON / 2.0;
