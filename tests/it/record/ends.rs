//! The end of a recording: its messages, its files, and no file without a request.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::service::{Recording, Service, answer};
use crate::process::StandinProcess;
use crate::support::{Client, eventually};

fn tapes(folder: &Path) -> usize {
    standin_tape::tapes_of_folder(folder).map_or(0, |tapes| tapes.len())
}

#[test]
fn without_a_call_no_tape_is_left() {
    let service = Service::saying(|_| answer(200, "", "ok"));
    let (told, code, folder) = Recording::of(&service.url(), &[]).end_without_a_tape("-INT");
    assert_eq!((code, tapes(folder.path())), (Some(0), 0), "{told}");
    assert!(told.contains("no call came") && !told.contains("standin fit"), "{told}");
    let serving = Recording::on_miss(&service.url(), r#"{"request": {"url": "/a"}}"#, &["--on-miss", "record"]);
    let (told, code, folder) = serving.end_without_a_tape("-INT");
    assert_eq!((code, tapes(folder.path())), (Some(0), 0), "{told}");
    assert!(told.contains("no call came"), "{told}");
}

#[test]
fn a_server_that_cannot_begin_leaves_no_tape() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let folder = crate::support::folder(&[("mappings/a.json", r#"{"request": {"url": "/a"}}"#)]);
    let dir = folder.path().to_str().expect("UTF-8");
    for command in [&["record", dir][..], &["serve", dir, "--on-miss", "record"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(command)
            .args(["--target", "http://127.0.0.1:9", "--listen", &address])
            .output()
            .expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), tapes(folder.path())), (Some(2), 0), "{command:?}: {told}");
        assert!(told.contains("it is taken") && told.contains("cannot reach http://127.0.0.1:9 yet"), "{told}");
    }
}

#[test]
fn misses_that_were_recorded_are_told_of_as_a_recording_is() {
    let service = Service::saying(|_| answer(200, "", "real"));
    let serving = Recording::on_miss(&service.url(), r#"{"request": {"url": "/a"}}"#, &["--on-miss", "record"]);
    serving.get("/b");
    let (told, code, tape, folder) = serving.end("-INT");
    assert_eq!((code, tape.exchanges.len()), (Some(0), 1), "{told}");
    let next = format!("next: standin draft {}", folder.path().display());
    assert!(told.contains("1 call of 1 operation on ") && told.contains(&next), "{told}");
}

#[test]
fn operations_that_come_later_are_counted_too() {
    let service = Service::saying(|_| answer(200, "", "ok"));
    let recording = Recording::of(&service.url(), &[]);
    // each is written before the next arrives, and none of them at the end
    for (path, written) in ["/first", "/second", "/third/a", "/fourth/a/b"].into_iter().zip(1..) {
        recording.get(path);
        recording.wait_until_written(written);
    }
    let (told, ..) = recording.end("-INT");
    assert!(told.contains("4 calls of 4 operations on "), "{told}");
}

#[test]
fn a_call_that_hangs_is_told_of_and_a_second_signal_ends_at_once() {
    let service = Service::saying(|heard| {
        if heard.url == "/hangs" {
            std::thread::sleep(Duration::from_secs(30));
        }
        answer(200, "", "ok")
    });
    let mut recording = Recording::of(&service.url(), &["--grace", "60s"]);
    recording.get("/fine");
    let mut client = Client::connect(recording.address);
    client.write(b"GET /hangs HTTP/1.1\r\nHost: me\r\n\r\n");
    eventually("the call is there", || service.heard().len() == 2);
    recording.signal("-INT");
    let waiting = recording.read_stderr_until("in flight");
    let (told, code, tape, folder) = recording.end("-INT");
    let told = waiting + &told;
    assert_eq!((code, tape.exchanges.len(), tape.condition.foot.is_some()), (Some(2), 1, true), "{told}");
    let next = format!("standin draft {}", folder.path().display());
    for expected in ["waiting up to 60s (--grace) for 1 call in flight", "1 call of 1 operation on ", &next] {
        assert!(told.contains(expected), "`{expected}` is not in {told}");
    }
}

#[test]
fn calls_without_any_answer_are_nothing_to_learn_from() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let recording = Recording::of(&format!("http://{free}"), &[]);
    recording.get("/");
    let (told, code, _tape, folder) = recording.end("-INT");
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("nothing to learn from") && !told.contains("standin fit"), "{told}");
    // and no tape to send calls from
    let dir = folder.path().to_str().expect("UTF-8");
    let output = Command::new(env!("CARGO_BIN_EXE_standin")).args(["gap", dir]).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(told.contains("is passed over") && told.contains("with calls; record one first"), "{told}");
}

#[test]
fn a_tape_without_a_call_is_not_the_newest() {
    let service = Service::saying(|_| answer(200, "", "ok"));
    let recording = Recording::of(&service.url(), &["--no-compress"]);
    for number in 0..5 {
        recording.get(&format!("/items/{number}"));
    }
    let (_, _, tape, folder) = recording.end("-INT");
    let head = fs::read_to_string(&tape.path).expect("readable").lines().next().expect("a head").to_owned();
    let started = format!("\"startedUnixMs\":{}", tape.head.started_unix_ms);
    let later = head.replace(&started, &format!("\"startedUnixMs\":{}", tape.head.started_unix_ms + 1_000));
    assert_ne!(head, later);
    fs::write(folder.path().join("tapes/later.jsonl"), later + "\n").expect("writable");
    fs::write(folder.path().join("tapes/nothing.jsonl"), "").expect("writable");
    let dir = folder.path().to_str().expect("UTF-8");
    let output = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["gap", dir, "--budget", "none", "--max-lateness", "10s"])
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    for expected in
        ["later.jsonl` has no call", "nothing.jsonl`: the first line is no head of a tape (the file is empty)"]
    {
        assert!(told.contains(expected), "`{expected}` is not in {told}");
    }
}

#[test]
fn what_is_not_to_be_believed_is_said_at_the_end() {
    let profile = "services:\n  - name: s\n    capacity: {discipline: unlimited}\n    default: {demand: {fixed: 1ms}}\n    \
                   valid: {perSecond: 1}\n";
    let folder = crate::support::folder(&[
        ("mappings/a.json", r#"{"request": {"url": "/a"}, "response": {"body": "ok"}}"#),
        ("profiles/calm.yaml", profile),
    ]);
    let dir = folder.path().to_str().expect("UTF-8");
    let process = StandinProcess::start(&["serve", dir, "--profile", "calm"]);
    let mut client = Client::connect(process.address);
    for _ in 0..20 {
        client.write(b"GET /a HTTP/1.1\r\nHost: me\r\n\r\n");
        assert_eq!(client.answer().status, 200);
    }
    process.signal("-INT");
    let told = process.end().stderr;
    assert!(told.contains("calls came beyond the load that the profile was learned from"), "{told}");
}
