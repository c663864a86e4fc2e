//! Requests for another host, from another site, or with invalid HTTP.

use std::time::Duration;

use crate::support::{Answer, Client, Mock};

const STUBS: &str = r#"{"mappings": [{"request": {"url": "/a"}, "response": {"body": "a"}}]}"#;
const STUB: &str = r#"{"request": {"url": "/made"}, "response": {}}"#;

/// Sends a request with this head (without the last line ends) and body.
fn send(mock: &Mock, head: &str, body: &str) -> Answer {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    mock.send(&format!("{head}\r\n{length}\r\n{body}"))
}

/// Sends a request for each head without a body, and checks the status.
fn assert_statuses(mock: &Mock, expected: &[(&str, u16)]) {
    for (head, status) in expected {
        assert_eq!(send(mock, head, "").status, *status, "{head}");
    }
}

#[test]
fn a_request_without_one_proper_host_is_no_request() {
    let mock = Mock::with(STUBS);
    assert_statuses(
        &mock,
        &[
            ("GET /a HTTP/1.1\r\nHost: x", 200),
            ("GET /a HTTP/1.1\r\nHost:", 200),
            ("GET /a HTTP/1.1\r\nHost: [::1]:80", 200),
            ("GET http://y/a HTTP/1.1\r\nHost: y", 200),
            ("GET /a HTTP/1.0", 200),
            ("GET /a HTTP/1.1", 400),
            ("GET http://y/a HTTP/1.1", 400),
            ("GET /a HTTP/1.1\r\nHost: x\r\nHost: x", 400),
            ("GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\nhost: y", 400),
            ("GET /a HTTP/1.0\r\nHost: x\r\nHost: y", 400),
            ("GET /a HTTP/1.1\r\nHost: x y", 400),
            ("GET /a HTTP/1.1\r\nHost: x/y", 400),
            ("GET /a HTTP/1.1\r\nHost: user@x", 400),
            ("GET /a HTTP/1.1\r\nHost: [::1].evil.example", 400),
            ("GET /__admin/mappings HTTP/1.1", 400),
        ],
    );
}

#[test]
fn the_admin_api_answers_for_this_host_only() {
    let mock = Mock::with(STUBS);
    assert_statuses(
        &mock,
        &[
            ("GET /__admin/mappings HTTP/1.1\r\nHost: localhost", 200),
            ("GET /__admin/mappings HTTP/1.1\r\nHost: 127.0.0.1:80", 200),
            ("GET http://localhost/__admin/mappings HTTP/1.1\r\nHost: localhost", 200),
            ("GET /__admin/mappings HTTP/1.1\r\nHost: rebound.example", 403),
            ("GET http://rebound.example/__admin/mappings HTTP/1.1\r\nHost: localhost", 403),
            ("GET http://localhost/__admin/mappings HTTP/1.1\r\nHost: rebound.example", 403),
            ("GET http://localhost@rebound.example/__admin/mappings HTTP/1.1\r\nHost: localhost", 403),
        ],
    );
}

#[test]
fn the_authority_of_http2_is_looked_at() {
    let mock = Mock::with(STUBS);
    let ask = |authority: &'static str, host: Option<&'static str>| {
        let address = mock.address;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
            let io = hyper_util::rt::TokioIo::new(stream);
            let executor = hyper_util::rt::TokioExecutor::new();
            let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io).await.expect("HTTP/2");
            tokio::spawn(connection);
            let mut request = http::Request::get(format!("http://{authority}/__admin/mappings"));
            if let Some(host) = host {
                request = request.header("host", host);
            }
            let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).expect("a request");
            client.send_request(request).await.expect("an answer").status().as_u16()
        })
    };
    assert_eq!(ask("localhost", None), 200);
    assert_eq!(ask("rebound.example", None), 403);
    assert_eq!(ask("rebound.example", Some("localhost")), 403);
    assert_eq!(ask("localhost", Some("rebound.example")), 403);
}

#[test]
fn a_page_of_another_site_makes_no_stub() {
    let mock = Mock::with(STUBS);
    let host = "POST /__admin/mappings HTTP/1.1\r\nHost: localhost\r\n";
    for (fields, status) in [
        ("Content-Type: text/plain", 415),
        ("Content-Type: application/x-www-form-urlencoded", 415),
        ("Content-Type: multipart/form-data; boundary=x", 415),
        ("Content-Type: application/json\r\nSec-Fetch-Site: cross-site", 403),
        ("Content-Type: application/json\r\nOrigin: https://evil.example", 403),
        ("Content-Type: application/json\r\nOrigin: null", 403),
        ("Content-Type: application/json", 201),
        ("X-A: b", 201),
        ("Content-Type: application/json\r\nSec-Fetch-Site: same-origin", 201),
    ] {
        let answer = send(&mock, &format!("{host}{fields}"), STUB);
        assert_eq!(answer.status, status, "{fields}: {}", answer.text());
    }
    let refused = send(&mock, &format!("{host}Content-Type: text/plain"), STUB);
    assert!(refused.text().contains("Content-Type: application/json"), "{}", refused.text());
    assert_eq!(mock.get("/made").status, 200);
    let reset = "POST /__admin/reset HTTP/1.1\r\nHost: localhost\r\n";
    assert_eq!(send(&mock, &format!("{reset}Sec-Fetch-Site: cross-site\r\nContent-Length: 0"), "").status, 403);
    assert_eq!(send(&mock, &format!("{reset}Content-Length: 0"), "").status, 200);
}

#[test]
fn with_the_token_any_type_and_site_may_change_stubs() {
    let mock = Mock::configured(&[("mappings/a.json", STUBS)], |config| {
        config.access.token = Some("t0ken".to_owned());
        config.limits.read = Duration::from_secs(5);
    });
    let head = "POST /__admin/mappings HTTP/1.1\r\nHost: rebound.example\r\nAuthorization: Bearer t0ken\r\n\
                Content-Type: text/plain\r\nSec-Fetch-Site: cross-site";
    assert_eq!(send(&mock, head, STUB).status, 201);
    let mut client = Client::connect(mock.address);
    client.write(b"GET /made HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer().status, 200);
}
