//! Functions at the end of a path: `$.items.length()`, `$..price.sum()`, `$.concat($.a, "-", $.b)`.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::filter::Operand;
use super::{Budget, Selection, at, text_of};

#[derive(Clone, Debug)]
pub(super) struct Function {
    kind: Kind,
    arguments: Vec<Operand>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Append,
    Avg,
    Concat,
    First,
    Index,
    Keys,
    Last,
    Length,
    Max,
    Min,
    StdDev,
    Sum,
}

impl Function {
    /// The functions that are known.
    pub(super) const NAMES: [&'static str; 13] =
        ["append", "avg", "concat", "first", "index", "keys", "last", "length", "max", "min", "size", "stddev", "sum"];

    pub(super) fn new(name: &str, arguments: Vec<Operand>) -> Option<Self> {
        let kind = match name {
            "append" => Kind::Append,
            "avg" => Kind::Avg,
            "concat" => Kind::Concat,
            "first" => Kind::First,
            "index" => Kind::Index,
            "keys" => Kind::Keys,
            "last" => Kind::Last,
            "length" | "size" => Kind::Length,
            "max" => Kind::Max,
            "min" => Kind::Min,
            "stddev" => Kind::StdDev,
            "sum" => Kind::Sum,
            _ => return None,
        };
        Some(Self { kind, arguments })
    }

    /// What it makes of what a path found.
    pub(super) fn apply<'a>(&self, found: Selection<'a>, root: &Value, budget: &Budget) -> Selection<'a> {
        let subject = match found {
            Selection::Missing => return Selection::Missing,
            Selection::One(value) => value,
            Selection::Many(items) => Cow::Owned(items.into_iter().map(Cow::into_owned).collect()),
        };
        let arguments: Vec<Value> =
            self.arguments.iter().filter_map(|operand| Some(operand.value(root, root, budget)?.into_owned())).collect();
        match self.kind.of(&subject, &arguments) {
            Some(value) => Selection::One(Cow::Owned(value)),
            None => Selection::Missing,
        }
    }
}

impl Kind {
    fn of(self, subject: &Value, arguments: &[Value]) -> Option<Value> {
        match self {
            Self::Append => {
                let mut items = subject.as_array()?.clone();
                items.extend(arguments.iter().cloned());
                Some(Value::Array(items))
            }
            Self::Concat => {
                let own = if let Value::Array(items) = subject { items.as_slice() } else { &[] };
                let texts = own.iter().chain(arguments).flat_map(|value| match value {
                    Value::Array(items) => items.iter().map(text_of).collect(),
                    other => vec![text_of(other)],
                });
                Some(Value::String(texts.collect()))
            }
            Self::First => at(subject.as_array()?, 0).cloned(),
            Self::Index => at(subject.as_array()?, arguments.first()?.as_i64()?).cloned(),
            Self::Keys => Some(subject.as_object()?.keys().map(|key| Value::String(key.clone())).collect()),
            Self::Last => at(subject.as_array()?, -1).cloned(),
            Self::Length => match subject {
                Value::Array(items) => Some(items.len().into()),
                Value::Object(members) => Some(members.len().into()),
                Value::String(text) => Some(text.chars().count().into()),
                _ => None,
            },
            Self::Avg | Self::Max | Self::Min | Self::StdDev | Self::Sum => {
                self.aggregate(&numbers(subject, arguments))
            }
        }
    }

    /// None of nothing.
    fn aggregate(self, numbers: &[f64]) -> Option<Value> {
        if numbers.is_empty() {
            return None;
        }
        let count = numbers.len() as f64;
        let sum: f64 = numbers.iter().sum();
        let result = match self {
            Self::Avg => sum / count,
            Self::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            Self::StdDev => {
                let mean = sum / count;
                (numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / count).sqrt()
            }
            _ => sum,
        };
        Number::from_f64(result).map(Value::Number)
    }
}

/// The numbers of a list, and of the arguments.
fn numbers(subject: &Value, arguments: &[Value]) -> Vec<f64> {
    let own = if let Value::Array(items) = subject { items.as_slice() } else { &[] };
    let within = |value: &Value| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_f64).collect(),
        other => other.as_f64().into_iter().collect::<Vec<_>>(),
    };
    own.iter().filter_map(Value::as_f64).chain(arguments.iter().flat_map(within)).collect()
}
