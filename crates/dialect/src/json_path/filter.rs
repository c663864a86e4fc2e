//! Conditions of filters, `[?(…)]`, with Jayway's rules for equality and order.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::walk::{self, StepBudget, Stop};
use super::{Path, PathOrigin, PathSelection, text_of};
use crate::cpu_time::thread_cpu_time;
use crate::java_regex::{JavaRegex, MatchOutcome};
use crate::json;

#[derive(Clone, Debug)]
pub(super) enum FilterCondition {
    All(Vec<FilterCondition>),
    Any(Vec<FilterCondition>),
    Compare { left: FilterOperand, operator: FilterOperator, right: FilterOperand },
    Exists { path: Path, wanted: bool },
    Not(Box<FilterCondition>),
}

#[derive(Clone, Debug)]
pub(super) enum FilterOperand {
    Literal(Value),
    Path(Path),
    Pattern(JavaRegex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FilterOperator {
    All,
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
    NotSameTypeAndValue,
    SameTypeAndValue,
    Size,
    SubsetOf,
}

/// An operand with its path followed.
enum FilterTerm<'a> {
    Pattern(&'a JavaRegex),
    /// A path that leads nowhere: equal to nothing, not even to itself.
    Undefined,
    Value(Cow<'a, Value>),
}

impl FilterCondition {
    /// Returns true if the filter accepts a value. Values that cannot be compared are rejected,
    /// whatever `!` or `||` stand around the comparison.
    pub(super) fn accepts(&self, root: &Value, item: &Value, budget: &StepBudget) -> Result<bool, Stop> {
        budget.spend(1)?;
        match self.holds(root, item, budget) {
            Err(Stop::Unfit) => Ok(false),
            result => result,
        }
    }

    fn holds(&self, root: &Value, item: &Value, budget: &StepBudget) -> Result<bool, Stop> {
        match self {
            Self::All(conditions) => {
                for condition in conditions {
                    if !condition.holds(root, item, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(conditions) => {
                for condition in conditions {
                    if condition.holds(root, item, budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Compare { left, operator, right } => {
                let left = left.term(root, item, budget)?;
                let right = right.term(root, item, budget)?;
                compare(*operator, &left, &right, budget)
            }
            Self::Exists { path, wanted } => Ok(exists(path, root, item, budget)? == *wanted),
            Self::Not(condition) => Ok(!condition.holds(root, item, budget)?),
        }
    }
}

impl FilterOperand {
    fn term<'a>(&'a self, root: &'a Value, item: &'a Value, budget: &StepBudget) -> Result<FilterTerm<'a>, Stop> {
        let path = match self {
            Self::Literal(value) => return Ok(FilterTerm::Value(Cow::Borrowed(value))),
            Self::Pattern(pattern) => return Ok(FilterTerm::Pattern(pattern)),
            Self::Path(path) => path,
        };
        match walk::select(path, root, path.start(root, item), budget, false) {
            Ok(PathSelection::One(value)) => Ok(FilterTerm::Value(value)),
            Ok(PathSelection::Many(values)) => {
                Ok(FilterTerm::Value(Cow::Owned(values.into_iter().map(Cow::into_owned).collect())))
            }
            Ok(PathSelection::Missing) | Err(Stop::Absent) => Ok(FilterTerm::Undefined),
            Err(stop) => Err(stop),
        }
    }
}

impl Path {
    fn start<'a>(&self, root: &'a Value, item: &'a Value) -> &'a Value {
        match self.origin {
            PathOrigin::Root => root,
            PathOrigin::Item => item,
        }
    }
}

impl<'a> FilterTerm<'a> {
    fn value(&'a self) -> Option<&'a Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Pattern(_) | Self::Undefined => None,
        }
    }

    fn items(&'a self) -> Option<&'a [Value]> {
        self.value()?.as_array().map(Vec::as_slice)
    }
}

/// Returns true if a path exists.
///
/// An indefinite path exists even if it selects nothing, as in Jayway: `[?(@.list[?(@.x == 1)])]`
/// accepts every value with a `list`. Names under `..` and `*` have to be in every object there.
fn exists(path: &Path, root: &Value, item: &Value, budget: &StepBudget) -> Result<bool, Stop> {
    match walk::select(path, root, path.start(root, item), budget, true) {
        Ok(selection) => Ok(selection != PathSelection::Missing),
        Err(Stop::Absent) => Ok(false),
        Err(stop) => Err(stop),
    }
}

fn compare(
    operator: FilterOperator,
    left: &FilterTerm<'_>,
    right: &FilterTerm<'_>,
    budget: &StepBudget,
) -> Result<bool, Stop> {
    budget.spend(weight(left).min(weight(right)))?;
    Ok(match operator {
        FilterOperator::Equal => equal_terms(left, right),
        FilterOperator::NotEqual => !equal_terms(left, right),
        FilterOperator::SameTypeAndValue => same_type(left, right) && equal_terms(left, right),
        FilterOperator::NotSameTypeAndValue => !(same_type(left, right) && equal_terms(left, right)),
        FilterOperator::Less => order(left, right).is_some_and(Ordering::is_lt),
        FilterOperator::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        FilterOperator::Greater => order(left, right).is_some_and(Ordering::is_gt),
        FilterOperator::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        FilterOperator::Matches => return matches(left, right, budget),
        FilterOperator::In => is_in(left, right, budget)?,
        FilterOperator::NotIn => !is_in(left, right, budget)?,
        FilterOperator::Contains => contains(left, right, budget)?,
        FilterOperator::Size => size_is(left, right),
        FilterOperator::Empty => return emptiness_is(left, right),
        FilterOperator::All | FilterOperator::AnyOf | FilterOperator::NoneOf | FilterOperator::SubsetOf => {
            return compare_lists(operator, left, right, budget);
        }
    })
}

fn equal_terms(left: &FilterTerm<'_>, right: &FilterTerm<'_>) -> bool {
    match (left, right) {
        (FilterTerm::Value(left), FilterTerm::Value(right)) => equal(left, right),
        _ => false,
    }
}

/// Numbers and texts are compared with one another, as the one on the left is: `5 == '5.0'`, but
/// not `'5.0' == 5`.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::Number(_)) => *left == text_of(right),
        (Value::Number(left), Value::String(right)) => {
            is_number(right) && json::number::equal(left.as_str(), right.trim_start_matches('+'))
        }
        (left, right) => json::equal(left, right),
    }
}

/// Returns true if the text is a number as `BigDecimal` reads it.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole) && digits(fraction) && whole.len() + fraction.len() > 0 && !exponent.is_empty() && digits(exponent)
}

fn same_type(left: &FilterTerm<'_>, right: &FilterTerm<'_>) -> bool {
    match (left.value(), right.value()) {
        (Some(left), Some(right)) => std::mem::discriminant(left) == std::mem::discriminant(right),
        _ => false,
    }
}

/// Numbers by value, texts by UTF-16 units, a number and a text as texts; the rest has no order.
fn order(left: &FilterTerm<'_>, right: &FilterTerm<'_>) -> Option<Ordering> {
    let by_units = |left: &str, right: &str| left.encode_utf16().cmp(right.encode_utf16());
    match (left.value()?, right.value()?) {
        (Value::Number(left), Value::Number(right)) => Some(json::number::compare(left.as_str(), right.as_str())),
        (Value::String(left), Value::String(right)) => Some(by_units(left, right)),
        (Value::String(left), number @ Value::Number(_)) => Some(by_units(left, &text_of(number))),
        (number @ Value::Number(_), Value::String(right)) => Some(by_units(&text_of(number), right)),
        _ => None,
    }
}

/// Evaluates `=~`, with the pattern on either side. Some item of a list must match; a value without
/// text counts as the empty text.
fn matches(left: &FilterTerm<'_>, right: &FilterTerm<'_>, budget: &StepBudget) -> Result<bool, Stop> {
    let (pattern, term) = match (left, right) {
        (FilterTerm::Pattern(_), FilterTerm::Pattern(_)) => return Ok(false),
        (FilterTerm::Pattern(pattern), term) | (term, FilterTerm::Pattern(pattern)) => (pattern, term),
        _ => return Ok(false),
    };
    let Some(items) = term.items() else {
        return text_matches(pattern, term.value(), budget);
    };
    for item in items {
        budget.spend(1)?;
        if text_matches(pattern, Some(item), budget)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns true if a pattern matches the text of a value. It spends steps for the length of the
/// text, and for the CPU time where the pattern backtracks.
fn text_matches(pattern: &JavaRegex, value: Option<&Value>, budget: &StepBudget) -> Result<bool, Stop> {
    let text = match value {
        Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => Cow::Owned(text_of(value)),
        _ => Cow::Borrowed(""),
    };
    budget.spend(text.len() / 64)?;
    let outcome = if pattern.backtracks() {
        let begin = thread_cpu_time();
        let outcome = pattern.matches(&text);
        let spent = thread_cpu_time().saturating_sub(begin);
        budget.spend(spent.as_nanos() as usize / NANOSECONDS_A_STEP)?;
        outcome
    } else {
        pattern.matches(&text)
    };
    match outcome {
        MatchOutcome::Match => Ok(true),
        MatchOutcome::NoMatch => Ok(false),
        MatchOutcome::LimitExceeded => Err(Stop::LimitExceeded),
    }
}

/// Evaluates `in`. A right side that is no list is false if Jayway can turn it into JSON, and no
/// comparison otherwise.
fn is_in(left: &FilterTerm<'_>, right: &FilterTerm<'_>, budget: &StepBudget) -> Result<bool, Stop> {
    match right.value() {
        Some(Value::Array(items)) => among(left.value(), items, budget),
        Some(Value::Object(_)) => Ok(false),
        _ => Err(Stop::Unfit),
    }
}

fn contains(left: &FilterTerm<'_>, right: &FilterTerm<'_>, budget: &StepBudget) -> Result<bool, Stop> {
    match (left.value(), right.value()) {
        (Some(Value::String(left)), Some(Value::String(right))) => Ok(left.contains(right.as_str())),
        (Some(Value::Array(items)), right) => among(right, items, budget),
        _ => Ok(false),
    }
}

fn among(value: Option<&Value>, items: &[Value], budget: &StepBudget) -> Result<bool, Stop> {
    budget.spend(items.len())?;
    Ok(value.is_some_and(|value| items.iter().any(|item| equal(value, item))))
}

/// Compares the length of a text, in UTF-16 units, or of a list.
fn size_is(left: &FilterTerm<'_>, right: &FilterTerm<'_>) -> bool {
    let size = match left.value() {
        Some(Value::String(text)) => text.encode_utf16().count(),
        Some(Value::Array(items)) => items.len(),
        _ => return false,
    };
    right
        .value()
        .and_then(Value::as_number)
        .is_some_and(|number| json::number::equal(number.as_str(), &size.to_string()))
}

fn emptiness_is(left: &FilterTerm<'_>, right: &FilterTerm<'_>) -> Result<bool, Stop> {
    let empty = match left.value() {
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        _ => return Ok(false),
    };
    right.value().and_then(Value::as_bool).map(|wanted| wanted == empty).ok_or(Stop::Unfit)
}

fn compare_lists(
    operator: FilterOperator,
    left: &FilterTerm<'_>,
    right: &FilterTerm<'_>,
    budget: &StepBudget,
) -> Result<bool, Stop> {
    let (Some(left), Some(right)) = (left.items(), right.items()) else {
        let comparable =
            |term: &FilterTerm<'_>| term.value().is_some_and(|value| value.is_array() || value.is_object());
        return if comparable(left) && comparable(right) { Ok(false) } else { Err(Stop::Unfit) };
    };
    budget.spend(left.len().saturating_mul(right.len()))?;
    let in_right = |item: &Value| right.iter().any(|other| equal(item, other));
    Ok(match operator {
        FilterOperator::All => right.iter().all(|item| left.iter().any(|other| equal(item, other))),
        FilterOperator::AnyOf => left.iter().any(in_right),
        FilterOperator::NoneOf => !left.iter().any(in_right),
        _ => left.iter().all(in_right),
    })
}

/// CPU time of a pattern that counts as one step of the walk.
const NANOSECONDS_A_STEP: usize = 25;

/// Returns the cost of comparing a term, in steps.
fn weight(term: &FilterTerm<'_>) -> usize {
    match term.value() {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(members)) => members.len(),
        Some(Value::String(text)) => text.len() / 64,
        _ => 0,
    }
}
