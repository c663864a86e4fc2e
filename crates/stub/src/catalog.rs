//! All stubs together, compiled. A catalog never changes: an edit makes another, and calls in flight keep theirs.
//!
//! It is kept in layers, the newest small and the oldest large, as a log-structured merge tree is: an edit compiles a
//! small layer again and merges layers as they fill, so that ten thousand single edits cost little more each than one
//! import. A look-up asks every layer, so [`Catalog::compacted`] makes one of them once edits have ceased.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use uuid::Uuid;

use super::Stub;
use crate::call::Call;
use crate::matcher::{self, Index, IndexEntry, MatchStats};

/// A layer is this many times the size of the one after it.
const FANOUT: usize = 4;

/// An immutable set of stubs.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Oldest and largest first.
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
struct Layer {
    index: Arc<Index<Arc<Stub>>>,
    ids: Arc<HashMap<Uuid, Arc<Stub>>>,
    /// Removed or replaced since the layer was compiled.
    hidden: Arc<HashSet<Uuid>>,
}

impl Layer {
    fn new(stubs: Vec<Arc<Stub>>) -> Self {
        let ids = stubs.iter().map(|stub| (stub.id, Arc::clone(stub))).collect();
        let entries = stubs.into_iter().map(|stub| IndexEntry { rank: stub.rank, value: stub }).collect();
        Self { index: Arc::new(Index::new(entries)), ids: Arc::new(ids), hidden: Arc::default() }
    }

    fn shown(&self) -> impl Iterator<Item = &Arc<Stub>> {
        self.index.entries().iter().map(|entry| &entry.value).filter(|stub| !self.hidden.contains(&stub.id))
    }

    fn len(&self) -> usize {
        self.ids.len() - self.hidden.len()
    }

    fn holds(&self, id: &Uuid) -> bool {
        self.ids.contains_key(id) && !self.hidden.contains(id)
    }
}

impl Catalog {
    /// A catalog of these stubs; of two with one id, the later stays.
    pub fn new(stubs: Vec<Arc<Stub>>) -> Self {
        let mut last: HashMap<Uuid, Arc<Stub>> = HashMap::with_capacity(stubs.len());
        for stub in stubs {
            last.insert(stub.id, stub);
        }
        if last.is_empty() {
            return Self::default();
        }
        Self { layers: vec![Layer::new(last.into_values().collect())] }
    }

    /// The stub that answers a call: the first by rank that matches and that `accept` takes.
    pub fn find(&self, call: &Call, stats: &MatchStats, mut accept: impl FnMut(&Stub) -> bool) -> Option<&Arc<Stub>> {
        let mut best = None;
        for layer in &self.layers {
            let found = layer.index.find(call, stats, |entry| {
                (layer.hidden.is_empty() || !layer.hidden.contains(&entry.value.id)) && accept(&entry.value)
            });
            best = matcher::min_by_rank(best, found);
        }
        best.map(|entry| &entry.value)
    }

    /// The stub of this id.
    pub fn by_id(&self, id: &Uuid) -> Option<&Arc<Stub>> {
        self.layers.iter().find(|layer| layer.holds(id)).and_then(|layer| layer.ids.get(id))
    }

    /// All stubs, the first to be tried first.
    pub fn stubs(&self) -> Vec<&Arc<Stub>> {
        let mut stubs: Vec<_> = self.layers.iter().flat_map(Layer::shown).collect();
        stubs.sort_by_key(|stub| stub.rank);
        stubs
    }

    /// How many stubs there are.
    pub fn len(&self) -> usize {
        self.layers.iter().map(Layer::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same stubs in one layer; `None` if they are in one.
    pub fn compacted(&self) -> Option<Self> {
        let whole = self.layers.iter().all(|layer| layer.hidden.is_empty());
        (self.layers.len() > 1 || !whole).then(|| Self::new(self.stubs().into_iter().cloned().collect()))
    }

    /// This catalog and one stub more, or another in place of the one with its id.
    #[must_use]
    pub fn with(&self, stub: Arc<Stub>) -> Self {
        self.with_all(vec![stub])
    }

    /// This catalog and some stubs more.
    #[must_use]
    pub fn with_all(&self, stubs: Vec<Arc<Stub>>) -> Self {
        let ids: HashSet<Uuid> = stubs.iter().map(|stub| stub.id).collect();
        let mut layers = self.without(&ids).layers;
        let mut fresh = stubs;
        // take in every layer that the new one has caught up with
        while let Some(layer) = layers.pop_if(|layer| layer.len() < fresh.len() * FANOUT) {
            fresh.extend(layer.shown().cloned());
        }
        layers.extend(Self::new(fresh).layers);
        Self { layers }
    }

    /// This catalog without the stubs of these ids.
    #[must_use]
    pub fn without(&self, ids: &HashSet<Uuid>) -> Self {
        let layers = self.layers.iter().filter_map(|layer| {
            let gone: Vec<_> = ids.iter().filter(|id| layer.holds(id)).copied().collect();
            if gone.is_empty() {
                return Some(layer.clone());
            }
            let mut hidden = HashSet::clone(&layer.hidden);
            hidden.extend(gone);
            let thinned = Layer { hidden: Arc::new(hidden), ..layer.clone() };
            // compiled again once a quarter is gone, so that what was removed is freed
            match thinned.len() {
                0 => None,
                left if thinned.hidden.len() * 4 > left + FANOUT => {
                    Some(Layer::new(thinned.shown().cloned().collect()))
                }
                _ => Some(thinned),
            }
        });
        Self { layers: layers.collect() }
    }
}
