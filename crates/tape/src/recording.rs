//! A tape in memory, for code that reads it more than once: replaying and comparing.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use super::operations::OperationTree;
use super::{OperationRules, QueryEvidence, TapeBodies, TapeCondition, TapeError, TapeHead, TapeReader};
use crate::exchange::{Exchange, FailureReason};

/// A tape that was read to its end.
///
/// To save memory, `Content-Encoding` is the only response header that is kept. A [`TapeReader`]
/// gives all headers.
#[derive(Clone, Debug, Default)]
pub struct LoadedTape {
    /// Conditions of the recording.
    pub head: TapeHead,
    /// Exchanges in the order of the lines.
    pub exchanges: Vec<Exchange>,
    /// Completeness of the tape.
    pub condition: TapeCondition,
    /// Evidence of operations that differ by their query alone.
    pub query_evidence: QueryEvidence,
}

impl LoadedTape {
    /// Reads a tape to its end.
    pub fn open(path: &Path) -> Result<Self, TapeError> {
        let mut reader = TapeReader::open(path)?;
        let head = reader.head().clone();
        let mut query_evidence = QueryEvidence::default();
        let keep = |read: io::Result<Exchange>| {
            read.map(|exchange| {
                query_evidence.add(&exchange);
                keep_content_encoding(exchange)
            })
        };
        let exchanges = reader.by_ref().map(keep).collect::<Result<_, _>>()?;
        let bodies = TapeBodies::of([path])?;
        query_evidence.read_shapes(|hash| bodies.get(hash));
        Ok(Self { head, exchanges, condition: reader.condition().clone(), query_evidence })
    }

    /// Returns true if `standin replay` wrote the tape.
    ///
    /// The latency of a replayed request counts from its planned time, so that a stalled target
    /// cannot hide the delay of the requests that waited (coordinated omission).
    pub fn is_replay(&self) -> bool {
        self.head.notes.contains_key(REPLAY_NOTE)
    }

    /// Groups the requests into operations. What the rules state holds.
    pub fn operations(&self, rules: &OperationRules) -> OperationTree {
        let calls = self.exchanges.iter().map(|one| (one.request.method.as_str(), one.request.url.as_str()));
        let mut operations = OperationTree::learn_with(rules.clone(), calls);
        operations.tell_queries_apart(&self.query_evidence);
        operations
    }

    /// Returns the time at which a request arrived at the service, in nanoseconds since the start
    /// of the tape, or `None` if it never arrived. For a replay this is the planned time.
    pub fn arrival(&self, exchange: &Exchange) -> Option<u64> {
        if exchange.failure.as_ref().is_some_and(|failure| failure.reason == FailureReason::Limit) {
            return None;
        }
        if self.is_replay() { Some(exchange.times.received) } else { exchange.times.sent }
    }

    /// Returns the time from arrival to the last byte of the response, in nanoseconds, or `None`
    /// without a complete response.
    pub fn latency(&self, exchange: &Exchange) -> Option<u64> {
        if exchange.failure.is_some() || exchange.response.is_none() {
            return None;
        }
        let end = exchange.times.last_byte.or(exchange.times.first_byte)?;
        Some(end.saturating_sub(self.arrival(exchange)?))
    }

    /// Returns the maximum number of arrivals within one second (sliding window).
    pub fn peak_rate(&self) -> f64 {
        let mut arrivals: Vec<u64> = self.exchanges.iter().filter_map(|exchange| self.arrival(exchange)).collect();
        arrivals.sort_unstable();
        busiest_second(arrivals)
    }
}

fn keep_content_encoding(mut exchange: Exchange) -> Exchange {
    if let Some(response) = &mut exchange.response {
        response.headers.retain(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
        response.headers.shrink_to_fit();
    }
    exchange
}

/// Returns true if a response with this status, or a missing response, counts as an error of the
/// service: no response, 429 and 500 to 599.
pub fn is_error(status: Option<u16>) -> bool {
    status.is_none_or(|status| status == 429 || status >= 500)
}

/// Returns the maximum number of times within one second (sliding window). The times are
/// nanoseconds in ascending order.
pub fn busiest_second(times: impl IntoIterator<Item = u64>) -> f64 {
    let mut recent = VecDeque::new();
    let mut most = 0;
    for at in times {
        while recent.front().is_some_and(|first| at - first >= 1_000_000_000) {
            recent.pop_front();
        }
        recent.push_back(at);
        most = most.max(recent.len());
    }
    most as f64
}

/// Key of the note in [`TapeHead::notes`] with the path of the replayed tape.
pub const REPLAY_NOTE: &str = "replay";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{ExchangeRequest, ExchangeResponse, ExchangeTimes};

    #[test]
    fn the_busiest_second_slides() {
        let ms = |ms: u64| ms * 1_000_000;
        assert_eq!(busiest_second([0, ms(900), ms(1_100), ms(1_800), ms(3_000)]), 3.0);
        assert_eq!(busiest_second([]), 0.0);
    }

    #[test]
    fn content_encoding_is_the_only_response_header_kept() {
        let headers = [("Content-Type", "text/plain"), ("content-encoding", "gzip")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let read = keep_content_encoding(Exchange {
            number: 1,
            operation: None,
            request: ExchangeRequest {
                method: "GET".to_owned(),
                url: "/".to_owned(),
                headers: headers.clone(),
                body: None,
            },
            response: Some(ExchangeResponse { status: 200, reason: None, headers: headers.clone(), body: None }),
            failure: None,
            times: ExchangeTimes::default(),
            in_flight: 1,
            reused: false,
        });
        assert_eq!(read.response.map(|response| response.headers), Some(headers[1..].to_vec()));
        assert_eq!(read.request.headers, headers, "a replay sends them");
    }
}
