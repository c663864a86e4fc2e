//! When answers come. Bounds are loose above, as the machine is shared, and tight below: nothing is
//! ever early.

use std::time::{Duration, Instant};

use crate::support::{Client, Mock};

const STUBS: &str = r#"{"mappings": [
    {"request": {"url": "/now"}, "response": {"body": "now"}},
    {"request": {"url": "/fixed"}, "response": {"body": "late", "fixedDelayMilliseconds": 40}},
    {"request": {"url": "/both"}, "response": {"body": "late", "fixedDelayMilliseconds": 30,
        "delayDistribution": {"type": "uniform", "lower": 30, "upper": 30}}},
    {"request": {"url": "/fault"}, "response": {"fault": "EMPTY_RESPONSE", "fixedDelayMilliseconds": 40}},
    {"request": {"url": "/drawn"}, "response": {"delayDistribution": {"type": "lognormal", "median": 5, "p99": 20}}},
    {"request": {"url": "/dribble"}, "response": {"body": "abcdefghij", "chunkedDribbleDelay": {"numberOfChunks": 3, "totalDuration": 90}}}
]}"#;

#[test]
fn delays_add_up_and_are_never_short() {
    let mock = Mock::with(STUBS);
    for (path, at_least) in [("/fixed", 40), ("/both", 60)] {
        let start = Instant::now();
        assert_eq!(mock.get(path).text(), "late");
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(at_least) && took < Duration::from_secs(2), "{path}: {took:?}");
    }
}

#[test]
fn a_fault_waits_too() {
    let mock = Mock::with(STUBS);
    let mut client = Client::connect(mock.address);
    let start = Instant::now();
    client.write(b"GET /fault HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.read_to_end().0, b"");
    assert!(start.elapsed() >= Duration::from_millis(40));
}

#[test]
fn the_delay_counts_from_the_last_byte_of_the_call() {
    let mock = Mock::with(&STUBS.replace("\"/fixed\"}", "\"/fixed\", \"method\": \"POST\"}"));
    let mut client = Client::connect(mock.address);
    client.write(b"POST /fixed HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na");
    std::thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    client.write(b"b");
    client.answer();
    assert!(start.elapsed() >= Duration::from_millis(40), "upload time was taken for service time");
}

#[test]
fn a_pipelined_call_begins_when_the_answer_before_it_is_out() {
    let mock = Mock::with(STUBS);
    let mut client = Client::connect(mock.address);
    let start = Instant::now();
    client.write(b"GET /fixed HTTP/1.1\r\nHost: x\r\n\r\nGET /fixed HTTP/1.1\r\nHost: x\r\n\r\n");
    client.answer();
    client.answer();
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[test]
fn a_dribbled_body_comes_in_pieces() {
    let mock = Mock::with(STUBS);
    let dribbled = || {
        let mut client = Client::connect(mock.address);
        let start = Instant::now();
        client.write(b"GET /dribble HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut first = [0; 4096];
        let head = std::io::Read::read(&mut client.stream, &mut first).expect("a head");
        let text = String::from_utf8_lossy(&first[..head]).into_owned();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("Content-Length: 10"), "{text}");
        let mut body = text.split("\r\n\r\n").nth(1).expect("a head").to_owned();
        let with_head = body.len();
        while body.len() < 10 {
            let count = std::io::Read::read(&mut client.stream, &mut first).expect("more");
            body.push_str(&String::from_utf8_lossy(&first[..count]));
        }
        assert_eq!(body, "abcdefghij");
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(90), "{took:?}");
        with_head
    };
    // a client that wakes late finds more than the first piece
    assert!((0..20).any(|_| dribbled() < 10), "the head did not come before the body");
}

#[test]
fn the_same_seed_draws_the_same_delays() {
    let drawn = |seed: u64| {
        let mock = Mock::configured(&[("mappings/s.json", STUBS)], |config| config.seed = seed);
        let mut client = Client::connect(mock.address);
        (0..12)
            .map(|_| {
                let start = Instant::now();
                client.write(b"GET /drawn HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n");
                let answer = client.answer();
                let why = answer.header("x-standin-debug").expect("it is told").to_owned();
                let delay =
                    why.split("; ").find_map(|part| part.strip_prefix("stub-delay=")).expect("a delay").to_owned();
                let least = standin_stub::delay::units::parse_duration(&delay).expect("a duration");
                // what is told is rounded to some digits
                assert!(start.elapsed() >= least.mul_f64(0.99), "{why}");
                delay
            })
            .collect::<Vec<_>>()
    };
    let (one, same, other) = (drawn(7), drawn(7), drawn(8));
    assert_eq!(one, same);
    assert_ne!(one, other);
}

#[test]
fn global_delays_stand_in_for_what_a_stub_leaves_out() {
    let mock = Mock::with(STUBS);
    assert_eq!(mock.post("/__admin/settings", r#"{"fixedDelay": 20000}"#).status, 200);
    let start = Instant::now();
    mock.get("/missing");
    assert!(start.elapsed() < Duration::from_secs(20), "a miss is never delayed");
    assert_eq!(mock.post("/__admin/settings", r#"{"fixedDelay": 80}"#).status, 200);
    let start = Instant::now();
    mock.get("/now");
    assert!(start.elapsed() >= Duration::from_millis(80));
    assert_eq!(mock.post("/__admin/settings", r#"{"fixedDelay": "soon"}"#).status, 422);
    assert_eq!(mock.get("/__admin/settings").json()["settings"]["fixedDelay"], 80);
}

#[test]
fn the_audit_tells_how_late_answers_were() {
    let mock = Mock::with(STUBS);
    let mut client = Client::connect(mock.address);
    for _ in 0..5 {
        client.write(b"GET /fixed HTTP/1.1\r\nHost: x\r\n\r\n");
        client.answer();
    }
    let audit = mock.get("/__admin/standin/audit").json();
    assert_eq!(audit["lateness"]["count"], 5, "{audit}");
    let metrics = mock.get("/__admin/metrics");
    assert!(metrics.text().contains("standin_calls_total{matched=\"true\"} 5"), "{}", metrics.text());
}
