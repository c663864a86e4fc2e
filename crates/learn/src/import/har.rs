//! HAR 1.2: what a browser or a proxy saw. A call's time is `wait`, from the last byte sent to the first of the answer.

use std::io::Read;

use serde::Deserialize;

use super::collect::{Collected, Key};
use super::problem::Problems;
use super::units::Unit;
use super::{k6, whole};

/// Reads entries. Bodies are passed over while reading, not kept.
pub(super) fn read(input: impl Read, read: &mut Collected) -> Result<(), Problems> {
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
        let Some(wait) = entry.timings.wait.and_then(|ms| Unit::Milliseconds.nanos(ms)) else {
            read.skipped.add("entries without `timings.wait`", &url);
            continue;
        };
        let key = Key { method: Some(entry.request.method.to_ascii_uppercase()), url: Some(url), label: None };
        if read.call(key, status, wait, number)? {
            waited += wait;
            received += entry.timings.receive.and_then(|ms| Unit::Milliseconds.nanos(ms)).unwrap_or(0.0);
            let began = entry.started.and_then(|time| time.parse::<jiff::Timestamp>().ok());
            if let Some(time) = began {
                read.load.arrival(time.as_nanosecond() as f64 / 1e9);
            }
        }
    }
    let share = received / (waited + received).max(1.0);
    if share > LARGE {
        read.notes.push(format!(
            "{:.0}% of the time is the transfer of answers (`receive`), which is not imported: it is the network's of whoever recorded",
            share * 100.0
        ));
    }
    read.notes.push("times are those that the client saw: they hold the network's".to_owned());
    Ok(())
}

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "startedDateTime")]
    started: Option<String>,
    request: Request,
    response: Response,
    #[serde(default)]
    timings: Timings,
    #[serde(rename = "_fromCache")]
    from_cache: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
}

#[derive(Deserialize)]
struct Response {
    status: i64,
}

#[derive(Default, Deserialize)]
struct Timings {
    wait: Option<f64>,
    receive: Option<f64>,
}

/// From this share on transfer is worth a word.
const LARGE: f64 = 0.2;
