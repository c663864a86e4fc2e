//! Capacity of the service, from a profile or a fit: the share of it that each load used, so that
//! limits can depend on it, and its queues, limits and stalls, so that a difference can be
//! explained.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::gap::conditions::{CommandArguments, ComparisonConditions};
use standin_model::profile::{CompiledOperation, CompiledProfile, CompiledService, ProfileValidRange};
use standin_model::station::{Capacity, Contention, Queue};

/// Knowledge about the two sides beside their calls.
#[derive(Clone, Debug, Default)]
pub struct ComparisonContext {
    /// The capacity of the reference; `None` if it is unknown.
    pub model: Option<CapacityModel>,
    /// The kind of mock that was compared.
    pub served: MockKind,
    /// Service, dates, machine and version.
    pub conditions: ComparisonConditions,
    /// The arguments of the commands that reports advise.
    pub arguments: CommandArguments,
}

/// A kind of mock, by how its responses were timed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MockKind {
    /// Nothing is known of that: it is on a tape.
    #[default]
    Tape,
    /// As fast as standin can.
    Unpaced,
    /// Served with the profile that the capacity model is from.
    Profile,
}

/// A model of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct CapacityModel {
    from: String,
    services: Vec<StationCapacity>,
}

/// One shared resource of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StationCapacity {
    /// Calls that are worked on at full speed at a time; none where calls do not disturb each
    /// other.
    pub(crate) workers: Option<f64>,
    /// True if the queue is bounded, so that calls are rejected when it is full.
    pub(crate) is_bounded: bool,
    /// The most calls a second that are let in.
    pub(crate) rate_limit: Option<f64>,
    /// True if the profile has stalls.
    pub(crate) stalls: bool,
    /// The range that the model was learned from.
    pub(crate) valid: ProfileValidRange,
    /// The cores that calls share while they hold a worker.
    cores: Option<f64>,
    /// The workers of what lies before it.
    front: Option<f64>,
    operations: BTreeMap<String, MeanDemand>,
    default: Option<MeanDemand>,
}

/// The mean time that a call holds a worker when all are busy, a core, and a worker of the front.
#[derive(Clone, Copy, Debug, PartialEq)]
struct MeanDemand {
    own: Duration,
    cpu: Duration,
    front: Duration,
}

impl CapacityModel {
    /// Returns the capacity model of a profile. `from` names the source, such as `profile
    /// recorded`. Returns `None` if the profile has no services or if a demand has no mean.
    pub fn of(profile: &CompiledProfile, from: impl Into<String>) -> Option<Self> {
        let services: Vec<StationCapacity> = profile.services.iter().map(StationCapacity::of).collect::<Option<_>>()?;
        (!services.is_empty()).then(|| Self { from: from.into(), services })
    }

    /// Returns the source of the model, such as `profile recorded`.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// Returns the utilization for these arrival rates in calls a second: 1 and more in overload, 0
    /// if calls do not disturb each other, `None` if the model does not know an operation.
    pub(crate) fn utilization(&self, rates: &[(&str, f64)]) -> Option<f64> {
        let mut used = vec![(0.0, [0.0; 3]); self.services.len()];
        for (operation, rate) in rates {
            let (place, demand) = self.demand(operation)?;
            let (came, used) = &mut used[place];
            *came += rate;
            for (used, time) in used.iter_mut().zip([demand.own, demand.cpu, demand.front]) {
                *used += rate * time.as_secs_f64();
            }
        }
        let shares = self.services.iter().zip(used).map(|(service, (came, used))| {
            // what is turned away at the door demands nothing
            let let_in = service.rate_limit.filter(|limit| *limit < came).map_or(1.0, |limit| limit / came);
            let share = |(used, count): (f64, Option<f64>)| count.map_or(0.0, |count| used * let_in / count);
            let counts = [service.workers, service.cores, service.front];
            used.into_iter().zip(counts).map(share).fold(0.0, f64::max)
        });
        shares.max_by(f64::total_cmp)
    }

    /// Returns the station that serves an operation.
    pub(crate) fn station(&self, operation: &str) -> Option<&StationCapacity> {
        self.demand(operation).map(|(place, _)| &self.services[place])
    }

    fn demand(&self, operation: &str) -> Option<(usize, MeanDemand)> {
        let places = || self.services.iter().enumerate();
        let named = places().find_map(|(place, service)| Some((place, *service.operations.get(operation)?)));
        named.or_else(|| places().find_map(|(place, service)| Some((place, service.default?))))
    }
}

impl StationCapacity {
    fn of(service: &CompiledService) -> Option<Self> {
        let mut operations = BTreeMap::new();
        for operation in &service.operations {
            operations.insert(operation.name.clone(), MeanDemand::of(operation, &service.station.capacity)?);
        }
        Some(Self {
            workers: workers(&service.station.capacity),
            is_bounded: is_bounded(&service.station.capacity),
            rate_limit: service.rate_limit.as_ref().map(|limit| limit.rate.per_second),
            stalls: service.stalls.is_some(),
            valid: service.valid,
            cores: service.station.capacity.cores(),
            front: service.front_station.as_ref().and_then(|front| workers(&front.capacity)),
            default: operations.get("default").copied(),
            operations,
        })
    }
}

