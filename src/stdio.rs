//! stdout and stderr, written so that nobody who does not read them can hold up or end a thread.
//!
//! The standard macros panic where the reader has gone, and wait for ever where it does not read. Here a line is written
//! as far as the reader takes it within a given time; what it does not take is dropped and counted, and that is said in
//! its place once the reader takes something again.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StdStream {
    Out,
    Err,
}

/// What a stream has not taken since it last took anything.
#[derive(Debug, Default)]
struct DroppedLines {
    lines: u64,
    /// Whether the last line that it took was cut off.
    is_torn: bool,
}

static MISSED: [Mutex<DroppedLines>; 2] = [
    const { Mutex::new(DroppedLines { lines: 0, is_torn: false }) },
    const { Mutex::new(DroppedLines { lines: 0, is_torn: false }) },
];
static DROPPED: AtomicU64 = AtomicU64::new(0);
static SERVES: AtomicBool = AtomicBool::new(false);

/// From now on nothing waits long for a reader: this process answers calls.
pub(crate) fn begin_to_serve() {
    SERVES.store(true, Relaxed);
}

/// Lines that were dropped, as nobody read them.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Relaxed)
}

/// Writes a line, and waits for a slow reader as long as the command may: a report as long as it takes, a server a second.
pub(crate) fn write_line(stream: StdStream, text: &str) {
    let patience = SERVES.load(Relaxed).then_some(SERVER_WRITE_TIMEOUT);
    write(stream, format!("{text}\n").as_bytes(), patience);
}

/// Writes what is shown while a command is at work; it is dropped where the reader does not take it at once.
pub(crate) fn write_progress(text: &str) {
    write(StdStream::Err, text.as_bytes(), Some(Duration::ZERO));
}

/// Tells panics on stderr in these ways, as the standard library would.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let mut text = format!("thread '{}' {panic}\n", thread.name().unwrap_or("<unnamed>"));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            text.push_str(&backtrace.to_string());
        }
        write(StdStream::Err, text.as_bytes(), Some(Duration::ZERO));
    }));
}

/// Where a log goes: each line to stderr, without a wait.
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

/// Writes bytes, whole lines, and waits for the reader no longer than `patience`; for ever if there is none.
fn write(stream: StdStream, bytes: &[u8], patience: Option<Duration>) {
    let descriptor = stream.descriptor();
    let deadline = patience.map(|patience| Instant::now() + patience);
    let mut rest = bytes;
    loop {
        match push(stream, descriptor, &mut rest) {
            // nobody will ever read it
            Err(_) => {
                DROPPED.fetch_add(1, Relaxed);
                return;
            }
            Ok(()) if rest.is_empty() => return,
            Ok(()) => {}
        }
        // not while others may want to write
        if !is_writable(descriptor, deadline) {
            DROPPED.fetch_add(1, Relaxed);
            let mut missed = stream.missed();
            missed.lines += 1;
            missed.is_torn |= rest.len() < bytes.len();
            return;
        }
    }
}

/// Writes as much as the reader takes at once, and before it what it missed.
fn push(stream: StdStream, descriptor: BorrowedFd<'_>, rest: &mut &[u8]) -> Result<(), Errno> {
    let mut missed = stream.missed();
    if missed.lines > 0 {
        let begin = if missed.is_torn { "\n" } else { "" };
        let told = format!("{begin}standin: {} lines were dropped here, as nobody read them\n", missed.lines);
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

/// Whether a write of [`ATOMIC_WRITE_BYTES`] bytes would not wait, by a deadline at the latest.
fn is_writable(descriptor: BorrowedFd<'_>, deadline: Option<Instant>) -> bool {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
        let mut polled = [PollFd::new(&descriptor, PollFlags::OUT)];
        match poll(&mut polled, timeout.as_ref()) {
            Ok(0) => return false,
            // an error shows in the write
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
        MISSED[usize::from(self == Self::Err)].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pipe that can be written to takes as much without a wait (POSIX.1-2017, `write`: PIPE_BUF, a page on Linux).
const ATOMIC_WRITE_BYTES: usize = 4096;

/// How long a server waits for who reads what it says, apart from its log.
const SERVER_WRITE_TIMEOUT: Duration = Duration::from_millis(200);
