//! Output on stdout and stderr that a slow or absent reader can neither block nor end.
//!
//! The standard macros panic if the reader has closed the stream, and block while it does not read.
//! Here a line is written as far as the reader takes it within a time limit. Lines beyond it are
//! dropped and counted; a note in their place says so once the reader takes output again.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::locks::LockUnpoisoned as _;

/// Standard output or standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StdStream {
    Out,
    Err,
}

/// Lines dropped since the reader last took output.
#[derive(Debug, Default)]
struct DroppedLines {
    lines: u64,
    /// True if the last line that was written is incomplete.
    is_torn: bool,
}

static MISSED: [Mutex<DroppedLines>; 2] = [
    const { Mutex::new(DroppedLines { lines: 0, is_torn: false }) },
    const { Mutex::new(DroppedLines { lines: 0, is_torn: false }) },
];
static DROPPED: AtomicU64 = AtomicU64::new(0);
static JSON_LINES: AtomicBool = AtomicBool::new(false);
static SERVES: AtomicBool = AtomicBool::new(false);

/// Limits the time of writing from now on, as this process answers requests.
pub(crate) fn begin_to_serve() {
    SERVES.store(true, Relaxed);
}

/// Sets whether messages are lines of JSON from now on, as the log is.
pub(crate) fn set_json_lines(is_json: bool) {
    JSON_LINES.store(is_json, Relaxed);
}

/// Returns true if messages are lines of JSON.
pub(crate) fn has_json_lines() -> bool {
    JSON_LINES.load(Relaxed)
}

/// Returns true if stderr is a terminal that shows colours; see <https://no-color.org>.
pub(crate) fn has_colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Severity of a message, as the log names it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

/// Returns a message as a line of JSON, with the fields of a line of the log.
pub(crate) fn json_line(level: Level, message: &str) -> String {
    let level = match level {
        Level::Info => "INFO",
        Level::Warn => "WARN",
        Level::Error => "ERROR",
    };
    serde_json::json!({
        "timestamp": jiff::Timestamp::now().to_string(),
        "level": level,
        "fields": {"message": message},
        "target": "standin",
    })
    .to_string()
}

/// Returns the number of lines that were dropped because nobody read them.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Relaxed)
}

/// Writes a line. A server waits up to 200 ms for a slow reader, other commands as long as it
/// takes.
pub(crate) fn write_line(stream: StdStream, text: &str) {
    let timeout = SERVES.load(Relaxed).then_some(SERVER_WRITE_TIMEOUT);
    write(stream, format!("{text}\n").as_bytes(), timeout);
}

/// Writes progress output; it is dropped if the reader does not take it at once.
pub(crate) fn write_progress(text: &str) {
    write(StdStream::Err, text.as_bytes(), Some(Duration::ZERO));
}

/// Installs a panic hook that writes to stderr without blocking, in the format of the standard
/// library.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let mut text = format!("thread '{}' {panic}\n", thread.name().unwrap_or("<unnamed>"));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            text.push_str(&backtrace.to_string());
        }
        if has_json_lines() {
            text = format!("{}\n", json_line(Level::Error, text.trim_end()));
        }
        write(StdStream::Err, text.as_bytes(), Some(Duration::ZERO));
    }));
}

/// Writer of the log, to stderr without blocking.
pub(crate) struct LogLine;

impl io::Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(StdStream::Err, bytes, Some(Duration::ZERO));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes whole lines. Waits for the reader up to `timeout`, or without limit if it is `None`.
fn write(stream: StdStream, bytes: &[u8], timeout: Option<Duration>) {
    let descriptor = stream.descriptor();
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let mut rest = bytes;
    loop {
        match push(stream, descriptor, &mut rest) {
            // the reader has gone
            Err(_) => {
                DROPPED.fetch_add(1, Relaxed);
                return;
            }
            Ok(()) if rest.is_empty() => return,
            Ok(()) => {}
        }
        // the lock is not held here, so that others can write
        if !is_writable(descriptor, deadline) {
            DROPPED.fetch_add(1, Relaxed);
            let mut missed = stream.missed();
            missed.lines += 1;
            missed.is_torn |= rest.len() < bytes.len();
            return;
        }
    }
}

/// Writes as much as the reader takes at once, after a note on lines that were dropped before.
fn push(stream: StdStream, descriptor: BorrowedFd<'_>, rest: &mut &[u8]) -> Result<(), Errno> {
    let mut missed = stream.missed();
    if missed.lines > 0 {
        let begin = if missed.is_torn { "\n" } else { "" };
        let message = format!("{} lines were dropped here, as nobody read them", missed.lines);
        let line = if has_json_lines() { json_line(Level::Warn, &message) } else { format!("standin: {message}") };
        let told = format!("{begin}{line}\n");
        if !is_writable(descriptor, Some(Instant::now())) {
            return Ok(());
        }
        rustix::io::write(descriptor, told.as_bytes())?;
        *missed = DroppedLines::default();
    }
    while !rest.is_empty() && is_writable(descriptor, Some(Instant::now())) {
        match rustix::io::write(descriptor, &rest[..rest.len().min(ATOMIC_WRITE_BYTES)]) {
            Ok(count) => *rest = &rest[count..],
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns true once a write of [`ATOMIC_WRITE_BYTES`] bytes would not block; false after the
/// deadline.
fn is_writable(descriptor: BorrowedFd<'_>, deadline: Option<Instant>) -> bool {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
        let mut polled = [PollFd::new(&descriptor, PollFlags::OUT)];
        match poll(&mut polled, timeout.as_ref()) {
            Ok(0) => return false,
            // the write reports the error
            Ok(_) => return true,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

impl StdStream {
    fn descriptor(self) -> BorrowedFd<'static> {
        match self {
            Self::Out => rustix::stdio::stdout(),
            Self::Err => rustix::stdio::stderr(),
        }
    }

    fn missed(self) -> MutexGuard<'static, DroppedLines> {
        MISSED[usize::from(self == Self::Err)].lock_unpoisoned()
    }
}

/// Number of bytes that a writable pipe takes without blocking (POSIX.1-2017, `write`: PIPE_BUF, a
/// page on Linux).
const ATOMIC_WRITE_BYTES: usize = 4096;

/// Time that a server waits for the reader of its output, apart from its log.
const SERVER_WRITE_TIMEOUT: Duration = Duration::from_millis(200);
