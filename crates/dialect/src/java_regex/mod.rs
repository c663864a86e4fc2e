//! Java's regular expressions: translated once, then run by an engine that cannot run away.
//!
//! What the linear-time engine refuses (look-around, back-references, atomic groups, possessive
//! quantifiers) goes to a backtracking one with a limit; a pattern that has no translation is an
//! error that names the construct. The table in `tests/java_regex` holds what a real JVM says.

mod class;
mod cursor;
mod engine;
mod escape;
mod flags;
mod fold;
mod parse;
mod property;
mod tree;
mod write;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

pub use self::flags::Flags;

use self::engine::{Groups, RegexEngine};
use self::parse::ParsedPattern;
use self::write::MatchExtent;
use crate::SyntaxError;

/// A compiled pattern. A clone shares it.
#[derive(Clone)]
pub struct JavaRegex {
    compiled: Arc<CompiledRegex>,
}

struct CompiledRegex {
    java: String,
    flags: Flags,
    prefix: String,
    required: String,
    names: Vec<(String, usize)>,
    whole: RegexEngine,
    /// The engine that matches a part of a text, compiled when it is first needed.
    part: OnceLock<Option<RegexEngine>>,
}

/// The outcome of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchOutcome {
    /// The pattern matches the text.
    Match,
    /// The pattern does not match the text.
    NoMatch,
    /// The limit of backtracking was reached first: not a match, but to be counted.
    LimitExceeded,
}

/// The limit of backtracking was reached before an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacktrackLimitExceeded;

/// One match of a part of a text, with its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captures {
    groups: Groups,
}

impl JavaRegex {
    /// Compiles a pattern as WireMock does: with DOTALL and no other flag.
    pub fn new(java: &str) -> Result<Self, SyntaxError> {
        Self::with_flags(java, Flags::DOTALL)
    }

    /// Compiles a pattern with just these flags.
    pub fn with_flags(java: &str, flags: Flags) -> Result<Self, SyntaxError> {
        if java.len() > MAX_LENGTH {
            let message = format!("the pattern is longer than {MAX_LENGTH} bytes");
            return Err(SyntaxError::limit(0, message, "shorten it"));
        }
        let pattern = parse::parse(java, flags)?;
        let whole = engine(&pattern, MatchExtent::Whole)?;
        let (prefix, _) = pattern.root.prefix();
        let required = pattern.root.required();
        let part = OnceLock::new();
        let compiled =
            CompiledRegex { java: java.to_owned(), flags, prefix, required, names: pattern.names, whole, part };
        Ok(Self { compiled: Arc::new(compiled) })
    }

    /// Matches the pattern against the whole text.
    pub fn matches(&self, text: &str) -> MatchOutcome {
        self.compiled.whole.is_match(text)
    }

    /// Searches the text for a part that the pattern matches.
    pub fn finds(&self, text: &str) -> MatchOutcome {
        self.part().map_or(MatchOutcome::LimitExceeded, |part| part.is_match(text))
    }

    /// Returns the first match of a part of the text.
    pub fn captures(&self, text: &str) -> Result<Option<Captures>, BacktrackLimitExceeded> {
        self.captures_from(text, 0, true)
    }

    /// Returns true if the pattern needs the backtracking engine, whose time may exceed linear
    /// time.
    pub fn backtracks(&self) -> bool {
        self.compiled.whole.backtracks()
    }

    /// Returns all matches of parts of the text, from left to right. They do not overlap; an empty
    /// match may touch the one before. `goes_on` is asked before each search whether to continue.
    pub fn captures_all(
        &self,
        text: &str,
        mut goes_on: impl FnMut() -> bool,
    ) -> Result<Vec<Captures>, BacktrackLimitExceeded> {
        let mut all = Vec::new();
        let (mut start, mut last_end) = (0, 0);
        while start <= text.len() && goes_on() {
            let Some(captures) = self.captures_from(text, start, start == last_end)? else { break };
            let Range { start: first, end } = captures.range();
            (start, last_end) = (end, end);
            if first == end {
                // never twice at one place
                start += text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            }
            all.push(captures);
        }
        Ok(all)
    }

    /// Returns the pattern as written.
    pub fn as_str(&self) -> &str {
        &self.compiled.java
    }

    /// Returns the number of the group with a name.
    pub fn group_number(&self, name: &str) -> Option<usize> {
        self.compiled.names.iter().find(|(known, _)| known == name).map(|&(_, number)| number)
    }

    /// Returns true if [`JavaRegex::matches`] holds for one text only, which is
    /// [`JavaRegex::literal_prefix`].
    pub fn is_literal(&self) -> bool {
        matches!(self.compiled.whole, RegexEngine::Literal(..))
    }

    /// Returns a text that begins every text for which [`JavaRegex::matches`] holds; empty if there
    /// is none.
    pub fn literal_prefix(&self) -> &str {
        &self.compiled.prefix
    }

    /// Returns the longest text that every text for which [`JavaRegex::matches`] holds contains, in
    /// any case of its ASCII letters; empty if there is none.
    pub fn required_literal(&self) -> &str {
        &self.compiled.required
    }

    fn captures_from(
        &self,
        text: &str,
        start: usize,
        follows: bool,
    ) -> Result<Option<Captures>, BacktrackLimitExceeded> {
        let groups = self.part().ok_or(BacktrackLimitExceeded)?.groups(text, start, follows)?;
        Ok(groups.map(|groups| Captures { groups }))
    }

    /// Returns the engine for parts of a text. `None` if the pattern is at the limit of its size
    /// for whole texts and beyond it for parts.
    fn part(&self) -> Option<&RegexEngine> {
        let compile = || {
            let pattern = parse::parse(&self.compiled.java, self.compiled.flags).ok()?;
            engine(&pattern, MatchExtent::Part).ok()
        };
        self.compiled.part.get_or_init(compile).as_ref()
    }
}

impl Captures {
    /// Returns the range of the whole match, in bytes of the text.
    pub fn range(&self) -> Range<usize> {
        self.group(0).unwrap_or_default()
    }

    /// Returns the range of a group, in bytes of the text; `None` if the group took no part in the
    /// match. Group 0 is the whole match.
    pub fn group(&self, number: usize) -> Option<Range<usize>> {
        self.groups.get(number).cloned().flatten()
    }

    /// Returns the number of groups of the pattern; the whole match does not count.
    pub fn group_count(&self) -> usize {
        self.groups.len().saturating_sub(1)
    }
}

impl fmt::Debug for JavaRegex {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("JavaRegex").field(&self.compiled.java).finish()
    }
}

impl From<bool> for MatchOutcome {
    fn from(matches: bool) -> Self {
        if matches { Self::Match } else { Self::NoMatch }
    }
}

fn engine(pattern: &ParsedPattern, extent: MatchExtent) -> Result<RegexEngine, SyntaxError> {
    // anchors at either end and groups are nothing to care about only where the whole text is
    // matched
    let is_plain = extent == MatchExtent::Whole || pattern.groups == 0 && !pattern.root.is_anchored();
    match pattern.root.prefix() {
        (literal, true) if is_plain => Ok(RegexEngine::Literal(literal, extent)),
        _ => RegexEngine::new(&write::write(pattern, extent)),
    }
}

/// Bytes of a pattern.
const MAX_LENGTH: usize = 64 << 10;

#[cfg(test)]
mod tests;
