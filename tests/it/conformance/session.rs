//! A target, and the cases that are run against it one after the other.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use super::answer::{Answer, Ports};
use super::case::{Case, Recorded, Request};
use super::client::{Client, Message, Reply};
use super::compare::difference;
use super::path::JsonPath;
use super::spelling::spelt;
use super::upstream::Upstream;
use crate::support::Target;

/// The connections to a target, and what the last case left behind on it.
pub(super) struct Session<'a> {
    target: &'a Target,
    ports: Ports,
    client: Client,
    admin: Client,
    leftovers: BTreeSet<Leftover>,
    /// The number of consecutive cases without an answer.
    silent: u32,
}

/// State that a case may change apart from stubs and the journal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leftover {
    Recording,
    Mappings,
    Files,
    Settings,
}

/// The result of a case.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) differences: Vec<String>,
    /// The number of requests that were answered as WireMock does.
    pub(super) agreed: usize,
}

impl<'a> Session<'a> {
    pub(super) fn new(target: &'a Target) -> Self {
        let client = || Client::new(&target.host, target.port);
        Self {
            target,
            ports: Ports { target: target.port, upstream: Upstream::start().port },
            client: client(),
            admin: client(),
            leftovers: BTreeSet::from([Leftover::Recording, Leftover::Mappings, Leftover::Files, Leftover::Settings]),
            silent: 0,
        }
    }

    /// Runs a case. A target that keeps hanging gets less and less patience.
    pub(super) fn run(&mut self, case: &Case, recorded: &Recorded) -> Outcome {
        let mut outcome = Outcome::default();
        if self.silent > HOPELESS {
            outcome.differences.push("skipped: the server does not answer".to_owned());
            return outcome;
        }
        let patience = Duration::from_millis(match self.silent {
            0..4 => 3000,
            4..10 => 1000,
            _ => 200,
        });
        (self.client.patience, self.admin.patience) = (patience, patience);
        let answered = self.set_up(case, recorded, &mut outcome) && self.send_all(case, recorded, &mut outcome);
        self.silent = if answered { 0 } else { self.silent + 1 };
        outcome
    }

    /// Gives the target the stubs and files of a case and compares how it took them. False if it
    /// does not answer.
    fn set_up(&mut self, case: &Case, recorded: &Recorded, outcome: &mut Outcome) -> bool {
        let (wanted, steps) = (recorded.setup(), self.prepare(case));
        if wanted.len() != steps.len() {
            outcome.differences.push(format!("set-up: want {} steps got {}", wanted.len(), steps.len()));
        }
        for (index, (wanted, step)) in wanted.iter().zip(&steps).enumerate() {
            if wanted == step || (index == 1 && wanted == CANNOT_CLEAR) {
                continue;
            }
            let what = match index {
                0 => "POST /__admin/reset".to_owned(),
                1 => "DELETE /__admin/mappings".to_owned(),
                _ => format!("step {}", index - 1),
            };
            outcome.differences.push(format!("set-up, {what}: want {wanted} got {step}"));
            break;
        }
        let answers = !steps.iter().any(|step| step == "timeout" || step == "refused");
        if !answers {
            outcome.differences.push("the server does not answer".to_owned());
        }
        answers
    }

