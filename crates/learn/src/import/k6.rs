//! k6: the data points of `--out json`, one a line, and the summary at the end of a run. Times are
//! in milliseconds.

use std::io::{BufRead, Read};

use serde::Deserialize;
use serde_json::Value as Json;

use super::collect::{CallKey, Collected};
use super::import_error::{ImportError, ImportErrors};
use super::measurements::Measurements;
use super::percentiles::KnownPercentiles;
use super::units::TimeUnit;
use super::{ImportOptions, lines, status, whole};

/// Reads data points. A call's time is its `http_req_duration`, without the making of the
/// connection.
pub(super) fn read(input: impl BufRead, options: &ImportOptions, read: &mut Collected) -> Result<(), ImportErrors> {
    let wanted = options.metric.as_deref().unwrap_or(DURATION_METRIC);
    let mut errors = ImportErrors::default();
    let mut found = false;
    lines(input, |number, line| {
        if line.is_empty() {
            return Ok(());
        }
        let Ok(line) = serde_json::from_str::<K6Line>(line) else {
            errors.add(ImportError::new(number, "is no JSON of k6", "if the file was cut off, remove its last line"));
            return Ok(());
        };
        if line.kind != "Point" {
            return Ok(());
        }
        let value = line.data.get("value").and_then(Json::as_f64);
        if let Some(users) = value.filter(|_| line.metric == "vus") {
            read.load.users(users as u64);
        }
        if line.metric != wanted {
            return Ok(());
        }
        found = true;
        let Some(nanos) = value.and_then(|ms| TimeUnit::Milliseconds.nanos(ms)) else {
            errors.add(ImportError::new(number, "the point has no time", "remove the line"));
            return Ok(());
        };
        read_call(&line, nanos, number, read)
    })?;
    if !found && errors.count == 0 {
        return Err(
            ImportError::new(0, format!("has no points of `{wanted}`"), "name the metric with `--metric`").into()
        );
    }
    errors.none()
}

/// Adds the call of a data point that took `nanos`.
fn read_call(line: &K6Line, nanos: f64, number: u64, read: &mut Collected) -> Result<(), ImportError> {
    let tag = |name: &str| line.data.get("tags").and_then(|tags| tags.get(name)).and_then(Json::as_str);
    let code = tag("status");
    let url = tag("url");
    let status = code.and_then(status);
    if status.is_none() && code.is_some() {
        read.skipped.add("calls without an answer", url.or(tag("name")).unwrap_or_default());
        return Ok(());
    }
    // k6 names a call by its url, unless the script says otherwise
    let label = tag("name").filter(|name| Some(*name) != url);
    let key = CallKey {
        method: tag("method").map(str::to_owned),
        url: url.map(str::to_owned),
        label: label.map(str::to_owned),
    };
    if read.call(key, status, nanos, number)? {
        let time = line.data.get("time").and_then(Json::as_str).and_then(|time| time.parse::<jiff::Timestamp>().ok());
        // a point is written when the call is over
        let end = time.map(|time| time.as_nanosecond() as f64 / 1e9);
        if let Some(end) = end {
            read.load.arrival(end - nanos / 1e9);
        }
    }
    Ok(())
}

