//! The algebra of drafting: what the order, the number and the kind of recorded calls may and may
//! not change.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use standin_stub::load;
use standin_stub::stub_folder::StubFolder;
use standin_tape::exchange::{ExchangeFailure, ExchangeTimes, FailureReason};
use standin_tape::redaction_marker;

/// A call on a tape.
#[derive(Clone, Debug)]
struct Said {
    method: &'static str,
    url: String,
    kind: &'static str,
    body: Vec<u8>,
    status: u16,
    answer: String,
}

impl Said {
    fn get(url: &str, answer: &str) -> Self {
        Self { method: "GET", url: url.to_owned(), kind: "", body: Vec::new(), status: 200, answer: answer.to_owned() }
    }
}

/// Bodies by their hash.
#[derive(Default)]
struct TestBodies(RefCell<HashMap<String, Bytes>>);

impl TestBodies {
    fn keep(&self, body: &[u8]) -> Option<BodyRef> {
        let hash = sha256(body);
        self.0.borrow_mut().insert(hash.clone(), body.to_vec().into());
        (!body.is_empty()).then_some(BodyRef { sha256: Some(hash), size: body.len() as u64 })
    }

    fn find(&self, hash: &str) -> Option<Bytes> {
        self.0.borrow().get(hash).cloned()
    }

    fn exchange(&self, said: &Said) -> Exchange {
        let headers = vec![("Content-Type".to_owned(), said.kind.to_owned())];
        let request = ExchangeRequest {
            method: said.method.to_owned(),
            url: said.url.clone(),
            headers: if said.kind.is_empty() { Vec::new() } else { headers },
            body: self.keep(&said.body),
        };
        let response = ExchangeResponse {
            status: said.status,
            reason: None,
            headers: Vec::new(),
            body: self.keep(said.answer.as_bytes()),
        };
        Exchange {
            number: 1,
            operation: None,
            request,
            response: Some(response),
            failure: None,
            times: ExchangeTimes::default(),
            in_flight: 1,
            reused: false,
        }
    }

    /// Drafts stubs from tapes of one name.
    fn draft(&self, tapes: &[&[Said]]) -> StubDraft {
        let mut drafter = Drafter::new(|hash| self.find(hash), DEFAULT_MAX_STUBS);
        for tape in tapes {
            drafter.begin("tapes/one.jsonl", "", 0);
            tape.iter().for_each(|said| drafter.add(&self.exchange(said)));
        }
        drafter.finish()
    }
}

fn draft(said: &[Said]) -> StubDraft {
    TestBodies::default().draft(&[said])
}

/// Returns the requests and responses of the stubs, without the numbers of calls.
fn stubs(draft: &StubDraft) -> Vec<(String, String)> {
    let mappings = draft.mappings.iter().flat_map(|file| file.content["mappings"].as_array().expect("a list"));
    mappings.map(|mapping| (mapping["request"].to_string(), mapping["response"].to_string())).collect()
}

fn left_out(draft: &StubDraft, why: LeftOut) -> u64 {
    draft.report.remarks.get(&why).map_or(0, |omitted| omitted.calls)
}

fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => prop::sample::select(vec!["items", "search", "a%20b", "", "A"]).prop_map(str::to_owned),
        4 => (0..40u32).prop_map(|id| id.to_string()),
        1 => (0..3u32).prop_map(redaction_marker),
    ];
    prop_oneof![3 => Just("/items".to_owned()), 1 => vec(segment, 1..4).prop_map(|segments| format!("/{}", segments.join("/")))]
}

fn pairs() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        4 => prop::sample::select(vec!["1", "2", "x+y", "x%20y", "%C3%A9", "", "a.b*"]).prop_map(str::to_owned),
        1 => (0..3u32).prop_map(redaction_marker),
    ];
    let pair = (prop::sample::select(vec!["a", "b", "c[]"]), value).prop_map(|(name, value)| format!("{name}={value}"));
    vec(pair, 0..4).prop_map(|pairs| pairs.join("&"))
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["1", "1.0", "1.50", "-0", "1e3", "true", "null", "\"x\"", "\"\"", "\"\\u00e9\""])
            .prop_map(str::to_owned),
        (0..3u32).prop_map(|hash| format!("\"{}\"", redaction_marker(hash))),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map("[ab]", inner, 0..3).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    });
    value.prop_map(|value| format!("[{value}]"))
}

