//! HAR 1.2: what a browser or a proxy saw. A call's time is `wait`, from the last byte sent to the
//! first of the answer.

use std::io::Read;

use serde::Deserialize;

use super::collect::{CallKey, Collected};
use super::import_error::ImportErrors;
use super::units::TimeUnit;
use super::{k6, whole};

/// Reads entries. Bodies are passed over while reading, not kept.
pub(super) fn read(input: impl Read, read: &mut Collected) -> Result<(), ImportErrors> {
    let text = whole(input)?;
    let har: Har = serde_json::from_str(&text).map_err(|error| k6::broken(&error))?;
    let (mut waited, mut received) = (0.0, 0.0);
    for (number, entry) in (1..).zip(har.log.entries) {
        let url = entry.request.url;
        if entry.from_cache.is_some() {
            read.skipped.add("answers from the browser's cache", &url);
            continue;
        }
        let status = u16::try_from(entry.response.status).ok().filter(|status| (100..600).contains(status));
        if status.is_none() {
            read.skipped.add("calls without an answer", &url);
            continue;
        }
        let is_http = url.starts_with("http://") || url.starts_with("https://");
        if !is_http {
            read.skipped.add("entries that are not http", &url);
            continue;
        }
        let Some(wait) = entry.timings.wait.and_then(|ms| TimeUnit::Milliseconds.nanos(ms)) else {
            read.skipped.add("entries without `timings.wait`", &url);
            continue;
        };
        let key = CallKey { method: Some(entry.request.method.to_ascii_uppercase()), url: Some(url), label: None };
        if read.call(key, status, wait, number)? {
            waited += wait;
            received += entry.timings.receive.and_then(|ms| TimeUnit::Milliseconds.nanos(ms)).unwrap_or(0.0);
            let began = entry.started.and_then(|time| time.parse::<jiff::Timestamp>().ok());
            if let Some(time) = began {
                read.load.arrival(time.as_nanosecond() as f64 / 1e9);
            }
        }
    }
    let share = received / (waited + received).max(1.0);
    if share > MIN_TRANSFER_SHARE {
        read.notes.push(format!(
            "{:.0}% of the time is the transfer of answers (`receive`), which is not imported: it depends on the network of the recording client",
            share * 100.0
        ));
    }
    read.notes.push("times are those that the client saw: they hold the network's".to_owned());
    Ok(())
}

#[derive(Deserialize)]
struct Har {
    log: HarLog,
}

#[derive(Deserialize)]
struct HarLog {
    entries: Vec<HarEntry>,
}

#[derive(Deserialize)]
struct HarEntry {
    #[serde(rename = "startedDateTime")]
    started: Option<String>,
    request: HarRequest,
    response: HarResponse,
    #[serde(default)]
    timings: HarTimings,
    #[serde(rename = "_fromCache")]
    from_cache: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct HarRequest {
    method: String,
    url: String,
}

#[derive(Deserialize)]
struct HarResponse {
    status: i64,
}

#[derive(Default, Deserialize)]
struct HarTimings {
    wait: Option<f64>,
    receive: Option<f64>,
}

/// From this share on transfer is worth a word.
const MIN_TRANSFER_SHARE: f64 = 0.2;
