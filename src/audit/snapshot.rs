//! The published audit of all workers together, as JSON and for Prometheus.
//!
//! All times are in microseconds. The shape:
//!
//! ```json
//! {"lateness": {"count": 0, "p50": 0.0, "p90": 0.0, "p99": 0.0, "p999": 0.0, "max": 0.0},
//!  "loopLag": {…}, "lateWork": 0, "windows": 0,
//!  "flagged": {"count": 0, "last": [{"at": 0, "worker": 0, "reasons": ["…"], …}]},
//!  "precision": "normal", "workers": [{"cpuShare": 0.0, "cpuShareOverall": 0.0}]}
//! ```

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::window::{FlagReason, WindowFinding, add};
use super::{Audit, FlaggedRecord, MAX_FLAGGED_KEPT, new_histogram};
use crate::prometheus_text::MetricKind::{Counter, Gauge, Summary};
use crate::prometheus_text::PrometheusText;
use crate::timer::Precision;

/// Measurements of all workers since the start.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditSnapshot {
    /// Lateness: the time at which an answer is handed to the socket, minus its deadline.
    pub lateness: TimeQuantiles,
    /// Loop lag: the time that due tasks waited for their worker.
    pub loop_lag: TimeQuantiles,
    /// Number of answers that were ready only after their deadline.
    pub late_work: u64,
    /// Number of windows; a window is a second of one worker.
    pub windows: u64,
    /// Windows that were too late.
    pub flagged: FlaggedWindows,
    /// Precision of deadlines: `normal`, `high`, or `coarse` where this is not Linux.
    pub precision: &'static str,
    /// CPU shares of the workers, in their order.
    pub workers: Vec<WorkerCpuShare>,
}

/// A distribution of times in microseconds, with a precision of 1 %.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TimeQuantiles {
    /// Number of times that were measured.
    pub count: u64,
    /// Median of the times.
    pub p50: f64,
    /// 90th percentile of the times.
    pub p90: f64,
    /// 99th percentile of the times.
    pub p99: f64,
    /// 99.9th percentile of the times.
    pub p999: f64,
    /// Maximum of the times.
    pub max: f64,
    #[serde(skip)]
    sum: f64,
}

/// The flagged windows of all workers.
#[derive(Clone, Debug, Serialize)]
pub struct FlaggedWindows {
    /// Number since the start.
    pub count: u64,
    /// The last 60 flagged windows, newest first.
    pub last: Vec<FlaggedWindow>,
}

/// A window that was flagged. Times are in microseconds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlaggedWindow {
    /// Begin, in milliseconds since 1970.
    pub at: u64,
    /// Length of the window in milliseconds.
    pub milliseconds: u64,
    /// Index of the worker.
    pub worker: usize,
    /// Reasons why the window is flagged, as sentences.
    pub reasons: Vec<String>,
    /// Limit of lateness and loop lag.
    pub limit: f64,
    /// Median of the times that its calls were meant to take.
    pub median_intended: f64,
    /// Number of calls that had a deadline.
    pub calls: u64,
    /// Number of calls that were later than the limit.
    pub late_calls: u64,
    /// 99th percentile of the lateness.
    pub lateness_p99: f64,
    /// Longest loop lag in the window.
    pub loop_lag_max: f64,
    /// Number of heartbeats in which its thread waited long for a CPU.
    pub cpu_waits: u64,
    /// Share of a core that the worker used, from 0 to 1.
    pub cpu_share: f64,
}

/// The CPU use of a worker.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerCpuShare {
    /// Share of a core that was used in the last window, from 0 to 1.
    pub cpu_share: f64,
    /// Share of a core that was used since the start, from 0 to 1.
    pub cpu_share_overall: f64,
}

