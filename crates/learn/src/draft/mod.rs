//! Drafting: stubs made from tapes. Only the module [`write`](mod@write) touches the disk.
//!
//! Calls that a stub cannot tell apart become one stub, which gives the answer that they were given
//! most often. The same tapes give the same files, byte for byte. The draft's report lists what is
//! left out.

mod answer_class;
mod answer_template;
mod body_rule;
mod call_group;
mod chosen_answer;
mod field_rules;
mod header_rules;
mod id_echo;
mod java_numbers;
mod names;
mod operation;
mod recorded_answer;
mod replay_check;
mod report;
mod request_fields;
mod request_rule;
mod scenario_state;
mod sequence;
mod unrecorded_ids;
pub mod verify;
mod volatile_fields;
mod volatile_text;
pub mod write;
mod write_scenarios;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};
use uuid::Uuid;

pub use names::slug as file_stem;
pub use replay_check::{MAX_LISTED_CALLS, MissReason, Misses, ReplayCheck, ReplayReport};
pub use report::{DraftReport, LeftOut, OmittedCalls};

use self::call_group::{AnswerKey, CallGroup, CallPlace, RequestHeaders};
use self::operation::OperationDrafter;
use self::request_rule::RequestRule;
use standin_tape::exchange::{BodyRef, Exchange, ExchangeRequest, ExchangeResponse};
use standin_tape::operations::OperationTree;
use standin_tape::{OperationRules, QueryEvidence};

/// Gives a body by its SHA-256, if it is there.
type BodySource<'b> = dyn Fn(&str) -> Option<Bytes> + 'b;

/// Takes in the exchanges of tapes, then drafts.
pub struct Drafter<'b> {
    bodies: Box<BodySource<'b>>,
    most: usize,
    tapes: Vec<DraftTape>,
    groups: Vec<CallGroup>,
    /// The groups by what their stubs ask.
    by_key: HashMap<String, usize>,
    /// Calls that were seen already, as they stand on the tape.
    known: HashMap<String, Result<usize, LeftOut>>,
    /// Hashes of bodies without their coding.
    decoded: HashMap<(String, String), String>,
    headers: HashSet<Rc<RequestHeaders>>,
    /// Names of request fields of which any value matches.
    ignored: Vec<String>,
    operation_rules: OperationRules,
    /// Evidence of operations that differ by their query alone.
    query_evidence: QueryEvidence,
    report: DraftReport,
}

/// The files of a draft.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StubDraft {
    /// Mapping files with the drafted stubs.
    pub mappings: Vec<DraftMappingFile>,
    /// The recorded calls with the stubs that must answer them, for [`verify`].
    pub calls: Vec<(ExchangeRequest, Uuid)>,
    /// The report on what was drafted and left out.
    pub report: DraftReport,
}

/// The stubs of an operation and their bodies.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftMappingFile {
    /// The file name, without a folder.
    pub name: String,
    /// The content: `{"mappings": […]}`.
    pub content: Value,
    /// The body files below `__files/` that its stubs name.
    pub bodies: Vec<DraftFile>,
}

impl DraftMappingFile {
    /// Returns a file whose mappings carry the hash by which it is known to be unedited. Each
    /// mapping has an object `/metadata/standin/draft`.
    pub fn new(stem: &str, mappings: Vec<Map<String, Value>>) -> Self {
        Self { name: format!("{stem}.json"), content: write::with_hashes(mappings), bodies: Vec::new() }
    }
}

/// A file with the body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftFile {
    /// The file name, without a folder.
    pub name: String,
    /// The content of the file.
    pub bytes: Bytes,
}

struct DraftTape {
    name: String,
    target: String,
    started_unix_ms: u64,
}

impl<'b> Drafter<'b> {
    /// Returns a drafter that reads bodies by their SHA-256 and gives an operation at most `most`
    /// stubs for recorded calls.
    pub fn new(bodies: impl Fn(&str) -> Option<Bytes> + 'b, most: usize) -> Self {
        Self {
            bodies: Box::new(bodies),
            most,
            tapes: Vec::new(),
            groups: Vec::new(),
            by_key: HashMap::new(),
            known: HashMap::new(),
            decoded: HashMap::new(),
            headers: HashSet::new(),
            ignored: Vec::new(),
            operation_rules: OperationRules::default(),
            query_evidence: QueryEvidence::default(),
            report: DraftReport::default(),
        }
    }

