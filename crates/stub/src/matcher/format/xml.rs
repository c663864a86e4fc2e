//! Reads `equalToXml` and `matchesXPath` with their options.

use super::operand::{flag, given, text};
use super::value::value_matcher;
use crate::matcher::ValueMatcher;
use crate::matcher::xml::{Exemptions, NamespaceAwareness, PlaceholderDelimiters, XmlEquality, XmlOptions};
use crate::matcher::xpath::XPathRule;
use crate::source::{Node, Reader, Value};
use standin_dialect::xml::xpath::{Namespaces, XPath};

/// Reads `equalToXml` and its options.
pub(super) fn equal_to_xml(operand: &Node, whole: &Node, reader: &mut Reader) -> Option<ValueMatcher> {
    let expected = text("equalToXml", operand, reader)?;
    let options = XmlOptions {
        namespaces: awareness(whole, reader)?,
        any_order: flag(whole, "ignoreOrderOfSameNode"),
        exempted: exempted(whole, reader)?,
        delimiters: if flag(whole, "enablePlaceholders") { Some(delimiters(whole, reader)?) } else { None },
    };
    let has_delimiters = options.delimiters.is_some();
    match XmlEquality::new(&expected, options) {
        Ok((equality, odd)) => {
            if reader.is_lenient() {
                for message in odd {
                    let help = "give the placeholder a text or an attribute of its own, with an argument that holds";
                    reader.warn_at(operand, "equalToXml", format!("{message}; nothing matches it"), help);
                }
                if !has_delimiters && expected.contains("${xmlunit.") {
                    let help = "add `\"enablePlaceholders\": true`";
                    reader.warn_at(operand, "equalToXml", "the placeholders are taken literally", help);
                }
            }
            Some(ValueMatcher::EqualToXml(equality))
        }
        Err(error) => {
            let message = format!("the expected XML does not parse: {} at index {}", error.message, error.at);
            reader.coded_error(operand, INVALID_XML, message, error.help);
            None
        }
    }
}

fn awareness(whole: &Node, reader: &mut Reader) -> Option<NamespaceAwareness> {
    let Some(node) = given(whole, "namespaceAwareness") else { return Some(NamespaceAwareness::default()) };
    let named = node.as_str().and_then(NamespaceAwareness::named);
    if named.is_none() {
        let help = format!("write one of: {}", NamespaceAwareness::NAMES.join(", "));
        reader.error(node, "the value of `namespaceAwareness` is unknown", help);
    }
    named
}

fn exempted(whole: &Node, reader: &mut Reader) -> Option<Exemptions> {
    let mut exempted = Exemptions::default();
    let Some(node) = given(whole, "exemptedComparisons") else { return Some(exempted) };
    let Value::Array(items) = &node.value else {
        let help = "write a list such as `[\"TEXT_VALUE\"]`";
        reader.error(node, format!("`exemptedComparisons` is a list, not {}", node.to_json()), help);
        return None;
    };
    let mut is_known = true;
    for item in items {
        if !item.as_str().is_some_and(|name| exempted.add(name)) {
            is_known = false;
            let message = format!("{} is not a comparison", item.to_json());
            reader.error(item, message, format!("use some of: {}", Exemptions::names()));
        }
    }
    is_known.then_some(exempted)
}

fn delimiters(whole: &Node, reader: &mut Reader) -> Option<PlaceholderDelimiters> {
    let keys = ["placeholderOpeningDelimiterRegex", "placeholderClosingDelimiterRegex"];
    let [opening, closing] = keys.map(|key| given(whole, key));
    let mut spelt = [None, None];
    for ((key, node), spelt) in keys.into_iter().zip([opening, closing]).zip(&mut spelt) {
        if let Some(node) = node {
            *spelt = Some(text(key, node, reader)?);
        }
    }
    match PlaceholderDelimiters::new(spelt[0].as_deref(), spelt[1].as_deref()) {
        Ok(delimiters) => Some(delimiters),
        Err(error) => {
            let message =
                format!("the delimiters of placeholders do not compile: {} at index {}", error.message, error.at);
            reader.error(opening.or(closing).unwrap_or(whole), message, error.help);
            None
        }
    }
}

/// Reads `matchesXPath`. As in WireMock, an invalid expression is accepted and never matches.
pub(super) fn matches_xpath(operand: &Node, whole: &Node, reader: &mut Reader) -> Option<ValueMatcher> {
    let (spelt, place, rule) = match &operand.value {
        Value::Object(members) => {
            let Some(expression) = operand.get("expression") else {
                let help = "write `{\"expression\": \"//name/text()\", \"equalTo\": \"…\"}`";
                reader.error(operand, "`matchesXPath` needs an `expression`", help);
                return None;
            };
            let spelt = text("expression", expression, reader)?;
            let is_further = |key: &str| !matches!(key, "expression" | "xPathNamespaces");
            let rule = if members.iter().any(|member| is_further(&member.key)) {
                Some(Box::new(value_matcher(operand, false, reader)?))
            } else {
                None
            };
            (spelt, expression, rule)
        }
        _ => (text("matchesXPath", operand, reader)?, operand, None),
    };
    let known = namespaces(whole, operand, reader)?;
    let bound = if known.is_empty() { Namespaces::Ignored } else { Namespaces::Bound(&known) };
    let path = match XPath::parse(&spelt, bound) {
        Ok(path) => Some(path),
        Err(error) => {
            if reader.is_lenient() {
                let message = format!("{} at index {} of `{spelt}`; nothing matches it", error.message, error.at);
                reader.warn_at(place, "matchesXPath", message, error.help);
            }
            None
        }
    };
    Some(ValueMatcher::MatchesXPath(Box::new(XPathRule { expression: spelt.into(), path, rule })))
}

