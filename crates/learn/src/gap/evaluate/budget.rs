//! Limits on the difference between mock and service: given (`p95=10%,p99=15%`), or by utilization,
//! which is the default.
//!
//! The default limits are wider where the service is busy, for small differences in demand grow
//! there. A percentile may be off by [`LATENCY_FLOOR`] in any case: less is the clock and the
//! network of the comparison itself. Above the capacity waiting never settles, so that only the
//! slow end, throughput and errors are judged. The mean distance (`w1`) and `ks` are not among the
//! defaults: both are above zero by chance alone. Neither is throughput below the capacity, where
//! every call is answered or fails.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use standin_stub::delay::units::{parse_share, share};

/// Limits on the difference between a mock and a service.
#[derive(Clone, Debug, PartialEq)]
pub enum GapBudget {
    /// The default: by the share of its capacity that the service used.
    ByLoad,
    /// At every load, in the order in which it was written.
    Given(BudgetLimits),
}

/// Metrics, and how far each may be off.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetLimits(Vec<(Metric, f64)>);

/// A measure of the difference that a limit applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A percentile, in percent.
    Percentile(u32),
    /// `w1`: the first Wasserstein distance, by the mean of the reference.
    Wasserstein,
    /// `ks`: the Kolmogorov–Smirnov distance.
    Kolmogorov,
    /// The share of errors, in points.
    Errors,
    /// Good answers a second.
    Throughput,
}

impl GapBudget {
    /// Returns the limits at a utilization; those of a calm service if it is unknown.
    pub(crate) fn limits(&self, utilization: Option<f64>) -> &[(Metric, f64)] {
        match (self, utilization) {
            (Self::Given(BudgetLimits(limits)), _) => limits,
            (Self::ByLoad, None | Some(..=CALM)) => &CALM_LIMITS,
            (Self::ByLoad, Some(..=CAPACITY)) => &BUSY_LIMITS,
            (Self::ByLoad, Some(_)) => &OVERLOAD_LIMITS,
        }
    }

    /// Returns the limit on a metric in a cell, as a share: `limit`, or what the floor of the
    /// default budget is of this percentile, if that is more. `reference` and `mock` are the
    /// percentile on both sides.
    pub(crate) fn with_floor(&self, metric: Metric, limit: f64, reference: Duration, mock: Duration) -> f64 {
        if *self != Self::ByLoad || metric.percent().is_none() || reference.is_zero() {
            return limit;
        }
        let (reference, floor) = (reference.as_secs_f64(), LATENCY_FLOOR.as_secs_f64());
        // a ratio counts alike in both directions, so the same time is more of the shorter one
        let lower = reference - floor;
        let share = match (mock.as_secs_f64() >= reference, lower > 0.0) {
            (true, _) => floor / reference,
            (false, true) => reference / lower - 1.0,
            (false, false) => MAX_FLOOR_SHARE,
        };
        limit.max(share.min(MAX_FLOOR_SHARE))
    }

    /// Returns true if metrics with too few calls are skipped instead of leaving the cell not
    /// judged.
    pub(crate) fn skips_metrics_with_few_calls(&self) -> bool {
        *self == Self::ByLoad
    }

    /// Returns the highest percentile that is limited; `None` for the default, which depends on the
    /// number of calls.
    pub(crate) fn highest_percent(&self) -> Option<u32> {
        match self {
            Self::ByLoad => None,
            Self::Given(BudgetLimits(limits)) => limits.iter().filter_map(|(metric, _)| metric.percent()).max(),
        }
    }
}

