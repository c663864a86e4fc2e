//! The way of an admin call from the worker that read it to the control plane, and of its answer back.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::{mpsc, oneshot};

use super::ServiceState;
use crate::listen::connection::Connection;
use crate::send::Outgoing;
use standin_stub::call::Peers;
use standin_stub::memory::MemoryShare;

/// Admin calls that may wait for the control plane at a time.
pub const WAITING: usize = 1024;

/// An admin call with where its answer goes.
#[derive(Debug)]
pub struct AdminRequest {
    /// The call, its body still on the way.
    pub request: Request<Incoming>,
    /// Both ends of its connection.
    pub peers: Peers,
    /// Where what it holds is counted.
    pub memory: Arc<MemoryShare>,
    /// The stubs of the listener that it came by.
    pub live: Arc<ServiceState>,
    /// Where its answer goes.
    pub answer: oneshot::Sender<Response<Outgoing>>,
}

/// Whether a path is the control plane's; no stub can shadow it.
pub fn is_admin(path: &str) -> bool {
    path.strip_prefix("/__admin").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Hands an admin call over, and waits for its answer.
pub async fn hand_over(
    control: &mpsc::Sender<AdminRequest>,
    request: Request<Incoming>,
    connection: &Connection,
    live: Arc<ServiceState>,
) -> Response<Outgoing> {
    let (answer, answered) = oneshot::channel();
    let (peers, memory) = (connection.peers, Arc::clone(&connection.memory));
    match control.try_send(AdminRequest { request, peers, memory, live, answer }) {
        Ok(()) => answered.await.unwrap_or_else(|_| unavailable("standin is shutting down\n")),
        Err(mpsc::error::TrySendError::Full(_)) => {
            unavailable("too many admin calls wait; use --admin-listen under load\n")
        }
        Err(mpsc::error::TrySendError::Closed(_)) => unavailable("standin is shutting down\n"),
    }
}

fn unavailable(why: &'static str) -> Response<Outgoing> {
    refused(StatusCode::SERVICE_UNAVAILABLE, why)
}

/// Returns the answer to an admin call that is not handed over.
pub fn refused(status: StatusCode, why: &'static str) -> Response<Outgoing> {
    let mut response = Response::new(Outgoing::whole(Bytes::from_static(why.as_bytes())));
    *response.status_mut() = status;
    response
}
