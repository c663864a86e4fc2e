//! CPU per request under 64 connections, by the kernel's own account of the server process. Where
//! the pairs do not agree about the limit, instructions decide.

use std::fs;
use std::io;

use super::super::client::Connection;
use super::super::options::{Options, start_hyper};
use super::super::pairs::scratch;
use super::super::report::{Report, Verdict, number};
use super::super::statistics::Spread;
use super::super::{stubs, wrk::Load};
use super::sides::Sides;
use super::{Workload, instructions};

/// Measures one workload. Where the range of the ratio covers the limit, instructions decide.
pub fn row(options: &Options, workload: Workload) -> io::Result<Report> {
    let (folder, stub_folder) = scratch()?;
    workload.stubs(&stub_folder)?;
    let script = folder.path().join("calls.lua");
    fs::write(&script, workload.script())?;
    let sides = Sides { standin: options.start_standin(&stub_folder)?, hyper: start_hyper()? };
    let mut report = Report::default();
    for number in [0, workload.count() - 1] {
        sides.agree(&workload.request(number), &mut report)?;
    }
    if Connection::open(sides.standin.address())?.call(&workload.miss())?.status == 200 {
        report.say("standin answers what no stub matches with 200 too: this is no mock server");
    }
    let load = Load { connections: 64, time: options.seconds, path: stubs::ONE.to_owned(), script };
    let (ours, floor) = sides.measure(options, &load, &mut report)?;
    report.columns();
    let ratio = report.compare("CPU us/request", &ours.cpu, &floor.cpu, 2);
    report.compare("requests/s", &ours.rate, &floor.rate, 0);
    report.compare("p50 us", &ours.latency, &floor.latency, 0);
    report.compare("RSS MiB", &[sides.standin.resident()?], &[sides.hyper.resident()?], 1);
    let calls = Spread::of(&ours.rate).median * options.seconds.as_secs_f64() / workload.count() as f64;
    if calls < 1.0 {
        report.say(&format!("only {} % of the stubs were called in a measurement", number(calls * 100.0, 0)));
    }
    let user = sides.hyper.user_cpu()?.as_secs_f64() / sides.hyper.cpu()?.as_secs_f64();
    drop(sides);
    judge(options, workload, ratio, user, &mut report)?;
    Ok(report)
}

/// `user` is the part of hyper's CPU time that is not the kernel's.
fn judge(options: &Options, workload: Workload, ratio: Spread, user: f64, report: &mut Report) -> io::Result<()> {
    let limit = workload.limit();
    let text = format!("CPU <= {limit} x hyper");
    if let Some(verdict) = decide(ratio, limit) {
        report.limit(&text, verdict);
        return Ok(());
    }
    report.say(&format!("the range of the ratio covers the limit {limit}: instructions decide"));
    let Some(counted) = instructions::ratio(options, workload, report)? else {
        report.limit(&text, Verdict::Open);
        return Ok(());
    };
    let with_kernel = 1.0 - user + user * counted;
    report.say(&format!(
        "the kernel, {:.0} % of hyper's CPU, is not in them; with as much of it on both sides the ratio is {:.3}",
        (1.0 - user) * 100.0,
        with_kernel
    ));
    report.limit(&format!("instructions <= {limit} x hyper"), by_instructions(counted, with_kernel, limit));
    Ok(())
}

/// Instructions within the limit keep it, and those beyond it even beside the kernel's share break
/// it. Between the two nobody knows: the limit is of CPU, and what the kernel does for standin was
/// not counted.
fn by_instructions(counted: f64, with_kernel: f64, limit: f64) -> Verdict {
    if counted <= limit {
        return Verdict::Met;
    }
    if with_kernel > limit { Verdict::Broken } else { Verdict::Open }
}

/// `None` where some pairs are within the limit and some beyond.
fn decide(ratio: Spread, limit: f64) -> Option<Verdict> {
    if ratio.most <= limit {
        return Some(Verdict::Met);
    }
    (ratio.least > limit).then_some(Verdict::Broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_covers_the_limit_decides_nothing() {
        let ratio = Spread { median: 1.1, least: 1.0, most: 1.25 };
        assert_eq!(decide(ratio, 1.3), Some(Verdict::Met));
        assert_eq!(decide(ratio, 1.2), None);
        assert_eq!(decide(ratio, 0.9), Some(Verdict::Broken));
    }

    #[test]
    fn instructions_decide_unless_the_kernel_hides_them() {
        assert_eq!(by_instructions(1.1, 1.05, 1.2), Verdict::Met);
        assert_eq!(by_instructions(2.0, 1.3, 1.2), Verdict::Broken);
        assert_eq!(by_instructions(1.6, 1.15, 1.2), Verdict::Open);
    }
}
