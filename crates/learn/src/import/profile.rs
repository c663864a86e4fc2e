//! Operations as the profile that serves them, and what must be said beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::collect::{ByStatus, Collected};
use super::histogram::Histogram;
use super::import_error::{ImportError, Skipped};
use super::measurements::Measurements;
use super::operation_name::OperationTarget;
use super::{ImportFormat, ImportOptions};
use standin_model::profile::{
    DemandClass, DistributionSpec, OperationTiming, Profile, ProfileOperation, ProfileService, ProfileValidRange,
    StationSpec,
};
use standin_model::station::Capacity;
use standin_tape::OperationName;

/// A profile as it is imported, before it is written.
#[derive(Clone, Debug)]
pub struct ImportedProfile {
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
    /// Data that was left out, by reason.
    pub skipped: Skipped,
    /// Notes for the report.
    pub notes: Vec<String>,
}

/// An operation as it is imported.
#[derive(Clone, Debug)]
pub struct ImportedOperation {
    /// The method and the path template of its calls.
    pub target: OperationTarget,
    /// The service time of its calls.
    pub timing: OperationTiming,
    /// The number of calls that were measured.
    pub samples: Option<u64>,
    /// Remarks on the accuracy of the demand.
    pub doubts: Vec<String>,
}

impl ImportedProfile {
    /// Operations from all that was read. An error if there is nothing to serve.
    pub fn new(
        mut read: Collected,
        options: &ImportOptions,
        service: &str,
        sources: Vec<String>,
        capacity: Capacity,
    ) -> Result<Self, ImportError> {
        let in_vain = read.mapped_in_vain(options).into_iter();
        let in_vain = in_vain.map(|name| format!("`--map \"{name}=…\"` has no effect: no call is called `{name}`"));
        read.notes.extend(in_vain);
        let (by_target, unknown) = read.operations(options)?;
        let mut all = Histogram::default();
        let mut operations = Vec::new();
        for (target, by_status) in by_target {
            for measurements in by_status.values() {
                if let Measurements::Calls(histogram) = measurements {
                    all.merge(histogram);
                }
            }
            operations.extend(operation(target, by_status, &mut read.skipped));
        }
        // the first that matches wins: what is fixed comes before what varies, a method before any,
        // a query before none
        operations.sort_by_key(|operation| {
            let target = &operation.target;
            let query = target.query.as_ref().map_or(usize::MAX, |query| query.matches('{').count());
            (target.path.matches('{').count(), target.method.is_none(), query, target.clone())
        });
        let total = read.total.take().or((all.count() > 0).then_some(Measurements::Calls(all)));
        if let Some(Measurements::Percentiles(_)) = &total {
            read.notes.extend(total.iter().flat_map(Measurements::doubts).map(|doubt| format!("all calls: {doubt}")));
        }
        let default = total.as_ref().and_then(delay).map(|demand| OperationTiming::new(demand, Vec::new()));
        if operations.is_empty() && default.is_none() {
            return Err(nothing_to_import(&unknown));
        }
        if operations.is_empty() {
            read.notes.push("no operation is known: all calls of the service are served alike".to_owned());
        } else if default.is_none() {
            read.notes.push(
                "calls of no operation are answered without delay: there is no total to take for them".to_owned(),
            );
        }
        let samples: u64 = operations.iter().filter_map(|operation| operation.samples).sum();
        let samples = if samples > 0 { Some(samples) } else { total.as_ref().and_then(Measurements::count) };
        let valid = ProfileValidRange {
            utilization: None,
            in_flight: read.load.at_once,
            per_second: read.load.highest_rate().map(|rate| (rate * 10.0).round() / 10.0).filter(|rate| *rate > 0.0),
            samples: samples.filter(|count| *count > 0),
            recorded: None,
        };
        let mut notes = read.notes;
        notes.dedup();
        let service = service.to_owned();
        Ok(Self { service, sources, capacity, operations, default, valid, unknown, skipped: read.skipped, notes })
    }

    /// Returns the profile that serves the operations.
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

    /// Returns the load of the measurement in words.
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
    /// Returns the description of a source: the file and its format.
    pub fn source(&self, file: &str) -> String {
        let format: ImportFormat = self.format;
        format!("{file}: {}", format.words())
    }
}

