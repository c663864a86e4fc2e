//! Messages of a server on stderr: results of reloads, and doubts about measured times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{print_diagnostics, print_info, print_note};
use crate::live::{RequestCounts, ServiceState};
use crate::reload::ReloadStatus;
use crate::server::Handle;
use standin_stub::delay::units::duration;
use standin_text::counted;

/// Prints the result of a reload.
pub(super) fn report_reload(status: &ReloadStatus, failed_before: bool) {
    print_diagnostics(&status.defects);
    let stubs = status.stub_count;
    if status.has_failed {
        let errors = status.defects.iter().filter(|defect| defect.is_error()).count();
        let (defects, stubs) = (counted(errors as u64, "defect"), counted(stubs as u64, "stub"));
        print_note(&format!(
            "{defects} in the stubs or profiles; {stubs} of files are served, broken files in their last good version"
        ));
    } else {
        let again = if failed_before { "the stubs are good again; " } else { "" };
        let (stubs, files) = (counted(stubs as u64, "stub"), counted(status.changed_count as u64, "file"));
        print_info(&format!("{again}reloaded: {stubs} ({files} changed)"));
    }
}

/// Returns the reasons not to trust times that clients measured.
pub(super) fn measurement_doubts(handle: &Handle) -> Vec<String> {
    let (audit, beyond) = (handle.audit(), handle.calls_beyond());
    let slow = (audit.flagged.count > 0).then(|| {
        format!(
            "in {} of {} of its workers standin itself was too slow (lateness p99 {:.2} ms): do not trust times measured then; \
             give it a machine with less to do",
            audit.flagged.count,
            counted(audit.windows, "second"),
            audit.lateness.p99 / 1e3
        )
    });
    let beyond = (beyond > 0).then(|| {
        format!(
            "{} came beyond the load that the profile was learned from (`valid`): how long such calls take is a guess",
            counted(beyond, "call")
        )
    });
    slow.into_iter().chain(beyond).collect()
}

/// Returns the last message of a server: how long it ran, and what it served.
pub(super) fn end_text(uptime: Duration, lives: &[Arc<ServiceState>]) -> String {
    let total = |count: fn(&RequestCounts) -> &AtomicU64| -> u64 {
        lives.iter().map(|live| count(live.counts()).load(Relaxed)).sum()
    };
    let (matched, unmatched) = (total(|counts| &counts.matched), total(|counts| &counts.unmatched));
    let calls = counted(matched + unmatched, "call");
    let time = duration(Duration::from_millis(uptime.as_millis() as u64));
    format!("ended after {time}: {calls}, {unmatched} of them matched no stub")
}

/// Returns the message of a server that ends because one of its parts panicked repeatedly.
pub(super) fn failure_text(failure: &str) -> String {
    format!("standin ends: {failure}; please report the panic above")
}
