//! Transfer of admin requests from the workers to the control plane, and of their responses back.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::{mpsc, oneshot};

use crate::listen::connection::Connection;
use crate::live::ServiceState;
use crate::send::Outgoing;
use standin_stub::call::Peers;
use standin_stub::memory::MemoryShare;

/// Maximum number of admin requests that wait for the control plane.
pub const MAX_WAITING: usize = 1024;

/// An admin request with the channel for its response.
#[derive(Debug)]
pub struct AdminRequest {
    /// Request; its body is not read yet.
    pub request: Request<Incoming>,
    /// Addresses of the connection.
    pub peers: Peers,
    /// Memory share to which the bodies count.
    pub memory: Arc<MemoryShare>,
    /// State of the stubs of its listener.
    pub service: Arc<ServiceState>,
    /// Channel for the response.
    pub response: oneshot::Sender<Response<Outgoing>>,
}

/// Returns true if a path belongs to the admin API. No stub can shadow it.
pub fn is_admin_path(path: &str) -> bool {
    path.strip_prefix("/__admin").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Sends an admin request to the control plane, and waits for its response.
pub async fn forward_request(
    control: &mpsc::Sender<AdminRequest>,
    request: Request<Incoming>,
    connection: &Connection,
    service: Arc<ServiceState>,
) -> Response<Outgoing> {
    let (response, received) = oneshot::channel();
    let (peers, memory) = (connection.peers, Arc::clone(&connection.memory));
    match control.try_send(AdminRequest { request, peers, memory, service, response }) {
        Ok(()) => received.await.unwrap_or_else(|_| unavailable("standin is shutting down\n")),
        Err(mpsc::error::TrySendError::Full(_)) => {
            unavailable("too many admin requests wait; use --admin-listen under load\n")
        }
        Err(mpsc::error::TrySendError::Closed(_)) => unavailable("standin is shutting down\n"),
    }
}

fn unavailable(why: &'static str) -> Response<Outgoing> {
    refused(StatusCode::SERVICE_UNAVAILABLE, why)
}

/// Returns the response to an admin request that is not sent to the control plane.
pub fn refused(status: StatusCode, why: &'static str) -> Response<Outgoing> {
    let mut response = Response::new(Outgoing::whole(Bytes::from_static(why.as_bytes())));
    *response.status_mut() = status;
    response
}
