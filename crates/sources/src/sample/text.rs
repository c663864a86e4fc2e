//! Sample texts: of a format, for a pattern, or as long as is asked for.

use super::merge::Merged;
use super::pattern;

/// Returns the `place`-th of the texts that a schema allows.
pub(super) fn sample(merged: &Merged<'_>, place: usize) -> Option<String> {
    let least = merged.at_least("minLength").unwrap_or(0.0) as usize;
    let most = merged.at_most("maxLength").map_or(usize::MAX, |most| most as usize);
    if least > most || least > MAX_LENGTH {
        return None;
    }
    let patterns: Vec<&str> = merged.texts("pattern").collect();
    if !patterns.is_empty() {
        return pattern::sample(&patterns, least..=most, place);
    }
    let format = merged.texts("format").next().unwrap_or_default();
    let text = of_format(format, place).unwrap_or_else(|| numbered("string", place));
    Some(fitted(text, least, most, place))
}

/// Returns a text as [`sample`] does, but a long one if the schema allows it.
pub(super) fn long(merged: &Merged<'_>, place: usize) -> Option<String> {
    let text = sample(merged, place)?;
    let most = merged.at_most("maxLength").map_or(LONG, |most| (most as usize).min(LONG));
    let is_bound = merged.texts("pattern").next().is_some() || merged.texts("format").next().is_some();
    let least = if is_bound { 0 } else { most };
    Some(fitted(text, least, usize::MAX, place))
}

/// Returns the `place`-th text of a format; `None` for formats that every text has.
fn of_format(format: &str, place: usize) -> Option<String> {
    let day = 1 + place % 28;
    let text = match format {
        "date-time" => format!("2024-01-{day:02}T09:30:00Z"),
        "date" => format!("2024-01-{day:02}"),
        "time" => format!("{:02}:30:00Z", (9 + place) % 24),
        "duration" => format!("P{day}D"),
        "email" | "idn-email" => format!("{}@example.com", numbered("user", place)),
        "hostname" | "idn-hostname" => format!("{}.example.com", numbered("host", place)),
        "ipv4" => format!("192.0.2.{}", 1 + place % 254),
        "ipv6" => format!("2001:db8::{:x}", 1 + place),
        "uri" | "url" | "iri" => format!("https://example.com/{}", numbered("path", place)),
        "uri-reference" | "iri-reference" | "json-pointer" => format!("/{}", numbered("path", place)),
        "uri-template" => format!("/{}/{{id}}", numbered("path", place)),
        "uuid" => format!("3fa85f64-5717-4562-b3fc-{:012x}", 0x2c96_3f66_afa6_u64 + place as u64),
        "byte" => ["c2FtcGxl", "dGVzdA==", "dGV4dA==", "ZGF0YQ=="][place % 4].to_owned(),
        "relative-json-pointer" => format!("{place}/path"),
        "regex" => format!("^{}$", numbered("text", place)),
        "int32" | "int64" | "integer" | "number" | "float" | "double" | "decimal" => (1 + place).to_string(),
        _ => return None,
    };
    Some(text)
}

fn numbered(text: &str, place: usize) -> String {
    if place == 0 { text.to_owned() } else { format!("{text}{}", place + 1) }
}

/// Returns a text with a length in the bounds, in characters.
fn fitted(text: String, least: usize, most: usize, place: usize) -> String {
    let length = text.chars().count();
    if length < least {
        return text.chars().chain("abcdefghijklmnopqrstuvwxyz".chars().cycle().skip(place)).take(least).collect();
    }
    if length <= most {
        return text;
    }
    // what distinguishes it is at its end
    let number = if place == 0 { String::new() } else { (place + 1).to_string() };
    let kept = most.saturating_sub(number.len());
    text.chars().take(kept).chain(number.chars()).take(most).collect()
}

/// Length of a long text in characters.
const LONG: usize = 300;

/// Maximum length of a sample text in characters; for a longer one no sample is made.
const MAX_LENGTH: usize = 1 << 20;
