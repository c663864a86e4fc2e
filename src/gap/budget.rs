//! How far a mock may be off: `p95=10%,p99=15%`.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::delay::units::{parse_share, share};

/// What may be off by how much, in the order in which it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    limits: Vec<(Metric, f64)>,
}

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    /// A percentile, in percent.
    Percentile(u32),
    /// `w1`.
    Wasserstein,
    /// `ks`.
    Kolmogorov,
    /// The share of errors, in points.
    Errors,
    /// Good answers a second.
    Throughput,
}

impl Budget {
    pub(super) fn limits(&self) -> impl Iterator<Item = (Metric, f64)> {
        self.limits.iter().copied()
    }
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
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
        Ok(Self { limits })
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits: Vec<String> =
            self.limits.iter().map(|(metric, limit)| format!("{metric}={}", share(*limit))).collect();
        out.write_str(&limits.join(","))
    }
}

impl Serialize for Budget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Metric {
    fn named(name: &str) -> Option<Self> {
        METRICS.iter().find(|(known, _)| *known == name).map(|(_, metric)| *metric)
    }

    /// Which percentile it is.
    pub(super) fn percent(self) -> Option<u32> {
        match self {
            Self::Percentile(percent) => Some(percent),
            _ => None,
        }
    }

    /// Whether it is measured on answered calls alone.
    pub(super) fn is_of_answers(self) -> bool {
        matches!(self, Self::Percentile(_) | Self::Wasserstein | Self::Kolmogorov)
    }

    /// How it is written.
    pub(super) fn show(self, off: f64) -> String {
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
        let budget: Budget = "p95=10%, p99=15%,errors=0.5%".parse().unwrap();
        assert_eq!(budget.to_string(), "p95=10%,p99=15%,errors=0.5%");
        assert_eq!(budget.limits().next(), Some((Metric::Percentile(95), 0.1)));
        for (wrong, told) in
            [("p95", "p95=10%"), ("p97=1%", "p50, p90"), ("p95=10", "percentage"), ("p95=1%,p95=2%", "twice")]
        {
            let error = wrong.parse::<Budget>().unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