impl AuditSnapshot {
    /// Merges the records of all workers.
    pub fn of(audits: &[Arc<Audit>]) -> Self {
        let (mut lateness, mut loop_lag) = (new_histogram(), new_histogram());
        let (mut late_work, mut windows, mut count) = (0, 0, 0);
        let (mut last, mut workers) = (Vec::new(), Vec::new());
        let mut precision = Precision::default();
        for (worker, audit) in audits.iter().enumerate() {
            let records = audit.records();
            add(&mut lateness, &records.lateness);
            add(&mut loop_lag, &records.loop_lag);
            records.window.add_to(&mut lateness, &mut loop_lag);
            late_work += records.late_work;
            if records.began.is_some() {
                precision = records.precision;
            }
            windows += records.windows;
            count += records.flagged;
            let flagged = records.last_flagged.clone();
            let overall = records.began.zip(records.last_closed);
            workers.push(WorkerCpuShare {
                cpu_share: records.cpu_share,
                cpu_share_overall: overall.map_or(0.0, |(began, closed)| closed.share_since(began)),
            });
            drop(records);
            last.extend(flagged.iter().map(|flagged| FlaggedWindow::new(worker, flagged)));
        }
        last.sort_by_key(|window| Reverse(window.at));
        last.truncate(MAX_FLAGGED_KEPT);
        Self {
            lateness: TimeQuantiles::of(&lateness),
            loop_lag: TimeQuantiles::of(&loop_lag),
            late_work,
            windows,
            flagged: FlaggedWindows { count, last },
            precision: precision.name(),
            workers,
        }
    }

    /// Writes the metrics of the audit, in seconds.
    pub fn write_prometheus(&self, page: &mut PrometheusText) {
        write_summary(page, "lateness_seconds", "Bytes handed to the socket minus deadline.", &self.lateness);
        let help = "How long what was ready waited for its worker.";
        write_summary(page, "loop_lag_seconds", help, &self.loop_lag);
        page.metric("late_work_total", Counter, "Answers that were ready only after their deadline.")
            .sample(&[], self.late_work);
        page.metric("windows_total", Counter, "Seconds of a worker that were judged.").sample(&[], self.windows);
        page.metric("flagged_windows_total", Counter, "Seconds of a worker that were too late.")
            .sample(&[], self.flagged.count);
        page.metric("timer_info", Gauge, "How true deadlines are kept.").sample(&[("precision", self.precision)], 1);
        let mut shares = page.metric("worker_cpu_share", Gauge, "Share of a core used in the last second, by worker.");
        for (worker, share) in self.workers.iter().enumerate() {
            shares.sample(&[("worker", &worker.to_string())], share.cpu_share);
        }
    }
}

impl TimeQuantiles {
    pub(super) fn of(times: &Histogram<u64>) -> Self {
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            count: times.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: times.max() as f64 / 1e3,
            sum: times.mean() * times.len() as f64 / 1e3,
        }
    }
}

impl FlaggedWindow {
    fn new(worker: usize, flagged: &FlaggedRecord) -> Self {
        let FlaggedRecord { began, length, cpu_share, finding } = flagged;
        let since = began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            at: since.as_millis() as u64,
            milliseconds: length.as_millis() as u64,
            worker,
            reasons: finding.reasons.iter().map(|reason| reason.describe(finding)).collect(),
            limit: micros(finding.limit),
            median_intended: micros(finding.median_intended),
            calls: finding.calls,
            late_calls: finding.late_calls,
            lateness_p99: micros(finding.lateness_p99),
            loop_lag_max: micros(finding.lag_max),
            cpu_waits: finding.long_waits,
            cpu_share: *cpu_share,
        }
    }
}

impl FlagReason {
    fn describe(self, finding: &WindowFinding) -> String {
        let limit = finding.limit;
        match self {
            Self::Lateness => {
                format!("{} of {} answers left later than {limit:.1?}", finding.late_calls, finding.calls)
            }
            Self::LoopLag => {
                format!("{} of {} loop lags were longer than {limit:.1?}", finding.long_lags, finding.lags)
            }
            Self::NoCpu => {
                let (long, beats) = (finding.long_waits, finding.beats);
                format!("the worker waited for a CPU longer than {limit:.1?} in {long} of {beats} heartbeats")
            }
            Self::StoodStill => format!("the worker stood still for {:.1?}", finding.lag_max),
        }
    }
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

fn write_summary(page: &mut PrometheusText, name: &'static str, help: &str, times: &TimeQuantiles) {
    let mut summary = page.metric(name, Summary, help);
    for (quantile, micros) in [("0.5", times.p50), ("0.9", times.p90), ("0.99", times.p99), ("0.999", times.p999)] {
        summary.sample(&[("quantile", quantile)], micros / 1e6);
    }
    summary.totals(times.sum / 1e6, times.count);
}
