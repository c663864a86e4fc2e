//! Request matching: a stub's pattern is a list of clauses that must all hold, cheap ones tried
//! first.
//!
//! Patterns are compiled at load. Matching is pure and synchronous.

pub mod date_time;
mod fields;
pub mod format;
pub mod graphql;
mod index;
pub mod json_schema;
mod multipart;
pub mod near_miss;
mod url;
mod value_matcher;
pub mod xml;
pub mod xpath;

use std::cmp::Ordering;

use base64::Engine as _;

pub use fields::{FieldMatcher, FieldName, FieldRule};
pub use index::{Index, IndexEntry};
pub use multipart::MultipartRule;
pub use url::UrlRule;
pub use value_matcher::{MatchInput, MatchLimit, MatchStats, ValueMatcher};

use self::graphql::GraphQlRule;
use crate::call::Call;
use standin_dialect::PathTemplate;

/// The rank of a stub: of all stubs that match, the one with the lowest rank answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// The rank of the service by name if several share a port; else 0.
    pub service: u16,
    /// The `priority` of the stub; 5 if it has none.
    pub priority: i32,
    /// The age of the stub; a lower number is newer.
    pub age: u64,
}

impl Rank {
    /// The priority of a stub that has none.
    pub const DEFAULT_PRIORITY: i32 = 5;
}

/// A compiled request pattern.
#[derive(Clone, Debug, Default)]
pub struct RequestPattern {
    clauses: Vec<Clause>,
    /// The position of each clause before sorting; empty if sorting moved none.
    written: Box<[u32]>,
}

/// One condition of a request pattern.
#[derive(Clone, Debug)]
pub enum Clause {
    /// The credentials of Basic authentication: `user:password` in base64.
    BasicAuth(String),
    /// A matcher for the body.
    Body(ValueMatcher),
    /// A matcher for the X-Forwarded-For address, else the address of the client.
    ClientIp(ValueMatcher),
    /// A matcher for a header, parameter or cookie.
    Field(FieldMatcher),
    /// The rule for a GraphQL request.
    GraphQl(Box<GraphQlRule>),
    /// A matcher for the host that the client named.
    Host(ValueMatcher),
    /// The rule for the method.
    Method(MethodRule),
    /// The rule for the parts of a multipart body.
    Multipart(MultipartRule),
    /// A condition that no request satisfies: an unknown custom matcher, or credentials without
    /// user name or password.
    Unsatisfiable,
    /// A matcher for a variable of the path template.
    PathParameter {
        /// The template with the variable.
        template: PathTemplate,
        /// The name of the variable.
        name: String,
        /// The matcher for its value.
        rule: ValueMatcher,
    },
    /// The port that the client must name.
    Port(i64),
    /// The scheme: `http` or `https`.
    Scheme(String),
    /// The rule for the URL.
    Url(UrlRule),
}

/// The rule for the method of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodRule {
    /// No condition: any method matches.
    Any,
    /// The method GET or HEAD.
    GetOrHead,
    /// This method, case-sensitively: `get` never matches.
    Is(String),
}

impl RequestPattern {
    /// Creates a pattern of these clauses, all of which must hold.
    pub fn new(mut clauses: Vec<Clause>) -> Self {
        clauses.retain(|clause| !clause.always_holds());
        if clauses.is_sorted_by_key(Clause::cost) {
            return Self { clauses, written: Box::default() };
        }
        let mut placed: Vec<(u32, Clause)> = (0..).zip(clauses).collect();
        placed.sort_by_key(|(_, clause)| clause.cost());
        let (written, clauses): (Vec<u32>, Vec<Clause>) = placed.into_iter().unzip();
        Self { clauses, written: written.into() }
    }

    /// Returns the clauses, cheapest first.
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// Returns the clauses in the order in which the stub lists them, for messages.
    pub fn as_written(&self) -> Vec<&Clause> {
        let mut clauses: Vec<_> = self.clauses.iter().collect();
        for (clause, place) in self.clauses.iter().zip(&self.written) {
            clauses[*place as usize] = clause;
        }
        clauses
    }

