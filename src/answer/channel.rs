//! WebSockets: handshakes that open channels, and requests that trigger message stubs.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use uuid::Uuid;

use super::{Answerer, Answering};
use crate::channels::{self, ActionRunner, ChannelSession, SessionLimits, SessionMeans, TriggeringEvent};
use crate::listen::connection::Connection;
use crate::offload::Turns;
use standin_stub::call::Call;

impl Answerer {
    /// Returns whether a request opens a channel. Without message stubs, a server that forwards
    /// unmatched requests treats it as one of them.
    pub(super) fn opens_channel(&self, request: &Request<Incoming>, connection: &Connection) -> bool {
        // the HTTP library marks requests for an upgrade by an extension
        !request.extensions().is_empty()
            && !connection.http2
            && channels::is_handshake(request)
            && (self.forward.is_none() || !self.live.messaging().stubs().is_empty())
    }

    /// Answers the handshake of a WebSocket, and lets its session take over the connection.
    pub(super) fn open_channel(
        self: Arc<Self>,
        request: &mut Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> Answering {
        if let Err(refusal) = self.admit(request, connection) {
            return self.finish(*refusal, Method::GET, &connection.memory);
        }
        let reply = channels::accept(request.headers());
        if reply.status == StatusCode::SWITCHING_PROTOCOLS {
            let call = self.call(request, Bytes::new(), None, connection);
            let means = SessionMeans {
                connection: Arc::clone(connection),
                runner: self.action_runner(),
                context: self.context.clone(),
                audit: Arc::clone(&self.audit),
                limits: SessionLimits { message: self.limits.message, idle: self.limits.idle },
            };
            let session = ChannelSession::open(&call, means);
            connection.take_over(move |upgraded| Box::pin(session.run(upgraded)));
        }
        self.finish(reply, Method::GET, &connection.memory)
    }

    /// Triggers the message stubs of a request. `http_stub` is the stub that answers it.
    pub(super) fn trigger_messages(&self, call: &Call, http_stub: Option<Uuid>) {
        let runner = self.action_runner();
        let stubs = runner.stubs_of_request(call, http_stub);
        if stubs.is_empty() {
            return;
        }
        let event = TriggeringEvent { call: Arc::new(call.copy()), message: None, at: Instant::now() };
        self.context.tasks.spawn(async move {
            let turns = Turns::default();
            for stub in stubs {
                for error in runner.run(&stub, &event, None, &turns).await {
                    tracing::warn!(stub = %stub.id, %error, "a message is not sent");
                }
            }
        });
    }

    fn action_runner(&self) -> ActionRunner {
        ActionRunner { live: Arc::clone(&self.live), offload: Arc::clone(&self.offload), draws: self.draws }
    }
}
