//! YAML text of a profile: block style, short values between braces, and quotes only where a reader
//! needs them.

use std::fmt::Write as _;

use serde_json::Value as Json;

/// A value as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Yaml {
    /// A value on the line of its key.
    Inline(String),
    /// A value on the line of its key, with a comment behind it.
    Commented(String, &'static str),
    /// An object with a line or more for each key.
    Block(Vec<YamlEntry>),
    /// A list with a line or more for each item.
    List(Vec<Yaml>),
}

/// A key of an object with its value and the comment on the line of the key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct YamlEntry {
    pub(super) key: &'static str,
    pub(super) value: Yaml,
    pub(super) comment: Option<&'static str>,
}

impl Yaml {
    /// Returns the value between braces, without comments.
    pub(super) fn to_flow(&self) -> String {
        match self {
            Self::Inline(text) | Self::Commented(text, _) => text.clone(),
            Self::Block(entries) => {
                let entries = entries.iter().map(|entry| format!("{}: {}", entry.key, entry.value.to_flow()));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
            Self::List(items) => format!("[{}]", items.iter().map(Self::to_flow).collect::<Vec<_>>().join(", ")),
        }
    }

    /// Returns the lines of an object or a list, without indentation.
    pub(super) fn to_lines(&self) -> Vec<String> {
        match self {
            Self::Inline(text) => vec![text.clone()],
            Self::Commented(text, comment) => vec![format!("{text} # {comment}")],
            Self::Block(entries) => entries.iter().flat_map(YamlEntry::to_lines).collect(),
            Self::List(items) => items.iter().flat_map(Self::to_item_lines).collect(),
        }
    }

    fn to_item_lines(&self) -> Vec<String> {
        let lines = self.to_lines().into_iter().enumerate();
        lines.map(|(index, line)| format!("{}{line}", if index == 0 { "- " } else { "  " })).collect()
    }
}

impl YamlEntry {
    fn to_lines(&self) -> Vec<String> {
        let comment = self.comment.map_or_else(String::new, |comment| format!(" # {comment}"));
        let key = self.key;
        match &self.value {
            Yaml::Inline(text) => vec![format!("{key}: {text}{comment}")],
            Yaml::Commented(text, comment) => vec![format!("{key}: {text} # {comment}")],
            nested @ (Yaml::Block(_) | Yaml::List(_)) => {
                let lines = nested.to_lines().into_iter().map(|line| format!("  {line}"));
                std::iter::once(format!("{key}:{comment}")).chain(lines).collect()
            }
        }
    }
}

/// Returns JSON between braces, as YAML with as few quotes as it needs.
pub(super) fn flow(json: &Json) -> String {
    match json {
        Json::String(text) => quoted(text),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{}: {}", word(name), flow(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Returns a text for the end of a line, in quotes if it needs them there.
pub(super) fn line_text(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " _-/.{}()%,".contains(c);
    if is_plain_word(text) && text.chars().all(is_plain) && !text.ends_with(' ') {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Returns a text for use between braces, in quotes if it needs them there.
pub(super) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if is_plain_word(text) && text.chars().all(is_plain) { text.to_owned() } else { quoted(text) }
}

/// Returns whether no reader takes the text for a number, a boolean or null.
fn is_plain_word(text: &str) -> bool {
    let reserved = ["false", "n", "no", "null", "off", "on", "true", "y", "yes"];
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && !reserved.contains(&text.to_ascii_lowercase().as_str())
}

/// Returns a text in double quotes, with JSON's escapes for ASCII and YAML's for all that a reader
/// might not take literally.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            ' '..='~' => quoted.push(c),
            c if c.is_alphanumeric() => quoted.push(c),
            c => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}