fn namespaces(whole: &Node, operand: &Node, reader: &mut Reader) -> Option<Vec<(String, String)>> {
    let Some(node) = given(whole, "xPathNamespaces").or_else(|| given(operand, "xPathNamespaces")) else {
        return Some(Vec::new());
    };
    let mut known = Vec::new();
    for member in node.members() {
        known.push((member.key.clone(), text(&member.key, &member.value, reader)?));
    }
    if known.is_empty() && !matches!(node.value, Value::Object(_)) {
        let message = format!("`xPathNamespaces` is an object, not {}", node.kind_name());
        reader.error(node, message, "write `{\"prefix\": \"namespace\"}`");
        return None;
    }
    Some(known)
}

/// WireMock's error code for invalid XML.
const INVALID_XML: u16 = 50;

#[cfg(test)]
mod tests {
    use crate::matcher::format::value_matcher;
    use crate::matcher::{MatchInput, MatchStats};
    use crate::source::Reader;

    /// Returns the reported defects, and whether the matcher matches a text.
    fn read(matcher: &str, text: &str) -> (Vec<String>, Option<bool>) {
        let mut reader = Reader::of_file("a.json", matcher.into());
        let node = reader.parse(matcher).expect("JSON");
        let rule = value_matcher(&node, false, &mut reader);
        let holds = rule.map(|rule| rule.matches(MatchInput::Text(text), &MatchStats::default()));
        (reader.into_defects().iter().map(ToString::to_string).collect(), holds)
    }

    #[test]
    fn options_count() {
        for (matcher, text, holds) in [
            (r#"{"equalToXml": "<a>1</a>"}"#, "<a> 1 </a>", true),
            (r#"{"equalToXml": "<a>1</a>"}"#, "", false),
            (r#"{"equalToXml": "<a>1</a>"}"#, "no xml", false),
            (r#"{"equalToXml": "<p:a/>", "namespaceAwareness": "NONE"}"#, "<p:a/>", true),
            (r#"{"equalToXml": "<a>${xmlunit.isNumber}</a>", "enablePlaceholders": true}"#, "<a>5</a>", true),
            (
                r#"{"equalToXml": "<a>[[xmlunit.ignore]]</a>", "enablePlaceholders": true,
                    "placeholderOpeningDelimiterRegex": "\\[\\[", "placeholderClosingDelimiterRegex": "\\]\\]"}"#,
                "<a>5</a>",
                true,
            ),
            (r#"{"equalToXml": "<a>1</a>", "exemptedComparisons": ["TEXT_VALUE"]}"#, "<a>2</a>", true),
            (
                r#"{"equalToXml": "<a><b>1</b><b>2</b></a>", "ignoreOrderOfSameNode": true}"#,
                "<a><b>2</b><b>1</b></a>",
                true,
            ),
            (r#"{"matchesXPath": "//b"}"#, "<a><b/></a>", true),
            (r#"{"matchesXPath": "//n:b", "xPathNamespaces": {"n": "u"}}"#, "<b xmlns='u'/>", true),
            (r#"{"matchesXPath": "//b", "xPathNamespaces": {"n": "u"}}"#, "<b xmlns='u'/>", false),
            (r#"{"matchesXPath": "//b", "xPathNamespaces": {}}"#, "<b xmlns='u'/>", true),
            (r#"{"matchesXPath": {"expression": "//b/text()", "contains": "x"}}"#, "<a><b>yxy</b></a>", true),
            (r#"{"matchesXPath": {"expression": "//b", "equalToXml": "<b><c/></b>"}}"#, "<a><b> <c/></b></a>", true),
            (r#"{"matchesXPath": {"expression": "//b"}}"#, "<a/>", false),
        ] {
            assert_eq!(read(matcher, text), (vec![], Some(holds)), "{matcher} {text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_a_defect() {
        for matcher in [
            r#"{"equalToXml": 5}"#,
            r#"{"equalToXml": "<a>"}"#,
            r#"{"equalToXml": "<p:a/>"}"#,
            r#"{"equalToXml": "<a/>", "namespaceAwareness": "SOME"}"#,
            r#"{"equalToXml": "<a/>", "exemptedComparisons": ["EVERYTHING"]}"#,
            r#"{"equalToXml": "<a/>", "exemptedComparisons": "TEXT_VALUE"}"#,
            r#"{"equalToXml": "<a/>", "enablePlaceholders": true, "placeholderClosingDelimiterRegex": 5}"#,
            r#"{"equalToXml": "<a/>", "enablePlaceholders": true, "placeholderOpeningDelimiterRegex": "["}"#,
            r#"{"matchesXPath": 5}"#,
            r#"{"matchesXPath": {"contains": "x"}}"#,
            r#"{"matchesXPath": {"expression": "//a", "contain": "x"}}"#,
            r#"{"matchesXPath": "//a", "xPathNamespaces": "u"}"#,
        ] {
            let (defects, holds) = read(matcher, "<a/>");
            assert!(defects.len() == 1 && holds.is_none(), "{matcher}: {defects:?}");
        }
    }

    #[test]
    fn what_nothing_meets_is_told() {
        for matcher in [
            r#"{"matchesXPath": "//a["}"#,
            r#"{"matchesXPath": "//p:a", "xPathNamespaces": {"n": "u"}}"#,
            r#"{"equalToXml": "<a>x ${xmlunit.ignore}</a>", "enablePlaceholders": true}"#,
            r#"{"equalToXml": "<a>${xmlunit.ignore}</a>"}"#,
        ] {
            let (defects, holds) = read(matcher, "<a/>");
            assert!(defects.len() == 1 && holds == Some(false), "{matcher}: {defects:?}");
        }
    }
}
