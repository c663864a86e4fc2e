//! `matchesXPath`: XML in which a path finds something, perhaps something that a further matcher
//! matches.
//!
//! As in WireMock: a text that does not begin as XML is not parsed; a number, text or boolean
//! counts as found whatever its value; a matcher sees the value of an attribute or text, and the
//! XML of an element.

use super::value_matcher::{MatchInput, MatchLimit, MatchStats, ValueMatcher};
use standin_dialect::SyntaxError;
use standin_dialect::java_regex::MatchOutcome;
use standin_dialect::java_text::grouped_text;
use standin_dialect::xml::Document;
use standin_dialect::xml::xpath::{XPath, XPathValue};

/// A matcher that applies an XPath.
#[derive(Clone, Debug)]
pub struct XPathRule {
    /// The path as written.
    pub expression: Box<str>,
    /// The compiled path; `None` if the expression is invalid, which matches nothing.
    pub path: Option<XPath>,
    /// The matcher for the found values. Without one, any found value matches.
    pub rule: Option<Box<ValueMatcher>>,
}

impl XPathRule {
    /// Returns whether the path finds something that the matcher matches.
    pub(super) fn matches(&self, input: MatchInput<'_>, stats: &MatchStats) -> bool {
        let found = self.with_found(input, |document, found| match (&self.rule, found) {
            (None, XPathValue::Nodes(nodes)) if nodes.is_empty() => MatchOutcome::NoMatch,
            (None, _) => MatchOutcome::Match,
            (Some(rule), value) => {
                let mut room = MAX_FOUND_BYTES;
                for text in shown(value, document, MAX_FOUND_BYTES) {
                    // nodes that are found may contain each other, so the sum of their texts is
                    // limited
                    let Some(left) = room.checked_sub(text.len()) else { return MatchOutcome::LimitExceeded };
                    room = left;
                    if rule.matches(MatchInput::Text(&text), stats) {
                        return MatchOutcome::Match;
                    }
                }
                MatchOutcome::NoMatch
            }
        });
        stats.record(MatchLimit::XPath, found.unwrap_or_else(|outcome| outcome))
    }

    /// Returns the texts that the path finds, limited in number and size, for near misses; `None`
    /// if the path cannot be evaluated.
    pub(super) fn found(&self, input: MatchInput<'_>) -> Option<Vec<String>> {
        self.with_found(input, |document, found| {
            shown(found, document, MAX_SHOWN_BYTES).take(MAX_SHOWN_NODES).collect()
        })
        .ok()
    }

    /// Calls `look` with the document and what the path finds in it.
    ///
    /// # Errors
    ///
    /// Returns `NoMatch` if there is no XML or no valid path, and `LimitExceeded` if the document
    /// is too large or the evaluation takes too many steps.
    fn with_found<T>(
        &self,
        input: MatchInput<'_>,
        look: impl FnOnce(&Document, XPathValue) -> T,
    ) -> Result<T, MatchOutcome> {
        let (Some(path), Some(text)) = (&self.path, input.text()) else { return Err(MatchOutcome::NoMatch) };
        if !text.trim_start_matches(|c| c <= ' ').starts_with('<') {
            return Err(MatchOutcome::NoMatch);
        }
        input.with_xml(|document| match document {
            Ok(document) if path.knows_namespaces() && document.unbound_prefix().is_some() => {
                Err(MatchOutcome::NoMatch)
            }
            Ok(document) => {
                path.evaluate(document).map(|found| look(document, found)).map_err(|_| MatchOutcome::LimitExceeded)
            }
            Err(SyntaxError { is_limit: true, .. }) => Err(MatchOutcome::LimitExceeded),
            Err(_) => Err(MatchOutcome::NoMatch),
        })
    }
}

