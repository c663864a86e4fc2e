//! Load-dependent service rates: measured completions a second by the number of calls in the
//! service.
//!
//! With n calls, each runs at the rate mu(n) / (n mu(1)), so that a demand is the time that a call
//! takes alone. That rate must not rise with n: otherwise an arriving call could make another one
//! finish earlier.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::finish_tree::FinishTree;

/// Completions a second by population: linear between the given populations, constant beyond the
/// last.
#[derive(Clone, PartialEq)]
pub struct RateCurve {
    table: Arc<RateTable>,
}

#[derive(PartialEq)]
struct RateTable {
    rates: Vec<(u32, f64)>,
    /// Time that a unit of virtual time takes, by population.
    pieces: Vec<CostPiece>,
}

/// A line close to the cost, and never above it, at the populations above `low` up to `high`.
#[derive(Clone, Copy, PartialEq)]
struct CostPiece {
    low: u32,
    high: u32,
    /// Exact cost at `high`.
    cost: f64,
    slope: f64,
}

/// An error in the rates of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RateCurveError {
    /// The first population is not 1.
    NotFromOne,
    /// This population does not come after the one before it.
    OutOfOrder(u32),
    /// The rate of this population is not above 0.
    NoRate(u32),
    /// Each of `many` calls would run faster than each of `few`.
    Faster {
        /// Population whose rate is too high.
        many: u32,
        /// Population of the point before it.
        few: u32,
    },
}

impl RateCurve {
    /// Makes a curve from populations, from 1 up, and their rates. Only the ratios of the rates
    /// count.
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
            // rates are written in decimals: points of a straight line may miss it by a rounding
            if faster / f64::from(many) > slower / f64::from(few) * (1.0 + RATE_TOLERANCE) {
                return Err(RateCurveError::Faster { many, few });
            }
        }
        let pieces = rates.windows(2).flat_map(|pair| pieces(rates[0].1, pair[0], pair[1])).collect();
        Ok(Self { table: Arc::new(RateTable { rates, pieces }) })
    }

    /// Returns the populations and their rates.
    pub fn rates(&self) -> &[(u32, f64)] {
        &self.table.rates
    }

    /// Returns the largest given population: more calls do not raise the throughput.
    pub fn max_population(&self) -> u32 {
        self.table.rates.last().map_or(1, |(population, _)| *population)
    }

    /// Returns a curve of `factor` times the capacity: mu_k(n) = k mu(n / k), as if each k calls
    /// were one, and linear below a population of 1. Also returns the factor by which a call takes
    /// longer alone: above 1 if there is less capacity than one call used.
    ///
    /// The curve is linear between given populations, so the whole numbers next to the scaled ones
    /// determine it.
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
        // if rounding makes the scaled rates invalid, the curve stays as it is
        (scaled.unwrap_or_else(|_| self.clone()), self.table.rate(1.0) / rate(1))
    }

    /// Returns the throughput of a population relative to that of one call, in units of
    /// 2^-[`UNIT_BITS`].
    pub(super) fn speed(&self, population: usize) -> u64 {
        let speed = self.table.rate(population.max(1) as f64) / self.table.rate(1.0);
        ((speed * (1u64 << UNIT_BITS) as f64).round() as u64).max(1)
    }

    /// Returns a lower bound of the time in which virtual time goes from `now` to `finish` if no
    /// other call comes. It is exact where each population on the way has a piece of its own. Along
    /// a line, the sum over the calls in service gives the integral.
    pub(super) fn time_until(&self, finish: u128, now: u128, order: &FinishTree) -> u128 {
        let all = order.len();
        let (mut time, mut at, mut gone, mut sum) = (0.0, now, 0, 0);
        while at < finish {
            let population = all - gone;
            let Some((low, slope, cost)) = self.table.piece(population) else {
                // for a single call, virtual time is time
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
                // calls that leave at this very time have left
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
    /// Serializes the populations and their rates.
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

    /// Returns the lower end of the piece that a population lies on, the slope of the piece, and
    /// the cost at the population; `None` for a single call.
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

/// Returns the cost n · alone / mu(n) between two populations in pieces: one for each population at
/// first, then each at most a sixteenth longer than the one before, or with a rate at most a
/// sixteenth lower.
///
/// Where mu rises linearly the cost is concave: a line between two of its points lies below it.
/// Where mu falls it is convex, and a tangent does.
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

/// Fractional bits of [`RateCurve::speed`]: a service that slows down to a thousandth is still
/// exact to 10^-9.
pub(super) const UNIT_BITS: u32 = 40;

/// Relative error of a rate that is written in decimals.
const RATE_TOLERANCE: f64 = 1e-6;

/// Number of parts that a population or its rate is divided into for the next piece: bounds are
/// then within 1 % of the finish.
const PIECE_DIVISOR: f64 = 16.0;
