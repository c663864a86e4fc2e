//! Measurements by kind of call, and how they become operations: the step that all formats share.

use std::collections::{BTreeMap, BTreeSet};

use super::histogram::Histogram;
use super::import_error::{ImportError, Skipped};
use super::measured_load::MeasuredLoad;
use super::measurements::Measurements;
use super::operation_name::{OperationTarget, host};
use super::{ImportFormat, ImportOptions};
use standin_tape::operations::OperationTree;
use standin_tape::{OperationName, QueryEvidence, query_kind};

/// The identity of a kind of call before it is assigned to an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKey {
    /// The method, if the file names it.
    pub method: Option<String>,
    /// The url or path of the calls, with the values of their ids.
    pub url: Option<String>,
    /// The label in the tool.
    pub label: Option<String>,
}

/// Everything that was read.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The format of the file.
    pub format: ImportFormat,
    /// Measurements by kind of call and status.
    calls: BTreeMap<CallKey, BTreeMap<Option<u16>, Measurements>>,
    /// Measurements of all calls together, if the file has them.
    pub total: Option<Measurements>,
    /// The load during the measurement.
    pub load: MeasuredLoad,
    /// Data that was left out, by reason.
    pub skipped: Skipped,
    /// Notes for the report.
    pub notes: Vec<String>,
    /// Calls by host, where urls have hosts.
    pub hosts: BTreeMap<String, u64>,
    only_host: Option<String>,
    /// Evidence of operations that differ by their query alone.
    query_evidence: QueryEvidence,
    /// Kinds of queries by path; none if there are too many to be operations.
    queries: BTreeMap<String, Option<BTreeSet<String>>>,
}

/// Evidence of an operation by status; none where the file does not tell it.
pub(super) type ByStatus = BTreeMap<Option<u16>, Measurements>;

impl Collected {
    /// Returns an empty collection for a file of this format.
    pub fn new(format: ImportFormat, options: &ImportOptions) -> Self {
        Self {
            format,
            calls: BTreeMap::new(),
            total: None,
            load: MeasuredLoad::default(),
            skipped: Skipped::default(),
            notes: Vec::new(),
            hosts: BTreeMap::new(),
            only_host: options.host.clone(),
            query_evidence: QueryEvidence::default(),
            queries: BTreeMap::new(),
        }
    }

    /// Counts one call that took so many nanoseconds; whether it is one of those wanted. An error
    /// if there are too many kinds.
    pub fn call(&mut self, key: CallKey, status: Option<u16>, nanos: f64, line: u64) -> Result<bool, ImportError> {
        if let Some(host) = key.url.as_deref().and_then(host) {
            if let Some(only) = self.only_host.as_deref().filter(|only| *only != host) {
                let why = format!("of another host than `{only}`");
                self.skipped.add(&why, host);
                return Ok(false);
            }
            if let Some(count) = self.hosts.get_mut(host) {
                *count += 1;
            } else if self.hosts.len() < MAX_HOSTS {
                self.hosts.insert(host.to_owned(), 1);
            }
        }
        if let Some(url) = &key.url {
            self.query_evidence.add_time(&method_of(&key), url, status, nanos.max(0.0) as u64);
        }
        let key = CallKey { url: key.url.as_deref().map(|url| self.kind_of(url)), ..key };
        self.has_room(&key, line)?;
        let measurements = self.calls.entry(key).or_default().entry(status);
        if let Measurements::Calls(histogram) =
            measurements.or_insert_with(|| Measurements::Calls(Histogram::default()))
        {
            histogram.add(nanos);
        }
        Ok(true)
    }

    /// Returns the URL of a kind of call: values of its query that look generated are left out, and
    /// the query as a whole where it makes a kind of nearly each call.
    fn kind_of(&mut self, url: &str) -> String {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let query = query_kind(url);
        if query.is_empty() {
            return path.to_owned();
        }
        if !self.queries.contains_key(path) {
            self.queries.insert(path.to_owned(), Some(BTreeSet::new()));
        }
        let Some(Some(known)) = self.queries.get_mut(path) else { return path.to_owned() };
        known.insert(query.clone());
        if known.len() <= MAX_QUERIES {
            return format!("{path}?{query}");
        }
        self.queries.insert(path.to_owned(), None);
        path.to_owned()
    }

    /// Adds what a file says of a kind of call as a whole.
    pub fn summary(
        &mut self,
        key: CallKey,
        status: Option<u16>,
        measurements: Measurements,
        line: u64,
    ) -> Result<(), ImportError> {
        self.has_room(&key, line)?;
        let name = key.label.clone().or_else(|| key.url.clone()).unwrap_or_default();
        let known = self.calls.entry(key).or_default();
        let fits = match known.get_mut(&status) {
            Some(mine) => mine.merge(&measurements),
            None => known.insert(status, measurements).is_none(),
        };
        if fits {
            return Ok(());
        }
        let message = format!("`{name}` is there twice, and the two cannot be made one");
        Err(ImportError::new(line, message, "keep one of them, or import them as two profiles"))
    }

    /// Adds what another file has.
    pub fn merge(&mut self, other: Self) -> Result<(), ImportError> {
        for (key, by_status) in other.calls {
            for (status, measurements) in by_status {
                self.summary(key.clone(), status, measurements, 0)?;
            }
        }
        self.total = match (self.total.take(), other.total) {
            (Some(mut mine), Some(others)) => mine.merge(&others).then_some(mine),
            (mine, others) => mine.or(others),
        };
        self.load.merge(&other.load);
        for (why, count, example) in other.skipped.iter() {
            self.skipped.add_many(why, example, count);
        }
        for (host, count) in other.hosts {
            *self.hosts.entry(host).or_default() += count;
        }
        self.notes.extend(other.notes);
        self.query_evidence.merge(&other.query_evidence);
        Ok(())
    }

