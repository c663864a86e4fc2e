//! Rules by which a service closes its connections, learned from a tape: after a number of answers,
//! or after a time without a request, and the requests that it loses when it does.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use standin_model::profile::{ConnectionRules, DistributionSpec};
use standin_model::stats::quantile;
use standin_stub::delay::units;
use standin_tape::exchange::{Exchange, FailureReason};
use standin_text::counted;

/// The connections of a recording, exchange by exchange. Times are nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct ConnectionEvidence {
    /// Numbers of answers after which the service closed connections at once, and how often.
    after_answers: BTreeMap<u32, u64>,
    /// Largest number of a request on its connection.
    most_requests: u32,
    /// Idle times after which the service closed connections.
    idle_closes: Vec<u64>,
    /// Idle times before requests that were answered.
    idle_answered: Vec<u64>,
    /// Idle times before requests that were lost, because the service closed the connection.
    idle_lost: Vec<u64>,
}

/// The rules that a recording shows, and what they rest on.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedConnections {
    /// The rules.
    pub rules: ConnectionRules,
    /// Connections that were closed by the number of answers, or after an idle time.
    seen: [u64; 2],
    /// Requests that were lost.
    lost: u64,
}

impl ConnectionEvidence {
    /// Adds an exchange.
    pub fn add(&mut self, exchange: &Exchange) {
        let times = &exchange.times;
        for closed in &times.closed {
            if closed.idle < MIN_IDLE_NANOS {
                *self.after_answers.entry(closed.requests).or_default() += 1;
            } else {
                self.idle_closes.push(closed.idle);
            }
        }
        if times.sent.is_none() || times.on_connection == 0 {
            return;
        }
        match exchange.failure.as_ref().map(|failure| failure.reason) {
            None if exchange.response.is_some() => {
                self.most_requests = self.most_requests.max(times.on_connection);
                if times.closes {
                    *self.after_answers.entry(times.on_connection).or_default() += 1;
                }
                if exchange.reused {
                    self.idle_answered.push(times.idle);
                }
            }
            Some(FailureReason::Closed) if exchange.response.is_none() && exchange.reused => {
                self.idle_lost.push(times.idle);
            }
            _ => {}
        }
    }

    /// Returns the rules that the recording shows; `None` if it shows none.
    pub fn fit(mut self) -> Option<FittedConnections> {
        self.idle_closes.sort_unstable();
        let max_requests = self.max_requests();
        let idle = self.idle();
        let race = if idle.is_some() { self.race() } else { Duration::ZERO };
        if max_requests.is_none() && idle.is_none() {
            return None;
        }
        let after = self.after_answers.values().sum();
        let seen = [
            if max_requests.is_some() { after } else { 0 },
            if idle.is_some() { self.idle_closes.len() as u64 } else { 0 },
        ];
        let lost = if race.is_zero() { 0 } else { self.idle_lost.len() as u64 };
        Some(FittedConnections { rules: ConnectionRules { max_requests, idle, race }, seen, lost })
    }

    /// Returns the number of answers after which connections are closed: the one after which nearly
    /// all of those were that the service closed at once, if none carried more.
    fn max_requests(&self) -> Option<NonZeroU32> {
        let all: u64 = self.after_answers.values().sum();
        let (requests, count) = self.after_answers.iter().max_by_key(|(_, count)| **count)?;
        let is_usual = *count >= MIN_CLOSES && *count as f64 >= all as f64 * USUAL_SHARE;
        NonZeroU32::new(*requests).filter(|_| is_usual && self.most_requests <= *requests)
    }

    /// Returns the distribution of the idle times after which connections are closed, if there are
    /// enough.
    fn idle(&self) -> Option<DistributionSpec> {
        if (self.idle_closes.len() as u64) < MIN_CLOSES {
            return None;
        }
        let ends = self.idle_ends();
        let at = |share: f64| ends.iter().find(|(_, ended)| *ended >= share).map_or(0.0, |(idle, _)| *idle as f64);
        let middle = at(0.5);
        // a service whose clients close, or that ends, leaves no such pattern
        let longer = self.idle_answered.iter().filter(|idle| **idle as f64 > at(0.95) * MAX_LONGER_FACTOR).count();
        if longer as u64 > self.idle_closes.len() as u64 / MAX_LONGER_SHARE {
            return None;
        }
        let rounded = |nanos: f64| Duration::from_millis((nanos / 1e6).round() as u64);
        Some(if at(0.95) - at(0.05) <= middle * FIXED_SPREAD {
            DistributionSpec::fixed(rounded(middle))
        } else {
            let percents = [0.0, 5.0, 25.0, 50.0, 75.0, 90.0, 95.0, 100.0];
            DistributionSpec::quantiles(percents.map(|percent| (percent, rounded(at(percent / 100.0)))))
        })
    }

