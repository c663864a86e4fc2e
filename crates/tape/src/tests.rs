use std::fs;

use super::*;
use crate::exchange::{Exchange, ExchangeRequest, ExchangeResponse, ExchangeTimes};

fn exchange(number: u64) -> Exchange {
    Exchange {
        number,
        operation: None,
        request: ExchangeRequest {
            method: "GET".to_owned(),
            url: format!("/items/{number}"),
            headers: Vec::new(),
            body: None,
        },
        response: Some(ExchangeResponse { status: 200, reason: None, headers: Vec::new(), body: None }),
        failure: None,
        times: ExchangeTimes { received: number, sent: Some(number + 1), ..ExchangeTimes::default() },
        in_flight: 1,
        reused: true,
    }
}

fn head() -> TapeHead {
    TapeHead {
        version: VERSION,
        target: "http://127.0.0.1:1".to_owned(),
        exclusive: true,
        limits: RecordingLimits { in_flight: Some(64), per_second: Some(0.5), connections: None },
        overhead: Some(RecorderOverhead { p50: 20_000, p90: 30_000, p99: 90_000, round_trip: 50_000 }),
        notes: [("ramp".to_owned(), serde_json::json!([10, 20.5]))].into_iter().collect(),
        ..TapeHead::default()
    }
}

fn read(text: &str) -> (Vec<u64>, TapeCondition) {
    let mut reader = TapeReader::new(text.as_bytes()).unwrap();
    let numbers = reader.by_ref().map(|exchange| exchange.unwrap().number).collect();
    (numbers, reader.condition().clone())
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tapes/one.jsonl");
    let mut writer = TapeWriter::create(&path, &head()).unwrap();
    for number in 1..=3 {
        writer.write(&exchange(number)).unwrap();
    }
    let body = writer.append_body(b"hello", 7).unwrap();
    assert_eq!(writer.append_body(b"hello", 5).unwrap().sha256, body.sha256);
    writer.finish(2, 5).unwrap();

    let mut reader = TapeReader::open(&path).unwrap();
    assert_eq!(reader.head(), &head());
    let exchanges: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!(exchanges, [exchange(1), exchange(2), exchange(3)]);
    let foot = TapeFoot { exchanges: 3, dropped: 2, refused: 5 };
    assert_eq!(reader.condition(), &TapeCondition { exchanges: 3, foot: Some(foot), ..TapeCondition::default() });
    let name = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(body, crate::exchange::BodyRef { sha256: Some(name.to_owned()), size: 7 });
    assert_eq!(TapeBodies::of([path.as_path()]).unwrap().get(name).unwrap(), b"hello");
    let pack = fs::read_to_string(pack_path(&path)).unwrap();
    assert_eq!(pack, format!("standin bodies 1\n{name} 5\nhello\n"));
}

#[test]
fn bodies_of_a_tape_that_was_cut_off_and_of_an_older_one_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.jsonl");
    let mut writer = TapeWriter::create(&path, &head()).unwrap();
    let names: Vec<String> = [&b"one"[..], b"", b"two\nlines\n", b"last"]
        .iter()
        .map(|body| writer.append_body(body, 1).unwrap().sha256.unwrap())
        .collect();
    writer.flush().unwrap();
    drop(writer);
    let pack = fs::read(pack_path(&path)).unwrap();
    for (cut, whole) in [(0, 4), (1, 3), (4, 3), (60, 3), (80, 2), (pack.len(), 0)] {
        fs::write(pack_path(&path), &pack[..pack.len() - cut]).unwrap();
        let bodies = TapeBodies::of([path.as_path()]).unwrap();
        let found = names.iter().filter(|name| bodies.get(name).is_some()).count();
        assert_eq!(found, whole, "{cut} bytes short");
    }
    let old = names[0].replace('a', "b");
    fs::create_dir(folder.path().join("bodies")).unwrap();
    fs::write(folder.path().join("bodies").join(&old), "older").unwrap();
    let bodies = TapeBodies::of([path.as_path()]).unwrap();
    assert_eq!((bodies.get(&old), bodies.get("../one.jsonl")), (Some(b"older".to_vec()), None));
}

/// A disk that takes nothing for a while: what was taken before comes out whole, and the gap is
/// marked.
#[test]
fn a_gap_is_told() {
    let start = serde_json::to_string(&head()).unwrap();
    let gap = r#"{"gap":{"exchanges":7,"seconds":1.5,"why":"No space left on device (os error 28)"}}"#;
    let line = serde_json::to_string(&exchange(1)).unwrap();
    let (numbers, condition) = read(&format!("{start}\n{line}\n{gap}\n"));
    assert_eq!((numbers, condition.gaps, condition.lost(), condition.broken), (vec![1], 1, 7, 0));
    // the foot has counted them as well
    let foot = r#"{"end":{"exchanges":1,"dropped":9,"refused":0}}"#;
    assert_eq!(read(&format!("{start}\n{line}\n{gap}\n{foot}\n")).1.lost(), 9);
}

#[test]
fn a_tape_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.jsonl");
    drop(TapeWriter::create(&path, &head()).unwrap());
    assert!(TapeWriter::create(&path, &head()).is_err());
}

