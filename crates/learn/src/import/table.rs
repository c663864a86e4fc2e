//! Percentile tables as CSV: a row for each operation, a column for each percentile.

use std::io::Read;

use super::collect::{CallKey, Collected};
use super::import_error::{ImportError, ImportErrors};
use super::measurements::Measurements;
use super::operation_name::is_method;
use super::percentiles::KnownPercentiles;
use super::table_header::{Column, column};
use super::units::TimeUnit;
use super::{ImportOptions, unreadable};
use standin_stub::delay::units::parse_duration;

/// Reads a table. Without a unit in a header nor one by hand nothing is guessed.
pub(super) fn read(input: impl Read, options: &ImportOptions, read: &mut Collected) -> Result<(), ImportErrors> {
    let mut text = super::whole(input)?;
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [b'\t', b';', b','].into_iter().max_by_key(|c| first.bytes().filter(|byte| byte == c).count());
    text.push('\n');
    let mut rows = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let headers = rows.headers().map_err(|error| broken(&error))?.clone();
    let columns = Columns::new(&headers, options)?;
    let mut errors = ImportErrors::default();
    let mut failures = 0.0;
    for row in rows.records() {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                errors.add(broken(&error));
                continue;
            }
        };
        let line = row.position().map_or(0, csv::Position::line);
        let Some(parsed) = columns.row(&row, line, &mut errors) else { continue };
        if let Some(fault) = parsed.percentiles.fault() {
            errors.add(ImportError::new(line, fault, "percentiles must rise: correct the row, or check the columns"));
            continue;
        }
        let name = parsed.key.label.clone().unwrap_or_default();
        if parsed.percentiles.is_empty() {
            read.skipped.add("rows without times", &name);
            continue;
        }
        let is_total = TOTAL_ROWS.contains(&name.to_ascii_lowercase().as_str()) && parsed.key.method.is_none();
        if is_total {
            read.load.per_second = parsed.rate;
            read.total = Some(Measurements::Percentiles(parsed.percentiles));
            continue;
        }
        failures += parsed.failures;
        if let Err(error) = read.summary(parsed.key, None, Measurements::Percentiles(parsed.percentiles), line) {
            errors.add(error);
        }
    }
    if failures > 0.0 {
        read.notes.push(format!(
            "{failures} calls failed; the table has neither their statuses nor their times, so the profile serves no failures"
        ));
    }
    errors.none()
}

/// The meaning of the columns, by index.
struct Columns {
    name: usize,
    method: Option<usize>,
    count: Option<usize>,
    failures: Option<usize>,
    rate: Option<usize>,
    mean: Option<(usize, TimeUnit)>,
    percents: Vec<(f64, usize, TimeUnit)>,
}

/// A parsed row of the table.
struct TableRow {
    key: CallKey,
    percentiles: KnownPercentiles,
    failures: f64,
    rate: Option<f64>,
}

impl Columns {
    fn new(headers: &csv::StringRecord, options: &ImportOptions) -> Result<Self, ImportErrors> {
        let of: Vec<(Column, Option<TimeUnit>)> = headers.iter().map(column).collect();
        let mut errors = ImportErrors::default();
        let find = |wanted: Column| of.iter().position(|(column, _)| *column == wanted);
        // what Locust and JMeter write is in milliseconds, without saying so
        let is = |name: &str| headers.iter().any(|header| header.eq_ignore_ascii_case(name));
        let is_locust = is("Request Count") && is("Median Response Time");
        let is_jmeter = is("sampler_label") || is("# Samples");
        let known = options.unit.or((is_locust || is_jmeter).then_some(TimeUnit::Milliseconds));
        let mut percents: Vec<(f64, usize, TimeUnit)> = Vec::new();
        let mut mean = None;
        let mut lacks = Vec::new();
        for (index, (column, unit)) in of.iter().enumerate() {
            let is_time = matches!(column, Column::Percent(_) | Column::Mean);
            let Some(unit) = unit.or(known) else {
                if is_time {
                    lacks.push(&headers[index]);
                }
                continue;
            };
            match column {
                Column::Percent(percent) => percents.push((*percent, index, unit)),
                Column::Mean => mean = mean.or(Some((index, unit))),
                _ => {}
            }
        }
        if !lacks.is_empty() {
            let message = format!("no unit is known for `{}`", lacks.join("`, `"));
            errors.add(ImportError::new(1, message, "name it in the header (`p95_ms`) or give `--unit ms`"));
        } else if percents.is_empty() {
            let help = "name the columns of percentiles `p50`, `p95_ms`, `99%` or `median`";
            errors.add(ImportError::new(1, "the header has no percentiles", help));
        }
        // the median once more is no percentile of its own
        percents.sort_by(|one, other| one.0.total_cmp(&other.0));
        if find(Column::Name).is_none() {
            let help = "name the column of operations `operation`, `name`, `endpoint`, `label`, `path` or `url`";
            errors.add(ImportError::new(1, "the header has no column of operations", help));
        }
        errors.none()?;
        Ok(Self {
            name: find(Column::Name).unwrap_or(0),
            method: find(Column::Method),
            count: find(Column::Count),
            failures: find(Column::Failures),
            rate: find(Column::Rate),
            mean,
            percents,
        })
    }

