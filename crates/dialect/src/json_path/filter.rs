//! Conditions of filters, `[?(…)]`, with Jayway's rules for equality and order.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::walk::{self, StepBudget, Stop};
use super::{Path, PathOrigin, PathSelection, SelectedValue, text_of};
use crate::cpu_time::thread_cpu_time;
use crate::java_regex::{JavaRegex, MatchOutcome};
use crate::json::{self, JsonItems, JsonNode, JsonShape};

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
    Value(SelectedValue<'a>),
}

impl FilterCondition {
    /// Returns true if the filter accepts a value. Values that cannot be compared are rejected,
    /// whatever `!` or `||` stand around the comparison.
    pub(super) fn accepts(&self, root: JsonNode<'_>, item: JsonNode<'_>, budget: &StepBudget) -> Result<bool, Stop> {
        budget.spend(1)?;
        match self.holds(root, item, budget) {
            Err(Stop::Unfit) => Ok(false),
            result => result,
        }
    }

    fn holds(&self, root: JsonNode<'_>, item: JsonNode<'_>, budget: &StepBudget) -> Result<bool, Stop> {
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
    fn term<'a>(&'a self, root: JsonNode<'a>, item: JsonNode<'a>, budget: &StepBudget) -> Result<FilterTerm<'a>, Stop> {
        let path = match self {
            Self::Literal(value) => return Ok(FilterTerm::Value(JsonNode::from(value).into())),
            Self::Pattern(pattern) => return Ok(FilterTerm::Pattern(pattern)),
            Self::Path(path) => path,
        };
        match walk::select(path, root, path.start(root, item), budget, false) {
            Ok(PathSelection::One(value)) => Ok(FilterTerm::Value(value)),
            Ok(PathSelection::Many(values)) => {
                let list: Value = values.into_iter().map(SelectedValue::into_value).collect();
                Ok(FilterTerm::Value(SelectedValue::made(list)))
            }
            Ok(PathSelection::Missing) | Err(Stop::Absent) => Ok(FilterTerm::Undefined),
            Err(stop) => Err(stop),
        }
    }
}

impl Path {
    fn start<'a>(&self, root: JsonNode<'a>, item: JsonNode<'a>) -> JsonNode<'a> {
        match self.origin {
            PathOrigin::Root => root,
            PathOrigin::Item => item,
        }
    }
}

impl FilterTerm<'_> {
    fn value(&self) -> Option<JsonNode<'_>> {
        match self {
            Self::Value(value) => Some(value.node()),
            Self::Pattern(_) | Self::Undefined => None,
        }
    }

    fn items(&self) -> Option<JsonItems<'_>> {
        self.value()?.items()
    }
}

/// Returns true if a path exists.
///
/// An indefinite path exists even if it selects nothing, as in Jayway: `[?(@.list[?(@.x == 1)])]`
/// accepts every value with a `list`. Names under `..` and `*` have to be in every object there.
fn exists(path: &Path, root: JsonNode<'_>, item: JsonNode<'_>, budget: &StepBudget) -> Result<bool, Stop> {
    match walk::select(path, root, path.start(root, item), budget, true) {
        Ok(selection) => Ok(!matches!(selection, PathSelection::Missing)),
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
        (FilterTerm::Value(left), FilterTerm::Value(right)) => equal(left.node(), right.node()),
        _ => false,
    }
}

/// Numbers and texts are compared with one another, as the one on the left is: `5 == '5.0'`, but
/// not `'5.0' == 5`.
fn equal(left: JsonNode<'_>, right: JsonNode<'_>) -> bool {
    match (left.shape(), right.shape()) {
        (JsonShape::String(left), JsonShape::Number(_)) => left == text_of(right),
        (JsonShape::Number(left), JsonShape::String(right)) => {
            is_number(&right) && json::number::equal(left, right.trim_start_matches('+'))
        }
        _ => json::equal(left, right),
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
        (Some(left), Some(right)) => left.kind() == right.kind(),
        _ => false,
    }
}

