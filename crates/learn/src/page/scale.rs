//! From values to places on paper: linear or logarithmic, from one round number to another, with
//! few round ticks.

use std::fmt::Write as _;

use standin_text::group_digits;

/// The range of an axis, linear or logarithmic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AxisScale {
    least: f64,
    most: f64,
    is_log: bool,
}

impl AxisScale {
    /// Returns the scale for times in milliseconds, logarithmic if they differ much. A time below a
    /// microsecond counts as one.
    pub(crate) fn times(values: impl IntoIterator<Item = f64>) -> Self {
        let Some((least, most)) = extent(values) else { return Self::default() };
        let (least, most) = (least.max(MIN_TIME_MS), most.max(MIN_TIME_MS));
        if most / least < LOG_SCALE_RATIO {
            return Self::from_zero([most]);
        }
        Self { least: below(least), most: above(most), is_log: true }
    }

    /// Returns the scale from zero to the largest value.
    pub(crate) fn from_zero(values: impl IntoIterator<Item = f64>) -> Self {
        let most = extent(values).map_or(0.0, |(_, most)| most);
        if most <= 0.0 {
            return Self::default();
        }
        let step = step(most);
        Self { least: 0.0, most: (most / step - 1e-9).ceil() * step, is_log: false }
    }

    /// Returns true if the scale is logarithmic.
    pub(crate) fn is_log(&self) -> bool {
        self.is_log
    }

    /// Returns the scale from 0 to 100 %.
    pub(crate) fn percent() -> Self {
        Self { least: 0.0, most: 100.0, is_log: false }
    }

    /// Returns the position of a value, 0 to 1; a value beyond the scale is at its end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let place = if self.is_log {
            (value.max(self.least) / self.least).ln() / (self.most / self.least).ln()
        } else {
            (value - self.least) / (self.most - self.least)
        };
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }

    /// Returns round numbers from the minimum to the maximum.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        if !self.is_log {
            let step = step(self.most - self.least);
            let count = ((self.most - self.least) / step).round() as usize;
            return (0..=count).map(|tick| self.least + step * tick as f64).collect();
        }
        let decades = self.least.log10().floor() as i32..=self.most.log10().ceil() as i32;
        let of = |numbers: &[f64], every: usize| -> Vec<f64> {
            let all = decades.clone().step_by(every).flat_map(|decade| {
                numbers.iter().map(move |number| number * 10_f64.powi(decade)).collect::<Vec<f64>>()
            });
            all.filter(|tick| *tick >= self.least * 0.999 && *tick <= self.most * 1.001).collect()
        };
        let every = (decades.clone().count() / MAX_TICKS) + 1;
        [of(&[1.0, 2.0, 5.0], 1), of(&[1.0, 3.0], 1), of(&[1.0], 1)]
            .into_iter()
            .find(|ticks| ticks.len() <= MAX_TICKS)
            .unwrap_or_else(|| of(&[1.0], every))
    }
}

impl Default for AxisScale {
    /// Returns the scale for no values.
    fn default() -> Self {
        Self { least: 0.0, most: 1.0, is_log: false }
    }
}

/// Formats a tick: `0.5`, `20`, `1,000`.
pub(crate) fn written(tick: f64) -> String {
    let digits = if tick == 0.0 || tick.abs() >= 1.0 { 1 } else { (1.0 - tick.abs().log10()).ceil() as usize };
    let text = format!("{tick:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let (whole, rest) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let mut text = group_digits(whole, 3, ",");
    if let Some(rest) = rest {
        let _ = write!(text, ".{rest}");
    }
    text
}

/// Returns the minimum and the maximum of the finite values.
fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.into_iter().filter(|value| value.is_finite()).map(|value| value.clamp(-MAX_VALUE, MAX_VALUE));
    finite.fold(None, |known, value| match known {
        None => Some((value, value)),
        Some((least, most)) => Some((f64::min(least, value), f64::max(most, value))),
    })
}

/// Returns a round step that makes five ticks or fewer beside the first.
fn step(length: f64) -> f64 {
    let unit = 10_f64.powf((length / 5.0).log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| length / (unit * factor) <= 5.0 + 1e-9);
    unit * factor.unwrap_or(10.0)
}

fn below(value: f64) -> f64 {
    let unit = 10_f64.powf(value.log10().floor());
    let factor = [5.0, 2.0].into_iter().find(|factor| unit * factor <= value * 1.001);
    unit * factor.unwrap_or(1.0)
}

fn above(value: f64) -> f64 {
    let unit = 10_f64.powf(value.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| unit * factor >= value * 0.999);
    unit * factor.unwrap_or(10.0)
}

/// The minimum of a scale of times, in milliseconds.
const MIN_TIME_MS: f64 = 1e-3;
/// A range of times that is wider is drawn by their logarithms.
const LOG_SCALE_RATIO: f64 = 8.0;
const MAX_TICKS: usize = 7;
/// The maximum value: a larger one is no measurement, and its tick could not be written.
const MAX_VALUE: f64 = 1e15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_round() {
        assert_eq!(AxisScale::from_zero([87.0]).ticks(), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(AxisScale::from_zero([3.0, 5.0]).ticks(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(AxisScale::percent().ticks().len(), 6);
        let written: Vec<String> = AxisScale::times([1.3, 80.0]).ticks().into_iter().map(written).collect();
        assert_eq!(written, ["1", "2", "5", "10", "20", "50", "100"]);
    }

    #[test]
    fn any_range_has_ticks_within_it() {
        let mut values = vec![0.0, 1e-9, 1e-3, 0.4, 1.0, 7.7, 99.9, 1e3, 123_456.0, 1e9, 1e15];
        values.extend([f64::MAX, f64::MIN_POSITIVE]);
        for one in &values {
            for other in &values {
                for scale in [AxisScale::times([*one, *other]), AxisScale::from_zero([*one, *other])] {
                    let ticks = scale.ticks();
                    assert!((2..=8).contains(&ticks.len()), "{one} {other} {ticks:?}");
                    assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]), "{ticks:?}");
                    for value in [*one, *other] {
                        let place = scale.place(value);
                        assert!((0.0..=1.0).contains(&place), "{value} at {place} of {scale:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_placed_stands_at_an_end() {
        let scale = AxisScale::times([0.0, 1_000.0]);
        assert_eq!((scale.place(0.0), scale.place(-5.0), scale.place(1e9)), (0.0, 0.0, 1.0));
        assert_eq!(scale.place(f64::NAN), 0.0);
        assert_eq!(AxisScale::times([]), AxisScale::default());
        assert_eq!(AxisScale::from_zero([0.0, f64::INFINITY]), AxisScale::default());
        assert!((AxisScale::times([1.0, 100.0]).place(10.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn ticks_are_written_without_exponents() {
        let all = [0.001, 0.05, 0.5, 2.5, 20.0, 1_000.0, 2_500_000.0].map(written);
        assert_eq!(all, ["0.001", "0.05", "0.5", "2.5", "20", "1,000", "2,500,000"]);
        assert_eq!(written(0.0), "0");
        assert_eq!(written(0.300_000_000_000_000_04), "0.3");
    }
}
