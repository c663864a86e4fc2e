//! Segments of paths, and what they look like.

/// Returns the segments of a path, without scheme, host, query and fragment. A slash at the end
/// gives a last empty segment.
pub(crate) fn segments(url: &str) -> impl Iterator<Item = &str> {
    let url = match url.split_once("://") {
        Some((_, rest)) if !url.starts_with('/') => rest.find('/').map_or("/", |slash| &rest[slash..]),
        _ => url,
    };
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.strip_prefix('/').unwrap_or(path).split('/')
}

/// Returns true if a segment looks like a number, a UUID, a long hexadecimal number, or a long
/// token of letters and digits.
pub(crate) fn is_identifier(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let length = segment.len();
    if digits == 0 {
        return false;
    }
    // a number with an extension, as in `7.json`
    let stem = segment.rsplit_once('.').filter(|(_, end)| end.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let number = stem.map_or(segment, |(stem, _)| stem);
    let number = number.strip_prefix('-').unwrap_or(number);
    let is_number = !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b':' | b'-'));
    let is_hex = length >= 8 && segment.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_token = length >= 6
        && digits * 4 >= length
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~' | b'.' | b'%' | b'='));
    is_number || is_hex || is_token
}

/// Returns the letters before the number of a segment, as in `order-17` or `user7`. The number of a
/// version (`v2`) is part of its name.
pub(crate) fn number_prefix(segment: &str) -> Option<&str> {
    let prefix = segment.trim_end_matches(|one: char| one.is_ascii_digit());
    let letters = prefix.trim_end_matches(['-', '_', '.']);
    let is_word = !letters.is_empty() && letters.chars().all(|one| one.is_alphabetic() || matches!(one, '-' | '_'));
    (is_word && prefix.len() < segment.len() && !letters.eq_ignore_ascii_case("v")).then_some(prefix)
}
