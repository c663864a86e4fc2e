//! Messages of a server on stderr: results of reloads, and doubts about measured times.

use super::{print_diagnostics, print_note};
use crate::reload::ReloadStatus;
use crate::server::Handle;
use standin_text::counted;

/// Prints the result of a reload. A good one is printed only if the one before failed, or there are
/// warnings.
pub(super) fn report_reload(status: &ReloadStatus, failed_before: bool) {
    print_diagnostics(&status.defects);
    let stubs = status.stub_count;
    if status.has_failed {
        let errors = status.defects.iter().filter(|defect| defect.is_error()).count();
        let (defects, stubs) = (counted(errors as u64, "defect"), counted(stubs as u64, "stub"));
        print_note(&format!(
            "{defects} in the stubs or profiles; {stubs} of files are served, broken files in their last good version"
        ));
    } else if failed_before {
        print_note(&format!("the stubs are good again; {stubs} of files are served"));
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

/// Returns the message of a server that ends because one of its parts panicked repeatedly.
pub(super) fn failure_text(failure: &str) -> String {
    format!("standin ends: {failure}; please report the panic above")
}
