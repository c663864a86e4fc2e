//! Following a path through a document, with a limit on the work, since bodies are a stranger's.

use std::cell::Cell;

use serde_json::{Map, Value};

use super::filter::FilterCondition;
use super::{Path, PathSelection, PathStep, SelectedValue, function};
use crate::json::JsonNode;

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
    root: JsonNode<'a>,
    budget: &'b StepBudget,
    /// True if every name has to be there, which is how Jayway asks whether something exists.
    strict: bool,
    found: Vec<SelectedValue<'a>>,
}

/// Returns the values that the path selects, from the root or from the value that a filter tries.
pub(super) fn select<'a>(
    path: &Path,
    root: JsonNode<'a>,
    start: JsonNode<'a>,
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
    fn follow(&mut self, steps: &[PathStep], at: JsonNode<'a>, firm: bool) -> Result<(), Stop> {
        let Some((step, rest)) = steps.split_first() else {
            self.found.push(at.into());
            return Ok(());
        };
        let budget = self.budget;
        budget.deeper(|| match step {
            PathStep::Call(call) => {
                let result = function::call(call, self.root, at, budget)?;
                self.follow_result(rest, result, firm)
            }
            PathStep::Filter(condition) => self.filter(condition, rest, at, firm),
            PathStep::Indexes(indexes) => self.follow_indexes(indexes, rest, at, firm),
            PathStep::Names(names) => self.follow_names(names, rest, at, firm),
            PathStep::Scan => self.scan(rest, at),
            PathStep::Slice { from, to } => self.follow_slice(*from, *to, rest, at, firm),
            PathStep::Wildcard => self.follow_all(rest, at),
        })
    }

    fn filter(
        &mut self,
        condition: &FilterCondition,
        rest: &[PathStep],
        at: JsonNode<'a>,
        firm: bool,
    ) -> Result<(), Stop> {
        let budget = self.budget;
        if let Some(items) = at.items() {
            for item in items {
                if condition.accepts(self.root, item, budget)? {
                    self.follow(rest, item, false)?;
                }
            }
            return Ok(());
        }
        match at.is_object() {
            true if condition.accepts(self.root, at, budget)? => self.follow(rest, at, false),
            false if firm => Err(Stop::Unfit),
            _ => Ok(()),
        }
    }

    /// Follows the steps from what a function made, which does not live as long as the document.
    fn follow_result(&mut self, rest: &[PathStep], result: SelectedValue<'a>, firm: bool) -> Result<(), Stop> {
        match result {
            SelectedValue::Found(node) => self.follow(rest, node, firm),
            made @ SelectedValue::Made(_) if rest.is_empty() => {
                self.found.push(made);
                Ok(())
            }
            made @ SelectedValue::Made(_) => {
                let mut walk =
                    PathWalk { root: self.root, budget: self.budget, strict: self.strict, found: Vec::new() };
                walk.follow(rest, made.node(), firm)?;
                self.found.extend(walk.found.into_iter().map(SelectedValue::into_made));
                Ok(())
            }
        }
    }

    fn follow_names(&mut self, names: &[String], rest: &[PathStep], at: JsonNode<'a>, firm: bool) -> Result<(), Stop> {
        if !at.is_object() {
            return if firm { Err(Stop::Absent) } else { Ok(()) };
        }
        match names {
            [name] => self.follow_name(name, rest, at, firm),
            names if rest.is_empty() => self.merge(names, at),
            names => names.iter().try_for_each(|name| self.follow_name(name, rest, at, false)),
        }
    }

    fn follow_name(&mut self, name: &str, rest: &[PathStep], at: JsonNode<'a>, firm: bool) -> Result<(), Stop> {
        match self.member(at, name)? {
            Some(value) => self.follow(rest, value, firm),
            None if self.strict || (firm && !rest.is_empty()) => Err(Stop::Absent),
            None => Ok(()),
        }
    }

    /// Returns a member of an object. It spends steps where members are searched for.
    fn member(&self, object: JsonNode<'a>, name: &str) -> Result<Option<JsonNode<'a>>, Stop> {
        let (found, searched) = object.find(name);
        self.budget.spend(searched / SEARCHED_PER_STEP)?;
        Ok(found)
    }

    fn has_members(&self, object: JsonNode<'a>, names: &[String]) -> Result<bool, Stop> {
        for name in names {
            if self.member(object, name)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Finds one object of the members with these names, as several names at the end of a path
    /// select.
    fn merge(&mut self, names: &[String], at: JsonNode<'a>) -> Result<(), Stop> {
        let mut merged = Map::new();
        for name in names {
            match self.member(at, name)? {
                Some(value) => {
                    merged.insert(name.clone(), value.to_value().into_owned());
                }
                None if self.strict => return Err(Stop::Absent),
                None => {}
            }
        }
        self.found.push(SelectedValue::made(Value::Object(merged)));
        Ok(())
    }

    fn follow_indexes(&mut self, indexes: &[i64], rest: &[PathStep], at: JsonNode<'a>, firm: bool) -> Result<(), Stop> {
        if !at.is_array() {
            return if firm { Err(Stop::Absent) } else { Ok(()) };
        }
        let firm = firm && indexes.len() == 1;
        indexes.iter().try_for_each(|index| self.follow_index(*index, rest, at, firm))
    }

    /// Follows an index; one below zero counts from the end, and one that is not there is skipped.
    fn follow_index(&mut self, index: i64, rest: &[PathStep], list: JsonNode<'a>, firm: bool) -> Result<(), Stop> {
        if list.is_searched() {
            let passed = if index < 0 { list.len() } else { usize::try_from(index).unwrap_or(usize::MAX) };
            self.budget.spend(passed.min(list.len()) / SEARCHED_PER_STEP)?;
        }
        match function::item_at(list, index) {
            Some(item) => self.follow(rest, item, firm),
            None => Ok(()),
        }
    }

    fn follow_slice(
        &mut self,
        from: Option<i64>,
        to: Option<i64>,
        rest: &[PathStep],
        at: JsonNode<'a>,
        firm: bool,
    ) -> Result<(), Stop> {
        let Some(items) = at.items() else {
            return if firm { Err(Stop::Absent) } else { Ok(()) };
        };
        let length = i64::try_from(at.len()).expect("a list fits into memory");
        let (from, to) = match (from, to) {
            // with both ends given, Jayway takes neither from the end of the list: `[1:-1]` is
            // empty, and `[-2:1]` runs through -2, -1 and 0
            (Some(from), Some(to)) => (from.max(-length), to.min(length)),
            (Some(from), None) => (if from < 0 { (length + from).max(0) } else { from }, length),
            (None, Some(to)) => (0, if to < 0 { length + to } else { to.min(length) }),
            (None, None) => (0, length),
        };
        // an index below zero counts from the end
        let from_end = (length + from.max(-length))..(length + to.min(0));
        let from_start = from.max(0)..to;
        for range in [if from < 0 { from_end } else { 0..0 }, from_start] {
            let count = usize::try_from(range.end - range.start).unwrap_or(0);
            let skipped = usize::try_from(range.start).unwrap_or(0);
            items.clone().skip(skipped).take(count).try_for_each(|item| self.follow(rest, item, false))?;
        }
        Ok(())
    }

    fn follow_all(&mut self, rest: &[PathStep], at: JsonNode<'a>) -> Result<(), Stop> {
        for (_, value) in at.members().into_iter().flatten() {
            self.follow(rest, value, false)?;
        }
        for item in at.items().into_iter().flatten() {
            match self.follow(rest, item, false) {
                Err(Stop::Absent) if !self.strict => {}
                result => result?,
            }
        }
        Ok(())
    }

    /// Tries the next step on every container below, this one first.
    fn scan(&mut self, rest: &[PathStep], at: JsonNode<'a>) -> Result<(), Stop> {
        let budget = self.budget;
        budget.deeper(|| {
            if self.is_scanned(rest, at)? {
                match (at.items(), &rest[1..]) {
                    // Jayway goes on from every item of a list that the step applies to, whichever
                    // the step selects
                    (Some(mut items), after @ [_, ..]) => {
                        items.try_for_each(|item| self.follow(after, item, false))?;
                    }
                    _ => self.follow(rest, at, false)?,
                }
            }
            at.members().into_iter().flatten().try_for_each(|(_, value)| self.scan(rest, value))?;
            at.items().into_iter().flatten().try_for_each(|item| self.scan(rest, item))
        })
    }

    /// Returns true if the step after `..` is tried on this value.
    fn is_scanned(&self, rest: &[PathStep], at: JsonNode<'a>) -> Result<bool, Stop> {
        if !at.is_object() && !at.is_array() {
            return Ok(false);
        }
        Ok(match rest.first() {
            Some(PathStep::Filter(condition)) => condition.accepts(self.root, at, self.budget)?,
            Some(PathStep::Indexes(_) | PathStep::Slice { .. }) => at.is_array(),
            Some(PathStep::Names(_)) if !at.is_object() => false,
            Some(PathStep::Names(names)) if self.strict || (names.len() > 1 && rest.len() > 1) => true,
            Some(PathStep::Names(names)) => self.has_members(at, names)?,
            Some(PathStep::Wildcard) => true,
            Some(PathStep::Call(_) | PathStep::Scan) | None => false,
        })
    }
}

/// Members or items that are passed in a search per step.
const SEARCHED_PER_STEP: usize = 8;

/// Values that one selection may visit.
pub(super) const MAX_STEPS: usize = 1_000_000;

/// Depth to which steps and containers may nest, which bounds the stack; a body is at most 128
/// deep.
const MAX_DEPTH: usize = 512;
