//! Sample numbers: the number 1 where it is allowed, and the next to the bound where it is not.

use serde_json::{Number, Value};

use super::merge::Merged;

/// Returns the `place`-th of the numbers within the bounds of a schema.
pub(super) fn sample(merged: &Merged<'_>, is_integer: bool, place: usize) -> Option<Value> {
    let factors: Vec<f64> = merged.numbers("multipleOf").filter(|factor| *factor > 0.0).collect();
    let bounds = Bounds::of(merged);
    let step = factors.iter().copied().reduce(f64::max).unwrap_or(if is_integer { 1.0 } else { 0.0 });
    let step = if is_integer && step.fract() != 0.0 && step < 1.0 { 1.0 } else { step };
    if step == 0.0 {
        return bounds.number(place).and_then(|number| json_number(number, 0));
    }
    let decimals = factors.iter().map(|factor| decimals(*factor)).max().unwrap_or(0);
    let start = match (bounds.low(), bounds.high()) {
        _ if bounds.include(1.0) => (1.0 / step).ceil(),
        (Some(low), _) => (low / step).ceil(),
        (None, Some(high)) => (high / step).floor(),
        (None, None) => (1.0 / step).ceil(),
    };
    // upwards, then downwards
    let steps = (0..MAX_TRIES).map(|number| number as f64).chain((1..MAX_TRIES).map(|number| -(number as f64)));
    steps
        .map(|number| rounded((start + number) * step, decimals))
        .filter(|number| bounds.include(*number))
        .filter(|number| factors.iter().all(|factor| is_multiple(*number, *factor)))
        .filter(|number| !is_integer || number.fract() == 0.0)
        .nth(place)
        .and_then(|number| json_number(number, decimals))
}

/// The bounds of a number.
struct Bounds {
    at_least: Option<f64>,
    above: Option<f64>,
    at_most: Option<f64>,
    below: Option<f64>,
}

impl Bounds {
    fn of(merged: &Merged<'_>) -> Self {
        Self {
            at_least: merged.at_least("minimum"),
            above: merged.at_least("exclusiveMinimum"),
            at_most: merged.at_most("maximum"),
            below: merged.at_most("exclusiveMaximum"),
        }
    }

    fn include(&self, number: f64) -> bool {
        self.at_least.is_none_or(|bound| number >= bound)
            && self.above.is_none_or(|bound| number > bound)
            && self.at_most.is_none_or(|bound| number <= bound)
            && self.below.is_none_or(|bound| number < bound)
    }

    fn low(&self) -> Option<f64> {
        self.at_least.into_iter().chain(self.above).reduce(f64::max)
    }

    fn high(&self) -> Option<f64> {
        self.at_most.into_iter().chain(self.below).reduce(f64::min)
    }

    /// Returns the `place`-th of some numbers within the bounds, any number being allowed.
    fn number(&self, place: usize) -> Option<f64> {
        let (low, high) = (self.low(), self.high());
        let whole = (0..MAX_TRIES).map(|number| match (low, high) {
            (Some(low), _) if low > 1.0 => low.ceil() + number as f64,
            (_, Some(high)) if high < 1.0 => high.floor() - number as f64,
            _ => 1.0 + number as f64,
        });
        let found: Vec<f64> = whole.filter(|number| self.include(*number)).take(place + 1).collect();
        let between = || {
            let (low, high) = (low?, high?);
            let ends = [low, high].into_iter();
            let parts = (1..=place + 2).map(|part| low + (high - low) * part as f64 / (place + 3) as f64);
            parts.chain(ends).filter(|number| self.include(*number)).nth(place)
        };
        found.get(place).copied().or_else(between)
    }
}

fn is_multiple(number: f64, factor: f64) -> bool {
    let quotient = number / factor;
    (quotient - quotient.round()).abs() < 1e-9 * quotient.abs().max(1.0)
}

/// Returns the number of decimals of a factor such as 0.05.
fn decimals(factor: f64) -> usize {
    format!("{factor}").split_once('.').map_or(0, |(_, decimals)| decimals.len())
}

/// Returns a number without the error of the multiplication that made it.
fn rounded(number: f64, decimals: usize) -> f64 {
    format!("{number:.decimals$}").parse().unwrap_or(number)
}

/// Returns a number as it is written, without decimals if it is a whole one.
fn json_number(number: f64, decimals: usize) -> Option<Value> {
    if number.fract() == 0.0 && number.abs() < MAX_EXACT {
        return Some(Value::from(number as i64));
    }
    if decimals > 0 {
        return format!("{number:.decimals$}").parse().ok().map(Value::Number);
    }
    Number::from_f64(number).map(Value::Number)
}

/// Maximum number of candidates that are tried.
const MAX_TRIES: usize = 1_000;

/// Numbers below it are exact as floating point numbers.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
