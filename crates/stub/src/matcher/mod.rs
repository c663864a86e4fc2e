//! What a stub asks of a call: a list of clauses that must all hold, cheap ones tried first.
//!
//! Everything here is compiled at load, pure and synchronous; a call only looks up and compares.

pub mod date_time;
mod fields;
pub mod format;
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

use crate::call::Call;
use standin_dialect::PathTemplate;

/// A stub's place among all: the lowest that matches answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// The service's place by name, when several share a port; 0 before all of them.
    pub service: u16,
    /// The stub's `priority`; 5 if it says none.
    pub priority: i32,
    /// Lower is newer.
    pub age: u64,
}

impl Rank {
    /// The priority of a stub that names none.
    pub const DEFAULT_PRIORITY: i32 = 5;
}

/// What a stub asks of a call.
#[derive(Clone, Debug, Default)]
pub struct RequestPattern {
    clauses: Vec<Clause>,
    /// Where the clauses stood before they were sorted; empty if they stand as they were written.
    written: Box<[u32]>,
}

/// One thing asked.
#[derive(Clone, Debug)]
pub enum Clause {
    /// User name and password, in base64.
    BasicAuth(String),
    /// The body.
    Body(ValueMatcher),
    /// The client's address, or X-Forwarded-For.
    ClientIp(ValueMatcher),
    /// A header, parameter or cookie.
    Field(FieldMatcher),
    /// The host that the client named.
    Host(ValueMatcher),
    /// The method.
    Method(MethodRule),
    /// The parts of a multipart body.
    Multipart(MultipartRule),
    /// Never: a custom matcher that is not known here.
    Unsatisfiable,
    /// A variable of the path template.
    PathParameter {
        /// The template that the variable stands in.
        template: PathTemplate,
        /// The variable's name.
        name: String,
        /// What its value must be.
        rule: ValueMatcher,
    },
    /// The port that the client named.
    Port(i64),
    /// `http` or `https`.
    Scheme(String),
    /// The url.
    Url(UrlRule),
}

/// What a stub asks of the method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodRule {
    /// Any method.
    Any,
    /// GET or HEAD.
    GetOrHead,
    /// This one, as spelt: `get` is no method that a client sends.
    Is(String),
}

impl RequestPattern {
    /// Returns a pattern of these clauses; all must hold.
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

    /// Returns the clauses in the order in which they were written: for people.
    pub fn as_written(&self) -> Vec<&Clause> {
        let mut clauses: Vec<_> = self.clauses.iter().collect();
        for (clause, place) in self.clauses.iter().zip(&self.written) {
            clauses[*place as usize] = clause;
        }
        clauses
    }

    /// What method and url alone tell of a call: whether it matches, or `None` if the rest has to
    /// be looked at.
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

    /// What is asked of the url.
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
    /// Returns the clause that asks for a user name and a password.
    pub fn basic_auth(username: &str, password: &str) -> Self {
        Self::BasicAuth(base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}")))
    }

    /// Returns whether it holds for the call.
    pub fn holds(&self, call: &Call, stats: &MatchStats) -> bool {
        match self {
            Self::BasicAuth(expected) => call.basic_credentials() == Some(expected),
            Self::Body(rule) => rule.matches(MatchInput::Body(call), stats),
            Self::ClientIp(rule) => rule.matches(MatchInput::Text(&call.client_ip()), stats),
            Self::Field(field) => field.matches(call, stats),
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

/// Orders two candidates of two indexes: the lower rank first.
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
