//! Recovered demands as quantile tables, by operation and class of answer: what a profile is written from.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::length::{self, Part};
use super::limits::Limit;
use super::model::Model;
use super::order;
use super::table::table;
use super::tail::{self, Tail};
use super::trace::Trace;
use super::workload::{Workload, is_rejection};
use standin_model::profile::spec::Order;
use standin_stub::delay::units::size;
use standin_stub::delay::{Distribution, Param, ParamValue};

/// A distribution of demands: shares from 0 to 1 and the times that they do not exceed, log-linear between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    points: Vec<(f64, Duration)>,
}

/// What an operation asks of the service.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationFit {
    /// As in `GET /inventory/{id}`.
    pub name: String,
    /// Demands that the table was made from.
    pub samples: u64,
    /// The demand of ordinary answers.
    pub demand: Demand,
    /// What of that is beyond the sample, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
    /// What its calls wait beside the queue, where that varies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside: Option<Demand>,
    /// What its calls demand of a front that they pass before the workers, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub front: Option<Demand>,
    /// Answers that differ enough to draw their own demand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// The median rate at which long answers came, in bytes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<f64>,
    /// How slow spells stay together, if there are such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
}

/// A class of answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Class {
    /// The share of all answers, 0 to 1.
    pub share: f64,
    /// Their status, or the most common of several rare ones.
    pub status: u16,
    /// The bytes of an answer from which on they are of this class; none if it is one by status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Answers that the table was made from.
    pub samples: u64,
    /// Their demand.
    pub demand: Demand,
    /// What of that is beyond the sample, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
}

impl Demand {
    /// A table from demands in nanoseconds; at least one.
    ///
    /// The usual percentiles are points, and where interpolation would miss the sum of the demands between two of them more are
    /// put in: an error in the mean grows by 1 / (1 - utilization) in the waiting time.
    pub(super) fn new(mut demands: Vec<f64>) -> Self {
        demands.sort_unstable_by(f64::total_cmp);
        Self::rounded(table(&possible(demands)))
    }

    /// The same, carried on beyond the sample where that shows a tail.
    pub(super) fn carried_on(mut demands: Vec<f64>) -> (Self, Option<Tail>) {
        demands.sort_unstable_by(f64::total_cmp);
        let is_noisy = tail::is_noisy(&demands);
        let demands = possible(demands);
        let mut points = table(&demands);
        let Some((tail, beyond)) = Tail::fit(&demands, &points).filter(|_| !is_noisy) else {
            return (Self::rounded(points), None);
        };
        points.retain(|(share, _)| *share < tail.from);
        points.extend(beyond);
        (Self::rounded(points), Some(tail))
    }

    fn rounded(points: Vec<(f64, f64)>) -> Self {
        let rounded = points.into_iter().map(|(share, nanos)| (share, Duration::from_nanos(nanos.round() as u64)));
        Self { points: rounded.collect() }
    }

    /// Shares (0 to 1) and the times that they do not exceed, in rising order from 0 to 1.
    pub fn points(&self) -> &[(f64, Duration)] {
        &self.points
    }

    /// The time that a share of demands does not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        self.distribution().quantile(share)
    }

    /// As a distribution to draw from.
    pub fn distribution(&self) -> Distribution {
        let names: Vec<String> = self.points.iter().map(|(share, _)| percentile(*share)).collect();
        let value = |time: Duration| ParamValue::Time(time.as_nanos() as f64);
        let params = names.iter().zip(&self.points).map(|(name, (_, time))| Param { name, value: value(*time) });
        let params: Vec<_> = params.collect();
        Distribution::build("quantiles", &params).expect("the points rise from 0 to 1")
    }
}

impl Serialize for Demand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.points.iter().map(|(share, time)| (percentile(*share), standin_stub::delay::units::duration(*time))),
        )
    }
}

