//! Gatling's `simulation.log` in the text form that it had before version 3.13. Times are in
//! milliseconds since 1970.

use std::io::BufRead;

use super::collect::{CallKey, Collected};
use super::import_error::{ImportError, ImportErrors};
use super::lines;

/// Reads the requests of a log. Fields are separated by tabs.
pub(super) fn read(input: impl BufRead, read: &mut Collected) -> Result<(), ImportErrors> {
    let mut errors = ImportErrors::default();
    let mut users: u64 = 0;
    lines(input, |number, line| {
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        match fields[0] {
            "REQUEST" => match request(&fields) {
                Some(request) => add(&request, number, read),
                None => {
                    let help = "if the file was cut off, remove its last line";
                    errors.add(ImportError::new(number, "is no request of Gatling's log", help));
                    Ok(())
                }
            },
            "USER" => {
                // `START` and `END` change the number of users
                if fields.contains(&"START") {
                    users += 1;
                    read.load.users(users);
                } else if fields.contains(&"END") {
                    users = users.saturating_sub(1);
                }
                Ok(())
            }
            "ERROR" => {
                read.skipped.add("errors of the scenario", fields.get(1).copied().unwrap_or_default());
                Ok(())
            }
            _ => Ok(()),
        }
    })?;
    read.notes
        .push("Gatling's log has no methods and no paths: name them by `--map` where names do not tell".to_owned());
    errors.none()
}

/// A line of a request.
struct LoggedRequest<'l> {
    name: &'l str,
    start_ms: f64,
    end_ms: f64,
    is_ok: bool,
    message: &'l str,
}

/// Reads the fields of a request. Earlier versions have the id of the user before the groups; the
/// name comes before both times and the result in all of them.
fn request<'l>(fields: &[&'l str]) -> Option<LoggedRequest<'l>> {
    let result = fields.iter().rposition(|field| matches!(*field, "OK" | "KO")).filter(|place| *place >= 4)?;
    let time = |place: usize| fields[place].parse::<f64>().ok();
    Some(LoggedRequest {
        name: fields[result - 3],
        start_ms: time(result - 2)?,
        end_ms: time(result - 1)?,
        is_ok: fields[result] == "OK",
        message: fields.get(result + 1).copied().unwrap_or_default(),
    })
}

fn add(request: &LoggedRequest<'_>, number: u64, read: &mut Collected) -> Result<(), ImportError> {
    let status = found_status(request.message);
    if !request.is_ok && status.is_none() {
        read.skipped.add("failed requests whose status the log does not have", request.message);
        return Ok(());
    }
    let key = CallKey { label: Some(request.name.to_owned()), ..CallKey::default() };
    let nanos = (request.end_ms - request.start_ms).max(0.0) * 1e6;
    if read.call(key, status, nanos, number)? {
        read.load.arrival(request.start_ms / 1e3);
    }
    Ok(())
}

/// Returns the status in a message such as `status.find.is(200), but actually found 503`.
fn found_status(message: &str) -> Option<u16> {
    let (_, found) = message.rsplit_once("found ")?;
    super::status(found.split(|letter: char| !letter.is_ascii_digit()).next()?)
}