    /// Sets what is known of the segments of paths.
    pub fn set_operation_rules(&mut self, rules: OperationRules) {
        self.operation_rules = rules;
    }

    /// Lets any value match in the request fields with this name: a parameter, or the member or
    /// element of a body.
    pub fn ignore_field(&mut self, name: &str) {
        self.ignored.push(name.to_owned());
    }

    /// Begins a tape: the exchanges that follow are from it. Of answers given as often, those of
    /// later tapes win.
    /// `started_unix_ms` is its time 0 in milliseconds since 1970.
    pub fn begin(&mut self, name: &str, target: &str, started_unix_ms: u64) {
        self.tapes.push(DraftTape { name: name.to_owned(), target: target.to_owned(), started_unix_ms });
    }

    /// Takes in an exchange.
    pub fn add(&mut self, exchange: &Exchange) {
        self.report.calls += 1;
        self.query_evidence.add(exchange);
        if let Err(why) = self.take(exchange) {
            let url = exchange.request.url.split('?').next().unwrap_or_default();
            let name = format!("{} {url}", exchange.request.method);
            self.report.note(why, 1, if why == LeftOut::NoAnswer { "" } else { &name });
        }
    }

    /// Returns the drafted stubs.
    pub fn finish(mut self) -> StubDraft {
        self.tell_orders_apart();
        let groups = std::mem::take(&mut self.groups);
        self.groups = volatile_fields::join(groups, &self.ignored, &*self.bodies, &mut self.report);
        for group in &mut self.groups {
            answer_template::apply(group, &*self.bodies);
        }
        write_scenarios::apply(&mut self.groups, &*self.bodies);
        let calls = self.groups.iter().flat_map(|group| {
            let call = (group.rule.method.as_str(), group.rule.path.as_str());
            std::iter::repeat_n(call, usize::try_from(group.calls).unwrap_or(usize::MAX))
        });
        let mut operations = OperationTree::learn_with(self.operation_rules.clone(), calls);
        self.query_evidence.read_shapes(|hash| (self.bodies)(hash).map(Into::into));
        operations.tell_queries_apart(&self.query_evidence);
        self.report.variables = operations.variables();
        self.report.split_operations = operations.split_operations();
        // a file for each path: the stubs stay in it when more calls tell its operations apart
        let mut by_path: BTreeMap<String, (Vec<&CallGroup>, BTreeSet<String>)> = BTreeMap::new();
        for group in &self.groups {
            let query = group.sample.url.split_once('?').map_or("", |(_, query)| query);
            let name = operations.name(&group.rule.method, &format!("{}?{query}", group.rule.path));
            let path = name.split('?').next().unwrap_or_default().to_owned();
            let (groups, names) = by_path.entry(path).or_default();
            groups.push(group);
            names.insert(name);
        }
        let mut draft = StubDraft { report: std::mem::take(&mut self.report), ..StubDraft::default() };
        for (name, (groups, operations)) in by_path {
            let file = OperationDrafter { name: &name, most: self.most, bodies: &*self.bodies, tapes: &self.tapes };
            if let Some(file) = file.mapping_file(&groups, &mut draft.calls, &mut draft.report) {
                draft.mappings.push(file);
                draft.report.operations += operations.len();
            }
        }
        draft
    }

    fn take(&mut self, exchange: &Exchange) -> Result<(), LeftOut> {
        let response = exchange.response.as_ref().filter(|_| exchange.failure.is_none()).ok_or(LeftOut::NoAnswer)?;
        if !(200..=999).contains(&response.status) {
            return Err(LeftOut::Strange);
        }
        let place = self.group(&exchange.request)?;
        let kind = self.kind(response)?;
        let started_ms = self.tapes.last().map_or(0, |tape| tape.started_unix_ms);
        let place = (
            place,
            CallPlace {
                tape: self.tapes.len().saturating_sub(1),
                number: self.report.calls,
                at_ms: (started_ms + exchange.times.received / 1_000_000).try_into().unwrap_or(i64::MAX),
            },
        );
        let headers = self.shared_headers(&exchange.request);
        let (group, place) = place;
        self.groups[group].add((&exchange.request, &headers), (kind, response), place);
        Ok(())
    }

