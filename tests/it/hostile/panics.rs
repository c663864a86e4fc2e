//! A panic in each kind of thread: the client gets an answer, the others go on, health and metrics
//! show it.
//!
//! The panics are planted in debug builds by the variable `STANDIN_PLANT_PANIC`.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::numbered_service::NumberedService;
use crate::process::StandinProcess;
use crate::support::{Client, eventually, folder};

const STUBS: &str = r#"{"mappings": [{"request": {"url": "/a"}, "response": {"body": "a"}}]}"#;
const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn planted(place: &str, test: impl FnOnce(&StandinProcess)) {
    let root = folder(&[("mappings/a.json", STUBS)]);
    let process =
        StandinProcess::serve(root.path(), &["--workers", "1", "--no-watch"], &[("STANDIN_PLANT_PANIC", place)]);
    test(&process);
    // whatever it was, calls, misses, admin calls and reloads are answered again
    assert_eq!(process.get("/a").status, 200, "{place}");
    assert_eq!(process.get("/nothing").status, 404, "{place}");
    assert_eq!(process.post("/__admin/standin/reload").status, 200, "{place}");
    let part = place.split('-').next().expect("a part").replace("maintenance", "control");
    assert_eq!(process.metric(&format!("standin_panics_total{{part=\"{part}\"}}")), 1, "{place}");
    let health = process.get("/__admin/health").json();
    assert_eq!(health["panics"][&part], 1, "{place}: {health}");
    assert!(health["message"].as_str().expect("a text").contains("planted in"), "{place}: {health}");
    process.signal("-TERM");
}

#[test]
fn a_call_that_panics_gets_a_500_and_its_connection_goes_on() {
    planted("call", |process| {
        let mut client = Client::connect(process.address);
        let mut other = Client::connect(process.address);
        client.write(GET);
        let failed = client.answer();
        assert_eq!(failed.status, 500);
        assert!(failed.text().contains("planted in `call`"), "{}", failed.text());
        client.write(GET);
        assert_eq!(client.answer().status, 200);
        other.write(GET);
        assert_eq!(other.answer().status, 200);
    });
}

#[test]
fn a_miss_that_panics_gets_a_500() {
    planted("misses", |process| assert_eq!(process.get("/nothing").status, 500));
    planted("misses-thread", |process| assert_eq!(process.get("/nothing").status, 503));
}

#[test]
fn an_admin_call_that_panics_gets_a_500() {
    planted("control", |process| assert_eq!(process.get("/__admin/mappings").status, 500));
    planted("control-thread", |process| assert_eq!(process.get("/__admin/mappings").status, 503));
    planted("maintenance", |process| {
        let deadline = Instant::now() + Duration::from_secs(10);
        while process.metric("standin_panics_total{part=\"control\"}") == 0 {
            assert!(Instant::now() < deadline, "nothing was planted");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

#[test]
fn a_reload_that_panics_fails_and_the_next_one_reads_again() {
    planted("reload", |process| {
        let failed = process.post("/__admin/standin/reload");
        assert_eq!(failed.status, 422, "{}", failed.text());
        assert!(failed.text().contains("planted in `reload`"), "{}", failed.text());
    });
    planted("reload-thread", |_| {});
}

#[test]
fn a_worker_or_acceptor_that_panics_loses_a_connection_and_is_started_again() {
    for place in ["worker", "accept"] {
        planted(place, |process| {
            let lost = Client::connect(process.address).read_to_end();
            assert!(lost.0.is_empty(), "{place}: {lost:?}");
        });
    }
}

#[test]
fn a_recorded_call_whose_taping_panics_is_lost_alone() {
    for place in ["tape", "tape-thread"] {
        let service = NumberedService::start(20);
        let root = folder(&[]);
        let dir = root.path().to_str().expect("UTF-8");
        let variables = [("STANDIN_PLANT_PANIC", place)];
        let recorder = StandinProcess::start_with(&["record", "--target", &service.url, dir], &variables);
        for _ in 0..4 {
            assert_eq!(recorder.get("/a").status, 200, "{place}");
        }
        let lost = u64::from(place == "tape");
        eventually("the others are on the tape", || recorder.metric("standin_tape_calls_total") == 4 - lost);
        assert_eq!(recorder.metric("standin_tape_dropped_total"), lost, "{place}");
        assert_eq!(recorder.metric("standin_panics_total{part=\"tape\"}"), 1, "{place}");
    }
}

#[test]
fn a_part_that_panics_again_and_again_ends_the_process() {
    let root = folder(&[("mappings/a.json", STUBS)]);
    let variables = [("STANDIN_PLANT_PANIC", "worker=1000")];
    let process = StandinProcess::serve(root.path(), &["--workers", "1"], &variables);
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(process.address).is_ok() {
        assert!(Instant::now() < deadline, "it goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
    let end = process.end();
    assert_eq!(end.code, Some(2), "{}", end.stderr);
    assert!(end.stderr.contains("standin ends: the worker thread panicked"), "{}", end.stderr);
}
