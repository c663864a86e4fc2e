//! The judge of drafts: a service of forty operations is recorded, its stubs are served, and the
//! session is run again.

mod api;
mod session;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use tempfile::TempDir;

use self::api::Api;
use self::session::{Request, operations, refused};
use super::service::{Recording, Service};
use crate::process::StandinProcess;
use crate::support::{Answer, Client};

/// A session that was recorded and drafted.
struct Recorded {
    folder: TempDir,
    /// Output of the recorder.
    output: String,
    calls: Vec<(Request, Answer)>,
}

fn record() -> Recorded {
    let api = Api::default();
    let service = Service::saying(move |heard| api.answer(heard));
    let recording = Recording::of(&service.url(), &["--exclusive", "--keep", "set-cookie"]);
    let mut client = Client::connect(recording.address);
    let calls = operations(1).into_iter().flat_map(|(_, calls)| calls).map(|call| {
        let answer = send(&mut client, &call);
        (call, answer)
    });
    let calls: Vec<_> = calls.collect();
    drop(client);
    let (output, code, _, folder) = recording.end("-INT");
    assert_eq!(code, Some(0), "{output}");
    Recorded { folder, output, calls }
}

fn serve(folder: &TempDir) -> StandinProcess {
    StandinProcess::serve(folder.path(), &[], &[])
}

fn send(client: &mut Client, request: &Request) -> Answer {
    client.write(&request.bytes());
    client.answer_to(request.method)
}

/// Returns an answer as a client sees it, without the headers of a moment or of the stand-in.
fn seen(answer: &Answer) -> (u16, String, Vec<(String, String)>, Vec<u8>) {
    // the server chooses a coding for each client
    let of_the_moment = ["date", "connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"];
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !of_the_moment.contains(&name.as_str()) && !name.starts_with("matched-stub"));
    let coding = answer.header("content-encoding").unwrap_or_default();
    let body = match coding {
        "gzip" => standin_coding::ContentCoding::Gzip.decode(&answer.body, 1 << 20).expect("gzip").into_owned(),
        _ => answer.body.clone(),
    };
    let body = match String::from_utf8(body) {
        Ok(text) => TIME.replace_all(&text, "TIME").into_owned().into_bytes(),
        Err(bytes) => bytes.into_bytes(),
    };
    // the order of different headers has no meaning (RFC 9110, section 5.3), and a template changes
    // it
    let mut headers: Vec<_> = headers.cloned().collect();
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    (answer.status, answer.reason.clone(), headers, body)
}

/// Times of day, which no stub can repeat.
static TIME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"20\d\d-\d\d-\d\dT[0-9:.]+Z").expect("a constant"));

#[test]
fn forty_operations_are_recorded_as_a_person_would_write_them() {
    let recorded = record();
    let process = serve(&recorded.folder);
    let mut client = Client::connect(process.address);
    let mut misses = Vec::new();
    for (request, expected) in &recorded.calls {
        let (got, expected) = (seen(&send(&mut client, request)), seen(expected));
        if got != expected {
            misses.push(format!("{} {}\n  got      {got:?}\n  expected {expected:?}", request.method, request.url));
        }
    }
    let order: Vec<String> = process.get("/health").headers.into_iter().map(|(name, _)| name).collect();
    let place = |name: &str| order.iter().position(|known| known == name);
    assert!(place("content-type") < place("x-b") && place("x-b") < place("x-a"), "{order:?}");
    let (missed, all) = (misses.len(), recorded.calls.len());
    let share = 1.0 - missed as f64 / all as f64;
    assert!(
        recorded.output.contains(&format!("replayed: {all} of {all} calls get the recorded answer (100 %)")),
        "{}",
        recorded.output
    );
    assert!(share >= 0.99, "{missed} of {all} differ:\n{}\n{}", misses.join("\n"), recorded.output);
}

#[test]
fn what_is_volatile_may_differ_in_the_next_session() {
    let recorded = record();
    let process = serve(&recorded.folder);
    let service = Api::default();
    let service = Service::saying(move |heard| service.answer(heard));
    let (mut client, mut real) = (Client::connect(process.address), Client::connect(service.address));
    let mut misses = Vec::new();
    for request in operations(2).into_iter().flat_map(|(_, calls)| calls) {
        let (got, expected) = (seen(&send(&mut client, &request)), seen(&send(&mut real, &request)));
        if got != expected {
            misses.push(format!("{} {}\n  got      {got:?}\n  expected {expected:?}", request.method, request.url));
        }
    }
    assert!(misses.is_empty(), "{}\n{}", misses.join("\n"), recorded.output);
}

#[test]
fn no_stub_answers_what_the_service_refuses() {
    let recorded = record();
    let process = serve(&recorded.folder);
    let mut client = Client::connect(process.address);
    let wrong = refused().into_iter().filter_map(|request| {
        let answer = send(&mut client, &request);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        (answer.status < 400).then(|| format!("{} {}: {} {body}", request.method, request.url, answer.status))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), recorded.output);
}

#[test]
fn operations_are_those_of_the_service() {
    let recorded = record();
    let all = operations(1);
    let expected: BTreeSet<String> = all.iter().map(|(name, _)| name.trim_end_matches(" (after)").to_owned()).collect();
    let calls = all.iter().flat_map(|(_, calls)| calls);
    let tree =
        standin_tape::operations::OperationTree::learn(calls.clone().map(|call| (call.method, call.url.as_str())));
    let found: BTreeSet<String> = calls.map(|call| tree.name(call.method, &call.url)).collect();
    let wrong: Vec<_> = expected.symmetric_difference(&found).collect();
    assert!(expected.len() >= 40, "{}", expected.len());
    assert!(wrong.is_empty(), "{wrong:?}\n{}", recorded.output);
}
