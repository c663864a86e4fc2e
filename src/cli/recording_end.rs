//! End of a recording: summary of its tape, and removal of an empty one.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use super::print_line;
use crate::record::{Recorder, RecordingProgress, RecordingSize};
use standin_tape::pack_path;
use standin_text::{counted, grouped, short_duration};

/// Content of a finished tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordingEnd {
    /// No call; the tape was removed, as later commands use the newest tape of a service.
    Nothing,
    /// Calls, none of which got a complete response.
    NoAnswer,
    /// At least one call with a complete response.
    Calls,
}

/// Ends a tape, and prints a summary of its content.
pub(super) fn end(recorder: &Recorder, tape: &Path) -> io::Result<RecordingEnd> {
    let finished = recorder.finish();
    let progress = recorder.progress();
    if finished.is_ok() && progress.tape.exchanges + progress.tape.dropped == 0 {
        fs::remove_file(tape)?;
        // bodies without calls are those of calls that were lost
        let _ = fs::remove_file(pack_path(tape));
        print_line(&format!("standin: no call came, so that no tape is left{}", notes(&progress)));
        return Ok(RecordingEnd::Nothing);
    }
    print_line(&summary(&progress, &tape.display().to_string()));
    finished?;
    Ok(if progress.tape.latency_p50_p99.is_some() { RecordingEnd::Calls } else { RecordingEnd::NoAnswer })
}

/// Ends and removes the tape of a recording that could not start.
pub(super) fn discard(recorder: &Recorder, tape: &Path) {
    // the error that ended the recording is reported
    let _ = recorder.finish().and_then(|()| fs::remove_file(tape));
}

/// Returns the summary of a tape.
fn summary(progress: &RecordingProgress, tape: &str) -> String {
    let written = &progress.tape;
    let mut told = format!(
        "standin: {} of {} on {tape}",
        counted(written.exchanges, "call"),
        counted(written.operations as u64, "operation")
    );
    if let Some((p50, p99)) = written.latency_p50_p99 {
        let _ = write!(told, "\n  the service took {} at p50, {} at p99", short_duration(p50), short_duration(p99));
    }
    told + &size(&written.size) + &notes(progress)
}

/// Returns the size of the recording, and what it lacks for `fit` and `gap`.
fn size(size: &RecordingSize) -> String {
    let highest = format!("\n  the highest load was {} calls in a second", grouped(size.highest_per_second));
    if size.is_enough() {
        return format!("{highest}; the calls are enough for fit and gap");
    }
    let (calls, needed) = (grouped(size.calls), grouped(size.needed_calls()));
    format!("{highest}; {calls} of {needed} calls that fit and gap need for the p95: record longer, or with --ramp")
}

/// Returns a line for each kind of call or body that is missing or incomplete.
fn notes(progress: &RecordingProgress) -> String {
    let written = &progress.tape;
    let notes = [
        (
            progress.refused,
            "call was refused, as the target is protected: see --max-in-flight, --max-per-second",
            "calls were refused, as the target is protected: see --max-in-flight, --max-per-second",
        ),
        (
            progress.failed,
            "call got no whole answer of the target; the tape says why",
            "calls got no whole answer of the target; the tape says why",
        ),
        (
            written.dropped,
            "call is not on the tape: the disk was full or could not keep up",
            "calls are not on the tape: the disk was full or could not keep up",
        ),
        (
            progress.dropped_bodies,
            "body is not kept, as it is too long: see --keep-body",
            "bodies are not kept, as they are too long: see --keep-body",
        ),
        (
            written.undecodable_bodies,
            "body is not kept: its coding cannot be searched for secrets",
            "bodies are not kept: their coding cannot be searched for secrets",
        ),
        (
            written.forgotten_secrets,
            "secret was forgotten for want of memory; later calls may repeat it",
            "secrets were forgotten for want of memory; later calls may repeat them",
        ),
    ];
    let mut told = String::new();
    for (count, one, many) in notes.into_iter().filter(|(count, ..)| *count > 0) {
        let _ = write!(told, "\n  {count} {}", if count == 1 { one } else { many });
    }
    told
}
