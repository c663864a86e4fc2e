//! The custom matcher `graphql-body-matcher` of WireMock's GraphQL extension: a body whose query is
//! the expected one, whatever its layout and order, with the expected variables and operation.

use super::value_matcher::{MatchLimit, MatchStats};
use crate::call::Call;
use standin_dialect::graphql::GraphQlDocument;
use standin_dialect::java_regex::MatchOutcome;
use standin_dialect::json::{JsonEquality, JsonNode};

/// A rule for the body of a GraphQL request.
#[derive(Clone, Debug)]
pub struct GraphQlRule {
    /// Document that is expected.
    pub query: GraphQlDocument,
    /// The expected variables; `None` if there must be none.
    pub variables: Option<Box<JsonEquality>>,
    /// The rule for the name of the operation.
    pub operation: OperationName,
    /// True if an empty object counts as no variables.
    pub ignores_empty_variables: bool,
}

/// The rule for `operationName`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationName {
    /// There must be none.
    Absent,
    /// Any name, or none.
    Any,
    /// The operation of this name.
    Is(String),
}

impl GraphQlRule {
    /// Returns whether the body of a request is the expected one.
    pub(super) fn matches(&self, call: &Call, stats: &MatchStats) -> bool {
        let Some(body) = call.json() else { return false };
        // a member that is null counts as absent
        let member = |key: &str| body.get(key).filter(|value| !value.is_null());
        if !body.is_object() {
            return false;
        }
        if !self.operation.accepts(member("operationName")) || !self.accepts_variables(member("variables")) {
            return false;
        }
        let outcome = match call.graphql() {
            Some(Ok(query)) => MatchOutcome::from(*query == self.query),
            Some(Err(error)) if error.is_limit => MatchOutcome::LimitExceeded,
            _ => MatchOutcome::NoMatch,
        };
        stats.record(MatchLimit::GraphQl, outcome)
    }

    fn accepts_variables(&self, actual: Option<JsonNode<'_>>) -> bool {
        let is_empty = |value: &JsonNode<'_>| value.is_object() && value.is_empty();
        match (&self.variables, actual.filter(|value| !(self.ignores_empty_variables && is_empty(value)))) {
            (Some(expected), Some(actual)) => expected.matches(actual),
            (None, None) => true,
            _ => false,
        }
    }
}

impl OperationName {
    fn accepts(&self, actual: Option<JsonNode<'_>>) -> bool {
        match self {
            Self::Absent => actual.is_none(),
            Self::Any => true,
            Self::Is(name) => actual.and_then(JsonNode::as_str).as_deref() == Some(name),
        }
    }
}
