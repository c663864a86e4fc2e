//! Metrics in the text format of Prometheus, version 0.0.4.
//!
//! `prometheus-client` 0.26 does not write summaries (its `MetricType` has none), which the audit
//! has, so this writer serves all metrics. The format:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use std::fmt::{Display, Write as _};

/// A page of metrics. Every name begins with `standin_`.
#[derive(Debug, Default)]
pub struct PrometheusText {
    text: String,
}

/// The types of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A count that only grows. Its name ends in `_total`.
    Counter,
    /// A value that grows and shrinks.
    Gauge,
    /// Counts of values by bucket.
    Histogram,
    /// Quantiles with the sum and the number of values.
    Summary,
}

/// The samples of one metric.
#[derive(Debug)]
pub struct MetricSamples<'t> {
    text: &'t mut String,
    name: &'static str,
}

impl PrometheusText {
    /// Writes the help and the type of a metric; `name` is without `standin_`. The samples follow.
    pub fn metric(&mut self, name: &'static str, kind: MetricKind, help: &str) -> MetricSamples<'_> {
        let kind = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
            MetricKind::Summary => "summary",
        };
        let _ = writeln!(self.text, "# HELP standin_{name} {help}\n# TYPE standin_{name} {kind}");
        MetricSamples { text: &mut self.text, name }
    }

    /// Returns the page of all families.
    pub fn into_text(self) -> String {
        self.text
    }
}

impl MetricSamples<'_> {
    /// Writes a sample with labels.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, value);
    }

    /// Writes the sum and the number of the values of a summary.
    pub fn totals(&mut self, sum: f64, count: u64) {
        self.line("_sum", &[], sum);
        self.line("_count", &[], count);
    }

    /// Writes a histogram with labels. `up_to` are the bounds of its buckets, each with the number
    /// of values up to it.
    pub fn histogram(
        &mut self,
        labels: &[(&str, &str)],
        up_to: impl Iterator<Item = (f64, u64)>,
        sum: f64,
        count: u64,
    ) {
        let mut bucket = |bound: &str, count: u64| self.line("_bucket", &[labels, &[("le", bound)]].concat(), count);
        for (bound, count) in up_to {
            bucket(&bound.to_string(), count);
        }
        bucket("+Inf", count);
        self.line("_sum", labels, sum);
        self.line("_count", labels, count);
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape_label(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "standin_{}{suffix}{labels} {value}", self.name);
    }
}

fn escape_label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut page = PrometheusText::default();
        page.metric("x", MetricKind::Gauge, "X.").sample(&[("name", "a\"b\\c\nd")], 1);
        let text = page.into_text();
        assert_eq!(text, "# HELP standin_x X.\n# TYPE standin_x gauge\nstandin_x{name=\"a\\\"b\\\\c\\nd\"} 1\n");
    }

    #[test]
    fn a_summary_ends_with_its_totals() {
        let mut page = PrometheusText::default();
        let mut summary = page.metric("lag_seconds", MetricKind::Summary, "Lag.");
        summary.sample(&[("quantile", "0.5")], 0.25);
        summary.totals(3.0, 7);
        let samples: Vec<String> = page.into_text().lines().skip(1).map(str::to_owned).collect();
        assert_eq!(
            samples,
            [
                "# TYPE standin_lag_seconds summary",
                "standin_lag_seconds{quantile=\"0.5\"} 0.25",
                "standin_lag_seconds_sum 3",
                "standin_lag_seconds_count 7"
            ]
        );
    }
}
