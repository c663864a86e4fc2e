//! An index of URL patterns without a literal prefix, by a literal text that every match contains.

use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::{Posting, PostingLists};
use crate::call::Call;
use standin_dialect::java_regex::JavaRegex;

/// A multi-pattern search for all literals at once.
#[derive(Default)]
pub(super) struct Literals {
    /// `None` if there are no literals.
    automaton: Option<AhoCorasick>,
    /// The stubs of each literal.
    postings: Vec<Posting>,
}

/// Collects literals and their stubs.
#[derive(Default)]
pub(super) struct LiteralsBuilder {
    slots: HashMap<Box<str>, Vec<u32>>,
}

impl LiteralsBuilder {
    /// Adds a pattern if its required literal is more selective than its literal prefix; returns
    /// whether it was added.
    pub(super) fn add(&mut self, pattern: &JavaRegex, slot: u32) -> bool {
        let literal = pattern.required_literal();
        let tells = literal.len() >= MIN_LITERAL_BYTES && literal.len() > pattern.literal_prefix().len();
        if tells {
            self.slots.entry(literal.into()).or_default().push(slot);
        }
        tells
    }

    pub(super) fn compile(self, posting: &impl Fn(Vec<u32>) -> Posting) -> Result<Literals, Vec<u32>> {
        let (texts, slots): (Vec<Box<str>>, Vec<Vec<u32>>) = self.slots.into_iter().unzip();
        if texts.is_empty() {
            return Ok(Literals::default());
        }
        // a pattern may match letters of either case
        match AhoCorasickBuilder::new().ascii_case_insensitive(true).build(texts.iter().map(|text| text.as_bytes())) {
            Ok(automaton) => {
                Ok(Literals { automaton: Some(automaton), postings: slots.into_iter().map(posting).collect() })
            }
            // there are too many literals for an automaton: their stubs are tried one by one
            Err(_) => Err(slots.concat()),
        }
    }
}

impl Literals {
    /// Appends the lists of every literal that the URL of the request contains.
    pub(super) fn lists<'i>(&'i self, call: &Call, lists: &mut PostingLists<'i>) {
        let Some(automaton) = &self.automaton else { return };
        let mut found = SmallVec::<[usize; 8]>::new();
        for text in automaton.find_overlapping_iter(call.url()).map(|text| text.pattern().as_usize()) {
            if !found.contains(&text) {
                found.push(text);
                self.postings[text].lists(call, lists);
            }
        }
    }
}

impl fmt::Debug for Literals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Literals").field("postings", &self.postings).finish_non_exhaustive()
    }
}

/// Minimum length of a literal in bytes: shorter ones occur in too many URLs.
const MIN_LITERAL_BYTES: usize = 3;
