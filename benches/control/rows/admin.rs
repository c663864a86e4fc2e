//! Admin calls while calls saturate the workers: by way of the listener of the calls, and by one of
//! their own.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::client::{Connection, get, post};
use super::super::options::Options;
use super::super::pairs::scratch;
use super::super::process::{Helper, Server};
use super::super::report::{Report, number};
use super::super::statistics::{Spread, quantile, sorted};
use super::super::stubs::{self, Sets};
use super::super::wrk::{self, Load};
use super::verdict;

/// Measures three questions on two ways, idle and loaded; then counts calls.
pub fn row(options: &Options) -> io::Result<Report> {
    let (folder, stub_folder) = scratch()?;
    Sets::new(&stub_folder, STUBS, STUBS)?.write(0)?;
    let script = folder.path().join("calls.lua");
    fs::write(&script, wrk::same_path())?;
    let apart = free_address()?;
    let server = options.start(&stub_folder, &["--admin-listen", &apart.to_string()])?;
    let mut report = Report::default();
    let ways = [("calls' listener", server.address()), ("--admin-listen", apart)];
    report.line(format!("{:34}{:>8}{:>10}{:>10}{:>10}", "milliseconds", "asked", "median", "p90", "most"));
    ask(&ways, options.seconds, "idle", &mut report)?;
    let wrk = load(&script, &server)?;
    std::thread::sleep(WARM_UP);
    let worst = ask(&ways, options.seconds * 5, "loaded", &mut report)?;
    let loaded = count(&server, options.seconds * 5)?;
    drop(wrk);
    let calm = count(&server, Duration::from_secs(120))?;
    for (name, (counted, wrong)) in [("under load", loaded), ("after it", calm)] {
        report.say(&format!("{name}: {counted} times a call and then its count, {wrong} counts wrong"));
        report.figure(name, json!({"counted": counted, "wrong": wrong}));
    }
    report.limit("every median under load < 50 ms", verdict(worst < MOST));
    report.limit("every count is right", verdict(loaded.1 + calm.1 == 0 && calm.0 > 0));
    Ok(report)
}

fn load(script: &Path, server: &Server) -> io::Result<Helper> {
    let time = Duration::from_secs(600);
    let load = Load { connections: 64, time, path: Sets::url(0), script: script.to_owned() };
    Ok(Helper::new(load.spawn(server.address())?))
}

/// Asks in turn for so long. The worst median, in milliseconds.
fn ask(ways: &[(&str, SocketAddr)], time: Duration, when: &str, report: &mut Report) -> io::Result<f64> {
    let questions = [
        ("mappings", get("/__admin/mappings?limit=10")),
        ("count", post("/__admin/requests/count", &pattern("/nowhere"))),
        ("metrics", get("/__admin/metrics")),
    ];
    let mut connections = ways.iter().map(|(_, address)| Connection::open(*address)).collect::<io::Result<Vec<_>>>()?;
    let mut times = vec![Vec::new(); ways.len() * questions.len()];
    let begin = Instant::now();
    while begin.elapsed() < time {
        for (way, connection) in connections.iter_mut().enumerate() {
            for (question, (_, request)) in questions.iter().enumerate() {
                times[way * questions.len() + question].push(connection.time(request)?.as_secs_f64() * 1e3);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut worst: f64 = 0.0;
    for (place, times) in times.iter().enumerate() {
        let name = format!("{when}: {}, {}", questions[place % questions.len()].0, ways[place / questions.len()].0);
        let sorted = sorted(times);
        let (Spread { median, most, .. }, p90) = (Spread::of(times), quantile(&sorted, 0.9));
        report.line(format!("{name:34}{:>8}{median:>10.2}{p90:>10.2}{most:>10.1}", number(times.len() as f64, 0)));
        report.figure(&name, json!({"asked": times.len(), "median": median, "p90": p90, "most": most}));
        worst = worst.max(median);
    }
    Ok(worst)
}

/// Calls a path that nobody called before, and asks at once how often it was called; [`COUNTED`]
/// times unless time is up. How often that was done, and how often the count was not 1.
fn count(server: &Server, time: Duration) -> io::Result<(u32, u32)> {
    let begin = Instant::now();
    let (mut calls, mut admin) = (Connection::open(server.address())?, Connection::open(server.address())?);
    let (mut counted, mut wrong) = (0, 0);
    // told apart from those of the other time
    let salt = server.cpu()?.as_millis();
    while counted < COUNTED && begin.elapsed() < time {
        let path = format!("{}?n={salt}-{counted}", Sets::url(1));
        calls.call(&get(&path))?;
        let reply = admin.call(&post("/__admin/requests/count", &pattern(&path)))?;
        let answer: Value = serde_json::from_slice(&reply.body)?;
        counted += 1;
        wrong += u32::from(answer["count"] != 1);
    }
    Ok((counted, wrong))
}

fn pattern(url: &str) -> String {
    json!({"method": "GET", "url": url}).to_string()
}

/// A port that was free a moment ago.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

const STUBS: usize = 1_000;
const COUNTED: u32 = 1_000;

/// By then the journal is full.
const WARM_UP: Duration = Duration::from_secs(10);

/// In milliseconds.
const MOST: f64 = 50.0;
