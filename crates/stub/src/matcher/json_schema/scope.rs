//! Dynamic scopes: the schema resources that an evaluation has entered, outermost first.

use hashbrown::HashMap;

use super::program::{NodeId, ResourceId};

/// Index of a scope.
pub(super) type ScopeId = usize;

/// All dynamic scopes of an evaluation. Equal sequences of resources are one scope.
///
/// Only the outermost occurrence of a resource counts, so a scope has each resource once.
#[derive(Default)]
pub(super) struct Scopes {
    /// The enclosing scope, the resource that was entered, and the number of resources.
    entered: Vec<(ScopeId, ResourceId, usize)>,
    known: HashMap<(ScopeId, ResourceId), ScopeId>,
}

impl Scopes {
    /// The scope outside all resources; further ones are numbered from 1.
    pub(super) const EMPTY: ScopeId = 0;

    /// Returns the number of resources in a scope.
    pub(super) fn depth(&self, scope: ScopeId) -> usize {
        self.get(scope).map_or(0, |(_, _, depth)| depth)
    }

    /// Returns the scope inside a resource that is entered from another scope.
    pub(super) fn entered(&mut self, outer: ScopeId, resource: ResourceId) -> ScopeId {
        let mut scope = outer;
        while let Some((around, known, _)) = self.get(scope) {
            if known == resource {
                return outer;
            }
            scope = around;
        }
        let depth = self.depth(outer) + 1;
        *self.known.entry((outer, resource)).or_insert_with(|| {
            self.entered.push((outer, resource, depth));
            self.entered.len()
        })
    }

    /// Returns the result of `find` for the outermost resource that has one.
    pub(super) fn outermost(&self, scope: ScopeId, find: impl Fn(ResourceId) -> Option<NodeId>) -> Option<NodeId> {
        let (mut scope, mut found) = (scope, None);
        while let Some((around, resource, _)) = self.get(scope) {
            found = find(resource).or(found);
            scope = around;
        }
        found
    }

    fn get(&self, scope: ScopeId) -> Option<(ScopeId, ResourceId, usize)> {
        self.entered.get(scope.checked_sub(1)?).copied()
    }
}
