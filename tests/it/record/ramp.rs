//! `standin record --ramp`: its own load, in steps, until the service is overloaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use standin::internal::Plan;
use standin_tape::exchange::Exchange;
use tempfile::TempDir;

use super::service::{Heard, Recording, Service, answer, everything};
use crate::replay::exchange;
use crate::support::eventually;

/// A folder with the tape `source.jsonl` outside of the stub folder. Its peak rate is 500 requests
/// a second.
struct Source {
    folder: TempDir,
    tape: PathBuf,
}

impl Source {
    fn new(change: impl Fn(usize, &mut Exchange)) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let tape = folder.path().join("source.jsonl");
        let mut exchanges: Vec<Exchange> = (0..600)
            .map(|k| {
                exchange("GET", &format!("/items/{}", k % 7), Duration::from_millis(2) * k, Duration::from_millis(5))
            })
            .collect();
        exchanges.iter_mut().enumerate().for_each(|(number, one)| change(number, one));
        crate::replay::tape(&tape, &exchanges);
        Self { folder, tape }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("stubs")
    }

    fn option(&self) -> String {
        format!("--ramp={}", self.tape.display())
    }

    /// Records with a ramp to its end. Returns the exit code and the output.
    fn record(&self, service: &Service, more: &[&str]) -> (i32, String) {
        let (url, dir) = (service.url(), self.dir());
        let dir = dir.to_str().expect("UTF-8");
        let args = ["record", dir, "--target", &url, "--listen", "127.0.0.1:0", &self.option()];
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(args)
            .args(more)
            .env("STANDIN_QUERY_TOKEN", "token-of-the-environment")
            .output()
            .expect("it runs");
        (status.code().unwrap_or(-1), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }

    fn recorded(&self) -> standin_tape::LoadedTape {
        let tapes = standin_tape::tapes_of_folder(&self.dir()).expect("readable");
        assert_eq!(tapes.len(), 1, "{tapes:?}");
        standin_tape::LoadedTape::open(&tapes[0]).expect("a tape")
    }
}

/// Returns the number of requests of each step; equal seeds give equal numbers.
fn counts(top: f64, step: Duration) -> Vec<usize> {
    let count = |(number, share): (usize, &f64)| Plan::random(&[0], share * top, step, 1, number as u64).calls.len();
    standin::internal::RAMP_STEP_SHARES.iter().enumerate().map(count).collect()
}

/// Starts a service whose response depends on the number of the request.
fn numbered(says: impl Fn(usize) -> (u16, u64) + Send + Sync + 'static) -> Service {
    let count = AtomicUsize::new(0);
    Service::saying(move |_: &Heard| {
        let (status, ms) = says(count.fetch_add(1, Ordering::SeqCst));
        std::thread::sleep(Duration::from_millis(ms));
        answer(status, "Content-Type: text/plain\r\n", "ok")
    })
}

const ERRORS: [&str; 2] = ["--stop", "errors=1%"];

fn unchanged(_: usize, _: &mut Exchange) {}

#[test]
fn steps_come_at_their_rates_and_the_tape_says_so() {
    let service = numbered(|_| (200, 0));
    let source = Source::new(unchanged);
    let (code, told) = source
        .record(&service, &[&["--max-per-second", "300", "--step", "600ms", "--exclusive"], &ERRORS[..]].concat());
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("all 6 steps were made") && told.contains("standin fit"), "{told}");
    let counts = counts(300.0, Duration::from_millis(600));
    for (count, share) in counts.iter().zip(standin::internal::RAMP_STEP_SHARES) {
        let expected = share * 300.0 * 0.6;
        assert!((*count as f64 - expected).abs() < 5.0 * expected.sqrt(), "{count} for {expected}");
        assert!(told.contains(&format!("{:.1} calls a second: {count} sent", share * 300.0)), "{told}");
    }
    let recording = source.recorded();
    let all: usize = counts.iter().sum();
    assert_eq!((recording.exchanges.len(), service.heard().len()), (all, all));
    assert_eq!(recording.condition.foot.map(|foot| foot.exchanges), Some(all as u64));
    assert!(recording.head.exclusive && !recording.is_replay());
    assert_eq!(recording.head.limits.per_second, Some(300.0));
    let note = &recording.head.notes[standin::internal::RAMP_NOTE_KEY];
    assert_eq!(note["perSecond"], serde_json::json!([30.0, 60.0, 120.0, 180.0, 240.0, 285.0]));
    // half of the calls come in the last two of six steps
    let mut arrivals: Vec<u64> = recording.exchanges.iter().filter_map(|one| recording.arrival(one)).collect();
    arrivals.sort_unstable();
    let (first, last) = (arrivals[0], arrivals[all - 1]);
    assert!((last - first) as f64 > 3.0e9 && arrivals[all / 2] > first + (last - first) / 2, "{first} to {last}");
    assert!(source.dir().join("mappings/recorded").exists(), "{told}");
}