    /// Returns the idle times after which connections are closed, each with the share of
    /// connections, up to 1, that would be closed by then if no request came (the estimator of
    /// Kaplan and Meier, Journal of the American Statistical Association 1958): a request that is
    /// answered after a longer time shows that its connection would have been closed later still.
    fn idle_ends(&self) -> Vec<(u64, f64)> {
        let mut all: Vec<(u64, bool)> = self.idle_closes.iter().map(|idle| (*idle, true)).collect();
        all.extend(self.idle_answered.iter().map(|idle| (*idle, false)));
        // of equal times the closes come first
        all.sort_unstable_by_key(|(idle, is_close)| (*idle, !is_close));
        let (count, mut open, mut ends) = (all.len(), 1.0, Vec::new());
        for (before, (idle, is_close)) in all.into_iter().enumerate() {
            if is_close {
                open *= 1.0 - 1.0 / (count - before) as f64;
                ends.push((idle, 1.0 - open));
            }
        }
        let all_ended = ends.last().map_or(1.0, |(_, ended)| *ended);
        for (_, ended) in &mut ends {
            *ended /= all_ended;
        }
        ends
    }

    /// Returns the time after the idle time in which requests are lost: so long that requests of
    /// this density about that time would lose as many.
    fn race(&self) -> Duration {
        if (self.idle_lost.len() as u64) < MIN_LOST {
            return Duration::ZERO;
        }
        let end = quantile(&self.idle_closes, 0.05);
        let begin = end * (1.0 - DENSITY_WINDOW);
        let near = self.idle_answered.iter().filter(|idle| (begin..end).contains(&(**idle as f64))).count();
        let nanos = self.idle_lost.len() as f64 * (end - begin) / (near.max(1) as f64);
        Duration::from_micros((nanos.min(MAX_RACE_NANOS) / 1e3).round() as u64)
    }
}

impl fmt::Display for FittedConnections {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [after, idle] = self.seen;
        let mut parts = Vec::new();
        if let Some(requests) = self.rules.max_requests {
            let answers = counted(u64::from(requests.get()), "answer");
            parts.push(format!("the service closes a connection after {answers} ({after} seen)"));
        }
        if let Some(spec) = &self.rules.idle {
            let middle = spec.build().ok().map(|built| built.quantile(0.5)).unwrap_or_default();
            let time = units::duration(middle);
            parts.push(format!("the service closes a connection that is idle for {time} ({idle} seen)"));
        }
        if self.lost > 0 {
            let race = units::duration(self.rules.race);
            parts.push(format!("requests in the {race} after that are lost ({} seen)", self.lost));
        }
        out.write_str(&parts.join("; "))
    }
}

/// A shorter idle time is that of a close with the answer.
const MIN_IDLE_NANOS: u64 = 20_000_000;
/// Closed connections that show a rule.
const MIN_CLOSES: u64 = 5;
/// Share of the closes that must have come after the same number of answers.
const USUAL_SHARE: f64 = 0.8;
/// Range of idle times, from p5 to p95 by their median, up to which they are one time.
const FIXED_SPREAD: f64 = 0.1;
/// Idle times before answered requests that are longer by this factor contradict a rule, if there
/// is more than one for so many closes.
const MAX_LONGER_FACTOR: f64 = 1.5;
const MAX_LONGER_SHARE: u64 = 10;
/// Lost requests that show a race.
const MIN_LOST: u64 = 3;
/// Part of the idle time before its end in which the density of requests is measured.
const DENSITY_WINDOW: f64 = 0.2;
/// Maximum time of a race: a second.
const MAX_RACE_NANOS: f64 = 1e9;

#[cfg(test)]
mod tests {
    use super::*;
    use standin_tape::exchange::{ClosedConnection, ExchangeFailure, ExchangeRequest, ExchangeResponse, ExchangeTimes};

