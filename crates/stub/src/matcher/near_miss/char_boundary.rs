//! Boundaries between the characters of a text.

/// Returns the last boundary between characters at or before a byte offset.
pub(super) fn floor_char_boundary(text: &str, offset: usize) -> usize {
    if offset >= text.len() {
        return text.len();
    }
    (0..=offset).rev().find(|offset| text.is_char_boundary(*offset)).unwrap_or(0)
}