/// Builds an operation. Ordinary answers draw the demand; failures of the service are classes with
/// their status; client errors (4xx) are a class of their own if there are enough, without a
/// status, which is left to a stub.
fn operation(target: OperationTarget, by_status: ByStatus, skipped: &mut Skipped) -> Option<ImportedOperation> {
    let total: u64 = by_status.values().filter_map(Measurements::count).sum();
    let mut ordinary: Option<Measurements> = None;
    let mut apart: BTreeMap<u16, Measurements> = BTreeMap::new();
    for (status, measurements) in by_status {
        let count = measurements.count().unwrap_or(0);
        match status.filter(|status| fails(*status) || *status >= 400 && count >= MIN_CALLS) {
            Some(status) => drop(apart.insert(status, measurements)),
            None => {
                let fits = match &mut ordinary {
                    Some(mine) => mine.merge(&measurements),
                    None => ordinary.replace(measurements).is_none(),
                };
                if !fits {
                    skipped.add_many("calls of a status whose bounds do not fit the others'", &target.name(), count);
                }
            }
        }
    }
    // a service that only fails does so all the time
    let main = ordinary.as_ref().or_else(|| apart.values().max_by_key(|measurements| measurements.count()))?;
    let demand = delay(main)?;
    let mut doubts = main.doubts();
    doubts.extend(mean_doubt(main, &demand));
    let classes = apart.iter().filter_map(|(status, measurements)| {
        let share = measurements.count()? as f64 / total.max(1) as f64;
        // as a reader of the percentage that is written gets it
        let share = (share * 1e5).round() / 1e3 / 100.0;
        let status = fails(*status).then_some(*status);
        (share > 0.0).then_some(DemandClass { share, min_body_bytes: None, status, demand: delay(measurements)? })
    });
    let classes = whole(classes.collect());
    let samples = (total > 0).then_some(total);
    if let Some(few) = samples.filter(|count| *count < MIN_CALLS) {
        let calls = standin_text::counted(few, "call");
        doubts.push(format!("known from {calls} only: its times, the slow ones above all, are a guess; measure more"));
    }
    Some(ImportedOperation { target, timing: OperationTiming::new(demand, classes), samples, doubts })
}

/// Returns the error for files without a usable operation; `unknown` are names without a method and
/// a path.
fn nothing_to_import(unknown: &[String]) -> ImportError {
    let message = match unknown {
        [] => "no calls with times are left to import".to_owned(),
        [first, ..] => format!("no name tells a method and a path, as in {first}"),
    };
    let help = match unknown.is_empty() {
        true => "see what was left out above",
        false => "name them by hand: `--map \"Home page=GET /\"`",
    };
    ImportError::new(0, message, help)
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
fn delay(measurements: &Measurements) -> Option<DistributionSpec> {
    let points = measurements.points();
    if points.is_empty() {
        return None;
    }
    let rounded = points.into_iter().map(|(percent, nanos)| (percent, Duration::from_nanos(nanos.round() as u64)));
    let delay = DistributionSpec::quantiles(rounded);
    delay.build().is_ok().then_some(delay)
}

/// Returns a remark if the mean of the interpolated percentiles is far from the mean in the file.
fn mean_doubt(measurements: &Measurements, demand: &DistributionSpec) -> Option<String> {
    let told = measurements.mean().filter(|mean| *mean > 0.0)?;
    let made = demand.build().ok()?.mean()?.as_nanos() as f64;
    let off = made / told - 1.0;
    (off.abs() > MAX_MEAN_ERROR).then(|| {
        format!(
            "the mean of these percentiles is {:+.0}% off the one that the file names: their tail is not known well",
            off * 100.0
        )
    })
}

/// Returns the request pattern of an operation, as `fit` writes it.
fn pattern(target: &OperationTarget) -> Json {
    let name = OperationTarget { method: Some(target.method.clone().unwrap_or_default()), ..target.clone() }.name();
    let mut pattern = OperationName::parse(&name).map_or_else(|| json!({}), |name| name.request_pattern());
    if let (None, Json::Object(members)) = (&target.method, &mut pattern) {
        members.remove("method");
    }
    pattern
}

/// So many calls are a distribution.
const MIN_CALLS: u64 = 20;
/// A share of the mean.
const MAX_MEAN_ERROR: f64 = 0.2;
