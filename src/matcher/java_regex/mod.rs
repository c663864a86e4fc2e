//! Java's regular expressions: translated once, then run by an engine that cannot run away.
//!
//! What the linear-time engine refuses (look-around, back-references, atomic groups, possessive quantifiers) goes to a
//! backtracking one with a limit; a pattern that has no translation is an error that names the construct. The table in
//! `tests/java_regex` holds what a real JVM says.

mod class;
mod property;
mod translate;

use std::fmt;
use std::sync::{Arc, OnceLock};

use self::translate::{Mode, Translation};

/// Steps after which a backtracking match is given up: some milliseconds.
const BACKTRACK_LIMIT: usize = 100_000;

/// Bytes that a compiled pattern may take.
const SIZE_LIMIT: usize = 4 << 20;

/// Bytes of a pattern.
const MAX_LENGTH: usize = 64 << 10;

/// A compiled pattern, as `Pattern.compile(pattern, DOTALL)` would make it.
#[derive(Clone)]
pub struct JavaRegex {
    java: Arc<str>,
    prefix: Arc<str>,
    whole: Arc<Engine>,
    /// The same for a part of a text; compiled when it is first asked for.
    part: Arc<OnceLock<Option<Engine>>>,
}

/// What came of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It matches.
    Match,
    /// It does not.
    NoMatch,
    /// The limit of backtracking was reached first: not a match, but to be counted.
    GaveUp,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexError {
    /// Where in the pattern, in bytes from the start.
    pub at: usize,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl RegexError {
    fn new(at: usize, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { at, what: what.into(), mend: mend.into() }
    }
}

enum Engine {
    Backtracking(Box<fancy_regex::Regex>),
    Linear(regex::Regex),
}

impl JavaRegex {
    /// Compiles a pattern.
    pub fn new(java: &str) -> Result<Self, RegexError> {
        if java.len() > MAX_LENGTH {
            let what = format!("the pattern is longer than {MAX_LENGTH} bytes");
            return Err(RegexError { at: MAX_LENGTH, what, mend: "shorten it".to_owned() });
        }
        let translation = translate::translate(java, Mode::Whole)?;
        let whole = Engine::new(&format!(r"\A(?:{})\z", translation.pattern), translation.backtracks)?;
        Ok(Self {
            java: java.into(),
            prefix: translation.prefix.into(),
            whole: Arc::new(whole),
            part: Arc::new(OnceLock::new()),
        })
    }

    /// Whether it matches the whole text.
    pub fn matches(&self, text: &str) -> Outcome {
        self.whole.is_match(text)
    }

    /// Whether it matches some part of the text.
    pub fn finds(&self, text: &str) -> Outcome {
        let part = self.part.get_or_init(|| {
            let Translation { pattern, backtracks, .. } = translate::translate(&self.java, Mode::Part).ok()?;
            Engine::new(&pattern, backtracks).ok()
        });
        // what compiles for the whole text compiles for a part of it
        part.as_ref().map_or(Outcome::NoMatch, |engine| engine.is_match(text))
    }

    /// The text that every match of the whole begins with; empty if there is none.
    pub fn literal_prefix(&self) -> &str {
        &self.prefix
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.java
    }
}

impl fmt::Debug for JavaRegex {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("JavaRegex").field(&self.java).finish()
    }
}

impl Engine {
    fn new(pattern: &str, backtracks: bool) -> Result<Self, RegexError> {
        let refused = |error: &dyn fmt::Display| RegexError {
            at: 0,
            what: format!("the pattern cannot be compiled: {}", error.to_string().lines().last().unwrap_or_default()),
            mend: "simplify it".to_owned(),
        };
        if backtracks {
            let built = fancy_regex::RegexBuilder::new(pattern)
                .backtrack_limit(BACKTRACK_LIMIT)
                .delegate_size_limit(SIZE_LIMIT)
                .build();
            return built.map(|regex| Self::Backtracking(Box::new(regex))).map_err(|error| refused(&error));
        }
        let built = regex::RegexBuilder::new(pattern).size_limit(SIZE_LIMIT).nest_limit(500).build();
        built.map(Self::Linear).map_err(|error| refused(&error))
    }

    fn is_match(&self, text: &str) -> Outcome {
        match self {
            Self::Linear(regex) if regex.is_match(text) => Outcome::Match,
            Self::Linear(_) => Outcome::NoMatch,
            Self::Backtracking(regex) => match regex.is_match(text) {
                Ok(true) => Outcome::Match,
                Ok(false) => Outcome::NoMatch,
                Err(_) => Outcome::GaveUp,
            },
        }
    }
}

#[cfg(test)]
mod tests;
