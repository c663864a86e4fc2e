use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Version};
use proptest::prelude::*;

use super::*;
use standin_stub::call::{Peers, Scheme};
use standin_stub::format::{self, Reader};
use standin_stub::matcher::Rank;
use standin_stub::{Stub, StubOrigin};

fn call(method: &str, url: &str, headers: &[(String, Vec<u8>)], body: &[u8]) -> Call {
    let mut request = Request::builder().method(method).uri(url).version(Version::HTTP_11).body(()).expect("a request");
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().expect("a name");
        request.headers_mut().append(name, HeaderValue::from_bytes(value).expect("a value"));
    }
    let peers = Peers {
        scheme: Scheme::Https,
        remote: "203.0.113.9:5000".parse().expect("an address"),
        local: "[::1]:8443".parse().expect("an address"),
    };
    Call::new(request.into_parts().0, Bytes::copy_from_slice(body), peers, Instant::now(), 1 << 20)
}

fn get(url: &str) -> Call {
    call("GET", url, &[], b"")
}

fn stub(body: &str) -> Arc<Stub> {
    let text = format!("{{\"request\": {{\"url\": \"/\"}}, \"response\": {{\"body\": \"{body}\"}}}}");
    let mut reader = Reader::of_api(&text);
    let files = standin_stub::files::FilesFolder::new("__files");
    let mapping = reader.parse(&text).and_then(|tree| format::mapping(&tree, &files, &mut reader)).expect("a stub");
    let rank = Rank { service: 0, priority: 5, age: 1 };
    Arc::new(mapping.into_stub(Uuid::new_v4(), rank, StubOrigin::Api))
}

fn urls(journal: &Journal) -> Vec<String> {
    journal.snapshot().entries().map(|record| record.call.url().to_owned()).collect()
}

proptest! {
    #[test]
    fn a_call_is_read_as_it_was_written(
        method in "[A-Z]{1,10}",
        url in "(/[a-z0-9%._-]{0,20}){1,4}(\\?[a-z0-9=&+%]{0,40})?",
        headers in prop::collection::vec(("[a-z][a-z0-9-]{0,20}", prop::collection::vec(0x20_u8..=0x7e, 0..50)), 0..12),
        body in prop::collection::vec(any::<u8>(), 0..2000),
        delay in prop::option::of(0_u64..10_000_000_000),
    ) {
        let journal = Journal::new(1 << 20, 2);
        let sent = call(&method, &url, &headers, &body);
        let delay = delay.map(Duration::from_nanos);
        journal.append(1, &sent, AnswerInfo::unmatched().with_delay(delay));
        let record = journal.snapshot().entries().next().expect("it is there");
        prop_assert_eq!(journal.usage().0, (1 << 20) / 8 / 2, "no chunk grew");
        prop_assert_eq!(&record.call.method, &sent.method);
        prop_assert_eq!(&record.call.uri, &sent.uri);
        prop_assert_eq!(&record.call.headers, &sent.headers);
        prop_assert_eq!(&record.call.raw_body, &sent.raw_body);
        prop_assert_eq!(record.call.version, sent.version);
        prop_assert_eq!(record.call.peers.remote, sent.peers.remote);
        prop_assert_eq!(record.call.peers.local, sent.peers.local);
        prop_assert_eq!(record.delay, delay);
        let (method, url) = (sent.method.as_str().to_owned(), sent.url().to_owned());
        let snapshot = journal.snapshot();
        prop_assert_eq!(snapshot.chunks[0].target(0), (&*method, &*url));
        prop_assert!(!record.was_matched());
        prop_assert_eq!(journal.snapshot().by_id(record.id).map(|found| found.ordinal), Some(record.ordinal));
    }
}

#[test]
fn an_absolute_target_stays_absolute() {
    let journal = Journal::new(1 << 20, 1);
    journal.append(0, &get("https://some.host:77/a?b=1"), AnswerInfo::unmatched());
    journal.append(0, &call("OPTIONS", "*", &[], b""), AnswerInfo::unmatched());
    let targets: Vec<String> = journal.snapshot().entries().map(|record| record.call.uri.to_string()).collect();
    assert_eq!(targets, ["https://some.host:77/a?b=1", "*"]);
}

#[test]
fn calls_of_all_workers_come_in_their_order() {
    let journal = Journal::new(1 << 20, 3);
    for number in 0..30 {
        journal.append(number % 3, &get(&format!("/{number}")), AnswerInfo::unmatched());
    }
    assert_eq!(urls(&journal), (0..30).map(|number| format!("/{number}")).collect::<Vec<_>>());
}

