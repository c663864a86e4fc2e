//! The ending of a body file, by which people and editors recognize its content.

use standin_dialect::xml::Document;

use super::response::is_text_type;

/// Returns the ending for a body of this media type, at this path.
pub(super) fn ending(media_type: Option<&str>, path: &str, body: &[u8]) -> String {
    if let Some(media_type) = media_type {
        if let Some((_, ending)) = KINDS.iter().find(|(kind, _)| media_type.contains(kind)) {
            return (*ending).to_owned();
        }
        if let Some((_, ending)) = MEDIA_TYPES.iter().find(|(known, _)| *known == media_type) {
            return (*ending).to_owned();
        }
    }
    let file = path.rsplit('/').next().unwrap_or_default();
    if let Some((_, ending)) = file.rsplit_once('.') {
        return ending.to_owned();
    }
    let text = String::from_utf8_lossy(body);
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
    let is_xml = || media_type.is_none_or(is_text_type) && Document::parse(&text).is_ok();
    if is_json {
        "json".to_owned()
    } else if is_xml() {
        "xml".to_owned()
    } else {
        "txt".to_owned()
    }
}

/// Parts of media types with their endings.
const KINDS: [(&str, &str); 3] = [("json", "json"), ("xml", "xml"), ("text", "txt")];

const MEDIA_TYPES: [(&str, &str); 11] = [
    ("image/jpeg", "jpeg"),
    ("image/gif", "gif"),
    ("image/tiff", "tiff"),
    ("image/png", "png"),
    ("image/x-icon", "ico"),
    ("audio/x-aiff", "aiff"),
    ("video/x-ms-asf", "asf"),
    ("video/mpeg", "mp2"),
    ("audio/mpeg", "mp3"),
    ("video/quicktime", "mov"),
    ("application/pdf", "pdf"),
];
