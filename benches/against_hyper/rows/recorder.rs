//! What a recorder, and a stub that proxies, cost on the way to the service, against a bare proxy.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::super::client::Connection;
use super::super::options::{Options, PATIENCE, proxy, start_hyper};
use super::super::pairs::{self, scratch};
use super::super::process::Server;
use super::super::report::{Report, Verdict};
use super::super::statistics::Spread;
use super::super::{stubs, wrk, wrk::Load};

/// Measures a recorder whose tape is being written.
pub fn row(options: &Options) -> io::Result<Report> {
    compare(options, RECORDER_LIMIT, |folder, service| {
        let mut record = Command::new(&options.standin);
        record.args(["record", "--target", &format!("http://{}", service.address()), "--listen", "127.0.0.1:0"]);
        Server::start(record.arg(folder).args(&options.with), PATIENCE)
    })
}

/// Measures a stub with a `proxyBaseUrl`.
pub fn proxied(options: &Options) -> io::Result<Report> {
    compare(options, PROXY_LIMIT, |folder, service| {
        stubs::proxied(folder, &format!("http://{}", service.address()))?;
        options.start_standin(folder)
    })
}

/// Measures what `start` starts and a bare proxy in front of one service, under 64 connections,
/// then under one. `limit`: the ratios that are allowed.
fn compare(
    options: &Options,
    limit: f64,
    start: impl FnOnce(&Path, &Server) -> io::Result<Server>,
) -> io::Result<Report> {
    let (folder, stub_folder) = scratch()?;
    let script = folder.path().join("calls.lua");
    fs::write(&script, wrk::same_path())?;
    let service = start_hyper()?;
    let recorder = start(&stub_folder, &service)?;
    let bare = Server::start(&mut proxy(service.address())?, PATIENCE)?;
    let mut report = Report::of("standin", "hyper");
    for proxy in [&recorder, &bare] {
        let status = Connection::open(proxy.address())?.call(&super::super::client::get(stubs::ONE))?.status;
        if status != 200 {
            return Err(io::Error::other(format!("a proxy answered {status}")));
        }
    }
    let load =
        |connections| Load { connections, time: options.seconds, path: stubs::ONE.to_owned(), script: script.clone() };
    report.say("64 connections:");
    let (ours, floor) = pairs::measure([&recorder, &bare], options.pairs, &load(64), &mut report)?;
    report.columns();
    let cpu = report.compare("CPU us/call", &ours.cpu, &floor.cpu, 2);
    report.compare("calls/s", &ours.rate, &floor.rate, 0);
    report.compare("p50 us", &ours.latency, &floor.latency, 0);
    report.compare("RSS MiB", &[recorder.resident()?], &[bare.resident()?], 1);
    report.say("one connection:");
    let alone: Vec<f64> = (0..options.pairs)
        .map(|_| Ok(load(1).run(service.address())?.median.as_secs_f64() * 1e6))
        .collect::<io::Result<_>>()?;
    let alone = Spread::of(&alone).median;
    let (ours, floor) = pairs::measure([&recorder, &bare], options.pairs, &load(1), &mut report)?;
    report.columns();
    report.compare("p50 us", &ours.latency, &floor.latency, 0);
    let added = [ours, floor].map(|side| side.latency.iter().map(|latency| latency - alone).collect::<Vec<_>>());
    report.say(&format!("the service alone takes {alone:.0} us; beyond that:"));
    report.columns();
    let added = report.compare("added us", &added[0], &added[1], 0);
    report.limit(&format!("a call takes <= {limit} x what a bare proxy adds"), within(added, limit));
    report.limit(&format!("CPU <= {limit} x a bare proxy, tape and all"), within(cpu, limit));
    Ok(report)
}

fn within(ratio: Spread, limit: f64) -> Verdict {
    match ratio {
        Spread { most, .. } if most <= limit => Verdict::Met,
        Spread { least, .. } if least > limit => Verdict::Broken,
        _ => Verdict::Open,
    }
}

const RECORDER_LIMIT: f64 = 1.5;

const PROXY_LIMIT: f64 = 1.3;