impl FromStr for GapBudget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == DEFAULT {
            return Ok(Self::ByLoad);
        }
        let mut limits: Vec<(Metric, f64)> = Vec::new();
        for part in text.split(',') {
            let (name, limit) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` has no limit; write it as in `p95=10%,p99=15%`"))?;
            let metric = Metric::named(name.trim()).ok_or_else(|| {
                format!("`{name}` cannot be judged; use {}", METRICS.map(|(name, _)| name).join(", "))
            })?;
            if limits.iter().any(|(known, _)| *known == metric) {
                return Err(format!("`{metric}` stands there twice; keep one"));
            }
            limits.push((metric, parse_share(limit).map_err(|error| error.to_string())?));
        }
        Ok(Self::Given(BudgetLimits(limits)))
    }
}

impl fmt::Display for GapBudget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByLoad => out.write_str(DEFAULT),
            Self::Given(BudgetLimits(limits)) => out.write_str(&written(limits)),
        }
    }
}

/// Limits as people read them: `p50 3 %, p90 5 %, errors 0.2 points`.
pub(crate) fn told(limits: &[(Metric, f64)]) -> String {
    let limits: Vec<String> = limits
        .iter()
        .map(|(metric, limit)| match metric {
            Metric::Errors => format!("errors {} points", crate::gap::format::points(limit * 100.0)),
            Metric::Kolmogorov => format!("{metric} {limit:.3}"),
            _ => format!("{metric} {}", standin_text::percent(*limit)),
        })
        .collect();
    limits.join(", ")
}

/// Formats limits as they are given on the command line.
pub(crate) fn written(limits: &[(Metric, f64)]) -> String {
    let limits: Vec<String> = limits.iter().map(|(metric, limit)| format!("{metric}={}", share(*limit))).collect();
    limits.join(",")
}

impl Serialize for GapBudget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Metric {
    fn named(name: &str) -> Option<Self> {
        METRICS.iter().find(|(known, _)| *known == name).map(|(_, metric)| *metric)
    }

    /// Returns the percentile in percent; `None` for other metrics.
    pub(crate) fn percent(self) -> Option<u32> {
        match self {
            Self::Percentile(percent) => Some(percent),
            _ => None,
        }
    }

    /// Returns true if the metric is measured on answered calls alone.
    pub(crate) fn needs_answers(self) -> bool {
        matches!(self, Self::Percentile(_) | Self::Wasserstein | Self::Kolmogorov)
    }

    /// Formats a value of this metric.
    pub(crate) fn show(self, off: f64) -> String {
        match self {
            Self::Kolmogorov => format!("{off:.3}"),
            Self::Errors => format!("{:.2} points", off * 100.0),
            _ => format!("{:.1} %", off * 100.0),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = METRICS.iter().find(|(_, known)| known == self).map_or("?", |(name, _)| name);
        out.write_str(name)
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The difference in a percentile that the default budget always allows.
pub(crate) const LATENCY_FLOOR: Duration = Duration::from_micros(250);
/// The largest share that the floor may be of a percentile, so that a limit stays a number.
const MAX_FLOOR_SHARE: f64 = 100.0;
/// The name of the default budget on the command line.
const DEFAULT: &str = "default";
/// Up to this share of its capacity a service is calm.
pub(crate) const CALM: f64 = 0.8;
/// Beyond this one it is in overload.
pub(crate) const CAPACITY: f64 = 1.0;

const CALM_LIMITS: [(Metric, f64); 5] = [
    (Metric::Percentile(50), 0.03),
    (Metric::Percentile(90), 0.05),
    (Metric::Percentile(95), 0.07),
    (Metric::Percentile(99), 0.10),
    (Metric::Errors, 0.002),
];
const BUSY_LIMITS: [(Metric, f64); 5] = [
    (Metric::Percentile(50), 0.10),
    (Metric::Percentile(90), 0.12),
    (Metric::Percentile(95), 0.15),
    (Metric::Percentile(99), 0.20),
    (Metric::Errors, 0.005),
];
const OVERLOAD_LIMITS: [(Metric, f64); 4] = [
    (Metric::Percentile(95), 0.25),
    (Metric::Percentile(99), 0.25),
    (Metric::Throughput, 0.03),
    (Metric::Errors, 0.02),
];

const METRICS: [(&str, Metric); 8] = [
    ("p50", Metric::Percentile(50)),
    ("p90", Metric::Percentile(90)),
    ("p95", Metric::Percentile(95)),
    ("p99", Metric::Percentile(99)),
    ("w1", Metric::Wasserstein),
    ("ks", Metric::Kolmogorov),
    ("errors", Metric::Errors),
    ("throughput", Metric::Throughput),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read_and_written() {
        let budget: GapBudget = "p95=10%, p99=15%,errors=0.5%".parse().unwrap();
        assert_eq!(budget.to_string(), "p95=10%,p99=15%,errors=0.5%");
        assert_eq!(budget.limits(Some(1.2)).first(), Some(&(Metric::Percentile(95), 0.1)));
        for (wrong, told) in
            [("p95", "p95=10%"), ("p97=1%", "p50, p90"), ("p95=10", "percentage"), ("p95=1%,p95=2%", "twice")]
        {
            let error = wrong.parse::<GapBudget>().unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn the_default_has_an_absolute_floor() {
        let us = Duration::from_micros;
        let (default, p50) = (GapBudget::ByLoad, Metric::Percentile(50));
        // 0.25 ms of 2 ms, of either side's 2 ms; 3 % of 20 ms is more
        assert!((default.with_floor(p50, 0.03, us(2_000), us(2_200)) - 0.125).abs() < 1e-9);
        assert!((default.with_floor(p50, 0.03, us(2_000), us(1_800)) - 1.0 / 7.0).abs() < 1e-9);
        assert_eq!(default.with_floor(p50, 0.03, us(20_000), us(21_000)), 0.03);
        // what takes less than the floor may take no time
        assert_eq!(default.with_floor(p50, 0.03, us(200), us(1)), MAX_FLOOR_SHARE);
        assert_eq!(default.with_floor(Metric::Errors, 0.002, us(200), us(200)), 0.002);
        let given: GapBudget = "p50=3%".parse().unwrap();
        assert_eq!(given.with_floor(p50, 0.03, us(2_000), us(2_200)), 0.03);
    }

    #[test]
    fn the_default_depends_on_the_load() {
        let budget: GapBudget = "default".parse().unwrap();
        assert_eq!((budget.to_string().as_str(), budget.skips_metrics_with_few_calls()), ("default", true));
        for (utilization, expected) in [
            (None, "p50=3%,p90=5%,p95=7%,p99=10%,errors=0.2%"),
            (Some(0.8), "p50=3%,p90=5%,p95=7%,p99=10%,errors=0.2%"),
            (Some(0.81), "p50=10%,p90=12%,p95=15%,p99=20%,errors=0.5%"),
            (Some(1.2), "p95=25%,p99=25%,throughput=3%,errors=2%"),
        ] {
            assert_eq!(written(budget.limits(utilization)), expected);
        }
    }
}
