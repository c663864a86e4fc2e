//! The answer to a call that goes through a station: in, waited for, and out when the station says so.
//!
//! A request that carries `X-Standin-Debug: 1` is told why its answer came when it did.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Answer, Answerer, render};
use crate::call::Call;
use crate::delay::units;
use crate::listen::connection::{Broken, Connection};
use crate::live::journal::Answered;
use crate::live::pacing::{Door, Passage, Stage, folder_of};
use crate::matcher::Tally;
use crate::pace::station::Ticket;
use crate::reply::{Body, Ending, Reply};
use crate::send::Transfer;
use crate::stub::Stub;

/// The header by which a client asks why, and is told.
pub(super) const DEBUG: HeaderName = HeaderName::from_static("x-standin-debug");

/// What is known of an answer's time.
struct Explanation<'a> {
    stub: &'a Stub,
    passage: Option<&'a Passage>,
    arrival: Instant,
    /// How long a rate limit held it.
    held: Duration,
    /// When it had passed what comes before the main station.
    passed: Instant,
    /// When it was due, without the stub's own delay.
    served: Instant,
    own_delay: Option<Duration>,
    /// Why it was turned away, if it was.
    refused: Option<&'static str>,
    beyond: bool,
}

impl Answerer {
    /// The way of a call through a station, if the profile in force has one for it.
    pub(super) fn passage(&self, stub: &Stub, call: &Call) -> Option<Passage> {
        let active = self.live.pacing().active()?;
        let folder = folder_of(stub, self.live.services().len());
        active.passage(folder, || stub.recipe.length(), call, &Tally::default(), &self.draws)
    }

    /// The same for a call that leaves its station when its client goes away. One that closes its side has gone.
    pub(super) async fn answer_unless_gone(
        self: Arc<Self>,
        stub: Arc<Stub>,
        call: Call,
        connection: Arc<Connection>,
        passage: Option<Passage>,
        own_delay: Option<Duration>,
        explains: bool,
    ) -> Answer {
        let clock = Arc::clone(&connection.clock);
        tokio::select! {
            biased;
            answer = self.answer_paced(stub, call, connection, passage, own_delay, explains) => answer,
            () = clock.client_gone() => Err(Broken(Ending::Close)),
        }
    }

    /// Passes a call through its station.
    pub(super) async fn answer_paced(
        self: Arc<Self>,
        stub: Arc<Stub>,
        call: Call,
        connection: Arc<Connection>,
        passage: Option<Passage>,
        own_delay: Option<Duration>,
        explains: bool,
    ) -> Answer {
        let (arrival, method) = (call.arrival, call.method.clone());
        let mut explanation = Explanation {
            stub: &stub,
            passage: passage.as_ref(),
            arrival,
            held: Duration::ZERO,
            passed: arrival,
            served: arrival,
            own_delay,
            refused: None,
            beyond: false,
        };
        let mut ticket = None;
        let mut hold = None;
        let mut refusal = None;
        if let Some(passage) = &passage {
            if passage.waits_outside() {
                Arc::clone(&self.desk.timer).until(passage.enters(arrival)).await;
            }
            explanation.served = passage.enters(arrival);
            match self.pass_door(passage, explanation.served).await {
                Ok(turn) => {
                    explanation.held = turn - explanation.served;
                    match self.pass_front(passage, turn).await {
                        Ok(passed) => explanation.served = passed,
                        Err(reply) => {
                            explanation.refused = Some("front=full");
                            refusal = Some(*reply);
                        }
                    }
                }
                Err(reply) => {
                    explanation.refused = Some("rate=limited");
                    refusal = Some(*reply);
                }
            }
            if refusal.is_none() {
                explanation.passed = explanation.served;
                let (door, held, beyond) = passage.enter(explanation.served);
                hold = Some(held);
                explanation.beyond = beyond;
                match door {
                    Door::Due(finish) => explanation.served = finish,
                    Door::Shared(shared, not_before) => {
                        ticket = Some(shared);
                        explanation.served = not_before;
                    }
                    Door::Full(reply) => {
                        explanation.refused = Some("queue=full");
                        refusal = Some(*reply);
                    }
                }
            }
        }
        let expected = explanation.served + own_delay.unwrap_or_default() - arrival;
        let answered = Answered::by(&stub).after(Some(expected)).beyond(explanation.beyond);
        self.live.journal().note(self.desk.worker, &call, answered);
        let mut reply = match (refusal, passage.as_ref().and_then(|passage| passage.status)) {
            (Some(reply), _) => reply,
            (None, Some(status)) => bare(status),
            (None, None) => render(Arc::clone(&stub), call).await,
        };
        if let (Some(passage), Some(ticket)) = (&passage, ticket) {
            explanation.served = self.finished(passage, Stage::Main, ticket, explanation.served).await;
        }
        let due = explanation.due();
        if due > arrival {
            self.wait(arrival, due - arrival, &connection).await;
        }
        if let Some(hold) = hold {
            hold.finish();
        }
        if explains {
            explanation.tell(&mut reply.headers);
        }
        let rate = passage.as_ref().and_then(|passage| passage.transfer).filter(|_| explanation.refused.is_none());
        self.send_at_rate(reply, &method, rate.map(|rate| Transfer { start: due, rate })).await
    }

