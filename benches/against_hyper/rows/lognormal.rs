//! Drawn delays as a client sees them, against the quantiles that were asked for.
//!
//! The client is ours, because wrk moves high percentiles. Each quantile has a standard error: a
//! p99 of sigma 0.4 is known to 0.2 % only after some 600,000 calls, so a short run cannot judge it
//! and says so.

use std::io;
use std::time::Duration;

use serde_json::json;

use super::super::client::Calls;
use super::super::options::Options;
use super::super::pairs::scratch;
use super::super::report::{Report, Verdict, number};
use super::super::statistics::{quantile, sorted, standard_error};
use super::super::stubs;

/// Measures median 80 ms, sigma 0.4, at 200 connections.
pub fn row(options: &Options) -> io::Result<Report> {
    let (_folder, stub_folder) = scratch()?;
    stubs::lognormal(&stub_folder, MEDIAN, SIGMA)?;
    let standin = options.start_standin(&stub_folder)?;
    let mean = MEDIAN * (SIGMA * SIGMA / 2.0).exp() / 1e3;
    let each = |time: Duration| (time.as_secs_f64() / mean).ceil() as usize;
    let mut report = Report::default();

    // the same rhythm without a delay: what the network, the server and this client add
    let rests = Calls {
        connections: CONNECTIONS,
        each: each(options.seconds),
        paths: vec![stubs::ONE.to_owned()],
        rest: Duration::from_secs_f64(mean),
    };
    let added = sorted(&rests.run(standin.address())?[0]);
    let delayed = Calls {
        each: each(options.lognormal_seconds),
        paths: vec!["/lognormal".to_owned()],
        rest: Duration::ZERO,
        ..rests
    };
    let seen = sorted(&delayed.run(standin.address())?[0]);

    report.say(&format!(
        "median {MEDIAN} ms, sigma {SIGMA}, {CONNECTIONS} connections, {} calls",
        number(seen.len() as f64, 0)
    ));
    report.say(&format!(
        "without a delay the same client sees p50 {:.3} ms, p99 {:.3} ms (not subtracted)",
        quantile(&added, 0.5) / 1e3,
        quantile(&added, 0.99) / 1e3
    ));
    report.line(format!("{:10}{:>12}{:>12}{:>13}{:>17}", "", "theory ms", "seen ms", "deviation", "standard error"));
    let mut limits = Vec::new();
    for (name, p, z) in QUANTILES {
        let theory = MEDIAN * (SIGMA * z).exp();
        let (seen, error) = (quantile(&seen, p) / 1e3, standard_error(&seen, p) / 1e3);
        let (deviation, error) = (seen / theory - 1.0, error / theory);
        report.figure(name, json!({"theory": theory, "seen": seen, "deviation": deviation, "error": error}));
        report.line(format!(
            "{name:10}{theory:>12.3}{seen:>12.3}{:>+11.3} %{:>15.3} %",
            deviation * 100.0,
            error * 100.0
        ));
        limits.push((format!("{name} within 0.5 %"), judge(deviation, error)));
    }
    for (limit, verdict) in limits {
        report.limit(&limit, verdict);
    }
    report.figure("calls", json!(seen.len()));
    Ok(report)
}

/// Not judged if chance alone would break the limit for a true server once in twenty times.
fn judge(deviation: f64, error: f64) -> Verdict {
    if 2.0 * error > LIMIT {
        return Verdict::Open;
    }
    if deviation.abs() <= LIMIT { Verdict::Met } else { Verdict::Broken }
}

/// In milliseconds.
const MEDIAN: f64 = 80.0;
const SIGMA: f64 = 0.4;
const CONNECTIONS: usize = 200;
const LIMIT: f64 = 0.005;

/// Names, probabilities and the standard normal quantiles that belong to them.
const QUANTILES: [(&str, f64, f64); 3] =
    [("p50", 0.5, 0.0), ("p90", 0.9, 1.281_551_565_544_6), ("p99", 0.99, 2.326_347_874_040_84)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_calls_judge_nothing() {
        assert_eq!(judge(0.004, 0.001), Verdict::Met);
        assert_eq!(judge(-0.006, 0.001), Verdict::Broken);
        assert_eq!(judge(0.006, 0.003), Verdict::Open);
    }
}
