//! JSONPath in Jayway's dialect, as WireMock's stubs are written in it.
//!
//! A path is parsed once. Evaluating it is bounded: one that would visit more than [`MAX_VISITS`] values finds nothing.

mod filter;
mod function;
mod parse;

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::Value;

use self::filter::Filter;
use self::function::Function;

/// Values that one evaluation may visit.
const MAX_VISITS: u32 = 1_000_000;

/// A parsed path.
#[derive(Clone, Debug)]
pub struct JsonPath {
    steps: Vec<Step>,
    /// Applied to what the steps find.
    functions: Vec<Function>,
    definite: bool,
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// Where, in bytes from the start.
    pub at: usize,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

/// What a path found.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection<'a> {
    /// Nothing: a definite path that leads nowhere.
    Missing,
    /// What a definite path leads to, or what a function made.
    One(Cow<'a, Value>),
    /// All that an indefinite path leads to, perhaps none.
    Many(Vec<Cow<'a, Value>>),
}

#[derive(Clone, Debug)]
enum Step {
    Filter(Filter),
    Indexes(Vec<i64>),
    Names(Vec<String>),
    /// The next step, at every depth.
    Scan,
    Slice(Option<i64>, Option<i64>),
    Wildcard,
}

/// How much one evaluation may still do.
#[derive(Debug)]
struct Budget(Cell<u32>);

impl Budget {
    fn visit(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }

    fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

impl JsonPath {
    /// Parses a path. One that does not begin with `$` is taken from the root all the same.
    pub fn parse(expression: &str) -> Result<Self, PathError> {
        parse::path(expression)
    }

    /// Whether the path leads to one place at most.
    pub fn is_definite(&self) -> bool {
        self.definite
    }

    /// What the path leads to in a document.
    pub fn select<'a>(&self, root: &'a Value) -> Selection<'a> {
        let budget = Budget(Cell::new(MAX_VISITS));
        let found = self.from(root, root, &budget);
        if budget.is_spent() { Selection::Missing } else { found }
    }

    /// The same from a place within the document; `$` in filters is the root.
    fn from<'a>(&self, start: &'a Value, root: &'a Value, budget: &Budget) -> Selection<'a> {
        let mut found = Vec::new();
        walk(&self.steps, start, root, budget, &mut found);
        let selection = match (self.definite, found.pop()) {
            (true, Some(value)) => Selection::One(Cow::Borrowed(value)),
            (true, None) => Selection::Missing,
            (false, last) => Selection::Many(found.into_iter().chain(last).map(Cow::Borrowed).collect()),
        };
        self.functions.iter().fold(selection, |selection, function| function.apply(selection, root, budget))
    }
}

/// Follows the steps from a value, adding what is at their end.
fn walk<'a>(steps: &[Step], value: &'a Value, root: &'a Value, budget: &Budget, found: &mut Vec<&'a Value>) {
    if !budget.visit() {
        return;
    }
    let Some((step, rest)) = steps.split_first() else {
        found.push(value);
        return;
    };
    let mut go = |next: &'a Value| walk(rest, next, root, budget, found);
    match (step, value) {
        (Step::Filter(filter), Value::Array(items)) => {
            items.iter().filter(|item| filter.holds(item, root, budget)).for_each(go);
        }
        (Step::Filter(filter), Value::Object(_)) if filter.holds(value, root, budget) => go(value),
        (Step::Indexes(indexes), Value::Array(items)) => {
            indexes.iter().filter_map(|index| at(items, *index)).for_each(go);
        }
        (Step::Names(names), Value::Object(members)) => names.iter().filter_map(|name| members.get(name)).for_each(go),
        (Step::Scan, _) => scan(rest, value, root, budget, found),
        (Step::Slice(from, to), Value::Array(items)) => slice(items, *from, *to).iter().for_each(go),
        (Step::Wildcard, Value::Array(items)) => items.iter().for_each(go),
        (Step::Wildcard, Value::Object(members)) => members.values().for_each(go),
        _ => {}
    }
}

/// Tries the steps at a value and at everything in it.
fn scan<'a>(steps: &[Step], value: &'a Value, root: &'a Value, budget: &Budget, found: &mut Vec<&'a Value>) {
    let filters_itself = matches!((steps.first(), value), (Some(Step::Filter(_)), Value::Object(_)));
    // a filter looks at the items of a list; the objects in it are not asked a second time
    if !filters_itself {
        walk(steps, value, root, budget, found);
    }
    if !budget.visit() {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| scan(steps, item, root, budget, found)),
        Value::Object(members) => members.values().for_each(|member| {
            if matches!((steps.first(), member), (Some(Step::Filter(_)), Value::Object(_))) {
                walk(steps, member, root, budget, found);
            }
            scan(steps, member, root, budget, found);
        }),
        _ => {}
    }
}

/// The item at an index; a negative one counts from the end.
fn at(items: &[Value], index: i64) -> Option<&Value> {
    let place = if index < 0 { items.len() as i64 + index } else { index };
    usize::try_from(place).ok().and_then(|place| items.get(place))
}

fn slice(items: &[Value], from: Option<i64>, to: Option<i64>) -> &[Value] {
    let length = items.len() as i64;
    let place = |index: i64| (if index < 0 { length + index } else { index }).clamp(0, length) as usize;
    let (from, to) = (place(from.unwrap_or(0)), place(to.unwrap_or(length)));
    if from < to { &items[from..to] } else { &[] }
}

impl Selection<'_> {
    /// Whether WireMock counts it as found: a value that is not null, or a list or object that is not empty.
    pub fn is_found(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::One(value) => match &**value {
                Value::Null => false,
                Value::Array(items) => !items.is_empty(),
                Value::Object(members) => !members.is_empty(),
                _ => true,
            },
            Self::Many(items) => !items.is_empty(),
        }
    }
}

/// A value as text: a string itself, anything else as compact JSON.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
