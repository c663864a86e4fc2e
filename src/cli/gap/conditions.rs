//! Conditions of a comparison, as its report names them: the service, the dates, the machine and
//! the version.

use std::path::{Path, PathBuf};
use std::thread;

use jiff::Timestamp;

use standin_files::regular_file;
use standin_learn::gap::{CommandArguments, ComparisonConditions, ProfileAge};
use standin_model::profile;
use standin_tape::LoadedTape;

/// Returns the conditions of a comparison with a recording that is made now.
pub(super) fn of(recording: Option<&LoadedTape>) -> ComparisonConditions {
    let head = recording.map(|recording| &recording.head);
    ComparisonConditions {
        service: head.map(|head| head.target.clone()).filter(|target| !target.is_empty()),
        recorded: head.and_then(|head| minute(head.started_unix_ms)),
        compared: Some(now()),
        machine: Some(machine()),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
    }
}

/// Returns the arguments of a comparison of a folder.
pub(super) fn of_folder(dir: &Path, target: Option<&str>, recording: &LoadedTape) -> CommandArguments {
    let target = target.unwrap_or(&recording.head.target);
    CommandArguments {
        folder: Some(dir.display().to_string()),
        target: Some(target.to_owned()).filter(|target| !target.is_empty()),
        per_second: Some(recording.peak_rate()).filter(|rate| *rate > 0.0),
        ..CommandArguments::default()
    }
}

/// Returns the arguments of a comparison of tapes.
pub(super) fn of_tapes(originals: &[PathBuf], copies: &[PathBuf]) -> CommandArguments {
    let tapes = [originals, copies].map(|paths| paths.iter().map(|path| path.display().to_string()).collect());
    CommandArguments { tapes, ..CommandArguments::default() }
}

/// Returns the age of a profile and of the recording or the live service that it was compared with,
/// if the profile is older.
pub(super) fn age(dir: &Path, profile: &str, recording: &LoadedTape, is_live: bool) -> Option<ProfileAge> {
    let loaded = profile::load(dir);
    let profile = loaded.profiles.iter().find(|one| one.name == profile)?;
    let fitted = profile.services.iter().filter_map(|service| service.valid.recorded).max()?;
    let tape = recording.head.started_unix_ms;
    if !is_live && tape <= fitted * 1_000 + SAME_RECORDING_MS {
        return None;
    }
    Some(ProfileAge { profile: minute(fitted * 1_000)?, tape: if is_live { now() } else { minute(tape)? } })
}

/// Returns this minute, as reports write it.
pub(super) fn now() -> String {
    written(Timestamp::now())
}

/// Returns a time in milliseconds since 1970 as reports write it; `None` if it is out of range, or
/// so early that it is no time of a recording.
fn minute(unix_ms: u64) -> Option<String> {
    let at = Timestamp::from_millisecond(i64::try_from(unix_ms).ok()?).ok()?;
    (unix_ms > MIN_UNIX_MS).then(|| written(at))
}

fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Returns the operating system, the processor and the number of cores of this machine.
pub(super) fn machine() -> String {
    let uname = rustix::system::uname();
    let [system, release] = [uname.sysname(), uname.release()].map(|text| text.to_string_lossy().into_owned());
    let cores = thread::available_parallelism().map_or(1, usize::from) as u64;
    let processor = processor().unwrap_or_else(|| uname.machine().to_string_lossy().into_owned());
    format!("{system} {release}, {processor}, {}", standin_text::counted(cores, "core"))
}

/// Returns the model of the processor, where the system names it.
fn processor() -> Option<String> {
    let text = regular_file::read(Path::new("/proc/cpuinfo"), MAX_CPUINFO_BYTES).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    let name = line.split_once(':')?.1.split_whitespace().collect::<Vec<_>>().join(" ");
    (!name.is_empty() && name != "unknown").then_some(name)
}

/// Maximum length of the description of the processors that is read.
const MAX_CPUINFO_BYTES: u64 = 4 << 20;
/// A recording that began later than the profile's by more is another one.
const SAME_RECORDING_MS: u64 = 1_000;
/// A day after 1970: an earlier time is that of a tape whose writer had no clock.
const MIN_UNIX_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_utc() {
        assert_eq!(minute(1_793_613_600_000).as_deref(), Some("2026-11-02 10:00 UTC"));
        assert_eq!((minute(1), minute(u64::MAX)), (None, None));
    }

    #[test]
    fn a_machine_has_cores() {
        let machine = machine();
        assert!(machine.contains(" core") && machine.contains(", "), "{machine}");
    }
}
