//! What a server says of itself on stderr: why it does not begin, what a reload came to, and at the end what not to believe.

use super::{BROKE, CHECK_FAILED, USAGE, complain, draw, note};
use crate::reload::ReloadStatus;
use crate::server::{Handle, StartError};
use standin_text::counted;

/// What a reload came to; one that went well is told only if the one before failed, or something is odd.
pub(super) fn tell(status: &ReloadStatus, failed_before: bool) {
    draw(&status.defects);
    let stubs = status.stub_count;
    if status.has_failed {
        let errors = status.defects.iter().filter(|defect| defect.is_error()).count();
        let (defects, stubs) = (counted(errors as u64, "defect"), counted(stubs as u64, "stub"));
        note(&format!("{defects} in the stubs or profiles; the last good set of {stubs} stays until they are mended"));
    } else if failed_before {
        note(&format!("the stubs are good again; {stubs} of files are served"));
    }
}

/// What of the times that clients measured is not to be believed.
pub(super) fn doubts(handle: &Handle) -> Vec<String> {
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

/// Returns what is said when a server ends because a part of it panicked again and again.
pub(super) fn failure_text(failure: &str) -> String {
    format!("standin ends: {failure}; please report the panic above")
}

/// Why a server does not begin, and how the command exits then.
pub(super) fn refuse(error: &StartError) -> u8 {
    if let StartError::Stubs(defects) = error {
        draw(defects);
    }
    complain(error);
    match error {
        StartError::Stubs(_) => CHECK_FAILED,
        StartError::Config(_) => USAGE,
        StartError::Bind { .. } | StartError::Thread(_) | StartError::Tls(_) => BROKE,
    }
}
