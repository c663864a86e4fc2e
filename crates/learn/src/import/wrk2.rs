//! wrk2 and HdrHistogram: the table of percentiles that `wrk -L` prints and `.hgrm` files have. It
//! is the distribution of all calls, without their arrivals.

use std::io::BufRead;

use super::collect::{CallKey, Collected};
use super::import_error::{ImportError, ImportErrors};
use super::measurements::Measurements;
use super::percentiles::KnownPercentiles;
use super::units::TimeUnit;
use super::{ImportOptions, lines};

/// Reads the rows `Value Percentile TotalCount 1/(1-Percentile)` and the comments behind them.
pub(super) fn read(input: impl BufRead, options: &ImportOptions, read: &mut Collected) -> Result<(), ImportErrors> {
    let unit = options.unit.unwrap_or(TimeUnit::Milliseconds);
    let mut found = KnownPercentiles::default();
    let mut is_table = false;
    let mut tables = 0u32;
    lines(input, |number, line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.starts_with(&["Value", "Percentile"]) {
            (is_table, tables) = (true, tables + 1);
        } else if let Some(comment) = line.strip_prefix("#[") {
            is_table = false;
            read_comment(comment, unit, &mut found);
        } else if fields.first() == Some(&"Requests/sec:") {
            read.load.per_second = fields.get(1).and_then(|rate| rate.parse().ok());
        } else if is_table && fields.len() >= 3 && tables == 1 {
            let value = |place: usize| fields.get(place).and_then(|text| text.parse::<f64>().ok());
            let row = value(0).and_then(|time| unit.nanos(time)).zip(value(1));
            let Some((time, share)) = row else {
                return Err(ImportError::new(number, "is no row of percentiles", "give the output as it was printed"));
            };
            add_row(&mut found, share, time);
        }
        Ok(())
    })?;
    if tables > 1 {
        read.notes.push(
            "the file has several distributions; the first is taken (wrk2: recorded latency, corrected for waiting)"
                .to_owned(),
        );
    }
    if found.is_empty() {
        let help = "give what `wrk -L` prints, or a `.hgrm` file";
        return Err(ImportError::new(0, "has no percentiles of HdrHistogram", help).into());
    }
    read.notes.push(
        "the file is a distribution only: of which operations, and how many calls were at the service at once, it does not tell"
            .to_owned(),
    );
    if options.map.contains_key(LABEL) {
        let key = CallKey { label: Some(LABEL.to_owned()), ..CallKey::default() };
        read.summary(key, None, Measurements::Percentiles(found), 0)?;
    } else {
        read.total = Some(Measurements::Percentiles(found));
        read.notes.push("the times are those of all calls; `--map \"wrk2=GET /path\"` names the url".to_owned());
    }
    Ok(())
}

fn add_row(found: &mut KnownPercentiles, share: f64, time: f64) {
    let percent = share * 100.0;
    if percent <= 0.0 {
        found.shortest = Some(time);
    } else if percent >= 100.0 {
        found.longest = Some(time);
    } else if found.inner.last().is_none_or(|(known, _)| *known < percent) {
        found.inner.push((percent, time));
    }
}

/// Reads `#[Mean = 1.089, StdDeviation = 0.512]` and `#[Max = 5.204, Total count = 59910]`.
fn read_comment(comment: &str, unit: TimeUnit, found: &mut KnownPercentiles) {
    for part in comment.trim_end_matches(']').split(',') {
        let Some((name, value)) = part.split_once('=') else { continue };
        let Ok(value) = value.trim().parse::<f64>() else { continue };
        match name.trim() {
            "Mean" if found.mean.is_none() => found.mean = unit.nanos(value),
            "Max" if found.longest.is_none() => found.longest = unit.nanos(value),
            "Total count" if found.count.is_none() => found.count = Some(value as u64),
            _ => {}
        }
    }
}

/// Name by which `--map` names the URL.
const LABEL: &str = "wrk2";
