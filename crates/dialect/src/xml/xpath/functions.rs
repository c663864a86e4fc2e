//! The functions of XPath 1.0.

use super::evaluate::Context;
use super::{Document, NodeId, StepLimitExceeded, XPathExpression, XPathValue};
use crate::xml::NodeKind;

/// A function of XPath 1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum XPathFunction {
    Boolean,
    Ceiling,
    Concat,
    Contains,
    Count,
    False,
    Floor,
    Id,
    Lang,
    Last,
    LocalName,
    Name,
    NamespaceUri,
    NormalizeSpace,
    Not,
    Number,
    Position,
    Round,
    StartsWith,
    String,
    StringLength,
    Substring,
    SubstringAfter,
    SubstringBefore,
    Sum,
    Translate,
    True,
}

impl XPathFunction {
    pub(super) fn named(name: &str) -> Option<Self> {
        FUNCTIONS.iter().find(|(known, ..)| *known == name).map(|(_, function, ..)| *function)
    }

    pub(super) fn names() -> String {
        FUNCTIONS.map(|(name, ..)| name).join(", ")
    }

    /// Returns true if the value is a truth value.
    pub(super) fn is_boolean(self) -> bool {
        matches!(
            self,
            Self::Boolean | Self::Contains | Self::False | Self::Lang | Self::Not | Self::StartsWith | Self::True
        )
    }

    /// Returns true for `position()` and `last()`.
    pub(super) fn is_position(self) -> bool {
        matches!(self, Self::Last | Self::Position)
    }

    /// Checks the number and kind of the arguments; the error is a message.
    pub(super) fn check(self, arguments: &[XPathExpression]) -> Result<(), String> {
        let Some((name, _, least, most)) = FUNCTIONS.iter().find(|(_, function, ..)| *function == self) else {
            return Ok(());
        };
        if !(*least..=*most).contains(&arguments.len()) {
            let count = if least == most { least.to_string() } else { format!("at least {least}") };
            return Err(format!("`{name}` takes {count} arguments, not {}", arguments.len()));
        }
        let wants_nodes = matches!(self, Self::Count | Self::Sum | Self::LocalName | Self::Name | Self::NamespaceUri);
        if wants_nodes && !arguments.iter().all(XPathExpression::finds_nodes) {
            return Err(format!("`{name}` takes a path"));
        }
        Ok(())
    }
}

/// Evaluates a function for the context node.
pub(super) fn call(
    function: XPathFunction,
    arguments: &[XPathExpression],
    context: &Context<'_>,
) -> Result<XPathValue, StepLimitExceeded> {
    let walk = context.walk;
    let text = |place: usize| text_argument(arguments, place, context);
    let number = |place: usize| context.number(&arguments[place]);
    let boolean = |place: usize| context.value(&arguments[place]).map(|value| value.as_boolean());
    Ok(match function {
        XPathFunction::Boolean => XPathValue::Boolean(boolean(0)?),
        XPathFunction::Ceiling => XPathValue::Number(number(0)?.ceil()),
        XPathFunction::Contains => XPathValue::Boolean(text(0)?.contains(&text(1)?)),
        XPathFunction::Count => XPathValue::Number(context.nodes(&arguments[0])?.len() as f64),
        XPathFunction::False => XPathValue::Boolean(false),
        XPathFunction::Floor => XPathValue::Number(number(0)?.floor()),
        // without document types, nothing has an identifier
        XPathFunction::Id => XPathValue::Nodes(Vec::new()),
        XPathFunction::Lang => XPathValue::Boolean(is_in_language(walk.document, context.node, &text(0)?)),
        XPathFunction::Last => XPathValue::Number(context.size as f64),
        XPathFunction::Not => XPathValue::Boolean(!boolean(0)?),
        XPathFunction::Number if arguments.is_empty() => XPathValue::Number(super::value::number(&text(0)?)),
        XPathFunction::Number => XPathValue::Number(number(0)?),
        XPathFunction::Position => XPathValue::Number(context.position as f64),
        XPathFunction::Round => XPathValue::Number(rounded(number(0)?)),
        XPathFunction::StartsWith => XPathValue::Boolean(text(0)?.starts_with(&text(1)?)),
        XPathFunction::StringLength => XPathValue::Number(text(0)?.chars().count() as f64),
        XPathFunction::Sum => {
            let mut sum = 0.0;
            for node in context.nodes(&arguments[0])? {
                sum += super::value::number(&walk.text(node)?);
            }
            XPathValue::Number(sum)
        }
        XPathFunction::True => XPathValue::Boolean(true),
        XPathFunction::Concat
        | XPathFunction::LocalName
        | XPathFunction::Name
        | XPathFunction::NamespaceUri
        | XPathFunction::NormalizeSpace
        | XPathFunction::String
        | XPathFunction::Substring
        | XPathFunction::SubstringAfter
        | XPathFunction::SubstringBefore
        | XPathFunction::Translate => XPathValue::Text(call_text(function, arguments, context)?),
    })
}

