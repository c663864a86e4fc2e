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
    let looks = |text: &[u8]| {
        let found = find_secret_looks(text).into_iter();
        found.filter(|look| !is_made_up(&text[look.at.clone()])).map(|look| look.kind).collect::<BTreeSet<_>>()
    };
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

/// Returns true for numbers such as 4000 0000 0000 0002, which payment providers publish for tests:
/// no real card has so many zeros.
fn is_made_up(secret: &[u8]) -> bool {
    secret.iter().all(|byte| !byte.is_ascii_alphabetic()) && secret.split(|byte| *byte == b'0').count() > MADE_UP_ZEROS
}

/// Number of zeros from which a card number is made up.
const MADE_UP_ZEROS: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_zeros_are_made_up() {
        for (text, expected) in [
            ("4000000000000119", true),
            ("4000 0000 0000 0002", true),
            ("4111111111111111", false),
            ("k000000000", false),
        ] {
            assert_eq!(is_made_up(text.as_bytes()), expected, "{text}");
        }
    }
}
