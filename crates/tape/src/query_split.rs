//! Operations of one path that a query parameter tells apart, as `?action=list` and
//! `?action=report`: where the shape of their answers or their times differ, and not where they do
//! not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::answer_shape::AnswerShape;
use crate::operation_name::{GENERATED, encoded};
use crate::query_evidence::{AnswerEvidence, parameters};

/// The query parameter that tells the operations of a path apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QuerySplit {
    key: String,
    /// Query part of the name of the operation, by the value of the parameter; `None` for calls
    /// without it. Other values stay in the operation of the path.
    names: BTreeMap<Option<String>, String>,
    /// True if too many values occur to tell one from another.
    is_presence: bool,
    proof: SplitProof,
}

/// Operations of one path that a query parameter tells apart, for reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitOperation {
    /// Method and path, such as `GET /db`.
    pub path: String,
    /// Name of the query parameter.
    pub key: String,
    /// Names of the operations that have the parameter.
    pub operations: Vec<String>,
    /// Reason for which they are told apart.
    pub proof: SplitProof,
}

/// A reason for which calls of one path are operations of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitProof {
    /// The user has stated it.
    Stated,
    /// Their answers have another content type or other members.
    Answers,
    /// Their median times, in nanoseconds.
    Times(u64, u64),
}

impl fmt::Display for SplitProof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |nanos: u64| nanos as f64 / 1e6;
        match self {
            Self::Stated => out.write_str("stated by --query-key"),
            Self::Answers => out.write_str("their answers are of different kinds"),
            Self::Times(one, other) => {
                write!(out, "their median times differ, such as {:.3} ms and {:.3} ms", ms(*one), ms(*other))
            }
        }
    }
}

/// Calls of a path with one value of a parameter.
#[derive(Default)]
struct ValueEvidence {
    calls: u64,
    nanos: Vec<u64>,
    shapes: Vec<AnswerShape>,
}

/// Calls of a path: their query parameters, and their answers.
pub(crate) type PathCalls<'e> = Vec<(&'e [(String, String)], &'e AnswerEvidence)>;

impl QuerySplit {
    /// Finds the parameter that tells calls of one path apart; `None` if there is none. A `stated`
    /// parameter needs no proof, an `ignored` one is none.
    pub(crate) fn learn(
        calls: &PathCalls<'_>,
        is_stated: impl Fn(&str) -> bool,
        is_ignored: impl Fn(&str) -> bool,
    ) -> Option<Self> {
        let keys: BTreeSet<&str> = calls.iter().flat_map(|(query, _)| query.iter().map(|(key, _)| &**key)).collect();
        if let Some(key) = keys.iter().find(|key| is_stated(key)) {
            let by_value = by_value(calls, key);
            let names = by_value.into_keys().filter_map(|value| Some((Some(value.clone()?), part(key, &[value?]))));
            let (key, names) = ((*key).to_owned(), names.collect());
            return Some(Self { key, names, is_presence: false, proof: SplitProof::Stated });
        }
        let found = keys.into_iter().filter(|key| !is_ignored(key)).filter_map(|key| Self::by(key, calls));
        // the first of equal ones
        found
            .fold(None, |best: Option<(f64, Self)>, one| match best {
                Some(best) if best.0 >= one.0 => Some(best),
                _ => Some(one),
            })
            .map(|(_, split)| split)
    }

    /// Returns the operations that a parameter tells apart, and the share of calls beside the
    /// largest of them.
    fn by(key: &str, calls: &PathCalls<'_>) -> Option<(f64, Self)> {
        let mut by_value = by_value(calls, key);
        let is_presence = by_value.len() > MAX_VALUES;
        if is_presence {
            let mut present = ValueEvidence::default();
            let absent = by_value.remove(&None);
            for one in by_value.into_values() {
                present.absorb(one);
            }
            by_value = BTreeMap::from([(Some(GENERATED.to_owned()), present)]);
            by_value.extend(absent.map(|absent| (None, absent)));
        }
        let total: u64 = by_value.values().map(|one| one.calls).sum();
        let mut values: Vec<_> = by_value.iter().filter(|(_, one)| one.calls >= MIN_CALLS).collect();
        values.sort_by(|(name, one), (other_name, other)| (other.calls, name).cmp(&(one.calls, other_name)));
        let mut clusters: Vec<Vec<&Option<String>>> = Vec::new();
        let mut proof = None;
        for (value, evidence) in values {
            let mut alike = None;
            for (place, cluster) in clusters.iter().enumerate() {
                match evidence.difference(&by_value[cluster[0]]) {
                    Some(found) => proof = proof.or(Some(found)),
                    None => alike = alike.or(Some(place)),
                }
            }
            match alike {
                Some(place) => clusters[place].push(value),
                None => clusters.push(vec![value]),
            }
        }
        if clusters.len() < 2 {
            return None;
        }
        // calls without the parameter are of the path; so is the largest number of values alike
        let is_rest = |cluster: &Vec<&Option<String>>| (cluster.contains(&&None), cluster.len() > 1, cluster.len());
        let rest = (0..clusters.len()).max_by_key(|place| (is_rest(&clusters[*place]), std::cmp::Reverse(*place)))?;
        if is_rest(&clusters[rest]) > (false, false, 1) {
            clusters.remove(rest);
        }
        let mut names = BTreeMap::new();
        let mut told_apart = 0;
        for cluster in clusters {
            let mut values: Vec<String> = cluster.iter().filter_map(|value| (*value).clone()).collect();
            values.sort();
            told_apart += cluster.iter().map(|value| by_value[*value].calls).sum::<u64>();
            let part = part(key, &values);
            names.extend(values.into_iter().map(|value| (Some(value), part.clone())));
        }
        let split = Self { key: key.to_owned(), names, is_presence, proof: proof? };
        Some((told_apart as f64 / total.max(1) as f64, split))
    }

