//! Following a path through a document, with a limit on the work, since bodies are a stranger's.

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::{Map, Value};

use super::{Path, PathSelection, PathStep, function};

/// Why a walk ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A definite path leads nowhere.
    Absent,
    /// A function has nothing to work on; not even a filter survives this.
    Failed,
    LimitExceeded,
    /// Something of the wrong kind; a filter takes it as not met.
    Unfit,
}

/// The steps that one selection may take, its filters included.
pub(super) struct StepBudget {
    left: Cell<usize>,
    depth: Cell<usize>,
}

/// One path being followed.
struct PathWalk<'a, 'b> {
    root: &'a Value,
    budget: &'b StepBudget,
    /// True if every name has to be there, which is how Jayway asks whether something exists.
    strict: bool,
    found: Vec<Cow<'a, Value>>,
}

/// Returns the values that the path selects, from the root or from the value that a filter tries.
pub(super) fn select<'a>(
    path: &Path,
    root: &'a Value,
    start: &'a Value,
    budget: &StepBudget,
    strict: bool,
) -> Result<PathSelection<'a>, Stop> {
    let mut walk = PathWalk { root, budget, strict, found: Vec::new() };
    walk.follow(&path.steps, start, true)?;
    if !path.is_definite() {
        return Ok(PathSelection::Many(walk.found));
    }
    Ok(walk.found.pop().map_or(PathSelection::Missing, PathSelection::One))
}

impl StepBudget {
    /// Returns a budget of `steps`, up to the limit of one selection.
    pub(super) fn new(steps: usize) -> Self {
        Self { left: Cell::new(steps.min(MAX_STEPS)), depth: Cell::new(0) }
    }

    pub(super) fn left(&self) -> usize {
        self.left.get()
    }

    pub(super) fn spend(&self, steps: usize) -> Result<(), Stop> {
        let left = self.left.get().checked_sub(steps).ok_or(Stop::LimitExceeded)?;
        self.left.set(left);
        Ok(())
    }

    /// Goes one deeper for as long as `inner` takes.
    fn deeper<T>(&self, inner: impl FnOnce() -> Result<T, Stop>) -> Result<T, Stop> {
        self.spend(1)?;
        let depth = self.depth.get();
        if depth == MAX_DEPTH {
            return Err(Stop::LimitExceeded);
        }
        self.depth.set(depth + 1);
        let result = inner();
        self.depth.set(depth);
        result
    }
}

