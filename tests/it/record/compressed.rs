//! Tapes on the disk: compressed or plain, after a normal end and after a kill.

use std::process::Command;

use standin_coding::ContentCoding;

use super::service::{Recording, Service, answer, read};
use crate::support::Client;

fn service() -> Service {
    Service::saying(|heard| {
        let id = heard.url.rsplit('/').next().unwrap_or_default();
        answer(200, "Content-Type: application/json\r\n", &format!("{{\"id\":\"{id}\",\"stock\":12}}"))
    })
}

fn call(recording: &Recording, calls: u64) {
    let mut client = Client::connect(recording.address);
    for number in 0..calls {
        client.write(format!("GET /items/{number} HTTP/1.1\r\nHost: me\r\n\r\n").as_bytes());
        assert_eq!(client.answer().status, 200);
    }
}

fn draft(folder: &std::path::Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_standin")).arg("draft").arg(folder).output().expect("it runs");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn a_compressed_tape_survives_a_kill() {
    let service = service();
    let recording = Recording::of(&service.url(), &["--exclusive"]);
    call(&recording, 300);
    recording.wait_until_written(300);
    let (_, _, tape, folder) = recording.end("-KILL");
    assert!(tape.path.to_string_lossy().ends_with(".jsonl.zst"), "{}", tape.path.display());
    assert_eq!((tape.exchanges.len(), tape.condition.torn, tape.condition.foot), (300, false, None));
    let told = draft(folder.path());
    assert!(told.contains("replayed: 300 of 300 calls get the recorded answer (100 %)"), "{told}");
}

#[test]
fn a_tape_is_plain_if_asked_for() {
    let service = service();
    let recording = Recording::of(&service.url(), &["--no-compress"]);
    call(&recording, 40);
    let (told, _, plain, folder) = recording.end("-INT");
    let text = std::fs::read_to_string(&plain.path).expect("plain text");
    assert!(plain.path.to_string_lossy().ends_with("Z.jsonl") && text.lines().count() == 42, "{told}");
    assert!(draft(folder.path()).contains("replayed: 40 of 40 calls"), "{told}");

    let recording = Recording::of(&service.url(), &[]);
    call(&recording, 40);
    let (_, _, tape, folder) = recording.end("-INT");
    let packed = std::fs::read(&tape.path).expect("readable");
    let lines = ContentCoding::Zstd.decode(&packed, 1 << 20).expect("whole frames");
    assert_eq!(String::from_utf8_lossy(&lines).lines().count(), 42);
    assert!(packed.len() * 3 < text.len(), "{} bytes of {}", packed.len(), text.len());
    assert_eq!(read(&folder).condition.foot.map(|foot| foot.exchanges), Some(40));
}
