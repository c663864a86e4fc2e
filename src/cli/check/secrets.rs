//! Warnings about stubs that contain what looks like a secret.

use std::collections::BTreeSet;
use std::sync::Arc;

use standin_stub::Stub;
use standin_stub::defect::Defect;
use standin_stub::source::rule::Rule;
use standin_tape::find_secret_looks;

/// Returns a warning for each kind of secret in each stub, or in its body file.
pub(super) fn in_stubs(stubs: &[Arc<Stub>]) -> Vec<Defect> {
    stubs.iter().flat_map(in_stub).collect()
}

fn in_stub(stub: &Arc<Stub>) -> Vec<Defect> {
    let looks = |text: &[u8]| find_secret_looks(text).into_iter().map(|look| look.kind).collect::<BTreeSet<_>>();
    let in_document = looks(stub.document.as_bytes());
    let in_file = match stub.body_file_name() {
        Some(_) => stub.response.whole_body().map(|body| looks(body)).unwrap_or_default(),
        None => BTreeSet::new(),
    };
    let warn = |kind: &str, place: &str| {
        let message = format!("{place} contains what looks like {kind}");
        let help = "replace it by a made-up value, or draft again from a tape that `standin record` redacted";
        stub.located(Defect::warning(message).help(help).rule(&Rule::SECRET))
    };
    let of_document = in_document.iter().map(|kind| warn(kind, "the stub"));
    of_document.chain(in_file.difference(&in_document).map(|kind| warn(kind, "its body file"))).collect()
}
