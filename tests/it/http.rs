//! Protocols, limits and framing, as raw bytes.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Client, Mock};

const STUBS: &str = r#"{"mappings": [
    {"request": {"url": "/a"}, "response": {"body": "first"}},
    {"request": {"url": "/b"}, "response": {"body": "second", "headers": {"X-Many": ["1", "2"]}}},
    {"request": {"url": "/none"}, "response": {"status": 204, "body": "dropped"}},
    {"request": {"url": "/same"}, "response": {"status": 304, "body": "dropped"}},
    {"request": {"url": "/wrong"}, "response": {"body": "four", "headers": {"Content-Length": "99"}}},
    {"request": {"url": "/slow"}, "response": {"body": "late", "fixedDelayMilliseconds": 300}},
    {"request": {"url": "/echo", "method": "POST", "bodyPatterns": [{"equalTo": "chunk me please"}]}, "response": {"body": "whole"}}
]}"#;

#[test]
fn pipelined_calls_are_answered_in_order() {
    let mock = Mock::with(STUBS);
    let mut client = Client::connect(mock.address);
    client.write(
        b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    assert_eq!(client.answer().text(), "first");
    assert_eq!(client.answer().text(), "late");
    let last = client.answer();
    assert_eq!((last.text(), last.all("x-many")), ("second", vec!["1", "2"]));
}

#[test]
fn a_chunked_body_is_read_whole() {
    let mock = Mock::with(STUBS);
    let mut client = Client::connect(mock.address);
    client.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nchunk \r\n");
    thread::sleep(Duration::from_millis(30));
    client.write(b"9\r\nme please\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), "whole");
}

#[test]
fn a_client_that_expects_100_continue_is_told_to() {
    let mock = Mock::with(STUBS);
    let mut client = Client::connect(mock.address);
    client.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 15\r\n\r\n");
    let mut interim = [0; 25];
    std::io::Read::read_exact(&mut client.stream, &mut interim).expect("an interim answer");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write(b"chunk me please");
    assert_eq!(client.answer().text(), "whole");
}

#[test]
fn statuses_without_a_body_have_none() {
    let mock = Mock::with(STUBS);
    let mut client = Client::connect(mock.address);
    for (path, status) in [("/none", 204), ("/same", 304)] {
        client.write(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(client.answer().status, status);
    }
    // had a body been sent, it would stand before this answer
    client.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer().text(), "first");
}

#[test]
fn a_head_call_is_told_the_length_of_the_body_it_does_not_get() {
    let mock = Mock::with(STUBS);
    let mut client = Client::connect(mock.address);
    client.write(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = client.answer_to("HEAD");
    assert_eq!((head.status, head.header("content-length")), (200, Some("5")));
    assert_eq!(client.answer().text(), "second");
}

#[test]
fn a_length_that_disagrees_gives_way_to_the_true_one() {
    let answer = Mock::with(STUBS).get("/wrong");
    assert_eq!((answer.header("content-length"), answer.text()), (Some("4"), "four"));
}

#[test]
fn limits_have_clear_answers() {
    let mock = Mock::configured(&[("mappings/s.json", STUBS)], |config| {
        config.limits.body = 1000;
        config.limits.read = Duration::from_millis(300);
        config.limits.headers = 400;
    });
    let too_long = mock.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
    assert_eq!((too_long.status, too_long.header("connection")), (413, Some("close")));
    assert!(too_long.text().contains("--max-body"), "{}", too_long.text());
    let chunked = format!(
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
        "z".repeat(1001)
    );
    assert_eq!(mock.send(&chunked).status, 413);
    let head = format!("GET /a HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "z".repeat(70_000));
    assert_eq!(mock.send(&head).status, 431);
    let many: String = (0..300).map(|_| "X-Many: v\r\n").collect();
    assert_eq!(mock.send(&format!("GET /a HTTP/1.1\r\nHost: x\r\n{many}\r\n")).status, 200, "300 headers are no harm");
    let too_many = many.repeat(2);
    assert_eq!(mock.send(&format!("GET /a HTTP/1.1\r\nHost: x\r\n{too_many}\r\n")).status, 431);
    assert_eq!(mock.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf").status, 408);
    assert_eq!(mock.send("GET /a HTTP/1.1\r\nHost:").status, 408);
    assert_eq!(mock.send("GET /a HTTP/9.9\r\nHost: x\r\n\r\n").status / 100, 4);
    assert_eq!(mock.get("/a").text(), "first", "the server goes on");
}

#[test]
fn many_headers_are_read_wherever_they_come_on_a_connection() {
    let stubs = r#"{"mappings": [
        {"request": {"url": "/few"}, "response": {"body": "few"}},
        {"request": {"url": "/many", "headers": {"X-Last": {"equalTo": "z"}}}, "response": {"body": "many"}}
    ]}"#;
    let mock = Mock::configured(&[("mappings/s.json", stubs)], |config| config.limits.headers = 400);
    let few = "GET /few HTTP/1.1\r\nHost: x\r\n\r\n".to_owned();
    let lines = "1\n".repeat(300);
    let body = format!("POST /few HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{lines}", lines.len());
    let many = format!("GET /many HTTP/1.1\r\nHost: x\r\n{}X-Last: z\r\n\r\n", "X-Many: v\r\n".repeat(300));
    let middle = many.len() / 2;
    for pieces in [
        vec![many.as_str()],
        vec![&few, &many],
        vec![&body, &many, &few, &many],
        vec![&few, &many[..middle], &many[middle..], &few],
        vec![&few, &many[..30], &many[30..]],
    ] {
        let requests = pieces.concat().matches(" HTTP/1.1").count();
        let mut client = Client::connect(mock.address);
        let mut answered = 0;
        for piece in pieces {
            client.write(piece.as_bytes());
            if piece.ends_with("\r\n\r\n") || piece.ends_with(&lines) {
                assert_eq!(client.answer().status, 200, "{piece:.60}");
                answered += 1;
            } else {
                thread::sleep(Duration::from_millis(20));
            }
        }
        assert_eq!(answered, requests);
    }
    let too_many = many.replace("X-Last", &format!("{}X-Last", "X-More: v\r\n".repeat(150)));
    let mut client = Client::connect(mock.address);
    client.write(few.as_bytes());
    assert_eq!(client.answer().status, 200);
    client.write(too_many.as_bytes());
    assert_eq!(client.answer().status, 431);
}

#[test]
fn a_connection_too_many_is_told_so() {
    let mock = Mock::configured(&[("mappings/s.json", STUBS)], |config| config.max_connections = 2);
    let held: Vec<Client> = (0..2)
        .map(|_| {
            let mut client = Client::connect(mock.address);
            client.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
            client.answer();
            client
        })
        .collect();
    let refused = Client::connect(mock.address).answer();
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("--max-connections"));
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(5);
    while mock.get("/a").status != 200 {
        assert!(Instant::now() < deadline, "places are not given back");
    }
}

#[test]
fn a_gzip_body_is_unpacked_within_bounds() {
    let zipped = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    };
    let stubs = r#"{"mappings": [
        {"request": {"url": "/z", "bodyPatterns": [{"contains": "zzzz"}]}, "response": {"body": "unpacked"}},
        {"request": {"url": "/z"}, "response": {"body": "as it came"}, "priority": 9}
    ]}"#;
    let mock = Mock::configured(&[("mappings/s.json", stubs)], |config| config.limits.body = 10_000);
    for (length, expected) in [(10_000, "unpacked"), (10_001, "as it came")] {
        let body = zipped(&"z".repeat(length));
        let mut client = Client::connect(mock.address);
        client.write(format!("POST /z HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
        client.write(&body);
        assert_eq!(client.answer().text(), expected, "{length}");
    }
}

#[test]
fn connections_are_spread_evenly_over_the_workers() {
    let mock = Mock::configured(&[("mappings/s.json", STUBS)], |config| config.workers = 3);
    let held: Vec<Client> = (0..9)
        .map(|_| {
            let mut client = Client::connect(mock.address);
            client.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
            client.answer();
            client
        })
        .collect();
    let metrics = mock.get("/__admin/metrics");
    let open: Vec<u32> = (0..3)
        .map(|worker| {
            let label = format!("standin_connections_open{{worker=\"{worker}\"}} ");
            let line = metrics.text().lines().find_map(|line| line.strip_prefix(&label)).expect("a line a worker");
            line.parse().expect("a number")
        })
        .collect();
    // nine that are held, and the one that asks
    assert_eq!(open.iter().sum::<u32>(), 10);
    assert!(open.iter().all(|count| (3..=4).contains(count)), "{open:?}");
    drop(held);
}

#[test]
fn an_idle_connection_is_closed() {
    let mock =
        Mock::configured(&[("mappings/s.json", STUBS)], |config| config.limits.idle = Duration::from_millis(200));
    let mut client = Client::connect(mock.address);
    client.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer().text(), "late", "a call in flight is not idle");
    assert_eq!(client.read_to_end().0, b"");
}

#[test]
fn a_call_in_flight_is_finished_at_the_end() {
    let mock = Mock::with(STUBS);
    let mut busy = Client::connect(mock.address);
    let mut idle = Client::connect(mock.address);
    idle.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    idle.answer();
    busy.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    thread::sleep(Duration::from_millis(50));
    let address = mock.address;
    let ending = thread::spawn(move || mock.shut_down());
    assert_eq!(busy.answer().text(), "late");
    assert!(ending.join().expect("no panic"), "all calls were finished");
    assert!(std::net::TcpStream::connect(address).is_err(), "nothing listens any more");
    assert_eq!(idle.read_to_end().0, b"");
}

#[test]
fn a_call_longer_than_the_grace_period_is_cut_off() {
    let stubs = r#"{"request": {"url": "/long"}, "response": {"fixedDelayMilliseconds": 60000}}"#;
    let mock = Mock::configured(&[("mappings/s.json", stubs)], |config| config.grace = Duration::from_millis(100));
    let mut client = Client::connect(mock.address);
    client.write(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
    thread::sleep(Duration::from_millis(50));
    assert!(!mock.shut_down());
}
