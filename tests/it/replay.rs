//! A tape's calls again: when they come, from when their latencies count, and what a target is
//! spared.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use standin::TrustAnchors;
use standin::internal::{Pace, Plan, PreparedCalls, Replacements, ReplayOutcome, ReplayTarget, replay};
use standin_tape::exchange::{BodyRef, Exchange, ExchangeRequest, ExchangeResponse, ExchangeTimes};
use standin_tape::{LoadedTape, TapeHead, TapeWriter, VERSION};
use tempfile::TempDir;

use crate::support::eventually;

/// A call as the backend saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    at: Instant,
    pub(crate) method: String,
    url: String,
    headers: String,
    body: Vec<u8>,
}

/// A backend that keeps account, and answers with the status, and after the delay, that `answer`
/// says for the number of the call and the time since the first one.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    ends: Arc<AtomicBool>,
}

type Answer = dyn Fn(usize, Duration) -> (u16, Duration) + Send + Sync;

impl Backend {
    pub(crate) fn new(answer: impl Fn(usize, Duration) -> (u16, Duration) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (seen, ends) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (all, ending, answer): (_, _, Arc<Answer>) = (Arc::clone(&seen), Arc::clone(&ends), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                std::thread::spawn(move || serve(&stream.expect("accepted"), &all, &*answer));
            }
        });
        Self { address, seen, ends }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, all: &Mutex<Vec<Seen>>, answer: &Answer) {
    stream.set_nodelay(true).expect("no delay");
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let lower = head.to_lowercase();
        let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).expect("a body");
        let at = Instant::now();
        let mut words = head.split(' ').map(str::to_owned);
        let (method, url) = (words.next().expect("a method"), words.next().expect("a url"));
        let (number, first) = {
            let mut all = all.lock().expect("no panic");
            all.push(Seen { at, method, url, headers: lower, body });
            (all.len(), all[0].at)
        };
        let (status, delay) = answer(number, at - first);
        std::thread::sleep(delay);
        let mut stream = stream;
        if write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok").is_err() {
            return;
        }
    }
}

/// A call that came `at` and took `latency`.
pub(crate) fn exchange(method: &str, url: &str, at: Duration, latency: Duration) -> Exchange {
    let sent = at.as_nanos() as u64 + 1_000;
    let end = sent + latency.as_nanos() as u64;
    Exchange {
        number: 1,
        operation: None,
        request: ExchangeRequest { method: method.to_owned(), url: url.to_owned(), headers: Vec::new(), body: None },
        response: Some(ExchangeResponse { status: 200, reason: None, headers: Vec::new(), body: None }),
        failure: None,
        times: ExchangeTimes {
            received: sent,
            sent: Some(sent),
            first_byte: Some(end),
            last_byte: Some(end),
            ..ExchangeTimes::default()
        },
        in_flight: 2,
        reused: true,
    }
}

/// `count` calls, one each `gap`, that each took 1 ms.
fn steady(count: u32, gap: Duration) -> Vec<Exchange> {
    (0..count).map(|k| exchange("GET", &format!("/items/{k}"), gap * k, Duration::from_millis(1))).collect()
}

/// Writes a tape of these exchanges.
pub(crate) fn tape(path: &Path, exchanges: &[Exchange]) {
    let head =
        TapeHead { version: VERSION, target: "http://inventory".to_owned(), started_unix_ms: 1, ..TapeHead::default() };
    let mut writer = TapeWriter::create(path, &head).expect("writable");
    for exchange in exchanges {
        writer.write(exchange).expect("writable");
    }
    writer.finish(0, 0).expect("writable");
}

