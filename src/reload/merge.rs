//! The decision what a reload does with one stub: whether its file or an edit through the API
//! counts.

use std::path::PathBuf;
use std::sync::Arc;

use standin_stub::file_cache::FileStub;
use standin_stub::matcher::Rank;
use standin_stub::{FIRST_API_AGE, Stub, StubOrigin};

/// The effect of a reload on the stub of one id.
pub(super) enum MergeAction {
    /// Leave the catalog as it is, with the stub or without it.
    Keep,
    /// Leave the catalog as it is, and take its stub for the content of the file: standin has
    /// written the file.
    Adopt,
    /// Put this stub of the file into the catalog.
    Put(Arc<Stub>),
    /// Put this stub into the catalog, which is the present one with another rank.
    Move(Arc<Stub>),
}

/// Decides what becomes of a stub.
///
/// `before` is the stub as its file defined it at the last reload, `after` as the file defines it
/// now, and `current` the stub in the catalog.
pub(super) fn merge_action(before: Option<&FileStub>, after: &FileStub, current: Option<&Arc<Stub>>) -> MergeAction {
    let is_same_file =
        before.is_some_and(|before| before.file_digest == after.file_digest && path(before) == path(after));
    let Some(current) = current else {
        // removed through the API; the removal counts until the file changes
        return if is_same_file { MergeAction::Keep } else { MergeAction::Put(Arc::clone(&after.stub)) };
    };
    if Arc::ptr_eq(current, &after.stub) {
        return MergeAction::Keep;
    }
    let rank = Rank { priority: current.rank.priority, ..after.stub.rank };
    if is_same_file && !before.is_some_and(|before| is_unedited(before, current)) {
        // edited through the API; the edit counts until the file changes
        let is_moved = current.rank != rank && current.rank.age >= FIRST_API_AGE;
        return if is_moved {
            MergeAction::Move(Arc::new(Stub { rank, ..Stub::clone(current) }))
        } else {
            MergeAction::Keep
        };
    }
    if !Arc::ptr_eq(&current.response, &after.stub.response) && !current.is_equivalent_to(&after.stub) {
        let hits = if current.document == after.stub.document { &current.hits } else { &after.stub.hits };
        return MergeAction::Put(Arc::new(Stub { hits: Arc::clone(hits), ..Stub::clone(&after.stub) }));
    }
    // a stub that was made through the API and saved keeps its rank until its file changes
    let keeps_rank = current.rank.age < FIRST_API_AGE && path_of(current) == path(after);
    let rank = if keeps_rank { current.rank } else { rank };
    if current.rank == rank && current.origin == after.stub.origin {
        return MergeAction::Adopt;
    }
    MergeAction::Put(Arc::new(Stub { rank, origin: after.stub.origin.clone(), ..Stub::clone(current) }))
}

/// Returns true if a stub of the catalog is that of its file, and no edit of it.
pub(super) fn is_unedited(of_file: &FileStub, current: &Stub) -> bool {
    Arc::ptr_eq(&of_file.stub.response, &current.response)
}

/// Returns true if two stubs differ in nothing but their place in the same file.
pub(super) fn differs_in_place_only(one: &Stub, other: &Stub) -> bool {
    Arc::ptr_eq(&one.response, &other.response) && path_of(one) == path_of(other)
}

/// Returns true if the file of a stub exists.
pub(super) fn has_existing_file(stub: &Stub) -> bool {
    path_of(stub).is_some_and(|path| path.exists())
}

fn path(stub: &FileStub) -> Option<&PathBuf> {
    path_of(&stub.stub)
}

fn path_of(stub: &Stub) -> Option<&PathBuf> {
    match &stub.origin {
        StubOrigin::File { path, .. } => Some(path),
        StubOrigin::Api => None,
    }
}
