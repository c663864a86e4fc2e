//! JSONPath in the dialect of Jayway's JsonPath 2.10, which is the one that WireMock stubs are
//! written in.
//!
//! RFC 9535 would not do: filters compare numbers with texts, a slice from a negative index counts
//! otherwise, `..[?()]` tests every object, and paths end in functions. What Jayway does by its own
//! logic is done here too, so that a stub selects what it did; each such place says so.

mod condition;
mod cursor;
mod filter;
mod find;
mod function;
mod literal;
mod parse;
mod selection;
mod text;
mod walk;

use filter::FilterCondition;
use function::FunctionCall;
pub use selection::{PathSelection, SelectedValue};
pub use text::{item_text_of, text_of};
use walk::{StepBudget, Stop};

use crate::SyntaxError;
use crate::json::JsonNode;

/// A compiled JSONPath expression.
#[derive(Clone, Debug)]
pub struct JsonPath {
    expression: Box<str>,
    path: Path,
}

/// Why nothing could be selected, which is not the same as finding nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFailure {
    /// The walk took more steps than it may.
    LimitExceeded,
    /// A filter stands on a value that is no container, or a function has nothing to work on.
    NotApplicable,
}

/// Steps from where a path starts.
#[derive(Clone, Debug)]
struct Path {
    origin: PathOrigin,
    steps: Vec<PathStep>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PathOrigin {
    /// The whole document, `$`.
    Root,
    /// `@`: the value that a filter is trying.
    Item,
}

#[derive(Clone, Debug)]
enum PathStep {
    /// A function, such as `.length()`.
    Call(FunctionCall),
    /// A filter of children, `[?(…)]`.
    Filter(FilterCondition),
    /// Items by index: `[0]`, `[0,-1]`.
    Indexes(Vec<i64>),
    /// Members by name: `.name`, `['name','other']`.
    Names(Vec<String>),
    /// `..`: the next step is tried on every container below.
    Scan,
    /// A slice of a list: `[1:3]`.
    Slice { from: Option<i64>, to: Option<i64> },
    /// All members or items: `*`.
    Wildcard,
}

impl JsonPath {
    /// Compiles an expression. One without `$` in front is taken to start at the root.
    pub fn parse(expression: &str) -> Result<Self, SyntaxError> {
        parse::path(expression).map(|path| Self { expression: expression.into(), path })
    }

    /// Returns the expression as written.
    pub fn as_str(&self) -> &str {
        &self.expression
    }

    /// Returns true if the path leads to one value at most; otherwise it selects a list.
    pub fn is_definite(&self) -> bool {
        self.path.is_definite()
    }

    /// Returns the values that the path selects.
    ///
    /// # Errors
    ///
    /// Returns an error if the path does not apply to the document, or exceeds the limit of steps.
    pub fn try_select<'a>(&self, root: impl Into<JsonNode<'a>>) -> Result<PathSelection<'a>, PathFailure> {
        self.select_within(root, walk::MAX_STEPS).0
    }

    /// Returns the values that the path selects within a number of steps, and the number of steps
    /// taken.
    pub fn select_within<'a>(
        &self,
        root: impl Into<JsonNode<'a>>,
        steps: usize,
    ) -> (Result<PathSelection<'a>, PathFailure>, usize) {
        let root = root.into();
        let budget = StepBudget::new(steps);
        let may = budget.left();
        let selected = match walk::select(&self.path, root, root, &budget, false) {
            Ok(selection) => Ok(selection),
            Err(Stop::Absent) => Ok(PathSelection::Missing),
            Err(Stop::LimitExceeded) => Err(PathFailure::LimitExceeded),
            Err(Stop::Failed | Stop::Unfit) => Err(PathFailure::NotApplicable),
        };
        (selected, may - budget.left())
    }
}

impl Path {
    fn is_definite(&self) -> bool {
        self.steps.iter().enumerate().all(|(at, step)| step.is_definite(at + 1 == self.steps.len()))
    }

    fn ends_in_call(&self) -> bool {
        matches!(self.steps.last(), Some(PathStep::Call(_)))
    }
}

impl PathStep {
    /// Returns true if the step leads to one value at most. Several names at the end make up one
    /// object.
    fn is_definite(&self, is_last: bool) -> bool {
        match self {
            Self::Call(_) => true,
            Self::Indexes(indexes) => indexes.len() == 1,
            Self::Names(names) => is_last || names.len() == 1,
            Self::Filter(_) | Self::Scan | Self::Slice { .. } | Self::Wildcard => false,
        }
    }
}

#[cfg(test)]
mod tests;