/// Reads a summary, of either form. Sub-metrics by `name` or `url` are operations; the metric
/// itself is all calls together.
pub(super) fn read_summary(
    input: impl Read,
    options: &ImportOptions,
    read: &mut Collected,
) -> Result<(), ImportErrors> {
    let text = whole(input)?;
    let document: Json = serde_json::from_str(&text).map_err(|error| broken(&error))?;
    let metrics = document.get("metrics").and_then(Json::as_object);
    let help = "give what `--summary-export` or `handleSummary` writes";
    let metrics = metrics.ok_or_else(|| ImportError::new(0, "has no `metrics`", help))?;
    let wanted = options.metric.as_deref().unwrap_or(DURATION_METRIC);
    let mut errors = ImportErrors::default();
    for (name, metric) in metrics {
        let values = metric.get("values").unwrap_or(metric);
        read_run_metric(name, values, read);
        let Some(rest) = name.strip_prefix(wanted) else { continue };
        let percentiles = percentiles(values);
        if let Some(fault) = percentiles.fault() {
            errors.add(ImportError::new(0, format!("`{name}`: {fault}"), "percentiles must rise: correct the file"));
            continue;
        }
        if percentiles.inner.is_empty() {
            read.skipped.add("metrics without percentiles", name);
            continue;
        }
        if rest.is_empty() {
            let count = metrics.get("http_reqs").map(|metric| metric.get("values").unwrap_or(metric));
            let count = count.and_then(|values| values.get("count")).and_then(Json::as_u64);
            read.total = Some(Measurements::Percentiles(KnownPercentiles { count, ..percentiles }));
            continue;
        }
        let Some(tags) = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else { continue };
        let tag = ["name:", "url:"].into_iter().find_map(|tag| tags.strip_prefix(tag));
        match tag.filter(|tag| !tag.contains(',')) {
            Some(label) => {
                let key = CallKey { label: Some(label.trim().to_owned()), ..CallKey::default() };
                if let Err(error) = read.summary(key, None, Measurements::Percentiles(percentiles), 0) {
                    errors.add(error);
                }
            }
            None => read.skipped.add("sub-metrics of other tags than `name` and `url`", name),
        }
    }
    if read.total.is_none() && errors.count == 0 {
        return Err(ImportError::new(
            0,
            format!("has no percentiles of `{wanted}`"),
            "name the metric with `--metric`",
        )
        .into());
    }
    errors.none()
}

/// Reads a metric about the whole run: rate, failures or users.
fn read_run_metric(name: &str, values: &Json, read: &mut Collected) {
    let number = |key: &str| values.get(key).and_then(Json::as_f64);
    match name {
        "http_reqs" => read.load.per_second = number("rate"),
        "http_req_failed" => {
            let share = number("rate").or_else(|| number("value")).filter(|share| *share > 0.0);
            read.notes.extend(share.map(|share| {
                format!(
                    "{:.2} % of the calls failed (`http_req_failed`); the summary has neither their statuses nor \
                     their times, so the profile serves no failures",
                    share * 100.0
                )
            }));
        }
        "vus_max" => {
            let most = number("max").or_else(|| number("value"));
            if let Some(users) = most {
                read.load.users(users as u64);
            }
        }
        _ => {}
    }
}

/// Reads the percentiles of a metric: `med`, `p(95)`, `min`, `max`, `avg`.
fn percentiles(values: &Json) -> KnownPercentiles {
    let time = |key: &str| values.get(key).and_then(Json::as_f64).and_then(|ms| TimeUnit::Milliseconds.nanos(ms));
    let mut found = KnownPercentiles {
        shortest: time("min"),
        longest: time("max"),
        mean: time("avg"),
        ..KnownPercentiles::default()
    };
    for key in values.as_object().into_iter().flat_map(|values| values.keys()) {
        let percent = match key.as_str() {
            "med" => Some(50.0),
            key => key.strip_prefix("p(").and_then(|key| key.strip_suffix(')')).and_then(|key| key.parse::<f64>().ok()),
        };
        if let Some((percent, time)) = percent.filter(|percent| (0.0..100.0).contains(percent)).zip(time(key)) {
            found.inner.push((percent, time));
        }
    }
    found.inner.sort_by(|one, other| one.0.total_cmp(&other.0));
    found.inner.dedup_by_key(|(percent, _)| *percent);
    found.inner.retain(|(percent, _)| *percent > 0.0);
    found
}

pub(super) fn broken(error: &serde_json::Error) -> ImportError {
    ImportError::new(error.line() as u64, format!("is broken JSON: {error}"), "write the file again")
}

#[derive(Deserialize)]
struct K6Line {
    #[serde(rename = "type")]
    kind: String,
    metric: String,
    #[serde(default)]
    data: Json,
}

const DURATION_METRIC: &str = "http_req_duration";
