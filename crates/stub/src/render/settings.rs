//! [`RenderSettings`], what a server decides for the responses of all stubs.

use std::sync::Arc;

use standin_dialect::SyntaxError;
use standin_dialect::java_regex::{Flags, JavaRegex, MatchOutcome};

/// Settings of a server for the responses of all stubs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderSettings {
    /// Responses that are templates.
    pub templating: Templating,
    /// True if bodies are compressed for clients that accept gzip.
    pub compresses: bool,
    /// Variables of the environment that templates may read.
    pub system_keys: SystemKeys,
}

/// A setting for which responses are templates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Templating {
    /// All responses are templates.
    All,
    /// Responses of stubs with the transformer `response-template` are templates.
    #[default]
    Named,
    /// No responses are templates.
    Off,
}

/// Patterns of the names that the helper `systemValue` may read, whatever their case.
#[derive(Clone, Debug)]
pub struct SystemKeys(Arc<[JavaRegex]>);

impl Default for RenderSettings {
    fn default() -> Self {
        Self { templating: Templating::default(), compresses: true, system_keys: SystemKeys::default() }
    }
}

impl Templating {
    /// Returns the setting of the two options of the command line; the first counts.
    pub fn of_flags(is_global: bool, is_disabled: bool) -> Self {
        match (is_global, is_disabled) {
            (true, _) => Self::All,
            (false, true) => Self::Off,
            (false, false) => Self::Named,
        }
    }
}

impl SystemKeys {
    /// Compiles the patterns, which are Java regular expressions of whole names. The error has the
    /// first one that is none.
    pub fn new<P: AsRef<str>>(patterns: &[P]) -> Result<Self, (String, SyntaxError)> {
        let compile = |pattern: &P| {
            let pattern = pattern.as_ref();
            JavaRegex::with_flags(pattern, Flags::CASE_INSENSITIVE).map_err(|error| (pattern.to_owned(), error))
        };
        patterns.iter().map(compile).collect::<Result<Vec<_>, _>>().map(|patterns| Self(patterns.into()))
    }

    /// Returns whether templates may read the variable.
    pub(crate) fn permits(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name) == MatchOutcome::Match)
    }
}

/// WireMock's default: names that begin with `wiremock`.
impl Default for SystemKeys {
    fn default() -> Self {
        Self::new(&["wiremock.*"]).expect("a pattern")
    }
}

impl PartialEq for SystemKeys {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(JavaRegex::as_str).eq(other.0.iter().map(JavaRegex::as_str))
    }
}

impl Eq for SystemKeys {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_permitted_as_a_whole_and_whatever_their_case() {
        let keys = SystemKeys::new(&["APP_.*", "region"]).expect("patterns");
        for (name, expected) in
            [("app_mode", true), ("REGION", true), ("my_region", false), ("wiremock_x", false), ("", false)]
        {
            assert_eq!(keys.permits(name), expected, "{name}");
        }
        assert!(SystemKeys::default().permits("WireMock_x") && !SystemKeys::default().permits("PATH"));
        assert!(!SystemKeys::new::<&str>(&[]).expect("no patterns").permits("wiremock_x"));
        assert_eq!(SystemKeys::new(&["ok", "("]).map_err(|(pattern, _)| pattern), Err("(".to_owned()));
    }
}
