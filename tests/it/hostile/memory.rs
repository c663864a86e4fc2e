//! Clients that send without end or never read: all calls share one budget of memory, and none
//! holds a thread.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use socket2::{Domain, Socket, Type};

use crate::support::{Answer, Client, Mock, eventually};

const STUBS: &str = r#"{"mappings": [
    {"request": {"url": "/fast"}, "response": {"body": "fast"}},
    {"request": {"url": "/up", "method": "POST"}, "response": {"body": "taken"}},
    {"request": {"url": "/json", "bodyPatterns": [{"matchesJsonPath": "$[0]"}]}, "response": {"body": "read"}},
    {"request": {"url": "/equal", "bodyPatterns": [{"equalToJson": "[1, 2]"}]}, "response": {"body": "equal"}},
    {"request": {"url": "/once", "bodyPatterns": [{"matchesJsonPath": "$.items"}]},
     "scenarioName": "steps", "requiredScenarioState": "Started", "newScenarioState": "done",
     "response": {"body": "first"}},
    {"request": {"url": "/once", "bodyPatterns": [{"matchesJsonPath": "$.items"}]},
     "scenarioName": "steps", "requiredScenarioState": "done", "response": {"body": "second"}},
    {"request": {"url": "/count", "method": "POST"}, "response": {
     "body": "{{jsonPath request.body '$.items.length()'}}", "transformers": ["response-template"]}},
    {"request": {"url": "/parsed", "method": "POST"}, "response": {
     "body": "{{#with (parseJson request.body) as |all|}}{{lookup all.items 19999}}{{/with}}",
     "transformers": ["response-template"]}},
    {"request": {"url": "/merged", "method": "POST"}, "response": {
     "body": "{{jsonPath (jsonMerge request.body '{\"a\": 1}') '$.items[19999]'}}",
     "transformers": ["response-template"]}},
    {"request": {"url": "/made"}, "response": {
     "body": "{{#each (range 1 900)}}0123456789012345678901234567890123456789{{/each}}",
     "transformers": ["response-template"]}}
]}"#;

/// A server that may hold so many bytes.
fn mock(memory: usize) -> Mock {
    Mock::configured(&[("mappings/s.json", STUBS)], |config| config.max_memory = memory)
}

/// The value of a metric, labels included.
fn metric(mock: &Mock, name: &str) -> u64 {
    let page = patiently(mock, "/__admin/metrics");
    let value = page.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {}", page.text()))
}