impl<'a> PathWalk<'a, '_> {
    /// Follows the steps from a value. `firm`: all steps so far were definite, so that leading
    /// nowhere ends the walk.
    fn follow(&mut self, steps: &[PathStep], at: &'a Value, firm: bool) -> Result<(), Stop> {
        let Some((step, rest)) = steps.split_first() else {
            self.found.push(Cow::Borrowed(at));
            return Ok(());
        };
        let budget = self.budget;
        budget.deeper(|| match step {
            PathStep::Call(call) => {
                let result = function::call(call, self.root, at, budget)?;
                self.follow_result(rest, result, firm)
            }
            PathStep::Filter(condition) => match at {
                Value::Object(_) if condition.accepts(self.root, at, budget)? => self.follow(rest, at, false),
                Value::Object(_) => Ok(()),
                Value::Array(items) => {
                    for item in items {
                        if condition.accepts(self.root, item, budget)? {
                            self.follow(rest, item, false)?;
                        }
                    }
                    Ok(())
                }
                _ if firm => Err(Stop::Unfit),
                _ => Ok(()),
            },
            PathStep::Indexes(indexes) => self.follow_indexes(indexes, rest, at, firm),
            PathStep::Names(names) => self.follow_names(names, rest, at, firm),
            PathStep::Scan => self.scan(rest, at),
            PathStep::Slice { from, to } => self.follow_slice(*from, *to, rest, at, firm),
            PathStep::Wildcard => self.follow_all(rest, at),
        })
    }

    /// Follows the steps from what a function made, which does not live as long as the document.
    fn follow_result(&mut self, rest: &[PathStep], result: Cow<'a, Value>, firm: bool) -> Result<(), Stop> {
        match result {
            Cow::Borrowed(value) => self.follow(rest, value, firm),
            Cow::Owned(value) if rest.is_empty() => {
                self.found.push(Cow::Owned(value));
                Ok(())
            }
            Cow::Owned(value) => {
                let mut walk =
                    PathWalk { root: self.root, budget: self.budget, strict: self.strict, found: Vec::new() };
                walk.follow(rest, &value, firm)?;
                self.found.extend(walk.found.into_iter().map(|value| Cow::Owned(value.into_owned())));
                Ok(())
            }
        }
    }

    fn follow_names(&mut self, names: &[String], rest: &[PathStep], at: &'a Value, firm: bool) -> Result<(), Stop> {
        let Value::Object(members) = at else {
            return if firm { Err(Stop::Absent) } else { Ok(()) };
        };
        match names {
            [name] => self.follow_name(name, rest, members, firm),
            names if rest.is_empty() => self.merge(names, members),
            names => names.iter().try_for_each(|name| self.follow_name(name, rest, members, false)),
        }
    }

    fn follow_name(
        &mut self,
        name: &str,
        rest: &[PathStep],
        members: &'a Map<String, Value>,
        firm: bool,
    ) -> Result<(), Stop> {
        match members.get(name) {
            Some(value) => self.follow(rest, value, firm),
            None if self.strict || (firm && !rest.is_empty()) => Err(Stop::Absent),
            None => Ok(()),
        }
    }

    /// Finds one object of the members with these names, as several names at the end of a path
    /// select.
    fn merge(&mut self, names: &[String], members: &Map<String, Value>) -> Result<(), Stop> {
        let mut merged = Map::new();
        for name in names {
            match members.get(name) {
                Some(value) => {
                    merged.insert(name.clone(), value.clone());
                }
                None if self.strict => return Err(Stop::Absent),
                None => {}
            }
        }
        self.found.push(Cow::Owned(Value::Object(merged)));
        Ok(())
    }

    fn follow_indexes(&mut self, indexes: &[i64], rest: &[PathStep], at: &'a Value, firm: bool) -> Result<(), Stop> {
        let Value::Array(items) = at else {
            return if firm { Err(Stop::Absent) } else { Ok(()) };
        };
        let firm = firm && indexes.len() == 1;
        indexes.iter().try_for_each(|index| self.follow_index(*index, rest, items, firm))
    }

    /// Follows an index; one below zero counts from the end, and one that is not there is skipped.
    fn follow_index(&mut self, index: i64, rest: &[PathStep], items: &'a [Value], firm: bool) -> Result<(), Stop> {
        match function::item_at(items, index) {
            Some(item) => self.follow(rest, item, firm),
            None => Ok(()),
        }
    }

    fn follow_slice(
        &mut self,
        from: Option<i64>,
        to: Option<i64>,
        rest: &[PathStep],
        at: &'a Value,
        firm: bool,
    ) -> Result<(), Stop> {
        let Value::Array(items) = at else {
            return if firm { Err(Stop::Absent) } else { Ok(()) };
        };
        let length = i64::try_from(items.len()).expect("a list fits into memory");
        let (from, to) = match (from, to) {
            // with both ends given, Jayway takes neither from the end of the list: `[1:-1]` is
            // empty, and `[-2:1]` runs through -2, -1 and 0
            (Some(from), Some(to)) => (from.max(-length), to.min(length)),
            (Some(from), None) => (if from < 0 { (length + from).max(0) } else { from }, length),
            (None, Some(to)) => (0, if to < 0 { length + to } else { to.min(length) }),
            (None, None) => (0, length),
        };
        (from..to).try_for_each(|index| self.follow_index(index, rest, items, false))
    }

    fn follow_all(&mut self, rest: &[PathStep], at: &'a Value) -> Result<(), Stop> {
        match at {
            Value::Object(members) => members.values().try_for_each(|value| self.follow(rest, value, false)),
            Value::Array(items) => items.iter().try_for_each(|item| match self.follow(rest, item, false) {
                Err(Stop::Absent) if !self.strict => Ok(()),
                result => result,
            }),
            _ => Ok(()),
        }
    }

    /// Tries the next step on every container below, this one first.
    fn scan(&mut self, rest: &[PathStep], at: &'a Value) -> Result<(), Stop> {
        let budget = self.budget;
        budget.deeper(|| {
            if self.is_scanned(rest, at)? {
                match (at, &rest[1..]) {
                    // Jayway goes on from every item of a list that the step applies to, whichever
                    // the step selects
                    (Value::Array(items), after @ [_, ..]) => {
                        items.iter().try_for_each(|item| self.follow(after, item, false))?;
                    }
                    _ => self.follow(rest, at, false)?,
                }
            }
            match at {
                Value::Object(members) => members.values().try_for_each(|value| self.scan(rest, value)),
                Value::Array(items) => items.iter().try_for_each(|item| self.scan(rest, item)),
                _ => Ok(()),
            }
        })
    }

    /// Returns true if the step after `..` is tried on this value.
    fn is_scanned(&self, rest: &[PathStep], at: &Value) -> Result<bool, Stop> {
        if !at.is_object() && !at.is_array() {
            return Ok(false);
        }
        Ok(match rest.first() {
            Some(PathStep::Filter(condition)) => condition.accepts(self.root, at, self.budget)?,
            Some(PathStep::Indexes(_) | PathStep::Slice { .. }) => at.is_array(),
            Some(PathStep::Names(names)) => at.as_object().is_some_and(|members| {
                self.strict
                    || (names.len() > 1 && rest.len() > 1)
                    || names.iter().all(|name| members.contains_key(name))
            }),
            Some(PathStep::Wildcard) => true,
            Some(PathStep::Call(_) | PathStep::Scan) | None => false,
        })
    }
}

/// Values that one selection may visit.
pub(super) const MAX_STEPS: usize = 1_000_000;

/// Depth to which steps and containers may nest, which bounds the stack; a body is at most 128
/// deep.
const MAX_DEPTH: usize = 512;