impl OperationFit {
    /// From the demands of an operation by status; at least one.
    ///
    /// Statuses of too few answers are put together, and with the ordinary ones if they still are too few; but failures of the
    /// service are a class each.
    /// Tables are carried on beyond their samples if the demands are those of the service.
    pub(super) fn new(
        name: String,
        mut by_status: BTreeMap<u16, Vec<f64>>,
        transfer: Option<f64>,
        carries_on: bool,
    ) -> Self {
        let all: usize = by_status.values().map(Vec::len).sum();
        let ordinary = ordinary(&by_status);
        let mut main = ordinary.and_then(|status| by_status.remove(&status)).unwrap_or_default();
        let (mut classes, mut failures) = (Vec::new(), Vec::new());
        let (mut rare, mut rare_status, mut commonest) = (Vec::new(), 0, 0);
        for (status, demands) in by_status {
            if demands.len() >= CLASS {
                classes.push(Class::new(status, demands, all, carries_on));
                continue;
            }
            if is_failure(status) {
                failures.push((status, demands));
                continue;
            }
            if demands.len() > commonest {
                (rare_status, commonest) = (status, demands.len());
            }
            rare.extend(demands);
        }
        if rare.len() >= CLASS {
            classes.push(Class::new(rare_status, rare, all, carries_on));
        } else {
            main.extend(rare);
        }
        let samples = main.len() as u64;
        let (demand, tail) = demand(main, carries_on);
        // however few they are, the service fails as often; what so few of them demanded says less than what all others did
        classes.extend(failures.into_iter().map(|(status, demands)| {
            let few = demands.len() < FEWEST_OF_THEIR_OWN && !is_rejection(status);
            let own = Class::new(status, demands, all, false);
            if few { Class { demand: demand.clone(), ..own } } else { own }
        }));
        Self { name, samples, demand, tail, outside: None, front: None, classes, transfer, order: None }
    }
}

impl OperationFit {
    /// Puts a delay that varies beside the queue, and what is demanded of the queue in place of what a single station recovered:
    /// of every class too, for what each of them demands cannot be told then.
    pub(super) fn wait_beside(&mut self, demand: &Demand, outside: &Demand) {
        self.outside = Some(outside.clone());
        self.replace(demand);
    }

    /// Puts a front before the workers, in the same way.
    pub(super) fn pass_before(&mut self, demand: &Demand, front: &Demand) {
        self.front = Some(front.clone());
        self.replace(demand);
    }

    fn replace(&mut self, demand: &Demand) {
        (self.demand, self.tail) = (demand.clone(), None);
        self.order = None;
        self.classes.retain(|class| class.from.is_none());
        for class in &mut self.classes {
            (class.demand, class.tail) = (demand.clone(), None);
        }
    }

    /// Puts classes by length beside those by status, if there are several parts.
    fn part_by_length(&mut self, status: u16, parts: Vec<Part>, carries_on: bool) {
        let all = self.samples + self.classes.iter().map(|class| class.samples).sum::<u64>();
        let mut parts = parts.into_iter();
        let Some(shortest) = parts.next().filter(|_| parts.len() > 0) else { return };
        self.samples = shortest.demands.len() as u64;
        (self.demand, self.tail) = demand(shortest.demands, carries_on);
        for part in parts {
            let class = Class::new(status, part.demands, all as usize, carries_on);
            self.classes.push(Class { from: Some(part.from), ..class });
        }
    }
}

/// Whether an answer says that the service failed, as its stand-in is to do as often. That a thing is not found is for a stub to say.
pub(super) fn is_failure(status: u16) -> bool {
    status >= 500 || is_rejection(status)
}

/// The most common status.
fn ordinary(by_status: &BTreeMap<u16, Vec<f64>>) -> Option<u16> {
    let most = by_status.iter().max_by_key(|(status, demands)| (demands.len(), u16::MAX - **status));
    most.map(|(status, _)| *status)
}

impl Class {
    /// Which answers it is of: `status 404`, `from 32kB`.
    pub(super) fn which(&self) -> String {
        self.from.map_or_else(|| format!("status {}", self.status), |bytes| format!("from {}", size(bytes)))
    }

    fn new(status: u16, demands: Vec<f64>, all: usize, carries_on: bool) -> Self {
        let samples = demands.len();
        let (share, samples) = (samples as f64 / all as f64, samples as u64);
        // a call that was turned away has nothing but its latency
        let (demand, tail) = demand(demands, carries_on && !is_rejection(status));
        Self { share, status, from: None, samples, demand, tail }
    }
}