#[test]
fn torn_and_broken_lines_are_told() {
    let line = |number| serde_json::to_string(&exchange(number)).unwrap();
    let start = serde_json::to_string(&head()).unwrap();
    let (numbers, condition) = read(&format!("{start}\n{}\n{{\"number\":\n\n{}\n{{\"num", line(1), line(2)));
    assert_eq!(numbers, [1, 2]);
    assert!(condition.torn);
    assert_eq!((condition.broken, condition.examples[0].line), (1, 3));
    assert_eq!(condition.foot, None);
    // a last line that lacks no more than its newline counts
    let (numbers, condition) = read(&format!("{start}\n{}", line(1)));
    assert_eq!((numbers, condition.torn), (vec![1], false));
}

#[test]
fn what_is_no_tape_is_refused() {
    let later = format!(r#"{{"standinTape":{},"target":"","startedUnixMs":0}}"#, VERSION + 1);
    assert!(matches!(TapeReader::new(later.as_bytes()), Err(TapeError::Version(2))));
    for text in ["", "{}", "hello\n"] {
        assert!(matches!(TapeReader::new(text.as_bytes()), Err(TapeError::NoHead(_))), "{text}");
    }
}

/// Writes a compressed tape of calls of one shape, each with a body of its own, a write each 250.
fn compressed(path: &Path, calls: u64) -> Vec<String> {
    let mut writer = TapeWriter::create(path, &head()).unwrap();
    let mut hashes = Vec::new();
    for number in 1..=calls {
        // times as those of a clock: they differ in their last digits
        let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let (received, taken) = (number * 1_000_000 + noise % 900_000, 4_000_000 + noise % 700_000);
        let body = format!("{{\"id\":{number},\"name\":\"item\",\"stock\":{}}}", noise % 1_000);
        let body = writer.append_body(body.as_bytes(), body.len() as u64).unwrap();
        hashes.extend(body.sha256.clone());
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut call = exchange(number);
        call.request.url = format!("/inventory/{number}");
        call.request.headers = vec![header("host", "inventory:9000"), header("accept", "application/json")];
        call.response = Some(ExchangeResponse {
            status: 200,
            reason: None,
            headers: vec![header("content-type", "application/json"), header("server", "inventory")],
            body: Some(body),
        });
        call.times = ExchangeTimes {
            received,
            sent: Some(received + 90_000 + noise % 9_000),
            first_byte: Some(received + taken),
            last_byte: Some(received + taken + 2_000),
            ..ExchangeTimes::default()
        };
        writer.append(&call).unwrap();
        if number % 250 == 0 {
            assert_eq!(writer.written_count(), number - 250);
            writer.flush().unwrap();
            assert_eq!(writer.written_count(), number);
        }
    }
    hashes
}

#[test]
fn a_compressed_tape_is_small() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.jsonl.zst");
    compressed(&path, 10_000);
    let bytes = fs::metadata(&path).unwrap().len() + fs::metadata(pack_path(&path)).unwrap().len();
    assert!(bytes <= 150 * 10_000, "{bytes} bytes for 10,000 calls");
}

#[test]
fn a_compressed_tape_is_read_up_to_its_last_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.jsonl.zst");
    let hashes = compressed(&path, 5_000);
    let all = fs::read(&path).unwrap();
    let read = |length: usize| {
        fs::write(&path, &all[..length]).unwrap();
        let mut reader = TapeReader::open(&path).unwrap();
        let calls = reader.by_ref().map(|read| read.unwrap().number).collect::<Vec<_>>();
        assert_eq!(calls, (1..=calls.len() as u64).collect::<Vec<_>>());
        (calls.len(), reader.condition().clone())
    };
    let (calls, condition) = read(all.len());
    assert_eq!(
        (calls, condition.torn, condition.broken, condition.foot),
        (5_000, false, 0, None),
        "no foot: it was killed"
    );
    let (calls, condition) = read(all.len() - 10);
    assert!((4_000..5_000).contains(&calls) && condition.broken == 0, "{calls}");
    assert!(read(all.len() / 2).0 < calls);
    let bodies = TapeBodies::of([path.as_path()]).unwrap();
    for (number, hash) in (1..).zip(&hashes) {
        let body = String::from_utf8(bodies.get(hash).unwrap()).unwrap();
        assert!(body.starts_with(&format!("{{\"id\":{number},")), "{body}");
    }
    let pack = fs::read(pack_path(&path)).unwrap();
    fs::write(pack_path(&path), &pack[..pack.len() - 10]).unwrap();
    let bodies = TapeBodies::of([path.as_path()]).unwrap();
    let found = hashes.iter().filter(|hash| bodies.get(hash).is_some()).count();
    assert!((4_000..5_000).contains(&found), "{found}");
}

#[test]
fn a_compressed_tape_ends_with_its_foot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.jsonl.zst");
    let mut writer = TapeWriter::create(&path, &head()).unwrap();
    let body = writer.append_body(b"hello", 5).unwrap();
    writer.write(&exchange(1)).unwrap();
    writer.finish(0, 0).unwrap();
    let plain = zstd::decode_all(&fs::read(&path).unwrap()[..]).unwrap();
    assert!(plain.ends_with(b"{\"end\":{\"exchanges\":1,\"dropped\":0,\"refused\":0}}\n"), "other tools can read it");
    let tape = LoadedTape::open(&path).unwrap();
    assert_eq!((tape.exchanges.len(), tape.condition.foot.is_some(), tape_name(&path).as_str()), (1, true, "one"));
    let bodies = TapeBodies::of([path.as_path()]).unwrap();
    assert_eq!(bodies.get(&body.sha256.unwrap()).as_deref(), Some(&b"hello"[..]));
}
