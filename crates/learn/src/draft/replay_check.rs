//! The check of a draft: sends the calls of a tape, in their order, to the stubs as they would be
//! served, and compares the answers with the recorded ones byte for byte.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::recorded_answer::{RecordedAnswer, decode};
use super::{BodySource, body, request_rule, volatile_text};
use standin_stub::Stub;
use standin_stub::catalog::Catalog;
use standin_stub::matcher::MatchStats;
use standin_stub::render::Cancellation;
use standin_stub::reply::{Body, Reply};
use standin_tape::exchange::Exchange;
use standin_text::counted;

/// Sends the calls of tapes to stubs and compares the answers.
pub struct ReplayCheck<'b> {
    catalog: Catalog,
    bodies: Box<BodySource<'b>>,
    /// States of the scenarios that have left their first one.
    states: HashMap<String, String>,
    report: ReplayReport,
}

/// The share of recorded calls that stubs answer as recorded, and the others by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Calls with a whole answer on the tape.
    pub calls: u64,
    /// Calls with the recorded answer. Times and random values of a template may differ.
    pub answered: u64,
    /// Calls with another answer, by reason.
    pub misses: BTreeMap<MissReason, Misses>,
}

/// Calls that got another answer, for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misses {
    /// Number of calls with this reason.
    pub calls: u64,
    /// Distinct calls in short, up to [`MAX_LISTED_CALLS`].
    pub examples: Vec<String>,
}

/// Why a recorded call gets another answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MissReason {
    /// No stub answers the call.
    NoStub,
    /// The recorded answer is 5xx, 429 or 408.
    Overload,
    /// The recorded answer is 304.
    NotModified,
    /// A body is not on the tape.
    NoBody,
    /// The status or its text differs.
    Status,
    /// The body of the answer differs.
    Body,
    /// A header of the answer differs.
    Header,
}

impl MissReason {
    fn describe(self) -> &'static str {
        match self {
            Self::NoStub => "no stub answers",
            Self::Overload => "the service answered 5xx, 429 or 408, which is a matter of the profile",
            Self::NotModified => "the service answered 304, and no stub asks for the header that it depends on",
            Self::NoBody => "a body is not on the tape",
            Self::Status => "another status",
            Self::Body => "another body: the same request was answered differently",
            Self::Header => "another header: its value differs from call to call",
        }
    }
}

impl<'b> ReplayCheck<'b> {
    /// Creates a check of these stubs that reads bodies by their SHA-256.
    pub fn new(stubs: Vec<Arc<Stub>>, bodies: impl Fn(&str) -> Option<Bytes> + 'b) -> Self {
        let (states, report) = (HashMap::new(), ReplayReport::default());
        Self { catalog: Catalog::new(stubs), bodies: Box::new(bodies), states, report }
    }

    /// Begins a tape: all scenarios are in their first state.
    pub fn begin(&mut self) {
        self.states.clear();
    }

    /// Sends a call to the drafted stubs.
    pub fn add(&mut self, exchange: &Exchange) {
        if exchange.response.is_none() || exchange.failure.is_some() {
            return;
        }
        self.report.calls += 1;
        match self.miss(exchange) {
            None => self.report.answered += 1,
            Some(why) => {
                let misses = self.report.misses.entry(why).or_default();
                misses.calls += 1;
                let call = format!("{} {}", exchange.request.method, exchange.request.url);
                if misses.examples.len() < MAX_LISTED_CALLS && !misses.examples.contains(&call) {
                    misses.examples.push(call);
                }
            }
        }
    }

    /// Returns the result of all calls.
    pub fn finish(self) -> ReplayReport {
        self.report
    }

    fn miss(&mut self, exchange: &Exchange) -> Option<MissReason> {
        let response = exchange.response.as_ref()?;
        let bodies = (body(exchange.request.body.as_ref(), &*self.bodies), body(response.body.as_ref(), &*self.bodies));
        let (Some(asked), Some(answered)) = bodies else { return Some(MissReason::NoBody) };
        let expected = RecordedAnswer::of(response, answered, exchange.request.method == "HEAD");
        let by_status = match response.status {
            304 => Some(MissReason::NotModified),
            408 | 429 | 500.. => Some(MissReason::Overload),
            _ => None,
        };
        let Some(call) = request_rule::call(&exchange.request, asked) else { return Some(MissReason::NoStub) };
        let states = &self.states;
        let allows = |stub: &Stub| {
            let Some(step) = &stub.scenario else { return true };
            let state = states.get(&step.name).map_or("Started", String::as_str);
            step.required.as_ref().is_none_or(|required| required == state)
        };
        let Some(stub) = self.catalog.find(&call, &MatchStats::default(), allows).cloned() else {
            return Some(by_status.unwrap_or(MissReason::NoStub));
        };
        if let Some(step) = &stub.scenario
            && let Some(next) = &step.next
        {
            self.states.insert(step.name.clone(), next.clone());
        }
        let reply = stub.response.render(&call, || StdRng::seed_from_u64(1), Cancellation::default());
        let differs = difference(&expected, &reply, &stub);
        differs.map(|why| by_status.unwrap_or(why))
    }
}

fn difference(expected: &RecordedAnswer, reply: &Reply, stub: &Stub) -> Option<MissReason> {
    let reason = reply.reason.as_ref().map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
    if reply.status.as_u16() != expected.status || reason != expected.reason {
        return Some(MissReason::Status);
    }
    let got = bytes(&reply.body).unwrap_or_default();
    let is_coded = reply.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
    let is_decoded =
        is_coded && !expected.headers().iter().any(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
    let got = if is_decoded { decode(&got, "gzip").unwrap_or(got) } else { got };
    if got != expected.body && !volatile_text::is_answer_of(stub, &expected.body) {
        return Some(MissReason::Body);
    }
    for (name, values) in expected.headers() {
        let all = reply.headers.get_all(name.as_str());
        let got: Vec<String> = all.iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        if got != *values && !name.eq_ignore_ascii_case("content-encoding") {
            return Some(MissReason::Header);
        }
    }
    None
}

fn bytes(body: &Body) -> std::io::Result<Bytes> {
    match body {
        Body::Bytes(bytes) => Ok(bytes.clone()),
        Body::File(path) | Body::FilePart(path, _) => {
            let mut read = Vec::new();
            File::open(path)?.read_to_end(&mut read)?;
            Ok(read.into())
        }
    }
}

impl ReplayReport {
    /// Returns the share of calls with the recorded answer, from 0 to 1.
    pub fn share(&self) -> f64 {
        if self.calls == 0 { 1.0 } else { self.answered as f64 / self.calls as f64 }
    }
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, answered, misses } = self;
        // a share that is not whole is never shown as 100 %
        let percent = (self.share() * 1_000.0).floor() / 10.0;
        write!(out, "replayed: {answered} of {} get the recorded answer ({percent} %)", counted(*calls, "call"))?;
        for (why, misses) in misses {
            write!(out, "\n  {}: {}", counted(misses.calls, "call"), why.describe())?;
            for call in &misses.examples {
                write!(out, "\n    {call}")?;
            }
            if misses.calls > misses.examples.len() as u64 {
                write!(out, "\n    and others")?;
            }
        }
        Ok(())
    }
}

/// Distinct calls of a reason that are listed.
pub const MAX_LISTED_CALLS: usize = 10;