    fn exchange(on_connection: u32, idle_ms: u64, change: impl FnOnce(&mut Exchange)) -> Exchange {
        let request =
            ExchangeRequest { method: "GET".to_owned(), url: "/".to_owned(), headers: Vec::new(), body: None };
        let mut exchange = Exchange {
            number: 1,
            operation: None,
            request,
            response: Some(ExchangeResponse { status: 200, reason: None, headers: Vec::new(), body: None }),
            failure: None,
            times: ExchangeTimes {
                sent: Some(1),
                on_connection,
                idle: idle_ms * 1_000_000,
                ..ExchangeTimes::default()
            },
            in_flight: 1,
            reused: on_connection > 1,
        };
        change(&mut exchange);
        exchange
    }

    fn closed(exchange: &mut Exchange, requests: u32, idle_ms: u64) {
        exchange.times.closed.push(ClosedConnection { requests, idle: idle_ms * 1_000_000 });
    }

    fn fit(exchanges: impl IntoIterator<Item = Exchange>) -> Option<FittedConnections> {
        let mut evidence = ConnectionEvidence::default();
        exchanges.into_iter().for_each(|exchange| evidence.add(&exchange));
        evidence.fit()
    }

    #[test]
    fn connections_that_stay_open_have_no_rule() {
        assert_eq!(fit((1..100).map(|number| exchange(number, 30, |_| {}))), None);
        // a few that went for another reason
        assert_eq!(fit((1..100).map(|number| exchange(number, 5, |one| one.times.closes = number % 40 == 0))), None);
    }

    #[test]
    fn a_number_of_answers_is_found_by_header_or_by_the_close() {
        let with_header = (0..30).map(|number| exchange(number % 3 + 1, 1, |one| one.times.closes = number % 3 == 2));
        let found = fit(with_header).unwrap();
        assert_eq!((found.rules.max_requests, found.rules.idle.clone()), (NonZeroU32::new(3), None));
        assert_eq!(found.to_string(), "the service closes a connection after 3 answers (10 seen)");
        let at_once = (0..20).map(|_| exchange(1, 0, |one| closed(one, 1, 2)));
        assert_eq!(fit(at_once).unwrap().rules.max_requests, NonZeroU32::new(1));
    }

    #[test]
    fn an_idle_time_is_found_with_the_requests_that_it_loses() {
        // requests after 0 to 2 s, each 10 ms; the last 20 ms lose theirs
        let requests = (0..200_u64).map(|step| exchange(2, step * 10, |_| {}));
        let closes = (0..10).map(|step| exchange(1, 0, |one| closed(one, 7, 2_000 + step)));
        let lost = (0..4).map(|_| {
            exchange(3, 2_005, |one| {
                one.response = None;
                one.failure = Some(ExchangeFailure { reason: FailureReason::Closed, detail: String::new() });
            })
        });
        let found = fit(requests.chain(closes).chain(lost)).unwrap();
        let idle = found.rules.idle.as_ref().unwrap().build().unwrap();
        assert!((1_999..=2_010).contains(&idle.quantile(0.5).as_millis()), "{found:?}");
        assert!((35..=45).contains(&found.rules.race.as_millis()), "{found:?}");
        assert!(found.to_string().contains("(10 seen); requests in the "), "{found}");
    }

    #[test]
    fn idle_times_that_vary_are_a_table() {
        let closes = (0..20).map(|step| exchange(1, 0, |one| closed(one, 7, 2_000 + step * 50)));
        let spec = fit(closes).unwrap().rules.idle.unwrap();
        assert_eq!(spec.kind, "quantiles");
        let median = spec.build().unwrap().quantile(0.5);
        assert!((2_400..=2_550).contains(&median.as_millis()), "{median:?}");
        // closes at 1 s, and as many requests at 1.1 s as closes at 1.2 s: half of all end late
        let early = (0..10).map(|_| exchange(1, 0, |one| closed(one, 7, 1_000)));
        let asked = (0..10).map(|_| exchange(2, 1_100, |_| {}));
        let late = (0..5).map(|_| exchange(1, 0, |one| closed(one, 7, 1_200)));
        let spec = fit(early.chain(asked).chain(late)).unwrap().rules.idle.unwrap().build().unwrap();
        assert_eq!((spec.quantile(0.2).as_millis(), spec.quantile(0.9).as_millis()), (1_000, 1_200));
        // connections that live longer contradict it
        let longer = (0..20).map(|step| exchange(2, 5_000, |one| closed(one, 7, 2_000 + step)));
        assert_eq!(fit(longer), None);
    }
}