    /// Waits until a call may pass the rate limit of its service: when that was, or what it gets that is turned away.
    async fn pass_door(&self, passage: &Passage, at: Instant) -> Result<Instant, Box<Reply>> {
        let turn = passage.knock(at)?;
        if turn > at && passage.depends_on_load() {
            Arc::clone(&self.desk.timer).until(turn).await;
        }
        Ok(turn)
    }

    /// Waits until a call has passed the front of its service: when that was, or what it gets that finds it full.
    async fn pass_front(&self, passage: &Passage, at: Instant) -> Result<Instant, Box<Reply>> {
        if passage.front.is_none() {
            return Ok(at);
        }
        let (door, hold) = passage.enter_front(at);
        let finish = match door {
            Door::Due(finish) => finish,
            Door::Shared(ticket, not_before) => self.finished(passage, Stage::Front, ticket, not_before).await,
            Door::Full(reply) => return Err(reply),
        };
        Arc::clone(&self.desk.timer).until(finish).await;
        hold.finish();
        Ok(finish)
    }

    /// When a call is finished that shares its workers; resolves about then.
    async fn finished(&self, passage: &Passage, stage: Stage, ticket: Ticket, mut ask_at: Instant) -> Instant {
        loop {
            tokio::select! {
                () = Arc::clone(&self.desk.timer).until(ask_at) => {}
                () = passage.resized() => {}
            }
            match passage.ask(stage, ticket) {
                Ok(finish) => return finish,
                Err(not_before) => ask_at = not_before,
            }
        }
    }
}

impl Explanation<'_> {
    /// When the answer is due. What is turned away is not delayed by its stub.
    fn due(&self) -> Instant {
        if self.refused.is_some() { self.served } else { self.served + self.own_delay.unwrap_or_default() }
    }

    fn tell(&self, headers: &mut HeaderMap) {
        let mut text = format!("stub={}", self.stub.id);
        let time = |time: Duration| units::duration(time);
        if let Some(passage) = self.passage {
            let (service, operation) = passage.names();
            let waiting = self.served.saturating_duration_since(self.passed).saturating_sub(passage.demand);
            let _ = write!(text, "; service=\"{service}\"; operation=\"{operation}\"; ordinal={}", passage.ordinal);
            let _ = write!(text, "; demand={}; outside={}", time(passage.demand), time(passage.outside));
            if !self.held.is_zero() {
                let _ = write!(text, "; rate-waiting={}", time(self.held));
            }
            if let Some(front) = passage.front {
                let before = passage.outside + self.held + front;
                let waiting = self.passed.saturating_duration_since(self.arrival).saturating_sub(before);
                let _ = write!(text, "; front={}; front-waiting={}", time(front), time(waiting));
            }
            let _ = match self.refused {
                Some(why) => write!(text, "; {why}"),
                None => write!(text, "; waiting={}", time(waiting)),
            };
            text.push_str(if self.beyond { "; range=beyond" } else { "; range=valid" });
        }
        let late = Instant::now().saturating_duration_since(self.due());
        let _ = write!(text, "; stub-delay={}; late={}", time(self.own_delay.unwrap_or_default()), time(late));
        // names that a header cannot carry are left out with the rest
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(DEBUG, value);
        }
    }
}

/// An answer of nothing but its status.
fn bare(status: StatusCode) -> Reply {
    Reply {
        status,
        reason: None,
        headers: HeaderMap::new(),
        body: Body::Bytes(Bytes::new()),
        dribble: None,
        ending: None,
    }
}
