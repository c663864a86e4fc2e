//! The answer to a call that goes through a station: in, waited for, and out when the station says so.
//!
//! A request that carries `X-Standin-Debug: 1` is told why its answer came when it did.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Answer, Answerer};
use crate::listen::connection::{Broken, Connection};
use crate::live::journal::Answered;
use crate::pacing::{Door, Hold, Passage, Stage, folder_of};
use crate::send::Transfer;
use standin_model::station::JobId;
use standin_stub::Stub;
use standin_stub::call::Call;
use standin_stub::delay::units;
use standin_stub::matcher::MatchStats;
use standin_stub::reply::{Body, ConnectionEnding, Reply};

/// The header by which a client asks why, and is told.
pub(super) const DEBUG: HeaderName = HeaderName::from_static("x-standin-debug");

/// A call that found its stub, and what its answer depends on.
pub(super) struct Matched {
    pub(super) stub: Arc<Stub>,
    /// How many calls it answered before this one.
    pub(super) ordinal: u64,
    pub(super) call: Call,
    pub(super) connection: Arc<Connection>,
    /// Its way through a station, if the profile in force has one for it.
    pub(super) passage: Option<Box<Passage>>,
    /// The stub's own delay.
    pub(super) own_delay: Option<Duration>,
    /// Whether the client asked why its answer came when it did.
    pub(super) explains: bool,
}

/// How far a call came, and when.
struct Way<'p> {
    arrival: Instant,
    /// How long a rate limit held it.
    held: Duration,
    /// When it had passed what comes before the main station.
    passed: Instant,
    /// When it is due, without the stub's own delay.
    served: Instant,
    /// What it shares its workers by.
    job: Option<JobId>,
    /// Its place in the station.
    hold: Option<Hold<'p>>,
    /// Why it was turned away, and with what.
    refusal: Option<(&'static str, Reply)>,
    /// Whether the load is beyond what the profile was learned from.
    beyond: bool,
}

impl Answerer {
    /// The way of a call through a station, if the profile in force has one for it.
    pub(super) fn passage(&self, stub: &Stub, call: &Call) -> Option<Passage> {
        let active = self.live.pacing().active()?;
        let folder = folder_of(stub, self.live.services().len());
        active.passage(folder, || stub.response.length(), call, &MatchStats::default(), &self.draws)
    }

    /// The same for a call that leaves its station when its client goes away. One that closes its side has gone.
    pub(super) async fn answer_unless_gone(self: Arc<Self>, matched: Matched) -> Answer {
        let clock = Arc::clone(&matched.connection.clock);
        tokio::select! {
            biased;
            answer = self.answer_paced(matched) => answer,
            () = clock.client_gone() => Err(Broken(ConnectionEnding::Close)),
        }
    }

    /// Passes a call through its station.
    pub(super) async fn answer_paced(self: Arc<Self>, matched: Matched) -> Answer {
        let Matched { stub, ordinal, call, connection, passage, own_delay, explains } = matched;
        let (arrival, method) = (call.arrival, call.method.clone());
        let mut way = match &passage {
            Some(passage) => self.enter(passage, arrival).await,
            None => Way::begin(arrival),
        };
        let expected = way.served + own_delay.unwrap_or_default() - arrival;
        let answered = Answered::by(&stub).after(Some(expected)).beyond(way.beyond);
        self.live.journal().note(self.desk.worker, &call, answered);
        let refused = way.refusal.take();
        let why = refused.as_ref().map(|(why, _)| *why);
        let mut reply = match (refused, passage.as_ref().and_then(|passage| passage.status)) {
            (Some((_, reply)), _) => reply,
            (None, Some(status)) => bare(status),
            (None, None) => self.render(Arc::clone(&stub), ordinal, call, &connection).await,
        };
        if let (Some(passage), Some(job)) = (&passage, way.job) {
            way.served = self.finished(passage, Stage::Main, job, way.served).await;
        }
        // what is turned away is not delayed by its stub
        let due = if why.is_some() { way.served } else { way.served + own_delay.unwrap_or_default() };
        if due > arrival {
            self.wait(arrival, due - arrival, &connection).await;
        }
        if let Some(hold) = way.hold.take() {
            hold.finish();
        }
        if explains {
            let mut text = format!("stub={}", stub.id);
            if let Some(passage) = &passage {
                way.explain(passage, why, &mut text);
            }
            let late = Instant::now().saturating_duration_since(due);
            let own_delay = own_delay.unwrap_or_default();
            let _ = write!(text, "; stub-delay={}; late={}", units::duration(own_delay), units::duration(late));
            // names that a header cannot carry are left out with the rest
            if let Ok(value) = HeaderValue::from_str(&text) {
                reply.headers.insert(DEBUG, value);
            }
        }
        let rate = passage.as_ref().and_then(|passage| passage.transfer).filter(|_| why.is_none());
        let transfer = rate.map(|rate| Transfer { start: due, rate });
        self.send_at_rate(reply, &method, transfer, &connection.memory).await
    }

