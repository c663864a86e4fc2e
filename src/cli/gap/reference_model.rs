//! Capacity of the reference: from the profile that the mock is served with, otherwise from a fit
//! of the calls.

use std::path::Path;

use standin_learn::fit::{Finding, Fitted, Trace};
use standin_learn::gap::{CapacityModel, ComparisonContext, MockKind};
use standin_model::profile::{self, CompiledProfile};
use standin_tape::LoadedTape;
use standin_tape::operations::OperationTree;

/// Returns the context of a mock that was served with or without a profile.
pub(super) fn of_mock(
    dir: &Path,
    profile: Option<&str>,
    recording: &LoadedTape,
    operations: &OperationTree,
) -> ComparisonContext {
    let Some(name) = profile else {
        return ComparisonContext {
            model: of_tapes(&[recording], operations),
            served: MockKind::Unpaced,
            ..ComparisonContext::default()
        };
    };
    let loaded = profile::load(dir);
    let profile = loaded.profiles.iter().find(|profile| profile.name == name);
    let model = profile.and_then(|profile| CapacityModel::of(profile, format!("profile {name}")));
    ComparisonContext { model, served: MockKind::Profile, ..ComparisonContext::default() }
}

/// Fits the tapes. Returns `None` if no model explains the calls, or if the service got other calls
/// too.
pub(super) fn of_tapes(tapes: &[&LoadedTape], operations: &OperationTree) -> Option<CapacityModel> {
    let trace = |tape: &&LoadedTape| Trace::new(&tape.head, operations, &tape.exchanges);
    let fitted = Fitted::new("reference", &tapes.iter().map(trace).collect::<Vec<_>>()).ok()?;
    let is_doubtful = fitted
        .findings
        .iter()
        .any(|finding| finding.is_unexplained() || matches!(finding, Finding::NotExclusive | Finding::Drifted { .. }));
    if is_doubtful {
        return None;
    }
    let profile = CompiledProfile::new("reference", fitted.profile()).ok()?;
    CapacityModel::of(&profile, "a fit of the reference")
}
