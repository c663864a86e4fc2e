//! The url clauses: exact url or path, Java patterns over either, and path templates.

use super::value_matcher::{MatchLimit, MatchStats};
use crate::call::Call;
use standin_dialect::PathTemplate;
use standin_dialect::java_regex::JavaRegex;

/// What a stub asks of the url. The url is never decoded: `/a%20b` is not `/a b`.
#[derive(Clone, Debug)]
pub enum UrlRule {
    /// Any url.
    Any,
    /// The path, whatever the query.
    Path(String),
    /// A pattern for the path.
    PathPattern(JavaRegex),
    /// A template for the path.
    PathTemplate(PathTemplate),
    /// Path and query.
    Url(String),
    /// A pattern for path and query.
    UrlPattern(JavaRegex),
}

impl UrlRule {
    /// Returns whether the call's url is as the rule says.
    pub fn matches(&self, call: &Call, stats: &MatchStats) -> bool {
        self.holds(call.url(), call.path(), stats)
    }

    /// Returns whether a url, and the path that it begins with, are as the rule says.
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