fn sent(recording: &LoadedTape, pace: Pace, target: &ReplayTarget) -> (Vec<Exchange>, ReplayOutcome) {
    let plan = Plan::new(recording, pace, |_| true);
    let prepared = PreparedCalls::new(recording, Path::new(""), &plan, target, &Replacements::default(), false);
    let mut exchanges = Vec::new();
    let outcome = replay(recording, &Arc::new(prepared.expect("complete")), &plan, target, |exchange| {
        exchanges.push(exchange);
        Ok(())
    });
    exchanges.sort_by_key(|exchange| exchange.number);
    (exchanges, outcome.expect("it runs"))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const RECORDED: Pace = Pace::Recorded { speed: 1.0 };

#[test]
fn calls_come_when_they_are_due() {
    let backend = Backend::new(|_, _| (200, Duration::from_millis(3)));
    // uneven gaps: 1, 2, 3, 4, 5, 1 … ms
    let mut at = Duration::ZERO;
    let exchanges: Vec<Exchange> = (0..300)
        .map(|k| {
            at += Duration::from_millis(1 + k % 5);
            exchange("GET", &format!("/items/{k}"), at, Duration::from_millis(1))
        })
        .collect();
    let recording = LoadedTape { exchanges, ..LoadedTape::default() };
    let target = ReplayTarget::parse(&backend.url(), &TrustAnchors::System).expect("a URL");
    let (answered, outcome) = sent(&recording, RECORDED, &target);
    assert_eq!((answered.len(), outcome.sent, outcome.waited), (300, 300, 0));
    let first = recording.exchanges[0].times.sent.expect("sent");
    for (answer, original) in answered.iter().zip(&recording.exchanges) {
        assert_eq!(Some(answer.times.received), original.times.sent.map(|sent| sent - first));
        assert_eq!(answer.request.url, original.request.url);
        let ExchangeTimes { received, sent, first_byte, last_byte, .. } = answer.times;
        assert!(Some(received) <= sent && sent <= first_byte && first_byte <= last_byte, "{answer:?}");
        assert_eq!(answer.response.as_ref().and_then(|response| response.body.as_ref()).map(|body| body.size), Some(2));
    }
    // at the backend they come as far apart as they are due, but for the way there: no more than
    // the sender says it was late, and the backend's threads as much again
    let seen = backend.seen();
    let start = seen[0].at;
    let of = |url: &str| seen.iter().find(|seen| seen.url == url).expect("it came").at;
    let offsets: Vec<f64> = answered
        .iter()
        .map(|answer| (of(&answer.request.url) - start).as_secs_f64() - answer.times.received as f64 / 1e9)
        .collect();
    let least = offsets.iter().copied().min_by(f64::total_cmp).expect("there are calls");
    let late = median(offsets.iter().map(|offset| offset - least).collect());
    let limit = 0.001 + 2.0 * outcome.lateness(0.9).as_secs_f64();
    assert!(late < limit, "{late} s, allowed {limit} s");
    assert!(outcome.latency(0.5) >= Duration::from_millis(3));
    assert!(answered.iter().filter(|answer| answer.reused).count() > 290, "connections are kept");
}

#[test]
fn a_rate_and_a_speed_change_the_schedule() {
    let backend = Backend::new(|_, _| (200, Duration::ZERO));
    let recording = LoadedTape { exchanges: steady(100, Duration::from_millis(10)), ..LoadedTape::default() };
    let target = ReplayTarget::parse(&backend.url(), &TrustAnchors::System).expect("a URL");
    let (answered, _) = sent(&recording, Pace::Recorded { speed: 4.0 }, &target);
    assert_eq!(answered[99].times.received, 99 * 2_500_000);
    let (answered, _) = sent(&recording, Pace::Poisson { per_second: 500.0, seed: 3 }, &target);
    let length = answered[99].times.received as f64 / 1e9;
    assert!((0.1..0.4).contains(&length), "{length}");
}

/// A backend that stalls for half a second: who asks only when the one before is answered would see
/// one slow call. All calls that were due meanwhile were slow.
#[test]
fn a_stall_is_charged_to_every_call_that_was_due() {
    let (from, to) = (Duration::from_millis(500), Duration::from_secs(1));
    let stalls = move |_, at: Duration| (200, if at < from { Duration::ZERO } else { to.saturating_sub(at) });
    let backend = Backend::new(stalls);
    let recording = LoadedTape { exchanges: steady(150, Duration::from_millis(10)), ..LoadedTape::default() };
    // two connections: the sender cannot even send during the stall
    let target = ReplayTarget {
        max_connections: 2,
        ..ReplayTarget::parse(&backend.url(), &TrustAnchors::System).expect("a URL")
    };
    let (answered, outcome) = sent(&recording, RECORDED, &target);
    assert!(outcome.waited >= 40, "{}", outcome.waited);
    let latency = |answer: &Exchange| (answer.times.last_byte.expect("answered") - answer.times.received) as f64 / 1e9;
    for answer in answered.iter().filter(|answer| (520..980).contains(&(answer.times.received / 1_000_000))) {
        let due = answer.times.received as f64 / 1e9;
        assert!(latency(answer) > 1.0 - due - 0.02, "due {due}: {}", latency(answer));
    }
    let slow = answered.iter().filter(|answer| latency(answer) > 0.1).count();
    assert!((38..=110).contains(&slow), "{slow}");
    // the waits, of 0.25 s and more for a sixth of the calls, are not the sender's lateness
    assert!(outcome.lateness(0.9) < Duration::from_millis(250), "{:?}", outcome.lateness(0.9));
}

#[test]
fn a_target_that_closes_or_hangs_gives_failures() {
    let backend = Backend::new(|number, _| (200, Duration::from_millis(if number == 5 { 2_000 } else { 0 })));
    let recording = LoadedTape { exchanges: steady(20, Duration::from_millis(5)), ..LoadedTape::default() };
    let target = ReplayTarget {
        timeout: Duration::from_millis(200),
        ..ReplayTarget::parse(&backend.url(), &TrustAnchors::System).expect("a URL")
    };
    let (answered, _) = sent(&recording, RECORDED, &target);
    let failures: Vec<_> = answered.iter().filter_map(|answer| answer.failure.as_ref()).collect();
    assert_eq!((answered.len(), failures.len()), (20, 1), "{failures:?}");
    assert_eq!(failures[0].reason, standin_tape::exchange::FailureReason::Timeout);
}

fn standin(args: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(args)
        .current_dir(folder)
        .env("STANDIN_HEADER_X_API_KEY", "key-of-the-environment")
        .output()
        .expect("it runs")
}

/// A folder with a tape.
struct Taped {
    folder: TempDir,
    tape: PathBuf,
}

impl Taped {
    fn new(exchanges: &[Exchange]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("tapes/monday.jsonl");
        tape(&path, exchanges);
        Self { folder, tape: path }
    }

    /// Runs `standin replay`; what it exits with, and what it prints.
    fn replay(&self, backend: &Backend, more: &[&str]) -> (i32, String) {
        let url = backend.url();
        let mut args = vec!["replay", self.tape.to_str().expect("UTF-8"), "--target", &url];
        args.extend(more);
        let output = standin(&args, self.folder.path());
        let told = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&told).into_owned())
    }
}

