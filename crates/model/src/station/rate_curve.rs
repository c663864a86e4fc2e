//! How fast a service works by how many calls are in it, as it was measured: completions a second at some populations.
//!
//! Of n calls, each runs at the rate mu(n) / (n mu(1)), so that a demand is the time that a call takes alone. That rate must
//! not rise with n: else a call that arrives could make another finish earlier.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::finish_tree::FinishTree;

/// Completions a second by population: linear between those that are given, constant beyond the last.
#[derive(Clone, PartialEq)]
pub struct RateCurve {
    table: Arc<RateTable>,
}

#[derive(PartialEq)]
struct RateTable {
    rates: Vec<(u32, f64)>,
    /// The cost of a unit of virtual time in time, by population.
    pieces: Vec<CostPiece>,
}

/// A line that is not above the cost at the populations from above `low` to `high`, and near it.
#[derive(Clone, Copy, PartialEq)]
struct CostPiece {
    low: u32,
    high: u32,
    /// The cost at `high`, exactly.
    cost: f64,
    slope: f64,
}

/// Why rates are no curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RateCurveError {
    /// The first population is not 1.
    NotFromOne,
    /// This population does not come after the one before it.
    OutOfOrder(u32),
    /// The rate of this population is not above 0.
    NoRate(u32),
    /// Each of so many calls runs faster than each of so few.
    Faster {
        /// The population.
        many: u32,
        /// The population before it.
        few: u32,
    },
}

impl RateCurve {
    /// A curve through these populations, from 1 up, and their rates; in any unit, as only their ratios count.
    pub fn new(rates: impl IntoIterator<Item = (u32, f64)>) -> Result<Self, RateCurveError> {
        let rates: Vec<(u32, f64)> = rates.into_iter().collect();
        if rates.first().is_none_or(|(population, _)| *population != 1) {
            return Err(RateCurveError::NotFromOne);
        }
        if let Some((population, _)) = rates.iter().find(|(_, rate)| !(*rate > 0.0 && rate.is_finite())) {
            return Err(RateCurveError::NoRate(*population));
        }
        for pair in rates.windows(2) {
            let [(few, slower), (many, faster)] = [pair[0], pair[1]];
            if many <= few {
                return Err(RateCurveError::OutOfOrder(many));
            }
            // rates are written in decimals: those of a straight line need not be quite on it
            if faster / f64::from(many) > slower / f64::from(few) * (1.0 + RATE_TOLERANCE) {
                return Err(RateCurveError::Faster { many, few });
            }
        }
        let pieces = rates.windows(2).flat_map(|pair| pieces(rates[0].1, pair[0], pair[1])).collect();
        Ok(Self { table: Arc::new(RateTable { rates, pieces }) })
    }

    /// The populations and their rates.
    pub fn rates(&self) -> &[(u32, f64)] {
        &self.table.rates
    }

    /// The largest population that is given: calls beyond it do not make it any faster.
    pub fn max_population(&self) -> u32 {
        self.table.rates.last().map_or(1, |(population, _)| *population)
    }

    /// `factor` times the capacity: mu_k(n) = k mu(n / k), as if each k calls were one. Below a population of 1 it is linear.
    /// Also says how many times as long a call then takes alone: more than 1 if there is less than what one call used.
    ///
    /// Between populations that are given it is linear as before, so the whole numbers beside them tell all.
    pub fn scaled(&self, factor: f64) -> (Self, f64) {
        let rate = |population: u32| factor * self.table.rate(f64::from(population) / factor);
        let mut populations = vec![1];
        for (population, _) in &self.table.rates {
            let exact = f64::from(*population) * factor;
            populations.extend([exact.floor().max(1.0) as u32, exact.ceil().max(1.0) as u32]);
        }
        populations.sort_unstable();
        populations.dedup();
        let scaled = Self::new(populations.into_iter().map(|population| (population, rate(population))));
        // what a rounding makes of it is at worst what it was
        (scaled.unwrap_or_else(|_| self.clone()), self.table.rate(1.0) / rate(1))
    }

    /// How many times as fast as one call so many are worked on together, in units of 2^-[`UNIT_BITS`].
    pub(super) fn speed(&self, population: usize) -> u64 {
        let speed = self.table.rate(population.max(1) as f64) / self.table.rate(1.0);
        ((speed * (1u64 << UNIT_BITS) as f64).round() as u64).max(1)
    }

