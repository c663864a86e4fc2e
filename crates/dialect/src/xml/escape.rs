//! References such as `&lt;` and `&#10;`, read and written.

use std::borrow::Cow;

/// Returns the character that a reference stands for, given the text between `&` and `;`. `None` if
/// it is no character of XML.
pub(super) fn resolved(reference: &str) -> Option<char> {
    let number = match reference {
        "amp" => return Some('&'),
        "apos" => return Some('\''),
        "gt" => return Some('>'),
        "lt" => return Some('<'),
        "quot" => return Some('"'),
        _ => reference.strip_prefix('#')?,
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // a sign would be taken by the standard library
    let code = digits.chars().all(|digit| digit.is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok())??;
    char::from_u32(code).filter(|c| is_character(*c))
}

/// Returns true if XML allows the character.
pub(super) fn is_character(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Returns an attribute's value with its references resolved and each tab or line feed as a space.
/// The error is the reference that stands for nothing.
pub(super) fn attribute_value(raw: &str) -> Result<Cow<'_, str>, &str> {
    if !raw.contains(['&', '\t', '\n', '\r']) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\t', '\n', '\r']) {
        value.push_str(&rest[..at]);
        rest = &rest[at..];
        match rest.strip_prefix('&') {
            Some(after) => {
                let Some((reference, after)) = after.split_once(';') else { return Err(rest) };
                value.push(resolved(reference).ok_or(reference)?);
                rest = after;
            }
            None => {
                value.push(' ');
                rest = &rest[1..];
            }
        }
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}

/// Writes text so that it can stand between tags.
pub(super) fn push_text(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            c => push_character(c, out),
        }
    }
}

/// Writes a character; one beyond the first plane as a reference, as Java does.
fn push_character(c: char, out: &mut String) {
    if c > '\u{ffff}' {
        out.extend(["&#", &u32::from(c).to_string(), ";"]);
    } else {
        out.push(c);
    }
}

/// Writes text so that it can stand between double quotes.
pub(super) fn push_attribute_value(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c => push_character(c, out),
        }
    }
}
