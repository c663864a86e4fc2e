//! Server spans of traces: OTLP JSON, Jaeger JSON and Zipkin JSON.

mod jaeger;
mod otlp;
mod span;
mod zipkin;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use serde_json::{Deserializer, Value as Json};

use self::span::ServerSpan;
use crate::timing::{CallLog, LogOrigin};

/// The formats of traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanFormat {
    /// OpenTelemetry's traces as OTLP JSON: documents, such as the lines of a collector's file.
    Otlp,
    /// Traces as Jaeger's API and its UI give them.
    Jaeger,
    /// Spans as Zipkin's API, version 2, gives them.
    Zipkin,
}

/// Options of reading spans.
#[derive(Clone, Debug, Default)]
pub struct SpanOptions {
    /// Name of the service whose spans are wanted.
    pub service: Option<String>,
}

/// Counts of the server spans by service.
pub type SpanServices = BTreeMap<String, u64>;

impl SpanFormat {
    /// The formats with the names that are typed.
    pub const NAMES: &'static [(&'static str, Self)] =
        &[("otlp", Self::Otlp), ("jaeger", Self::Jaeger), ("zipkin", Self::Zipkin)];

    /// Returns the format that the begin of a file shows.
    pub fn detect(head: &str) -> Option<Self> {
        let text = head.trim_start_matches('\u{feff}').trim_start();
        let has = |name: &str| text.contains(&format!("\"{name}\""));
        match text.chars().next() {
            Some('{') if has("resourceSpans") => Some(Self::Otlp),
            Some('{') if has("data") && has("spans") && has("traceID") => Some(Self::Jaeger),
            Some('[') if has("traceId") && has("id") => Some(Self::Zipkin),
            _ => None,
        }
    }

    /// Returns the name for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Otlp => "OTLP",
            Self::Jaeger => "Jaeger",
            Self::Zipkin => "Zipkin",
        }
    }

    /// Reads all documents of a file into a log, and adds the server spans of each service to
    /// `services`. The error says where the file is broken.
    pub fn read(
        self,
        input: impl BufRead,
        options: &SpanOptions,
        services: &mut SpanServices,
        log: &mut CallLog,
    ) -> Result<(), String> {
        let mut limited = LimitedDocument { input, left: MAX_DOCUMENT_BYTES };
        let mut number = 0;
        loop {
            limited.left = MAX_DOCUMENT_BYTES;
            let document = match Deserializer::from_reader(&mut limited).into_iter::<Json>().next() {
                None => break,
                Some(Ok(document)) => document,
                Some(Err(error)) if error.is_io() => return Err(format!("document {}: {error}", number + 1)),
                Some(Err(error)) => return Err(format!("document {} is broken JSON: {error}", number + 1)),
            };
            number += 1;
            let place = || format!("document {number}");
            let spans = match self {
                Self::Otlp => otlp::spans(&document),
                Self::Jaeger => jaeger::spans(&document),
                Self::Zipkin => zipkin::spans(&document),
            };
            for span in spans {
                add(span, options, services, log, place);
            }
        }
        Ok(())
    }
}

/// Adds a span to a log.
fn add(
    span: Result<ServerSpan, &'static str>,
    options: &SpanOptions,
    services: &mut SpanServices,
    log: &mut CallLog,
    place: impl Fn() -> String,
) {
    let span = match span {
        Ok(span) => span,
        Err(why) => return log.left_out.add(why, place),
    };
    if services.len() < MAX_SERVICES || services.contains_key(&span.service) {
        *services.entry(span.service.clone()).or_default() += 1;
    }
    if options.service.as_ref().is_some_and(|wanted| *wanted != span.service) {
        return log.left_out.add("spans of other services", place);
    }
    if let Some(share) = span.sampled {
        log.sampled = Some(log.sampled.map_or(share, |known| known.min(share)));
    }
    let (start, duration) = (span.start, span.end.saturating_sub(span.start));
    match span.call() {
        Ok((call, is_template)) => {
            log.has_path_templates |= is_template;
            log.set_origin(LogOrigin { stamp_resolution: 1_000_000, duration_resolution: 1_000_000 });
            log.add(call, start, duration);
        }
        Err(why) => log.left_out.add(why, place),
    }
}

/// A document that ends with an error beyond a limit.
struct LimitedDocument<R> {
    input: R,
    left: u64,
}

impl<R: Read> Read for LimitedDocument<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("it is larger than 256 MiB, and has to be read at once; give parts of it"));
        }
        let length = (buffer.len() as u64).min(self.left) as usize;
        let read = self.input.read(&mut buffer[..length])?;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Longest document that is read.
const MAX_DOCUMENT_BYTES: u64 = 256 << 20;
/// Services that are told apart.
const MAX_SERVICES: usize = 10_000;