    /// Names that were mapped by hand and that no call has.
    pub(super) fn mapped_in_vain(&self, options: &ImportOptions) -> Vec<String> {
        let is_called = |name: &String| self.calls.keys().any(|key| key.label.as_ref() == Some(name));
        options.map.keys().filter(|name| !is_called(name)).cloned().collect()
    }

    /// Returns the operations, and the labels without a path with their numbers of calls.
    pub fn operations(
        &mut self,
        options: &ImportOptions,
    ) -> Result<(BTreeMap<OperationTarget, ByStatus>, Vec<String>), ImportError> {
        let urls = self.calls.keys().filter_map(|key| key.url.as_ref().map(|url| (method_of(key), url.clone())));
        let mut learned = OperationTree::learn_with(options.rules.clone(), urls);
        learned.tell_queries_apart(&self.query_evidence);
        let mut operations: BTreeMap<OperationTarget, ByStatus> = BTreeMap::new();
        let mut unknown: BTreeMap<String, u64> = BTreeMap::new();
        for (key, by_status) in std::mem::take(&mut self.calls) {
            let Some(target) = target(&key, &learned, options) else {
                let count: u64 = by_status.values().filter_map(Measurements::count).sum();
                let name = key.label.or(key.url).unwrap_or_default();
                let name = if name.is_empty() { "(no name)".to_owned() } else { name };
                *unknown.entry(name).or_default() += count;
                continue;
            };
            let known = operations.entry(target.clone()).or_default();
            for (status, measurements) in by_status {
                let fits = match known.get_mut(&status) {
                    Some(mine) => mine.merge(&measurements),
                    None => known.insert(status, measurements).is_none(),
                };
                if !fits {
                    let why =
                        "the same operation once more, whose percentiles or bounds cannot be added to the others'";
                    self.skipped.add(why, &target.name());
                }
            }
        }
        if operations.len() > MAX_OPERATIONS {
            let message = format!("{} operations are more than {MAX_OPERATIONS}", operations.len());
            return Err(ImportError::new(
                0,
                message,
                "ids in paths were not recognised: have the tool write templates (`/items/{id}`), or give `--map`",
            ));
        }
        let unknown = unknown.into_iter().map(|(name, count)| match count {
            0 => name,
            count => format!("{name} ({count} calls)"),
        });
        Ok((operations, unknown.collect()))
    }

    fn has_room(&self, key: &CallKey, line: u64) -> Result<(), ImportError> {
        if self.calls.len() < MAX_KEYS || self.calls.contains_key(key) {
            return Ok(());
        }
        let message = format!("more than {MAX_KEYS} distinct urls and labels");
        Err(ImportError::new(
            line,
            message,
            "import a part of the file, or have the tool name its requests by operation",
        ))
    }
}

/// Returns the operation of a kind of call: from `--map` first, then from a label that is a path,
/// then from the URL.
fn target(key: &CallKey, learned: &OperationTree, options: &ImportOptions) -> Option<OperationTarget> {
    let of = |text: &str| {
        let target = OperationTarget::of(text)?;
        let method = target.method.or_else(|| key.method.clone());
        Some(OperationTarget { method, ..target })
    };
    if let Some(by_hand) = key.label.as_deref().and_then(|label| options.map.get(label)) {
        return of(by_hand);
    }
    let labelled = key.label.as_deref().and_then(of);
    let Some(url) = &key.url else { return labelled };
    if let Some(labelled) = labelled.filter(OperationTarget::is_template) {
        return Some(labelled);
    }
    let name = learned.name(&method_of(key), url);
    let (path, query) = OperationName::parse(&name).map_or(("/", None), |name| (name.path, name.query));
    let told = key
        .method
        .clone()
        .or_else(|| key.label.as_deref().and_then(OperationTarget::of).and_then(|target| target.method));
    let query = query.map(|(key, values)| format!("{key}={values}"));
    Some(OperationTarget { query, ..OperationTarget::new(told, path)? })
}

fn method_of(key: &CallKey) -> String {
    key.method.clone().unwrap_or_else(|| ANY_METHOD.to_owned())
}

const ANY_METHOD: &str = "ANY";
/// Kinds of queries of one path, beyond which they are no operations.
const MAX_QUERIES: usize = 64;
const MAX_KEYS: usize = 100_000;
const MAX_OPERATIONS: usize = 2_000;
const MAX_HOSTS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(method: Option<&str>, url: Option<&str>, label: Option<&str>) -> CallKey {
        CallKey { method: method.map(str::to_owned), url: url.map(str::to_owned), label: label.map(str::to_owned) }
    }

    #[test]
    fn operations_come_from_what_was_said_then_templates_then_urls() {
        let mut options = ImportOptions::default();
        options.map.insert("Home".to_owned(), "GET /".to_owned());
        let mut read = Collected::new(ImportFormat::Jmeter, &options);
        let calls = [
            key(None, Some("http://a/items/1?x=2"), Some("Item")),
            key(None, Some("http://a/items/2"), Some("Item")),
            key(Some("GET"), Some("http://a/users/3"), Some("/users/:name")),
            key(None, None, Some("Home")),
            key(None, None, Some("Checkout")),
        ];
        for call in calls {
            assert!(read.call(call, Some(200), 1e6, 1).expect("few"));
        }
        let (operations, unknown) = read.operations(&options).expect("few");
        let names: Vec<_> = operations.keys().map(OperationTarget::name).collect();
        assert_eq!(names, ["/items/{id}", "GET /", "GET /users/{name}"]);
        assert_eq!(unknown, ["Checkout (1 calls)"]);
    }
}
