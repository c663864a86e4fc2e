//! The protocol of a connection: HTTP/2 if ALPN or the first bytes say so, else HTTP/1.1.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;

use super::connection::{BoxError, Broken, Connection, Limits, TimedOut};
use super::frames::PREFACE;
use super::{http1, http2};
use crate::shutdown::DrainGuard;
use crate::tasks::Tasks;
use crate::wire::{Transport, Wire};

/// Reads the first bytes of a connection without TLS, and returns whether it speaks HTTP/2.
///
/// The bytes stay in `wire`, to be read again. An incomplete preface gets a 408.
pub async fn speaks_http2<S: Transport>(wire: &mut Wire<S>, limits: Limits) -> Result<bool, TimedOut> {
    match tokio::time::timeout(limits.idle, wire.read_ahead()).await {
        Err(_) => return Err(TimedOut::Idle),
        // whoever serves the connection finds out that it has failed or ended
        Ok(Err(_) | Ok(0)) => return Ok(false),
        Ok(Ok(_)) => {}
    }
    // nearly always the first read decides, and no second time-out is needed
    if let Some(http2) = is_http2(wire.ahead()) {
        return Ok(http2);
    }
    let decide = async {
        loop {
            match wire.read_ahead().await {
                Err(_) | Ok(0) => return false,
                Ok(_) => {}
            }
            if let Some(http2) = is_http2(wire.ahead()) {
                return http2;
            }
        }
    };
    tokio::time::timeout(limits.read, decide).await.map_err(|_| TimedOut::Head)
}

/// Returns whether bytes begin with the HTTP/2 preface; `None` while they are a part of it.
fn is_http2(bytes: &[u8]) -> Option<bool> {
    if bytes.len() < PREFACE.len() {
        return (!PREFACE.starts_with(bytes)).then_some(false);
    }
    Some(bytes.starts_with(PREFACE))
}

/// Serves a connection to its end, and returns the time-out that ended it, if one did. The requests
/// of an HTTP/2 connection run as `tasks`.
pub async fn serve<S, F, A, B>(
    wire: Wire<S>,
    connection: Arc<Connection>,
    limits: Limits,
    service: F,
    work: DrainGuard,
    tasks: Tasks,
) -> Option<TimedOut>
where
    S: Transport,
    F: Fn(Request<Incoming>, Arc<Connection>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<Response<B>, Broken>> + Send + Unpin + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    if connection.http2 {
        // boxed, as it is larger than the state of an HTTP/1.1 connection
        Box::pin(http2::serve(wire, connection, limits, service, work, tasks)).await
    } else {
        http1::serve(wire, connection, limits, service, work).await
    }
}
