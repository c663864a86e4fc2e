//! The result of comparing one clause of a stub with a request.

use serde_json::{Map, Value};

use crate::matcher::RequestPattern;

/// A stub that a request is compared with.
#[derive(Clone, Copy, Debug)]
pub struct ComparedStub<'a> {
    /// The name of the stub.
    pub name: Option<&'a str>,
    /// The compiled request pattern.
    pub pattern: &'a RequestPattern,
    /// The `request` of the stub's document, for the spelling of names.
    pub request: Option<&'a Map<String, Value>>,
    /// The required state of a scenario, if the stub has one.
    pub scenario: Option<ScenarioRequirement<'a>>,
}

/// The state of a scenario that a stub requires.
#[derive(Clone, Copy, Debug)]
pub struct ScenarioRequirement<'a> {
    /// The name of the scenario.
    pub name: &'a str,
    /// State that the stub requires.
    pub required: &'a str,
    /// State that the scenario is in.
    pub state: &'a str,
}

/// The result of one clause.
#[derive(Clone, Debug)]
pub struct ClauseResult {
    /// The kind of the clause: `method`, `url`, `header`, `body` …
    pub clause: &'static str,
    /// The name of the header, parameter or cookie.
    pub name: Option<String>,
    /// The operator, as a stub spells it.
    pub operator: &'static str,
    /// The expected value, truncated.
    pub expected: String,
    /// The actual values, truncated; empty if there are none.
    pub actual: Vec<String>,
    /// True if the clause matches.
    pub matches: bool,
    /// True if the evaluation reached a limit, and so does not match.
    pub is_limited: bool,
    /// The row of the page.
    pub(super) row: PageRow,
}

/// A row of the page, before wrapping.
#[derive(Clone, Debug, Default)]
pub(super) struct PageRow {
    pub(super) section: PageSection,
    /// The subject of the remark.
    pub(super) subject: &'static str,
    pub(super) expected: String,
    pub(super) actual: String,
}

/// A group of rows, in the order of the page.
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