fn body() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    prop_oneof![
        3 => Just(("", Vec::new())),
        2 => json().prop_map(|text| ("application/json", text.into_bytes())),
        2 => pairs().prop_map(|text| ("application/x-www-form-urlencoded", text.into_bytes())),
        1 => "[<a>&\\\\.*\n é$]{0,12}".prop_map(|text| ("text/xml", text.into_bytes())),
        1 => ("[<a>\\\\.*\n]{0,6}", "[<a>\\\\.*\n]{0,6}")
            .prop_map(|(before, after)| ("text/plain", format!("{before}{}{after}", redaction_marker(1)).into_bytes())),
        1 => vec(any::<u8>(), 1..6).prop_map(|bytes| ("application/octet-stream", bytes)),
    ]
}

/// Generates a call; the same one always gets the same answer.
fn said() -> impl Strategy<Value = Said> {
    let method = prop::sample::select(vec!["GET", "POST", "DELETE"]);
    (method, path(), pairs(), body()).prop_map(|(method, path, query, (kind, body))| {
        let url = if query.is_empty() { path } else { format!("{path}?{query}") };
        Said { method, url, kind, body, status: 200, answer: "ok".to_owned() }
    })
}

/// Returns the stubs of a draft as they are served.
fn served(draft: &StubDraft, root: &Path) -> Vec<std::sync::Arc<standin_stub::Stub>> {
    write::write(draft, root, false).expect("writable");
    let loaded = load::load(&[StubFolder::new("", "", root)]);
    let defects: Vec<String> = loaded.defects.iter().map(ToString::to_string).collect();
    assert!(!loaded.defects.iter().any(standin_stub::defect::Defect::is_error), "{defects:#?}\n{:#?}", draft.mappings);
    loaded.stubs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_recorded_call_is_answered_by_its_own_stub(said in vec(said(), 1..12)) {
        let (bodies, root) = (TestBodies::default(), TempDir::new().expect("a folder"));
        let draft = bodies.draft(&[&said]);
        let mismatches = verify::mismatches(&draft, served(&draft, root.path()), |hash| bodies.find(hash));
        prop_assert!(mismatches.is_empty(), "{mismatches:#?}\n{:#?}", stubs(&draft));
        let left_out = left_out(&draft, LeftOut::Strange);
        let recorded: u64 = draft.mappings.iter().flat_map(|file| file.content["mappings"].as_array().expect("a list"))
            .filter(|mapping| mapping["priority"].as_u64().is_none_or(|priority| priority < 10))
            .map(|mapping| mapping.pointer("/metadata/standin/draft/recorded").and_then(Value::as_u64).expect("a count"))
            .sum();
        prop_assert_eq!(recorded + left_out, said.len() as u64, "every call is in a stub or told of");
    }

    #[test]
    fn neither_the_order_of_calls_nor_the_parting_into_tapes_matters(
        (said, shuffled) in vec(said(), 1..12).prop_flat_map(|said| (Just(said.clone()), Just(said).prop_shuffle())),
        cut in any::<prop::sample::Index>(),
    ) {
        let (one, other) = shuffled.split_at(cut.index(shuffled.len()));
        let (whole, parted) = (draft(&said), TestBodies::default().draft(&[one, other]));
        prop_assert_eq!(whole.mappings, parted.mappings);
        prop_assert_eq!(whole.report, parted.report);
    }

    #[test]
    fn a_call_more_that_was_seen_before_changes_no_stub(said in vec(said(), 1..8), again in any::<prop::sample::Index>()) {
        let mut more = said.clone();
        more.push(said[again.index(said.len())].clone());
        prop_assert_eq!(stubs(&draft(&said)), stubs(&draft(&more)));
    }

    #[test]
    fn no_draft_names_a_secret(said in vec(said(), 1..8)) {
        let text = draft(&said).mappings.iter().map(|file| file.content.to_string()).collect::<String>();
        prop_assert!(!standin_tape::is_redacted(&text), "{text}");
    }

    #[test]
    fn templates_need_two_recordings(ids in prop::collection::btree_set(0..1_000u32, 1..5)) {
        let said: Vec<Said> = ids.iter().map(|id| Said::get(&format!("/items/{id}/parts"), &id.to_string())).collect();
        prop_assert_eq!(draft(&said).report.templates, usize::from(ids.len() > 1));
        let one: Vec<Said> = vec![said[0].clone(); 5];
        prop_assert_eq!(draft(&one).report.templates, 0, "the same id again proves nothing");
    }
}

