//! [`CallSpan`]: the span of a call that is being answered.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Request, Response};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::SpanRecorder;
use crate::pacing::RequestTimes;
use crate::send::Outgoing;
use crate::tasks::Tasks;
use crate::wire::Clock;

/// The span of a call. It ends when this is dropped, after the last byte of the response.
#[derive(Debug)]
pub struct CallSpan {
    /// `None` once the span has ended.
    facts: Option<Box<CallFacts>>,
    recorder: SpanRecorder,
    /// Tasks of the worker.
    tasks: Tasks,
    /// The clock of the connection, if it carries one call at a time.
    clock: Option<Arc<Clock>>,
}

/// The parts of the time of a paced call, kept with its response.
#[derive(Clone, Debug)]
pub struct PacedTimes {
    service: String,
    operation: String,
    /// Names of attributes with times.
    parts: [(&'static str, Duration); 6],
}

/// Facts of a call that its span reports.
#[derive(Debug)]
struct CallFacts {
    context: SpanContext,
    client: Option<SpanContext>,
    method: String,
    path: String,
    began: (Instant, SystemTime),
    outcome: Outcome,
    stub: Option<String>,
    stub_name: Option<String>,
    times: Option<PacedTimes>,
}

/// The end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Status(u16),
    /// The stub broke the connection.
    Fault,
    /// The client went away before there was a response.
    ClientGone,
}

impl From<RequestTimes<'_>> for PacedTimes {
    fn from(times: RequestTimes<'_>) -> Self {
        Self {
            service: times.service.to_owned(),
            operation: times.operation.to_owned(),
            parts: [
                ("standin.outside_ms", times.outside),
                ("standin.rate_waiting_ms", times.rate_waiting),
                ("standin.front_waiting_ms", times.front_waiting),
                ("standin.front_ms", times.front),
                ("standin.waiting_ms", times.waiting),
                ("standin.demand_ms", times.demand),
            ],
        }
    }
}

impl CallSpan {
    /// Begins the span of a call that was just read; `None` if it is not sampled. `clock` is that
    /// of a connection that carries one call at a time.
    pub fn begin<B>(
        recorder: &SpanRecorder,
        request: &Request<B>,
        tasks: &Tasks,
        clock: Option<&Arc<Clock>>,
    ) -> Option<Self> {
        let client = client_context(request.headers());
        if !recorder.samples(client.as_ref()) {
            return None;
        }
        if let Some(clock) = clock {
            clock.forget_lateness();
        }
        let trace = client.as_ref().map_or_else(|| TraceId::from(not_zero()), SpanContext::trace_id);
        let state = client.as_ref().map(|client| client.trace_state().clone()).unwrap_or_default();
        let context = SpanContext::new(trace, SpanId::from(not_zero() as u64 | 1), TraceFlags::SAMPLED, false, state);
        let facts = CallFacts {
            context,
            client,
            method: request.method().to_string(),
            path: request.uri().path().chars().take(MAX_PATH_CHARS).collect(),
            began: (Instant::now(), SystemTime::now()),
            outcome: Outcome::ClientGone,
            stub: None,
            stub_name: None,
            times: None,
        };
        Some(Self {
            facts: Some(Box::new(facts)),
            recorder: recorder.clone(),
            tasks: tasks.clone(),
            clock: clock.map(Arc::clone),
        })
    }

    /// Adds the response to the span, which ends when the response is sent.
    pub fn attach(mut self, mut response: Response<Outgoing>) -> Response<Outgoing> {
        if let Some(facts) = &mut self.facts {
            let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
            facts.outcome = Outcome::Status(response.status().as_u16());
            (facts.stub, facts.stub_name) = (header("matched-stub-id"), header("matched-stub-name"));
            facts.times = response.extensions_mut().remove();
        }
        response.map(|body| Outgoing::holding(body, self))
    }

    /// Ends the span of a call whose connection is broken instead of an answer.
    pub fn end_with_fault(mut self) {
        if let Some(facts) = &mut self.facts {
            facts.outcome = Outcome::Fault;
        }
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        let Some(facts) = self.facts.take() else { return };
        let (recorder, clock) = (self.recorder.clone(), self.clock.take());
        // the task runs after the poll that writes the end of the response
        self.tasks.spawn(async move { recorder.send(facts.into_span(clock.as_deref())) });
    }
}

impl CallFacts {
    fn into_span(self, clock: Option<&Clock>) -> SpanData {
        let (since, start_time) = self.began;
        let written = clock.map(Clock::last_written).filter(|at| *at > since);
        let end = written.unwrap_or_else(Instant::now);
        let lateness = clock.and_then(Clock::last_lateness);
        SpanData {
            parent_span_id: self.client.as_ref().map_or(SpanId::INVALID, SpanContext::span_id),
            parent_span_is_remote: self.client.is_some(),
            span_kind: SpanKind::Server,
            name: self.name().into(),
            start_time,
            end_time: start_time + end.saturating_duration_since(since),
            attributes: self.attributes(lateness),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: match self.outcome {
                Outcome::Status(500..) => Status::error(""),
                Outcome::Status(_) => Status::Unset,
                Outcome::Fault => Status::error("the stub broke the connection"),
                Outcome::ClientGone => Status::error("the client went away"),
            },
            instrumentation_scope: InstrumentationScope::builder("standin")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
            span_context: self.context,
        }
    }

    /// Returns the method, with the operation or the stub, of which there are few.
    fn name(&self) -> String {
        let operation = self.times.as_ref().map(|times| &times.operation).or(self.stub_name.as_ref());
        operation.map_or_else(|| self.method.clone(), |operation| format!("{} {operation}", self.method))
    }

    fn attributes(&self, lateness: Option<(Duration, Duration)>) -> Vec<KeyValue> {
        let mut all = vec![
            KeyValue::new("http.request.method", self.method.clone()),
            KeyValue::new("url.path", self.path.clone()),
            KeyValue::new("standin.matched", self.stub.is_some()),
        ];
        let mut add = |key: &'static str, value: Value| all.push(KeyValue::new(key, value));
        match self.outcome {
            Outcome::Status(status) => {
                add("http.response.status_code", i64::from(status).into());
                if status >= 500 {
                    add("error.type", status.to_string().into());
                }
            }
            Outcome::Fault => add("error.type", "fault".into()),
            Outcome::ClientGone => add("error.type", "client_gone".into()),
        }
        if let Some(stub) = &self.stub {
            add("standin.stub.id", stub.clone().into());
        }
        if let Some(name) = &self.stub_name {
            add("standin.stub.name", name.clone().into());
        }
        if let Some(times) = &self.times {
            add("standin.service", times.service.clone().into());
            add("standin.operation", times.operation.clone().into());
            for (key, time) in times.parts {
                add(key, millis(time).into());
            }
        }
        if let Some((lateness, intended)) = lateness {
            add("standin.intended_ms", millis(intended).into());
            add("standin.lateness_ms", millis(lateness).into());
        }
        all
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Returns the span of the client that a request names in `traceparent` and `tracestate` (W3C Trace
/// Context), if it is valid.
fn client_context(headers: &HeaderMap) -> Option<SpanContext> {
    if !headers.contains_key("traceparent") {
        return None;
    }
    let context = opentelemetry::Context::new();
    let context = TraceContextPropagator::new().extract_with_context(&context, &HeaderExtractor(headers));
    let span = context.span().span_context().clone();
    span.is_valid().then_some(span)
}

/// Returns a random id, which is never 0.
fn not_zero() -> u128 {
    rand::random::<u128>().max(1)
}

/// Number of characters of a path that a span has.
const MAX_PATH_CHARS: usize = 2000;
