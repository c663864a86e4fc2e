//! The values of templates, typed as in WireMock: comparisons and output depend on whether a value
//! is a text, the values of a query parameter, or an object found by a JSONPath.
//!
//! Values are shared, not copied. They know how deep they nest, so that no recursion overflows the
//! stack.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::budget::{ENTRIES_PER_STEP, RenderBudget, RenderError};
use super::request_part::RequestPart;
use standin_dialect::java_decimal::compare_decimals;
use standin_dialect::xml::{Document, NodeId};

/// A value of a template.
#[derive(Clone, Debug)]
pub(crate) enum TemplateValue {
    Null,
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A number that is not an integer.
    Double(f64),
    /// A decimal number or a large integer with all its digits, as Java prints it.
    Number(Arc<str>),
    Text(Arc<str>),
    /// A value that prints as a text but equals no text, such as the method of a request.
    Named(Arc<str>),
    List(Arc<TemplateList>),
    Map(Arc<TemplateMap>),
    Date(Arc<DateValue>),
    /// A part of the request, decoded on use.
    Part(RequestPart),
    /// A node of an XML document.
    Xml(XmlValue),
}

/// A node of an XML document that a template has parsed.
#[derive(Clone, Debug)]
pub(crate) struct XmlValue {
    pub(crate) document: Arc<Document>,
    pub(crate) place: NodeId,
}

/// A list of values.
#[derive(Clone, Debug)]
pub(crate) struct TemplateList {
    pub(crate) items: Vec<TemplateValue>,
    pub(crate) kind: ListKind,
    depth: u8,
}

/// The origin of a list, which determines how it prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// A list of a template, which prints as `[a, b]`.
    Plain,
    /// A list of JSON, which prints as compact JSON.
    Json,
    /// The segments of a path, which prints as the path.
    Path(Arc<str>),
    /// The values of a parameter, header or cookie, which prints as the first.
    Values,
}

/// An ordered map from names to values.
#[derive(Clone, Debug)]
pub(crate) struct TemplateMap {
    pub(crate) entries: Vec<(Arc<str>, TemplateValue)>,
    pub(crate) kind: MapKind,
    depth: u8,
}

/// The origin of a map, which determines how it prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MapKind {
    /// A map of a template, which prints as `{a=1, b=2}`.
    Plain,
    /// An object of JSON, which prints as JSON over several lines.
    Json,
    /// The segments and variables of a path, which prints as the path.
    Path(Arc<str>),
}

/// A date with its format and zone.
#[derive(Clone, Debug)]
pub(crate) struct DateValue {
    pub(crate) at: Timestamp,
    /// The format: `epoch`, `unix` or a pattern of Java's SimpleDateFormat; ISO 8601 if there is
    /// none.
    pub(crate) format: Option<Arc<str>>,
    pub(crate) zone: Option<TimeZone>,
}

/// Error: lists or maps nest too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooDeep;

impl TemplateValue {
    pub(crate) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn list(items: Vec<Self>, kind: ListKind) -> Result<Self, TooDeep> {
        let depth = depth_above(items.iter())?;
        Ok(Self::List(Arc::new(TemplateList { items, kind, depth })))
    }

    pub(crate) fn map(entries: Vec<(Arc<str>, Self)>, kind: MapKind) -> Result<Self, TooDeep> {
        let depth = depth_above(entries.iter().map(|(_, value)| value))?;
        Ok(Self::Map(Arc::new(TemplateMap { entries, kind, depth })))
    }

    /// Creates the values of a parameter, header or cookie; null if there are none.
    pub(crate) fn values<T: Into<Arc<str>>>(values: impl IntoIterator<Item = T>) -> Self {
        let items: Vec<Self> = values.into_iter().map(Self::text).collect();
        if items.is_empty() {
            return Self::Null;
        }
        Self::List(Arc::new(TemplateList { items, kind: ListKind::Values, depth: 1 }))
    }