/// The answer to a GET of a server that has much to do at the moment.
fn patiently(mock: &Mock, path: &str) -> Answer {
    let mut client = Client::connect(mock.address);
    client.stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    client.write(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    client.answer()
}

fn held(mock: &Mock) -> u64 {
    metric(mock, "standin_memory_held_bytes")
}

fn refused(mock: &Mock) -> u64 {
    metric(mock, "standin_limited_total{limit=\"memory\"}")
}

/// A connection whose client takes next to nothing before it reads.
fn silent(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    socket.connect(&address.into()).expect("it listens");
    socket.into()
}

fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn send(mock: &Mock, request: &[u8]) -> Answer {
    let mut client = Client::connect(mock.address);
    client.write(request);
    client.answer()
}

/// A document of `{"items": […]}` with so many numbers.
fn items(count: usize) -> Vec<u8> {
    format!("{{\"items\": [{}0]}}", "1,".repeat(count - 1)).into_bytes()
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

async fn http2(address: SocketAddr, window: u32) -> http2::SendRequest<Full<Bytes>> {
    let stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(window);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("http://localhost{path}")).body(Full::default()).expect("a request")
}

#[test]
fn clients_that_do_not_read_a_file_hold_no_thread() {
    let clients = 560;
    let mut limits = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limits.current = limits.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limits).expect("up to the hard limit");
    let files = [("mappings/s.json", STUBS), ("__files/small.txt", "small")];
    let mock = Mock::configured(&files, |config| config.workers = 1);
    let large = std::fs::File::create(mock.root.path().join("__files/large.bin")).expect("writable");
    large.set_len(12 << 20).expect("a sparse file");
    // more of them than the blocking pool of a worker has threads
    let silent: Vec<_> = (0..clients)
        .map(|_| {
            let mut stream = silent(mock.address);
            stream.write_all(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n").expect("open");
            stream
        })
        .collect();
    let before = held(&mock);
    assert_eq!(patiently(&mock, "/small.txt").text(), "small");
    assert_eq!(patiently(&mock, "/made").status, 200);
    assert!(before <= clients * (128 << 10), "{before}: two pieces a client");
    drop(silent);
    eventually("what silent clients held is given back", || held(&mock) == 0);
}

#[test]
fn a_file_in_pieces_is_whole() {
    let mock = mock(1 << 20);
    let bytes: Vec<u8> = (0..3_000_017u32).map(|at| (at % 251) as u8).collect();
    std::fs::write(mock.root.path().join("__files/large.bin"), &bytes).expect("writable");
    assert!(mock.get("/large.bin").body == bytes);
    run(async {
        let mut client = http2(mock.address, 10_000).await;
        let answers: Vec<_> = (0..3).map(|_| client.send_request(get("/large.bin"))).collect();
        for answer in answers {
            let body = answer.await.expect("an answer").into_body().collect().await.expect("a body").to_bytes();
            assert!(body == bytes);
        }
    });
    eventually("all is given back", || held(&mock) == 0);
}

#[test]
fn small_files_count_until_they_are_read() {
    let mock = mock(2 << 20);
    let path = mock.root.path().join("__files/page.html");
    std::fs::write(path, "x".repeat(100 << 10)).expect("writable");
    run(async {
        let mut client = http2(mock.address, 0).await;
        let mut answers = Vec::new();
        for _ in 0..40 {
            answers.push(client.send_request(get("/page.html")).await.expect("an answer"));
        }
        let refused = answers.iter().filter(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE).count();
        assert!((20..36).contains(&refused), "{refused} of 40");
        assert_eq!(mock.get("/page.html").status, 200, "half is left for others");
    });
    eventually("all is given back", || held(&mock) == 0);
}

#[test]
fn bodies_being_read_share_one_budget() {
    let mock = mock(8 << 20);
    let piece = vec![b'x'; 2 << 20];
    let mut unfinished: Vec<_> = (0..30)
        .map(|_| {
            let mut stream = TcpStream::connect(mock.address).expect("it listens");
            stream.set_write_timeout(Some(Duration::from_secs(10))).expect("a time-out");
            stream.write_all(b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n").expect("open");
            // those that are refused may be closed already
            let _ = stream.write_all(&piece);
            stream
        })
        .collect();
    eventually("what is beyond the budget is refused", || refused(&mock) >= 20);
    let now = held(&mock);
    assert!((1 << 20..=8 << 20).contains(&now), "{now}");
    for length in [10, 1000, 5000, 50_000] {
        assert_eq!(send(&mock, &post("/up", "", &vec![b'x'; length])).text(), "taken", "{length}");
    }
    for stream in &mut unfinished {
        stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a time-out");
        let mut answer = [0; 1024];
        if let Ok(length @ 1..) = stream.read(&mut answer) {
            let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
            assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("--max-memory"), "{answer}");
            assert!(answer.contains("Connection: close") || answer.contains("connection: close"), "{answer}");
        }
    }
    drop(unfinished);
    eventually("all is given back", || held(&mock) == 0);
}

#[test]
fn a_chunked_body_of_single_bytes_takes_no_more_than_its_bytes() {
    let mock = mock(1 << 20);
    let body = "1\r\nx\r\n".repeat(100_000);
    let request = format!("POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n");
    assert_eq!(send(&mock, request.as_bytes()).text(), "taken");
    assert_eq!(refused(&mock), 0);
}

#[test]
fn an_http2_connection_leaves_memory_for_others() {
    let mock = mock(8 << 20);
    run(async {
        let mut client = http2(mock.address, 1 << 20).await;
        let body = |length| Full::from(Bytes::from(vec![b'x'; length]));
        let upload = |length| Request::post("http://localhost/up").body(body(length)).expect("a request");
        let answers: Vec<_> = (0..40).map(|_| client.send_request(upload(1 << 20))).collect();
        let mut taken = 0;
        for answer in answers {
            taken += usize::from(answer.await.expect("an answer").status() == StatusCode::OK);
            assert!(held(&mock) <= 8 << 20);
        }
        assert!(taken > 0, "some fit");
        let mut other = http2(mock.address, 1 << 20).await;
        assert_eq!(other.send_request(upload(100_000)).await.expect("an answer").status(), StatusCode::OK);
    });
    eventually("all is given back", || held(&mock) == 0);
}

#[test]
fn answers_made_for_a_client_that_does_not_read_are_bounded() {
    let mock = mock(1 << 20);
    run(async {
        let mut client = http2(mock.address, 0).await;
        let mut answers = Vec::new();
        for _ in 0..60 {
            answers.push(client.send_request(get("/made")).await.expect("an answer"));
        }
        let refused = answers.iter().filter(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE).count();
        assert!((30..58).contains(&refused), "{refused} of 60");
        assert!((300_000..=512 << 10).contains(&held(&mock)), "{}", held(&mock));
        assert_eq!(mock.get("/made").status, 200, "half is left for others");
        assert_eq!(mock.get("/fast").text(), "fast");
    });
    eventually("all is given back", || held(&mock) == 0);
}

#[test]
fn admin_bodies_and_answers_count() {
    let mock = mock(1 << 20);
    let stub = format!(r#"{{"request": {{"url": "/n"}}, "response": {{"body": "{}"}}}}"#, "x".repeat(600 << 10));
    let answer = mock.post("/__admin/mappings", &stub);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("--max-memory"), "{}", answer.text());
    let stub = format!(r#"{{"request": {{"url": "/n"}}, "response": {{"body": "{}"}}}}"#, "x".repeat(100 << 10));
    assert_eq!(mock.post("/__admin/mappings", &stub).status, 201);
    eventually("all is given back", || held(&mock) == 0);
}

#[test]
fn clients_that_do_not_read_the_journal_hold_no_thread() {
    let mock = Mock::configured(&[("mappings/s.json", STUBS)], |config| config.workers = 1);
    let body = vec![b'x'; 1 << 20];
    for _ in 0..4 {
        assert_eq!(send(&mock, &post("/up", "", &body)).status, 200);
    }
    let silent: Vec<_> = (0..12)
        .map(|_| {
            let mut stream = silent(mock.address);
            stream.write_all(b"GET /__admin/requests HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("open");
            stream
        })
        .collect();
    eventually("the answers are made without their clients", || held(&mock) > 12 * (1 << 20));
    assert_eq!(patiently(&mock, "/__admin/requests?limit=1").status, 200);
    drop(silent);
    eventually("all is given back", || held(&mock) == 0);
}

#[test]
fn what_is_decoded_counts() {
    let mock = mock(4 << 20);
    let dense = items(500_000);
    let refusal = send(&mock, &post("/json", "", &dense));
    assert_eq!(refusal.status, 503, "{}", refusal.text());
    assert!(refusal.text().contains("--max-memory"), "{}", refusal.text());
    assert_eq!(send(&mock, &post("/up", "", &dense)).text(), "taken", "nobody asks for its values");
    let bomb = zipped(&vec![b' '; 15 << 20]);
    assert!(bomb.len() < 20_000);
    assert_eq!(send(&mock, &post("/up", "Content-Encoding: gzip\r\n", &bomb)).text(), "taken");
    assert_eq!(send(&mock, &post("/json", "Content-Encoding: gzip\r\n", &bomb)).status, 503);
    assert_eq!(send(&mock, &post("/json", "", b"[1]")).text(), "read");
    assert_eq!(held(&mock), 0);
}

#[test]
fn json_that_a_template_changes_counts() {
    let mock = mock(24 << 20);
    let (some, many) = (items(20_000), items(100_000));
    for path in ["/parsed", "/merged"] {
        let answer = send(&mock, &post(path, "", &some));
        assert_eq!((answer.status, answer.text().trim()), (200, "0"), "{path}");
        let refusal = send(&mock, &post(path, "", &many));
        assert_eq!(refusal.status, 503, "{path}: {}", refusal.text());
        assert!(refusal.text().contains("--max-memory"), "{path}: {}", refusal.text());
    }
    assert_eq!(refused(&mock), 2);
    eventually("all is given back", || held(&mock) == 0);
}

#[test]
fn the_tree_of_a_large_body_takes_a_few_times_its_bytes() {
    let schema = r#"{"required": ["found"], "properties": {"found": {"type": "array", "items": {"required": ["a"]}}}}"#;
    let stubs = format!(
        r#"{{"mappings": [
        {{"request": {{"url": "/path", "bodyPatterns": [{{"matchesJsonPath": "$.found[*].a"}}]}}, "response": {{"body": "path"}}}},
        {{"request": {{"url": "/filter", "bodyPatterns": [{{"matchesJsonPath": "$.found[?(@.a == 1)]"}}]}},
         "response": {{"body": "filter"}}}},
        {{"request": {{"url": "/schema", "bodyPatterns": [{{"matchesJsonSchema": {schema}}}]}}, "response": {{"body": "schema"}}}},
        {{"request": {{"url": "/template"}}, "response": {{"body": "{{{{jsonPath request.body '$.found[*].a'}}}}",
         "transformers": ["response-template"]}}}}
    ]}}"#
    );
    let mock = Mock::configured(&[("mappings/s.json", &stubs)], |config| config.max_memory = 100 << 20);
    let body = format!("{{\"items\": [{}1], \"found\": [{{\"a\": 1}}]}}", "1,".repeat(2_500_000)).into_bytes();
    for (path, expected) in [("path", "path"), ("filter", "filter"), ("schema", "schema"), ("template", "[1]")] {
        let answer = send(&mock, &post(&format!("/{path}"), "", &body));
        assert_eq!((answer.status, answer.text()), (200, expected), "{path}");
    }
    assert_eq!(refused(&mock), 0);
    eventually("all is given back", || held(&mock) == 0);
}

