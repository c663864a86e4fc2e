//! One stub: what it asks of a request, and how it responds.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use serde_json::Value;
use uuid::Uuid;

use crate::files::FilesFolder;
use crate::format::{self, Reader};
use crate::matcher::{Rank, RequestPattern};
use crate::render::ResponseDefinition;

/// One stub, compiled. A copy shares all that is large, and the count of calls.
#[derive(Clone, Debug)]
pub struct Stub {
    /// Its id, given or made.
    pub id: Uuid,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its place among all.
    pub rank: Rank,
    /// What it asks of a call.
    pub pattern: Arc<RequestPattern>,
    /// What it answers.
    pub response: Arc<ResponseDefinition>,
    /// The scenario that it is a part of.
    pub scenario: Option<Scenario>,
    /// Whether it is kept on disk.
    pub persistent: bool,
    /// Where it comes from.
    pub origin: Origin,
    /// Itself in WireMock's JSON, compact.
    pub document: Arc<str>,
    /// How many calls it answered.
    pub hits: Arc<Hits>,
}

/// A stub's part in a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The scenario's name.
    pub name: String,
    /// The state in which the stub answers; `None` in any.
    pub required: Option<String>,
    /// The state after it has answered; `None` leaves it.
    pub next: Option<String>,
}

/// Where a stub comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The admin API or a program.
    Api,
    /// A file.
    File {
        /// The file.
        path: Arc<PathBuf>,
        /// The line that it begins at, from 1.
        line: usize,
        /// Whether the file holds other stubs too.
        shared: bool,
    },
}

/// A count of calls. Exact, and never evicted.
#[derive(Debug, Default)]
pub struct Hits {
    count: AtomicU64,
    has_series: AtomicBool,
}

impl Hits {
    /// Counts one; returns how many there were before.
    pub fn count(&self) -> u64 {
        self.count.fetch_add(1, Relaxed)
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// From now on they are told apart from those of other stubs in the metrics.
    pub fn give_series(&self) {
        self.has_series.store(true, Relaxed);
    }

    /// Whether they are.
    pub fn has_series(&self) -> bool {
        self.has_series.load(Relaxed)
    }

    /// Starts again at none.
    pub fn reset(&self) {
        self.count.store(0, Relaxed);
    }
}

impl Stub {
    /// The stub as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.document).expect("a document is written as JSON, and as deep as serde_json reads")
    }

    /// The file of `__files` that its body is in.
    pub fn body_file(&self) -> Option<String> {
        // most stubs name none: their document need not be read
        if !self.document.contains("\"bodyFileName\"") {
            return None;
        }
        self.json().get("response")?.get("bodyFileName")?.as_str().map(str::to_owned)
    }

    /// The same stub, its body file read again.
    pub fn reread(&self, files: &FilesFolder) -> Option<Self> {
        let mut reader = Reader::of_own(&self.document);
        let tree = reader.parse(&self.document)?;
        let mapping = format::mapping(&tree, files, &mut reader)?;
        let stub = mapping.into_stub(self.id, self.rank, self.origin.clone());
        Some(Self { hits: Arc::clone(&self.hits), ..stub })
    }

    /// About how many bytes it holds on to.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.document.len() + self.response.heap_bytes()
    }

    /// Whether both ask and answer the same, whatever their ranks and origins.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let same = self.document == other.document || self.json() == other.json();
        same && self.response.has_body_of(&other.response)
    }

    /// A short name for messages: where it stands, or its name or id.
    pub fn label(&self) -> String {
        match (&self.origin, &self.name) {
            (Origin::File { path, line, .. }, _) => format!("{}:{line}", path.display()),
            (Origin::Api, Some(name)) => format!("`{name}`"),
            (Origin::Api, None) => format!("stub {}", self.id),
        }
    }
}

impl AsRef<RequestPattern> for Arc<Stub> {
    fn as_ref(&self) -> &RequestPattern {
        &self.pattern
    }
}
