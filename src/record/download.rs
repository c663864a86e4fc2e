//! Response bodies on their way to the client, copied while they pass.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;

use super::in_flight::InFlightCall;
use crate::tasks::Tasks;
use crate::upstream::{self, ResponseBody, ResponseObserver};
use standin_tape::exchange::{ExchangeFailure, FailureReason};

/// The body of a response on its way to the client.
///
/// If the client disconnects, the rest is read all the same, because the service still works on it
/// and its latency is measured.
pub(super) type DownloadBody = ResponseBody<Download>;

/// A response that is being copied to the tape.
#[derive(Debug)]
pub(super) struct Download {
    pub(super) call: InFlightCall,
    /// Maximum time for the rest of a response whose client has disconnected.
    pub(super) timeout: Duration,
    pub(super) tasks: Tasks,
}

impl ResponseObserver for Download {
    fn data(&mut self, data: &Bytes) {
        self.call.capture_response(data);
    }

    fn end(self, failure: Option<ExchangeFailure>) {
        self.call.end(failure);
    }

    fn abandon(self, rest: Incoming) {
        self.tasks.spawn(drain(rest, self.call, self.timeout));
    }
}

/// Reads the rest of a response whose client has disconnected, up to a time and a length.
async fn drain(mut incoming: Incoming, mut call: InFlightCall, timeout: Duration) {
    let client_gone = || Some(ExchangeFailure { reason: FailureReason::ClientGone, detail: String::new() });
    let read = async {
        let mut bytes = 0;
        loop {
            match std::future::poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx)).await {
                Some(Ok(frame)) => {
                    let data = frame.data_ref().map_or(&[][..], |data| data);
                    call.capture_response(data);
                    bytes += data.len();
                    if bytes > MAX_DRAINED_BYTES {
                        return client_gone();
                    }
                }
                Some(Err(error)) => return Some(upstream::failure_of(&error)),
                None => return None,
            }
        }
    };
    let failure = tokio::time::timeout(timeout, read).await.unwrap_or_else(|_| client_gone());
    call.end(failure);
}

/// Upper limit for the bytes that are read of a response after its client has disconnected.
const MAX_DRAINED_BYTES: usize = 16 << 20;
