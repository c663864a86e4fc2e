//! Clients that are silent, slow, or never finish: they are timed out, and cost nothing meanwhile.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::process::StandinProcess;
use crate::support::{Client, Mock, eventually, folder};

const STUBS: &str = r#"{"mappings": [{"request": {"url": "/a"}, "response": {"body": "a"}}]}"#;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
/// HEADERS of stream 1 without END_HEADERS; a CONTINUATION has to follow.
const HALF_HEAD: &[u8] = &[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82];

fn impatient() -> Mock {
    Mock::configured(&[("mappings/a.json", STUBS)], |config| {
        config.limits.idle = Duration::from_millis(900);
        config.limits.read = Duration::from_millis(300);
    })
}

fn metric(mock: &Mock, limit: &str) -> u64 {
    let page = mock.get("/__admin/metrics");
    let prefix = format!("standin_limited_total{{limit=\"{limit}\"}} ");
    page.text().lines().find_map(|line| line.strip_prefix(&prefix)?.parse().ok()).expect("the metric")
}

/// Waits until a limit has been met `count` times: a connection closes a moment before it is
/// counted.
fn counted(mock: &Mock, limit: &str, count: u64) {
    eventually(limit, || metric(mock, limit) >= count);
    assert_eq!(metric(mock, limit), count, "{limit}");
}

/// Sends bytes, then `again` every 50 ms, until the server closes; returns how long that took and
/// what it sent.
fn until_closed(address: SocketAddr, bytes: &[u8], again: &[u8]) -> (Duration, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a time-out");
    stream.write_all(bytes).expect("it is open");
    let (begin, mut got) = (Instant::now(), Vec::new());
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return (begin.elapsed(), got),
            Ok(count) => got.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if !again.is_empty() && stream.write_all(again).is_err() {
                    return (begin.elapsed(), got);
                }
            }
            Err(_) => return (begin.elapsed(), got),
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "it is not closed");
    }
}

#[test]
fn an_unfinished_preface_or_head_gets_a_408() {
    let mock = impatient();
    for bytes in [&b"P"[..], b"PRI * HT", b"POST", b"GET /a HTTP/1.1\r\nHost: x\r\n", &PREFACE[..23]] {
        let (took, got) = until_closed(mock.address, bytes, b"");
        let text = String::from_utf8_lossy(&got);
        assert!(text.starts_with("HTTP/1.1 408 "), "{:?}: {text}", String::from_utf8_lossy(bytes));
        assert!(took >= Duration::from_millis(300), "{took:?}");
    }
    counted(&mock, "read_timeout", 5);
}

#[test]
fn an_http2_connection_without_calls_is_closed() {
    let mock = impatient();
    let opening = [PREFACE, SETTINGS].concat();
    // a client that says nothing, one that only keeps the connection alive, and one that says
    // nothing at all
    for (bytes, again) in [(&opening[..], &b""[..]), (&opening, PING), (b"", b"")] {
        let (took, _) = until_closed(mock.address, bytes, again);
        assert!(took >= Duration::from_millis(900), "{took:?}");
    }
    counted(&mock, "idle_timeout", 3);
}

#[test]
fn an_http2_head_that_does_not_end_is_timed_out() {
    let mock = impatient();
    for last in [HALF_HEAD, &HALF_HEAD[..5], &PING[..12]] {
        let (took, _) = until_closed(mock.address, &[PREFACE, SETTINGS, last].concat(), b"");
        assert!(took >= Duration::from_millis(300), "{took:?}");
    }
    counted(&mock, "read_timeout", 3);
    assert_eq!(metric(&mock, "idle_timeout"), 0);
}

#[test]
fn a_request_in_pieces_is_answered_whatever_it_begins_with() {
    let mock = Mock::with(r#"{"mappings": [{"request": {"url": "/a", "method": "ANY"}, "response": {"body": "a"}}]}"#);
    for method in ["POST", "PUT", "PATCH", "PRI", "PROPFIND", "GET"] {
        let mut client = Client::connect(mock.address);
        for byte in format!("{method} /a HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes() {
            client.write(&[*byte]);
        }
        assert_eq!(client.answer().text(), "a", "{method}");
    }
}

#[test]
fn connections_that_begin_and_wait_cost_no_cpu() {
    let root = folder(&[("mappings/a.json", STUBS)]);
    let process = StandinProcess::serve(root.path(), &[], &[]);
    let held: Vec<TcpStream> = (0..800)
        .map(|_| {
            let mut stream = TcpStream::connect(process.address).expect("it listens");
            stream.write_all(b"P").expect("it is open");
            stream
        })
        .collect();
    assert_eq!(process.get("/a").text(), "a");
    let before = process.cpu_time();
    std::thread::sleep(Duration::from_secs(2));
    let used = process.cpu_time().saturating_sub(before);
    assert!(used < Duration::from_millis(400), "{used:?} of CPU time in 2 s");
    drop(held);
}

#[test]
fn hangup_ends_in_order() {
    let root = folder(&[("mappings/a.json", STUBS)]);
    let process = StandinProcess::serve(root.path(), &[], &[]);
    assert_eq!(process.get("/a").text(), "a");
    process.signal("-HUP");
    // tests that run under `nohup` hand its choice on
    if ignores_hangup() {
        assert_eq!(process.get("/a").text(), "a");
        process.signal("-TERM");
    }
    let end = process.end();
    assert!(end.code == Some(0) && end.stderr.starts_with("standin: ended after "), "{:?} {}", end.code, end.stderr);
    assert_eq!(end.stderr.lines().count(), 1, "{}", end.stderr);
}

/// Returns whether this process, and so its children, ignore SIGHUP.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("it is there");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a mask");
    u64::from_str_radix(ignored.trim(), 16).expect("hexadecimal") & 1 != 0
}
