//! Calls to a demo service, whether or not the earlier ones are answered.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::service::WORK;

/// Calls at one rate, with exponential gaps.
pub(super) struct CallPlan {
    pub(super) address: SocketAddr,
    pub(super) per_second: f64,
    pub(super) time: Duration,
}

/// The numbers of calls that were answered and that were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CallCounts {
    pub(super) answered: u64,
    pub(super) failed: u64,
}

impl CallPlan {
    /// Sends the calls, each at its time, and waits for the answers.
    pub(super) fn send(&self) -> CallCounts {
        let start = Instant::now();
        let mut due = Duration::ZERO;
        let mut counts = CallCounts::default();
        let mut open: Vec<thread::JoinHandle<bool>> = Vec::new();
        for number in 0_u64.. {
            // by the inverse of the exponential distribution; 1 - u is never 0
            let gap = -(1.0 - rand::random::<f64>()).ln() / self.per_second;
            due += Duration::from_secs_f64(gap);
            if due > self.time {
                break;
            }
            thread::sleep((start + due).saturating_duration_since(Instant::now()));
            let ended = open.iter().position(thread::JoinHandle::is_finished);
            if let Some(place) = ended {
                counts.add(open.swap_remove(place));
            }
            if open.len() >= MAX_OPEN_CALLS {
                counts.failed += 1;
                continue;
            }
            let address = self.address;
            match thread::Builder::new().spawn(move || call(address, number).unwrap_or(false)) {
                Ok(call) => open.push(call),
                Err(_) => counts.failed += 1,
            }
        }
        for call in open {
            counts.add(call);
        }
        counts
    }
}

impl CallCounts {
    fn add(&mut self, call: thread::JoinHandle<bool>) {
        match call.join() {
            Ok(true) => self.answered += 1,
            Ok(false) | Err(_) => self.failed += 1,
        }
    }
}

/// Makes a call; returns true if it has an answer of success.
fn call(address: SocketAddr, number: u64) -> io::Result<bool> {
    let work = &WORK[(number % WORK.len() as u64) as usize];
    let (target, body) = match work.path {
        "/items/" => (format!("/items/{}", number % 40), ""),
        "/search" => (format!("/search?q=word{}", number % 5), ""),
        path => (path.to_owned(), "{\"item\":7}"),
    };
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let length = body.len();
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let method = work.method;
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{kind}Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    io::copy(&mut reader.take(MAX_ANSWER_BYTES), &mut io::sink())?;
    Ok(line.split(' ').nth(1).is_some_and(|status| status.starts_with('2')))
}

/// Calls that wait for their answers at once; one beyond it is not sent, and has failed.
const MAX_OPEN_CALLS: usize = 1_000;

/// Time for connecting and for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of an answer that are read.
const MAX_ANSWER_BYTES: u64 = 1 << 20;
