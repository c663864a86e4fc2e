//! Many stubs are reloaded under moderate load: how much slower calls are meanwhile.
//!
//! Each reload is compared with a stretch of equal length just before its files were written, under
//! the same load.

use std::io;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::super::client::{Connection, post};
use super::super::open_loop::{Call, OpenLoop, Window, within};
use super::super::options::Options;
use super::super::pairs::scratch;
use super::super::process::Server;
use super::super::report::{Report, number};
use super::super::statistics::{Spread, quantile, sorted};
use super::super::stubs::Sets;
use super::super::wrk::{self, Load};
use super::verdict;

/// Measures a hundred files and a file each, where one file changes and where all do.
pub fn row(options: &Options) -> io::Result<Report> {
    let mut report = Report::default();
    report.line(format!("{:34}{:>9}{:>8}{:>12}{:>12}", "", "reload ms", "calls", "p50 us", "p99 us"));
    for files in [100, options.stubs] {
        let (folder, stub_folder) = scratch()?;
        let sets = Sets::new(&stub_folder, options.stubs, options.stubs / files)?;
        sets.write(0)?;
        let server = options.start(&stub_folder, &[])?;
        let script = folder.path().join("calls.lua");
        std::fs::write(&script, wrk::cycle(sets.count, Sets::lua()))?;
        let most = Load { connections: 64, time: Duration::from_secs(2), path: "/".to_owned(), script };
        let rate = most.run(server.address())?.rate() * SHARE;
        for (all, times) in [(false, 4 * options.pairs), (true, options.pairs)] {
            let name = format!("{} changed of {} files", if all { "all" } else { "one" }, number(files as f64, 0));
            let reloads = Reloads { server: &server, sets: &sets, rate, all, times };
            reloads.measure(&name, &mut report)?;
        }
    }
    Ok(report)
}

/// Reloads of one kind.
struct Reloads<'a> {
    server: &'a Server,
    sets: &'a Sets,
    /// Calls a second meanwhile.
    rate: f64,
    /// Whether every file changes, or one.
    all: bool,
    times: u16,
}

impl Reloads<'_> {
    fn measure(&self, name: &str, report: &mut Report) -> io::Result<()> {
        let paths: Vec<String> = (0..self.sets.count).step_by(7).map(Sets::url).collect();
        let load = OpenLoop::start(self.server.address(), CONNECTIONS, self.rate, &paths);
        let reloaded = self.reload(&load);
        let calls = load.end()?;
        let (before, during) = reloaded?;
        let lengths: Vec<_> =
            during.iter().map(|window| window.end.saturating_sub(window.begin).as_secs_f64() * 1e3).collect();
        let (before, during) = (Latency::of(&calls, &before), Latency::of(&calls, &during));
        for (name, reload, latency) in
            [(name, number(Spread::of(&lengths).median, 0), before), ("  during it", String::new(), during)]
        {
            let Latency { calls, p50, p99 } = latency;
            report.line(format!("{name:34}{reload:>9}{calls:>8}{:>12}{:>12}", number(p50, 0), number(p99, 0)));
        }
        let ratio = during.p99 / before.p99;
        report.figure(
            name,
            json!({"reload ms": lengths, "rate": self.rate, "calls": during.calls, "before": {"p50": before.p50, "p99": before.p99},
                   "during": {"p50": during.p50, "p99": during.p99}, "ratio": ratio}),
        );
        report.limit(&format!("p99 during it <= 3 x before ({ratio:.2})"), verdict(ratio <= MOST));
        Ok(())
    }

    /// The stretches before the reloads, and those of the reloads.
    fn reload(&self, load: &OpenLoop) -> io::Result<(Vec<Window>, Vec<Window>)> {
        let mut admin = Connection::open(self.server.address())?;
        let (mut before, mut during) = (Vec::new(), Vec::new());
        let mut length = Duration::from_millis(300);
        thread::sleep(SETTLING);
        for time in 0..u64::from(self.times) {
            let begin = load.now();
            thread::sleep(length);
            before.push(Window { begin, end: load.now() });
            // the first set of a kind differs from the last of the other
            let set = time + if self.all { 1_000 } else { 1 };
            if self.all {
                self.sets.write(set)?;
            } else {
                self.sets.write_file(time as usize % self.sets.files(), set)?;
            }
            let begin = load.now();
            let reply = admin.call(&post("/__admin/standin/reload", ""))?;
            let end = load.now();
            if reply.status != 200 {
                return Err(io::Error::other(format!("a reload was answered with {}", reply.status)));
            }
            during.push(Window { begin, end });
            length = end.saturating_sub(begin).max(Duration::from_millis(20));
            // old catalogs are dropped, and the watcher hears of what was written
            thread::sleep(SETTLING);
        }
        Ok((before, during))
    }
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug)]
struct Latency {
    calls: usize,
    p50: f64,
    p99: f64,
}

impl Latency {
    fn of(calls: &[Call], windows: &[Window]) -> Self {
        let sorted = sorted(&within(calls, windows));
        Self { calls: sorted.len(), p50: quantile(&sorted, 0.5), p99: quantile(&sorted, 0.99) }
    }
}

/// The part of what the server can do that is asked of it.
const SHARE: f64 = 0.2;
const CONNECTIONS: usize = 32;
const SETTLING: Duration = Duration::from_millis(700);

/// The most that the p99 may grow to, in times of what it was before.
const MOST: f64 = 3.0;
