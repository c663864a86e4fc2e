//! The front door as clients of WireMock expect it: raw targets, spelling of headers, Latin-1,
//! static files in part, and CORS.

use std::fs::File;
use std::time::{Duration, SystemTime};

use crate::support::{Answer, Client, Mock};

/// Sends bytes on a new connection, and returns all bytes of the answer.
fn exchange(mock: &Mock, request: &[u8]) -> Vec<u8> {
    let mut client = Client::connect(mock.address);
    client.write(request);
    client.read_to_end().0
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn get(mock: &Mock, path: &str, headers: &str) -> Answer {
    mock.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"))
}

#[test]
fn characters_that_clients_do_not_escape_reach_stubs_as_they_are() {
    let mock = Mock::with(
        r#"{"mappings": [
        {"request": {"urlPath": "/a<b>`\"", "queryParameters": {"q": {"equalTo": "{\"<`>\"}"}}}, "response": {"body": "raw"}},
        {"request": {"urlPath": "/t"}, "response": {"body": "{{request.url}} {{request.query.q}}",
            "transformers": ["response-template"]}}
    ]}"#,
    );
    assert_eq!(mock.get("/a<b>`\"?q={\"<`>\"}").text(), "raw");
    assert_eq!(mock.get("/a%3Cb%3E%60%22?q={\"<`>\"}").status, 404, "an escaped path is another one");
    assert_eq!(mock.get("/t?q=<é>").text(), "/t?q=<é> <é>");
    let found = mock.post("/__admin/requests/find", r#"{"urlPath": "/a<b>`\""}"#).json();
    assert_eq!(found["requests"][0]["url"], "/a<b>`\"?q={\"<`>\"}");
    let nearest = mock.post("/__admin/near-misses/request", r#"{"method": "GET", "url": "/a<b>`\""}"#);
    assert_eq!(nearest.status, 200, "{}", nearest.text());
}

#[test]
fn a_target_may_come_in_pieces_and_a_body_is_left_alone() {
    let mock = Mock::with(
        r#"{"request": {"url": "/a<b>", "method": "POST", "bodyPatterns": [{"equalTo": "GET /<> HTTP/1.1"}]},
            "response": {"body": "taken"}}"#,
    );
    let mut client = Client::connect(mock.address);
    for _ in 0..2 {
        for piece in
            ["POS", "T /a", "<", "b> HT", "TP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\nGET /<", "> HTTP/1.1"]
        {
            client.write(piece.as_bytes());
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(client.answer().text(), "taken");
    }
}

#[test]
fn header_names_are_in_title_case() {
    let mock = Mock::with(r#"{"request": {"url": "/a"}, "response": {"headers": {"x-many-words": "1"}}}"#);
    let sent = exchange(&mock, b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let sent = String::from_utf8(sent).expect("ASCII");
    for header in ["X-Many-Words: 1\r\n", "Matched-Stub-Id: ", "Content-Length: 0\r\n"] {
        assert!(sent.contains(header), "{header} {sent}");
    }
}

#[test]
fn header_values_and_reasons_are_latin_1() {
    let mock = Mock::with(
        r#"{"mappings": [
        {"request": {"url": "/sent"}, "response": {"statusMessage": "Tr\u00e8s \u4e2d", "headers": {"X-A": "\u00e9 \u20ac\nz"}}},
        {"request": {"url": "/made"}, "response": {"headers": {"X-A": "{{request.headers.X-In}}\n\u20ac"},
            "transformers": ["response-template"]}},
        {"request": {"url": "/got", "headers": {"X-In": {"equalTo": "\u00e9"}}}, "response": {"body": "matched"}}
    ]}"#,
    );
    let sent = exchange(&mock, b"GET /sent HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(sent.starts_with(b"HTTP/1.1 200 Tr\xe8s ?\r\n"), "{sent:?}");
    assert!(has(&sent, b"X-A: \xe9   z\r\n"), "{sent:?}");
    let made = exchange(&mock, b"GET /made HTTP/1.1\r\nHost: x\r\nX-In: \xe9\r\nConnection: close\r\n\r\n");
    assert!(has(&made, b"X-A: \xe9  \r\n"), "{made:?}");
    for (value, status) in [(&b"\xe9"[..], "200"), (b"\xc3\xa9", "404")] {
        let request = [b"GET /got HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-In: ", value, b"\r\n\r\n"].concat();
        assert_eq!(std::str::from_utf8(&exchange(&mock, &request)[9..12]), Ok(status), "{value:?}");
    }
}

fn with_file() -> Mock {
    let mock = Mock::configured(&[("__files/a.xml", "0123456789abcdefghij")], |_| {});
    let file = File::options().write(true).open(mock.root.path().join("__files/a.xml")).expect("it is there");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_164_645)).expect("writable");
    mock
}