/// Returns the found values as the texts that a matcher sees, each limited to `room` bytes.
fn shown(value: XPathValue, document: &Document, room: usize) -> Box<dyn Iterator<Item = String> + '_> {
    match value {
        XPathValue::Nodes(nodes) => Box::new(nodes.into_iter().map(move |node| document.shown(node, room))),
        XPathValue::Number(number) => Box::new(std::iter::once(grouped_text(number))),
        value => Box::new(std::iter::once(value.as_text(document).into_owned())),
    }
}

/// Maximum number of bytes of found texts that a matcher looks at.
const MAX_FOUND_BYTES: usize = 16 << 20;
/// Maximum number of bytes per found node in near misses.
const MAX_SHOWN_BYTES: usize = 64 << 10;
const MAX_SHOWN_NODES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use standin_dialect::java_regex::JavaRegex;
    use standin_dialect::xml::xpath::Namespaces;

    fn rule(expression: &str, rule: Option<ValueMatcher>) -> XPathRule {
        let path = XPath::parse(expression, Namespaces::Ignored).ok();
        XPathRule { expression: expression.into(), path, rule: rule.map(Box::new) }
    }

    fn equal_to(text: &str) -> ValueMatcher {
        ValueMatcher::EqualTo { value: text.to_owned(), case_insensitive: false }
    }

    #[test]
    fn what_is_found_and_what_it_must_be() {
        let text = " <a><b id='1'>x</b><b id='2'><c/>y</b></a>";
        for (expression, further, holds) in [
            ("/a/b", None, true),
            ("/a/c", None, false),
            ("count(//b) > 7", None, true),
            ("//b[", None, false),
            ("//b/@id", Some(equal_to("2")), true),
            ("//b/@id", Some(equal_to("3")), false),
            ("//b/text()", Some(equal_to("x")), true),
            ("//b[1]", Some(equal_to("<b id=\"1\">x</b>\n")), true),
            ("//b[1]", Some(ValueMatcher::Contains(">x<".to_owned())), true),
            ("count(//b)", Some(equal_to("2")), true),
            ("count(//b) = 2", Some(equal_to("true")), true),
            ("string(//b)", Some(equal_to("x")), true),
            ("//c", Some(ValueMatcher::Matches(JavaRegex::new("<c/>\\s*").expect("a pattern"))), true),
            ("//missing", Some(ValueMatcher::Absent), false),
            ("//missing", Some(ValueMatcher::Anything), false),
        ] {
            let rule = rule(expression, further);
            assert_eq!(rule.matches(MatchInput::Text(text), &MatchStats::default()), holds, "{expression}");
        }
        for other in ["", "text", "{\"a\": 1}", "<a>", "<a/><b/>"] {
            assert!(!rule("/*", None).matches(MatchInput::Text(other), &MatchStats::default()), "{other}");
        }
        assert!(!rule("/*", None).matches(MatchInput::Missing, &MatchStats::default()));
    }

    #[test]
    fn what_takes_too_long_is_counted() {
        let stats = MatchStats::default();
        let wide = format!("<a>{}</a>", "<b/>".repeat(300_000));
        assert!(!rule("/a", None).matches(MatchInput::Text(&wide), &stats));
        let long = format!("<a>{}</a>", "<b/>".repeat(3000));
        assert!(!rule("//b[//b[. = 'x']]", None).matches(MatchInput::Text(&long), &stats));
        assert_eq!(stats.limit_hits(), 2);
    }

    /// The evaluation spends two million steps before it prints anything, and printing indents.
    #[test]
    fn what_is_found_within_what_is_found_is_not_shown_without_end() {
        let stats = MatchStats::default();
        let text = format!("{}{}{}", "<a>".repeat(250), "<b/>".repeat(20_000), "</a>".repeat(250));
        assert!(!rule("//a", Some(equal_to("zzz"))).matches(MatchInput::Text(&text), &stats));
        assert_eq!(stats.limit_hits(), 1);
        let found = rule("//a", None).found(MatchInput::Text(&text)).expect("it is XML");
        assert!(found.iter().map(String::len).sum::<usize>() < 10 << 20);
    }
}