#[test]
fn a_service_that_slows_down_is_left_alone() {
    let counts = counts(200.0, Duration::from_secs(1));
    let before: usize = counts[..3].iter().sum();
    let service = numbered(move |number| (200, if number < before + 5 { 20 } else { 400 }));
    let source = Source::new(unchanged);
    let (code, told) = source.record(&service, &["--max-per-second", "200", "--step", "1s"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("stopped in step 4 of 6") && told.contains("the first step's"), "{told}");
    let recording = source.recorded();
    assert!(recording.condition.foot.is_some());
    let heard = service.heard().len();
    assert!((before + 5..=before + counts[3]).contains(&heard), "{heard}");
    assert_eq!(recording.exchanges.len(), heard);
}

#[test]
fn a_service_that_fails_is_left_alone() {
    let counts = counts(200.0, Duration::from_secs(1));
    let before: usize = counts[..2].iter().sum();
    let service = numbered(move |number| (if number < before + 3 { 200 } else { 503 }, 0));
    let source = Source::new(unchanged);
    let (code, told) = source.record(&service, &[&["--max-per-second", "200", "--step", "1s"], &ERRORS[..]].concat());
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("stopped in step 3 of 6") && told.contains("--stop errors=1%"), "{told}");
    assert!(service.heard().len() <= before + counts[2]);
}

/// A service with some failures, as on the tape: some steps have more of them by chance, and some
/// fewer.
#[test]
fn what_a_service_does_by_chance_ends_no_ramp() {
    let service = numbered(|number| (if number > 60 && number % 26 == 0 { 500 } else { 200 }, 0));
    let source = Source::new(|number, one| {
        if number % 26 == 0 {
            one.response.as_mut().expect("an answer").status = 500;
        }
    });
    let (code, told) = source.record(&service, &[&["--max-per-second", "300", "--step", "1s"], &ERRORS[..]].concat());
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("all 6 steps were made"), "{told}");
}

#[test]
fn a_service_that_is_not_there_is_nothing_to_learn_from() {
    let source = Source::new(unchanged);
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let (url, dir) = (format!("http://{free}"), source.dir());
    let output = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["record", dir.to_str().expect("UTF-8"), "--target", &url, "--listen", "127.0.0.1:0", &source.option()])
        .args(["--max-per-second", "100", "--step", "500ms"])
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(!told.contains("standin fit"), "{told}");
}

