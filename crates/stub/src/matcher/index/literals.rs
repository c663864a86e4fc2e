//! Patterns that say nothing certain of a url's beginning, by a text that must stand somewhere in
//! it.

use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::{Posting, PostingLists};
use crate::call::Call;
use standin_dialect::java_regex::JavaRegex;

/// All texts are looked for at once.
#[derive(Default)]
pub(super) struct Literals {
    /// None if there are no texts.
    automaton: Option<AhoCorasick>,
    /// The stubs of each text.
    postings: Vec<Posting>,
}

/// The same while it is filled.
#[derive(Default)]
pub(super) struct LiteralsBuilder {
    slots: HashMap<Box<str>, Vec<u32>>,
}

impl LiteralsBuilder {
    /// Adds a pattern if the text that it demands tells more of a url than its beginning does.
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
        // a pattern may leave the case of its letters open
        match AhoCorasickBuilder::new().ascii_case_insensitive(true).build(texts.iter().map(|text| text.as_bytes())) {
            Ok(automaton) => {
                Ok(Literals { automaton: Some(automaton), postings: slots.into_iter().map(posting).collect() })
            }
            // more text than an automaton can number: they are tried one by one
            Err(_) => Err(slots.concat()),
        }
    }
}

impl Literals {
    /// Adds the lists of every text that stands in the call's url.
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

/// Shorter texts stand in too many urls.
const MIN_LITERAL_BYTES: usize = 3;
