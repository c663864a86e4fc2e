//! A service on plain sockets that keeps the requests it receives, and a recorder in front of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use standin_coding::ContentCoding;
use standin_tape::exchange::Exchange;
use standin_tape::{TapeCondition, TapeHead, TapeReader};
use tempfile::TempDir;

use crate::process::StandinProcess;
use crate::support::eventually;

/// A request that reached the service.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// A service that writes the bytes of a closure as its response; empty bytes close the connection.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    heard: Mutex<Vec<Heard>>,
    now: AtomicUsize,
    most: AtomicUsize,
    connections: AtomicUsize,
}

type Answer = dyn Fn(&Heard, &mut TcpStream) + Send + Sync;

impl Service {
    /// Starts a service that answers each request with the bytes of `answer`.
    pub(crate) fn saying(answer: impl Fn(&Heard) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::new(move |heard, stream| {
            let bytes = answer(heard);
            if bytes.is_empty() {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
            let _ = stream.write_all(&bytes);
        })
    }

    pub(crate) fn new(answer: impl Fn(&Heard, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::new(Seen::default());
        let (all, answer): (_, Arc<Answer>) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &all, &*answer));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.seen.heard.lock().expect("no panic").clone()
    }

    /// Returns the number of requests that are being answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.seen.now.load(SeqCst)
    }

    /// Returns the maximum number of concurrent requests.
    pub(crate) fn most_at_once(&self) -> usize {
        self.seen.most.load(SeqCst)
    }

    /// Returns the number of connections with requests.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }
}

fn serve(mut stream: TcpStream, seen: &Seen, answer: &Answer) {
    stream.set_nodelay(true).expect("no delay");
    let mut is_new = true;
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        if std::mem::take(&mut is_new) {
            seen.connections.fetch_add(1, SeqCst);
        }
        let now = seen.now.fetch_add(1, SeqCst) + 1;
        seen.most.fetch_max(now, SeqCst);
        let Some(body) = body(&mut reader, &head.to_lowercase()) else {
            seen.now.fetch_sub(1, SeqCst);
            return;
        };
        let mut words = head.split(' ').map(str::to_owned);
        let (method, url) = (words.next().expect("a method"), words.next().expect("a url"));
        let heard = Heard { method, url, head, body };
        seen.heard.lock().expect("no panic").push(heard.clone());
        answer(&heard, &mut stream);
        seen.now.fetch_sub(1, SeqCst);
    }
}

fn body(reader: &mut BufReader<TcpStream>, head: &str) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if let Some(length) =
        head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse::<u64>().ok())
    {
        // a long body is not kept, because the test measures memory
        let kept = reader.take(length.min(1 << 20)).read_to_end(&mut body).ok()?;
        std::io::copy(&mut reader.take(length - kept as u64), &mut std::io::sink()).ok()?;
    } else if head.contains("transfer-encoding: chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let size = u64::from_str_radix(line.trim(), 16).ok()?;
            reader.take(size).read_to_end(&mut body).ok()?;
            reader.read_line(&mut line).ok()?;
            if size == 0 {
                break;
            }
        }
    }
    Some(body)
}

/// Returns a response with this status, headers and body.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Fine\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// `standin record` as a process, with a folder of its own.
pub(super) struct Recording {
    pub(super) folder: TempDir,
    pub(crate) address: SocketAddr,
    process: StandinProcess,
}

/// A tape as it was left.
pub(super) struct ReadTape {
    pub(crate) head: TapeHead,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) condition: TapeCondition,
    pub(super) path: PathBuf,
}

impl Recording {
    /// Records a target, with more arguments.
    pub(super) fn of(target: &str, more: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let dir = folder.path().to_str().expect("UTF-8").to_owned();
        Self::start(folder, &[&["record", "--target", target, &dir], more].concat())
    }

    /// Serves these stubs with a target for unmatched requests, with more arguments.
    pub(super) fn on_miss(target: &str, stubs: &str, more: &[&str]) -> Self {
        let folder = crate::support::folder(&[("mappings/stubs.json", stubs), ("__files/page.txt", "from a file")]);
        let dir = folder.path().to_str().expect("UTF-8").to_owned();
        Self::start(folder, &[&["serve", &dir, "--target", target], more].concat())
    }

    fn start(folder: TempDir, args: &[&str]) -> Self {
        let process = StandinProcess::start(args);
        Self { folder, address: process.address, process }
    }

    pub(super) fn get(&self, path: &str) -> crate::support::Answer {
        self.process.get(path)
    }

    pub(super) fn send(&self, request: &str) -> crate::support::Answer {
        self.process.send(request)
    }

    /// Waits until this number of exchanges is written to the tape.
    pub(super) fn wait_until_written(&self, exchanges: u64) {
        eventually("the exchanges are written", || self.process.metric("standin_tape_calls_total") == exchanges);
    }

    /// Returns the highest memory of the process so far, in bytes.
    pub(super) fn peak_memory(&self) -> u64 {
        self.process.peak_memory()
    }

    pub(super) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Reads stderr until it contains a text, and returns what was read.
    pub(super) fn read_stderr_until(&mut self, text: &str) -> String {
        self.process.read_stderr_until(text)
    }

    /// Ends the process by a signal. Returns its output, its exit code, the tape and the folder.
    pub(super) fn end(self, signal: &str) -> (String, Option<i32>, ReadTape, TempDir) {
        let (output, code, folder) = self.end_without_a_tape(signal);
        let tape = read(&folder);
        (output, code, tape, folder)
    }

    /// Ends the process by a signal. Returns its output, its exit code and the folder.
    pub(super) fn end_without_a_tape(self, signal: &str) -> (String, Option<i32>, TempDir) {
        let Self { folder, process, .. } = self;
        process.signal(signal);
        let end = process.end();
        (end.stdout + &end.stderr, end.code, folder)
    }
}

/// Reads the only tape of a folder.
pub(super) fn read(folder: &TempDir) -> ReadTape {
    let tapes = standin_tape::tapes_of_folder(folder.path()).expect("it has tapes");
    assert_eq!(tapes.len(), 1, "{tapes:?}");
    let mut reader = TapeReader::open(&tapes[0]).expect("a tape");
    let head = reader.head().clone();
    let mut exchanges: Vec<Exchange> = reader.by_ref().collect::<Result<_, _>>().expect("readable");
    exchanges.sort_by_key(|exchange| exchange.number);
    ReadTape { head, exchanges, condition: reader.condition().clone(), path: tapes[0].clone() }
}

/// Returns all names and bytes of the files below a folder; tapes are decompressed.
pub(super) fn everything(folder: &std::path::Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path()) {
        all.extend_from_slice(entry.to_string_lossy().as_bytes());
        let content = if entry.is_dir() { everything(&entry) } else { std::fs::read(&entry).expect("readable") };
        let decoded = ContentCoding::Zstd.decode(&content, 1 << 30).map(std::borrow::Cow::into_owned);
        all.extend(decoded.unwrap_or(content));
    }
    all
}
