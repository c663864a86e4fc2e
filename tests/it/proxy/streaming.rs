//! Bodies pass as they come, in bounded memory, and within the limits that protect a service.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::json;

use super::{proxying, proxying_with};
use crate::record::service::{Service, answer};
use crate::support::{Client, eventually};

#[test]
fn a_response_streams() {
    let service = Service::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").expect("a client");
        std::thread::sleep(Duration::from_millis(150));
        stream.write_all(b"3\r\ntwo\r\n0\r\n\r\n").expect("a client");
    });
    let mock = proxying(&json!({"proxyBaseUrl": service.url()}));
    let mut client = Client::connect(mock.address);
    client.write(b"GET / HTTP/1.1\r\nHost: me\r\n\r\n");
    let (mut first, mut read) = ([0; 512], 0);
    while !first[..read].ends_with(b"one\r\n") {
        read += client.stream.read(&mut first[read..]).expect("the first piece comes alone");
        assert!(!String::from_utf8_lossy(&first[..read]).contains("two"), "it was held back");
    }
    let mut rest = [0; 512];
    let read = client.stream.read(&mut rest).expect("the second piece");
    assert!(String::from_utf8_lossy(&rest[..read]).contains("two"));
}

/// Reads from a stream until what came has this number of bytes `x`.
fn read_marks(stream: &mut TcpStream, got: &mut Vec<u8>, marks: usize) {
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    let mut piece = [0; 16 << 10];
    while memchr::memchr_iter(b'x', got).count() < marks {
        let read = stream.read(&mut piece).expect("the next piece comes");
        assert!(read > 0, "the request ended early");
        got.extend_from_slice(&piece[..read]);
    }
}

#[test]
fn a_request_streams_unless_a_stub_looks_at_its_body() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base_url = format!("http://{}", listener.local_addr().expect("bound"));
    let mock = proxying(&json!({"proxyBaseUrl": base_url}));
    let looking = r#"{"request": {"method": "POST", "url": "/seen", "bodyPatterns": [{"contains": "END"}]},
        "response": {"body": "matched"}}"#;
    assert_eq!(mock.post("/__admin/mappings", looking).status, 201);

    for (framing, first, rest) in [
        ("Content-Length: 40000", "x".repeat(1000), "x".repeat(39_000)),
        ("Transfer-Encoding: chunked", "3\r\nxxx\r\n".to_owned(), "4\r\nxxxx\r\n0\r\n\r\n".to_owned()),
    ] {
        let marks = |text: &str| text.bytes().filter(|byte| *byte == b'x').count();
        let mut client = Client::connect(mock.address);
        client.write(format!("POST /up HTTP/1.1\r\nHost: me\r\n{framing}\r\n\r\n{first}").as_bytes());
        let (mut service, _) = listener.accept().expect("a connection");
        let mut got = Vec::new();
        read_marks(&mut service, &mut got, marks(&first));
        client.write(rest.as_bytes());
        read_marks(&mut service, &mut got, marks(&first) + marks(&rest));
        let head = String::from_utf8_lossy(&got).to_lowercase();
        assert!(head.contains(&format!("{}\r\n", framing.to_lowercase())), "{head}");
        service.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone").expect("a client");
        assert_eq!(client.answer().text(), "done");
        drop(client);
        let newest = || mock.get("/__admin/requests").json()["requests"][0]["request"].clone();
        eventually("the journal has the whole body", || {
            newest()["body"].as_str().is_some_and(|body| marks(body) == marks(&first) + marks(&rest))
        });
    }

    let mut client = Client::connect(mock.address);
    client.write(b"POST /seen HTTP/1.1\r\nHost: me\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n");
    client.write(b"3\r\nEND\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), "matched", "the stub sees all of the body");
}

#[test]
fn a_long_request_takes_no_memory() {
    const LONG: usize = 16 << 20;
    let service = Service::saying(|heard| answer(200, "", &heard.body.len().to_string()));
    // the whole body would not fit into the memory budget
    let mock = proxying_with(&json!({"proxyBaseUrl": service.url()}), |config| config.max_memory = 2 << 20);
    let mut client = Client::connect(mock.address);
    client.write(b"POST / HTTP/1.1\r\nHost: me\r\nTransfer-Encoding: chunked\r\n\r\n");
    let piece = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    for _ in 0..LONG >> 20 {
        client.write(piece.as_bytes());
    }
    client.write(b"0\r\n\r\n");
    assert_eq!(client.answer().text(), LONG.to_string());
    let newest = || mock.get("/__admin/requests").json()["requests"][0].clone();
    eventually("the journal says that the body is left out", || newest()["request"]["bodyOmitted"] == json!(true));
}

#[test]
fn a_long_response_takes_no_memory() {
    const LONG: u64 = 64 << 20;
    let service = Service::new(|_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n").expect("a client");
        std::io::copy(&mut std::io::repeat(b'x').take(LONG), stream).expect("a client");
    });
    // the whole body would not fit into the memory budget
    let mock = proxying_with(&json!({"proxyBaseUrl": service.url()}), |config| config.max_memory = 8 << 20);
    let mut client = Client::connect(mock.address);
    client.write(b"GET / HTTP/1.1\r\nHost: me\r\nConnection: close\r\n\r\n");
    let read = std::io::copy(&mut client.stream, &mut std::io::sink()).expect("it sends all");
    assert!(read > LONG, "{read}");
    let event = mock.get("/__admin/requests").json()["requests"][0].clone();
    assert_eq!(event["response"]["bodyOmitted"], json!(true));
}

#[test]
fn a_dribbled_response_is_held_within_the_memory_budget() {
    let service = Service::saying(|_| answer(200, "", &"x".repeat(4 << 20)));
    let response = json!({
        "proxyBaseUrl": service.url(),
        "chunkedDribbleDelay": {"numberOfChunks": 2, "totalDuration": 10},
    });
    let mock = proxying_with(&response, |config| config.max_memory = 1 << 20);
    let got = mock.get("/");
    assert!(got.status == 503 && got.text().contains("--max-memory"), "{} {}", got.status, got.text());
}

#[test]
fn a_torn_response_is_torn_for_the_client() {
    let service = Service::saying(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec());
    let mock = proxying_with(&json!({"proxyBaseUrl": service.url()}), |config| {
        config.proxy.timeout = Duration::from_millis(300);
    });
    let mut client = Client::connect(mock.address);
    client.write(b"GET / HTTP/1.1\r\nHost: me\r\n\r\n");
    assert!(client.read_to_end().0.ends_with(b"half"), "what came is passed on");
}

#[test]
fn limits_protect_a_service() {
    let service = Service::saying(|_| {
        std::thread::sleep(Duration::from_millis(300));
        answer(200, "", "ok")
    });
    let limited = |queue: Duration| {
        proxying_with(&json!({"proxyBaseUrl": service.url()}), |config| {
            config.proxy.max_in_flight = Some(1);
            config.proxy.queue_timeout = queue;
        })
    };
    let mock = limited(Duration::from_secs(30));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(mock.get("/").text(), "ok"));
        }
    });
    assert_eq!(service.most_at_once(), 1);
    let mock = limited(Duration::ZERO);
    let mut waiting = Client::connect(mock.address);
    waiting.write(b"GET / HTTP/1.1\r\nHost: me\r\n\r\n");
    eventually("the call is at the service", || service.heard().len() == 4);
    let refused = mock.get("/");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.text().contains("--max-in-flight"), "{}", refused.text());
    assert_eq!(waiting.answer().text(), "ok");
}
