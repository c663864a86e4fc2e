//! The functions that a path may end in: `$.prices.max()`, `$.sum($.a, $.b)`.

use std::borrow::Cow;

use serde_json::Value;

use super::walk::{self, StepBudget, Stop};
use super::{Path, PathSelection, SelectedValue, text, text_of};
use crate::json::JsonNode;

/// A function and what it is given.
#[derive(Clone, Debug)]
pub(super) struct FunctionCall {
    pub(super) function: PathFunction,
    pub(super) arguments: Vec<FunctionArgument>,
}

#[derive(Clone, Debug)]
pub(super) enum FunctionArgument {
    /// Followed from the root, be it written with `$` or `@`.
    Path(Path),
    Value(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathFunction {
    Append,
    Average,
    Concat,
    Deviation,
    First,
    Index,
    Keys,
    Last,
    Length,
    Maximum,
    Minimum,
    Sum,
}

impl PathFunction {
    pub(super) fn named(name: &str) -> Option<Self> {
        FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }
}

/// Returns the result of a function for the value to which the path has led.
pub(super) fn call<'a>(
    call: &FunctionCall,
    root: JsonNode<'a>,
    at: JsonNode<'a>,
    budget: &StepBudget,
) -> Result<SelectedValue<'a>, Stop> {
    // lengths are taken of paths from where the function stands
    let start = if call.function == PathFunction::Length { at } else { root };
    let arguments =
        call.arguments.iter().map(|argument| argument.value(start, budget)).collect::<Result<Vec<_>, _>>()?;
    budget.spend(if at.is_array() { at.len() } else { 1 })?;
    match call.function {
        PathFunction::First => nth(at, 0),
        PathFunction::Last => nth(at, -1),
        PathFunction::Index => {
            let index = numbers(std::iter::empty(), &arguments).first().copied().ok_or(Stop::Failed)?;
            nth(at, index as i64)
        }
        PathFunction::Append => Ok(append(at, arguments)),
        PathFunction::Concat => Ok(SelectedValue::made(concat(items_of(at), &arguments))),
        PathFunction::Keys => Ok(SelectedValue::made(match at.members() {
            Some(members) => members.map(|(name, _)| name.into_owned()).collect(),
            None => Value::Null,
        })),
        PathFunction::Length => Ok(SelectedValue::made(length(at, &arguments))),
        PathFunction::Average
        | PathFunction::Deviation
        | PathFunction::Maximum
        | PathFunction::Minimum
        | PathFunction::Sum => {
            let result = aggregate(call.function, &numbers(items_of(at), &arguments)).ok_or(Stop::Failed)?;
            text::number(result).map(|number| SelectedValue::made(Value::Number(number))).ok_or(Stop::Failed)
        }
    }
}

/// Returns the item of a list at an index; an index below zero counts from the end.
pub(super) fn item_at(list: JsonNode<'_>, index: i64) -> Option<JsonNode<'_>> {
    let size = usize::try_from(index.unsigned_abs()).ok()?;
    list.item(if index < 0 { list.len().checked_sub(size)? } else { size })
}

impl FunctionArgument {
    fn value<'a>(&'a self, start: JsonNode<'a>, budget: &StepBudget) -> Result<SelectedValue<'a>, Stop> {
        let path = match self {
            Self::Value(value) => return Ok(JsonNode::from(value).into()),
            Self::Path(path) => path,
        };
        match walk::select(path, start, start, budget, false)? {
            PathSelection::Missing => Err(Stop::Absent),
            PathSelection::One(value) => Ok(value),
            PathSelection::Many(values) => {
                Ok(SelectedValue::made(values.into_iter().map(SelectedValue::into_value).collect::<Value>()))
            }
        }
    }
}

fn nth(list: JsonNode<'_>, index: i64) -> Result<SelectedValue<'_>, Stop> {
    item_at(list, index).map(SelectedValue::Found).ok_or(Stop::Failed)
}

/// Returns the items of a list, nothing for another value.
fn items_of(value: JsonNode<'_>) -> impl Iterator<Item = JsonNode<'_>> {
    value.items().into_iter().flatten()
}

fn append<'a>(at: JsonNode<'a>, arguments: Vec<SelectedValue<'_>>) -> SelectedValue<'a> {
    if !at.is_array() || arguments.is_empty() {
        return at.into();
    }
    let items = items_of(at).map(|item| item.to_value().into_owned());
    SelectedValue::made(items.chain(arguments.into_iter().map(SelectedValue::into_value)).collect::<Value>())
}

/// Joins the texts of the list, then all values of the arguments.
fn concat<'v>(items: impl Iterator<Item = JsonNode<'v>>, arguments: &[SelectedValue<'_>]) -> String {
    let own = items.filter_map(JsonNode::as_str).map(Cow::into_owned);
    let others = arguments.iter().flat_map(|argument| flat(argument.node())).filter(|value| !value.is_null());
    own.chain(others.map(text_of)).collect()
}

/// Returns the number of items or members of the value, or of what the first argument selects. A
/// text has no length.
fn length(at: JsonNode<'_>, arguments: &[SelectedValue<'_>]) -> Value {
    let counted = match arguments.first().map(SelectedValue::node) {
        Some(list) if list.is_array() => list,
        _ => at,
    };
    if counted.is_array() || counted.is_object() { counted.len().into() } else { Value::Null }
}

/// Returns the numbers among the items and the arguments, in that order.
fn numbers<'v>(items: impl Iterator<Item = JsonNode<'v>>, arguments: &[SelectedValue<'_>]) -> Vec<f64> {
    let parsed = |value: JsonNode<'_>| value.as_number()?.parse().ok();
    let others = arguments.iter().flat_map(|argument| flat(argument.node()));
    items.filter_map(parsed).chain(others.filter_map(parsed)).collect()
}

/// Returns the items of a list, or the value itself.
fn flat(value: JsonNode<'_>) -> impl Iterator<Item = JsonNode<'_>> {
    let itself = if value.is_array() { None } else { Some(value) };
    items_of(value).chain(itself)
}

/// Aggregates numbers; `None` if there are none. The standard deviation is the population's:
/// √(Σx²/n − (Σx/n)²).
fn aggregate(function: PathFunction, numbers: &[f64]) -> Option<f64> {
    if numbers.is_empty() {
        return None;
    }
    let count = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    Some(match function {
        PathFunction::Average => sum / count,
        PathFunction::Deviation => {
            let squares: f64 = numbers.iter().map(|number| number * number).sum();
            (squares / count - sum * sum / count / count).max(0.0).sqrt()
        }
        PathFunction::Maximum => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        PathFunction::Minimum => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        _ => sum,
    })
}

/// Every function by its name.
pub(super) const FUNCTIONS: [(&str, PathFunction); 13] = [
    ("append", PathFunction::Append),
    ("avg", PathFunction::Average),
    ("concat", PathFunction::Concat),
    ("first", PathFunction::First),
    ("index", PathFunction::Index),
    ("keys", PathFunction::Keys),
    ("last", PathFunction::Last),
    ("length", PathFunction::Length),
    ("max", PathFunction::Maximum),
    ("min", PathFunction::Minimum),
    ("size", PathFunction::Length),
    ("stddev", PathFunction::Deviation),
    ("sum", PathFunction::Sum),
];