#[test]
fn static_files_are_sent_in_part() {
    let mock = with_file();
    let whole = get(&mock, "/a.xml", "");
    assert_eq!((whole.header("content-type"), whole.header("accept-ranges")), (Some("application/xml"), Some("bytes")));
    for (range, sent, body) in [("0-4", "0-4", "01234"), ("-5", "15-19", "fghij"), ("5-9,0-2,2-6", "0-9", "0123456789")]
    {
        let part = get(&mock, "/a.xml", &format!("Range: bytes={range}\r\n"));
        assert_eq!((part.status, part.text()), (206, body), "{range}");
        assert_eq!(part.header("content-range"), Some(&*format!("bytes {sent}/20")));
    }
    let parts = get(&mock, "/a.xml", "Range: bytes=0-1,4-5\r\n");
    let boundary = parts.header("content-type").and_then(|kind| kind.strip_prefix("multipart/byteranges; boundary="));
    let part = |range: &str, body: &str| {
        let boundary = boundary.expect("a boundary");
        format!("--{boundary}\r\nContent-Type: application/xml\r\nContent-Range: bytes {range}/20\r\n\r\n{body}\r\n")
    };
    let expected = format!("{}{}--{}--\r\n", part("0-1", "01"), part("4-5", "45"), boundary.expect("a boundary"));
    assert_eq!((parts.status, parts.text()), (206, &*expected));
    let beyond = get(&mock, "/a.xml", "Range: bytes=20-\r\n");
    assert_eq!((beyond.status, beyond.header("content-range"), beyond.text()), (416, Some("bytes */20"), ""));
}

#[test]
fn a_large_file_is_sent_in_part() {
    let large = "0123456789abcdef".repeat(100_000);
    let mock = Mock::configured(&[("__files/large.bin", &large)], |_| {});
    let part = get(&mock, "/large.bin", "Range: bytes=7-1500006\r\n");
    assert_eq!(part.status, 206);
    assert!(part.body == large.as_bytes()[7..1_500_007], "the part differs");
}

#[test]
fn static_files_that_have_not_changed_are_not_sent() {
    let mock = with_file();
    let modified = "Tue, 02 Jan 2024 03:04:05 GMT";
    assert_eq!(get(&mock, "/a.xml", "").header("last-modified"), Some(modified));
    for (headers, status) in [
        (format!("If-Modified-Since: {modified}\r\n"), 304),
        ("If-Modified-Since: Tue, 02 Jan 2024 03:04:04 GMT\r\n".to_owned(), 200),
        ("If-Modified-Since: yesterday\r\n".to_owned(), 200),
        (format!("If-Modified-Since: {modified}\r\nIf-None-Match: \"x\"\r\n"), 200),
        (format!("If-Unmodified-Since: {modified}\r\n"), 200),
        ("If-Unmodified-Since: Tue, 02 Jan 2024 03:04:04 GMT\r\n".to_owned(), 412),
    ] {
        assert_eq!(get(&mock, "/a.xml", &headers).status, status, "{headers}");
    }
}

#[test]
fn stubs_allow_pages_of_every_origin_if_asked_to() {
    let stubs = r#"{"mappings": [
        {"request": {"url": "/a"}, "response": {"body": "a", "headers": {"Vary": "Accept"}}},
        {"request": {"url": "/late"}, "response": {"body": "b", "fixedDelayMilliseconds": 1}}
    ]}"#;
    let mock = Mock::configured(&[("mappings/s.json", stubs)], |config| config.has_stub_cors = true);
    let preflight = |method: &str| {
        mock.send(&format!(
            "OPTIONS /a HTTP/1.1\r\nHost: x\r\nOrigin: http://a.b\r\nAccess-Control-Request-Method: {method}\r\n\
             Access-Control-Request-Headers: X-Y, Content-Type\r\n\r\n"
        ))
    };
    let answer = preflight("POST");
    let allowed = |name: &str| answer.header(&format!("access-control-allow-{name}"));
    assert_eq!((answer.status, answer.text(), allowed("origin")), (200, "", Some("http://a.b")));
    assert_eq!((allowed("methods"), allowed("credentials")), (Some("OPTIONS,GET,POST,PUT,PATCH,DELETE"), Some("true")));
    assert_eq!((allowed("headers"), answer.header("access-control-max-age")), (Some("X-Y,Content-Type"), Some("1800")));
    assert_eq!(preflight("BOGUS").header("access-control-allow-origin"), None);
    for path in ["/a", "/late", "/none"] {
        let answer = get(&mock, path, "Origin: http://a.b\r\n");
        assert_eq!(answer.header("access-control-allow-origin"), Some("http://a.b"), "{path}");
    }
    assert_eq!(get(&mock, "/a", "").all("vary"), ["Origin", "Accept"]);
    assert_eq!(get(&mock, "/a", "").header("access-control-allow-origin"), None);
    let journal = mock.get("/__admin/requests").json();
    assert_eq!(journal["meta"]["total"], 5, "a preflight request is no call of a stub");

    let without = Mock::configured(&[("mappings/s.json", stubs)], |_| {});
    assert_eq!(get(&without, "/a", "Origin: http://a.b\r\n").header("access-control-allow-origin"), None);
}
