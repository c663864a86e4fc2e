//! The functions that a path may end in: `$.prices.max()`, `$.sum($.a, $.b)`.

use std::borrow::Cow;

use serde_json::Value;

use super::walk::{self, StepBudget, Stop};
use super::{Path, PathSelection, text, text_of};

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
    root: &'a Value,
    at: &'a Value,
    budget: &StepBudget,
) -> Result<Cow<'a, Value>, Stop> {
    // lengths are taken of paths from where the function stands
    let start = if call.function == PathFunction::Length { at } else { root };
    let arguments =
        call.arguments.iter().map(|argument| argument.value(start, budget)).collect::<Result<Vec<_>, _>>()?;
    let items = at.as_array().map(Vec::as_slice);
    budget.spend(items.map_or(1, <[Value]>::len))?;
    match call.function {
        PathFunction::First => nth(items, 0),
        PathFunction::Last => nth(items, -1),
        PathFunction::Index => {
            let index = numbers(None, &arguments).first().copied().ok_or(Stop::Failed)?;
            nth(items, index as i64)
        }
        PathFunction::Append => Ok(append(at, arguments)),
        PathFunction::Concat => Ok(Cow::Owned(Value::String(concat(items, &arguments)))),
        PathFunction::Keys => Ok(Cow::Owned(match at {
            Value::Object(members) => members.keys().cloned().collect(),
            _ => Value::Null,
        })),
        PathFunction::Length => Ok(Cow::Owned(length(at, &arguments))),
        PathFunction::Average
        | PathFunction::Deviation
        | PathFunction::Maximum
        | PathFunction::Minimum
        | PathFunction::Sum => {
            let result = aggregate(call.function, &numbers(items, &arguments)).ok_or(Stop::Failed)?;
            text::number(result).map(|number| Cow::Owned(Value::Number(number))).ok_or(Stop::Failed)
        }
    }
}

/// Returns the item at an index; an index below zero counts from the end.
pub(super) fn item_at(items: &[Value], index: i64) -> Option<&Value> {
    let size = usize::try_from(index.unsigned_abs()).ok()?;
    items.get(if index < 0 { items.len().checked_sub(size)? } else { size })
}

impl FunctionArgument {
    fn value<'a>(&'a self, start: &'a Value, budget: &StepBudget) -> Result<Cow<'a, Value>, Stop> {
        let path = match self {
            Self::Value(value) => return Ok(Cow::Borrowed(value)),
            Self::Path(path) => path,
        };
        match walk::select(path, start, start, budget, false)? {
            PathSelection::Missing => Err(Stop::Absent),
            PathSelection::One(value) => Ok(value),
            PathSelection::Many(values) => Ok(Cow::Owned(values.into_iter().map(Cow::into_owned).collect())),
        }
    }
}

fn nth(items: Option<&[Value]>, index: i64) -> Result<Cow<'_, Value>, Stop> {
    items.and_then(|items| item_at(items, index)).map(Cow::Borrowed).ok_or(Stop::Failed)
}

fn append<'a>(at: &'a Value, arguments: Vec<Cow<'_, Value>>) -> Cow<'a, Value> {
    match at {
        Value::Array(items) if !arguments.is_empty() => {
            Cow::Owned(items.iter().cloned().chain(arguments.into_iter().map(Cow::into_owned)).collect())
        }
        other => Cow::Borrowed(other),
    }
}

/// Joins the texts of the list, then all values of the arguments.
fn concat(items: Option<&[Value]>, arguments: &[Cow<'_, Value>]) -> String {
    let own = items.unwrap_or_default().iter().filter(|item| item.is_string());
    own.chain(arguments.iter().flat_map(|argument| flat(argument)))
        .filter(|value| !value.is_null())
        .map(text_of)
        .collect()
}

/// Returns the number of items or members of the value, or of what the first argument selects. A
/// text has no length.
fn length(at: &Value, arguments: &[Cow<'_, Value>]) -> Value {
    let counted = match arguments.first().map(|argument| &**argument) {
        Some(list @ Value::Array(_)) => list,
        _ => at,
    };
    match counted {
        Value::Array(items) => items.len().into(),
        Value::Object(members) => members.len().into(),
        _ => Value::Null,
    }
}

/// Returns the numbers among the items and the arguments, in that order.
fn numbers(items: Option<&[Value]>, arguments: &[Cow<'_, Value>]) -> Vec<f64> {
    let own = items.unwrap_or_default().iter();
    own.chain(arguments.iter().flat_map(|argument| flat(argument)))
        .filter_map(|value| value.as_number()?.as_str().parse().ok())
        .collect()
}

/// Returns the items of a list, or the value itself.
fn flat(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        value => std::slice::from_ref(value),
    }
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
