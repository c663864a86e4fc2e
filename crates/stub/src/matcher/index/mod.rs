//! An index of request patterns: finds the few stubs that a request may match without trying the
//! others.
//!
//! Each stub is in exactly one posting list: that of its exact URL, of its exact path, of a node in
//! a trie of path segments (templates, and the literal prefixes of patterns), of a literal that its
//! pattern requires, or of the rest. A list longer than [`MAX_UNSPLIT_CANDIDATES`] is split by an
//! equality that many of its stubs require: method, header, query parameter, cookie, credentials or
//! body. The lists of a request are merged by rank and verified. The first stub that matches is the
//! one that a linear scan would find.

mod literals;
mod posting;
mod trie;

use hashbrown::HashMap;
use smallvec::SmallVec;

use self::literals::Literals;
use self::posting::Posting;
use self::trie::Trie;
use super::url::UrlRule;
use super::value_matcher::MatchStats;
use super::{Rank, RequestPattern};
use crate::call::Call;

/// Length of a list beyond which another look-up is cheaper than trying all candidates.
const MAX_UNSPLIT_CANDIDATES: usize = 16;

/// The posting lists of one request, each in rank order.
type PostingLists<'i> = SmallVec<[&'i [u32]; 8]>;

/// A value with its rank.
#[derive(Debug)]
pub struct IndexEntry<T> {
    /// The rank of the entry.
    pub rank: Rank,
    /// The value, which has a request pattern.
    pub value: T,
}

/// An index over the request patterns of its entries.
#[derive(Debug)]
pub struct Index<T> {
    /// Sorted by rank: the slot number of an entry is its index.
    entries: Vec<IndexEntry<T>>,
    urls: HashMap<Box<str>, Posting>,
    paths: HashMap<Box<str>, Posting>,
    trie: Trie,
    literals: Literals,
    rest: Posting,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            urls: HashMap::new(),
            paths: HashMap::new(),
            trie: Trie::default(),
            literals: Literals::default(),
            rest: Posting::default(),
        }
    }
}

impl<T: AsRef<RequestPattern>> Index<T> {
    /// Builds the index. The entries may be in any order.
    pub fn new(mut entries: Vec<IndexEntry<T>>) -> Self {
        entries.sort_by_key(|entry| entry.rank);
        let mut urls: HashMap<Box<str>, Vec<u32>> = HashMap::new();
        let mut paths: HashMap<Box<str>, Vec<u32>> = HashMap::new();
        let mut trie = trie::TrieBuilder::default();
        let mut literals = literals::LiteralsBuilder::default();
        let mut rest = Vec::new();
        for (slot, entry) in entries.iter().enumerate() {
            let slot = slot as u32;
            match entry.value.as_ref().url() {
                UrlRule::Any => rest.push(slot),
                UrlRule::Url(url) => urls.entry(url.as_str().into()).or_default().push(slot),
                UrlRule::Path(path) => paths.entry(path.as_str().into()).or_default().push(slot),
                UrlRule::PathTemplate(template) => trie.add_template(template.segments(), slot),
                UrlRule::PathPattern(pattern) | UrlRule::UrlPattern(pattern) => {
                    if !literals.add(pattern, slot) {
                        trie.add_prefix(pattern.literal_prefix(), slot);
                    }
                }
            }
        }
        let features = |slot: u32| posting::features(entries[slot as usize].value.as_ref());
        let compile = |slots: Vec<u32>| Posting::new(slots, &features);
        let compile_all = |lists: HashMap<Box<str>, Vec<u32>>| {
            lists.into_iter().map(|(key, slots)| (key, compile(slots))).collect::<HashMap<_, _>>()
        };
        let literals = literals.compile(&compile).unwrap_or_else(|slots| {
            rest.extend(slots);
            rest.sort_unstable();
            Literals::default()
        });
        let (urls, paths, trie, rest) = (compile_all(urls), compile_all(paths), trie.compile(&compile), compile(rest));
        Self { entries, urls, paths, trie, literals, rest }
    }

    /// Returns the entry of lowest rank that matches and that `accept` accepts.
    pub fn find(
        &self,
        call: &Call,
        stats: &MatchStats,
        mut accept: impl FnMut(&IndexEntry<T>) -> bool,
    ) -> Option<&IndexEntry<T>> {
        let mut lists = PostingLists::new();
        if let Some(posting) = self.urls.get(call.url()) {
            posting.lists(call, &mut lists);
        }
        if let Some(posting) = self.paths.get(call.path()) {
            posting.lists(call, &mut lists);
        }
        self.trie.lists(call, &mut lists);
        self.literals.lists(call, &mut lists);
        self.rest.lists(call, &mut lists);
        while let Some(slot) = next_slot(&mut lists) {
            let entry = &self.entries[slot as usize];
            if entry.value.as_ref().matches(call, stats) && accept(entry) {
                return Some(entry);
            }
        }
        None
    }

    /// Returns all entries in rank order.
    pub fn entries(&self) -> &[IndexEntry<T>] {
        &self.entries
    }
}

/// Removes and returns the lowest slot of all lists.
fn next_slot(lists: &mut PostingLists<'_>) -> Option<u32> {
    let (place, &slot) = lists
        .iter()
        .enumerate()
        .filter_map(|(place, list)| list.first().map(|slot| (place, slot)))
        .min_by_key(|(_, slot)| **slot)?;
    lists[place] = &lists[place][1..];
    Some(slot)
}

#[cfg(test)]
mod tests;
