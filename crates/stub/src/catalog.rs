//! [`Catalog`], the immutable set of all stubs. An edit returns another catalog, and requests in
//! flight keep theirs.
//!
//! Like a log-structured merge tree (O'Neil et al., 1996), a catalog consists of layers: the newest
//! is small, the oldest large. An edit compiles a small layer and merges layers as they fill, so
//! that ten thousand single edits cost little more each than one import. A look-up asks every
//! layer, so [`Catalog::compacted`] merges them once edits have ceased.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use uuid::Uuid;

use super::Stub;
use crate::call::Call;
use crate::matcher::{self, Index, IndexEntry, MatchStats};

/// Ratio of the size of a layer to the size of the next newer one.
const LAYER_FANOUT: usize = 4;

/// An immutable set of stubs.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Layers, the oldest and largest first.
    layers: Vec<Layer>,
}

/// Stubs that were compiled together.
#[derive(Clone, Debug)]
struct Layer {
    index: Arc<Index<Arc<Stub>>>,
    ids: Arc<HashMap<Uuid, Arc<Stub>>>,
    /// Ids of stubs that were removed or replaced since the layer was compiled.
    hidden: Arc<HashSet<Uuid>>,
}

impl Layer {
    fn new(stubs: Vec<Arc<Stub>>) -> Self {
        let ids = stubs.iter().map(|stub| (stub.id, Arc::clone(stub))).collect();
        let entries = stubs.into_iter().map(|stub| IndexEntry { rank: stub.rank, value: stub }).collect();
        Self { index: Arc::new(Index::new(entries)), ids: Arc::new(ids), hidden: Arc::default() }
    }

    fn visible(&self) -> impl Iterator<Item = &Arc<Stub>> {
        self.index.entries().iter().map(|entry| &entry.value).filter(|stub| !self.hidden.contains(&stub.id))
    }

    fn len(&self) -> usize {
        self.ids.len() - self.hidden.len()
    }

    fn contains(&self, id: &Uuid) -> bool {
        self.ids.contains_key(id) && !self.hidden.contains(id)
    }
}

impl Catalog {
    /// Returns a catalog of these stubs; of two with one id, the later stays.
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

    /// Returns the stub that answers a call: the first by rank that matches and for which `accept`
    /// returns true.
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

    /// Returns the stub of this id.
    pub fn by_id(&self, id: &Uuid) -> Option<&Arc<Stub>> {
        self.layers.iter().find(|layer| layer.contains(id)).and_then(|layer| layer.ids.get(id))
    }

    /// Returns all stubs in the order of their ranks.
    pub fn stubs(&self) -> Vec<&Arc<Stub>> {
        let mut stubs: Vec<_> = self.layers.iter().flat_map(Layer::visible).collect();
        stubs.sort_by_key(|stub| stub.rank);
        stubs
    }

    /// Returns the number of stubs.
    pub fn len(&self) -> usize {
        self.layers.iter().map(Layer::len).sum()
    }

    /// Returns true if there are no stubs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a catalog with the same stubs in one layer; `None` if this one has one layer.
    pub fn compacted(&self) -> Option<Self> {
        let has_no_hidden = self.layers.iter().all(|layer| layer.hidden.is_empty());
        (self.layers.len() > 1 || !has_no_hidden).then(|| Self::new(self.stubs().into_iter().cloned().collect()))
    }

    /// Returns this catalog with a stub added; it replaces the stub that has its id.
    #[must_use]
    pub fn with(&self, stub: Arc<Stub>) -> Self {
        self.with_all(vec![stub])
    }

    /// Returns this catalog with stubs added; each replaces the stub that has its id.
    #[must_use]
    pub fn with_all(&self, stubs: Vec<Arc<Stub>>) -> Self {
        let ids: HashSet<Uuid> = stubs.iter().map(|stub| stub.id).collect();
        let mut layers = self.without(&ids).layers;
        let mut fresh = stubs;
        // merge every layer that is less than LAYER_FANOUT times the size of the new one
        while let Some(layer) = layers.pop_if(|layer| layer.len() < fresh.len() * LAYER_FANOUT) {
            fresh.extend(layer.visible().cloned());
        }
        layers.extend(Self::new(fresh).layers);
        Self { layers }
    }

    /// Returns this catalog without the stubs of these ids.
    #[must_use]
    pub fn without(&self, ids: &HashSet<Uuid>) -> Self {
        let layers = self.layers.iter().filter_map(|layer| {
            let removed: Vec<_> = ids.iter().filter(|id| layer.contains(id)).copied().collect();
            if removed.is_empty() {
                return Some(layer.clone());
            }
            let mut hidden = HashSet::clone(&layer.hidden);
            hidden.extend(removed);
            let reduced = Layer { hidden: Arc::new(hidden), ..layer.clone() };
            // compile again once a quarter of the stubs is hidden, to free their memory
            match reduced.len() {
                0 => None,
                remaining if reduced.hidden.len() * 4 > remaining + LAYER_FANOUT => {
                    Some(Layer::new(reduced.visible().cloned().collect()))
                }
                _ => Some(reduced),
            }
        });
        Self { layers: layers.collect() }
    }
}
