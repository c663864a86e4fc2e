//! Rendering of replies, on the worker or beside it, with their bodies counted.

use std::borrow::Borrow;
use std::sync::Arc;

use super::{Answerer, refusal};
use crate::listen::connection::Connection;
use standin_stub::Stub;
use standin_stub::call::Call;
use standin_stub::memory::MemoryExhausted;
use standin_stub::render::Cancellation;
use standin_stub::reply::{Body, Reply};

impl Answerer {
    /// Renders a reply on the worker; `None` if that takes long or has to decode a large body.
    #[inline]
    pub(super) fn try_render_inline(
        &self,
        stub: &Stub,
        ordinal: u64,
        call: &Call,
        connection: &Connection,
    ) -> Option<Reply> {
        let values = || standin_model::stub_random_stream(stub.id, self.draws, ordinal);
        if stub.response.is_fixed() {
            return stub.response.try_render_inline(call, values);
        }
        let reply = call.try_without_decoding(|| stub.response.try_render_inline(call, values))??;
        Some(if stub.response.shares_body_of(&reply) { reply } else { made(reply, call.exhausted(), connection) })
    }

    /// Renders a reply on the worker, or on an offload thread if that takes long.
    pub(super) async fn render<C>(&self, stub: Arc<Stub>, ordinal: u64, call: C, connection: &Connection) -> Reply
    where
        C: Borrow<Call> + Send + 'static,
    {
        if let Some(reply) = self.try_render_inline(&stub, ordinal, call.borrow(), connection) {
            return reply;
        }
        let values = standin_model::stub_random_stream(stub.id, self.draws, ordinal);
        let cancellation = Cancellation::default();
        // this future is dropped when the call is cancelled
        let _cancel = cancellation.on_drop();
        let render = move || {
            let call = call.borrow();
            let reply = stub.response.render(call, || values, cancellation);
            let is_shared = stub.response.shares_body_of(&reply);
            (reply, is_shared, call.exhausted())
        };
        match self.offload.run(&connection.turns, render).await {
            (reply, true, None) => reply,
            (reply, _, exhausted) => made(reply, exhausted, connection),
        }
    }
}

/// Counts the body of a rendered reply until it is sent. Returns a refusal in its place if the
/// memory budget was exhausted while it was rendered.
fn made(reply: Reply, exhausted: Option<MemoryExhausted>, connection: &Connection) -> Reply {
    match exhausted {
        Some(exhausted) => *refusal::exhausted(exhausted),
        None => held(reply, connection),
    }
}

/// Counts the body of a reply until it is sent. Returns a refusal if there is no memory for it.
pub(super) fn held(mut reply: Reply, connection: &Connection) -> Reply {
    if let Body::Bytes(bytes) = &mut reply.body
        && bytes.len() > connection.uncounted()
    {
        match connection.memory.hold(std::mem::take(bytes)) {
            Ok(held) => *bytes = held,
            Err(exhausted) => return *refusal::exhausted(exhausted),
        }
    }
    reply
}