fn demand(demands: Vec<f64>, carries_on: bool) -> (Demand, Option<Tail>) {
    if carries_on { Demand::carried_on(demands) } else { (Demand::new(demands), None) }
}

/// Tables by operation, and one for all; carried on beyond the sample if there is a model that tells all waiting from work.
pub(super) fn operations(
    work: &Workload,
    demands: &[f64],
    names: &BTreeMap<&str, u32>,
    traces: &[Trace],
    limits: &[Limit],
    clear: Option<Model>,
) -> (Vec<OperationFit>, OperationFit) {
    let mut by_status: Vec<BTreeMap<u16, Vec<f64>>> = vec![BTreeMap::new(); names.len()];
    for call in (0..work.len()).filter(|call| work.counted[*call]) {
        let operation = &mut by_status[work.operations[call] as usize];
        operation.entry(work.statuses[call]).or_default().push(demands[call]);
    }
    let mut transfer = vec![None; names.len()];
    for trace in traces {
        for (name, rate) in trace.operations.iter().zip(&trace.transfer) {
            transfer[names[name.as_str()] as usize] = *rate;
        }
        // a call that was turned away has nothing but its latency; a limit turns it away again
        let by_limit = |status| limits.iter().any(|limit| limit.status == status);
        for call in trace.calls.iter().filter(|call| is_rejection(call.status) && !by_limit(call.status)) {
            let operation = names[trace.operations[call.operation as usize].as_str()];
            let latency = call.finish.saturating_sub(call.arrival) as f64;
            by_status[operation as usize].entry(call.status).or_default().push(latency);
        }
    }
    let mut everything: BTreeMap<u16, Vec<f64>> = BTreeMap::new();
    for (status, demands) in by_status.iter().flatten() {
        everything.entry(*status).or_default().extend(demands);
    }
    let enough =
        |by_status: &BTreeMap<u16, Vec<f64>>| by_status.values().map(Vec::len).sum::<usize>() >= LEAST_OPERATION;
    let mut named: Vec<(&str, u32)> = names.iter().map(|(name, index)| (*name, *index)).collect();
    named.retain(|(_, index)| enough(&by_status[*index as usize]));
    let populations = clear.map(|model| work.populations(model.outside));
    let is_even = |calls: &[usize]| {
        let found = populations.as_ref().map(|found| calls.iter().map(|call| (found[*call], demands[*call])).collect());
        found.is_some_and(tail::is_even)
    };
    let counted: Vec<usize> = (0..work.len()).filter(|call| work.counted[*call]).collect();
    let fitted = named.iter().map(|(name, index)| {
        let own: Vec<usize> = counted.iter().copied().filter(|call| work.operations[*call] == *index).collect();
        let calls: Vec<(f64, f64)> = own.iter().map(|call| (work.arrivals[*call], demands[*call])).collect();
        let order = order::order(&calls, named.len());
        // the calls of a slow spell are one observation of a tail, not many
        let carries_on = order.is_none() && is_even(&own);
        let index = *index as usize;
        let mut operation =
            OperationFit::new((*name).to_owned(), by_status[index].clone(), transfer[index], carries_on);
        operation.order = order;
        if let Some(status) = ordinary(&by_status[index]) {
            let ordinary = own.iter().filter(|call| work.statuses[**call] == status);
            let lengths: Option<Vec<(u64, f64)>> =
                ordinary.map(|call| Some((work.bytes[*call]?, demands[*call]))).collect();
            operation.part_by_length(status, length::parts(lengths.unwrap_or_default()), carries_on);
        }
        operation
    });
    let fitted: Vec<OperationFit> = fitted.collect();
    let carries_on = fitted.iter().all(|operation| operation.order.is_none()) && is_even(&counted);
    (fitted, OperationFit::new("default".to_owned(), everything, None, carries_on))
}

/// What is recovered as less than a demand can be is noise.
fn possible(mut demands: Vec<f64>) -> Vec<f64> {
    for demand in &mut demands {
        *demand = demand.max(LEAST);
    }
    demands
}

