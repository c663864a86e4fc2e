//! What keeping the journal costs each call.

use std::fs;
use std::io;

use super::super::options::Options;
use super::super::pairs::{self, scratch};
use super::super::report::Report;
use super::super::{stubs, wrk};
use super::verdict;

/// Measures one stub with the journal as it is by default, and without.
pub fn row(options: &Options) -> io::Result<Report> {
    let (folder, stub_folder) = scratch()?;
    stubs::one(&stub_folder)?;
    let script = folder.path().join("calls.lua");
    fs::write(&script, wrk::same_path())?;
    let on = options.start(&stub_folder, &[])?;
    let off = options.start(&stub_folder, &["--journal-bytes", "0"])?;
    let mut report = Report::of("journal", "none");
    let load = wrk::Load { connections: 64, time: options.seconds, path: stubs::ONE.to_owned(), script };
    let (with, without) = pairs::measure([&on, &off], options.pairs, &load, &mut report)?;
    report.columns();
    let ratio = report.compare("CPU us/request", &with.cpu, &without.cpu, 2);
    report.compare("requests/s", &with.rate, &without.rate, 0);
    report.compare("p50 us", &with.latency, &without.latency, 0);
    report.compare("RSS MiB", &[on.resident()?], &[off.resident()?], 1);
    report.limit("CPU with the journal <= 1.15 x without", verdict(ratio.median <= MOST));
    Ok(report)
}

/// The most that a call with the journal may cost, in times of one without.
const MOST: f64 = 1.15;
