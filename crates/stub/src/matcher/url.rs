//! Rules for the URL: exact URL or path, Java patterns for either, and path templates.

use super::value_matcher::{MatchLimit, MatchStats};
use crate::call::Call;
use standin_dialect::PathTemplate;
use standin_dialect::java_regex::JavaRegex;

/// The rule for the URL of a request. The URL is not decoded: `/a%20b` is not `/a b`.
#[derive(Clone, Debug)]
pub enum UrlRule {
    /// No condition: every URL matches.
    Any,
    /// The path must be equal; the query does not matter.
    Path(String),
    /// The path must match the pattern.
    PathPattern(JavaRegex),
    /// The path must have the form of the template.
    PathTemplate(PathTemplate),
    /// Path and query must be equal.
    Url(String),
    /// Path and query must match the pattern.
    UrlPattern(JavaRegex),
}

impl UrlRule {
    /// Returns whether the URL of the request matches.
    pub fn matches(&self, call: &Call, stats: &MatchStats) -> bool {
        self.holds(call.url(), call.path(), stats)
    }

    /// Returns whether a URL matches. `path` is the URL without its query.
    pub(super) fn holds(&self, url: &str, path: &str, stats: &MatchStats) -> bool {
        match self {
            Self::Any => true,
            Self::Path(wanted) => path == wanted,
            Self::PathPattern(pattern) => stats.record(MatchLimit::Pattern, pattern.matches(path)),
            Self::PathTemplate(template) => template.matches(path),
            Self::Url(wanted) => url == wanted,
            Self::UrlPattern(pattern) => stats.record(MatchLimit::Pattern, pattern.matches(url)),
        }
    }
}
