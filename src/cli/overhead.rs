//! Measurement of the time that the recorder adds to a call: the same calls with and without it, in
//! turns.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::record::{ForwardRule, Recorder, RecorderConfig};
use crate::server::{Handle, Server};
use crate::upstream::{Connector, TargetUrl, TrustAnchors, UpstreamLimits};
use standin_tape::RecorderOverhead;

/// Returns the differences at the median, the 90th and the 99th percentile; `None` if a server
/// cannot be started.
pub(super) fn measure() -> Option<RecorderOverhead> {
    // a server without stubs answers at once
    let service = start(None)?;
    let origin = TargetUrl::parse(&format!("http://{}", address(&service))).ok()?;
    let recorder = Recorder::start(RecorderConfig {
        connector: Connector::new(origin, &TrustAnchors::System).ok()?,
        limits: UpstreamLimits::default(),
        timeout: CALL_TIMEOUT,
        workers: 1,
        tape: None,
        observer: None,
    })
    .ok()?;
    let proxy = start(Some(ForwardRule { recorder, forwards_all: true }))?;
    let mut direct = Caller::new(address(&service)).ok()?;
    let mut through = Caller::new(address(&proxy)).ok()?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for call in 0..WARM_UP_CALLS + CALLS {
        let (one, other) = (direct.call().ok()?, through.call().ok()?);
        if call >= WARM_UP_CALLS {
            without.push(one);
            with.push(other);
        }
    }
    without.sort_unstable();
    with.sort_unstable();
    let place = |share: usize| (CALLS - 1) * share / 100;
    // a difference of quantiles may fall from one quantile to the next; the reported overhead does
    // not
    let mut added = 0;
    let mut at = |share| {
        let difference = with[place(share)].saturating_sub(without[place(share)]);
        added = added.max(difference.as_nanos() as u64);
        added
    };
    let (p50, p90, p99) = (at(50), at(90), at(99));
    Some(RecorderOverhead { p50, p90, p99, round_trip: without[place(50)].as_nanos() as u64 })
}

fn start(forward: Option<ForwardRule>) -> Option<Handle> {
    let config = Config { workers: 1, journal_bytes: 0, watches: false, grace: Duration::ZERO, ..Config::default() };
    Server::bind(config).ok()?.forward(forward).start().ok()
}

fn address(server: &Handle) -> SocketAddr {
    server.addresses()[0].listener.address
}

/// A client that waits for each response.
struct Caller {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Caller {
    fn new(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(CALL_TIMEOUT))?;
        Ok(Self { stream, buffer: vec![0; 4096] })
    }

    /// Sends a request, and returns the time until its response.
    fn call(&mut self) -> io::Result<Duration> {
        let begin = Instant::now();
        self.stream.write_all(b"HEAD / HTTP/1.1\r\nhost: standin\r\n\r\n")?;
        let mut filled = 0;
        while !self.buffer[..filled].ends_with(b"\r\n\r\n") {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
        }
        Ok(begin.elapsed())
    }
}

/// Calls before the measurement.
const WARM_UP_CALLS: usize = 50;
/// Calls of the measurement.
const CALLS: usize = 300;
/// Time-out of one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
