//! [`ServiceCall`], a request that a service works on: its permit and its connection.

use std::sync::Arc;

use super::clients::ServiceClient;
use crate::send::Outgoing;
use crate::upstream::{CallAccount, Checkout, UpstreamConnection, UpstreamPermit};

/// A request at a service. Dropping it before its end closes its connection, so that the service
/// learns that nobody waits.
#[derive(Debug)]
pub struct ServiceCall {
    client: Arc<ServiceClient>,
    worker: usize,
    connection: Option<UpstreamConnection<Outgoing>>,
    is_at_service: bool,
    _permit: UpstreamPermit,
}

impl ServiceCall {
    pub fn new(client: Arc<ServiceClient>, permit: UpstreamPermit, worker: usize) -> Self {
        Self { client, worker, connection: None, is_at_service: false, _permit: permit }
    }

    /// Keeps the connection on which the response arrives.
    pub fn keep(&mut self, connection: UpstreamConnection<Outgoing>) {
        self.connection = Some(connection);
    }

    /// Ends a call whose response is complete; its connection can be used again.
    pub fn complete(mut self) {
        if let Some(connection) = self.connection.take() {
            self.client.put_idle(self.worker, connection);
        }
    }

    fn leave_service(&mut self) {
        if std::mem::take(&mut self.is_at_service) {
            self.client.end_call();
        }
    }
}

impl CallAccount<Outgoing> for ServiceCall {
    fn begin(&mut self, checkout: &Checkout<Outgoing>) {
        checkout.connection.times.clear();
        self.is_at_service = true;
        self.client.begin_call();
    }

    fn retry(&mut self) {
        self.leave_service();
    }

    fn fail(&mut self, _: &UpstreamConnection<Outgoing>) {
        self.leave_service();
    }
}

impl Drop for ServiceCall {
    fn drop(&mut self) {
        self.leave_service();
    }
}