    fn group(&mut self, request: &ExchangeRequest) -> Result<usize, LeftOut> {
        let mut asked = format!("{} {}", request.method, request.url);
        if let Some(body) = request.body.as_ref().filter(|body| body.size > 0) {
            asked.push(' ');
            asked.push_str(body.sha256.as_deref().unwrap_or_default());
            for (name, value) in &request.headers {
                if name.eq_ignore_ascii_case("content-type") || name.eq_ignore_ascii_case("content-encoding") {
                    asked.push('\n');
                    asked.push_str(value);
                }
            }
        }
        if let Some(known) = self.known.get(&asked) {
            return *known;
        }
        let found = self.new_group(request);
        self.known.insert(asked, found);
        found
    }

    fn new_group(&mut self, request: &ExchangeRequest) -> Result<usize, LeftOut> {
        let body = body(request.body.as_ref(), &*self.bodies).ok_or(LeftOut::NoBody)?;
        let rule = RequestRule::of(request, body)?;
        let next = self.groups.len();
        let place = *self.by_key.entry(rule.key(false)).or_insert(next);
        if place == next {
            self.groups.push(CallGroup::new(rule, request.clone()));
        }
        Ok(place)
    }

    fn kind(&mut self, response: &ExchangeResponse) -> Result<AnswerKey, LeftOut> {
        let coding = recorded_answer::header(response, "content-encoding").unwrap_or_default().to_owned();
        let body = match response.body.as_ref().filter(|body| body.size > 0) {
            None => String::new(),
            Some(BodyRef { sha256: None, .. }) => return Err(LeftOut::NoBody),
            Some(BodyRef { sha256: Some(hash), .. }) if coding.is_empty() => hash.clone(),
            Some(BodyRef { sha256: Some(hash), .. }) => {
                let key = (hash.clone(), coding);
                match self.decoded.get(&key) {
                    Some(known) => known.clone(),
                    None => {
                        let raw = (self.bodies)(hash).ok_or(LeftOut::NoBody)?;
                        let plain =
                            recorded_answer::decode(&raw, &key.1).map_or_else(|| hash.clone(), |body| sha256(&body));
                        self.decoded.insert(key, plain.clone());
                        plain
                    }
                }
            }
        };
        Ok(AnswerKey::of(response, body))
    }

    /// Returns the headers of a request. Equal ones are kept once, up to a limit.
    fn shared_headers(&mut self, request: &ExchangeRequest) -> Rc<RequestHeaders> {
        if let Some(known) = self.headers.get(&request.headers) {
            return Rc::clone(known);
        }
        let shared = Rc::new(request.headers.clone());
        if self.headers.len() < MAX_SHARED_HEADERS {
            self.headers.insert(Rc::clone(&shared));
        }
        shared
    }

    /// Lists count in order where recorded bodies differ in nothing else.
    fn tell_orders_apart(&mut self) {
        let mut alike: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, group) in self.groups.iter().enumerate() {
            alike.entry(group.rule.key(true)).or_default().push(place);
        }
        for place in alike.into_values().filter(|places| places.len() > 1).flatten() {
            self.groups[place].rule.in_any_order = false;
        }
    }
}

/// Returns a body that a tape refers to; `None` if it is not there.
fn body(reference: Option<&BodyRef>, bodies: &dyn Fn(&str) -> Option<Bytes>) -> Option<Bytes> {
    match reference.filter(|body| body.size > 0) {
        None => Some(Bytes::new()),
        Some(body) => bodies(body.sha256.as_deref()?),
    }
}

fn sha256(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    standin_tape::to_hex(hash.as_ref())
}

/// Returns eight hex digits of a SHA-256.
fn digest8(bytes: &[u8]) -> String {
    sha256(bytes)[..8].to_owned()
}

/// Distinct sets of request headers that are kept once; further ones are kept for each call.
const MAX_SHARED_HEADERS: usize = 10_000;

/// Stubs for recorded calls that an operation has unless another number is asked for.
pub const DEFAULT_MAX_STUBS: usize = 1_000;

#[cfg(test)]
mod tests;
