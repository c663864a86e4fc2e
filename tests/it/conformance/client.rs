//! An HTTP/1.1 client on a plain socket: it sends any bytes and tells how a connection broke.
//!
//! An ordinary client would repair or refuse what the cases ask for, and call every fault
//! "connection error".

use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

/// The reply to a request, or the fault.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) status: Option<u16>,
    pub(super) reason: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) fault: Option<Fault>,
    pub(super) took: Duration,
    pub(super) keep_alive: bool,
}

/// A fault of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Closed without a byte.
    Empty,
    /// Reset without a byte.
    Reset,
    /// Bytes that are not HTTP.
    Garbage,
    /// It began as HTTP and then broke.
    Malformed,
    /// Closed within the head.
    Closed,
    /// No answer in time.
    Timeout,
    /// No connection.
    Refused,
}

/// A request as it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
    /// Sent instead of all that.
    pub(super) raw: Option<Vec<u8>>,
    /// On a new connection that is closed afterwards.
    pub(super) fresh: bool,
}

/// One connection at a time, kept between requests.
pub(super) struct Client {
    host: String,
    port: u16,
    pub(super) patience: Duration,
    stream: Option<TcpStream>,
}

impl Reply {
    /// Returns the values of a header, in their order.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// Returns whether the server did not answer at all.
    pub(super) fn hangs(&self) -> bool {
        matches!(self.fault, Some(Fault::Timeout | Fault::Refused))
    }
}

impl Fault {
    /// Returns the name of the fault in the golden files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Reset => "reset",
            Self::Garbage => "garbage",
            Self::Malformed => "malformed",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
        }
    }
}

impl Client {
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, patience: Duration::from_secs(3), stream: None }
    }

    pub(super) fn close(&mut self) {
        self.stream = None;
    }

    /// Sends a request; once more on a new connection where the server had already closed the kept
    /// one.
    pub(super) fn send(&mut self, message: &Message) -> Reply {
        if message.fresh {
            self.close();
        }
        let reused = self.stream.is_some();
        let mut reply = self.exchange(message);
        if reused && reply.status.is_none() && matches!(reply.fault, Some(Fault::Empty | Fault::Reset)) {
            self.close();
            reply = self.exchange(message);
        }
        if message.fresh {
            self.close();
        }
        reply
    }

    fn exchange(&mut self, message: &Message) -> Reply {
        let start = Instant::now();
        let mut reply = Reply::default();
        let Some(mut stream) = self.stream.take().or_else(|| self.connect()) else {
            reply.fault = Some(Fault::Refused);
            return reply;
        };
        let bytes = message.bytes(&self.host, self.port);
        let read = stream.write_all(&bytes).map_err(|error| fault_of(error.kind())).and_then(|()| {
            let deadline = Instant::now() + self.patience;
            let mut reader = Reader { stream: &mut stream, deadline, unread: Vec::new(), began: false };
            reader.answer(&mut reply, &message.method)
        });
        reply.fault = read.err().map(|fault| match fault {
            Fault::Timeout => Fault::Timeout,
            _ if reply.status.is_some() => Fault::Malformed,
            fault => fault,
        });
        reply.took = start.elapsed();
        if reply.fault.is_none() && reply.keep_alive {
            self.stream = Some(stream);
        }
        reply
    }

    fn connect(&self) -> Option<TcpStream> {
        let address = (self.host.as_str(), self.port).to_socket_addrs().ok()?.next()?;
        let stream = TcpStream::connect_timeout(&address, self.patience).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_write_timeout(Some(self.patience)).ok()?;
        Some(stream)
    }
}

