//! Filters: `[?(@.price > 10 && @.tag in ['a', 'b'])]`, with Jayway's rules of what equals what.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::{Budget, JsonPath, Selection, text_of};
use crate::matcher::java_regex::{JavaRegex, Outcome};
use crate::matcher::json::{self, compare_numbers};

#[derive(Clone, Debug)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Compare(Operand, Comparison, Operand),
    Exists(Operand),
    Matches(Operand, JavaRegex),
    Not(Box<Filter>),
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    FromHere(JsonPath),
    FromRoot(JsonPath),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    AnyOf,
    Contains,
    Empty,
    Equal,
    Greater,
    GreaterOrEqual,
    In,
    Less,
    LessOrEqual,
    Matches,
    NoneOf,
    NotEqual,
    NotIn,
    Same,
    NotSame,
    Size,
    SubsetOf,
}

impl Comparison {
    /// How they are spelt, longer before shorter where one begins the other.
    pub(super) const SYMBOLS: [(&'static str, Self); 17] = [
        ("===", Self::Same),
        ("!==", Self::NotSame),
        ("==", Self::Equal),
        ("=~", Self::Matches),
        ("!=", Self::NotEqual),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("<", Self::Less),
        (">", Self::Greater),
        ("anyof", Self::AnyOf),
        ("contains", Self::Contains),
        ("empty", Self::Empty),
        ("in", Self::In),
        ("nin", Self::NotIn),
        ("noneof", Self::NoneOf),
        ("size", Self::Size),
        ("subsetof", Self::SubsetOf),
    ];
}

impl Filter {
    /// Whether it holds for a value; `$` in it is the root.
    pub(super) fn holds(&self, here: &Value, root: &Value, budget: &Budget) -> bool {
        if !budget.visit() {
            return false;
        }
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.holds(here, root, budget)),
            Self::Any(filters) => filters.iter().any(|filter| filter.holds(here, root, budget)),
            Self::Compare(left, comparison, right) => {
                let (left, right) = (left.value(here, root, budget), right.value(here, root, budget));
                compare(left.as_deref(), *comparison, right.as_deref())
            }
            Self::Exists(operand) => operand.exists(here, root, budget),
            Self::Matches(operand, regex) => match operand.value(here, root, budget).as_deref() {
                Some(Value::Array(items)) => items.iter().any(|item| matches(item, regex)),
                Some(value) => matches(value, regex),
                None => false,
            },
            Self::Not(filter) => !filter.holds(here, root, budget),
        }
    }
}

impl Operand {
    fn select<'a>(&'a self, here: &'a Value, root: &'a Value, budget: &Budget) -> Selection<'a> {
        match self {
            Self::FromHere(path) => path.from(here, root, budget),
            Self::FromRoot(path) => path.from(root, root, budget),
            Self::Literal(value) => Selection::One(Cow::Borrowed(value)),
        }
    }

    /// Its value; the list of all that an indefinite path leads to.
    pub(super) fn value<'a>(&'a self, here: &'a Value, root: &'a Value, budget: &Budget) -> Option<Cow<'a, Value>> {
        match self.select(here, root, budget) {
            Selection::Missing => None,
            Selection::One(value) => Some(value),
            Selection::Many(items) => Some(Cow::Owned(items.into_iter().map(Cow::into_owned).collect())),
        }
    }

    fn exists(&self, here: &Value, root: &Value, budget: &Budget) -> bool {
        match self.select(here, root, budget) {
            Selection::Missing => false,
            Selection::One(value) => !matches!(self, Self::Literal(_)) || *value == Value::Bool(true),
            Selection::Many(items) => !items.is_empty(),
        }
    }
}

fn compare(left: Option<&Value>, comparison: Comparison, right: Option<&Value>) -> bool {
    let list = |value: Option<&Value>| match value {
        Some(Value::Array(items)) => Some(items.clone()),
        _ => None,
    };
    let has = |items: &[Value], wanted: &Value| items.iter().any(|item| equal(item, wanted));
    match comparison {
        Comparison::Equal => both(left, right).is_some_and(|(left, right)| equal(left, right)),
        Comparison::NotEqual => !compare(left, Comparison::Equal, right),
        Comparison::Same => {
            both(left, right).is_some_and(|(left, right)| kind(left) == kind(right) && equal(left, right))
        }
        Comparison::NotSame => !compare(left, Comparison::Same, right),
        Comparison::Less => ordering(left, right) == Some(Ordering::Less),
        Comparison::LessOrEqual => ordering(left, right).is_some_and(Ordering::is_le),
        Comparison::Greater => ordering(left, right) == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => ordering(left, right).is_some_and(Ordering::is_ge),
        Comparison::In => left.is_some_and(|left| list(right).is_some_and(|items| has(&items, left))),
        Comparison::NotIn => !compare(left, Comparison::In, right),
        Comparison::AnyOf => {
            both_lists(list(left), list(right), |left, right| left.iter().any(|item| has(right, item)))
        }
        Comparison::NoneOf => {
            both_lists(list(left), list(right), |left, right| !left.iter().any(|item| has(right, item)))
        }
        Comparison::SubsetOf => {
            both_lists(list(left), list(right), |left, right| left.iter().all(|item| has(right, item)))
        }
        Comparison::Contains => both(left, right).is_some_and(|(left, right)| match left {
            Value::String(text) => matches!(right, Value::String(part) if text.contains(part)),
            Value::Array(items) => has(items, right),
            _ => false,
        }),
        Comparison::Empty => left.and_then(size).is_some_and(|size| right == Some(&Value::Bool(size == 0))),
        Comparison::Size => {
            left.and_then(size).is_some_and(|size| right.is_some_and(|right| equal(right, &size.into())))
        }
        Comparison::Matches => false,
    }
}

fn both<'v>(left: Option<&'v Value>, right: Option<&'v Value>) -> Option<(&'v Value, &'v Value)> {
    left.zip(right)
}

fn both_lists(left: Option<Vec<Value>>, right: Option<Vec<Value>>, holds: impl Fn(&[Value], &[Value]) -> bool) -> bool {
    left.zip(right).is_some_and(|(left, right)| holds(&left, &right))
}

/// A number and the text of that number are equal; documents are compared by value.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => text
            .trim()
            .parse::<serde_json::Number>()
            .is_ok_and(|text| compare_numbers(text.as_str(), number.as_str()).is_eq()),
        _ => json::equal(left, right),
    }
}

fn ordering(left: Option<&Value>, right: Option<&Value>) -> Option<Ordering> {
    match (left?, right?) {
        (Value::Number(left), Value::Number(right)) => Some(compare_numbers(left.as_str(), right.as_str())),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

fn size(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        _ => None,
    }
}

fn matches(value: &Value, regex: &JavaRegex) -> bool {
    !value.is_null() && regex.matches(&text_of(value)) == Outcome::Match
}