impl Taped {
    /// Runs `standin replay --json`, and returns what it prints.
    fn report(&self, backend: &Backend, more: &[&str]) -> serde_json::Value {
        let url = backend.url();
        let args = ["replay", self.tape.to_str().expect("UTF-8"), "--target", &url, "--json"];
        let output = standin(&[&args, more].concat(), self.folder.path());
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    }
}

const FINE: [&str; 4] = ["--max-per-second", "1000", "--max-lateness", "10s"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&FINE[..], more].concat()
}

#[test]
fn a_replay_is_a_tape_of_its_own() {
    let backend = Backend::new(|_, _| (200, Duration::ZERO));
    let taped = Taped::new(&steady(50, Duration::from_millis(2)));
    let (code, told) = taped.replay(&backend, &FINE);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("50 calls (200 100.0 %)") && told.contains("p99"), "{told}");
    let recording = LoadedTape::open(&taped.folder.path().join("monday-replay-1.jsonl")).expect("a tape");
    assert!(recording.is_replay());
    assert_eq!((recording.exchanges.len(), recording.condition.foot.map(|foot| foot.exchanges)), (50, Some(50)));
    let second = taped.replay(&backend, &FINE).1;
    assert!(second.contains("monday-replay-2.jsonl"), "{second}");
}

