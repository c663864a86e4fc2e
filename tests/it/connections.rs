//! Connections as the service of a profile closes them, seen by clients that keep them, and learned
//! from a service that does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::process::{StandinProcess, run_patiently};
use crate::support::{Client, End, Mock, eventually, write};

const STUB: &str = r#"{"request": {"urlPathPattern": "/s/.*"}, "response": {"body": "ok"}}"#;
const REQUEST: &[u8] = b"GET /s/a HTTP/1.1\r\nHost: x\r\n\r\n";

fn mock(connections: &str) -> Mock {
    let profile = format!(
        "services:\n  - name: s\n    capacity: {{discipline: unlimited}}\n    connections: {connections}\n    default: {{demand: {{fixed: 1ms}}}}\n"
    );
    let files = [("mappings/stubs.json", STUB), ("profiles/p.yaml", profile.as_str())];
    Mock::configured(&files, |config| config.profile = Some("p".to_owned()))
}

/// A client that keeps its connection, as HTTP clients with a pool do: a closed connection is
/// replaced before the next request.
struct PooledClient {
    address: SocketAddr,
    connection: Option<Client>,
    opened: usize,
}

impl PooledClient {
    fn new(address: SocketAddr) -> Self {
        Self { address, connection: None, opened: 0 }
    }

    /// Sends a request and reads its answer. Returns the status.
    fn get(&mut self) -> u16 {
        let kept = self.connection.take().and_then(|mut client| (!is_lost(&mut client)).then_some(client));
        let mut client = kept.unwrap_or_else(|| {
            self.opened += 1;
            let mut client = Client::connect(self.address);
            client.write(REQUEST);
            client
        });
        let answer = client.answer();
        if answer.header("connection") == Some("close") {
            assert_eq!(client.read_to_end(), (Vec::new(), End::Fin));
        } else {
            self.connection = Some(client);
        }
        answer.status
    }

    /// Waits until the server has closed the kept connection.
    fn wait_for_close(&mut self) {
        let mut client = self.connection.take().expect("a kept connection");
        assert_eq!(client.read_to_end(), (Vec::new(), End::Fin));
    }
}

#[test]
fn a_connection_is_closed_after_its_answers() {
    let mock = mock("{requests: 3}");
    let mut client = PooledClient::new(mock.address);
    for _ in 0..7 {
        assert_eq!(client.get(), 200);
    }
    assert_eq!(client.opened, 3);
    // the last of three tells so
    let mut raw = Client::connect(mock.address);
    let told: Vec<bool> = (0..3)
        .map(|_| {
            raw.write(REQUEST);
            raw.answer().header("connection").is_some()
        })
        .collect();
    assert_eq!(told, [false, false, true]);
}

#[test]
fn an_http2_connection_gets_goaway_after_its_answers() {
    let mock = mock("{requests: 2}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(mock.address).await.expect("it listens");
        let (mut client, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        for _ in 0..2 {
            let request = Request::get("http://x/s/a").body(Full::<Bytes>::default()).expect("a request");
            let answer = client.send_request(request).await.expect("an answer");
            assert!(answer.status() == 200 && !answer.headers().contains_key("connection"));
            answer.into_body().collect().await.expect("a body");
        }
        // the client is still there: it is the server that ends the connection
        let ended = tokio::time::timeout(Duration::from_secs(60), connection).await;
        assert!(ended.is_ok() && client.is_closed());
    });
}

#[test]
fn a_connection_is_closed_after_its_idle_time() {
    let mock = mock("{idle: {fixed: 200ms}}");
    let mut client = PooledClient::new(mock.address);
    for _ in 0..2 {
        let begun = Instant::now();
        assert_eq!(client.get(), 200);
        client.wait_for_close();
        // not before its time; how soon after it depends on the machine
        assert!(begun.elapsed() >= Duration::from_millis(195), "{:?}", begun.elapsed());
    }
    assert_eq!(client.opened, 2);
    // a longer time than any test takes does not close it
    let mock = mock_without_end();
    let mut client = PooledClient::new(mock.address);
    (0..20).for_each(|_| assert_eq!(client.get(), 200));
    assert_eq!(client.opened, 1);
}

fn mock_without_end() -> Mock {
    mock("{requests: 1000, idle: {fixed: 250s}}")
}

/// A request that comes while the service closes its connection is lost.
#[test]
fn a_request_in_the_race_is_lost() {
    let mock = mock("{idle: {fixed: 50ms}, race: 60s}");
    eventually("a request is lost", || {
        let mut client = Client::connect(mock.address);
        client.write(REQUEST);
        assert_eq!(client.answer().status, 200);
        // an idle time; a server that is late answers, and the next attempt decides
        thread::sleep(Duration::from_millis(300));
        is_lost(&mut client)
    });
}

/// Sends a request, and returns true if the connection ends instead of an answer.
fn is_lost(client: &mut Client) -> bool {
    client.stream.write_all(REQUEST).is_err() || !matches!(client.stream.peek(&mut [0]), Ok(1))
}

