//! A few known percentiles, and what has to be assumed of the ends that nobody wrote down.

use std::time::Duration;

use standin_stub::delay::{Distribution, Param, ParamValue};
use standin_text::short_duration;

/// Known percentiles of one kind of call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownPercentiles {
    /// Percentages above 0 and below 100 with their times in nanoseconds, in rising order.
    pub inner: Vec<(f64, f64)>,
    /// The shortest time in nanoseconds.
    pub shortest: Option<f64>,
    /// The longest time in nanoseconds.
    pub longest: Option<f64>,
    /// The mean in nanoseconds.
    pub mean: Option<f64>,
    /// The number of calls.
    pub count: Option<u64>,
}

impl KnownPercentiles {
    /// Returns the reason why these are no percentiles, if one of them falls.
    pub fn fault(&self) -> Option<String> {
        let falls = self.inner.windows(2).find(|pair| pair[1].1 < pair[0].1)?;
        Some(format!("p{} is less than p{}", falls[1].0, falls[0].0))
    }

    /// Returns true if the data is too little for a distribution.
    pub fn is_empty(&self) -> bool {
        self.count == Some(0) || self.inner.is_empty() && (self.shortest.is_none() || self.longest.is_none())
    }

    /// Percentages from 0 to 100 and times in nanoseconds, and what was assumed for it.
    ///
    /// An end that is not known is taken from the log-normal through the lowest and the highest
    /// known percentile: the shortest time is its p1 (a tenth of the lowest percentage, if that is
    /// below p10), but no less than a tenth of the lowest known time; the longest is where a tenth
    /// of the calls beyond the highest known percentile are left (p99.9 above p99), but at most ten
    /// times the highest known time.
    pub fn points(&self) -> (Vec<(f64, f64)>, Vec<String>) {
        let mut assumed = Vec::new();
        let (Some(low), Some(high)) = (self.inner.first().copied(), self.inner.last().copied()) else {
            let ends = self.shortest.zip(self.longest);
            let (shortest, longest) = ends.map_or((0.0, 0.0), |(one, other)| (one.min(other), one.max(other)));
            assumed.push("only the shortest and the longest time are known".to_owned());
            return (vec![(0.0, shortest), (100.0, longest)], assumed);
        };
        let sigma = match low.1 > 0.0 && high.0 > low.0 {
            true => (high.1 / low.1).ln() / (z(high.0) - z(low.0)),
            false => 0.0,
        };
        let at = |from: (f64, f64), percent: f64| from.1 * (sigma * (z(percent) - z(from.0))).exp();
        // tools round percentiles, so that the shortest may seem longer than they are
        let shortest = match self.shortest {
            Some(time) => time.min(low.1),
            None => {
                let percent = if low.0 > 10.0 { 1.0 } else { low.0 / 10.0 };
                let time = at(low, percent).clamp(low.1 / 10.0, low.1);
                assumed.push(format!("p0 {}", short_duration(Duration::from_nanos(time as u64))));
                time
            }
        };
        let longest = match self.longest {
            Some(time) => time.max(high.1),
            None => {
                let time = at(high, 100.0 - (100.0 - high.0) / 10.0).clamp(high.1, high.1 * 10.0);
                assumed.push(format!("p100 {}", short_duration(Duration::from_nanos(time as u64))));
                time
            }
        };
        let mut points = vec![(0.0, shortest)];
        points.extend(&self.inner);
        points.push((100.0, longest));
        if !assumed.is_empty() && sigma == 0.0 {
            assumed.push("one percentile does not tell how times spread".to_owned());
        }
        (points, assumed)
    }
}

/// Returns the quantile of the standard normal distribution at a percentage.
fn z(percent: f64) -> f64 {
    let params = [
        Param { name: "median", value: ParamValue::Time(1e9) },
        Param { name: "sigma", value: ParamValue::Number(1.0) },
    ];
    let standard = Distribution::build("lognormal", &params).expect("a standard log-normal");
    let time: Duration = standard.quantile(percent / 100.0);
    time.as_secs_f64().max(1e-9).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(inner: &[(f64, f64)]) -> KnownPercentiles {
        KnownPercentiles { inner: inner.to_vec(), ..KnownPercentiles::default() }
    }

    #[test]
    fn unknown_ends_are_those_of_a_log_normal_and_said() {
        // sigma is a half where p84.13 is e to the half times the median
        let (points, assumed) = known(&[(50.0, 1e7), (84.134_475, 1e7 * 0.5f64.exp())]).points();
        assert!((points[0].1 / (1e7 * (-2.326_348f64 / 2.0).exp()) - 1.0).abs() < 1e-3, "{points:?}");
        let end = points[3].1 / 1e7;
        assert!((end.ln() - 2.146 / 2.0).abs() < 0.01, "p98.41 is 2.146 standard deviations out: {end}");
        assert_eq!(assumed.len(), 2);
    }

    #[test]
    fn ends_are_bounded_and_known_ones_are_kept() {
        let (points, _) = known(&[(50.0, 1e3), (60.0, 1e9)]).points();
        assert_eq!((points[0].1, points[3].1), (1e2, 1e10));
        let given = KnownPercentiles { shortest: Some(3e6), longest: Some(9e6), ..known(&[(50.0, 5e6)]) };
        assert_eq!(given.points(), (vec![(0.0, 3e6), (50.0, 5e6), (100.0, 9e6)], vec![]));
        let rounded =
            KnownPercentiles { shortest: Some(5.2e6), longest: Some(8.9e6), ..known(&[(50.0, 5e6), (99.0, 9e6)]) };
        assert_eq!(rounded.points().0, [(0.0, 5e6), (50.0, 5e6), (99.0, 9e6), (100.0, 9e6)]);
    }

    #[test]
    fn what_falls_is_no_percentile() {
        assert_eq!(known(&[(50.0, 2.0), (90.0, 1.0)]).fault().as_deref(), Some("p90 is less than p50"));
    }
}