#[test]
fn only_safe_methods_are_sent_unless_others_are_named() {
    let backend = Backend::new(|_, _| (200, Duration::ZERO));
    let mut exchanges = steady(20, Duration::from_millis(2));
    exchanges[3].request.method = "DELETE".to_owned();
    exchanges[7].request.method = "POST".to_owned();
    let taped = Taped::new(&exchanges);
    let (code, told) = taped.replay(&backend, &FINE);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("2 calls are not sent") && told.contains("DELETE, POST"), "{told}");
    assert!(backend.seen().iter().all(|seen| seen.method == "GET"));
    let (code, told) = taped.replay(&backend, &with(&["--methods", "GET,POST"]));
    assert_eq!(code, 0, "{told}");
    assert_eq!(backend.seen().iter().filter(|seen| seen.method == "POST").count(), 1);
    assert_eq!(backend.seen().iter().filter(|seen| seen.method == "DELETE").count(), 0);
}

#[test]
fn a_target_is_not_sent_more_than_it_was_said_to_bear() {
    let backend = Backend::new(|_, _| (200, Duration::ZERO));
    let taped = Taped::new(&steady(100, Duration::from_millis(5)));
    for (args, told) in [
        (&[][..], "needs --max-per-second"),
        (&["--max-per-second", "50"], "more than --max-per-second 50"),
        (&["--max-per-second", "1000", "--rate", "300"], "--beyond-recorded"),
        (&["--max-per-second", "1000", "--rate", "300", "--beyond-recorded", "--out", "tapes/monday.jsonl"], "--out"),
    ] {
        let (code, said) = taped.replay(&backend, args);
        assert_eq!(code, 64, "{said}");
        assert!(said.contains(told), "`{told}` is not in {said}");
    }
    assert!(backend.seen().is_empty());
    let (code, told) = taped.replay(&backend, &with(&["--rate", "400", "--beyond-recorded"]));
    assert_eq!(code, 0, "{told}");
    assert_eq!(backend.seen().len(), 100);
}

#[test]
fn the_stop_rule_leaves_a_failing_target_alone() {
    let backend = Backend::new(|number, _| (if number > 150 { 503 } else { 200 }, Duration::ZERO));
    let taped = Taped::new(&steady(600, Duration::from_millis(2)));
    let (code, told) = taped.replay(&backend, &FINE);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("the run was stopped") && told.contains("errors=1%"), "{told}");
    assert!(!told.contains("p99 "), "nothing is reported: {told}");
    let seen = backend.seen().len();
    assert!((150..300).contains(&seen), "{seen}");
}

/// 4 % of the tape's calls failed, and five of the first hundred do now.
#[test]
fn the_stop_rule_leaves_chance_alone() {
    let backend = Backend::new(|number, _| (if number % 20 == 19 && number < 200 { 500 } else { 200 }, Duration::ZERO));
    let mut exchanges = steady(400, Duration::from_millis(2));
    for (number, one) in exchanges.iter_mut().enumerate() {
        if number % 26 == 0 {
            one.response.as_mut().expect("an answer").status = 500;
        }
    }
    let (code, told) = Taped::new(&exchanges).replay(&backend, &with(&["--stop", "errors=1%"]));
    assert_eq!(code, 0, "{told}");
    assert_eq!(backend.seen().len(), 400);
}