impl MeanDemand {
    fn of(operation: &CompiledOperation, capacity: &Capacity) -> Option<Self> {
        let (demand, front) = (operation.mean_demand()?, operation.mean_front_demand()?);
        let Capacity::Layered { workers, cores, .. } = capacity else {
            return Some(Self { own: demand, cpu: Duration::ZERO, front });
        };
        let contention = operation.contention;
        let (own, cpu) = match (contention, workers) {
            // with any number in service, calls are done at the rate that their shares leave
            (_, None) => (contention.share(*cores), 0.0),
            (Contention::Slowdown(_), Some(workers)) => (contention.stretch_among(workers.get() as usize, *cores), 0.0),
            // bounds of operational analysis: no resource is used for longer than the time that
            // passes (Denning and Buzen, ACM Computing Surveys 1978)
            (Contention::Cpu(_), Some(_)) => (1.0, contention.share(*cores)),
        };
        Some(Self { own: demand.mul_f64(own), cpu: demand.mul_f64(cpu), front })
    }
}

/// Returns the number of workers; of a load-dependent rate, its maximum divided by the rate of one
/// call. `None` if the capacity is unlimited.
fn workers(capacity: &Capacity) -> Option<f64> {
    match capacity {
        Capacity::Unlimited => None,
        Capacity::Fifo { workers, .. } | Capacity::Sharing { workers, .. } => Some(f64::from(workers.get())),
        Capacity::Curve { curve, .. } => {
            let rates = curve.rates();
            let best = rates.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
            rates.first().map(|(_, alone)| best / alone)
        }
        Capacity::Layered { workers, cores, .. } => workers.map(|workers| f64::from(workers.get())).or(*cores),
    }
}

fn is_bounded(capacity: &Capacity) -> bool {
    match capacity {
        Capacity::Unlimited => false,
        Capacity::Fifo { queue, .. }
        | Capacity::Sharing { queue, .. }
        | Capacity::Curve { queue, .. }
        | Capacity::Layered { queue, .. } => matches!(queue, Queue::AtMost(_)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use standin_model::profile::{ProfileFile, read_all};

    fn model(text: &str) -> Option<CapacityModel> {
        let file = ProfileFile { name: "recorded".to_owned(), file: "recorded.yaml".into(), text: text.into() };
        let loaded = read_all(&[file]);
        assert!(!loaded.has_errors(), "{:?}", loaded.defects);
        CapacityModel::of(&loaded.profiles[0], "profile recorded")
    }

    fn service(capacity: &str, more: &str) -> String {
        format!(
            "services:\n  - name: items\n    capacity: {capacity}\n    operations:\n      - name: GET /a\n        match: {{url: /a}}\n        \
             demand: {{fixed: 10ms}}\n{more}"
        )
    }

    /// 200 calls of 10 ms a second keep two workers busy.
    #[test]
    fn load_is_what_workers_are_kept_busy_by() {
        let fifo = model(&service("{discipline: fifo, workers: 4, queue: unbounded}", "")).unwrap();
        assert_eq!(fifo.utilization(&[("GET /a", 200.0)]), Some(0.5));
        assert_eq!(fifo.utilization(&[("GET /other", 200.0)]), None);
        let sharing = service(
            "{discipline: sharing, workers: 2, queue: 9}",
            "    default:\n      demand: {fixed: 5ms}\n    rateLimit: {perSecond: 200}\n",
        );
        let sharing = model(&sharing).unwrap();
        assert_eq!(sharing.utilization(&[("GET /a", 50.0), ("GET /other", 100.0)]), Some(0.5));
        // half of the calls are turned away at the door
        assert_eq!(sharing.utilization(&[("GET /a", 400.0)]), Some(1.0));
        assert!(sharing.station("GET /a").unwrap().is_bounded);
        let curve = "{discipline: curve, rates: {1: 40/s, 2: 70/s, 4: 100/s, 8: 90/s}, queue: unbounded}";
        assert_eq!(model(&service(curve, "")).unwrap().utilization(&[("GET /a", 125.0)]), Some(0.5));
        assert_eq!(model(&service("{discipline: unlimited}", "")).unwrap().utilization(&[("GET /a", 1e6)]), Some(0.0));
    }

    #[test]
    fn a_layered_queue_is_as_busy_as_its_busiest_resource() {
        let layered = |capacity: &str, share: &str| {
            let text = service(capacity, "")
                .replace("demand: {fixed: 10ms}", &format!("demand: {{fixed: 10ms}}\n        {share}"));
            model(&text).unwrap().utilization(&[("GET /a", 50.0)]).unwrap()
        };
        for (capacity, share, expected) in [
            ("{workers: 6, cores: 1, queue: 9}", "cpu: 80%", 0.4),
            ("{workers: 2, cores: 4, queue: 9}", "cpu: 80%", 0.25),
            ("{workers: 5, queue: unbounded}", "", 0.1),
            // 1.5 times as long when all five are busy
            ("{workers: 5, queue: unbounded}", "slowdown: 12.5%", 0.15),
            ("{workers: 4, cores: 2, queue: unbounded}", "slowdown: 50%", 0.1875),
            ("{cores: 2, queue: unbounded}", "", 0.25),
            ("{cores: 1, queue: unbounded}", "slowdown: 60%", 0.3),
        ] {
            let found = layered(capacity, share);
            assert!((found - expected).abs() < 1e-6, "{capacity} {share}: {found}");
        }
    }

    #[test]
    fn a_front_can_be_what_is_busiest() {
        let text = service(
            "{discipline: fifo, workers: 8, queue: unbounded}",
            "        front: {fixed: 5ms}\n    front: {discipline: fifo, workers: 1, queue: unbounded}\n",
        );
        assert_eq!(model(&text).unwrap().utilization(&[("GET /a", 100.0)]), Some(0.5));
    }
}