    /// Sends the requests of a case and compares their answers. False if the target does not
    /// answer.
    fn send_all(&mut self, case: &Case, recorded: &Recorded, outcome: &mut Outcome) -> bool {
        let mut captured = HashMap::new();
        for (index, request) in case.requests.iter().enumerate() {
            let Some(golden) = recorded.replies.get(index) else {
                outcome.differences.push("no golden result: record one".to_owned());
                break;
            };
            thread::sleep(Duration::from_millis(request.sleep_ms));
            let reply = self.send(request, &captured);
            capture(request, &reply, &mut captured);
            let mut hangs = reply.hangs();
            let wanted = Answer::recorded(golden, &self.ports);
            let mut answer = Answer::observed(request, reply, &self.ports, &case.uuids);
            let mut found = difference(case, request, &wanted, &answer);
            let deadline = Instant::now() + Duration::from_millis(request.poll_ms);
            while found.is_some() && answer.fault.is_none() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(50));
                let reply = self.send(request, &captured);
                hangs = reply.hangs();
                answer = Answer::observed(request, reply, &self.ports, &case.uuids);
                found = difference(case, request, &wanted, &answer);
            }
            match found {
                None => outcome.agreed += 1,
                Some(found) => {
                    let (method, path) = (&request.method, &request.path);
                    outcome.differences.push(format!("#{} {method} {path}: {found}", index + 1));
                }
            }
            if hangs && wanted.fault != answer.fault {
                return false;
            }
        }
        true
    }

    /// Cleans the target and gives it the case; the status, or the fault, of every call that
    /// WireMock was asked too.
    fn prepare(&mut self, case: &Case) -> Vec<String> {
        self.clean();
        self.leftovers = Leftover::of(case);
        let mut steps = Vec::new();
        for (method, path) in [("POST", "/__admin/reset"), ("DELETE", "/__admin/mappings")] {
            let reply = self.administer(method, path, (method == "POST").then_some(""));
            steps.push(told(&reply));
            if reply.hangs() {
                return steps;
            }
        }
        self.client.close();
        for (name, content) in &case.files {
            let binary = content.get("b64").and_then(Value::as_str);
            let bytes = binary.map_or_else(
                || self.filled(content.as_str().expect("a file is text or `b64`"), &HashMap::new()).into_bytes(),
                |binary| BASE64_STANDARD.decode(binary).expect("`b64` is base64"),
            );
            self.write("__files", name, &bytes);
        }
        if !case.mapping_files.is_empty() {
            for (name, content) in &case.mapping_files {
                let text = content.as_str().map_or_else(|| spelt(content), str::to_owned);
                self.write("mappings", name, self.filled(&text, &HashMap::new()).as_bytes());
            }
            steps.push(told(&self.administer("POST", "/__admin/mappings/reset", Some(""))));
        }
        for mapping in &case.mappings {
            let body = match mapping {
                Value::String(text) => self.filled(text, &HashMap::new()),
                other => spelt(&self.filled_in(other, &HashMap::new())),
            };
            let reply = self.administer("POST", "/__admin/mappings", Some(&body));
            steps.push(told(&reply));
            if reply.hangs() {
                break;
            }
        }
        steps
    }

    /// Undoes what the last case changed beside stubs and the journal.
    fn clean(&mut self) {
        for leftover in std::mem::take(&mut self.leftovers) {
            match leftover {
                Leftover::Recording => drop(self.administer("POST", "/__admin/recordings/stop", Some(""))),
                Leftover::Mappings => empty(&self.target.root.join("mappings")).expect("the root is ours"),
                Leftover::Files => empty(&self.target.root.join("__files")).expect("the root is ours"),
                Leftover::Settings => {
                    let settings = r#"{"fixedDelay":null,"delayDistribution":null}"#;
                    drop(self.administer("POST", "/__admin/settings", Some(settings)));
                }
            }
        }
    }

    fn administer(&mut self, method: &str, path: &str, body: Option<&str>) -> Reply {
        let json = body.filter(|body| !body.is_empty());
        let headers = json.map(|_| ("Content-Type".to_owned(), "application/json".to_owned()));
        self.admin.send(&Message {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: headers.into_iter().collect(),
            body: body.map(|body| body.as_bytes().to_vec()),
            ..Message::default()
        })
    }

    fn write(&self, folder: &str, name: &str, bytes: &[u8]) {
        let path = self.target.root.join(folder).join(name);
        fs::create_dir_all(path.parent().expect("below the root")).expect("the root is ours");
        fs::write(path, bytes).expect("the root is ours");
    }

    fn send(&mut self, request: &Request, captured: &HashMap<String, String>) -> Reply {
        if let Some(folder) = request.path.strip_prefix("@disk/") {
            return disk(&self.target.root.join(folder));
        }
        let filled = |text: &String| self.filled(text, captured);
        let mut headers: Vec<_> = request.headers.iter().map(|(name, value)| (name.clone(), filled(value))).collect();
        let body = if let Some(binary) = &request.body_b64 {
            Some(BASE64_STANDARD.decode(binary).expect("`body_b64` is base64"))
        } else if let Some(json) = &request.json {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
            }
            Some(spelt(&self.filled_in(json, captured)).into_bytes())
        } else {
            request.body.as_ref().map(|body| filled(body).into_bytes())
        };
        let message = Message {
            method: request.method.clone(),
            path: filled(&request.path),
            headers,
            body,
            raw: request.raw.as_ref().map(|raw| filled(raw).replace('\n', "\r\n").into_bytes()),
            fresh: request.fresh || request.raw.is_some(),
        };
        self.client.send(&message)
    }

    /// Returns a text with the values of this run, and what the case has captured, in place of
    /// `@@NAME@@`.
    fn filled(&self, text: &str, captured: &HashMap<String, String>) -> String {
        if !text.contains("@@") {
            return text.to_owned();
        }
        let (host, port, upstream) = (&self.target.host, self.target.port, self.ports.upstream);
        let text = text
            .replace("@@UPSTREAM@@", &format!("http://127.0.0.1:{upstream}"))
            .replace("@@UPSTREAM_PORT@@", &upstream.to_string())
            .replace("@@HOST@@", &format!("{host}:{port}"))
            .replace("@@PORT@@", &port.to_string());
        captured.iter().fold(text, |text, (name, value)| text.replace(&format!("@@{name}@@"), value))
    }

    fn filled_in(&self, value: &Value, captured: &HashMap<String, String>) -> Value {
        match value {
            Value::String(text) => self.filled(text, captured).into(),
            Value::Array(items) => items.iter().map(|item| self.filled_in(item, captured)).collect(),
            Value::Object(members) => {
                let filled =
                    |(name, value): (&String, &Value)| (self.filled(name, captured), self.filled_in(value, captured));
                members.iter().map(filled).collect()
            }
            other => other.clone(),
        }
    }
}