#[test]
fn what_cannot_be_sent_is_said_and_leaves_no_tape() {
    let backend = Backend::new(|_, _| (200, Duration::ZERO));
    let taped = Taped::new(&steady(10, Duration::from_millis(2)));
    let (code, told) = taped.replay(&backend, &with(&["--methods", "PUT"]));
    assert_eq!(code, 64, "{told}");
    assert!(told.contains("no call that may be sent, only GET") && !told.contains("response times"), "{told}");
    assert!(backend.seen().is_empty());
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let url = format!("http://{free}");
    let output = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["replay", taped.tape.to_str().expect("UTF-8"), "--target", &url])
        .args(FINE)
        .current_dir(taped.folder.path())
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), told.lines().count()), (Some(2), 1), "{told}");
    let left = fs::read_dir(taped.folder.path()).expect("a folder").filter_map(Result::ok);
    let left: Vec<_> = left.filter(|entry| entry.file_name().to_string_lossy().contains("replay")).collect();
    assert!(left.is_empty(), "{left:?}");
    let broken = taped.folder.path().join("broken.jsonl");
    for (text, code) in [(Some(""), 2), (Some("hello\n"), 2), (None, 64)] {
        let _ = fs::remove_file(&broken);
        if let Some(text) = text {
            fs::write(&broken, text).expect("writable");
        }
        let output = Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(["replay", broken.to_str().expect("UTF-8"), "--target", &url])
            .output()
            .expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text:?}: {told}");
        assert!(told.contains("broken.jsonl"), "{told}");
    }
}

#[test]
fn the_stop_rule_sees_a_target_that_does_not_answer_any_more() {
    let stalls = |number, _| (200, Duration::from_millis(if number > 150 { 1_500 } else { 0 }));
    let backend = Backend::new(stalls);
    let mut exchanges = steady(600, Duration::from_millis(2));
    // a p95 of 20 ms, so that a busy machine does not stop it
    for one in &mut exchanges {
        one.times.last_byte = one.times.sent.map(|sent| sent + 20_000_000);
    }
    let (code, told) = Taped::new(&exchanges).replay(&backend, &with(&["--timeout", "3s"]));
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("p95=3x"), "{told}");
    let seen = backend.seen().len();
    assert!((150..400).contains(&seen), "{seen}");
}

#[test]
fn a_target_that_answers_differently_is_not_reported() {
    let backend = Backend::new(|number, _| (if number % 20 == 0 { 401 } else { 200 }, Duration::ZERO));
    let taped = Taped::new(&steady(100, Duration::from_millis(2)));
    let (code, told) = taped.replay(&backend, &FINE);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("answers differently") && told.contains("5.0 %"), "{told}");
}

#[test]
fn a_sender_that_was_late_shows_what_is_not_to_be_believed() {
    let backend = Backend::new(|_, _| (200, Duration::ZERO));
    let taped = Taped::new(&steady(50, Duration::from_millis(2)));
    let late = ["--max-per-second", "1000", "--max-lateness", "1ns"];
    let (code, told) = taped.replay(&backend, &late);
    assert_eq!(code, 2, "{told}");
    for expected in ["late itself", "50 calls (200 100.0 %)", "p99", "not to be believed"] {
        assert!(told.contains(expected), "`{expected}` is not in {told}");
    }
    let report = taped.report(&backend, &late);
    assert_eq!((&report["believed"], &report["calls"]["sent"]), (&false.into(), &50.into()), "{report}");
    assert!(report["why"].as_str().is_some_and(|why| why.contains("late itself")), "{report}");
    assert!(report["latencyMs"]["p99"].as_f64() > Some(0.0), "{report}");
}

#[test]
fn a_report_for_programs_says_whether_to_believe_it() {
    let backend = Backend::new(|number, _| (if number > 50 { 404 } else { 200 }, Duration::ZERO));
    let taped = Taped::new(&steady(50, Duration::from_millis(2)));
    let report = taped.report(&backend, &FINE);
    assert_eq!((&report["believed"], &report["answered"]["200"]), (&true.into(), &50.into()), "{report}");
    // what answers differently has no numbers
    let report = taped.report(&backend, &FINE);
    assert_eq!((&report["believed"], report.get("latencyMs")), (&false.into(), None), "{report}");
}