#[test]
fn no_template_takes_everything() {
    let words: Vec<Said> = (b'a'..=b'z')
        .flat_map(|a| [b'x', b'y'].map(|b| Said::get(&format!("/{}{}", a as char, b as char), "")))
        .collect();
    let all = draft(&words);
    assert_eq!((all.report.stubs, all.report.templates), (52, 0));
    let below: Vec<Said> = words.iter().map(|said| Said::get(&format!("/users{}", said.url), "")).collect();
    assert_eq!(draft(&below).report.templates, 0, "words are names, however many there are");
    // clients that forgot to fill in their own template
    let raw = ["/a/{id}/1", "/a/{id}/2"].map(|url| Said::get(url, ""));
    assert_eq!(draft(&raw).report.templates, 0);
}

#[test]
fn no_id_gets_the_answer_of_another() {
    let items = |answers: &[(u32, u16, &str)]| -> Vec<Said> {
        let said = answers.iter();
        said.map(|(id, status, body)| Said { status: *status, ..Said::get(&format!("/items/{id}"), body) }).collect()
    };
    let template = |said: &[Said]| {
        let draft = draft(said);
        let stub = stubs(&draft).into_iter().find(|(asked, _)| asked.contains("urlPathTemplate"));
        assert_eq!(draft.report.templates, usize::from(stub.is_some()), "{}", draft.report);
        let notes = [LeftOut::IdEcho, LeftOut::IdNotFound, LeftOut::IdMiss];
        let notes: Vec<_> = notes.into_iter().filter(|note| draft.report.remarks.contains_key(note)).collect();
        (stub.map(|(_, answer)| answer), notes)
    };
    let echoed = items(&[(1, 200, "{\"id\":1,\"n\":1}"), (22, 200, "{\"id\":22,\"n\":1}")]);
    let expected =
        r#"{"status":200,"body":"{\"id\":{{request.path.id}},\"n\":1}","transformers":["response-template"]}"#;
    assert_eq!(template(&echoed), (Some(expected.to_owned()), vec![LeftOut::IdEcho]));
    let other = items(&[(1, 200, "ann 1"), (2, 200, "bob 2"), (3, 200, "cid 3")]);
    assert_eq!(template(&other), (None, vec![LeftOut::IdMiss]));
    let missing = [&other[..], &items(&[(98, 404, "no 98")])].concat();
    let expected = r#"{"status":404,"body":"no {{request.path.id}}","transformers":["response-template"]}"#;
    assert_eq!(template(&missing), (Some(expected.to_owned()), vec![LeftOut::IdNotFound]));
    let neutral = [&other[..], &items(&[(98, 404, "not here"), (99, 404, "nor 99")])].concat();
    assert_eq!(template(&neutral).0.as_deref(), Some(r#"{"status":404,"body":"not here"}"#));
    let constant = items(&[(1, 200, "same"), (2, 200, "same"), (3, 200, "same")]);
    assert_eq!(template(&constant).0.as_deref(), Some(r#"{"status":200,"body":"same"}"#));
    assert_eq!(template(&constant[..2]), (None, vec![LeftOut::IdMiss]), "two may be equal by chance");
    let few = [&echoed[..], &items(&[(7, 404, "-"), (8, 404, "-"), (9, 404, "-")])].concat();
    assert_eq!(template(&few).1, [LeftOut::IdNotFound], "where most are not there, others are not likely to be");
    let asked = stubs(&draft(&echoed)).pop().expect("a template").0;
    assert!(asked.ends_with(r#""pathParameters":{"id":{"matches":"[0-9]+"}}}"#), "{asked}");
}

#[test]
fn answers_of_overload_are_left_to_the_profile() {
    let answers = |said: &[(u16, &str)]| {
        let said: Vec<Said> =
            said.iter().map(|(status, answer)| Said { status: *status, ..Said::get("/a", answer) }).collect();
        let draft = draft(&said);
        let answers: BTreeSet<String> = stubs(&draft).into_iter().map(|(_, answer)| answer).collect();
        (answers.into_iter().collect::<Vec<_>>().join(" "), draft.report)
    };
    let (answer, report) = answers(&[(503, "busy"), (503, "busy"), (429, ""), (304, ""), (200, "x")]);
    assert_eq!(answer, "{\"status\":200,\"body\":\"x\"}");
    assert_eq!((report.remarks[&LeftOut::Overload].calls, report.remarks[&LeftOut::NotModified].calls), (3, 1));
    assert_eq!(answers(&[(503, "down")]).0, "{\"status\":503,\"body\":\"down\"}", "it did nothing else");
    assert_eq!(answers(&[(304, "")]).0, "");
}

/// Returns the bodies, required states and next states of the stubs, in the order of the states.
fn steps(draft: &StubDraft) -> Vec<(String, String, String)> {
    let mappings = draft.mappings.iter().flat_map(|file| file.content["mappings"].as_array().expect("a list"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut steps: Vec<_> = mappings
        .map(|mapping| {
            let body = text(&mapping["response"]["body"]);
            (body, text(&mapping["requiredScenarioState"]), text(&mapping["newScenarioState"]))
        })
        .collect();
    steps.sort_by_key(|(_, required, _)| (required.len(), required.clone()));
    steps
}

#[test]
fn answers_in_a_stable_order_become_a_scenario() {
    let poll = |answers: &[&str]| answers.iter().map(|answer| Said::get("/poll", answer)).collect::<Vec<_>>();
    let draft = draft(&poll(&["pending", "running", "done", "done"]));
    let step = |body: &str, required: &str, next: &str| (body.to_owned(), required.to_owned(), next.to_owned());
    let expected =
        [step("done", "call 3", ""), step("running", "call 2", "call 3"), step("pending", "Started", "call 2")];
    let mut found = steps(&draft);
    found.sort_by_key(|(_, required, _)| std::cmp::Reverse(required.clone()));
    found.reverse();
    assert_eq!(found.len(), 3);
    assert!(expected.iter().all(|step| found.contains(step)), "{found:?}");
    assert_eq!(left_out(&draft, LeftOut::Sequence), 4);
    assert_eq!(left_out(&draft, LeftOut::Differing), 0);
}

#[test]
fn answers_without_an_order_leave_the_most_frequent_one() {
    let answers = ["x", "y", "x"].into_iter().cycle().take(40);
    let draft = draft(&answers.map(|answer| Said::get("/a", answer)).collect::<Vec<_>>());
    assert_eq!(steps(&draft), [("x".to_owned(), String::new(), String::new())]);
    assert!(left_out(&draft, LeftOut::Differing) > 10, "{}", draft.report);
}

#[test]
fn calls_whose_bodies_are_not_on_the_tape_are_left_out_and_told() {
    let bodies = TestBodies::default();
    let mut drafter = Drafter::new(|hash| bodies.find(hash), DEFAULT_MAX_STUBS);
    let whole = bodies.exchange(&Said { method: "POST", body: b"asked".to_vec(), ..Said::get("/a", "answered") });
    let unkept = |hash: Option<&str>| Some(BodyRef { sha256: hash.map(str::to_owned), size: 9 });
    for hash in [None, Some("0000")] {
        let mut asked = whole.clone();
        asked.request.body = unkept(hash);
        drafter.add(&asked);
        let mut answered = whole.clone();
        answered.request.url = "/b".to_owned();
        answered.response.as_mut().expect("it has one").body = unkept(hash);
        drafter.add(&answered);
    }
    let mut failed = whole.clone();
    failed.failure = Some(ExchangeFailure { reason: FailureReason::Closed, detail: String::new() });
    drafter.add(&failed);
    drafter.add(&whole);
    let draft = drafter.finish();
    assert_eq!((draft.report.calls, draft.report.stubs), (6, 1));
    assert_eq!((left_out(&draft, LeftOut::NoBody), left_out(&draft, LeftOut::NoAnswer)), (4, 1));
}

/// A tape that lost its bodies: an operation's calls are left out for one reason each.
#[test]
fn no_call_is_left_out_twice() {
    let bodies = TestBodies::default();
    let mut drafter = Drafter::new(|_| None, DEFAULT_MAX_STUBS);
    for id in 1..=3 {
        for (status, text) in [(200, "kept"), (200, "kept"), (200, "other"), (503, "busy")] {
            drafter.add(&bodies.exchange(&Said { status, ..Said::get(&format!("/items/{id}"), text) }));
        }
    }
    let draft = drafter.finish();
    let remarks = draft.report.remarks.iter().filter(|(why, _)| **why != LeftOut::Sequence);
    let left_out: u64 = remarks.map(|(_, omitted)| omitted.calls).sum();
    assert_eq!((draft.report.calls, draft.report.stubs, left_out), (12, 0, 12), "{}", draft.report);
}
