//! A whole tape in memory, for what goes through it more than once: replaying and comparing.

use std::collections::VecDeque;
use std::path::Path;

use super::operations::OperationTree;
use super::{TapeCondition, TapeError, TapeHead, TapeReader};
use crate::exchange::{Exchange, FailureReason};

/// A tape that has been read to its end. Of the headers of answers only the coding is kept: they are most of a tape, and who needs
/// the others reads a [`TapeReader`] through.
#[derive(Clone, Debug, Default)]
pub struct LoadedTape {
    /// The conditions of the recording.
    pub head: TapeHead,
    /// Its exchanges, in the order of the lines.
    pub exchanges: Vec<Exchange>,
    /// How whole it was.
    pub condition: TapeCondition,
}

impl LoadedTape {
    /// Reads a tape.
    pub fn open(path: &Path) -> Result<Self, TapeError> {
        let mut reader = TapeReader::open(path)?;
        let head = reader.head().clone();
        let exchanges = reader.by_ref().map(|read| read.map(with_coding_alone)).collect::<Result<_, _>>()?;
        Ok(Self { head, exchanges, condition: reader.condition().clone() })
    }

    /// Whether `replay` wrote it: its calls count from when they were meant to be sent, so that a target that stalls cannot
    /// hide what it did to the calls that had to wait.
    pub fn is_replay(&self) -> bool {
        self.head.notes.contains_key(REPLAY)
    }

    /// The operations of its calls.
    pub fn operations(&self) -> OperationTree {
        OperationTree::learn(self.exchanges.iter().map(|one| (one.request.method.as_str(), one.request.url.as_str())))
    }

    /// When a call came to the service, in nanoseconds since the tape's start; none if it never did. Of a replay it is when
    /// it was meant to be sent.
    pub fn arrival(&self, exchange: &Exchange) -> Option<u64> {
        if exchange.failure.as_ref().is_some_and(|failure| failure.reason == FailureReason::Limit) {
            return None;
        }
        if self.is_replay() { Some(exchange.times.received) } else { exchange.times.sent }
    }

    /// How long the whole answer took from then on, in nanoseconds; none if there is none.
    pub fn latency(&self, exchange: &Exchange) -> Option<u64> {
        if exchange.failure.is_some() || exchange.response.is_none() {
            return None;
        }
        let end = exchange.times.last_byte.or(exchange.times.first_byte)?;
        Some(end.saturating_sub(self.arrival(exchange)?))
    }

    /// The most calls that came to the service within a second of each other.
    pub fn per_second(&self) -> f64 {
        let mut arrivals: Vec<u64> = self.exchanges.iter().filter_map(|exchange| self.arrival(exchange)).collect();
        arrivals.sort_unstable();
        busiest_second(arrivals)
    }
}

fn with_coding_alone(mut exchange: Exchange) -> Exchange {
    if let Some(response) = &mut exchange.response {
        response.headers.retain(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
        response.headers.shrink_to_fit();
    }
    exchange
}

/// Whether a service that answers so, or not at all, is in trouble.
pub fn is_error(status: Option<u16>) -> bool {
    status.is_none_or(|status| status == 429 || status >= 500)
}

/// The most of these moments, which are in order, within a second of each other.
pub fn busiest_second(moments: impl IntoIterator<Item = u64>) -> f64 {
    let mut recent = VecDeque::new();
    let mut most = 0;
    for at in moments {
        while recent.front().is_some_and(|first| at - first >= 1_000_000_000) {
            recent.pop_front();
        }
        recent.push_back(at);
        most = most.max(recent.len());
    }
    most as f64
}

/// The note of a head that says of what tape this one is a replay.
pub const REPLAY: &str = "replay";

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
    fn of_an_answers_headers_the_coding_is_kept() {
        let headers = [("Content-Type", "text/plain"), ("content-encoding", "gzip")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let read = with_coding_alone(Exchange {
            number: 1,
            operation: None,
            request: ExchangeRequest {
                method: "GET".to_owned(),
                url: "/".to_owned(),
                headers: headers.clone(),
                body: None,
            },
            response: Some(ExchangeResponse { status: 200, headers: headers.clone(), body: None }),
            failure: None,
            times: ExchangeTimes::default(),
            in_flight: 1,
            reused: false,
        });
        assert_eq!(read.response.map(|response| response.headers), Some(headers[1..].to_vec()));
        assert_eq!(read.request.headers, headers, "a replay sends them");
    }
}