    /// Converts a number; larger ones become the maximum.
    pub(crate) fn from_usize(number: usize) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns whether the value is false for Handlebars: null, an empty text or list, or zero. A
    /// map is always true.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(value) => !value,
            Self::Int(_) | Self::Double(_) | Self::Number(_) => self.as_f64().is_some_and(|number| number.abs() < 1.0),
            Self::Date(_) | Self::Part(_) | Self::Xml(_) => false,
            Self::Text(text) | Self::Named(text) => text.is_empty(),
            Self::List(list) => list.items.is_empty(),
            Self::Map(map) => matches!(map.kind, MapKind::Path(_)) && map.entries.is_empty(),
        }
    }

    /// Returns whether the value is a number.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Double(_) | Self::Number(_))
    }

    /// Returns a number as a double; `None` for other values.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Returns whether both values are equal by Java's `equals`: `1` equals neither `"1"` nor
    /// `1.0`. Shared parts are compared as often as they occur, so each comparison spends a step.
    pub(crate) fn equals(&self, other: &Self, budget: &mut RenderBudget) -> Result<bool, RenderError> {
        budget.spend(1)?;
        Ok(match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Int(one), Self::Int(other)) => one == other,
            (Self::Double(one), Self::Double(other)) => one.total_cmp(other).is_eq(),
            (Self::Number(one), Self::Number(other))
            | (Self::Text(one), Self::Text(other))
            | (Self::Named(one), Self::Named(other)) => {
                budget.spend_bytes(one.len().min(other.len()))?;
                one == other
            }
            (Self::List(one), Self::List(other)) if one.items.len() == other.items.len() => {
                for (one, other) in one.items.iter().zip(&other.items) {
                    if !one.equals(other, budget)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Map(one), Self::Map(other)) if one.entries.len() == other.entries.len() => {
                for (key, value) in &one.entries {
                    budget.spend(other.entries.len() / ENTRIES_PER_STEP)?;
                    let Some(other) = other.get(key) else { return Ok(false) };
                    if !value.equals(other, budget)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Date(one), Self::Date(other)) => one.at.as_millisecond() == other.at.as_millisecond(),
            (Self::Part(one), Self::Part(other)) => one == other,
            _ => false,
        })
    }

    /// Compares two numbers, or two other values of one type; `None` for different types.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(one), Self::Bool(other)) => Some(one.cmp(other)),
            (Self::Int(one), Self::Int(other)) => Some(one.cmp(other)),
            (Self::Double(one), Self::Double(other)) => Some(one.total_cmp(other)),
            (Self::Text(one), Self::Text(other)) => Some(one.encode_utf16().cmp(other.encode_utf16())),
            (Self::Date(one), Self::Date(other)) => Some(one.at.as_millisecond().cmp(&other.at.as_millisecond())),
            (Self::Number(one), Self::Number(other)) => Some(compare_decimals(one, other)),
            _ => Some(self.as_f64()?.total_cmp(&other.as_f64()?)),
        }
    }

    /// Returns the items of a list or path; `None` for other values.
    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        match self {
            Self::List(list) => Some(list.items.clone()),
            Self::Map(map) => match &map.kind {
                MapKind::Path(path) => Some(path.split('/').map(Self::text).collect()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the kind of the value, for messages.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Double(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Named(_) | Self::Part(_) => "a part of the request",
            Self::List(list) if list.kind == ListKind::Values => "the values of a field (take one, as in `.[0]`)",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
            Self::Date(_) => "a date",
            Self::Xml(_) => "an XML node",
        }
    }

    fn depth(&self) -> u8 {
        match self {
            Self::List(list) => list.depth,
            Self::Map(map) => map.depth,
            _ => 0,
        }
    }
}

impl TemplateMap {
    pub(crate) fn get(&self, key: &str) -> Option<&TemplateValue> {
        self.entries.iter().find(|(known, _)| &**known == key).map(|(_, value)| value)
    }
}

impl TemplateList {
    /// Returns the item at an index. For the values of a field, `-1` is the last but one, as in
    /// WireMock.
    pub(crate) fn at(&self, place: i64) -> Option<&TemplateValue> {
        let place = match (place < 0, &self.kind) {
            (true, ListKind::Values) => self.items.len() as i64 - 1 + place,
            _ => place,
        };
        usize::try_from(place).ok().and_then(|place| self.items.get(place))
    }
}

impl From<TooDeep> for RenderError {
    fn from(_: TooDeep) -> Self {
        Self::failed("lists and objects nest too deep")
    }
}

fn depth_above<'v>(values: impl Iterator<Item = &'v TemplateValue>) -> Result<u8, TooDeep> {
    let below = values.map(TemplateValue::depth).max().unwrap_or(0);
    if below >= MAX_DEPTH { Err(TooDeep) } else { Ok(below + 1) }
}