#[test]
fn ctrl_c_ends_a_tape_well() {
    let backend = Backend::new(|_, _| (200, Duration::ZERO));
    let taped = Taped::new(&steady(3_000, Duration::from_millis(10)));
    let child = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["replay", taped.tape.to_str().expect("UTF-8"), "--target", &backend.url(), "--out", "out.jsonl"])
        .args(FINE)
        .current_dir(taped.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    eventually("20 calls are sent", || backend.seen().len() >= 20);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("ended by a signal") && told.contains("p99"), "{told}");
    let recording = LoadedTape::open(&taped.folder.path().join("out.jsonl")).expect("a tape");
    let foot = recording.condition.foot.expect("it ended well");
    let seen = backend.seen().len() as u64;
    assert_eq!((foot.exchanges, foot.exchanges + foot.refused), (seen, 3_000), "{told}");
}

#[test]
fn a_schedule_without_times_is_sent_to_its_end() {
    let backend = Backend::new(|_, _| (200, Duration::from_millis(2)));
    let by_hand = |response: bool| {
        let mut exchanges = steady(300, Duration::from_millis(2));
        for one in &mut exchanges {
            (one.times.first_byte, one.times.last_byte) = (None, None);
            one.response = one.response.take().filter(|_| response);
        }
        Taped::new(&exchanges)
    };
    for response in [true, false] {
        let (code, told) = by_hand(response).replay(&backend, &FINE);
        assert_eq!(code, 0, "{told}");
        let said = "the tape has no response times to compare with: only --stop errors=1% applies";
        assert!(told.contains("300 calls") && told.contains(said), "{told}");
    }
    let failing = Backend::new(|_, _| (500, Duration::ZERO));
    let (code, told) = by_hand(false).replay(&failing, &FINE);
    assert!(code == 2 && told.contains("the run was stopped"), "{told}");
}

#[test]
fn what_was_redacted_is_given_and_not_kept() {
    let backend = Backend::new(|_, _| (200, Duration::ZERO));
    let mut exchanges = steady(10, Duration::from_millis(2));
    let redacted = |name: &str| (name.to_owned(), "~redacted:0123abcd~".to_owned());
    for one in &mut exchanges {
        one.request.headers =
            vec![redacted("Authorization"), redacted("X-Api-Key"), ("X-Kept".to_owned(), "1".to_owned())];
    }
    let taped = Taped::new(&exchanges);
    let (code, told) = taped.replay(&backend, &FINE);
    assert_eq!(code, 64, "{told}");
    assert!(told.contains("--header 'authorization: …'") && !told.contains("x-api-key"), "{told}");
    assert!(backend.seen().is_empty());
    let (code, told) = taped.replay(&backend, &with(&["--header", "Authorization: Bearer secret"]));
    assert_eq!(code, 0, "{told}");
    let headers = &backend.seen()[0].headers;
    for sent in ["authorization: bearer secret", "x-api-key: key-of-the-environment", "x-kept: 1"] {
        assert!(headers.contains(sent), "{headers}");
    }
    let kept = fs::read_to_string(taped.folder.path().join("monday-replay-2.jsonl"))
        .or_else(|_| fs::read_to_string(taped.folder.path().join("monday-replay-1.jsonl")))
        .expect("a tape");
    assert!(!kept.contains("secret") && !kept.contains("key-of-the-environment"));
}

#[test]
fn bodies_come_from_the_tape() {
    let backend = Backend::new(|_, _| (200, Duration::ZERO));
    let mut exchanges = steady(3, Duration::from_millis(2));
    let name = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    exchanges[1].request.method = "POST".to_owned();
    exchanges[1].request.body = Some(BodyRef { sha256: Some(name.to_owned()), size: 5 });
    let taped = Taped::new(&exchanges);
    let (code, told) = taped.replay(&backend, &with(&["--methods", "POST"]));
    assert_eq!(code, 64, "{told}");
    fs::create_dir_all(taped.folder.path().join("tapes/bodies")).expect("writable");
    fs::write(taped.folder.path().join("tapes/bodies").join(name), "hello").expect("writable");
    let (code, told) = taped.replay(&backend, &with(&["--methods", "POST"]));
    assert_eq!(code, 0, "{told}");
    assert_eq!(backend.seen()[0].body, b"hello");
}