    /// A time that is not more than what passes until virtual time has gone from `now` to `finish` if nobody comes, and exact where
    /// each population on the way has a piece of its own. Along a line, it takes the sum over the calls inside to add it all up.
    pub(super) fn time_until(&self, finish: u128, now: u128, order: &FinishTree) -> u128 {
        let all = order.len();
        let (mut time, mut at, mut gone, mut sum) = (0.0, now, 0, 0);
        while at < finish {
            let population = all - gone;
            let Some((low, slope, cost)) = self.table.piece(population) else {
                // alone, virtual time is time
                time += (finish - at) as f64;
                break;
            };
            let end = order.nth(all - low - 1).map_or(finish, |end| end.clamp(at, finish));
            let (gone_then, sum_then) = order.before(end);
            let (leaving, staying) = ((gone_then - gone) as u128, (all - gone_then) as u128);
            // the area under the population over virtual time
            let area = (sum_then - sum).saturating_sub(leaving * at) + staying * (end - at);
            let fallen = (population as u128 * (end - at)).saturating_sub(area);
            time += cost * (end - at) as f64 - slope * fallen as f64;
            (at, gone, sum) = (end, gone_then, sum_then);
            if end < finish {
                // those that leave at this very moment have left
                let (beyond, beyond_sum) = order.before(end + 1);
                (gone, sum) = (beyond, beyond_sum);
                if gone >= all {
                    break;
                }
            }
        }
        time as u128
    }
}

impl fmt::Debug for RateCurve {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.rates().iter().map(|(population, rate)| (population, rate))).finish()
    }
}

impl Serialize for RateCurve {
    /// Populations and their rates.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.rates().iter().copied())
    }
}

impl RateTable {
    fn rate(&self, population: f64) -> f64 {
        let after = self.rates.partition_point(|(given, _)| f64::from(*given) <= population);
        match (after.checked_sub(1).and_then(|before| self.rates.get(before)), self.rates.get(after)) {
            (Some((few, slower)), Some((many, faster))) => {
                let part = (population - f64::from(*few)) / f64::from(many - few);
                slower + part * (faster - slower)
            }
            (Some((_, last)), None) => *last,
            (None, first) => first.map_or(1.0, |(_, rate)| rate * population),
        }
    }

    /// The largest population below this one where the line ends that it lies on, the slope of the line, and the cost here; none
    /// for a call that is alone.
    fn piece(&self, population: usize) -> Option<(usize, f64, f64)> {
        if population <= 1 {
            return None;
        }
        let place = self.pieces.partition_point(|piece| (piece.high as usize) < population);
        let Some(piece) = self.pieces.get(place) else {
            // beyond the last, the rate is constant
            let (low, last) = self.rates.last()?;
            let slope = self.rate(1.0) / last;
            return Some((*low as usize, slope, slope * population as f64));
        };
        let missing = f64::from(piece.high) - population as f64;
        Some((piece.low as usize, piece.slope, piece.cost - piece.slope * missing))
    }
}

/// The cost n alone / mu(n) between two populations, in pieces: each one for itself, then each at most a sixteenth more than the
/// one before, or at most a sixteenth slower.
///
/// Where mu rises linearly the cost is concave: a line between two of its points lies below it. Where mu falls it is convex,
/// and a tangent does.
fn pieces(alone: f64, (few, slower): (u32, f64), (many, faster): (u32, f64)) -> Vec<CostPiece> {
    let slope = (faster - slower) / f64::from(many - few);
    let rate = |population: u32| slower + slope * f64::from(population - few);
    let cost = |population: u32| f64::from(population) * alone / rate(population);
    let (mut low, mut pieces) = (few, Vec::new());
    while low < many {
        let falls_in = if slope < 0.0 { -rate(low) / slope } else { f64::INFINITY };
        let step = (f64::from(low).min(falls_in) / PIECE_DIVISOR) as u32;
        let high = low.saturating_add(step.max(1)).min(many);
        let line = if slope < 0.0 {
            alone * (rate(high) - slope * f64::from(high)) / rate(high).powi(2)
        } else {
            (cost(high) - cost(low)) / f64::from(high - low)
        };
        pieces.push(CostPiece { low, high, cost: cost(high), slope: line });
        low = high;
    }
    pieces
}

/// Bits behind the point of [`RateCurve::speed`]: enough that a service that slows down to a thousandth is still told to 10^-9.
pub(super) const UNIT_BITS: u32 = 40;

/// How much of a rate decimals may lose.
const RATE_TOLERANCE: f64 = 1e-6;

/// Into so many parts a population or its rate is divided for the next piece: bounds are then within 1 % of the finish.
const PIECE_DIVISOR: f64 = 16.0;
