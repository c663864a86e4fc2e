//! Engines that run a translated pattern: a comparison, the linear-time engine, or the backtracking
//! engine with a limit.

use std::ops::Range;

use fancy_regex::RegexInput;

use super::write::{EngineSource, MatchExtent};
use super::{BacktrackLimitExceeded, MatchOutcome};
use crate::SyntaxError;

/// A translated pattern, compiled for one of three engines.
#[derive(Debug)]
pub(super) enum RegexEngine {
    /// Look-around, back-references and what else needs to go back.
    Backtracking(Box<fancy_regex::Regex>),
    /// Everything else, in time linear in the text.
    Linear(regex::Regex),
    /// A pattern that is a plain text.
    Literal(String, MatchExtent),
}

/// The whole match and its groups, in bytes of the text.
pub(super) type Groups = Vec<Option<Range<usize>>>;

impl RegexEngine {
    pub(super) fn backtracks(&self) -> bool {
        matches!(self, Self::Backtracking(_))
    }

    pub(super) fn new(written: &EngineSource) -> Result<Self, SyntaxError> {
        if !written.backtracks {
            let built = regex::RegexBuilder::new(&written.text).size_limit(SIZE_LIMIT).nest_limit(NEST_LIMIT).build();
            return built.map(Self::Linear).map_err(|error| too_large(&error));
        }
        let built = fancy_regex::RegexBuilder::new(&written.text)
            .backtrack_limit(BACKTRACK_LIMIT)
            // rewriting `(x?)+` as `(x*)` gives the group more than its last round
            .optimize(false)
            // what lets a search say that nothing was matched right before it; it makes `\A` slower
            .allow_input_assertion_overrides(written.text.contains(r"\G"))
            .delegate_size_limit(SIZE_LIMIT)
            .max_prog_size(PROGRAM_LIMIT)
            .build();
        built.map(|regex| Self::Backtracking(Box::new(regex))).map_err(|error| too_large(&error))
    }

    /// Returns the outcome of a match of the extent that the pattern was written for.
    pub(super) fn is_match(&self, text: &str) -> MatchOutcome {
        match self {
            Self::Backtracking(regex) => regex.is_match(text).map_or(MatchOutcome::LimitExceeded, MatchOutcome::from),
            Self::Linear(regex) => regex.is_match(text).into(),
            Self::Literal(literal, MatchExtent::Part) => text.contains(literal).into(),
            Self::Literal(literal, MatchExtent::Whole) => (text == literal).into(),
        }
    }

    /// Returns the groups of the first match at or after `start`. `follows` is true if the match
    /// before ended at `start`.
    pub(super) fn groups(
        &self,
        text: &str,
        start: usize,
        follows: bool,
    ) -> Result<Option<Groups>, BacktrackLimitExceeded> {
        match self {
            Self::Backtracking(regex) => {
                let found = {
                    let input = RegexInput::new(text).from_pos(start).continue_from_previous_match_end(follows);
                    regex.captures_input(input).map_err(|_| BacktrackLimitExceeded)?
                };
                Ok(found.map(|groups| groups.iter().map(|group| group.map(|group| group.range())).collect()))
            }
            Self::Linear(regex) => {
                let found = regex.captures_at(text, start);
                Ok(found.map(|groups| groups.iter().map(|group| group.map(|group| group.range())).collect()))
            }
            Self::Literal(literal, _) => {
                let found = text.get(start..).and_then(|rest| rest.find(literal));
                Ok(found.map(|at| vec![Some(start + at..start + at + literal.len())]))
            }
        }
    }
}

fn too_large(error: &dyn std::fmt::Display) -> SyntaxError {
    let reason = error.to_string();
    let reason = reason.lines().last().unwrap_or_default().to_lowercase();
    let help = "lower its repetition counts, or take groups out of one another";
    SyntaxError::limit(0, format!("the pattern cannot be compiled: {reason}"), help)
}

/// Times of going back after which a match is given up.
const BACKTRACK_LIMIT: usize = 100_000;

/// Parts that may stand in each other; groups are bounded before, and each is a few parts.
const NEST_LIMIT: u32 = 1_000;

/// Instructions of a backtracking program.
const PROGRAM_LIMIT: usize = 200_000;

/// Bytes of a compiled pattern.
const SIZE_LIMIT: usize = 8 << 20;
