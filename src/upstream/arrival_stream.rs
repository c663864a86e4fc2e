//! A TCP stream that knows when the kernel received what was read last.
//!
//! A recorder that waits for a core reads a response later than it came. The kernel stamps each
//! segment when it arrives (Linux, `SO_TIMESTAMPNS`), whoever runs on the core at that time. It
//! begins to do so a moment after the first socket asks, and ends with the last.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::wire::pass_on_writes;

/// A stream that knows when its data arrived.
pub trait Arrivals {
    /// Returns when the kernel received the last segment that was read; `None` where the system
    /// does not tell.
    fn last_arrival(&self) -> Option<Instant>;
}

/// A TCP stream that asks the kernel for the times of arrival.
#[derive(Debug)]
pub struct ArrivalStream {
    stream: TcpStream,
    last_arrival: Option<Instant>,
}

impl ArrivalStream {
    /// Wraps a connected stream. Without stamps of the kernel it is an ordinary stream.
    pub fn new(stream: TcpStream) -> Self {
        kernel::enable_stamps(&stream);
        Self { stream, last_arrival: None }
    }
}

impl Arrivals for ArrivalStream {
    fn last_arrival(&self) -> Option<Instant> {
        self.last_arrival
    }
}

impl Arrivals for TlsStream<ArrivalStream> {
    fn last_arrival(&self) -> Option<Instant> {
        self.get_ref().0.last_arrival()
    }
}

impl AsyncRead for ArrivalStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        kernel::poll_read(&mut this.stream, cx, buffer, &mut this.last_arrival)
    }
}

impl AsyncWrite for ArrivalStream {
    pass_on_writes!();
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::io::{self, IoSliceMut};
    use std::os::fd::{AsRawFd as _, RawFd};
    use std::task::{Context, Poll, ready};
    use std::time::{Duration, Instant, SystemTime};

    use nix::sys::socket::{ControlMessageOwned, MsgFlags, cmsg_space, recvmsg, setsockopt, sockopt};
    use nix::sys::time::TimeSpec;
    use tokio::io::{Interest, ReadBuf};
    use tokio::net::TcpStream;

    pub(super) fn enable_stamps(stream: &TcpStream) {
        // a kernel that refuses gives no stamps, and the times are those of the reads
        let _ = setsockopt(stream, sockopt::ReceiveTimestampns, &true);
    }

    pub(super) fn poll_read(
        stream: &mut TcpStream,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        last_arrival: &mut Option<Instant>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(stream.poll_read_ready(cx))?;
            let unfilled = buffer.initialize_unfilled();
            match stream.try_io(Interest::READABLE, || receive(stream.as_raw_fd(), unfilled)) {
                Ok((count, stamp)) => {
                    buffer.advance(count);
                    *last_arrival = stamp.and_then(|stamp| instant_of(stamp, SystemTime::now(), Instant::now()));
                    return Poll::Ready(Ok(()));
                }
                // the readiness was stale; tokio has cleared it
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn receive(socket: RawFd, buffer: &mut [u8]) -> io::Result<(usize, Option<TimeSpec>)> {
        let mut slices = [IoSliceMut::new(buffer)];
        let mut control = [0; cmsg_space::<TimeSpec>()];
        let received = recvmsg::<()>(socket, &mut slices, Some(&mut control), MsgFlags::empty())?;
        let stamp = received.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
            _ => None,
        });
        Ok((received.bytes, stamp))
    }

    /// Converts a stamp of the system's clock, which may be set at any time, to the monotonic clock
    /// by its age. A stamp that is older than any read can be late, or lies in the future, is none.
    pub(super) fn instant_of(stamp: TimeSpec, system_now: SystemTime, now: Instant) -> Option<Instant> {
        let age = system_now.duration_since(SystemTime::UNIX_EPOCH + Duration::from(stamp)).ok()?;
        (age < MAX_AGE).then(|| now.checked_sub(age)).flatten()
    }

    /// Age above which a stamp says that the clock was set, rather than that the reader was late.
    const MAX_AGE: Duration = Duration::from_secs(10);
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Instant;

    use tokio::io::{AsyncRead as _, ReadBuf};
    use tokio::net::TcpStream;

    pub(super) fn enable_stamps(_: &TcpStream) {}

    pub(super) fn poll_read(
        stream: &mut TcpStream,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        _: &mut Option<Instant>,
    ) -> Poll<io::Result<()>> {
        Pin::new(stream).poll_read(cx, buffer)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write as _;
    use std::time::{Duration, SystemTime};

    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// A reader that comes late sees when the bytes came.
    #[test]
    fn a_late_read_has_the_time_of_the_arrival() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut stream = ArrivalStream::new(TcpStream::connect(address).await.expect("it connects"));
            let (mut service, _) = listener.accept().expect("it is accepted");
            let mut bytes = [0; 16];
            let mut stamped = 0;
            // the kernel begins to stamp in its own time
            for number in 0..100 {
                let before = Instant::now();
                service.write_all(b"answer").expect("it is sent");
                let after = Instant::now();
                std::thread::sleep(Duration::from_millis(20));
                assert_eq!(stream.read(&mut bytes).await.expect("it is read"), 6);
                let Some(arrival) = stream.last_arrival() else { continue };
                // the two clocks are read one after the other
                let tolerance = Duration::from_millis(5);
                assert!(
                    arrival + tolerance >= before && arrival <= after + tolerance,
                    "read {number}: {:?} after the write began, which took {:?}",
                    arrival.saturating_duration_since(before),
                    after - before
                );
                stamped += 1;
                if stamped == 3 {
                    return;
                }
            }
            panic!("the kernel stamped {stamped} reads of 100");
        });
    }

    #[test]
    fn a_stamp_of_a_clock_that_was_set_is_none() {
        let (began, at) = (Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000));
        let now = began + Duration::from_secs(2);
        let of = |seconds: i64| kernel::instant_of(nix::sys::time::TimeSpec::new(seconds, 0), at, now);
        assert_eq!(of(998), Some(began));
        assert_eq!(of(1_001), None);
        assert_eq!(of(900), None);
    }
}
