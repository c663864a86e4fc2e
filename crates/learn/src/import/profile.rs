//! Operations as the profile that serves them, and what must be said beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::collect::{ByStatus, Collected};
use super::evidence::Evidence;
use super::name::Target;
use super::problem::{Problem, Skipped};
use super::tally::Tally;
use super::{Format, Options};
use standin_model::profile::{
    DemandClass, DistributionSpec, OperationTiming, Profile, ProfileOperation, ProfileService, ProfileValidRange,
    StationSpec,
};
use standin_model::station::Capacity;

/// A profile as it is imported, before it is written.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The name of the service.
    pub service: String,
    /// The files and what each is.
    pub sources: Vec<String>,
    /// `unlimited`, or what was given by hand.
    pub capacity: Capacity,
    /// The operations, in the order in which they are matched.
    pub operations: Vec<ImportedOperation>,
    /// Calls of no operation, where a total is known.
    pub default: Option<OperationTiming>,
    /// The range of the measurement.
    pub valid: ProfileValidRange,
    /// Labels that tell no method and path.
    pub unknown: Vec<String>,
    /// What was left out.
    pub skipped: Skipped,
    /// What else must be said.
    pub notes: Vec<String>,
}

/// An operation as it is imported.
#[derive(Clone, Debug)]
pub struct ImportedOperation {
    /// Which calls.
    pub target: Target,
    /// What they demand.
    pub timing: OperationTiming,
    /// How many calls it is known from.
    pub samples: Option<u64>,
    /// What is not known of it, in words.
    pub doubts: Vec<String>,
}

impl Imported {
    /// Operations from all that was read. An error if there is nothing to serve.
    pub fn new(
        mut read: Collected,
        options: &Options,
        service: &str,
        sources: Vec<String>,
        capacity: Capacity,
    ) -> Result<Self, Problem> {
        let in_vain = read.mapped_in_vain(options).into_iter();
        let in_vain = in_vain.map(|name| format!("`--map \"{name}=…\"` has no effect: no call is called `{name}`"));
        read.notes.extend(in_vain);
        let (by_target, unknown) = read.operations(options)?;
        let mut all = Tally::default();
        let mut operations = Vec::new();
        for (target, by_status) in by_target {
            for evidence in by_status.values() {
                if let Evidence::Calls(tally) = evidence {
                    all.merge(tally);
                }
            }
            operations.extend(operation(target, by_status, &mut read.skipped));
        }
        // the first that matches wins: what is fixed comes before what varies, a method before any
        operations.sort_by_key(|operation| {
            let target = &operation.target;
            (target.path.matches('{').count(), target.method.is_none(), target.clone())
        });
        let total = read.total.take().or((all.count() > 0).then_some(Evidence::Calls(all)));
        if let Some(Evidence::Percentiles(_)) = &total {
            read.notes.extend(total.iter().flat_map(Evidence::doubts).map(|doubt| format!("all calls: {doubt}")));
        }
        let default = total.as_ref().and_then(delay).map(|demand| OperationTiming::new(demand, Vec::new()));
        if operations.is_empty() && default.is_none() {
            let what = match unknown.as_slice() {
                [] => "no calls with times are left to import".to_owned(),
                [first, ..] => format!("no name tells a method and a path, as in {first}"),
            };
            let mend = match unknown.is_empty() {
                true => "see what was left out above",
                false => "name them by hand: `--map \"Home page=GET /\"`",
            };
            return Err(Problem::new(0, what, mend));
        }
        if operations.is_empty() {
            read.notes.push("no operation is known: all calls of the service are served alike".to_owned());
        } else if default.is_none() {
            read.notes.push(
                "calls of no operation are answered without delay: there is no total to take for them".to_owned(),
            );
        }
        let samples: u64 = operations.iter().filter_map(|operation| operation.samples).sum();
        let samples = if samples > 0 { Some(samples) } else { total.as_ref().and_then(Evidence::count) };
        let valid = ProfileValidRange {
            utilization: None,
            in_flight: read.load.at_once,
            per_second: read.load.highest_rate().map(|rate| (rate * 10.0).round() / 10.0).filter(|rate| *rate > 0.0),
            samples: samples.filter(|count| *count > 0),
        };
        let mut notes = read.notes;
        notes.dedup();
        let service = service.to_owned();
        Ok(Self { service, sources, capacity, operations, default, valid, unknown, skipped: read.skipped, notes })
    }

    /// The profile.
    pub fn profile(&self) -> Profile {
        let operations = self.operations.iter().map(|operation| ProfileOperation {
            name: operation.target.name(),
            pattern: Some(pattern(&operation.target)),
            timing: operation.timing.clone(),
        });
        let service = ProfileService {
            name: self.service.clone(),
            station: StationSpec { capacity: self.capacity.clone(), overflow: None },
            operations: operations.collect(),
            default: self.default.clone(),
            valid: self.valid,
            ..ProfileService::default()
        };
        let description = format!("imported, measured {}", self.load());
        Profile { description: Some(description), services: vec![service], ..Profile::default() }
    }

