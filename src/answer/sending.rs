//! The end of the request path: a reply becomes a response when it is due.

use std::sync::Arc;

use http::Method;

use super::{Answer, Answerer, Answering, refusal};
use crate::listen::connection::Broken;
use crate::send::{self, Transfer, Wait};
use standin_stub::memory::MemoryShare;
use standin_stub::reply::Reply;

impl Answerer {
    /// Sends a reply that is due: at once, unless its body has to be read or timed.
    pub(super) fn finish(self: Arc<Self>, reply: Reply, method: Method, memory: &Arc<MemoryShare>) -> Answering {
        self.context.timer.fire_due();
        self.count(&reply);
        match send::respond_at_once(reply, &method) {
            Ok(Ok(response)) => Answering::Now(Ok(response)),
            Ok(Err(ending)) => Answering::Now(Err(Broken(ending))),
            Err(reply) => {
                let memory = Arc::clone(memory);
                Answering::Later(Box::pin(async move { self.respond(*reply, &method, None, &memory).await }))
            }
        }
    }

    /// Sends a reply that is due. Its body leaves at the rate of `transfer`, if there is one.
    pub(super) async fn send(
        &self,
        reply: Reply,
        method: &Method,
        transfer: Option<Transfer>,
        memory: &Arc<MemoryShare>,
    ) -> Answer {
        self.context.timer.fire_due();
        self.count(&reply);
        self.respond(reply, method, transfer, memory).await
    }

    /// Converts a reply that is counted already into a response.
    async fn respond(
        &self,
        reply: Reply,
        method: &Method,
        transfer: Option<Transfer>,
        memory: &Arc<MemoryShare>,
    ) -> Answer {
        if let Some(ending) = reply.ending {
            return Err(Broken(ending));
        }
        let wait = || -> Wait {
            let timer = Arc::clone(&self.context.timer);
            Box::new(move |due| Box::pin(Arc::clone(&timer).wait_until(due)))
        };
        match send::respond(reply, method, transfer, memory, wait).await {
            Ok(response) => Ok(response),
            Err(why) => send::respond_at_once(*refusal::unsendable(&why), method)
                .unwrap_or_else(|_| unreachable!("a refusal is a text"))
                .map_err(Broken),
        }
    }

    pub(super) fn count(&self, reply: &Reply) {
        let status = if reply.ending.is_some() { None } else { Some(reply.status) };
        self.live.response_counts().count(self.context.worker, status);
    }
}