#[test]
fn what_may_break_a_service_needs_a_word() {
    let service = numbered(|_| (200, 0));
    let source = Source::new(unchanged);
    for (more, told) in [
        (&[][..], "--ramp needs --max-per-second"),
        (&["--max-per-second", "1000"], "--beyond-recorded"),
        (&["--max-per-second", "100", "--methods", "PUT"], "no call that may be sent"),
    ] {
        let (code, said) = source.record(&service, more);
        assert_eq!(code, 64, "{said}");
        assert!(said.contains(told), "`{told}` is not in {said}");
    }
    let plain = |more: &[&str]| {
        let dir = source.dir();
        let args = ["record", dir.to_str().expect("UTF-8"), "--target", "http://127.0.0.1:9"];
        let output = Command::new(env!("CARGO_BIN_EXE_standin")).args(args).args(more).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = plain(&["--ramp", "--max-per-second", "5"]);
    assert!(code == Some(64) && told.contains("has no tape with calls to send"), "{told}");
    let (code, told) = plain(&["--beyond-recorded"]);
    assert!(code == Some(64) && told.contains("are for --ramp"), "{told}");
    assert!(service.heard().is_empty());
}

#[test]
fn only_safe_methods_are_sent_and_secrets_do_not_come_back() {
    let service = numbered(|_| (200, 0));
    let source = Source::new(|number, one| {
        let redacted = "~redacted:0123abcd~".to_owned();
        one.request.method = if number % 3 == 0 { "POST" } else { "GET" }.to_owned();
        one.request.url = format!("/items/{}?token={redacted}", number % 7);
        one.request.headers = vec![("X-Tenant-Pass".to_owned(), redacted)];
    });
    let args = [&["--max-per-second", "100", "--step", "300ms"], &ERRORS[..]].concat();
    let (code, told) = source.record(&service, &args);
    assert!(code == 64 && told.contains("--header 'x-tenant-pass: …'") && !told.contains("--query"), "{told}");
    assert!(service.heard().is_empty());
    let (code, told) = source.record(&service, &[&args[..], &["--header", "X-Tenant-Pass: open-sesame-42"]].concat());
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("200 calls are not sent") && told.contains("POST"), "{told}");
    let heard = service.heard();
    assert!(!heard.is_empty() && heard.iter().all(|heard| heard.method == "GET"));
    assert!(heard[0].head.contains("open-sesame-42") && heard[0].url.ends_with("?token=token-of-the-environment"));
    let kept = everything(&source.dir());
    for secret in ["open-sesame-42", "token-of-the-environment"] {
        assert!(!kept.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

#[test]
fn a_service_that_answers_differently_gives_no_tape() {
    let service = numbered(|_| (404, 0));
    let source = Source::new(unchanged);
    let (code, told) = source.record(&service, &["--max-per-second", "200", "--step", "3s"]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("answers differently") && told.contains("given up after step 1"), "{told}");
    assert!(standin_tape::tapes_of_folder(&source.dir()).expect("readable").is_empty());
    assert!(fs::read_dir(source.dir().join("tapes")).expect("it is there").count() >= 1, "it is set aside");
    assert!(!source.dir().join("mappings/recorded").exists());
}

#[test]
fn ctrl_c_ends_it_whole_and_other_clients_are_on_the_tape() {
    let service = numbered(|_| (200, 1));
    let source = Source::new(unchanged);
    let args = ["--max-per-second", "200", "--step", "30s", &source.option()];
    let recording = Recording::of(&service.url(), &args);
    eventually("the ramp sends", || service.heard().len() > 10);
    assert_eq!(recording.get("/of-another-client").status, 200);
    let (told, code, tape, folder) = recording.end("-INT");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("ended by a signal in step 1 of 6"), "{told}");
    assert!(tape.condition.foot.is_some());
    assert!(tape.exchanges.iter().any(|one| one.request.url == "/of-another-client"));
    assert!(drafts(folder.path()) > 0, "{told}");
}

#[test]
fn the_newest_tape_of_the_folder_is_what_is_sent() {
    let service = numbered(|_| (200, 0));
    let source = Source::new(unchanged);
    fs::create_dir_all(source.dir().join("tapes")).expect("writable");
    fs::rename(&source.tape, source.dir().join("tapes/monday.jsonl")).expect("writable");
    let (url, dir) = (service.url(), source.dir());
    let output = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["record", "--ramp", dir.to_str().expect("UTF-8"), "--target", &url, "--listen", "127.0.0.1:0"])
        .args(["--max-per-second", "100", "--step", "200ms", "--stop", "errors=1%"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(service.heard().len(), counts(100.0, Duration::from_millis(200)).iter().sum::<usize>());
}

fn drafts(dir: &Path) -> usize {
    fs::read_dir(dir.join("mappings/recorded")).map_or(0, Iterator::count)
}