    /// At which load it was measured, in words.
    pub fn load(&self) -> String {
        match (self.valid.per_second, self.valid.in_flight) {
            (Some(rate), Some(users)) => format!("at up to {rate} calls/s from up to {users} users or threads"),
            (Some(rate), None) => format!("at up to {rate} calls/s"),
            (None, Some(users)) => format!("with up to {users} users or threads"),
            (None, None) => "at a load that the data does not tell".to_owned(),
        }
    }
}

impl Collected {
    /// A source in words: the file, and what it is.
    pub fn source(&self, file: &str) -> String {
        let format: Format = self.format;
        format!("{file}: {}", format.words())
    }
}

/// Ordinary answers draw the demand; failures of the service are classes with their status, and what the client did wrong a class
/// of its own where there are enough: that a thing is not found is for a stub to say.
fn operation(target: Target, by_status: ByStatus, skipped: &mut Skipped) -> Option<ImportedOperation> {
    let total: u64 = by_status.values().filter_map(Evidence::count).sum();
    let mut ordinary: Option<Evidence> = None;
    let mut apart: BTreeMap<u16, Evidence> = BTreeMap::new();
    for (status, evidence) in by_status {
        let count = evidence.count().unwrap_or(0);
        match status.filter(|status| fails(*status) || *status >= 400 && count >= ENOUGH) {
            Some(status) => drop(apart.insert(status, evidence)),
            None => {
                let fits = match &mut ordinary {
                    Some(mine) => mine.merge(&evidence),
                    None => ordinary.replace(evidence).is_none(),
                };
                if !fits {
                    skipped.add_many("calls of a status whose bounds do not fit the others'", &target.name(), count);
                }
            }
        }
    }
    // a service that only fails does so all the time
    let main = ordinary.as_ref().or_else(|| apart.values().max_by_key(|evidence| evidence.count()))?;
    let demand = delay(main)?;
    let mut doubts = main.doubts();
    doubts.extend(mean_doubt(main, &demand));
    let classes = apart.iter().filter_map(|(status, evidence)| {
        let share = evidence.count()? as f64 / total.max(1) as f64;
        // as a reader of the percentage that is written gets it
        let share = (share * 1e5).round() / 1e3 / 100.0;
        let status = fails(*status).then_some(*status);
        (share > 0.0).then_some(DemandClass { share, min_body_bytes: None, status, demand: delay(evidence)? })
    });
    let classes = whole(classes.collect());
    let samples = (total > 0).then_some(total);
    if let Some(few) = samples.filter(|count| *count < ENOUGH) {
        let calls = standin_text::counted(few, "call");
        doubts.push(format!("known from {calls} only: its times, the slow ones above all, are a guess; measure more"));
    }
    Some(ImportedOperation { target, timing: OperationTiming::new(demand, classes), samples, doubts })
}

/// Shares that are together no more than the whole, which rounding may have made them.
fn whole(mut classes: Vec<DemandClass>) -> Vec<DemandClass> {
    let sum: f64 = classes.iter().map(|class| class.share).sum();
    if sum > 1.0
        && let Some(largest) = classes.iter_mut().max_by(|one, other| one.share.total_cmp(&other.share))
    {
        largest.share = ((largest.share - (sum - 1.0)) * 1e5).floor() / 1e5;
    }
    classes
}

fn fails(status: u16) -> bool {
    status >= 500 || status == 429
}

/// Points as a distribution; what cannot be one is none.
fn delay(evidence: &Evidence) -> Option<DistributionSpec> {
    let points = evidence.points();
    if points.is_empty() {
        return None;
    }
    let rounded = points.into_iter().map(|(percent, nanos)| (percent, Duration::from_nanos(nanos.round() as u64)));
    let delay = DistributionSpec::quantiles(rounded);
    delay.build().is_ok().then_some(delay)
}

/// What percentiles leave open between them, seen by the mean that a file names beside them.
fn mean_doubt(evidence: &Evidence, demand: &DistributionSpec) -> Option<String> {
    let told = evidence.mean().filter(|mean| *mean > 0.0)?;
    let made = demand.build().ok()?.mean()?.as_nanos() as f64;
    let off = made / told - 1.0;
    (off.abs() > FAR_OFF).then(|| {
        format!(
            "the mean of these percentiles is {:+.0}% off the one that the file names: their tail is not known well",
            off * 100.0
        )
    })
}

/// As `fit` writes it.
fn pattern(target: &Target) -> Json {
    let key = if target.is_template() { "urlPathTemplate" } else { "urlPath" };
    match &target.method {
        Some(method) => json!({"method": method, key: target.path}),
        None => json!({key: target.path}),
    }
}

/// So many calls are a distribution.
const ENOUGH: u64 = 20;
/// A share of the mean.
const FAR_OFF: f64 = 0.2;
