//! The report on a tape that was made of a source.

use std::collections::BTreeSet;

use hdrhistogram::Histogram;

use crate::cli::{Failure, print_line};
use standin_sources::capture::{CaptureReport, UnreadReason};
use standin_sources::timing::{LeftOut, WrittenTape};
use standin_tape::operations::OperationTree;
use standin_tape::{TapeHead, TapeReader};
use standin_text::{counted, grouped, short_duration};

/// A tape that was made of a source, and what was left out of it.
pub(super) struct TapeReport {
    written: WrittenTape,
    left_out: LeftOut,
}

impl TapeReport {
    pub(super) fn new(written: WrittenTape, left_out: LeftOut) -> Self {
        Self { written, left_out }
    }

    /// Prints the report. The times are read from the tape.
    pub(super) fn print(&self) -> Result<(), Failure> {
        let path = self.written.path.display();
        let unreadable = |error| Failure::broken(format!("cannot read `{path}`: {error}"));
        let mut latencies = Histogram::<u64>::new_with_max(MAX_LATENCY_NANOS, 3).expect("three digits are fine");
        let mut reader = TapeReader::open(&self.written.path)
            .map_err(|error| Failure::broken(format!("cannot read `{path}`: {error}")))?;
        let mut targets = BTreeSet::new();
        for exchange in reader.by_ref() {
            let exchange = exchange.map_err(unreadable)?;
            let times = &exchange.times;
            if let (None, Some(sent), Some(end)) = (&exchange.failure, times.sent, times.last_byte) {
                latencies.saturating_record(end.saturating_sub(sent));
            }
            let path = exchange.request.url.split('?').next().unwrap_or_default().to_owned();
            if targets.len() < MAX_TARGETS {
                targets.insert((exchange.request.method, path));
            }
        }
        let tree = OperationTree::learn(targets.iter().map(|(method, path)| (method.as_str(), path.as_str())));
        let operations: BTreeSet<String> = targets.iter().map(|(method, path)| tree.name(method, path)).collect();
        let calls = counted(self.written.exchanges, "call");
        print_line(&format!("standin: {calls} of {} on {path}", counted(operations.len() as u64, "operation")));
        if !latencies.is_empty() {
            let at = |quantile| short_duration(std::time::Duration::from_nanos(latencies.value_at_quantile(quantile)));
            print_line(&format!("  the service took {} at p50, {} at p99", at(0.5), at(0.99)));
        }
        for line in source_lines(reader.head()).into_iter().chain(self.left_out.lines()) {
            print_line(&format!("  {line}"));
        }
        Ok(())
    }
}

/// Returns what the head of a tape says about its source.
fn source_lines(head: &TapeHead) -> Vec<String> {
    let Some(source) = &head.source else { return Vec::new() };
    let mut lines = vec![format!("source: {}", source.kind)];
    let unit = |nanos: u64| short_duration(std::time::Duration::from_nanos(nanos));
    if source.stamp_resolution > 1 {
        lines.push(format!(
            "resolution: stamps {}, durations {}",
            unit(source.stamp_resolution),
            unit(source.duration_resolution)
        ));
    }
    if let Some(share) = source.sampled {
        lines.push(format!("sampled: {:.3} % of the calls; populations and rates are too low", share * 100.0));
    }
    if source.path_templates {
        lines.push("paths: some are templates, because the spans have no paths; `replay` cannot send them".to_owned());
    }
    if !head.bodies {
        lines.push("no bodies: the tape is for `fit`, `gap` and `replay`, not for `draft`".to_owned());
    }
    lines
}

/// Returns the failure of a source without calls.
pub(super) fn nothing(what: &str, left_out: &LeftOut) -> Failure {
    let lines: Vec<String> = std::iter::once(what.to_owned()).chain(left_out.lines()).collect();
    Failure::broken(lines.join("\n"))
}

/// Adds the counts of a capture to what was left out.
pub(super) fn count_capture(counts: &CaptureReport, left_out: &mut LeftOut) {
    let why = |reason| match reason {
        UnreadReason::Tls => "connections with TLS, which cannot be read: capture behind the end of TLS",
        UnreadReason::NotHttp => "connections of other protocols",
        UnreadReason::Upgraded => "connections from an upgrade on (WebSocket and the like)",
        UnreadReason::Http2Gap => "connections of HTTP/2 from a missing or broken packet on",
        UnreadReason::OtherService => "connections to other services",
    };
    for (reason, count) in &counts.unread {
        left_out.add_count(why(*reason), *count);
    }
    let more = [
        (counts.lost, "calls of which packets are missing from the capture"),
        (counts.unfinished, "calls whose response is not in the capture"),
        (counts.unknown_connections, "connections whose begin is not in the capture, and which show no HTTP/1.1"),
        (counts.fragments, "fragments of IP packets"),
        (counts.unknown_links, "packets of a link layer that is not read"),
        (counts.unstamped, "packets without a time stamp"),
    ];
    for (count, why) in more {
        left_out.add_count(why, count);
    }
    if counts.cut_packets > 0 {
        let why = format!("bytes of packets that were cut ({}); capture with `-s 0`", grouped(counts.cut_packets));
        left_out.add_count(&why, counts.cut_packets);
    }
}

/// Reason of calls that began before the tape.
pub(super) const TOO_EARLY: &str = "calls that began long before those at the begin of the file";
/// Longest time of the histogram, a day; longer ones count as a day.
const MAX_LATENCY_NANOS: u64 = 86_400_000_000_000;
/// Distinct methods and paths by which operations are counted.
const MAX_TARGETS: usize = 100_000;