/// Numbers by value, texts by UTF-16 units, a number and a text as texts; the rest has no order.
fn order(left: &FilterTerm<'_>, right: &FilterTerm<'_>) -> Option<Ordering> {
    let by_units = |left: &str, right: &str| left.encode_utf16().cmp(right.encode_utf16());
    let (left, right) = (left.value()?, right.value()?);
    match (left.shape(), right.shape()) {
        (JsonShape::Number(left), JsonShape::Number(right)) => Some(json::number::compare(left, right)),
        (JsonShape::String(left), JsonShape::String(right)) => Some(by_units(&left, &right)),
        (JsonShape::String(left), JsonShape::Number(_)) => Some(by_units(&left, &text_of(right))),
        (JsonShape::Number(_), JsonShape::String(right)) => Some(by_units(&text_of(left), &right)),
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
fn text_matches(pattern: &JavaRegex, value: Option<JsonNode<'_>>, budget: &StepBudget) -> Result<bool, Stop> {
    let text = match value.map(|value| (value, value.shape())) {
        Some((_, JsonShape::String(text))) => text,
        Some((value, JsonShape::Bool(_) | JsonShape::Number(_))) => Cow::Owned(text_of(value)),
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
        Some(list) if list.is_array() => among(left.value(), list, budget),
        Some(object) if object.is_object() => Ok(false),
        _ => Err(Stop::Unfit),
    }
}

fn contains(left: &FilterTerm<'_>, right: &FilterTerm<'_>, budget: &StepBudget) -> Result<bool, Stop> {
    let Some(left) = left.value() else { return Ok(false) };
    if left.is_array() {
        return among(right.value(), left, budget);
    }
    let texts = left.as_str().zip(right.value().and_then(JsonNode::as_str));
    Ok(texts.is_some_and(|(left, right)| left.contains(&*right)))
}

fn among(value: Option<JsonNode<'_>>, list: JsonNode<'_>, budget: &StepBudget) -> Result<bool, Stop> {
    budget.spend(list.len())?;
    Ok(value.is_some_and(|value| list.items().into_iter().flatten().any(|item| equal(value, item))))
}

/// Compares the length of a text, in UTF-16 units, or of a list.
fn size_is(left: &FilterTerm<'_>, right: &FilterTerm<'_>) -> bool {
    let size = match left.value().map(JsonNode::shape) {
        Some(JsonShape::String(text)) => text.encode_utf16().count(),
        Some(JsonShape::Array(items)) => items.count(),
        _ => return false,
    };
    let wanted = right.value().and_then(JsonNode::as_number);
    wanted.is_some_and(|number| json::number::equal(number, &size.to_string()))
}

fn emptiness_is(left: &FilterTerm<'_>, right: &FilterTerm<'_>) -> Result<bool, Stop> {
    let empty = match left.value().map(|value| (value, value.shape())) {
        Some((_, JsonShape::String(text))) => text.is_empty(),
        Some((value, JsonShape::Array(_) | JsonShape::Object(_))) => value.is_empty(),
        _ => return Ok(false),
    };
    right.value().and_then(JsonNode::as_bool).map(|wanted| wanted == empty).ok_or(Stop::Unfit)
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
    budget.spend(left.clone().count().saturating_mul(right.clone().count()))?;
    let among = |item: JsonNode<'_>, list: &JsonItems<'_>| list.clone().any(|other| equal(item, other));
    let mut items = left.clone();
    Ok(match operator {
        FilterOperator::All => right.clone().all(|item| among(item, &left)),
        FilterOperator::AnyOf => items.any(|item| among(item, &right)),
        FilterOperator::NoneOf => !items.any(|item| among(item, &right)),
        _ => items.all(|item| among(item, &right)),
    })
}

/// CPU time of a pattern that counts as one step of the walk.
const NANOSECONDS_A_STEP: usize = 25;

/// Returns the cost of comparing a term, in steps.
fn weight(term: &FilterTerm<'_>) -> usize {
    match term.value().map(|value| (value, value.shape())) {
        Some((_, JsonShape::String(text))) => text.len() / 64,
        Some((value, _)) => value.len(),
        None => 0,
    }
}
