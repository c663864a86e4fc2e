//! The functions of XPath 1.0.

use super::evaluate::Context;
use super::{Document, Expression, GaveUp, Place, Value};
use crate::xml::Kind;

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
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

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        FUNCTIONS.iter().find(|(known, ..)| *known == name).map(|(_, function, ..)| *function)
    }

    pub(super) fn names() -> String {
        FUNCTIONS.map(|(name, ..)| name).join(", ")
    }

    /// Whether it takes these arguments; if not, what is wrong.
    pub(super) fn check(self, arguments: &[Expression]) -> Result<(), String> {
        let Some((name, _, least, most)) = FUNCTIONS.iter().find(|(_, function, ..)| *function == self) else {
            return Ok(());
        };
        if !(*least..=*most).contains(&arguments.len()) {
            let count = if least == most { least.to_string() } else { format!("at least {least}") };
            return Err(format!("`{name}` takes {count} arguments, not {}", arguments.len()));
        }
        let wants_nodes = matches!(self, Self::Count | Self::Sum | Self::LocalName | Self::Name | Self::NamespaceUri);
        if wants_nodes && !arguments.iter().all(Expression::finds_nodes) {
            return Err(format!("`{name}` takes a path"));
        }
        Ok(())
    }
}

/// What a function says of a node.
pub(super) fn call(function: Function, arguments: &[Expression], context: &Context<'_>) -> Result<Value, GaveUp> {
    let walk = context.walk;
    // some functions take the node itself if nothing else is given
    let text = |place: usize| match arguments.get(place) {
        Some(argument) => context.text(argument),
        None => walk.text(context.node).map(std::borrow::Cow::into_owned),
    };
    let number = |place: usize| context.number(&arguments[place]);
    let boolean = |place: usize| context.value(&arguments[place]).map(|value| value.as_boolean());
    Ok(match function {
        Function::Boolean => Value::Boolean(boolean(0)?),
        Function::Ceiling => Value::Number(number(0)?.ceil()),
        Function::Concat => {
            let mut all = String::new();
            for argument in arguments {
                all.push_str(&context.text(argument)?);
            }
            Value::Text(all)
        }
        Function::Contains => Value::Boolean(text(0)?.contains(&text(1)?)),
        Function::Count => Value::Number(context.nodes(&arguments[0])?.len() as f64),
        Function::False => Value::Boolean(false),
        Function::Floor => Value::Number(number(0)?.floor()),
        // without document types, nothing has an identifier
        Function::Id => Value::Nodes(Vec::new()),
        Function::Lang => Value::Boolean(is_in_language(walk.document, context.node, &text(0)?)),
        Function::Last => Value::Number(context.size as f64),
        Function::LocalName | Function::Name | Function::NamespaceUri => {
            let node = match arguments.first() {
                Some(argument) => context.nodes(argument)?.first().copied(),
                None => Some(context.node),
            };
            Value::Text(node.map_or_else(String::new, |node| name(function, node, walk.document, walk.namespaces)))
        }
        Function::NormalizeSpace => {
            Value::Text(text(0)?.split(BLANKS).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
        }
        Function::Not => Value::Boolean(!boolean(0)?),
        Function::Number if arguments.is_empty() => Value::Number(super::value::number(&text(0)?)),
        Function::Number => Value::Number(number(0)?),
        Function::Position => Value::Number(context.position as f64),
        Function::Round => Value::Number(rounded(number(0)?)),
        Function::StartsWith => Value::Boolean(text(0)?.starts_with(&text(1)?)),
        Function::String => Value::Text(text(0)?),
        Function::StringLength => Value::Number(text(0)?.chars().count() as f64),
        Function::Substring => {
            let length = if arguments.len() > 2 { number(2)? } else { f64::INFINITY };
            Value::Text(substring(&text(0)?, number(1)?, length))
        }
        Function::SubstringAfter => {
            let (whole, part) = (text(0)?, text(1)?);
            Value::Text(whole.split_once(&part).map_or("", |(_, after)| after).to_owned())
        }
        Function::SubstringBefore => {
            let (whole, part) = (text(0)?, text(1)?);
            Value::Text(whole.split_once(&part).map_or("", |(before, _)| before).to_owned())
        }
        Function::Sum => {
            let mut sum = 0.0;
            for node in context.nodes(&arguments[0])? {
                sum += super::value::number(&walk.text(node)?);
            }
            Value::Number(sum)
        }
        Function::Translate => {
            let (from, to): (Vec<char>, Vec<char>) = (text(1)?.chars().collect(), text(2)?.chars().collect());
            let whole = text(0)?;
            walk.count(whole.len() * from.len() / super::evaluate::BYTES_A_STEP)?;
            Value::Text(
                whole
                    .chars()
                    .filter_map(|c| match from.iter().position(|known| *known == c) {
                        Some(place) => to.get(place).copied(),
                        None => Some(c),
                    })
                    .collect(),
            )
        }
        Function::True => Value::Boolean(true),
    })
}

fn name(function: Function, place: Place, document: &Document, namespaces: bool) -> String {
    let name = match (document.attribute(place), document.kind(place)) {
        (Some(attribute), _) => &attribute.name,
        (None, Kind::Element(element)) => &element.name,
        (None, Kind::Instruction { target, .. }) if function != Function::NamespaceUri => return target.to_string(),
        _ => return String::new(),
    };
    match function {
        Function::LocalName => name.local(),
        Function::NamespaceUri if !namespaces => "",
        Function::NamespaceUri => name.namespace().unwrap_or_default(),
        _ => name.written(),
    }
    .to_owned()
}

/// Whether the nearest `xml:lang` is the language, or one of its dialects.
fn is_in_language(document: &Document, node: Place, language: &str) -> bool {
    let declared = std::iter::successors(Some(node), |place| document.parent(*place)).find_map(|place| {
        let attributes = document.attributes(document.element(place)?);
        attributes.iter().find(|attribute| attribute.name.written() == "xml:lang").map(|attribute| &attribute.value)
    });
    let Some(declared) = declared else { return false };
    let (declared, language) = (declared.to_ascii_lowercase(), language.to_ascii_lowercase());
    declared.strip_prefix(&language).is_some_and(|dialect| dialect.is_empty() || dialect.starts_with('-'))
}

/// To the nearest whole number, halves upwards.
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
const FUNCTIONS: [(&str, Function, usize, usize); 27] = [
    ("boolean", Function::Boolean, 1, 1),
    ("ceiling", Function::Ceiling, 1, 1),
    ("concat", Function::Concat, 2, usize::MAX),
    ("contains", Function::Contains, 2, 2),
    ("count", Function::Count, 1, 1),
    ("false", Function::False, 0, 0),
    ("floor", Function::Floor, 1, 1),
    ("id", Function::Id, 1, 1),
    ("lang", Function::Lang, 1, 1),
    ("last", Function::Last, 0, 0),
    ("local-name", Function::LocalName, 0, 1),
    ("name", Function::Name, 0, 1),
    ("namespace-uri", Function::NamespaceUri, 0, 1),
    ("normalize-space", Function::NormalizeSpace, 0, 1),
    ("not", Function::Not, 1, 1),
    ("number", Function::Number, 0, 1),
    ("position", Function::Position, 0, 0),
    ("round", Function::Round, 1, 1),
    ("starts-with", Function::StartsWith, 2, 2),
    ("string", Function::String, 0, 1),
    ("string-length", Function::StringLength, 0, 1),
    ("substring", Function::Substring, 2, 3),
    ("substring-after", Function::SubstringAfter, 2, 2),
    ("substring-before", Function::SubstringBefore, 2, 2),
    ("sum", Function::Sum, 1, 1),
    ("translate", Function::Translate, 3, 3),
    ("true", Function::True, 0, 0),
];
