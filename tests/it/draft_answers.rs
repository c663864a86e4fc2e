//! Which answers drafted stubs give: to ids that were not recorded, and after writes.

use crate::draft::{OK, Said, call, draft, drafted, tape, taped, told};

#[test]
fn an_id_that_was_not_recorded_gets_no_answer_of_another() {
    let item = |url, answer| Said { url, answer, ..OK };
    let said = [item("/users/1", b"ann" as &[u8]), item("/users/2", b"bob"), item("/users/3", b"cid")];
    let folder = taped(&said);
    let server = drafted(&folder);
    assert_eq!(call(&server, "GET", "/users/2", "", b"").text(), "bob");
    assert_eq!(call(&server, "GET", "/users/21", "", b"").status, 404);
    let output = draft(folder.path(), &[]);
    assert!(told(&output).contains("other ids get no stub: `GET /users/{id}`"), "{}", told(&output));
    drop(server);
    let kind = [("Content-Type", "application/json")];
    let missing = Said { url: "/users/99", status: 404, headers: &kind, answer: b"{\"missing\":99}", ..OK };
    tape(folder.path(), "two", &[missing], true);
    let server = drafted(&folder);
    let got = call(&server, "GET", "/users/21", "", b"");
    assert_eq!((got.status, got.text(), got.header("content-type")), (404, "{\"missing\":21}", Some(kind[0].1)));
    assert_eq!(call(&server, "GET", "/users/2", "", b"").text(), "bob");
    let output = draft(folder.path(), &[]);
    assert!(told(&output).contains("other ids get a recorded 404: `GET /users/{id}`"), "{}", told(&output));
}

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];

/// Calls of a session in which an item is made, changed and deleted.
const SESSION: [Said<'static>; 13] = [
    Said { url: "/items", headers: &JSON, answer: b"[]", ..OK },
    Said { url: "/items/1", status: 404, answer: b"none", ..OK },
    Said { method: "POST", url: "/items", asked: b"{\"name\":\"mug\"}", status: 201, answer: b"made", ..OK },
    Said { url: "/items", headers: &JSON, answer: b"[\"mug\"]", ..OK },
    Said { url: "/items/1", headers: &JSON, answer: b"{\"name\":\"mug\"}", ..OK },
    Said { url: "/health", answer: b"up", ..OK },
    Said { method: "PUT", url: "/items/1", asked: b"{\"name\":\"cup\"}", answer: b"changed", ..OK },
    Said { url: "/items/1", headers: &JSON, answer: b"{\"name\":\"cup\"}", ..OK },
    Said { url: "/items", headers: &JSON, answer: b"[\"cup\"]", ..OK },
    Said { method: "DELETE", url: "/items/1", status: 204, ..OK },
    Said { url: "/items/1", status: 404, answer: b"none", ..OK },
    Said { url: "/items", headers: &JSON, answer: b"[]", ..OK },
    Said { method: "DELETE", url: "/items/1", status: 404, answer: b"none", ..OK },
];

#[test]
fn writes_change_what_reads_are_answered() {
    let folder = taped(&SESSION);
    let output = draft(folder.path(), &[]);
    for expected in ["a scenario follows the writes: ", "replayed: 13 of 13 calls get the recorded answer (100 %)"] {
        assert!(told(&output).contains(expected), "`{expected}` is not in\n{}", told(&output));
    }
    assert!(!told(&output).contains("in turn"), "{}", told(&output));
    let server = drafted(&folder);
    let kind = |said: &Said<'_>| if said.asked.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    // again from the end of the first session, and each read twice
    for round in 0..2 {
        for (place, said) in SESSION.iter().enumerate() {
            for _ in 0..if said.method == "GET" { 2 } else { 1 } {
                let got = call(&server, said.method, said.url, kind(said), said.asked);
                let (got, expected) = ((got.status, got.body), (said.status, said.answer.to_vec()));
                assert_eq!(got, expected, "call {place} of round {round}: {} {}", said.method, said.url);
            }
        }
    }
    // a write out of its order is answered too
    let put = call(&server, "PUT", "/items/1", kind(&SESSION[6]), SESSION[6].asked);
    assert_eq!((put.text(), call(&server, "GET", "/items", "", b"").text()), ("changed", "[\"cup\"]"));
}

#[test]
fn what_changes_by_itself_follows_no_write() {
    let job = |answer| Said { url: "/jobs/7", answer, ..OK };
    let make = Said { method: "POST", url: "/jobs", asked: b"{\"a\":1}", status: 201, answer: b"made", ..OK };
    let other = Said { method: "POST", url: "/log", asked: b"{\"b\":1}", answer: b"", ..OK };
    let clock = |answer| Said { url: "/clock", answer, ..OK };
    let folder =
        taped(&[make, job(b"pending" as &[u8]), job(b"running"), job(b"done"), clock(b"one"), other, clock(b"two")]);
    let output = draft(folder.path(), &[]);
    assert!(!told(&output).contains("follows the writes"), "{}", told(&output));
    assert!(told(&output).contains("a scenario gives the answers in their order"), "{}", told(&output));
}
