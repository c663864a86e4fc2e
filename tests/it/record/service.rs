//! A real service in small, in plain sockets, that keeps account of what reaches it; and a recorder in front of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use standin_tape::exchange::Exchange;
use standin_tape::{TapeCondition, TapeHead, TapeReader};
use tempfile::TempDir;

/// What reached the service.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

/// A service that is told what to write, byte for byte; no bytes close the connection.
pub(super) struct Service {
    pub(super) address: SocketAddr,
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
    /// One that answers each call with these bytes.
    pub(super) fn saying(answer: impl Fn(&Heard) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::new(move |heard, stream| {
            let bytes = answer(heard);
            if bytes.is_empty() {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
            let _ = stream.write_all(&bytes);
        })
    }

    pub(super) fn new(answer: impl Fn(&Heard, &mut TcpStream) + Send + Sync + 'static) -> Self {
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

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.seen.heard.lock().expect("no panic").clone()
    }

    /// The most calls that it worked on at a time.
    pub(super) fn most_at_once(&self) -> usize {
        self.seen.most.load(SeqCst)
    }

    /// Connections by which calls came.
    pub(super) fn connections(&self) -> usize {
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
        // a long one is only counted: the test is about the recorder's memory
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

/// An answer of this status, headers and body.
pub(super) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Fine\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// `standin record` as a process, on a folder of its own.
pub(super) struct Recording {
    pub(super) folder: TempDir,
    pub(super) address: SocketAddr,
    child: Child,
}

/// A tape as it was left.
pub(super) struct Tape {
    pub(super) head: TapeHead,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) condition: TapeCondition,
    pub(super) path: PathBuf,
}

impl Recording {
    pub(super) fn of(target: &str, more: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let dir = folder.path().to_str().expect("UTF-8").to_owned();
        let (child, address) = start(&[&["record", "--target", target, &dir], more].concat());
        Self { folder, address, child }
    }

    /// `serve --on-miss`, with these stubs.
    pub(super) fn on_miss(target: &str, stubs: &str, more: &[&str]) -> Self {
        let folder = crate::support::folder(&[("mappings/stubs.json", stubs), ("__files/page.txt", "from a file")]);
        let dir = folder.path().to_str().expect("UTF-8").to_owned();
        let (child, address) = start(&[&["serve", &dir, "--target", target], more].concat());
        Self { folder, address, child }
    }

    pub(super) fn get(&self, path: &str) -> crate::support::Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address))
    }

    pub(super) fn send(&self, request: &str) -> crate::support::Answer {
        let mut client = crate::support::Client::connect(self.address);
        client.write(request.as_bytes());
        client.answer()
    }

    /// Bytes of memory that the process has.
    pub(super) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the highest so far");
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).expect("a number") * 1024
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Ends it by a signal; what it printed, its exit code, and the tape.
    pub(super) fn end(self, signal: &str) -> (String, Option<i32>, Tape, TempDir) {
        let (told, code, folder) = self.end_without_a_tape(signal);
        let tape = read(&folder);
        (told, code, tape, folder)
    }

    /// The same where there may be no tape.
    pub(super) fn end_without_a_tape(mut self, signal: &str) -> (String, Option<i32>, TempDir) {
        self.signal(signal);
        let mut told = String::new();
        self.child.stdout.take().expect("piped").read_to_string(&mut told).expect("UTF-8");
        self.child.stderr.take().expect("piped").read_to_string(&mut told).expect("UTF-8");
        let code = self.child.wait().expect("a child").code();
        let folder = std::mem::replace(&mut self.folder, TempDir::new().expect("a temporary folder"));
        (told, code, folder)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The one tape of a folder.
pub(super) fn read(folder: &TempDir) -> Tape {
    let tapes: Vec<PathBuf> = std::fs::read_dir(folder.path().join("tapes"))
        .expect("it has tapes")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    assert_eq!(tapes.len(), 1, "{tapes:?}");
    let mut reader = TapeReader::open(&tapes[0]).expect("a tape");
    let head = reader.head().clone();
    let mut exchanges: Vec<Exchange> = reader.by_ref().collect::<Result<_, _>>().expect("readable");
    exchanges.sort_by_key(|exchange| exchange.number);
    Tape { head, exchanges, condition: reader.condition().clone(), path: tapes[0].clone() }
}

/// All bytes of all files of a folder.
pub(super) fn everything(folder: &std::path::Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path()) {
        all.extend_from_slice(entry.to_string_lossy().as_bytes());
        all.extend(if entry.is_dir() { everything(&entry) } else { std::fs::read(&entry).expect("readable") });
    }
    all
}

/// Starts the binary on a free port.
pub(super) fn start(args: &[&str]) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(args)
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    // read byte by byte, so that nothing of what comes later is lost in a buffer
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        if child.stdout.as_mut().expect("piped").read(&mut byte).expect("readable") == 0 {
            let mut errors = String::new();
            let _ = child.stderr.take().expect("piped").read_to_string(&mut errors);
            panic!("it ended: {errors}");
        }
        line.push(byte[0]);
    }
    let line = String::from_utf8(line).expect("UTF-8");
    let url = line.strip_prefix("standin: listening on http://").expect("the ready line");
    let address = url.split_whitespace().next().and_then(|address| address.parse().ok()).expect("an address");
    (child, address)
}

/// Ends what was started.
pub(super) fn stop(mut child: Child) {
    child.kill().expect("a child");
    child.wait().expect("a child");
}
