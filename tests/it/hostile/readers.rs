//! Readers of stdout and stderr that go away, or never read.

use std::fs;
use std::process::{Command, Stdio};

use crate::process::{StandinProcess, read_for_a_while, run};
use crate::support::{eventually, folder};

const STUB: &str = r#"{"request": {"url": "/a"}, "response": {"body": "fine"}}"#;

#[test]
fn a_reader_that_has_gone_ends_no_thread() {
    let root = folder(&[("mappings/a.json", STUB)]);
    let mut server = StandinProcess::start(&["serve", root.path().to_str().expect("UTF-8"), "--log", "debug"]);
    drop((server.child.stderr.take(), server.child.stdout.take()));
    // warnings of the thread that reloads, and lines of workers
    for broken in ["{", "["] {
        fs::write(root.path().join("mappings/b.json"), broken).expect("writable");
        eventually("the reload fails", || server.get("/__admin/standin/reload").json()["status"] == "failed");
        fs::remove_file(root.path().join("mappings/b.json")).expect("there");
        eventually("it is good again", || server.get("/__admin/standin/reload").json()["status"] == "ok");
    }
    assert!((0..50).all(|_| server.get("/a").text() == "fine"));
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_reader_that_does_not_read_holds_up_nobody() {
    let root = folder(&[("mappings/a.json", STUB)]);
    let mut server = StandinProcess::start(&["serve", root.path().to_str().expect("UTF-8"), "--log", "trace"]);
    let dropped = "standin_limited_total{limit=\"log\"}";
    // a pipe takes 64 KiB
    eventually("the pipe is full", || {
        assert!((0..50).all(|_| server.get("/a").text() == "fine"));
        server.metric(dropped) > 0
    });
    let begun = std::time::Instant::now();
    assert!((0..50).all(|_| server.get("/a").text() == "fine"));
    assert!(begun.elapsed().as_secs() < 10, "calls waited for the reader of a log");
    // the end does not wait either
    let stderr = server.child.stderr.take().expect("piped");
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));
    drop(stderr);
}

#[test]
fn what_was_dropped_is_said_once_somebody_reads() {
    let root = folder(&[("mappings/a.json", STUB)]);
    let mut server = StandinProcess::start(&["serve", root.path().to_str().expect("UTF-8"), "--log", "trace"]);
    eventually("the pipe is full", || {
        let _ = server.get("/a");
        server.metric("standin_limited_total{limit=\"log\"}") > 0
    });
    let stderr = server.child.stderr.take().expect("piped");
    let reader = std::thread::spawn(move || read_for_a_while(stderr));
    for _ in 0..100 {
        let _ = server.get("/a");
    }
    drop(server);
    let told = reader.join().expect("it reads");
    assert!(told.contains("lines were dropped here, as nobody read them"), "{} bytes", told.len());
}

/// `standin … | head -1`: the command ends by itself, and says nothing of it.
#[test]
fn a_report_into_a_closed_pipe_is_no_failure() {
    let root = folder(&[("mappings/a.json", STUB)]);
    let dir = root.path().to_str().expect("UTF-8");
    let command = format!(
        "'{}' check '{dir}' 2>&1 | true; '{}' check '{dir}' >&- 2>&-",
        env!("CARGO_BIN_EXE_standin"),
        env!("CARGO_BIN_EXE_standin")
    );
    let done = Command::new("sh").args(["-c", &command]).stderr(Stdio::piped()).output().expect("it runs");
    assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
    assert_eq!(run(&["check", dir]).0, Some(0));
}