    fn row(&self, row: &csv::StringRecord, line: u64, errors: &mut ImportErrors) -> Option<TableRow> {
        let text = |index: usize| row.get(index).filter(|text| !is_missing(text));
        let before = errors.count;
        let mut time = |index: usize, unit: TimeUnit| {
            let text = text(index)?;
            let time = nanos(text, unit);
            if time.is_none() {
                let message = format!("`{text}` is no time");
                errors.add(ImportError::new(line, message, "write a number from 0 up, or leave it empty"));
            }
            time
        };
        let mut percentiles = KnownPercentiles::default();
        for (percent, index, unit) in &self.percents {
            let Some(time) = time(*index, *unit) else { continue };
            if *percent == 0.0 {
                percentiles.shortest = Some(percentiles.shortest.map_or(time, |known| known.min(time)));
            } else if *percent == 100.0 {
                percentiles.longest = Some(percentiles.longest.map_or(time, |known| known.max(time)));
            } else if percentiles.inner.last().is_none_or(|last| last.0 < *percent) {
                percentiles.inner.push((*percent, time));
            }
        }
        percentiles.mean = self.mean.and_then(|(index, unit)| time(index, unit));
        let number = |index: Option<usize>| {
            let digits: String =
                text(index?)?.chars().take_while(|c| !matches!(c, '/')).filter(|c| *c != ',').collect();
            digits.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
        };
        percentiles.count = number(self.count).map(|count| count as u64);
        let method = self.method.and_then(text).filter(|method| is_method(method)).map(str::to_ascii_uppercase);
        let key = CallKey { method, url: None, label: Some(row.get(self.name).unwrap_or_default().to_owned()) };
        let parsed =
            TableRow { key, percentiles, failures: number(self.failures).unwrap_or(0.0), rate: number(self.rate) };
        (errors.count == before).then_some(parsed)
    }
}

/// Reads a number in the unit of the column, or a time with its own unit; in nanoseconds.
fn nanos(text: &str, unit: TimeUnit) -> Option<f64> {
    match text.parse::<f64>() {
        Ok(number) => unit.nanos(number),
        Err(_) => parse_duration(text).ok().map(|time| time.as_nanos() as f64),
    }
}

fn is_missing(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "" | "-" | "n/a" | "na" | "null" | "none" | "nan")
}

/// Gives each row of a file with its line. Rows that are no CSV are errors.
pub(super) fn each_row<R: Read>(
    rows: &mut csv::Reader<R>,
    errors: &mut ImportErrors,
    mut each: impl FnMut(&csv::StringRecord, u64) -> Result<(), ImportError>,
) {
    let mut row = csv::StringRecord::new();
    loop {
        let read = match rows.read_record(&mut row) {
            Ok(true) => each(&row, row.position().map_or(0, csv::Position::line)),
            Ok(false) => return,
            Err(error) if matches!(error.kind(), csv::ErrorKind::Io(_)) => return errors.add(broken(&error)),
            Err(error) => Err(broken(&error)),
        };
        if let Err(error) = read {
            errors.add(error);
        }
    }
}

pub(super) fn broken(error: &csv::Error) -> ImportError {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::Io(error) => unreadable(error),
        _ => ImportError::new(line, format!("is no row of CSV: {error}"), "check its quotes"),
    }
}

/// Rows that are all others together.
const TOTAL_ROWS: &[&str] = &["aggregated", "total", "all", "overall"];
