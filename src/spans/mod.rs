//! OpenTelemetry spans: one for each sampled call, exported as OTLP over HTTP.
//!
//! A worker holds a [`CallSpan`] while it answers a call, and puts it into a bounded queue when the
//! last byte of the response is written. A thread of its own exports the queue in batches. Spans
//! that find the queue full are counted and dropped, so that no collector delays a response.

mod call_span;
mod http_client;
mod thread;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use opentelemetry::trace::SpanContext;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc;

pub use self::call_span::{CallSpan, PacedTimes};
pub use self::thread::SpanThread;
use crate::upstream::TargetUrl;

/// Where spans are sent, and how many calls have one.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanSettings {
    /// Base URL of the collector; `/v1/traces` is appended.
    endpoint: TargetUrl,
    /// Share of calls without a trace of their client that get a span, from 0 to 1.
    sampled_share: f64,
}

/// The number of spans by what became of them.
#[derive(Debug, Default)]
pub struct SpanCounts {
    /// Spans that a collector has taken.
    pub exported: AtomicU64,
    /// Spans that no collector has taken.
    pub failed: AtomicU64,
    /// Spans that found the queue full.
    pub dropped: AtomicU64,
}

/// The queue of spans that have ended.
#[derive(Clone, Debug)]
pub struct SpanRecorder {
    spans: mpsc::Sender<SpanData>,
    counts: Arc<SpanCounts>,
    sampled_share: f64,
}

impl SpanSettings {
    /// Creates settings from the base URL of a collector, such as `http://127.0.0.1:4318`, and the
    /// share of calls that get a span. The error is a message.
    pub fn new(endpoint: &str, sampled_share: f64) -> Result<Self, String> {
        if !(0.0..=1.0).contains(&sampled_share) {
            return Err(format!("`{sampled_share}` is no share of calls; write a number from 0 to 1"));
        }
        Ok(Self { endpoint: TargetUrl::parse(endpoint)?, sampled_share })
    }
}

impl SpanRecorder {
    /// Creates the queue of spans and the thread that exports them. The error is a message.
    pub fn new(settings: &SpanSettings) -> Result<(Self, SpanThread), String> {
        let (spans, received) = mpsc::channel(MAX_QUEUED);
        let counts = Arc::new(SpanCounts::default());
        let thread = SpanThread::new(received, Arc::clone(&counts), &settings.endpoint)?;
        Ok((Self { spans, counts, sampled_share: settings.sampled_share }, thread))
    }

    /// Returns the numbers of spans.
    pub fn counts(&self) -> &Arc<SpanCounts> {
        &self.counts
    }

    /// Returns true if a call gets a span: as its client decided, else by chance.
    fn samples(&self, client: Option<&SpanContext>) -> bool {
        match client {
            Some(client) => client.is_sampled(),
            None => rand::random::<f64>() < self.sampled_share,
        }
    }

    fn send(&self, span: SpanData) {
        if self.spans.try_send(span).is_err() {
            self.counts.dropped.fetch_add(1, Relaxed);
        }
    }
}

/// Maximum number of spans that wait to be exported.
const MAX_QUEUED: usize = 4096;

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TraceState;

    use super::*;

    #[test]
    fn settings_that_cannot_be_used_say_why() {
        assert!(SpanSettings::new("127.0.0.1:4318", 1.0).expect_err("no scheme").contains("http://HOST:PORT"));
        assert!(SpanSettings::new("http://127.0.0.1:4318", 1.5).expect_err("no share").contains("from 0 to 1"));
    }

    #[test]
    fn a_client_decides_whether_its_calls_have_spans() {
        let settings = SpanSettings::new("http://127.0.0.1:4318", 0.0).expect("settings");
        let (recorder, _thread) = SpanRecorder::new(&settings).expect("a recorder");
        let client = |flags| SpanContext::new(1_u128.into(), 1_u64.into(), flags, true, TraceState::default());
        assert!(recorder.samples(Some(&client(opentelemetry::TraceFlags::SAMPLED))));
        assert!(!recorder.samples(Some(&client(opentelemetry::TraceFlags::NOT_SAMPLED))));
        assert!(!recorder.samples(None));
    }
}
