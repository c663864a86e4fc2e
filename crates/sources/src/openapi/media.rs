//! Media types of bodies.

use serde_json::{Value, json};

use super::prefer::escaped;

/// Returns a media type without parameters, in lower case.
pub(super) fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Returns true if bodies of a media type are JSON, or may be.
pub(super) fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence == "application/json" || essence.ends_with("+json") || essence == "*/*" || essence == "application/*"
}

/// Returns the media type that a response names: that of JSON if the description has a range.
pub(super) fn concrete(media_type: &str) -> String {
    if essence(media_type).contains('*') { "application/json".to_owned() } else { media_type.to_owned() }
}

/// Returns the matcher of a `Content-Type` of this media type.
pub(super) fn content_type_matcher(media_type: &str) -> Value {
    json!({ "matches": format!("(?i){}\\s*(?:;.*)?", range_pattern(&essence(media_type))) })
}

/// Returns the matcher of an `Accept` that names this media type first.
pub(super) fn accept_matcher(media_type: &str) -> Value {
    json!({ "matches": format!("(?i)\\s*{}\\s*(?:[;,].*)?", escaped(&essence(media_type))) })
}

fn range_pattern(essence: &str) -> String {
    escaped(essence).replace("\\*", "[^/;]+")
}
