//! A fixed delay under many connections: throughput near the ideal, and earlier than tokio's sleep.

use std::fs;
use std::io;

use serde_json::json;

use super::super::options::{Options, start_hyper};
use super::super::pairs::scratch;
use super::super::report::{Report, Verdict};
use super::super::statistics::Spread;
use super::super::wrk::{self, Load};
use super::super::{client, stubs};
use super::sides::Sides;

/// Measures 50 ms under 1,000 connections.
pub fn row(options: &Options) -> io::Result<Report> {
    let (folder, stub_folder) = scratch()?;
    stubs::delays(&stub_folder, &[DELAY])?;
    let script = folder.path().join("calls.lua");
    fs::write(&script, wrk::same_path())?;
    let sides = Sides { standin: options.start_standin(&stub_folder)?, hyper: start_hyper()? };
    let mut report = Report::default();
    let path = stubs::after(DELAY);
    sides.agree(&client::get(&path), &mut report)?;
    let load = Load { connections: CONNECTIONS, time: options.seconds, path, script };
    let (ours, floor) = sides.measure(options, &load, &mut report)?;
    let millis = |values: &[f64]| values.iter().map(|value| value / 1e3).collect::<Vec<_>>();
    report.columns();
    let rate = report.compare("requests/s", &ours.rate, &floor.rate, 0);
    report.compare("p50 ms", &millis(&ours.latency), &millis(&floor.latency), 2);
    report.compare("CPU us/request", &ours.cpu, &floor.cpu, 2);
    let earlier: Vec<f64> = ours.latency.iter().zip(&floor.latency).map(|(ours, floor)| (floor - ours) / 1e3).collect();
    let Spread { median, least, most } = Spread::of(&earlier);
    report.say(&format!("standin's p50 is {median:.2} ms earlier than tokio's sleep ({least:.2} to {most:.2})"));
    report.figure("p50 earlier ms", json!(earlier));
    report.limit("requests/s >= 0.98 x hyper", at_least(rate.median, 0.98));
    report.limit("p50 >= 0.8 ms earlier than hyper's", at_least(median, 0.8));
    Ok(report)
}

fn at_least(value: f64, limit: f64) -> Verdict {
    if value >= limit { Verdict::Met } else { Verdict::Broken }
}

/// In microseconds.
const DELAY: u32 = 50_000;
const CONNECTIONS: usize = 1_000;
