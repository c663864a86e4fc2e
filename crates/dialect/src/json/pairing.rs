//! Lists whose order does not matter: which item of the actual list each expected item takes.
//!
//! An item may fit several expected ones where placeholders stand or extra elements are forgiven,
//! so that taking the first that fits could be wrong, and trying every order would take for ever:
//! it is a matching in a bipartite graph.

use std::collections::HashMap;

use super::JsonNode;
use super::digest::digest_ignoring_order;
use super::pattern::{JsonComparison, JsonPatternItem};
use foldhash::fast::FixedState;

/// Returns true if every expected item can have an actual item of its own.
pub(super) fn is_complete(
    comparison: &mut JsonComparison,
    expected: &[JsonPatternItem],
    actual: &[JsonNode<'_>],
) -> bool {
    let mut pairing = Pairing::new(comparison, expected, actual);
    pairing.take_equals() && (0..expected.len()).all(|at| pairing.place(at))
}

/// Returns the place of the item that each expected item takes in a largest matching.
pub(super) fn largest(
    comparison: &mut JsonComparison,
    expected: &[JsonPatternItem],
    actual: &[JsonNode<'_>],
) -> Vec<Option<usize>> {
    let mut pairing = Pairing::new(comparison, expected, actual);
    pairing.take_equals();
    for at in 0..expected.len() {
        pairing.place(at);
    }
    pairing.taken
}

struct Pairing<'p> {
    comparison: &'p mut JsonComparison,
    expected: &'p [JsonPatternItem],
    actual: &'p [JsonNode<'p>],
    /// Per expected item, the place of the actual one that it has.
    taken: Vec<Option<usize>>,
    owners: Vec<Owner>,
    /// In which search an item was last looked at.
    seen: Vec<usize>,
    searches: usize,
    fits: HashMap<(u32, u32), bool, FixedState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Nobody,
    /// An expected item that only its equals fit: moving it could not help.
    Settled,
    /// An expected item that may have to move on to another.
    Movable(usize),
}

impl<'p> Pairing<'p> {
    fn new(comparison: &'p mut JsonComparison, expected: &'p [JsonPatternItem], actual: &'p [JsonNode<'p>]) -> Self {
        Self {
            comparison,
            expected,
            actual,
            taken: vec![None; expected.len()],
            owners: vec![Owner::Nobody; actual.len()],
            seen: vec![0; actual.len()],
            searches: 0,
            fits: HashMap::with_hasher(FixedState::default()),
        }
    }

    /// Gives each expected item that only its equals fit one of them. Equals are interchangeable,
    /// so that this takes nothing away from the others. False if one finds none.
    fn take_equals(&mut self) -> bool {
        if self.expected.iter().all(|item| item.digest.is_none()) {
            return true;
        }
        let mut by_digest: HashMap<u64, Vec<usize>, FixedState> = HashMap::with_hasher(FixedState::default());
        // from the back, so that the first of equals is at the end and taken first
        for (place, value) in self.actual.iter().enumerate().rev() {
            by_digest.entry(digest_ignoring_order(*value)).or_default().push(place);
        }
        let mut all = true;
        for (at, item) in self.expected.iter().enumerate() {
            let Some(digest) = item.digest else { continue };
            let equals = by_digest.get_mut(&digest);
            // another document may have this digest by chance
            let found = equals.and_then(|places| {
                let last = places.iter().rposition(|place| {
                    self.comparison.may_try() && self.comparison.fits(&item.pattern, self.actual[*place])
                })?;
                Some(places.remove(last))
            });
            match found {
                Some(place) => {
                    self.taken[at] = Some(place);
                    self.owners[place] = Owner::Settled;
                }
                None => all = false,
            }
        }
        all
    }

    /// Finds an item for an expected one, moving others on to another of theirs where that frees
    /// one: a search for an augmenting path (Kuhn 1955).
    fn place(&mut self, at: usize) -> bool {
        if self.expected[at].digest.is_some() {
            return self.taken[at].is_some();
        }
        self.searches += 1;
        // a stack of (expected item, how many places it has tried), so that long chains do not
        // recurse
        let mut chain: Vec<(usize, usize)> = vec![(at, 0)];
        while let Some((at, tried)) = chain.last_mut() {
            if *tried == self.actual.len() {
                chain.pop();
                continue;
            }
            // its own place first: the lists are often in the same order
            let (at, place) = (*at, (*at + *tried) % self.actual.len());
            *tried += 1;
            if !self.comparison.may_try() {
                return false;
            }
            if self.seen[place] == self.searches || self.owners[place] == Owner::Settled || !self.fits(at, place) {
                continue;
            }
            self.seen[place] = self.searches;
            if let Owner::Movable(owner) = self.owners[place] {
                chain.push((owner, 0));
                continue;
            }
            self.move_along(&chain);
            return true;
        }
        false
    }

    /// Gives every expected item of the chain the place that it tried last.
    fn move_along(&mut self, chain: &[(usize, usize)]) {
        for (at, tried) in chain {
            let place = (at + tried - 1) % self.actual.len();
            self.owners[place] = Owner::Movable(*at);
            self.taken[*at] = Some(place);
        }
    }

    fn fits(&mut self, at: usize, place: usize) -> bool {
        // no document holds more than 2^32 items
        let pair = (at as u32, place as u32);
        if let Some(fits) = self.fits.get(&pair) {
            return *fits;
        }
        let fits = self.comparison.fits(&self.expected[at].pattern, self.actual[place]);
        self.fits.insert(pair, fits);
        fits
    }
}
