//! OpenTelemetry's metrics as OTLP JSON: histograms with explicit bounds, and exponential ones; a
//! document, or one a line as the collector's file exporter writes.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::Value as Json;

use super::buckets::Buckets;
use super::collect::Collected;
use super::import_error::{ImportError, ImportErrors};
use super::k6::broken;
use super::measurements::Measurements;
use super::series::{self, Labels};
use super::units::TimeUnit;
use super::{ImportOptions, whole};

/// One data point, before it is known which metric is wanted.
struct OtlpPoint {
    labels: Labels,
    series: String,
    data: Json,
    unit: Option<TimeUnit>,
    is_delta: bool,
}

/// Reads documents. Of a cumulative series the last point counts, of deltas all.
pub(super) fn read(input: impl Read, options: &ImportOptions, read: &mut Collected) -> Result<(), ImportErrors> {
    let text = whole(input)?;
    let mut metrics: BTreeMap<String, Vec<OtlpPoint>> = BTreeMap::new();
    for document in serde_json::Deserializer::from_str(&text).into_iter::<Json>() {
        collect(&document.map_err(|error| broken(&error))?, &mut metrics, read);
    }
    let with_paths = metrics
        .iter()
        .map(|(name, points)| (name.clone(), points.iter().any(|point| series::tells_path(&point.labels))))
        .collect();
    let chosen = series::chosen(&with_paths, options)?;
    for (name, points) in metrics.iter().filter(|(name, _)| **name != chosen) {
        read.skipped.add_many("points of other histograms; choose with `--metric`", name, points.len() as u64);
    }
    let mut errors = ImportErrors::default();
    let points = metrics.remove(&chosen).unwrap_or_default();
    series::has_labels(points.iter().map(|point| &point.labels), options)?;
    let wanted = newest_points(points, &chosen, read);
    let mut per_second = BTreeMap::<u64, f64>::new();
    for point in wanted {
        let Some(unit) = options.unit.or(point.unit) else {
            let message = format!("`{chosen}` has no unit of time");
            errors.add(ImportError::new(0, message, "give it with `--unit s` or `--unit ms`"));
            break;
        };
        let buckets = match buckets(&point.data, unit) {
            Ok(buckets) => buckets,
            Err(message) => {
                errors.add(ImportError::new(0, format!("a point of `{chosen}`: {message}"), "export it once more"));
                continue;
            }
        };
        let (key, status) = series::key(&point.labels, options);
        if buckets.count() == 0 {
            read.skipped.add("points without calls", key.label.as_deref().unwrap_or_default());
            continue;
        }
        let from = number(point.data.get("startTimeUnixNano")).unwrap_or(0.0);
        let length = (nanos_of(&point.data) - from) / 1e9;
        if from > 0.0 && length > 0.0 {
            *per_second.entry(nanos_of(&point.data) as u64).or_default() += buckets.count() as f64 / length;
        }
        if let Err(error) = read.summary(key, status, Measurements::Buckets(buckets), 0) {
            errors.add(error);
        }
    }
    read.load.per_second = per_second.into_values().max_by(f64::total_cmp);
    errors.none()
}

/// Returns all points of delta series, and the last point of each cumulative one.
fn newest_points(points: Vec<OtlpPoint>, metric: &str, read: &mut Collected) -> Vec<OtlpPoint> {
    let mut last: BTreeMap<String, OtlpPoint> = BTreeMap::new();
    let mut wanted = Vec::new();
    for point in points {
        if point.is_delta {
            wanted.push(point);
            continue;
        }
        let is_older = last.get(&point.series).is_some_and(|known| nanos_of(&known.data) > nanos_of(&point.data));
        if is_older || last.insert(point.series.clone(), point).is_some() {
            read.skipped.add("older points of cumulative series", metric);
        }
    }
    wanted.extend(last.into_values());
    wanted
}

/// Collects all histograms of a document by name.
fn collect(document: &Json, metrics: &mut BTreeMap<String, Vec<OtlpPoint>>, read: &mut Collected) {
    let list = |of: &Json, key: &str| of.get(key).and_then(Json::as_array).cloned().unwrap_or_default();
    for (index, resource) in list(document, "resourceMetrics").iter().enumerate() {
        let whose = resource.get("resource").map_or_else(|| index.to_string(), Json::to_string);
        for scope in list(resource, "scopeMetrics") {
            for metric in list(&scope, "metrics") {
                let name = metric.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
                let Some(histogram) = metric.get("histogram").or_else(|| metric.get("exponentialHistogram")) else {
                    read.skipped.add("metrics that are no histograms", &name);
                    continue;
                };
                let unit = metric.get("unit").and_then(Json::as_str).and_then(TimeUnit::of);
                let temporality = histogram.get("aggregationTemporality");
                let is_delta = number(temporality) == Some(1.0)
                    || temporality.and_then(Json::as_str) == Some("AGGREGATION_TEMPORALITY_DELTA");
                for data in list(histogram, "dataPoints") {
                    let labels = labels(&data);
                    let series = format!("{whose} {labels:?}");
                    metrics.entry(name.clone()).or_default().push(OtlpPoint { labels, series, data, unit, is_delta });
                }
            }
        }
    }
}