    /// Returns the query part of the name of the operation of a call; empty if it is of the path.
    pub(crate) fn part(&self, url: &str) -> &str {
        let value = parameters(url).into_iter().find(|(key, _)| *key == self.key).map(|(_, value)| value);
        let value = if self.is_presence { value.map(|_| GENERATED.to_owned()) } else { value };
        self.names.get(&value).map_or("", String::as_str)
    }

    /// Returns the report of the operations of a path.
    pub(crate) fn report(&self, path: &str) -> SplitOperation {
        let parts: BTreeSet<&String> = self.names.values().collect();
        let operations = parts.into_iter().map(|part| format!("{path}{part}")).collect();
        SplitOperation { path: path.to_owned(), key: self.key.clone(), operations, proof: self.proof }
    }
}

fn by_value(calls: &PathCalls<'_>, key: &str) -> BTreeMap<Option<String>, ValueEvidence> {
    let mut by_value: BTreeMap<Option<String>, ValueEvidence> = BTreeMap::new();
    for (query, evidence) in calls {
        let value = query.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
        let (nanos, shapes) = (evidence.nanos.clone(), evidence.shapes.clone());
        by_value.entry(value).or_default().absorb(ValueEvidence { calls: evidence.calls, nanos, shapes });
    }
    by_value
}

fn part(key: &str, values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| encoded(value)).collect();
    format!("?{}={}", encoded(key), values.join("|"))
}

impl ValueEvidence {
    fn absorb(&mut self, other: Self) {
        self.calls += other.calls;
        self.nanos.extend(other.nanos);
        self.shapes.extend(other.shapes);
    }

    /// Returns the proof that the calls are of another operation than `other`'s.
    fn difference(&self, other: &Self) -> Option<SplitProof> {
        let are_known = !self.shapes.is_empty() && !other.shapes.is_empty();
        if are_known && self.shapes.iter().all(|one| !other.shapes.iter().any(|other| one.is_like(other))) {
            return Some(SplitProof::Answers);
        }
        let (one, other) = (sorted(&self.nanos), sorted(&other.nanos));
        let (mine, theirs) = (*one.get(one.len() / 2)?, *other.get(other.len() / 2)?);
        let (less, more) = (mine.min(theirs), mine.max(theirs));
        let is_clear = more as f64 > less as f64 * MIN_TIME_RATIO && more - less > MIN_TIME_DIFFERENCE_NANOS;
        let (superiority, z) = rank_test(&one, &other);
        let is_proven = superiority >= MIN_SUPERIORITY && z >= MIN_Z;
        (is_clear && is_proven).then_some(SplitProof::Times(less, more))
    }
}

fn sorted(values: &[u64]) -> Vec<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted
}

/// Returns the probability that a value of one sorted sample is above one of the other (ties count
/// half), of the two directions the larger, and the standard score of the Mann-Whitney test with
/// the correction for ties.
fn rank_test(one: &[u64], other: &[u64]) -> (f64, f64) {
    let (n, m) = (one.len() as f64, other.len() as f64);
    let (mut above, mut ties) = (0.0, 0.0);
    for value in one {
        let less = other.partition_point(|theirs| theirs < value);
        let equal = other.partition_point(|theirs| theirs <= value) - less;
        above += less as f64 + equal as f64 / 2.0;
    }
    let mut all = [one, other].concat();
    all.sort_unstable();
    for run in all.chunk_by(|one, other| one == other) {
        let count = run.len() as f64;
        ties += count.powi(3) - count;
    }
    let total = n + m;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)).max(1.0));
    let superiority = above / (n * m);
    let z = if variance > 0.0 { (above - n * m / 2.0).abs() / variance.sqrt() } else { 0.0 };
    (superiority.max(1.0 - superiority), z)
}

/// Successful calls of a value from which on it may be an operation.
const MIN_CALLS: u64 = 3;
/// Values of a parameter up to which each may be an operation; of more, only its presence.
const MAX_VALUES: usize = 20;
/// Ratio of medians from which on times differ.
const MIN_TIME_RATIO: f64 = 1.3;
/// Difference of medians from which on times differ.
const MIN_TIME_DIFFERENCE_NANOS: u64 = 200_000;
/// Probability of superiority from which on times differ (0.5 is none).
const MIN_SUPERIORITY: f64 = 0.8;
/// Standard score that chance reaches once in a thousand.
const MIN_Z: f64 = 3.29;
