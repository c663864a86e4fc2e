//! [`DemoService`]: workers that take calls from one queue.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::locks::LockUnpoisoned as _;

/// An operation of the service.
pub(super) struct Work {
    pub(super) method: &'static str,
    /// Beginning of the path.
    pub(super) path: &'static str,
    /// Time of a call, in multiples of the demand of an item.
    pub(super) factor: u16,
    status: &'static str,
}

/// The operations of the service.
pub(super) const WORK: [Work; 3] = [
    Work { method: "GET", path: "/items/", factor: 1, status: "200 OK" },
    Work { method: "POST", path: "/orders", factor: 2, status: "201 Created" },
    Work { method: "GET", path: "/search", factor: 3, status: "200 OK" },
];

/// A call that waits for a worker.
struct Job {
    time: Duration,
    done: mpsc::SyncSender<()>,
}

/// The service of the demonstration.
pub(super) struct DemoService {
    listener: TcpListener,
    address: SocketAddr,
    queue: mpsc::Sender<Job>,
    demand: Duration,
}

impl DemoService {
    /// Listens, and starts the workers.
    pub(super) fn bind(address: SocketAddr, workers: NonZeroU16, demand: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let (queue, waiting) = mpsc::channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..workers.get() {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new().name("demo-worker".to_owned()).spawn(move || {
                loop {
                    let next = waiting.lock_unpoisoned().recv();
                    let Ok(job) = next else { return };
                    thread::sleep(job.time);
                    // a client that has gone takes no answer
                    let _ = job.done.send(());
                }
            })?;
        }
        Ok(Self { listener, address, queue, demand })
    }

    /// Returns the address of the service.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves connections until the process ends. Beyond the limit, a connection is closed.
    pub(super) fn run(self) {
        let open = Arc::new(AtomicUsize::new(0));
        for connection in self.listener.incoming().flatten() {
            if open.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
                open.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (queue, demand, count) = (self.queue.clone(), self.demand, Arc::clone(&open));
            let serve = move || {
                // a connection that breaks is no error of the service
                let _ = serve_connection(&connection, &queue, demand);
                count.fetch_sub(1, Ordering::Relaxed);
            };
            if thread::Builder::new().name("demo-call".to_owned()).spawn(serve).is_err() {
                open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

/// Serves the requests of a connection.
fn serve_connection(connection: &TcpStream, queue: &mpsc::Sender<Job>, demand: Duration) -> io::Result<()> {
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(IDLE_TIMEOUT))?;
    let mut reader = BufReader::new(connection);
    while let Some(request) = read_request(&mut reader)? {
        let work = WORK.iter().find(|work| work.method == request.method && request.target.starts_with(work.path));
        let answer = match work {
            None => response("404 Not Found", "{\"error\":\"no such thing\"}"),
            Some(work) => {
                let (done, is_done) = mpsc::sync_channel(1);
                let time = demand.mul_f64(f64::from(work.factor) * rand::random_range(1.0 - SPREAD..1.0 + SPREAD));
                if queue.send(Job { time, done }).is_err() || is_done.recv().is_err() {
                    return Ok(());
                }
                response(work.status, &body(&request.target))
            }
        };
        (&mut &*connection).write_all(answer.as_bytes())?;
        if request.is_last {
            break;
        }
    }
    Ok(())
}

/// The parts of a request that matter.
struct DemoRequest {
    method: String,
    target: String,
    is_last: bool,
}

/// Reads a request with its body; `None` at the end of the connection.
fn read_request(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<DemoRequest>> {
    let mut head = reader.take(MAX_HEAD_BYTES);
    let mut line = String::new();
    if head.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (mut length, mut is_last) = (0_u64, false);
    loop {
        line.clear();
        if head.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap_or(u64::MAX);
        }
        is_last |= name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close");
        // without a length, the end of the body is not looked for
        is_last |= name.eq_ignore_ascii_case("transfer-encoding");
    }
    if length > MAX_BODY_BYTES {
        return Ok(None);
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    Ok(Some(DemoRequest { method, target, is_last }))
}

fn response(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Returns the body of an answer, which is the same for the same target.
fn body(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    match path.strip_prefix("/items/").and_then(|number| number.parse::<u64>().ok()) {
        Some(number) => format!("{{\"id\":{number},\"name\":\"item {number}\",\"stock\":{}}}", number % 50),
        None if path == "/search" => "{\"found\":[1,2,3]}".to_owned(),
        None => "{\"state\":\"taken\"}".to_owned(),
    }
}

/// Part of the mean by which times are shorter or longer.
const SPREAD: f64 = 0.3;

/// Connections that are open at once.
const MAX_CONNECTIONS: usize = 1_000;

/// Time after which a silent connection is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum size of a request's head.
const MAX_HEAD_BYTES: u64 = 64 << 10;

/// Maximum size of a request's body.
const MAX_BODY_BYTES: u64 = 16 << 20;