/// Maximum nesting of lists and maps; JSON is parsed to the same depth.
pub(crate) const MAX_DEPTH: u8 = 130;

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[TemplateValue], kind: ListKind) -> TemplateValue {
        TemplateValue::list(items.to_vec(), kind).expect("shallow")
    }

    #[test]
    fn what_is_false() {
        let empty = list(&[], ListKind::Plain);
        let map = TemplateValue::map(Vec::new(), MapKind::Plain).expect("shallow");
        for (value, expected) in [
            (TemplateValue::Null, true),
            (TemplateValue::Bool(false), true),
            (TemplateValue::Int(0), true),
            (TemplateValue::Double(0.0), true),
            (TemplateValue::Number("0.50".into()), true),
            (TemplateValue::Number("1.50".into()), false),
            (TemplateValue::text(""), true),
            (empty, true),
            (map, false),
            (TemplateValue::text("false"), false),
            (TemplateValue::Int(-1), false),
            (TemplateValue::values([""]), false),
        ] {
            assert_eq!(value.is_empty(), expected, "{value:?}");
        }
    }

    #[test]
    fn types_matter() {
        let text = TemplateValue::text("1");
        let equal = |one: &TemplateValue, other: &TemplateValue| {
            one.equals(other, &mut RenderBudget::new(100)).expect("few steps")
        };
        assert!(!equal(&text, &TemplateValue::Int(1)));
        assert!(!equal(&TemplateValue::Int(1), &TemplateValue::Double(1.0)));
        assert!(!equal(&TemplateValue::values(["1"]), &text));
        assert!(!equal(&TemplateValue::Named("GET".into()), &TemplateValue::text("GET")));
        assert!(equal(&TemplateValue::values(["1"]), &list(std::slice::from_ref(&text), ListKind::Plain)));
        assert_eq!(text.compare(&TemplateValue::Int(1)), None);
        let number = |text: &str| TemplateValue::Number(text.into());
        for (one, other, order) in [
            (TemplateValue::Double(12.5), TemplateValue::Int(10), Ordering::Greater),
            (TemplateValue::Int(1), TemplateValue::Double(1.0), Ordering::Equal),
            (number("1.50"), number("1.5"), Ordering::Equal),
            (number("12345678901234567890"), number("12345678901234567891"), Ordering::Less),
            (number("1E+3"), TemplateValue::Int(999), Ordering::Greater),
        ] {
            assert_eq!(one.compare(&other), Some(order), "{one:?} {other:?}");
        }
        assert_eq!(text.compare(&TemplateValue::text("2")), Some(Ordering::Less));
    }

    #[test]
    fn negative_places_count_from_the_last_but_one() {
        let TemplateValue::List(values) = TemplateValue::values(["a", "b", "c"]) else { panic!("a list") };
        let at = |place| match values.at(place) {
            Some(TemplateValue::Text(text)) => text.to_string(),
            _ => String::new(),
        };
        assert_eq!([at(0), at(2), at(3), at(-1), at(-2), at(-3)], ["a", "c", "", "b", "a", ""]);
    }

    #[test]
    fn nesting_ends() {
        let mut value = TemplateValue::Int(1);
        for _ in 0..MAX_DEPTH {
            value = TemplateValue::list(vec![value], ListKind::Plain).expect("still shallow");
        }
        assert!(TemplateValue::list(vec![value], ListKind::Plain).is_err());
    }
}
