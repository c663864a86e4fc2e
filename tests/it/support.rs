//! Test server on a free port, and a client that sees every byte.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use standin::Config;
use standin::{Handle, Server};
use tempfile::TempDir;

/// Read timeout of a client: reached only where a test fails, so that it may be long.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Deadline of [`eventually`]: reached only where a test fails, so that it may be long.
const EVENTUALLY_TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until a condition holds; panics with `what` if it does not within 60 s. Use it in place of
/// a fixed sleep.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + EVENTUALLY_TIMEOUT;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {EVENTUALLY_TIMEOUT:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A server with stubs of its own, which ends with the test.
pub(crate) struct Mock {
    pub(crate) address: SocketAddr,
    pub(crate) root: TempDir,
    handle: Option<Handle>,
}

impl Mock {
    /// Serves one mapping file.
    pub(crate) fn with(mappings: &str) -> Self {
        Self::configured(&[("mappings/stubs.json", mappings)], |_| {})
    }

    /// Serves these files, with a configuration changed by `change`.
    pub(crate) fn configured(files: &[(&str, &str)], change: impl FnOnce(&mut Config)) -> Self {
        let root = folder(files);
        let mut config = Config::new(root.path());
        config.seed = 1;
        config.grace = Duration::from_secs(5);
        change(&mut config);
        let handle = Server::bind(config).expect("the stubs are good").start().expect("it starts");
        Self { address: handle.addresses()[0].listener.address, root, handle: Some(handle) }
    }

    /// All addresses, in the order of the listeners.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let handle = self.handle.as_ref().expect("it runs");
        handle.addresses().iter().map(|address| address.listener.address).collect()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address))
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        ))
    }

    /// Sends bytes on a new connection and reads one answer.
    pub(crate) fn send(&self, request: &str) -> Answer {
        let mut client = Client::connect(self.address);
        client.write(request.as_bytes());
        client.answer()
    }

    /// Returns true if the server has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.handle.as_ref().is_none_or(Handle::has_ended)
    }

    /// Ends it as SIGTERM would; whether all calls were finished.
    pub(crate) fn shut_down(mut self) -> bool {
        self.handle.take().expect("it runs").shut_down()
    }
}

/// A stub folder of these files; `mappings/` and `__files/` are always there.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let root = TempDir::new().expect("a temporary folder");
    for folder in ["mappings", "__files"] {
        if !files.iter().any(|(name, _)| name.contains("/mappings/")) {
            fs::create_dir_all(root.path().join(folder)).expect("writable");
        }
    }
    for (name, text) in files {
        write(root.path(), name, text);
    }
    root
}

pub(crate) fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
    fs::write(path, text).expect("writable");
}

/// A raw connection of a client.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// End of a connection that was read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Fin,
    Rst,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(READ_TIMEOUT)).expect("a time-out");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, unread: Vec::new() }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the connection is open");
    }

    /// All bytes until the connection ends, and how it did.
    pub(crate) fn read_to_end(&mut self) -> (Vec<u8>, End) {
        let mut bytes = std::mem::take(&mut self.unread);
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => (bytes, End::Fin),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => (bytes, End::Rst),
            Err(error) => panic!("neither FIN nor RST: {error}; read {:?}", String::from_utf8_lossy(&bytes)),
        }
    }

    /// The next answer; interim ones (1xx) are passed over.
    pub(crate) fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    /// The next answer to a request of this method: one to HEAD has no body.
    pub(crate) fn answer_to(&mut self, method: &str) -> Answer {
        loop {
            let head = self.head();
            let mut lines = head.split("\r\n");
            let mut first = lines.next().expect("a status line").splitn(3, ' ');
            assert!(first.next().is_some_and(|version| version.starts_with("HTTP/1.")), "not HTTP: {head}");
            let status: u16 = first.next().and_then(|status| status.parse().ok()).expect("a status");
            let reason = first.next().unwrap_or_default().to_owned();
            if (100..200).contains(&status) {
                continue;
            }
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            let body = if method == "HEAD" || status == 204 || status == 304 {
                Vec::new()
            } else if header("transfer-encoding") == Some("chunked") {
                self.chunks()
            } else if let Some(length) = header("content-length") {
                self.exactly(length.parse().expect("a length"))
            } else {
                self.read_to_end().0
            };
            return Answer { status, reason, headers, body };
        }
    }

    /// The status of the next answer, whose body may have no end.
    pub(crate) fn status_line(&mut self) -> u16 {
        let head = self.head();
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    /// Reads the head of the next answer.
    pub(crate) fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.unread.split_off(end + 4);
                let head = std::mem::replace(&mut self.unread, rest);
                return String::from_utf8_lossy(&head[..end]).into_owned();
            }
            self.more();
        }
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match self.unread.windows(2).position(|two| two == b"\r\n") {
                    Some(end) => break end,
                    None => self.more(),
                }
            };
            let line = String::from_utf8_lossy(&self.unread[..end]).into_owned();
            let size = usize::from_str_radix(line.trim(), 16).expect("a chunk's size");
            self.unread.drain(..end + 2);
            let chunk = self.exactly(size + 2);
            if size == 0 {
                return body;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            self.more();
        }
        let rest = self.unread.split_off(count);
        std::mem::replace(&mut self.unread, rest)
    }

    fn more(&mut self) {
        let mut piece = [0; 16 << 10];
        let count = self.stream.read(&mut piece).expect("an answer in time");
        assert!(count > 0, "the connection ended early; read {:?}", String::from_utf8_lossy(&self.unread));
        self.unread.extend_from_slice(&piece[..count]);
    }
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// A server with an empty root folder, for the conformance cases.
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) root: std::path::PathBuf,
    _mock: Mock,
}

pub(crate) fn start() -> Target {
    let mock = Mock::configured(&[], |_| {});
    Target {
        host: mock.address.ip().to_string(),
        port: mock.address.port(),
        root: mock.root.path().to_owned(),
        _mock: mock,
    }
}
