//! Short delays as a client sees them, beyond what the same client sees without a delay.
//!
//! Calls of all delays and calls without one are mixed on the same connections, so the client's own
//! wake-up and the network stand in both. The busy parts run a load beside it that keeps half of
//! the machine at work ([`background`]).
//!
//! Blocking threads show what the machine itself is late by: client, load and server compete for
//! its cores. How long a server's threads waited for a CPU, by the kernel's account, is said too,
//! and `less own waits` leaves out of each latency what the client's thread waited for one.

use std::io;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::super::client::{Calls, Took};
use super::super::options::{Options, start_hyper, start_threads};
use super::super::pairs::scratch;
use super::super::process::{Disturbance, Machine, Server, own_cpu};
use super::super::report::{Report, number};
use super::super::statistics::{quantile, sorted, standard_error};
use super::super::stubs;
use super::background::{Background, Beat};
use super::published;

/// Measures idle and half busy, by chance and in bursts: standin, blocking threads, and tokio's
/// sleep.
pub fn row(options: &Options) -> io::Result<Report> {
    let (folder, stub_folder) = scratch()?;
    stubs::delays(&stub_folder, &DELAYS)?;
    let mut report = Report::default();
    report.say("lateness in us: latency - delay - latency without a delay; +- standard error");
    report.line(format!("{:22}{:>9}{:>9}{:>18}{:>18}{:>18}", "", "delay", "calls", "p50", "p99", "less own waits"));
    for busy in [None, Some(Beat::Chance), Some(Beat::Bursts)] {
        for side in ["standin", "threads", "hyper"] {
            let server = match side {
                "standin" => options.start_standin(&stub_folder)?,
                "threads" => start_threads()?,
                _ => start_hyper()?,
            };
            let start = |beat| Background::start(beat, &server, folder.path(), &mut report);
            let background = busy.map(start).transpose()?;
            let name = match busy {
                None => format!("{side}, idle"),
                Some(Beat::Chance) => format!("{side}, busy"),
                Some(Beat::Bursts) => format!("{side}, bursts"),
            };
            let (machine, own, theirs) = (Machine::now()?, own_cpu()?, side_cpu(&server, background.as_ref())?);
            let before = server.cpu_waits()?;
            measure(options, &server, &name, &mut report)?;
            let after = server.cpu_waits()?;
            let (waited, runs) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
            let mean = waited.as_secs_f64() * 1e6 / runs.max(1) as f64;
            report
                .say(&format!("{name}: its threads waited {} us for a CPU on average, {runs} times", number(mean, 1)));
            report.figure(&format!("{name}, waits for a CPU"), json!({"mean": mean, "runs": runs}));
            let ours = (own_cpu()? + side_cpu(&server, background.as_ref())?).saturating_sub(own + theirs);
            report.disturbed(Disturbance { machine: Machine::now()?.since(&machine), ours });
            if side == "standin" {
                publish(&server, &name, &mut report)?;
            }
        }
    }
    Ok(report)
}

/// CPU time of a server and of the load beside it.
fn side_cpu(server: &Server, background: Option<&Background>) -> io::Result<Duration> {
    Ok(server.cpu()? + background.map_or(Ok(Duration::ZERO), Background::cpu)?)
}

fn measure(options: &Options, server: &Server, name: &str, report: &mut Report) -> io::Result<()> {
    let mut paths = vec![stubs::ONE.to_owned()];
    paths.extend(DELAYS.map(stubs::after));
    // a call takes 1.6 ms on average and rests 2 ms before
    let each = (options.seconds.as_secs_f64() * 5.0 / 3.8e-3) as usize;
    let calls = Calls { connections: CONNECTIONS, each, paths, rest: Duration::from_millis(2) };
    let took = calls.run_with_waits(server.address())?;
    let all = |part: fn(&Took) -> f64| -> Vec<_> {
        took.iter().map(|list| sorted(&list.iter().map(part).collect::<Vec<_>>())).collect()
    };
    let (lists, net) = (all(|took| took.latency), all(|took| took.latency - took.waited));
    let (bare, delayed) = lists.split_first().expect("the path without a delay is the first");
    let at = |list: &[f64], p| (quantile(list, p), standard_error(list, p));
    report.line(format!(
        "{name:22}{:>9}{:>9}{:>18}{:>18}{:>18}",
        "none",
        number(bare.len() as f64, 0),
        plus_minus(at(bare, 0.5), 0.0),
        plus_minus(at(bare, 0.99), 0.0),
        plus_minus(at(&net[0], 0.5), 0.0)
    ));
    for ((delay, list), net_list) in DELAYS.iter().zip(delayed).zip(&net[1..]) {
        let less = |p| plus_minus(at(list, p), f64::from(*delay) + quantile(bare, p));
        report.line(format!(
            "{:22}{:>9}{:>9}{:>18}{:>18}{:>18}",
            "",
            format!("{} ms", f64::from(*delay) / 1e3),
            number(list.len() as f64, 0),
            less(0.5),
            less(0.99),
            plus_minus(at(net_list, 0.5), f64::from(*delay) + quantile(&net[0], 0.5))
        ));
        let late = |p| quantile(list, p) - f64::from(*delay) - quantile(bare, p);
        report.figure(
            &format!("{name}, {delay} us"),
            json!({"calls": list.len(), "p50": late(0.5), "p99": late(0.99),
                   "net": {"p50": quantile(net_list, 0.5) - f64::from(*delay) - quantile(&net[0], 0.5)},
                   "bare": {"p50": quantile(bare, 0.5), "p99": quantile(bare, 0.99)}}),
        );
    }
    Ok(())
}

fn publish(server: &Server, name: &str, report: &mut Report) -> io::Result<()> {
    // calls are counted at the end of their window
    thread::sleep(Duration::from_millis(1_200));
    let Some(page) = published::audit(server.address())? else {
        report.say(&format!("{name}: no lateness is published"));
        return Ok(());
    };
    let [count, p50, p99] = ["count", "p50", "p99"].map(|member| published::lateness(&page, member));
    let micros = |value: Option<f64>| value.map_or("-".to_owned(), |value| number(value, 1));
    report.say(&format!(
        "{name}: published are p50 {} us, p99 {} us of {} calls",
        micros(p50),
        micros(p99),
        number(count.unwrap_or(f64::NAN), 0)
    ));
    report.figure(&format!("{name}, published"), json!({"count": count, "p50": p50, "p99": p99}));
    Ok(())
}

fn plus_minus((value, error): (f64, f64), less: f64) -> String {
    let value = value - less;
    let digits = usize::from(value.abs() < 1_000.0);
    format!("{} +-{:>5}", number(value, digits), number(error, digits))
}

/// In microseconds.
const DELAYS: [u32; 3] = [300, 1_000, 5_000];
const CONNECTIONS: usize = 4;
