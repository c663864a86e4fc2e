//! Recovered demands as quantile tables, by operation and response class: the content of a profile.

pub(crate) mod autocorrelation;
pub(crate) mod by_operation;
pub(crate) mod gpd_tail;
pub(crate) mod quantile_table;
pub(crate) mod size_classes;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use self::gpd_tail::Tail;
use self::quantile_table::{percentile_name, table};
use self::size_classes::SizeClass;
use crate::fit::prepare::workload::is_rejection;
use standin_model::profile::Autocorrelation;
use standin_stub::delay::units::size;
use standin_stub::delay::{Distribution, Param, ParamValue};

/// Distribution of demands: shares from 0 to 1, each with the time that this share of demands does
/// not exceed; log-linear in between.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandTable {
    points: Vec<(f64, Duration)>,
}

/// Demand of an operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationFit {
    /// Name of the operation: `GET /inventory/{id}`.
    pub name: String,
    /// Number of demands that the table was made from.
    pub samples: u64,
    /// Demand of ordinary responses.
    pub demand: DemandTable,
    /// Extrapolated tail of `demand`, if the sample shows one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
    /// Varying delay of its calls beside the queue, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside: Option<DemandTable>,
    /// Demand on the front station before the workers, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub front: Option<DemandTable>,
    /// Share of the demand that needs a core, 0 to 1, in layered queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Response classes with a demand of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ResponseClass>,
    /// Median transfer rate of long responses, in bytes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<f64>,
    /// Autocorrelation of demands (slow spells), if there is any.
    #[serde(rename = "order", skip_serializing_if = "Option::is_none")]
    pub autocorrelation: Option<Autocorrelation>,
}

/// A class of responses.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResponseClass {
    /// Share of all responses, 0 to 1.
    pub share: f64,
    /// Status of the responses, or the most common of several rare ones.
    pub status: u16,
    /// Smallest length of a response of this class in bytes; `None` for a class by status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Number of responses that the table was made from.
    pub samples: u64,
    /// Demand of the class.
    pub demand: DemandTable,
    /// Extrapolated tail of `demand`, if the sample shows one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
}

impl DemandTable {
    /// Builds a table from demands in nanoseconds, in any order; at least one.
    ///
    /// The usual percentiles are points. More points are inserted where interpolation would miss
    /// the sum of the demands between two of them, since an error in the mean grows by 1 / (1 -
    /// utilization) in the waiting time.
    pub(crate) fn new(mut demands: Vec<f64>) -> Self {
        demands.sort_unstable_by(f64::total_cmp);
        Self::rounded(table(&raise_to_minimum(demands)))
    }

    /// Builds a table that continues beyond the sample if the sample shows a tail.
    pub(crate) fn with_tail(mut demands: Vec<f64>) -> (Self, Option<Tail>) {
        demands.sort_unstable_by(f64::total_cmp);
        let is_noisy = gpd_tail::is_noisy(&demands);
        let demands = raise_to_minimum(demands);
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

    /// Returns shares (0 to 1) and the times that they do not exceed, in ascending order from 0 to
    /// 1.
    pub fn points(&self) -> &[(f64, Duration)] {
        &self.points
    }

    /// Returns the time that a share (0 to 1) of demands does not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        self.distribution().quantile(share)
    }

    /// Returns the distribution to draw demands from.
    pub fn distribution(&self) -> Distribution {
        let names: Vec<String> = self.points.iter().map(|(share, _)| percentile_name(*share)).collect();
        let value = |time: Duration| ParamValue::Time(time.as_nanos() as f64);
        let params = names.iter().zip(&self.points).map(|(name, (_, time))| Param { name, value: value(*time) });
        let params: Vec<_> = params.collect();
        Distribution::build("quantiles", &params).expect("the points rise from 0 to 1")
    }
}

impl Serialize for DemandTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.points
                .iter()
                .map(|(share, time)| (percentile_name(*share), standin_stub::delay::units::duration(*time))),
        )
    }
}