/// Returns the attributes of a data point as texts.
fn labels(data: &Json) -> Labels {
    let attributes = data.get("attributes").and_then(Json::as_array).into_iter().flatten();
    let pairs = attributes.filter_map(|attribute| {
        let value = attribute.get("value")?;
        let value =
            ["stringValue", "intValue", "boolValue", "doubleValue"].into_iter().find_map(|kind| value.get(kind))?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some((attribute.get("key")?.as_str()?.to_owned(), value))
    });
    pairs.collect()
}

fn buckets(data: &Json, unit: TimeUnit) -> Result<Buckets, String> {
    let time = |key: &str| number(data.get(key)).and_then(|number| unit.nanos(number));
    let ends = (time("min"), time("max"));
    let counts = |of: Option<&Json>| -> Result<Vec<u64>, String> {
        let list = of.and_then(|of| of.get("bucketCounts")).and_then(Json::as_array).into_iter().flatten();
        let counts = list.map(|count| number(Some(count)).filter(|count| *count >= 0.0).map(|count| count as u64));
        counts.collect::<Option<_>>().ok_or_else(|| "a count is no number".to_owned())
    };
    if let Some(scale) = number(data.get("scale")) {
        let positive = data.get("positive");
        let offset = positive.and_then(|of| number(of.get("offset"))).unwrap_or(0.0);
        if counts(data.get("negative"))?.iter().any(|count| *count > 0) {
            return Err("it counts times below 0".to_owned());
        }
        // the bucket of index i is above base^i and at most base^(i + 1), where the base is
        // 2^(2^-scale)
        let bound = |index: f64| unit.nanos((index * 2f64.powf(-scale)).exp2()).ok_or("a bound is no time".to_owned());
        let own = counts(positive)?;
        let zeros = number(data.get("zeroCount")).unwrap_or(0.0) as u64;
        let mut all = Vec::with_capacity(own.len() + 1);
        let floor = if zeros > 0 { 0.0 } else { bound(offset)? };
        if zeros > 0 {
            all.push((bound(offset)?, zeros));
        }
        for (index, count) in (1..).zip(own) {
            all.push((bound(offset + f64::from(index))?, count));
        }
        return Ok(Buckets::new(floor, rising(all)?, 0, ends));
    }
    let bounds = data.get("explicitBounds").and_then(Json::as_array).cloned().unwrap_or_default();
    let mut own = counts(Some(data))?;
    if bounds.is_empty() || own.len() != bounds.len() + 1 {
        return Err(format!(
            "{} bounds and {} counts, where there is one count more than bounds",
            bounds.len(),
            own.len()
        ));
    }
    let beyond = own.pop().unwrap_or(0);
    let mut all = Vec::with_capacity(own.len());
    for (bound, count) in bounds.iter().zip(own) {
        let bound = number(Some(bound)).ok_or("a bound is no number")?;
        if bound <= 0.0 {
            if count > 0 && bound < 0.0 {
                return Err("it counts times below 0".to_owned());
            }
            // SDKs have a bound at 0: what took no time is of the first bucket
            all.push((0.0, count));
            continue;
        }
        all.push((unit.nanos(bound).ok_or_else(|| format!("`{bound}` is no time"))?, count));
    }
    let zeros: u64 = all.iter().filter(|(bound, _)| *bound == 0.0).map(|(_, count)| count).sum();
    all.retain(|(bound, _)| *bound > 0.0);
    let Some(first) = all.first_mut() else { return Err("it has no bound above 0".to_owned()) };
    first.1 += zeros;
    Ok(Buckets::new(0.0, rising(all)?, beyond, ends))
}

/// Checks that bounds are rising.
fn rising(bounds: Vec<(f64, u64)>) -> Result<Vec<(f64, u64)>, String> {
    match bounds.windows(2).find(|pair| pair[1].0 <= pair[0].0) {
        Some(_) => Err("the bounds do not rise".to_owned()),
        None => Ok(bounds),
    }
}

/// Reads a number; OTLP's JSON has 64-bit numbers as texts.
fn number(value: Option<&Json>) -> Option<f64> {
    let value = value?;
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number: &f64| number.is_finite())
}

fn nanos_of(data: &Json) -> f64 {
    number(data.get("timeUnixNano")).unwrap_or(0.0)
}
