//! The cases of a group and what WireMock answered to them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use standin_stub::source::{read_json, read_yaml};

/// Stubs, files and the requests to send; the fields are explained in
/// `tests/conformance/README.md`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    #[serde(default, rename = "notes")]
    _notes: Option<String>,
    #[serde(default)]
    pub(super) files: Map<String, Value>,
    #[serde(default)]
    pub(super) mapping_files: Map<String, Value>,
    #[serde(default)]
    pub(super) needs_root: bool,
    #[serde(default)]
    pub(super) mappings: Vec<Value>,
    pub(super) requests: Vec<Request>,
    /// The whole case as JSON.
    #[serde(skip)]
    pub(super) text: String,
    /// The UUIDs that it speaks of, in lower case; all others are chance.
    #[serde(skip)]
    pub(super) uuids: HashSet<String>,
}

/// A request of a case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    #[serde(default = "get")]
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    pub(super) body_b64: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) json: Option<Value>,
    pub(super) raw: Option<String>,
    #[serde(default)]
    pub(super) fresh: bool,
    #[serde(default)]
    pub(super) sleep_ms: u64,
    #[serde(default)]
    pub(super) poll_ms: u64,
    #[serde(default)]
    pub(super) capture: HashMap<String, String>,
    #[serde(default)]
    pub(super) compare: Compare,
}

/// The parts of an answer that are compared.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Compare {
    pub(super) json: Option<bool>,
    pub(super) body: Option<bool>,
    pub(super) body_regex: Option<String>,
    pub(super) gunzip: bool,
    pub(super) paths: Vec<String>,
    pub(super) ignore: Vec<String>,
    pub(super) types: Vec<String>,
    pub(super) unordered: Vec<String>,
    pub(super) headers: Vec<String>,
    pub(super) skip_headers: Vec<String>,
    pub(super) reason: Option<bool>,
    pub(super) status_class: bool,
    pub(super) min_ms: u64,
    pub(super) max_ms: Option<u64>,
}

/// WireMock's answers to the set-up and the requests of a case.
#[derive(Deserialize)]
pub(super) struct Recorded {
    /// Statuses or names of faults.
    setup: Vec<Value>,
    pub(super) replies: Vec<Value>,
}

impl Case {
    /// Returns the cases of a group, in their order.
    pub(super) fn all_of(group: &str) -> Vec<Self> {
        let cases: Vec<Self> = load_cases(group).into_iter().map(|value| Self::read(group, value)).collect();
        let mut names = HashSet::new();
        for case in &cases {
            assert!(names.insert(&case.name), "{group}: two cases are named `{}`: rename one", case.name);
        }
        cases
    }

    fn read(group: &str, value: Value) -> Self {
        let text = value.to_string();
        let uuids = UUID.find_iter(&text).map(|uuid| uuid.as_str().to_lowercase()).collect();
        let case = serde_json::from_value(value).unwrap_or_else(|error| panic!("{group}: {error} in {text}"));
        Self { text, uuids, ..case }
    }

    /// Returns the names of all headers that its stubs set, and whether one sets a reason phrase.
    pub(super) fn stubbed_headers(&self) -> (Vec<&str>, bool) {
        let (mut names, mut reason) = (Vec::new(), false);
        let stubs = self.mappings.iter().flat_map(|mapping| match mapping.get("mappings") {
            Some(Value::Array(several)) => several.iter().collect(),
            _ => vec![mapping],
        });
        for response in stubs.filter_map(|stub| stub.get("response")) {
            reason |= response.get("statusMessage").is_some();
            if let Some(Value::Object(headers)) = response.get("headers") {
                names.extend(headers.keys().map(String::as_str));
            }
        }
        (names, reason)
    }
}

impl Recorded {
    /// Reads the recorded answers of all cases of a group.
    pub(super) fn all_of(group: &str) -> HashMap<String, Self> {
        let path = data().join(format!("golden/{group}.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // serde_json reads 128 levels, and one recorded answer has 124 of its own
        let golden = read_json(&text).unwrap_or_else(|error| panic!("{}: {error:?}", path.display())).to_json();
        serde_json::from_value(golden).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Returns the recorded answer to each step of the set-up.
    pub(super) fn setup(&self) -> Vec<String> {
        let plain = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
        self.setup.iter().map(plain).collect()
    }
}

/// Returns the folder of the suite's data.
pub(super) fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

/// Returns the cases of a group as values: the only place that knows how they are stored.
fn load_cases(group: &str) -> Vec<Value> {
    let path = data().join(format!("cases/{group}.yaml"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    match read_yaml(&text).map(|node| node.to_json()) {
        Ok(Value::Array(cases)) => cases,
        Ok(_) => panic!("{}: not a list of cases", path.display()),
        Err(error) => panic!("{}: {error:?}", path.display()),
    }
}

fn get() -> String {
    "GET".to_owned()
}

/// `null` is a value too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

pub(super) static UUID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").expect("a pattern"));