impl OperationFit {
    /// Builds tables from the demands of an operation by status; at least one demand.
    ///
    /// Statuses with too few responses are merged into one class, or into the ordinary responses if
    /// they still are too few; but each failing status is a class. If `has_tail`, tables continue
    /// beyond their samples.
    pub(crate) fn new(
        name: String,
        mut by_status: BTreeMap<u16, Vec<f64>>,
        transfer: Option<f64>,
        has_tail: bool,
    ) -> Self {
        let all: usize = by_status.values().map(Vec::len).sum();
        let most_common_status = most_common_status(&by_status);
        let mut main = most_common_status.and_then(|status| by_status.remove(&status)).unwrap_or_default();
        let (mut classes, mut failures) = (Vec::new(), Vec::new());
        let (mut rare, mut rare_status, mut commonest) = (Vec::new(), 0, 0);
        for (status, demands) in by_status {
            if demands.len() >= MIN_CLASS_RESPONSES {
                classes.push(ResponseClass::new(status, demands, all, has_tail));
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
        if rare.len() >= MIN_CLASS_RESPONSES {
            classes.push(ResponseClass::new(rare_status, rare, all, has_tail));
        } else {
            main.extend(rare);
        }
        let samples = main.len() as u64;
        let (demand, tail) = table_of(main, has_tail);
        // rare failures are served as often as they occurred; where few of them show a demand, all
        // responses show it better
        classes.extend(failures.into_iter().map(|(status, demands)| {
            let few = demands.len() < MIN_FAILURES && !is_rejection(status);
            let own = ResponseClass::new(status, demands, all, false);
            if few { ResponseClass { demand: demand.clone(), ..own } } else { own }
        }));
        Self {
            name,
            samples,
            demand,
            tail,
            outside: None,
            front: None,
            cpu: None,
            classes,
            transfer,
            autocorrelation: None,
        }
    }
}

impl OperationFit {
    /// Sets a varying delay beside the queue, and replaces the recovered demands by the demand on
    /// the queue. It also replaces those of the classes, because demands by class are unknown then.
    pub(crate) fn set_delay(&mut self, demand: &DemandTable, outside: &DemandTable) {
        self.outside = Some(outside.clone());
        self.replace(demand);
    }

    /// Sets a front station before the workers, and replaces the recovered demands by the demand on
    /// the workers.
    pub(crate) fn set_front(&mut self, demand: &DemandTable, front: &DemandTable) {
        self.front = Some(front.clone());
        self.replace(demand);
    }

    fn replace(&mut self, demand: &DemandTable) {
        (self.demand, self.tail) = (demand.clone(), None);
        self.autocorrelation = None;
        self.classes.retain(|class| class.from.is_none());
        for class in &mut self.classes {
            (class.demand, class.tail) = (demand.clone(), None);
        }
    }

    /// Adds classes by response length to those by status, if there are several parts.
    fn add_size_classes(&mut self, status: u16, parts: Vec<SizeClass>, has_tail: bool) {
        let all = self.samples + self.classes.iter().map(|class| class.samples).sum::<u64>();
        let mut parts = parts.into_iter();
        let Some(shortest) = parts.next().filter(|_| parts.len() > 0) else { return };
        self.samples = shortest.demands.len() as u64;
        (self.demand, self.tail) = table_of(shortest.demands, has_tail);
        for part in parts {
            let class = ResponseClass::new(status, part.demands, all as usize, has_tail);
            self.classes.push(ResponseClass { from: Some(part.from), ..class });
        }
    }
}

/// Returns true if a status says that the service failed, which the mock repeats at random. A
/// missing resource (404) is left to the stubs.
pub(crate) fn is_failure(status: u16) -> bool {
    status >= 500 || is_rejection(status)
}

/// Returns the most common status.
fn most_common_status(by_status: &BTreeMap<u16, Vec<f64>>) -> Option<u16> {
    let most = by_status.iter().max_by_key(|(status, demands)| (demands.len(), u16::MAX - **status));
    most.map(|(status, _)| *status)
}

impl ResponseClass {
    /// Names the responses of the class: `status 404`, `from 32kB`.
    pub(crate) fn label(&self) -> String {
        self.from.map_or_else(|| format!("status {}", self.status), |bytes| format!("from {}", size(bytes)))
    }

    fn new(status: u16, demands: Vec<f64>, all: usize, has_tail: bool) -> Self {
        let samples = demands.len();
        let (share, samples) = (samples as f64 / all as f64, samples as u64);
        // a rejected call has no demand, only a latency
        let (demand, tail) = table_of(demands, has_tail && !is_rejection(status));
        Self { share, status, from: None, samples, demand, tail }
    }
}

fn table_of(demands: Vec<f64>, has_tail: bool) -> (DemandTable, Option<Tail>) {
    if has_tail { DemandTable::with_tail(demands) } else { (DemandTable::new(demands), None) }
}

/// Raises demands to the smallest possible one; less is noise.
fn raise_to_minimum(mut demands: Vec<f64>) -> Vec<f64> {
    for demand in &mut demands {
        *demand = demand.max(MIN_DEMAND_NANOS);
    }
    demands
}

/// Smallest demand in nanoseconds; less is the clock's noise.
const MIN_DEMAND_NANOS: f64 = 1_000.0;
/// Minimum number of responses of a class.
const MIN_CLASS_RESPONSES: usize = 200;
/// Minimum number of failures with a table of their own.
const MIN_FAILURES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn table(demands: &[f64]) -> DemandTable {
        DemandTable::new(demands.to_vec())
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
        assert_eq!(percentile_name(0.999), "p99.9");
        assert_eq!(percentile_name(0.0), "p0");
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
        // four latencies are too few for a table
        assert_eq!(fit.classes[0].demand.quantile(0.5), Duration::from_millis(2));
        assert_eq!(fit.samples, 995);
        let by_status = BTreeMap::from([(200, vec![2e6; 980]), (500, vec![9e6; 20])]);
        let fit = OperationFit::new("GET /".to_owned(), by_status, None, true);
        assert_eq!(fit.classes[0].demand.quantile(0.5), Duration::from_millis(9));
    }
}
