//! Values in XML and HTML by their place in the text: attributes, and texts behind start tags.
//!
//! A strict parser reads no broken document, and a secret in a broken document is still a secret.
//! So tags are found one after the other, in time proportional to the length of any text.

use std::ops::Range;

/// A value and its place in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkupValue<'t> {
    /// Name of the attribute or the element, with its prefix.
    pub name: &'t str,
    /// Byte range of the value, without quotes and with references as written.
    pub at: Range<usize>,
    /// The kind of the value.
    pub kind: MarkupKind,
    /// True inside a comment or a CDATA section, which parsers of XML take for text.
    pub is_literal: bool,
}

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkupKind {
    /// The value of an attribute, perhaps empty.
    Attribute,
    /// A text that is not blank, between a start tag and the next tag.
    Text {
        /// True if the next tag is an end tag.
        is_leaf: bool,
    },
    /// A CDATA section behind a start tag, without its marks.
    CData,
}

impl<'t> MarkupValue<'t> {
    /// Returns the name without its prefix.
    pub fn local_name(&self) -> &'t str {
        self.name.rsplit(':').next().unwrap_or_default()
    }
}

/// Returns the values of a document in their order. Values inside a CDATA section follow its own.
pub fn markup_values(text: &str) -> Vec<MarkupValue<'_>> {
    let mut scanner = Scanner { text, values: Vec::new(), literal_end: 0 };
    let mut at = 0;
    while let Some(open) = scanner.next_tag(at) {
        at = scanner.tag(open);
    }
    scanner.values
}

struct Scanner<'t> {
    text: &'t str,
    values: Vec<MarkupValue<'t>>,
    /// End of the last comment or CDATA section that has begun.
    literal_end: usize,
}

impl<'t> Scanner<'t> {
    fn next_tag(&self, from: usize) -> Option<usize> {
        self.text[from..].find('<').map(|place| from + place)
    }

    /// Reads the tag at `open`, with the text behind it; returns where to go on.
    fn tag(&mut self, open: usize) -> usize {
        let text = self.text;
        for (begin, end) in [(CDATA_BEGIN, CDATA_END), ("<!--", "-->")] {
            if text[open..].starts_with(begin) {
                let inner = open + begin.len();
                if open >= self.literal_end {
                    self.literal_end = find_from(text, inner, end).unwrap_or(text.len());
                }
                return inner;
            }
        }
        if text[open + 1..].starts_with(['?', '!', '/']) {
            return open + 1;
        }
        // a tag that is not closed before the next one begins is none
        let limit = self.next_tag(open + 1).unwrap_or(text.len());
        let length = text[open + 1..limit].find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
        let Some(name) = length.map(|length| &text[open + 1..open + 1 + length]) else { return limit };
        let Some(close) = self.attributes(open + 1 + name.len(), limit) else { return limit };
        if !text[..close].ends_with('/') {
            self.content(name, close + 1);
        }
        close + 1
    }

    /// Reads the attributes from `at` on; returns the place of the `>` that closes their tag, if it
    /// stands before `limit`. A quote without a mate there is none.
    fn attributes(&mut self, mut at: usize, limit: usize) -> Option<usize> {
        let text = self.text;
        while let Some(place) = text[at..limit].find(['"', '\'', '>']).map(|place| at + place) {
            let mark = &text[place..=place];
            if mark == ">" {
                return Some(place);
            }
            let Some(end) = find_from(&text[..limit], place + 1, mark) else { break };
            let name = text[at..place].trim().trim_end_matches('=').trim_end();
            self.push(name, place + 1..end, MarkupKind::Attribute);
            at = end + 1;
        }
        find_from(&text[..limit], at, ">")
    }

    /// Reads what follows the start tag of `name`, which ends at `begin`.
    fn content(&mut self, name: &'t str, begin: usize) {
        let text = self.text;
        let end = self.next_tag(begin).unwrap_or(text.len());
        let is_blank = text[begin..end].trim().is_empty();
        if !is_blank {
            self.push(name, begin..end, MarkupKind::Text { is_leaf: text[end..].starts_with("</") });
        } else if text[end..].starts_with(CDATA_BEGIN) && end >= self.literal_end {
            let begin = end + CDATA_BEGIN.len();
            let end = find_from(text, begin, CDATA_END).unwrap_or(text.len());
            self.push(name, begin..end, MarkupKind::CData);
        }
    }

    fn push(&mut self, name: &'t str, at: Range<usize>, kind: MarkupKind) {
        let is_literal = at.start < self.literal_end;
        self.values.push(MarkupValue { name, at, kind, is_literal });
    }
}

const CDATA_BEGIN: &str = "<![CDATA[";
const CDATA_END: &str = "]]>";

fn find_from(text: &str, from: usize, mark: &str) -> Option<usize> {
    text[from..].find(mark).map(|place| from + place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<(&str, &str, bool)> {
        let values = markup_values(text).into_iter();
        values.map(|value| (value.local_name(), &text[value.at], value.is_literal)).collect()
    }

    #[test]
    fn texts_and_attributes_are_found() {
        let text =
            "<?xml version=\"1.0\"?><a xmlns:e='urn:e' id=\"7>8\"><e:b>x y</e:b><c/><d>\n<f t='1'>z<g/></f></d></a>";
        assert_eq!(
            found(text),
            [("e", "urn:e", false), ("id", "7>8", false), ("b", "x y", false), ("t", "1", false), ("f", "z", false)]
        );
        let leaves = markup_values(text).into_iter().filter(|value| value.kind == MarkupKind::Text { is_leaf: true });
        assert_eq!(leaves.map(|value| value.name).collect::<Vec<_>>(), ["e:b"]);
    }

    #[test]
    fn values_in_comments_and_cdata_are_literal() {
        let text = "<a><!-- <b>1</b> --><c> <![CDATA[<d e='2'>3</d>]]></c><f>4</f></a>";
        let inner = "<d e='2'>3</d>";
        assert_eq!(
            found(text),
            [("b", "1", true), ("c", inner, false), ("e", "2", true), ("d", "3", true), ("f", "4", false)]
        );
    }

    #[test]
    fn broken_markup_is_read_as_far_as_it_goes() {
        assert_eq!(found("<a b='1' c=\"2><d>3</d>"), [("b", "1", false), ("d", "3", false)]);
        assert_eq!(found("<<a>1</a>"), [("a", "1", false)]);
        assert_eq!(found("<a>1"), [("a", "1", false)]);
        assert_eq!(found("<a b='1<2' c='3'>"), [("c", "3", false)]);
        assert_eq!(found("<a><![CDATA[1"), [("a", "1", false)]);
        assert_eq!(found("<a"), []);
    }

    #[test]
    fn long_broken_markup_takes_time_in_proportion() {
        for piece in ["<", "<!--", "<a '", "<a \"'", "<![CDATA[", "<a><![CDATA[", "<a>'", "<?"] {
            markup_values(&piece.repeat((4 << 20) / piece.len()));
        }
    }

    proptest! {
        #[test]
        fn ranges_stay_within_the_text(text in "[<>a'\"=/! \\[\\]CDAT&;\r\n:-]{0,60}") {
            for value in markup_values(&text) {
                prop_assert!(text.get(value.at).is_some());
            }
        }
    }
}
