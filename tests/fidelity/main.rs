//! End-to-end fidelity over real sockets: services whose queue is known are recorded at 20 to 60 %
//! of their capacity, fitted, and predicted at 80 %. Takes minutes: `STANDIN=target/release/standin
//! cargo test --test fidelity -- --ignored --nocapture`.

#![allow(clippy::print_stdout, reason = "what was measured goes to stdout")]

mod judge;
mod reference;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Exp};
use standin_tape::exchange::{Exchange, ExchangeRequest, ExchangeResponse, ExchangeTimes};
use standin_tape::{LoadedTape, TapeHead, TapeWriter, VERSION};
use tempfile::TempDir;

use self::judge::{Finding, Point, compare, quantile};
use self::reference::{KINDS, Queue, capacity};

/// Seconds of a run at 80 %.
const PEAK: f64 = 25.0;
/// Largest number of attempts of a run, and the rest between them.
const ATTEMPTS: usize = 5;
/// Share of its seconds that the audit of a target may flag; and the number of runs of which the
/// calmest counts if it flags more, for both sides alike.
const CALM: f64 = 0.1;
const DOUBTED: usize = 3;
const REST: Duration = Duration::from_secs(20);

#[test]
#[ignore = "takes two and a half minutes; .ci/run runs it with a release build"]
fn fifo_of_four_is_found_and_predicted() {
    predict(Queue::Fifo(4), "fifo");
}

#[test]
#[ignore = "takes two and a half minutes; .ci/run runs it with a release build"]
fn sharing_of_four_is_found_and_predicted() {
    predict(Queue::Sharing(4), "sharing");
}

/// Records, fits, and compares the mock's latencies at 80 % with those of the service.
fn predict(queue: Queue, discipline: &str) {
    let scratch = TempDir::new().expect("a temporary folder");
    let folder = scratch.path().join("reference");
    let service = reference::start(queue, 1);
    let most = capacity(4);
    let ramp: Vec<f64> = [0.2, 0.3, 0.4, 0.5, 0.6].map(|share| share * most).into();

    let slope = schedule(scratch.path(), "ramp", &ramp, 9.0, 11);
    measure(&slope, scratch.path(), || {
        let _ = std::fs::remove_dir_all(&folder);
        Standin::record(service, &folder)
    });
    // the structure is what is tested here; a busy machine may leave the prediction open
    let report = run(&["fit", text(&folder), "--anyway"]);
    println!("{report}");
    let profile = std::fs::read_to_string(folder.join("profiles/recorded.yaml")).expect("a profile");
    for expected in [format!("discipline: {discipline}"), "workers: 4".to_owned()] {
        assert!(profile.contains(&expected), "`{expected}` is not in\n{profile}");
    }

    // the sides take turns, so that disturbances of the machine affect both
    let peak = schedule(scratch.path(), "peak", &[0.8 * most], PEAK, 12);
    let mut sides = [Vec::new(), Vec::new()];
    for (run, side) in [0, 1, 1, 0].into_iter().enumerate() {
        let begin = if sides[side].is_empty() { 0.0 } else { PEAK * 1e3 };
        let points = measure(&peak, scratch.path(), || match side {
            // the real side keeps the recorder in the path
            0 => Standin::record(service, &scratch.path().join(format!("again{run}"))),
            _ => Standin::serve(&folder, run),
        });
        sides[side].extend(points.into_iter().map(|(kind, point)| (kind, Point { at: begin + point.at, ..point })));
    }
    let [real, mocked] = sides;

    for kind in &KINDS {
        let of = |points: &[(String, Point)]| -> Vec<Point> {
            points.iter().filter(|(name, _)| name == kind.name).map(|(_, point)| *point).collect()
        };
        let (real, mocked) = (of(&real), of(&mocked));
        let findings = compare(&real, &mocked);
        for one in &findings {
            let Finding { percentile, reference, mock, deviation, allowed } = one;
            println!(
                "{queue:?} {} p{}: {reference:.2} ms, mock {mock:.2} ms, {:+.1} % (allowed {:.1} %)",
                kind.name,
                percentile * 100.0,
                deviation * 100.0,
                allowed * 100.0
            );
        }
        assert!(findings.iter().all(Finding::is_within), "the mock of {queue:?} is off");
        // the judge must also detect the usual errors of mocks
        let median = quantile(real.iter().map(|point| point.latency).collect(), 0.5);
        let constant: Vec<Point> = real.iter().map(|point| Point { latency: median, ..*point }).collect();
        assert!(!compare(&real, &constant).iter().all(Finding::is_within), "a constant delay passes as well");
    }
}

/// Writes a Poisson process of calls, with `seconds` at each of these rates.
fn schedule(folder: &Path, name: &str, rates: &[f64], seconds: f64, seed: u64) -> PathBuf {
    let path = folder.join(format!("{name}.jsonl"));
    let head =
        TapeHead { version: VERSION, target: "http://schedule".to_owned(), started_unix_ms: 1, ..TapeHead::default() };
    let mut writer = TapeWriter::create(&path, &head).expect("writable");
    let mut random = StdRng::seed_from_u64(seed);
    let mut number = 0;
    for (step, rate) in rates.iter().enumerate() {
        let gaps = Exp::new(*rate).expect("a positive rate");
        let mut at = step as f64 * seconds;
        let end = at + seconds;
        loop {
            at += gaps.sample(&mut random);
            if at > end {
                break;
            }
            number += 1;
            let kind = KINDS[usize::from(random.random::<f64>() >= KINDS[0].share)].name;
            writer.write(&call(number, at, &format!("/{kind}/{}", number % 20))).expect("writable");
        }
    }
    writer.finish(0, 0).expect("writable");
    path
}