/// The name of a share as the profile writes it: `p99.9`.
pub fn percentile(share: f64) -> String {
    let percent = format!("{:.4}", share * 100.0);
    format!("p{}", percent.trim_end_matches('0').trim_end_matches('.'))
}

/// Operations of fewer calls are served by the default.
const LEAST_OPERATION: usize = 50;
/// A demand is at least a microsecond: what is recovered as less is the clock's noise.
const LEAST: f64 = 1_000.0;
/// Answers of a status that make it a class of its own.
const CLASS: usize = 200;
/// Failures whose demands make a table of their own.
const FEWEST_OF_THEIR_OWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn table(demands: &[f64]) -> Demand {
        Demand::new(demands.to_vec())
    }

    #[test]
    fn a_table_keeps_the_mean_and_the_tail() {
        // a heavy tail, two modes, and a constant
        let pareto: Vec<f64> = (0..20_000).map(|k| 1e6 * (1.0 - (f64::from(k) + 0.5) / 20_000.0).powf(-0.5)).collect();
        let modes: Vec<f64> = (0..5_000).map(|k| if k % 10 < 3 { 1e7 + f64::from(k) } else { 4e7 }).collect();
        for demands in [pareto, modes, vec![5e6; 300]] {
            let distribution = table(&demands).distribution();
            let mean = demands.iter().sum::<f64>() / demands.len() as f64;
            let kept = distribution.mean().unwrap().as_nanos() as f64;
            assert!((kept / mean - 1.0).abs() < 0.003, "{kept} {mean}");
            let mut sorted = demands.clone();
            sorted.sort_by(f64::total_cmp);
            for share in [0.5, 0.9, 0.99] {
                let real = sorted[(share * sorted.len() as f64) as usize];
                let tabled = distribution.quantile(share).as_nanos() as f64;
                assert!((tabled / real - 1.0).abs() < 0.01, "{share} {tabled} {real}");
            }
        }
    }

    #[test]
    fn few_demands_and_impossible_ones_make_a_table_too() {
        assert_eq!(table(&[-5.0, 3e6]).quantile(0.0), Duration::from_micros(1));
        assert_eq!(table(&[3e6]).quantile(0.7), Duration::from_millis(3));
        assert_eq!(percentile(0.999), "p99.9");
        assert_eq!(percentile(0.0), "p0");
    }

    #[test]
    fn rare_statuses_are_put_together() {
        let demands = |count: usize| vec![2e6; count];
        let fit = |statuses: &[(u16, usize)]| {
            let by_status = statuses.iter().map(|(status, count)| (*status, demands(*count))).collect();
            OperationFit::new("GET /".to_owned(), by_status, None, true)
        };
        let classes =
            |fit: &OperationFit| fit.classes.iter().map(|class| (class.status, class.samples)).collect::<Vec<_>>();
        assert_eq!(classes(&fit(&[(200, 1_000), (404, 250), (400, 150), (410, 100)])), [(404, 250), (400, 250)]);
        let lumped = fit(&[(200, 1_000), (404, 50)]);
        assert_eq!((classes(&lumped), lumped.samples), (vec![], 1_050));
    }

    #[test]
    fn a_service_fails_as_often_as_it_did_however_seldom_that_was() {
        let by_status =
            BTreeMap::from([(200, vec![2e6; 980]), (404, vec![2e6; 15]), (500, vec![9e6; 4]), (502, vec![7e6])]);
        let fit = OperationFit::new("GET /".to_owned(), by_status, None, true);
        let told = fit.classes.iter().map(|class| (class.status, class.samples, class.share));
        assert_eq!(told.collect::<Vec<_>>(), [(500, 4, 0.004), (502, 1, 0.001)]);
        // what four of them took says nothing
        assert_eq!(fit.classes[0].demand.quantile(0.5), Duration::from_millis(2));
        assert_eq!(fit.samples, 995);
        let by_status = BTreeMap::from([(200, vec![2e6; 980]), (500, vec![9e6; 20])]);
        let fit = OperationFit::new("GET /".to_owned(), by_status, None, true);
        assert_eq!(fit.classes[0].demand.quantile(0.5), Duration::from_millis(9));
    }
}
