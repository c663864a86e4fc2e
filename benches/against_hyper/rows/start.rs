//! From starting the process to the last byte of its first answer, with files in the page cache.

use std::io;
use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::super::client::{Connection, get};
use super::super::options::{Options, start_hyper};
use super::super::pairs::scratch;
use super::super::process::Server;
use super::super::report::{Report, Verdict};
use super::super::statistics::Spread;
use super::super::stubs;

/// Measures one stub, and 10,000 in one file and in a file each.
pub fn row(options: &Options) -> io::Result<Report> {
    let (folder, one) = scratch()?;
    let (listed, single) = (folder.path().join("listed"), folder.path().join("single"));
    stubs::one(&one)?;
    stubs::exact(&listed, MANY)?;
    stubs::exact_files(&single, MANY)?;
    let last = stubs::exact_url(MANY - 1);
    let mut report = Report::default();
    report.line(format!("{:34}{:>12}   range", "", "median ms"));
    let floor = times(options, start_hyper, stubs::ONE)?;
    show("bare hyper", &floor, &mut report);
    let cases: [(&str, &Path, &str, f64); 3] = [
        ("1 stub", &one, stubs::ONE, 50.0),
        ("10,000 stubs in one file", &listed, &last, 1_000.0),
        ("10,000 stubs in a file each", &single, &last, 1_000.0),
    ];
    for (name, folder, path, limit) in cases {
        let times = times(options, || options.start_standin(folder), path)?;
        let median = show(name, &times, &mut report);
        let verdict = if median <= limit { Verdict::Met } else { Verdict::Broken };
        report.limit(&format!("{name} <= {limit} ms"), verdict);
    }
    Ok(report)
}

/// In milliseconds, one a pair; the first start reads the files into the page cache and does not
/// count.
fn times(options: &Options, start: impl Fn() -> io::Result<Server>, path: &str) -> io::Result<Vec<f64>> {
    let mut times = Vec::new();
    for _ in 0..=options.pairs {
        let begin = Instant::now();
        let server = start()?;
        Connection::open(server.address())?.time(&get(path))?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    times.remove(0);
    Ok(times)
}

fn show(name: &str, times: &[f64], report: &mut Report) -> f64 {
    let Spread { median, least, most } = Spread::of(times);
    report.line(format!("{name:34}{median:>12.1}   {least:.1}-{most:.1}"));
    report.figure(name, json!(times));
    median
}

const MANY: usize = 10_000;