/// A service that closes connections after an idle time, or after each answer.
struct ClosingService {
    address: SocketAddr,
    opened: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
}

impl ClosingService {
    fn new(idle: Option<Duration>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (opened, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts = (Arc::clone(&opened), Arc::clone(&closed));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (opened, closed) = (Arc::clone(&counts.0), Arc::clone(&counts.1));
                thread::spawn(move || {
                    // a recorder looks at its start whether the service is there
                    if serve(stream, idle, &opened) > 0 {
                        closed.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        Self { address, opened, closed }
    }

    fn opened(&self) -> usize {
        self.opened.load(SeqCst)
    }

    fn closed(&self) -> usize {
        self.closed.load(SeqCst)
    }
}

/// Serves a connection to its end, and returns the number of its requests.
fn serve(mut stream: TcpStream, idle: Option<Duration>, opened: &AtomicUsize) -> usize {
    stream.set_nodelay(true).expect("no delay");
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut requests = 0;
    loop {
        let mut head = String::new();
        stream.set_read_timeout(idle.filter(|_| requests > 0)).expect("a time-out");
        while !head.ends_with("\r\n\r\n") {
            match reader.read_line(&mut head) {
                Ok(1..) => {}
                _ => return requests,
            }
        }
        requests += 1;
        if requests == 1 {
            opened.fetch_add(1, SeqCst);
        }
        // so long that the recorder can measure it
        thread::sleep(Duration::from_millis(4));
        let close = if idle.is_none() { "Connection: close\r\n" } else { "" };
        let answer = format!("HTTP/1.1 200 OK\r\n{close}Content-Length: 2\r\n\r\nok");
        if stream.write_all(answer.as_bytes()).is_err() || idle.is_none() {
            return requests;
        }
    }
}

/// Records [`ROUNDS`] rounds of [`REQUESTS`] requests, each round after the service has closed what
/// it had, and fits them. Returns the folder and the number of connections that the service saw.
fn learned(service: &ClosingService) -> (tempfile::TempDir, usize, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().display().to_string();
    let target = format!("http://{}", service.address);
    let recorder = StandinProcess::start(&["record", "--target", &target, "--workers", "1", &dir]);
    let mut client = PooledClient::new(recorder.address);
    for _ in 0..ROUNDS {
        // one that meets the close is lost, as without a recorder
        for _ in 0..REQUESTS {
            client.get();
        }
        eventually("the service has closed its connections", || service.closed() == service.opened());
    }
    // what was closed last is found by the next request
    client.get();
    let opened = service.opened();
    recorder.signal("-INT");
    assert_eq!(recorder.end().code, Some(0));
    let (code, told) = run_patiently(&["fit", &dir, "--anyway"]);
    assert_eq!(code, Some(0), "{told}");
    (folder, opened, told)
}

/// Returns the connections of a client that makes the calls of [`learned`] to the mock of a folder.
fn served(folder: &Path, waits: bool) -> usize {
    write(folder, "mappings/s.json", STUB);
    let mock = StandinProcess::serve(folder, &["--profile", "recorded"], &[]);
    let mut client = PooledClient::new(mock.address);
    for _ in 0..ROUNDS {
        (0..REQUESTS).for_each(|_| assert_eq!(client.get(), 200));
        if waits {
            client.wait_for_close();
        }
    }
    client.get();
    client.opened
}

#[test]
fn a_service_that_closes_after_each_answer_is_learned_and_served() {
    let service = ClosingService::new(None);
    let (folder, opened, told) = learned(&service);
    assert!(told.contains("connections: the service closes a connection after 1 answer"), "{told}");
    let profile = std::fs::read_to_string(folder.path().join("profiles/recorded.yaml")).expect("it was written");
    assert!(profile.contains("connections: {requests: 1}"), "{profile}");
    assert_eq!(opened, ROUNDS * REQUESTS + 1);
    assert_eq!(served(folder.path(), false), opened);
}

#[test]
fn a_service_that_closes_idle_connections_is_learned_and_served() {
    let service = ClosingService::new(Some(Duration::from_millis(300)));
    let (folder, opened, told) = learned(&service);
    assert!(told.contains("connections: the service closes a connection that is idle for"), "{told}");
    let profile = std::fs::read_to_string(folder.path().join("profiles/recorded.yaml")).expect("it was written");
    assert!(profile.contains("connections: {idle: {"), "{profile}");
    let served = served(folder.path(), true);
    // the same calls open as many connections, and one more for each pause of the machine
    assert!(opened > ROUNDS && served > ROUNDS, "{opened} {served}");
}

/// Rounds of calls: twice as many closes as show a rule, as a recorder on a busy machine may miss
/// some.
const ROUNDS: usize = 12;
/// Calls of a round: all rounds together are enough for a fit.
const REQUESTS: usize = 18;
