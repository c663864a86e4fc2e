//! vegeta: the results of `vegeta encode`, as JSON lines or CSV. Times are in nanoseconds.

use std::io::{BufRead, Read};

use serde::Deserialize;

use super::collect::{CallKey, Collected};
use super::import_error::{ImportError, ImportErrors};
use super::table::each_row;
use super::{lines, status};

/// A result.
#[derive(Deserialize)]
struct VegetaResult {
    code: u16,
    timestamp: String,
    latency: u64,
    #[serde(default)]
    method: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    error: String,
}

/// Reads JSON lines.
pub(super) fn read_json(input: impl BufRead, read: &mut Collected) -> Result<(), ImportErrors> {
    let mut errors = ImportErrors::default();
    lines(input, |number, line| {
        if line.is_empty() {
            return Ok(());
        }
        match serde_json::from_str::<VegetaResult>(line) {
            Ok(result) => add(&result, number, read),
            Err(_) => {
                let help = "if the file was cut off, remove its last line";
                errors.add(ImportError::new(number, "is no result of vegeta", help));
                Ok(())
            }
        }
    })?;
    errors.none()
}

/// Reads CSV: time stamp, status, latency, bytes out and in, error, body, attack, number, method,
/// URL, headers.
pub(super) fn read_csv(input: impl Read, read: &mut Collected) -> Result<(), ImportErrors> {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input);
    let mut errors = ImportErrors::default();
    each_row(&mut rows, &mut errors, |row, line| {
        let text = |place: usize| row.get(place).unwrap_or_default().to_owned();
        let number = |place: usize| row.get(place).and_then(|text| text.trim().parse::<u64>().ok());
        let (Some(code), Some(latency)) = (number(1), number(2)) else {
            let help = "write it with `vegeta encode --to csv`";
            return Err(ImportError::new(line, "has no status or no latency", help));
        };
        let result = VegetaResult {
            code: u16::try_from(code).unwrap_or(0),
            timestamp: text(0),
            latency,
            method: text(9),
            url: text(10),
            error: text(5),
        };
        add(&result, line, read)
    });
    errors.none()
}

fn add(result: &VegetaResult, number: u64, read: &mut Collected) -> Result<(), ImportError> {
    let Some(status) = status(&result.code.to_string()) else {
        read.skipped.add("calls without an answer", &result.error);
        return Ok(());
    };
    let key = if result.url.is_empty() {
        // before version 12.8
        CallKey { label: Some("vegeta".to_owned()), ..CallKey::default() }
    } else {
        CallKey { method: Some(result.method.clone()), url: Some(result.url.clone()), label: None }
    };
    if read.call(key, Some(status), result.latency as f64, number)? {
        let stamp = result.timestamp.parse::<jiff::Timestamp>().ok().map(|time| time.as_nanosecond() as f64);
        if let Some(nanos) = stamp.or_else(|| result.timestamp.parse().ok()) {
            read.load.arrival(nanos / 1e9);
        }
    }
    Ok(())
}

/// Returns true if the first line of a file is of vegeta's CSV.
pub(super) fn is_csv(fields: &[&str]) -> bool {
    let number = |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok());
    let is_stamp = number(0).is_some_and(|stamp| stamp > 1_000_000_000_000_000_000);
    is_stamp && number(1).is_some_and(|code| code < 600) && number(2).is_some() && fields.len() >= 9
}