fn call(number: u64, at: f64, url: &str) -> Exchange {
    let at = (at * 1e9) as u64;
    Exchange {
        number,
        operation: None,
        request: ExchangeRequest { method: "GET".to_owned(), url: url.to_owned(), headers: Vec::new(), body: None },
        response: Some(ExchangeResponse { status: 200, reason: None, headers: Vec::new(), body: None }),
        failure: None,
        times: ExchangeTimes {
            received: at,
            sent: Some(at),
            first_byte: Some(at + 10_000_000),
            last_byte: Some(at + 10_000_000),
            ..ExchangeTimes::default()
        },
        in_flight: 16,
        reused: true,
    }
}

/// Sends a schedule to a target that is started for it. If the sender was late, because others used
/// the machine, it rejects its own measurement, and the run is repeated after a rest. If the target
/// was late by its own audit, the calmest of some runs counts.
fn measure(schedule: &Path, folder: &Path, start: impl Fn() -> Standin) -> Vec<(String, Point)> {
    let mut runs = Vec::new();
    for _ in 0..ATTEMPTS {
        let target = start();
        let points = replay(schedule, target.address, folder);
        let flagged = target.flagged();
        target.end();
        runs.extend(points.map(|points| (flagged, points)));
        if runs.len() >= DOUBTED || runs.last().is_some_and(|(flagged, _)| *flagged <= CALM) {
            break;
        }
        std::thread::sleep(REST);
    }
    let calmest = runs.into_iter().min_by(|(one, _), (other, _)| one.total_cmp(other));
    let (flagged, points) = calmest.unwrap_or_else(|| {
        panic!("the sender was late in {ATTEMPTS} runs: run this on a machine that has time for it")
    });
    println!("taken: the run of which the target's audit flags {:.0} %", flagged * 100.0);
    points
}

/// Sends a schedule, and returns the kind, due time and latency of each call. `None` if the sender
/// was late.
fn replay(schedule: &Path, target: SocketAddr, folder: &Path) -> Option<Vec<(String, Point)>> {
    let out = folder.join("replayed.jsonl");
    let _ = std::fs::remove_file(&out);
    let url = format!("http://{target}");
    let bounds = ["--max-per-second", "10000", "--beyond-recorded", "--stop", "errors=50%,p95=1000x"];
    let replay = ["replay", text(schedule), "--target", &url, "--out", text(&out), "--max-lateness", "5ms"];
    let output = Command::new(binary()).args([&replay, &bounds[..]].concat()).output().expect("the binary runs");
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    println!("{told}");
    if output.status.code() == Some(2) && told.contains("the sender was late") {
        return None;
    }
    assert!(output.status.success(), "{told}");
    let recording = LoadedTape::open(&out).expect("a tape");
    let point = |one: &Exchange| {
        let name = one.request.url.split('/').nth(1).unwrap_or_default().to_owned();
        let latency = recording.latency(one).expect("every call is answered");
        assert_eq!(one.response.as_ref().map(|response| response.status), Some(200), "{}", one.request.url);
        (name, Point { at: one.times.received as f64 / 1e6, latency: latency as f64 / 1e6 })
    };
    Some(recording.exchanges.iter().map(point).collect())
}

/// A running standin server.
struct Standin {
    address: SocketAddr,
    child: Child,
}

impl Standin {
    fn record(service: SocketAddr, folder: &Path) -> Self {
        let target = format!("http://{service}");
        Self::start(&["record", "--target", &target, text(folder), "--exclusive", "--max-in-flight", "5000"])
    }

    fn serve(folder: &Path, seed: usize) -> Self {
        let seed = seed.to_string();
        Self::start(&["serve", text(folder), "--profile", "recorded", "--journal-bytes", "0", "--seed", &seed])
    }

    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(binary())
            .args(args)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let line = lines.next().expect("a line").expect("UTF-8");
        // its final messages must not meet a closed pipe
        std::thread::spawn(move || lines.for_each(drop));
        let url = line.strip_prefix("standin: listening on http://").expect("the ready line");
        let address = url.split_whitespace().next().and_then(|address| address.parse().ok()).expect("an address");
        std::thread::sleep(Duration::from_millis(200));
        Self { address, child }
    }

    /// Returns the share of its workers' seconds in which its own audit flags it as too slow.
    fn flagged(&self) -> f64 {
        let mut answer = ureq::get(format!("http://{}/__admin/standin/audit", self.address)).call().expect("an answer");
        let audit = answer.body_mut().read_to_string().expect("a body");
        let audit: serde_json::Value = serde_json::from_str(&audit).expect("JSON");
        let number = |pointer: &str| audit.pointer(pointer).and_then(serde_json::Value::as_f64).expect("a number");
        number("/flagged/count") / number("/windows").max(1.0)
    }

    fn end(mut self) {
        let signalled = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(signalled.success() && self.child.wait().expect("a child").success());
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command that must succeed, and returns its output.
fn run(args: &[&str]) -> String {
    let output = Command::new(binary()).args(args).output().expect("the binary runs");
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{args:?}: {told}");
    told
}

/// Returns the binary under test: of a release build if one is named.
fn binary() -> PathBuf {
    std::env::var_os("STANDIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_standin")), PathBuf::from)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