impl Message {
    fn bytes(&self, host: &str, port: u16) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let has = |name: &str| self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let body = self.body.as_deref().unwrap_or_default();
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !has("host") {
            let _ = write!(head, "Host: {host}:{port}\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let chunked = has("transfer-encoding");
        let carries_body = self.body.is_some() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        if !has("content-length") && !chunked && carries_body {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        let mut bytes = (head + "\r\n").into_bytes();
        if !chunked {
            bytes.extend_from_slice(body);
            return bytes;
        }
        let (first, second) = body.split_at(body.len() / 2);
        for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
            bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            bytes.extend_from_slice(part);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }
}

/// Reads one answer off a connection.
struct Reader<'a> {
    stream: &'a mut TcpStream,
    deadline: Instant,
    unread: Vec<u8>,
    /// True if a byte has come.
    began: bool,
}

impl Reader<'_> {
    fn answer(&mut self, reply: &mut Reply, method: &str) -> Result<(), Fault> {
        let one_one = loop {
            let (status, one_one) = self.head(reply)?;
            if status >= 200 {
                reply.status = Some(status);
                break one_one;
            }
        };
        let connection = reply.all("Connection").join(",").to_lowercase();
        reply.keep_alive = (one_one && !connection.contains("close")) || connection.contains("keep-alive");
        if method == "HEAD" || matches!(reply.status, Some(204 | 304)) {
            return Ok(());
        }
        if reply.all("Transfer-Encoding").join(",").to_lowercase().contains("chunked") {
            return self.chunks(&mut reply.body);
        }
        if let Some(length) = reply.all("Content-Length").first() {
            let length: usize = length.parse().map_err(|_| Fault::Closed)?;
            let complete = self.fill(length);
            reply.body = self.split(length.min(self.unread.len()));
            return complete;
        }
        reply.keep_alive = false;
        loop {
            match self.more() {
                Ok(()) => {}
                Err(Fault::Closed | Fault::Empty) => {
                    reply.body = std::mem::take(&mut self.unread);
                    return Ok(());
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Reads a head; its status and whether it is HTTP/1.1.
    fn head(&mut self, reply: &mut Reply) -> Result<(u16, bool), Fault> {
        self.fill(5).map_err(|fault| match fault {
            Fault::Timeout => Fault::Timeout,
            _ if !self.unread.is_empty() => Fault::Garbage,
            fault => fault,
        })?;
        if !self.unread.starts_with(b"HTTP/") {
            return Err(Fault::Garbage);
        }
        let line = latin1(&self.line()?);
        let (version, rest) = line.split_once(' ').ok_or(Fault::Garbage)?;
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let digits = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
        if !matches!(version, "HTTP/1.0" | "HTTP/1.1") || !digits {
            return Err(Fault::Garbage);
        }
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let line = String::from_utf8(line).unwrap_or_else(|error| latin1(error.as_bytes()));
            let (name, value) = line.split_once(':').ok_or(Fault::Garbage)?;
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        reason.clone_into(&mut reply.reason);
        reply.headers = headers;
        Ok((status.parse().map_err(|_| Fault::Garbage)?, version == "HTTP/1.1"))
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> Result<(), Fault> {
        loop {
            let line = latin1(&self.line()?);
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| Fault::Garbage)?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(());
            }
            self.fill(size)?;
            body.extend(self.split(size));
            self.fill(2)?;
            if self.split(2) != b"\r\n" {
                return Err(Fault::Garbage);
            }
        }
    }

    fn line(&mut self) -> Result<Vec<u8>, Fault> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let mut line = self.split(end + 1);
                line.truncate(end);
                while line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            if self.unread.len() > LONGEST_LINE {
                return Err(Fault::Garbage);
            }
            self.more()?;
        }
    }

    fn fill(&mut self, count: usize) -> Result<(), Fault> {
        while self.unread.len() < count {
            self.more()?;
        }
        Ok(())
    }

    fn split(&mut self, count: usize) -> Vec<u8> {
        let rest = self.unread.split_off(count);
        std::mem::replace(&mut self.unread, rest)
    }

    fn more(&mut self) -> Result<(), Fault> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Fault::Timeout);
        }
        self.stream.set_read_timeout(Some(left)).map_err(|error| fault_of(error.kind()))?;
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(if self.began { Fault::Closed } else { Fault::Empty }),
            Ok(count) => {
                self.began = true;
                self.unread.extend_from_slice(&piece[..count]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(fault_of(error.kind())),
        }
    }
}

fn fault_of(kind: ErrorKind) -> Fault {
    match kind {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Fault::Timeout,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Fault::Reset,
        _ => Fault::Closed,
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

const LONGEST_LINE: usize = 64 << 10;
