//! Sending of one request to a service: over a kept connection or a new one, within a time limit.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};

use super::{Checkout, Upstream, UpstreamConnection, failure_of};
use crate::worker_context::WorkerContext;
use standin_tape::exchange::{ExchangeFailure, FailureReason};

/// The accounting of one request while it is exchanged.
pub trait CallAccount<B> {
    /// Notes that the request is sent now, over this connection.
    fn begin(&mut self, checkout: &Checkout<B>);
    /// Notes that the connection was closed before the service took the request, which is sent
    /// again.
    fn retry(&mut self);
    /// Notes that the exchange over this connection failed.
    fn fail(&mut self, connection: &UpstreamConnection<B>);
}

/// The head of a response, and the connection that its body arrives on.
#[derive(Debug)]
pub struct Exchanged<B> {
    pub response: Response<Incoming>,
    pub connection: UpstreamConnection<B>,
}

impl<B> Upstream<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Sends a request, and waits for the head of its response for at most `timeout`. A kept
    /// connection that closes before it took anything is replaced.
    pub async fn exchange(
        &self,
        mut request: Request<B>,
        timeout: Duration,
        context: &WorkerContext,
        account: &mut impl CallAccount<B>,
    ) -> Result<Exchanged<B>, ExchangeFailure> {
        let mut needs_new = false;
        loop {
            let idle = if needs_new { None } else { self.take_idle(context.worker) };
            let checkout = match idle {
                Some(checkout) => checkout,
                None => tokio::time::timeout(timeout, self.take_new(&context.tasks))
                    .await
                    .unwrap_or_else(|_| Err(connect_timeout_failure(timeout)))?,
            };
            account.begin(&checkout);
            let Checkout { mut connection, reused, .. } = checkout;
            let sent = tokio::time::timeout(timeout, connection.sender.try_send_request(request)).await;
            let failure = match sent {
                Ok(Ok(response)) => return Ok(Exchanged { response, connection }),
                Ok(Err(mut error)) => match error.take_message() {
                    Some(unsent) if reused => {
                        account.retry();
                        (request, needs_new) = (unsent, true);
                        continue;
                    }
                    _ => failure_of(&error.into_error()),
                },
                Err(_) => timeout_failure(timeout),
            };
            account.fail(&connection);
            return Err(failure);
        }
    }
}

/// Returns the failure of a service that sent nothing for `timeout`.
pub fn timeout_failure(timeout: Duration) -> ExchangeFailure {
    ExchangeFailure { reason: FailureReason::Timeout, detail: format!("nothing came for {timeout:?}") }
}

fn connect_timeout_failure(timeout: Duration) -> ExchangeFailure {
    ExchangeFailure { reason: FailureReason::Timeout, detail: format!("no connection within {timeout:?}") }
}
