//! Archives that were written are read again.

use serde_json::{Value, json};
use standin_tape::TapeHead;
use standin_tape::exchange::Exchange;

use super::{HarWriter, journal_entries, tape_entry};
use crate::document::{SourceDocument, SourceFormat};
use crate::har;

fn archive(entries: &[Value]) -> String {
    let mut bytes = Vec::new();
    let mut writer = HarWriter::new(&mut bytes).expect("memory");
    for entry in entries {
        writer.entry(entry).expect("memory");
    }
    assert_eq!(writer.finish().expect("memory"), entries.len() as u64);
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn an_exchange_survives_the_archive() {
    let line = json!({
        "number": 1,
        "request": {"method": "POST", "url": "/items?a=b%20c", "headers": [["Content-Type", "text/plain"]],
            "body": {"sha256": "in", "size": 2}},
        "response": {"status": 201, "headers": [["X-Id", "7"]], "body": {"sha256": "out", "size": 3}},
        "times": {"received": 1_500_000_000_u64, "permitWait": 1_000_000, "connect": 2_000_000,
            "sent": 1_504_000_000_u64, "firstByte": 1_510_000_000_u64, "lastByte": 1_511_500_000_u64},
        "inFlight": 1, "reused": false,
    });
    let exchange: Exchange = serde_json::from_value(line).expect("an exchange");
    let head = TapeHead { target: "http://shop:80/".to_owned(), started_unix_ms: 1_000, ..TapeHead::default() };
    let bodies = |hash: &str| Some(if hash == "in" { b"hi".to_vec() } else { vec![0xff, 0, 1] });
    let entry = tape_entry(&exchange, &head, bodies);
    assert_eq!(entry["startedDateTime"], "1970-01-01T00:00:02.500000Z");
    assert_eq!(entry["request"]["queryString"], json!([{"name": "a", "value": "b c"}]));
    let timings =
        json!({"blocked": 1.0, "dns": -1, "connect": 2.0, "ssl": -1, "send": 1.0, "wait": 6.0, "receive": 1.5});
    assert_eq!(entry["timings"], timings);
    assert_eq!(entry["time"], 11.5);
    let document = SourceDocument::parse("a.har", &archive(&[entry.clone(), entry])).unwrap_or_else(|_| panic!("HAR"));
    assert_eq!(document.format, SourceFormat::Har);
    let calls = har::calls(&document.root).calls;
    assert_eq!(calls.len(), 2);
    assert_eq!((calls[0].host.as_str(), calls[0].target.as_str()), ("shop:80", "/items?a=b%20c"));
    assert_eq!((calls[0].request_body.as_slice(), calls[0].status), (&b"hi"[..], 201));
    assert_eq!(calls[0].response_body, [0xff, 0, 1]);
}

#[test]
fn calls_without_an_answer_say_why() {
    let line = json!({"number": 1, "request": {"method": "GET", "url": "/"},
        "failure": {"reason": "timeout", "detail": "after 1 s"}, "times": {"received": 5}});
    let exchange: Exchange = serde_json::from_value(line).expect("an exchange");
    let entry = tape_entry(&exchange, &TapeHead::default(), |_| None);
    assert_eq!((&entry["response"]["status"], &entry["response"]["_error"]), (&json!(0), &json!("timeout after 1 s")));
    assert_eq!(archive(&[]).trim_end().chars().last(), Some('}'));
}

#[test]
fn a_journal_is_written_oldest_first() {
    let event = |date: u64, status: u16| {
        json!({"request": {"method": "GET", "absoluteUrl": "http://h/a", "loggedDate": date, "headers": {"A": ["1", "2"]},
            "bodyAsBase64": ""}, "response": {"status": status, "bodyAsBase64": "aGk="}, "timing": {"totalTime": 7}})
    };
    let entries = journal_entries(&json!({"requests": [event(2_000, 404), event(1_000, 200)]})).expect("a journal");
    assert_eq!(entries[0]["startedDateTime"], "1970-01-01T00:00:01.000000Z");
    assert_eq!(entries[0]["response"]["content"]["text"], "hi");
    assert_eq!(entries[0]["request"]["headers"].as_array().map(Vec::len), Some(2));
    assert_eq!(entries[1]["response"]["status"], 404);
    assert_eq!(journal_entries(&json!({})), None);
}