/// Evaluates a function whose value is a text.
fn call_text(
    function: XPathFunction,
    arguments: &[XPathExpression],
    context: &Context<'_>,
) -> Result<String, StepLimitExceeded> {
    let walk = context.walk;
    let text = |place: usize| text_argument(arguments, place, context);
    let number = |place: usize| context.number(&arguments[place]);
    match function {
        XPathFunction::Concat => {
            let mut all = String::new();
            for argument in arguments {
                all.push_str(&context.text(argument)?);
            }
            Ok(all)
        }
        XPathFunction::LocalName | XPathFunction::Name | XPathFunction::NamespaceUri => {
            let node = match arguments.first() {
                Some(argument) => context.nodes(argument)?.first().copied(),
                None => Some(context.node),
            };
            Ok(node.map_or_else(String::new, |node| name(function, node, walk.document, walk.namespaces)))
        }
        XPathFunction::NormalizeSpace => {
            Ok(text(0)?.split(BLANKS).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
        }
        XPathFunction::Substring => {
            let length = if arguments.len() > 2 { number(2)? } else { f64::INFINITY };
            Ok(substring(&text(0)?, number(1)?, length))
        }
        XPathFunction::SubstringAfter => {
            let (whole, part) = (text(0)?, text(1)?);
            Ok(whole.split_once(&part).map_or("", |(_, after)| after).to_owned())
        }
        XPathFunction::SubstringBefore => {
            let (whole, part) = (text(0)?, text(1)?);
            Ok(whole.split_once(&part).map_or("", |(before, _)| before).to_owned())
        }
        XPathFunction::Translate => {
            let (from, to): (Vec<char>, Vec<char>) = (text(1)?.chars().collect(), text(2)?.chars().collect());
            let whole = text(0)?;
            walk.count(whole.len() * from.len() / super::evaluate::BYTES_A_STEP)?;
            let translated = |c| match from.iter().position(|known| *known == c) {
                Some(place) => to.get(place).copied(),
                None => Some(c),
            };
            Ok(whole.chars().filter_map(translated).collect())
        }
        _ => text(0),
    }
}

/// Returns the text of an argument; that of the context node if the argument is missing.
fn text_argument(
    arguments: &[XPathExpression],
    place: usize,
    context: &Context<'_>,
) -> Result<String, StepLimitExceeded> {
    match arguments.get(place) {
        Some(argument) => context.text(argument),
        None => context.walk.text(context.node).map(std::borrow::Cow::into_owned),
    }
}

fn name(function: XPathFunction, place: NodeId, document: &Document, namespaces: bool) -> String {
    let name = match (document.attribute(place), document.kind(place)) {
        (Some(attribute), _) => &attribute.name,
        (None, NodeKind::Element(element)) => &element.name,
        (None, NodeKind::Instruction { target, .. }) if function != XPathFunction::NamespaceUri => {
            return target.to_string();
        }
        _ => return String::new(),
    };
    match function {
        XPathFunction::LocalName => name.local(),
        XPathFunction::NamespaceUri if !namespaces => "",
        XPathFunction::NamespaceUri => name.namespace().unwrap_or_default(),
        _ => name.written(),
    }
    .to_owned()
}

/// Returns true if the nearest `xml:lang` is the language, or one of its dialects.
fn is_in_language(document: &Document, node: NodeId, language: &str) -> bool {
    let declared = std::iter::successors(Some(node), |place| document.parent(*place)).find_map(|place| {
        let attributes = document.attributes(document.element(place)?);
        attributes.iter().find(|attribute| attribute.name.written() == "xml:lang").map(|attribute| &attribute.value)
    });
    let Some(declared) = declared else { return false };
    let (declared, language) = (declared.to_ascii_lowercase(), language.to_ascii_lowercase());
    declared.strip_prefix(&language).is_some_and(|dialect| dialect.is_empty() || dialect.starts_with('-'))
}

/// Rounds to the nearest whole number, halves upwards.
fn rounded(number: f64) -> f64 {
    let floor = number.floor();
    if number - floor >= 0.5 { floor + 1.0 } else { floor }
}

/// Characters from a place, counted from 1; both numbers are rounded, and neither needs to be one.
fn substring(text: &str, from: f64, length: f64) -> String {
    let from = rounded(from);
    let to = from + rounded(length);
    let inside = |place: f64| place >= from && place < to;
    text.chars().enumerate().filter(|(index, _)| inside(*index as f64 + 1.0)).map(|(_, c)| c).collect()
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// With the least and the most arguments.
const FUNCTIONS: [(&str, XPathFunction, usize, usize); 27] = [
    ("boolean", XPathFunction::Boolean, 1, 1),
    ("ceiling", XPathFunction::Ceiling, 1, 1),
    ("concat", XPathFunction::Concat, 2, usize::MAX),
    ("contains", XPathFunction::Contains, 2, 2),
    ("count", XPathFunction::Count, 1, 1),
    ("false", XPathFunction::False, 0, 0),
    ("floor", XPathFunction::Floor, 1, 1),
    ("id", XPathFunction::Id, 1, 1),
    ("lang", XPathFunction::Lang, 1, 1),
    ("last", XPathFunction::Last, 0, 0),
    ("local-name", XPathFunction::LocalName, 0, 1),
    ("name", XPathFunction::Name, 0, 1),
    ("namespace-uri", XPathFunction::NamespaceUri, 0, 1),
    ("normalize-space", XPathFunction::NormalizeSpace, 0, 1),
    ("not", XPathFunction::Not, 1, 1),
    ("number", XPathFunction::Number, 0, 1),
    ("position", XPathFunction::Position, 0, 0),
    ("round", XPathFunction::Round, 1, 1),
    ("starts-with", XPathFunction::StartsWith, 2, 2),
    ("string", XPathFunction::String, 0, 1),
    ("string-length", XPathFunction::StringLength, 0, 1),
    ("substring", XPathFunction::Substring, 2, 3),
    ("substring-after", XPathFunction::SubstringAfter, 2, 2),
    ("substring-before", XPathFunction::SubstringBefore, 2, 2),
    ("sum", XPathFunction::Sum, 1, 1),
    ("translate", XPathFunction::Translate, 3, 3),
    ("true", XPathFunction::True, 0, 0),
];
