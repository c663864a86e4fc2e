//! The server behind proxy, recording and webhook cases: its answers are known to the byte.
//!
//! It is the one that stood behind WireMock when the golden answers were recorded, so nothing here
//! may change.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::spelling::spelt;

/// An upstream on a port of its own. It lives as long as the process.
pub(super) struct Upstream {
    pub(super) port: u16,
}

impl Upstream {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let site = Arc::new(Site { port, hooks: Mutex::default() });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let site = Arc::clone(&site);
                // a caller that goes away is no matter for an upstream
                thread::spawn(move || site.serve(stream).ok());
            }
        });
        Self { port }
    }
}

struct Site {
    port: u16,
    /// The webhook calls since `/hookclear`.
    hooks: Mutex<Vec<Value>>,
}

struct Request {
    method: String,
    target: String,
    /// Names are in lower case.
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

struct Answer {
    status: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Site {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = Request::read(&mut reader)? {
            let bytes = self.answer(&request).bytes(&request.method);
            reader.get_mut().write_all(&bytes)?;
            if request.header("connection").to_lowercase().contains("close") {
                break;
            }
        }
        Ok(())
    }

    fn answer(&self, request: &Request) -> Answer {
        let path = below_base(request.target.split('?').next().unwrap_or_default());
        let has = |start: &str| path.starts_with(start);
        if path.trim_start_matches('/').starts_with("echo") {
            let body = spelt(&request.echo());
            return Answer::new("200 OK", "application/json", body).header("X-Upstream", "echo");
        }
        if has("/hook") {
            return self.hook(path, request);
        }
        if has("/status/") {
            let code = path.split('/').nth(2).unwrap_or_default();
            return Answer::new(&format!("{code} Upstream"), "text/plain", format!("status {code}"));
        }
        if let Some(rest) = path.strip_prefix("/json") {
            let n = Some(rest.trim_matches('/')).filter(|n| !n.is_empty()).unwrap_or("0");
            return Answer::new(
                "200 OK",
                "application/json",
                spelt(&json!({"path": path, "n": n, "items": [1, 2, 3]})),
            );
        }
        if has("/xml") {
            return Answer::new("200 OK", "application/xml", "<r><a>1</a></r>");
        }
        if has("/bin") {
            return Answer::new("200 OK", "application/octet-stream", (0..=255).collect::<Vec<u8>>());
        }
        if has("/multi") {
            let answer = Answer::new("200 OK", "text/plain", "multi").header("X-Many", "one").header("X-Many", "two");
            return answer.header("Set-Cookie", "a=1").header("Set-Cookie", "b=2; Path=/");
        }
        if has("/gzip") {
            let body = BASE64_STANDARD.decode(ZIPPED).expect("base64");
            return Answer::new("200 OK", "text/plain", body).header("Content-Encoding", "gzip");
        }
        if has("/redirect") {
            let location = format!("http://127.0.0.1:{}/hello", self.port);
            return Answer::bare("302 Found").header("Location", &location);
        }
        if has("/nocontent") {
            return Answer::bare("204 No Content").header("X-Upstream", "none");
        }
        if has("/big") {
            return Answer::new("200 OK", "text/plain", "0123456789".repeat(400));
        }
        if has("/post") {
            let body = [b"created:", request.body.as_slice()].concat();
            return Answer::new("201 Created", "text/plain", body).header("Location", "/things/1");
        }
        if has("/hello") {
            let body = format!("hello {} {}", request.method, request.target);
            return Answer::new("200 OK", "text/plain", body).header("X-Upstream", "hello");
        }
        Answer::new("404 Not Found", "text/plain", "upstream has no such page")
    }

    fn hook(&self, path: &str, request: &Request) -> Answer {
        let mut hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        if path.starts_with("/hooklog") {
            return Answer::new("200 OK", "application/json", spelt(&Value::Array(hooks.clone())));
        }
        if path.starts_with("/hookclear") {
            hooks.clear();
            return Answer { body: b"cleared".to_vec(), ..Answer::bare("200 OK") };
        }
        let told = |name: &str| name.starts_with("x-") || name == "content-type";
        let headers = request.headers.iter().filter(|(name, _)| told(name));
        let headers: Map<_, _> = headers.map(|(name, value)| (name.clone(), json!(value))).collect();
        let body = String::from_utf8_lossy(&request.body);
        hooks.push(json!({"method": request.method, "target": request.target, "headers": headers, "body": body}));
        Answer::new("200 OK", "text/plain", "hooked")
    }
}

impl Request {
    /// Returns the next request on a connection, if there is one.
    fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let line = line(reader)?;
        let mut words = line.splitn(3, ' ');
        let (Some(method), Some(target), Some(_)) = (words.next(), words.next(), words.next()) else {
            return Ok(None);
        };
        let (method, target) = (method.to_owned(), target.to_owned());
        let mut request = Self { method, target, headers: Vec::new(), body: Vec::new() };
        loop {
            let line = self::line(reader)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            request.headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
        }
        request.body = request.read_body(reader)?;
        Ok(Some(request))
    }

    fn read_body(&self, reader: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if !self.header("transfer-encoding").contains("chunked") {
            let length = self.header("content-length").parse().unwrap_or(0);
            reader.take(length).read_to_end(&mut body)?;
            return Ok(body);
        }
        loop {
            let line = line(reader)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                while !self::line(reader)?.is_empty() {}
                return Ok(body);
            }
            reader.take(size).read_to_end(&mut body)?;
            self::line(reader)?;
        }
    }

    /// Returns the last value of a header, or nothing.
    fn header(&self, name: &str) -> &str {
        self.headers.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Returns the received request, with names in alphabetical order. Headers of the connection
    /// are left out.
    fn echo(&self) -> Value {
        let mut headers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, value) in self.headers.iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str())) {
            headers.entry(name).or_default().push(value);
        }
        let mut echo = json!({"body": String::from_utf8_lossy(&self.body), "headers": headers});
        if self.headers.iter().any(|(name, _)| name == "host") {
            echo["host"] = json!(self.header("host"));
        }
        echo["method"] = json!(self.method);
        echo["target"] = json!(self.target);
        echo
    }
}

impl Answer {
    fn new(status: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::bare(status) }.header("Content-Type", content_type)
    }

    fn bare(status: &str) -> Self {
        Self { status: status.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn bytes(&self, method: &str) -> Vec<u8> {
        let bodiless = self.status.starts_with("204") || self.status.starts_with("304");
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !bodiless {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        let mut bytes = (head + "\r\n").into_bytes();
        if !bodiless && method != "HEAD" {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// Returns the site is mounted below every prefix that starts with `/base`.
fn below_base(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("/base") else { return path };
    rest.find('/').map_or("/", |slash| &rest[slash..])
}

/// Returns a line as Latin-1 without its end.
fn line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    let text: String = line.into_iter().map(char::from).collect();
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

const OF_THE_CONNECTION: [&str; 11] = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "host",
    "user-agent",
    "accept-encoding",
    "via",
    "te",
    "upgrade",
    "http2-settings",
];

/// `zipped upstream text ` five times, in gzip. Other compressors spell it otherwise.
const ZIPPED: &str = "H4sIAAAAAAACA6vKLChITVEoLSguKUpNzFUoSa0oUaiigSAA5muttGkAAAA=";