    /// Matches by method and URL alone. Returns `None` if other clauses decide.
    pub fn matches_target(&self, method: &str, url: &str, stats: &MatchStats) -> Option<bool> {
        let path = url.split('?').next().unwrap_or_default();
        let mut rest = false;
        for clause in &self.clauses {
            let holds = match clause {
                Clause::Method(rule) => rule.matches(method),
                Clause::Url(rule) => rule.holds(url, path, stats),
                _ => {
                    rest = true;
                    continue;
                }
            };
            if !holds {
                return Some(false);
            }
        }
        (!rest).then_some(true)
    }

    /// Returns whether every clause holds.
    pub fn matches(&self, call: &Call, stats: &MatchStats) -> bool {
        self.clauses.iter().all(|clause| clause.holds(call, stats))
    }

    /// Returns the rule for the URL.
    pub fn url(&self) -> &UrlRule {
        self.clauses
            .iter()
            .find_map(|clause| match clause {
                Clause::Url(rule) => Some(rule),
                _ => None,
            })
            .unwrap_or(&UrlRule::Any)
    }
}

impl Clause {
    /// Creates the clause for a user name and a password.
    pub fn basic_auth(username: &str, password: &str) -> Self {
        Self::BasicAuth(base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}")))
    }

    /// Returns whether the clause holds for the request.
    pub fn holds(&self, call: &Call, stats: &MatchStats) -> bool {
        match self {
            Self::BasicAuth(expected) => call.basic_credentials().any(|credentials| credentials == expected),
            Self::Body(rule) => rule.matches(MatchInput::Body(call), stats),
            Self::ClientIp(rule) => rule.matches(MatchInput::Text(&call.client_ip()), stats),
            Self::Field(field) => field.matches(call, stats),
            Self::GraphQl(rule) => rule.matches(call, stats),
            Self::Host(rule) => rule.matches(MatchInput::Text(&call.host()), stats),
            Self::Method(rule) => rule.matches(call.method.as_str()),
            Self::Multipart(rule) => rule.matches(call, stats),
            Self::Unsatisfiable => false,
            Self::PathParameter { template, name, rule } => match template.variable(name, call.path()) {
                Some(value) => rule.matches(MatchInput::Text(value), stats),
                None => rule.matches(MatchInput::Missing, stats),
            },
            Self::Port(port) => i64::from(call.port()) == *port,
            Self::Scheme(scheme) => call.peers.scheme.as_str() == scheme,
            Self::Url(rule) => rule.matches(call, stats),
        }
    }

    fn always_holds(&self) -> bool {
        matches!(self, Self::Method(MethodRule::Any) | Self::Url(UrlRule::Any))
    }

    fn cost(&self) -> u32 {
        match self {
            Self::Unsatisfiable => 0,
            Self::Method(_) | Self::Scheme(_) | Self::Port(_) => 1,
            Self::Url(UrlRule::Any | UrlRule::Path(_) | UrlRule::Url(_)) => 2,
            Self::BasicAuth(_) | Self::Url(UrlRule::PathTemplate(_)) => 3,
            Self::Url(UrlRule::PathPattern(_) | UrlRule::UrlPattern(_)) => 5,
            Self::Host(rule) | Self::ClientIp(rule) => 3 + rule.cost(),
            Self::PathParameter { rule, .. } => 4 + rule.cost(),
            Self::Field(field) => 3 + field.cost(),
            Self::Body(rule) => 20 + rule.cost(),
            Self::Multipart(rule) => 22 + rule.cost(),
            Self::GraphQl(_) => 30,
        }
    }
}

impl MethodRule {
    pub(in crate::matcher) fn matches(&self, method: &str) -> bool {
        match self {
            Self::Any => true,
            Self::GetOrHead => matches!(method, "GET" | "HEAD"),
            Self::Is(name) => name == method,
        }
    }
}

/// Returns the entry with the lower rank.
pub fn min_by_rank<'a, T>(
    left: Option<&'a IndexEntry<T>>,
    right: Option<&'a IndexEntry<T>>,
) -> Option<&'a IndexEntry<T>> {
    match (left, right) {
        (Some(left), Some(right)) => Some(match left.rank.cmp(&right.rank) {
            Ordering::Less | Ordering::Equal => left,
            Ordering::Greater => right,
        }),
        (left, right) => left.or(right),
    }
}
