//! What a distribution is made of: one value, a family between bounds, or a mixture of such, all truncated alike.

use super::families::Family;

/// Probability that bounds must leave, so that what lies within is drawn from more than rounding errors.
const LEAST_SHARE: f64 = 1e-9;

/// A distribution of nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// One value.
    Fixed(f64),
    /// At least one part.
    Mixture(Vec<Part>),
    /// A family between two bounds.
    Truncated(Truncated),
}

/// A part of a mixture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    shape: Shape,
    /// This part's share and those before it; 1 for the last.
    upto: f64,
    share: f64,
}

/// A family between two bounds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Truncated {
    family: Family,
    /// The probabilities of the whole family between which it is used.
    from: f64,
    to: f64,
    min: f64,
    max: f64,
}

impl Shape {
    /// A family without bounds, but for 0: delays are never negative. `None` if (almost) all of it is below.
    pub(super) fn of(family: Family) -> Option<Self> {
        let whole = Truncated { family, from: 0.0, to: 1.0, min: f64::NEG_INFINITY, max: f64::INFINITY };
        whole.within(0.0, f64::INFINITY).map(|(_, shape)| shape)
    }

    /// Parts with their shares, each above 0; shares are taken in proportion to their sum. `None` without parts.
    pub(super) fn mixture(parts: Vec<(f64, Self)>) -> Option<Self> {
        let sum: f64 = parts.iter().map(|(share, _)| share).sum();
        let mut before = 0.0;
        let mut parts: Vec<_> = parts
            .into_iter()
            .map(|(share, shape)| {
                before += share / sum;
                Part { shape, upto: before, share: share / sum }
            })
            .collect();
        parts.last_mut()?.upto = 1.0;
        Some(Self::Mixture(parts))
    }

    /// What lies between two bounds, both included, and the probability that it does; `None` if (almost) nothing does.
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
                if share < LEAST_SHARE {
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
                let index = parts.partition_point(|part| part.upto < choice).min(parts.len() - 1);
                parts[index].shape.draw(uniform)
            }
        }
    }

    /// The least value that a share `p` of draws does not exceed.
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

    /// The share of draws that do not exceed `value`.
    pub(super) fn cdf(&self, value: f64) -> f64 {
        match self {
            Self::Fixed(fixed) => f64::from(value >= *fixed),
            Self::Truncated(truncated) => truncated.cdf(value),
            Self::Mixture(parts) => parts.iter().map(|part| part.share * part.shape.cdf(value)).sum(),
        }
    }

    /// The mean, which may be infinite.
    pub(super) fn mean(&self) -> f64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Truncated(truncated) => truncated.mean(),
            Self::Mixture(parts) => parts.iter().map(|part| part.share * part.shape.mean()).sum(),
        }
    }
}

impl Truncated {
    fn within(self, min: f64, max: f64) -> Option<(f64, Shape)> {
        let (min, max) = (min.max(self.min), max.min(self.max));
        let (from, to) = (self.from.max(self.family.below(min)), self.to.min(self.family.cdf(max)));
        // negated, so that a NaN leaves nothing either
        if !(min <= max && to - from >= LEAST_SHARE) {
            return None;
        }
        let share = (to - from) / (self.to - self.from);
        Some((share, Shape::Truncated(Self { family: self.family, from, to, min, max })))
    }

    fn quantile(&self, p: f64) -> f64 {
        let whole = self.from + p * (self.to - self.from);
        // rounding must not reach the infinite end from below it
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
        let sum = self.family.sum_within((self.min, self.max), (self.from, self.to));
        (sum / (self.to - self.from)).clamp(self.min, self.max)
    }
}

/// The least number between two, neither negative, from which `holds` is true; `high` if it is infinite.
fn least(low: f64, high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    if holds(low) {
        return low;
    }
    if high.is_infinite() {
        return high;
    }
    // the bits of floats that are not negative are in the order of the floats: at most 64 halvings, and exact
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

const LARGEST_BELOW_ONE: f64 = 1.0 - f64::EPSILON / 2.0;