#[test]
fn a_large_json_body_does_not_hold_its_worker() {
    let mock = Mock::configured(&[("mappings/s.json", STUBS)], |config| config.workers = 1);
    let body = [b"[1", ",1".repeat(600_000).as_bytes(), b"]"].concat();
    for (path, expected) in [("/json", 200), ("/equal", 404)] {
        let mut client = Client::connect(mock.address);
        client.write(&post(path, "", &body));
        let waiting = std::thread::spawn(move || client.answer().status);
        let mut neighbours = 0;
        while !waiting.is_finished() {
            assert_eq!(mock.get("/fast").text(), "fast");
            neighbours += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(waiting.join().expect("no panic"), expected, "{path}");
        assert!(neighbours >= 2, "{neighbours} calls were answered beside {path}");
    }
    eventually("all is given back", || held(&mock) == 0);
}

#[test]
fn large_bodies_are_answered_as_small_ones_are() {
    let mock = mock(1 << 30);
    for count in [10, 20_000] {
        let body = items(count);
        let answer = |path: &str| send(&mock, &post(path, "", &body));
        mock.post("/__admin/scenarios/reset", "");
        assert_eq!(answer("/once").text(), "first", "{count}");
        assert_eq!(answer("/once").text(), "second", "{count}");
        assert_eq!(answer("/up").text(), "taken", "{count}");
        assert_eq!(answer("/count").text(), count.to_string());
        let miss = answer("/equal");
        assert_eq!(miss.status, 404);
        assert!(miss.text().contains("/equal"), "{}", miss.text());
        let zipped = post("/count", "Content-Encoding: gzip\r\n", &zipped(&body));
        assert_eq!(send(&mock, &zipped).text(), count.to_string());
    }
    eventually("all is given back", || held(&mock) == 0);
    assert_eq!(refused(&mock), 0);
}

#[test]
fn the_option_sets_the_budget() {
    let root = crate::support::folder(&[("mappings/s.json", STUBS)]);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["serve", root.path().to_str().expect("UTF-8"), "--listen", "127.0.0.1:0", "--max-memory", "1000000"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it runs");
    let mut line = String::new();
    let out = child.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("a line");
    let url = line.strip_prefix("standin: listening on http://").expect("the ready line");
    let address: SocketAddr = url.split_whitespace().next().and_then(|text| text.parse().ok()).expect("an address");
    let answer = |request: &[u8]| {
        let mut client = Client::connect(address);
        client.write(request);
        client.answer()
    };
    let page = answer(b"GET /__admin/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let refusal = answer(&post("/up", "", &vec![b'x'; 700_000]));
    let _ = child.kill();
    let _ = child.wait();
    assert!(page.text().contains("\nstandin_memory_limit_bytes 1000000\n"), "{}", page.text());
    assert!(refusal.status == 503 && refusal.text().contains("1000000 bytes"), "{}", refusal.text());
}
