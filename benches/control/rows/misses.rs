//! Hits beside a flood of misses. The load of the misses takes the same two cores, so it is
//! compared with a load of as many connections that hits too; and a miss's CPU with a hit's.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::super::client::{Connection, get};
use super::super::options::Options;
use super::super::pairs::scratch;
use super::super::process::Server;
use super::super::report::{Report, number};
use super::super::statistics::Spread;
use super::super::stubs::Sets;
use super::super::wrk::{self, Load, Run};
use super::verdict;

/// Measures hits alone, beside hits, beside all misses that can be, and beside a thousand misses a
/// second.
pub fn row(options: &Options) -> io::Result<Report> {
    let (folder, stub_folder) = scratch()?;
    let sets = Sets::new(&stub_folder, options.stubs, 100)?;
    sets.write(0)?;
    fs::create_dir_all(stub_folder.join("__files"))?;
    let server = options.start(&stub_folder, &[])?;
    let load = |name: &str, text: String| -> io::Result<Load> {
        let script: PathBuf = folder.path().join(name);
        fs::write(&script, text)?;
        Ok(Load { connections: 32, time: options.seconds, path: "/stubs/none".to_owned(), script })
    };
    let hits = load("hits.lua", wrk::cycle(sets.count, Sets::lua()))?;
    let misses = load("misses.lua", wrk::same_path())?;
    let few = Load { connections: 10, ..load("few.lua", wrk::resting(Duration::from_millis(10)))? };
    let beside = [None, Some(&hits), Some(&misses), Some(&few)];
    hits.run(server.address())?;
    let start = server.resident()?;
    let (mut rates, mut others) = ([(); 4].map(|()| Vec::new()), [(); 4].map(|()| Vec::new()));
    for turn in 0..usize::from(options.pairs) {
        for place in 0..beside.len() {
            let place = if turn % 2 == 0 { place } else { beside.len() - 1 - place };
            let (run, other) = both(&server, &hits, beside[place])?;
            rates[place].push(run.rate());
            others[place].push(other.map_or(0.0, |run| run.rate()));
        }
    }
    let skipped_before = skipped(&server)?;
    let hit = cost(&server, &hits, options.pairs)?;
    let miss = cost(&server, &misses, options.pairs)?;
    let share = (skipped(&server)? - skipped_before) / miss.1 as f64;

    let mut report = Report::of("hits beside", "beside hits");
    let median = |values: &[f64]| number(Spread::of(values).median, 0);
    report.line(format!("{:34}{:>12}{:>14}", "hits/s of 32 connections", "hits/s", "others/s"));
    for (name, place) in
        [("alone", 0), ("beside hits", 1), ("beside all misses that can be", 2), ("beside few misses", 3)]
    {
        report.line(format!("{name:34}{:>12}{:>14}", median(&rates[place]), median(&others[place])));
        report.figure(name, json!({"hits": rates[place], "others": others[place]}));
    }
    report.columns();
    let flooded = report.compare("misses / hits", &rates[2], &rates[1], 0);
    let few = report.compare("few misses / alone", &rates[3], &rates[0], 0);
    report.say(&format!("CPU us: a hit {}, a miss {}", number(hit.0, 2), number(miss.0, 2)));
    report.say(&format!("near misses were left out of {} % of the misses", number(share * 100.0, 1)));
    let now = server.resident()?;
    report.say(&format!("RSS {} MiB after the first hits, {} MiB at the end", number(start, 0), number(now, 0)));
    report.figure("CPU us", json!({"hit": hit.0, "miss": miss.0}));
    report.figure("skipped", json!(share));
    report.figure("RSS MiB", json!({"start": start, "end": now}));
    report.limit("hits beside misses >= 0.8 x beside as many hits", verdict(flooded.median >= LEAST));
    report.limit("hits beside few misses >= 0.8 x alone", verdict(few.median >= LEAST));
    Ok(report)
}

/// Hits, and another load beside them.
fn both(server: &Server, hits: &Load, beside: Option<&Load>) -> io::Result<(Run, Option<Run>)> {
    let address = server.address();
    let beside = beside.cloned().map(|load| thread::spawn(move || load.count(address)));
    let run = hits.run(address)?;
    let other = beside.map(|thread| thread.join().map_err(|_| io::Error::other("a load panicked"))).transpose()?;
    Ok((run, other.transpose()?))
}

/// Microseconds of CPU per call, and how many calls there were.
fn cost(server: &Server, load: &Load, times: u16) -> io::Result<(f64, u64)> {
    let (mut costs, mut calls) = (Vec::new(), 0);
    for _ in 0..times.min(3) {
        let before = server.cpu()?;
        let run = load.count(server.address())?;
        let cpu = server.cpu()?.saturating_sub(before);
        costs.push(cpu.as_secs_f64() * 1e6 / run.requests.max(1) as f64);
        calls += run.requests;
    }
    Ok((Spread::of(&costs).median, calls))
}

/// Misses that were answered without their near misses.
fn skipped(server: &Server) -> io::Result<f64> {
    let reply = Connection::open(server.address())?.call(&get("/__admin/metrics"))?;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    metric(&text, "limited_total{limit=\"near_misses\"}")
        .ok_or_else(|| io::Error::other("the metrics do not tell of near misses"))
}

/// The value of a series whose name ends so.
fn metric(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find(|line| !line.starts_with('#') && line.contains(series))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// The least that hits may do, in times of what they do without the misses.
const LEAST: f64 = 0.8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_series() {
        let page = "# HELP standin_limited_total x\nstandin_limited_total{limit=\"body\"} 1\n\
                    standin_limited_total{limit=\"near_misses\"} 42\n";
        assert_eq!(metric(page, "limited_total{limit=\"near_misses\"}"), Some(42.0));
        assert_eq!(metric(page, "limited_total{limit=\"none\"}"), None);
    }
}
