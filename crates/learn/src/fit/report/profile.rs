//! The profile that serves as the recorded service did.

use http::HeaderMap;

use crate::fit::demand::{DemandTable, OperationFit, ResponseClass, is_failure};
use crate::fit::fitted::Fitted;
use crate::fit::limits::{FittedLimit, LimitKind};
use crate::fit::prepare::stalls::FittedStalls;
use crate::fit::station_model::QueueDiscipline;
use crate::fit::time;
use standin_model::profile::{
    DemandClass, DistributionParam, DistributionSpec, OperationTiming, Overflow, Profile, ProfileOperation,
    ProfileService, ProfileValidRange, RateLimit, Reneging, ScaleFactors, StallTimes, StationSpec,
};
use standin_model::station::{Contention, TokenRate};
use standin_tape::OperationName;

impl Fitted {
    /// Converts the model to a profile. Operations whose name is not a method and a path are left
    /// to the default operation.
    pub fn profile(&self) -> Profile {
        let mut operations: Vec<&OperationFit> = self.operations.iter().collect();
        // the first match wins, so fixed paths precede templates, and queries paths without one
        operations.sort_by_cached_key(|operation| (order(&operation.name), operation.name.clone()));
        let operations = operations.into_iter().filter_map(|operation| {
            let pattern = OperationName::parse(&operation.name)?.request_pattern();
            Some(ProfileOperation {
                name: operation.name.clone(),
                pattern: Some(pattern),
                timing: self.timing(operation),
            })
        });
        let known = self.known_up_to.filter(|_| self.is_uncertain()).unwrap_or(f64::INFINITY);
        let service = ProfileService {
            name: self.service.clone(),
            pattern: None,
            station: StationSpec {
                capacity: self.capacity(),
                overflow: self.limits.iter().find(|limit| matches!(limit.kind, LimitKind::Inside { .. })).map(overflow),
            },
            front_station: self.front().map(|capacity| StationSpec { capacity, overflow: None }),
            rate_limit: self.limits.iter().find_map(rate_limit),
            stalls: self.stalls.as_ref().map(stalls),
            reneging: Reneging::KeepWorker,
            // learned from whole exchanges, which this model does not keep
            connections: None,
            scale: ScaleFactors { latency: 1.0, capacity: 1.0 },
            operations: operations.collect(),
            default: Some(self.timing(&self.default)),
            valid: ProfileValidRange {
                utilization: self.valid.utilization.map(|used| (used * 1e3).round() / 10.0 / 100.0),
                in_flight: Some(u64::from(self.valid.in_flight)),
                // where models differ at recorded loads, the profile holds up to where they agree
                per_second: Some((f64::min(self.valid.per_second, known) * 10.0).round() / 10.0),
                samples: Some(self.valid.samples),
                recorded: None,
            },
        };
        Profile { description: Some(self.description()), services: vec![service], ..Profile::default() }
    }

    fn description(&self) -> String {
        let load = format!("{:.1} calls/s", self.valid.per_second);
        let recorded = match (self.discipline, self.valid.utilization) {
            (QueueDiscipline::Unlimited, _) | (_, None) => format!("as recorded, up to {load}"),
            (_, Some(used)) => format!("as recorded, up to {:.0}% load ({load})", used * 100.0),
        };
        match self.known_up_to {
            Some(known) if known > 0.0 => {
                format!("{recorded}; predictions agree within 30% up to {known:.1} calls/s")
            }
            Some(_) => format!("{recorded}; predictions agree within 30% at no load"),
            None => recorded,
        }
    }

    fn timing(&self, operation: &OperationFit) -> OperationTiming {
        let fixed = (!self.outside.is_zero()).then(|| DistributionSpec::fixed(time::to_micros(self.outside)));
        OperationTiming {
            demand: delay(&operation.demand),
            contention: operation.cpu.map(Contention::Cpu),
            outside_latency: operation.outside.as_ref().map(delay).or(fixed),
            front_demand: operation.front.as_ref().map(delay),
            autocorrelation: operation.autocorrelation,
            transfer_rate: operation.transfer.map(three_digits),
            classes: operation.classes.iter().map(class).collect(),
        }
    }
}

/// Returns the place of an operation among those that a call may match.
fn order(name: &str) -> (usize, usize) {
    let parts = OperationName::parse(name);
    let generality = |query: Option<(&str, &str)>| query.map_or(usize::MAX, |(_, values)| values.matches('{').count());
    parts.map_or((0, 0), |parts| (parts.path.matches('{').count(), generality(parts.query)))
}

/// Converts a response class. Failures keep their status; a missing resource (404) is left to the
/// stubs.
fn class(class: &ResponseClass) -> DemandClass {
    DemandClass {
        // the share that a reader computes from the written percentage
        share: (class.share * 1e5).round() / 1e3 / 100.0,
        min_body_bytes: class.from,
        status: is_failure(class.status).then_some(class.status),
        demand: delay(&class.demand),
    }
}

fn stalls(stalls: &FittedStalls) -> StallTimes {
    let every = time::to_micros(stalls.every);
    let kind = if stalls.regular { "fixed" } else { "exponential" };
    let every =
        DistributionSpec { kind: kind.to_owned(), params: vec![(mean_of(kind), DistributionParam::Time(every))] };
    StallTimes { interval: every, duration: delay(&stalls.last) }
}

/// Returns the name of the parameter that is the mean.
fn mean_of(kind: &str) -> String {
    if kind == "fixed" { "value" } else { "mean" }.to_owned()
}

fn overflow(limit: &FittedLimit) -> Overflow {
    Overflow::Answer { status: limit.status, headers: HeaderMap::new(), body: None }
}

fn rate_limit(limit: &FittedLimit) -> Option<RateLimit> {
    match limit.kind {
        LimitKind::Rate { per_second, burst, spaced } => {
            Some(RateLimit { rate: TokenRate { per_second, burst, spaced }, overflow: Some(overflow(limit)) })
        }
        LimitKind::Inside { .. } => None,
    }
}

fn delay(demand: &DemandTable) -> DistributionSpec {
    DistributionSpec::quantiles(demand.points().iter().map(|(share, time)| ((share * 1e5).round() / 1e3, *time)))
}

/// Rounds to three significant digits.
pub(crate) fn three_digits(number: f64) -> f64 {
    let magnitude = number.log10().floor() as i32 - 2;
    // powers of ten below one have no exact float
    if magnitude > 0 {
        let unit = 10f64.powi(magnitude);
        (number / unit).round() * unit
    } else {
        let unit = 10f64.powi(-magnitude);
        (number * unit).round() / unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_written_with_three_digits() {
        for (rate, written) in [
            (20_123_456.7, "20.1MB/s"),
            (53_512_345.6, "53.5MB/s"),
            (1_499.6, "1.5kB/s"),
            (999.6, "1kB/s"),
            (2.3456, "2.35B/s"),
        ] {
            assert_eq!(standin_stub::delay::units::rate(three_digits(rate)), written);
        }
    }
}
