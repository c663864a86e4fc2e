//! One clause of a stub held against a call: what it asks, what came, whether that is enough.

use serde_json::{Map, Value};

use crate::matcher::RequestPattern;

/// A stub that a call is held against.
#[derive(Clone, Copy, Debug)]
pub struct ComparedStub<'a> {
    /// The stub's name.
    pub name: Option<&'a str>,
    /// What it asks, compiled.
    pub pattern: &'a RequestPattern,
    /// What it asks, as written: the `request` of its document. Only for the spelling of names.
    pub request: Option<&'a Map<String, Value>>,
    /// The state in which it answers, if not in any.
    pub scenario: Option<ScenarioRequirement<'a>>,
}

/// The state that a stub asks of its scenario.
#[derive(Clone, Copy, Debug)]
pub struct ScenarioRequirement<'a> {
    /// The scenario's name.
    pub name: &'a str,
    /// The state in which the stub answers.
    pub required: &'a str,
    /// The state that it is in.
    pub state: &'a str,
}

/// What became of one clause.
#[derive(Clone, Debug)]
pub struct ClauseResult {
    /// What was looked at: `method`, `url`, `header`, `body` …
    pub clause: &'static str,
    /// The name of the header, parameter or cookie.
    pub name: Option<String>,
    /// How it is compared, as a stub spells it.
    pub operator: &'static str,
    /// What the stub asks, out if it is long.
    pub expected: String,
    /// What came, out if it is long; nothing if nothing did.
    pub actual: Vec<String>,
    /// True if the clause holds.
    pub matches: bool,
    /// True if it was given up at a limit of matching, and so does not hold.
    pub is_limited: bool,
    /// How the page shows it.
    pub(super) row: PageRow,
}

/// A row of the page, before it is wrapped.
#[derive(Clone, Debug, Default)]
pub(super) struct PageRow {
    pub(super) section: PageSection,
    /// What the remark is about.
    pub(super) subject: &'static str,
    pub(super) expected: String,
    pub(super) actual: String,
}

/// Rows that stand together, in the order of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PageSection {
    #[default]
    Target,
    Header,
    PathParameter,
    Query,
    Form,
    Cookie,
    Body,
    Multipart,
    Custom,
    Scenario,
}