    /// From a call's arrival into the main station of its service, or as far as it gets.
    async fn enter<'p>(&self, passage: &'p Passage, arrival: Instant) -> Way<'p> {
        let mut way = Way::begin(arrival);
        way.served = passage.enters(arrival);
        if passage.waits_outside() {
            Arc::clone(&self.desk.timer).until(way.served).await;
        }
        match self.pass_door(passage, way.served).await {
            Ok(turn) => {
                way.held = turn - way.served;
                way.served = turn;
            }
            Err(reply) => return way.refuse("rate=limited", *reply),
        }
        match self.pass_front(passage, way.served).await {
            Ok(passed) => way.served = passed,
            Err(reply) => return way.refuse("front=full", *reply),
        }
        way.passed = way.served;
        let (door, hold, beyond) = passage.enter(way.served);
        (way.hold, way.beyond) = (Some(hold), beyond);
        match door {
            Door::Due(finish) => way.served = finish,
            Door::Shared(shared, not_before) => {
                way.job = Some(shared);
                way.served = not_before;
            }
            Door::Full(reply) => return way.refuse("queue=full", *reply),
        }
        way
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
            Door::Shared(job, not_before) => self.finished(passage, Stage::Front, job, not_before).await,
            Door::Full(reply) => return Err(reply),
        };
        Arc::clone(&self.desk.timer).until(finish).await;
        hold.finish();
        Ok(finish)
    }

    /// When a call is finished that shares its workers; resolves about then.
    async fn finished(&self, passage: &Passage, stage: Stage, job: JobId, mut ask_at: Instant) -> Instant {
        loop {
            tokio::select! {
                () = Arc::clone(&self.desk.timer).until(ask_at) => {}
                () = passage.resized() => {}
            }
            match passage.ask(stage, job) {
                Ok(finish) => return finish,
                Err(not_before) => ask_at = not_before,
            }
        }
    }
}

impl Way<'_> {
    fn begin(arrival: Instant) -> Self {
        Self {
            arrival,
            held: Duration::ZERO,
            passed: arrival,
            served: arrival,
            job: None,
            hold: None,
            refusal: None,
            beyond: false,
        }
    }

    /// It came no further.
    fn refuse(mut self, why: &'static str, reply: Reply) -> Self {
        self.refusal = Some((why, reply));
        self
    }

    /// Says where its time went; `refused` is why it was turned away, if it was.
    fn explain(&self, passage: &Passage, refused: Option<&str>, text: &mut String) {
        let (service, operation) = passage.names();
        let time = |time: Duration| units::duration(time);
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
        let _ = match refused {
            Some(why) => write!(text, "; {why}"),
            None => write!(text, "; waiting={}", time(waiting)),
        };
        text.push_str(if self.beyond { "; range=beyond" } else { "; range=valid" });
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
