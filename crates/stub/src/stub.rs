//! [`Stub`]: a request pattern, a response definition, and its place among other stubs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use serde_json::Value;
use uuid::Uuid;

use crate::defect::{Defect, SourcePlace};
use crate::files::FilesFolder;
use crate::format::{self, Reader};
use crate::matcher::{Rank, RequestPattern};
use crate::render::{ResponseDefinition, Webhooks};
use standin_files::regular_file::{self, MAX_BYTES};

/// Age of the oldest stub from the API. Stubs from files have greater ages, so that those of the
/// API come first among equal priorities.
pub const FIRST_API_AGE: u64 = 1 << 63;

/// A compiled stub. A clone shares the pattern, the response, the document and the hit counter.
#[derive(Clone, Debug)]
pub struct Stub {
    /// Id, as stated in the document or derived.
    pub id: Uuid,
    /// Name that reports show.
    pub name: Option<String>,
    /// Position among all stubs; the first match by rank answers.
    pub rank: Rank,
    /// Conditions that a request must meet.
    pub pattern: Arc<RequestPattern>,
    /// Response to a matching request.
    pub response: Arc<ResponseDefinition>,
    /// Scenario to which the stub belongs.
    pub scenario: Option<ScenarioStep>,
    /// Requests that are sent once the stub has answered.
    pub webhooks: Option<Webhooks>,
    /// True if the stub is saved to disk.
    pub persistent: bool,
    /// Source of the stub.
    pub origin: StubOrigin,
    /// Stub in WireMock's JSON, compact.
    pub document: Arc<str>,
    /// Number of requests that it answered.
    pub hits: Arc<HitCounter>,
}

/// A stub's condition and effect on a scenario, which is a named state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioStep {
    /// Name of the scenario.
    pub name: String,
    /// State in which the stub answers; `None` for any state.
    pub required: Option<String>,
    /// State after the stub has answered; `None` keeps the state.
    pub next: Option<String>,
}

/// The source of a stub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StubOrigin {
    /// The admin API, or a program that uses the library.
    Api,
    /// A mapping file in the stub folder.
    File {
        /// Path of the file.
        path: Arc<PathBuf>,
        /// First line of the stub, from 1.
        line: usize,
        /// True if the file contains other stubs too.
        shared: bool,
        /// True if the stub was changed since, and differs from the file.
        is_edited: bool,
    },
}

impl StubOrigin {
    /// Returns the origin of a stub that replaces one of this origin.
    #[must_use]
    pub fn edited(&self) -> Self {
        let mut edited = self.clone();
        if let Self::File { is_edited, .. } = &mut edited {
            *is_edited = true;
        }
        edited
    }

    /// Returns true if the stub is not in a file as it is now.
    pub fn is_unsaved(&self) -> bool {
        matches!(self, Self::Api | Self::File { is_edited: true, .. })
    }
}

/// An exact counter of requests, independent of what the journal keeps.
#[derive(Debug, Default)]
pub struct HitCounter {
    count: AtomicU64,
    has_series: AtomicBool,
}

impl HitCounter {
    /// Counts one request; returns the count before it.
    pub fn increment(&self) -> u64 {
        self.count.fetch_add(1, Relaxed)
    }

    /// Returns the number of matches so far.
    pub fn total(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// Gives the stub a time series of its own in the metrics.
    pub fn enable_series(&self) {
        self.has_series.store(true, Relaxed);
    }

    /// Returns true if the stub has a time series of its own in the metrics.
    pub fn has_series(&self) -> bool {
        self.has_series.load(Relaxed)
    }

    /// Sets the count to zero.
    pub fn reset(&self) {
        self.count.store(0, Relaxed);
    }
}

impl Stub {
    /// Returns the stub in WireMock's JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.document).expect("a document is written as JSON, and as deep as serde_json reads")
    }

    /// Returns the name of its body file, relative to `__files`; `None` if the document has no
    /// `bodyFileName`.
    pub fn body_file_name(&self) -> Option<String> {
        // most stubs have none, and the text search avoids parsing their documents
        if !self.document.contains("\"bodyFileName\"") {
            return None;
        }
        self.json().get("response")?.get("bodyFileName")?.as_str().map(str::to_owned)
    }

    /// Returns a copy with another id, whose body file is read again; `None` if the document cannot
    /// be read. The copy shares the hit counter.
    pub(crate) fn with_id(&self, id: Uuid, files: &FilesFolder) -> Option<Self> {
        let mut reader = Reader::of_own(&self.document);
        let tree = reader.parse(&self.document)?;
        let mapping = format::mapping(&tree, files, &mut reader)?;
        let stub = mapping.into_stub(id, self.rank, self.origin.clone());
        Some(Self { hits: Arc::clone(&self.hits), ..stub })
    }

    /// Returns a copy whose body file is read again; `None` if the document cannot be read. The
    /// copy shares the hit counter.
    pub fn with_reread_body(&self, files: &FilesFolder) -> Option<Self> {
        self.with_id(self.id, files)
    }

    /// Returns the approximate memory that it keeps allocated, in bytes.
    pub fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.document.len() + self.response.heap_bytes()
    }

    /// Returns true if both stubs have the same pattern and the same response. Ranks and origins do
    /// not count.
    pub fn is_equivalent_to(&self, other: &Self) -> bool {
        let has_same_document = self.document == other.document || self.json() == other.json();
        has_same_document && self.response.has_body_of(&other.response)
    }

    /// Returns the name and the text of its file, which is read again: to keep the text of every
    /// file would take as much memory as the stubs.
    pub(crate) fn file_text(&self) -> Option<(Arc<str>, Arc<str>)> {
        let StubOrigin::File { path, .. } = &self.origin else { return None };
        let text = String::from_utf8(regular_file::read(path, MAX_BYTES).ok()?).ok()?;
        Some((path.display().to_string().into(), text.into()))
    }

    /// Returns the defect at the first line of the stub in its file, if it has one.
    pub fn located(&self, defect: Defect) -> Defect {
        let StubOrigin::File { line, .. } = self.origin else { return defect };
        let Some((file, text)) = self.file_text() else { return defect };
        let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let length = text[start..].lines().next().map_or(0, |line| line.trim_end().len());
        let indent = text[start..].len() - text[start..].trim_start().len();
        defect.at(SourcePlace { file, text, span: start + indent.min(length)..start + length })
    }

    /// Returns a short name for messages: file and line, else the quoted name, else the id.
    pub fn label(&self) -> String {
        match (&self.origin, &self.name) {
            (StubOrigin::File { path, line, .. }, _) => format!("{}:{line}", path.display()),
            (StubOrigin::Api, Some(name)) => format!("`{name}`"),
            (StubOrigin::Api, None) => format!("stub {}", self.id),
        }
    }
}

impl AsRef<RequestPattern> for Arc<Stub> {
    fn as_ref(&self) -> &RequestPattern {
        &self.pattern
    }
}