#[test]
fn the_oldest_leave_and_the_bound_holds() {
    let bound = 256 << 10;
    let journal = Journal::new(bound, 2);
    for number in 0..20_000_u64 {
        journal.append(
            (number % 2) as usize,
            &call("POST", &format!("/{number}"), &[], &[b'x'; 100]),
            AnswerInfo::unmatched(),
        );
        if number % 1000 == 0 {
            assert!(journal.usage().0 <= bound, "{} of {bound}", journal.usage().0);
        }
    }
    let snapshot = journal.snapshot();
    assert_eq!(snapshot.evicted + snapshot.len() as u64, 20_000, "each call is here or counted");
    assert!(snapshot.len() > 500, "{} calls fit", snapshot.len());
    assert_eq!(urls(&journal).last().map(String::as_str), Some("/19999"));
    assert_eq!(journal.unreported_evictions(), Some(snapshot.evicted));
    assert_eq!(journal.unreported_evictions(), None, "it is told once");
    journal.reset();
    assert_eq!((journal.snapshot().len(), journal.snapshot().evicted), (0, 0));
}

#[test]
fn a_body_longer_than_the_journal_is_left_out_and_counted() {
    let bound = 64 << 10;
    let journal = Journal::new(bound, 1);
    journal.append(0, &call("POST", "/small", &[], b"x"), AnswerInfo::unmatched());
    journal.append(0, &call("POST", "/half", &[], &vec![b'x'; 30 << 10]), AnswerInfo::unmatched());
    journal.append(0, &call("POST", "/large", &[], &vec![b'x'; 100 << 10]), AnswerInfo::unmatched());
    let snapshot = journal.snapshot();
    let bodies: Vec<_> =
        snapshot.entries().map(|record| (record.is_body_omitted, record.call.raw_body.len())).collect();
    assert_eq!(bodies, [(false, 1), (false, 30 << 10), (true, 0)]);
    assert_eq!(snapshot.omitted_bodies, 1);
    assert!(journal.usage().0 <= bound);
}

#[test]
fn stubs_that_answered_are_known_after_they_are_gone_unless_they_are_large() {
    let journal = Journal::new(1 << 20, 1);
    let (small, large) = (stub("x"), stub(&"x".repeat(100_000)));
    for answering in [&small, &large, &small] {
        journal.append(0, &get("/"), AnswerInfo::matched(answering));
    }
    let ids = [small.id, large.id, small.id];
    let known = |journal: &Journal| -> Vec<(Uuid, bool)> {
        let outcomes = journal.snapshot().entries().map(|record| record.outcome).collect::<Vec<_>>();
        outcomes
            .into_iter()
            .map(|outcome| match outcome {
                MatchOutcome::Matched(id, stub) => (id, stub.is_some()),
                MatchOutcome::Unmatched => panic!("it was matched"),
            })
            .collect()
    };
    assert_eq!(known(&journal), ids.map(|id| (id, true)));
    drop((small, large));
    assert_eq!(known(&journal), [(ids[0], true), (ids[1], false), (ids[2], true)]);
}

#[test]
fn removed_calls_are_gone_for_good() {
    let journal = Journal::new(1 << 20, 1);
    for number in 0..4 {
        journal.append(0, &get(&format!("/{number}")), AnswerInfo::unmatched());
    }
    let second = journal.snapshot().entries().nth(1).expect("it is there");
    journal.remove([second.ordinal]);
    assert_eq!(urls(&journal), ["/0", "/2", "/3"]);
    assert!(journal.snapshot().by_id(second.id).is_none());
}

#[test]
fn a_journal_of_nothing_keeps_nothing() {
    let journal = Journal::new(0, 2);
    journal.append(0, &get("/"), AnswerInfo::unmatched());
    assert!(!journal.is_on());
    assert_eq!(journal.snapshot().len(), 0);
    assert_eq!(journal.usage().0, 0);
}

#[test]
fn a_pattern_finds_and_counts_the_same_calls() {
    let journal = Journal::new(1 << 20, 2);
    for number in 0..50_usize {
        let headers = [("x-n".to_owned(), (number % 3).to_string().into_bytes())];
        journal.append(
            number % 2,
            &call(["GET", "POST"][number % 2], &format!("/{}?a", number % 5), &headers, b""),
            AnswerInfo::unmatched(),
        );
    }
    for (text, expected) in [
        ("{}", 50),
        (r#"{"method": "POST"}"#, 25),
        (r#"{"urlPath": "/3"}"#, 10),
        (r#"{"urlPathPattern": "/[12]", "method": "GET"}"#, 10),
        (r#"{"urlPath": "/3", "headers": {"X-N": {"equalTo": "0"}}}"#, 4),
        (r#"{"url": "/3"}"#, 0),
    ] {
        let mut reader = Reader::of_api(text);
        let tree = reader.parse(text).expect("JSON");
        let pattern = format::request_pattern(&tree, &mut reader);
        let snapshot = journal.snapshot();
        assert_eq!(snapshot.count(&pattern, || true), expected, "{text}");
        let found: Vec<u64> = snapshot.matching(pattern.clone(), || true).map(|record| record.ordinal).collect();
        let scanned = snapshot.entries().filter(|record| pattern.matches(&record.call, &MatchStats::default()));
        assert_eq!(found, scanned.map(|record| record.ordinal).collect::<Vec<_>>(), "{text}");
    }
}