impl Leftover {
    /// Returns the state that a case may change.
    fn of(case: &Case) -> BTreeSet<Self> {
        let speaks_of = |word: &str| case.text.contains(word);
        let records = speaks_of("/__admin/recordings") || speaks_of("proxyBaseUrl");
        let writes_stubs = speaks_of("persist") || speaks_of("/__admin/mappings/save");
        let mapping_files = case.needs_root || !case.mapping_files.is_empty();
        let files = case.needs_root || !case.files.is_empty() || speaks_of("/__admin/files");
        let found = [
            (Self::Recording, records),
            (Self::Mappings, records || writes_stubs || mapping_files),
            (Self::Files, records || files),
            (Self::Settings, speaks_of("/__admin/settings")),
        ];
        found.into_iter().filter(|(_, left)| *left).map(|(leftover, _)| leftover).collect()
    }
}

fn told(reply: &Reply) -> String {
    let fault = reply.fault.map_or("", super::client::Fault::name);
    reply.status.map_or_else(|| fault.to_owned(), |status| status.to_string())
}

/// Remembers what later requests of the case need of this answer.
fn capture(request: &Request, reply: &Reply, captured: &mut HashMap<String, String>) {
    for (name, path) in &request.capture {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let value = JsonPath::parse(path).select(&body);
        captured.insert(name.clone(), value.as_str().map_or_else(|| spelt(&value), str::to_owned));
    }
}

/// Returns the files below a folder, as if a server had answered with them: names and contents.
fn disk(folder: &Path) -> Reply {
    let mut found = Map::new();
    for path in files_below(folder) {
        let text = String::from_utf8_lossy(&fs::read(&path).expect("the root is ours")).into_owned();
        let name = path.strip_prefix(folder).expect("below it").to_string_lossy().into_owned();
        found.insert(name, serde_json::from_str(&text).unwrap_or(Value::String(text)));
    }
    let body = Value::Object(found).to_string().into_bytes();
    Reply { status: Some(200), reason: "OK".to_owned(), body, ..Reply::default() }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    Ok(())
}

/// So many cases in a row without an answer: the rest need not be tried.
const HOPELESS: u32 = 12;

/// WireMock's answer to the clean-up after it has loaded a file with several stubs; not required of
/// others.
const CANNOT_CLEAR: &str = "500";
