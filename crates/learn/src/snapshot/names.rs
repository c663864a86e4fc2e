//! Names of recorded stubs and of their body files.

use percent_encoding::percent_decode_str;
use uuid::Uuid;

/// Returns a path without percent-encoding.
pub(super) fn decoded_path(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// Returns the name of the stub for a path: `/a/b c` becomes `a_b-c`.
pub(super) fn stub_name(path: &str) -> String {
    let underscored = path.replace('/', "_");
    let name = sanitized(&underscored);
    name.trim_matches('_').chars().take(MAX_NAME_CHARS).collect()
}

/// Returns the name of a body file: that of the stub, or method and URL, with the id.
pub(super) fn file_name(name: &str, method: &str, path: &str, id: Uuid, ending: &str) -> String {
    let stem = if name.is_empty() { format!("{method}-{path}") } else { name.to_owned() };
    sanitized(&format!("{stem}-{id}.{ending}"))
}

/// Returns a text in lower case, with `-` in place of white space, and without other characters
/// than letters, digits and `_-.`.
fn sanitized(text: &str) -> String {
    let kept = text.chars().map(|c| if c.is_whitespace() { '-' } else { c });
    kept.filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')).collect::<String>().to_ascii_lowercase()
}

/// Maximum length of a name.
const MAX_NAME_CHARS: usize = 200;
