//! Answers to requests that go through the stations of a service: served, rendered, and sent when
//! the station says so.
//!
//! A request with the header `X-Standin-Debug: 1` gets an explanation of its times in the answer.

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::CONNECTION;
use http::{HeaderName, HeaderValue};

use super::streamed::StreamRequest;
use super::{Answer, Answerer, trigger_at_end};
use crate::listen::connection::{Broken, Connection};
use crate::live::journal::AnswerInfo;
use crate::pacing::{PacedRequest, ServiceProgress, folder_of};
use crate::send::Transfer;
use crate::spans::PacedTimes;
use crate::webhooks::WebhookTrigger;
use standin_stub::Stub;
use standin_stub::call::Call;
use standin_stub::delay::units;
use standin_stub::matcher::MatchStats;
use standin_stub::reply::{ConnectionEnding, Reply};

/// Header of a request for an explanation of the times, and of the explanation.
pub(super) const DEBUG: HeaderName = HeaderName::from_static("x-standin-debug");

/// A request with its stub, and all that its answer depends on.
pub(super) struct Matched {
    pub(super) stub: Arc<Stub>,
    /// Number of requests that the stub answered before this one.
    pub(super) ordinal: u64,
    pub(super) call: Call,
    pub(super) connection: Arc<Connection>,
    /// Demands of the request, if a service of the active profile paces it.
    pub(super) paced: Option<Box<PacedRequest>>,
    /// The stub's own delay.
    pub(super) own_delay: Option<Duration>,
    /// `true` if the client asks for an explanation of the times.
    pub(super) explains: bool,
    /// Webhooks of the stub, if it has any.
    pub(super) webhooks: Option<WebhookTrigger>,
}

impl Answerer {
    /// Returns the demands of a request, if a service of the active profile paces it.
    pub(super) fn pace(&self, stub: &Stub, call: &Call) -> Option<PacedRequest> {
        // a real service takes its own time
        let active = self.live.pacing().active().filter(|_| stub.response.reply().proxy.is_none())?;
        let folder = folder_of(stub, self.live.folders().len());
        active.pace(folder, || stub.response.length(), call, &MatchStats::default(), self.draws)
    }

    /// Answers a request that leaves its station when its client goes away. A client that closes
    /// its side of the connection has gone.
    pub(super) async fn answer_unless_gone(self: Arc<Self>, matched: Matched) -> Answer {
        let clock = Arc::clone(&matched.connection.clock);
        tokio::select! {
            biased;
            answer = self.answer_paced(matched) => answer,
            () = clock.client_gone() => Err(Broken(ConnectionEnding::Close)),
        }
    }

    /// Takes a request through the stations of its service and answers it.
    pub(super) async fn answer_paced(self: Arc<Self>, matched: Matched) -> Answer {
        let Matched { stub, ordinal, call, connection, paced, own_delay, explains, webhooks } = matched;
        let (arrival, method) = (call.arrival, call.method.clone());
        if let Some((rules, idle)) = paced.as_ref().and_then(|paced| paced.connection_rules(self.draws)) {
            connection.keep_alive.begin_request(rules.max_requests.map(NonZeroU32::get), idle, rules.race);
        }
        let own_delay = own_delay.unwrap_or_default();
        let timer = &self.context.timer;
        let mut progress = match &paced {
            Some(paced) => paced.serve(arrival, timer).await,
            None => ServiceProgress::unpaced(arrival),
        };
        let expected = progress.finish() + own_delay - arrival;
        let times = progress.times();
        let answered = AnswerInfo::matched(&stub)
            .with_delay(Some(expected))
            .with_beyond_valid(progress.is_beyond_range())
            .with_times(times.as_ref());
        let call = Arc::new(call);
        let is_own = progress.is_rejected() || paced.as_ref().is_some_and(|paced| paced.status.is_some());
        let is_fixed = stub.response.is_fixed() && !is_own;
        let mut entry = None;
        if is_fixed {
            entry = self.live.journal().append(self.context.worker, &call, answered);
        }
        let mut reply = match (progress.rejection_reply(), paced.as_ref().and_then(|paced| paced.status)) {
            (Some(reply), _) => reply,
            (None, Some(status)) => Reply::empty(status),
            (None, None) => self.render(Arc::clone(&stub), ordinal, Arc::clone(&call), &connection).await,
        };
        if !is_fixed {
            entry = self.journal_reply(&call, answered, &reply);
        }
        let webhooks = webhooks.map(|webhooks| webhooks.of_entry(entry));
        progress.wait_for_finish(timer).await;
        // a rejection is not delayed by the stub
        let due = if progress.is_rejected() { progress.finish() } else { progress.finish() + own_delay };
        if due > arrival {
            self.wait(arrival, due - arrival, &connection).await;
        }
        if let Some(paced) = paced.as_ref().filter(|_| !progress.is_rejected()) {
            paced.record_times(due - arrival, arrival.elapsed());
        }
        // those of shared workers are exact only now
        let times = self.spans.as_ref().and_then(|_| progress.times()).map(PacedTimes::from);
        progress.complete();
        if explains {
            let mut text = format!("stub={}", stub.id);
            progress.explain(&mut text);
            let late = Instant::now().saturating_duration_since(due);
            let _ = write!(text, "; stub-delay={}; late={}", units::duration(own_delay), units::duration(late));
            // names that a header cannot carry are left out with the rest
            if let Ok(value) = HeaderValue::from_str(&text) {
                reply.headers.insert(DEBUG, value);
            }
        }
        let rate = paced.as_ref().and_then(|paced| paced.transfer_rate).filter(|_| !progress.is_rejected());
        let transfer = rate.map(|rate| Transfer { start: due, rate });
        if connection.keep_alive.is_ending() && !connection.http2 {
            reply.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let request = StreamRequest { stub: &stub, ordinal, call: &call, connection: &connection, entry, due };
        let stream = self.open_stream(&mut reply, &method, &request);
        let mut answer = self.send(reply, &method, transfer, &connection.memory).await;
        if let (Some(times), Ok(response)) = (times, &mut answer) {
            response.extensions_mut().insert(times);
        }
        trigger_at_end(webhooks, if let Some(stream) = stream { stream.attach(answer) } else { answer })
    }
}
