//! hey: the rows of `hey -o csv`. Times are in seconds, to a tenth of a millisecond.

use std::io::Read;

use super::collect::{CallKey, Collected};
use super::histogram::Histogram;
use super::import_error::{ImportError, ImportErrors};
use super::measurements::Measurements;
use super::units::TimeUnit;
use super::{ImportOptions, status, table};

/// Reads rows. A call's time is that from its last byte to the last byte of the answer: `hey`
/// counts the making of connections to `response-time`. All calls are of one URL, which the file
/// does not name.
pub(super) fn read(input: impl Read, options: &ImportOptions, read: &mut Collected) -> Result<(), ImportErrors> {
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let headers = rows.headers().map_err(|error| table::broken(&error))?.clone();
    let column = |name: &str| headers.iter().position(|header| header.trim().eq_ignore_ascii_case(name));
    let (Some(delay), Some(reading), Some(code)) =
        (column("Response-delay"), column("Response-read"), column("status-code"))
    else {
        let help = "write it with `hey -o csv`";
        return Err(ImportError::new(1, "has not all columns of hey's CSV", help).into());
    };
    let offset = column("offset");
    let is_mapped = options.map.contains_key(LABEL);
    let mut all = Histogram::default();
    let mut errors = ImportErrors::default();
    table::each_row(&mut rows, &mut errors, |row, line| {
        let seconds = |place: usize| row.get(place).and_then(|text| text.trim().parse::<f64>().ok());
        let taken = seconds(delay).zip(seconds(reading)).map(|(delay, reading)| delay + reading);
        let Some(nanos) = taken.and_then(|taken| TimeUnit::Seconds.nanos(taken)) else {
            return Err(ImportError::new(line, "has no times", "if the file was cut off, remove its last line"));
        };
        let Some(status) = row.get(code).and_then(status) else {
            read.skipped.add("calls without an answer", row.get(code).unwrap_or_default());
            return Ok(());
        };
        if is_mapped {
            let key = CallKey { label: Some(LABEL.to_owned()), ..CallKey::default() };
            read.call(key, Some(status), nanos, line)?;
        } else {
            all.add(nanos);
        }
        if let Some(seconds) = offset.and_then(seconds) {
            read.load.arrival(seconds);
        }
        Ok(())
    });
    if all.count() > 0 {
        read.total = Some(Measurements::Calls(all));
        read.notes.push(
            "hey's CSV does not name the url: the times are those of all calls; `--map \"hey=GET /path\"` names it"
                .to_owned(),
        );
    }
    read.notes.push("hey rounds times to 0.1 ms".to_owned());
    errors.none()
}

/// Name by which `--map` names the URL.
const LABEL: &str = "hey";
