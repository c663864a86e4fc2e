//! Recordings that are killed, and disks that fill up under them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use standin_tape::exchange::Exchange;
use standin_tape::{TapeBodies, TapeCondition, TapeReader, of_folder};

use super::process::{Process, Service, read_for_a_while};
use crate::support::{Client, eventually};

fn read(folder: &Path) -> (PathBuf, Vec<Exchange>, TapeCondition) {
    let path = of_folder(folder).expect("readable").pop().expect("a tape");
    let mut reader = TapeReader::open(&path).expect("a tape");
    let exchanges = reader.by_ref().collect::<Result<_, _>>().expect("readable");
    (path, exchanges, reader.condition().clone())
}

/// Sends calls on one connection until something is so; when each was answered.
fn call_until(process: &Process, from: usize, mut so: impl FnMut(usize) -> bool) -> Vec<Instant> {
    let mut client = Client::connect(process.address);
    let mut answered = Vec::new();
    while !so(answered.len()) {
        let number = from + answered.len();
        client.write(format!("GET /items/{number} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(client.answer().status, 200, "calls pass whatever the disk does");
        answered.push(Instant::now());
    }
    answered
}

/// Fast answers of which no two are alike: what was answered a second before a `kill -9` is on the tape, bodies and all.
#[test]
fn a_kill_loses_a_second_at_most() {
    let service = Service::of_bodies(500);
    let folder = tempfile::tempdir().expect("a folder");
    let mut recorder = Process::start(&["record", "--target", &service.url, folder.path().to_str().expect("UTF-8")]);
    let begun = Instant::now();
    let answered = call_until(&recorder, 0, |_| begun.elapsed() > Duration::from_millis(2_500));
    let behind = Duration::from_millis(recorder.metric("standin_tape_behind_ms"));
    recorder.signal("-KILL");
    let killed = Instant::now();
    recorder.wait();
    // what the recorder says itself that it is behind, on a machine that has other things to do
    let promised = Duration::from_secs(1).max(behind + Duration::from_millis(500));
    let safe = answered.iter().filter(|at| killed.duration_since(**at) > promised).count();
    let (path, exchanges, condition) = read(folder.path());
    assert!(safe > 50 && exchanges.len() >= safe, "{} of {safe} safe calls", exchanges.len());
    assert!(condition.foot.is_none() && condition.broken == 0, "{condition:?}");
    let bodies = TapeBodies::of([path.as_path()]).expect("readable");
    let kept = |exchange: &Exchange| {
        let body = exchange.response.as_ref().and_then(|response| response.body.as_ref());
        bodies.get(body.and_then(|body| body.sha256.as_deref()).expect("it is named")).map(|body| body.len())
    };
    assert!(exchanges.iter().all(|exchange| kept(exchange) == Some(500)), "a body is on the disk before its exchange");
    let files = fs::read_dir(folder.path().join("tapes")).expect("readable").count();
    assert_eq!(files, 2, "a tape and its bodies, not a file each");
}

/// A file system of a megabyte, gone with the test; none where it may not be made.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("UTF-8");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none", path]).output();
        mounted.is_ok_and(|done| done.status.success()).then(|| Self(folder))
    }

    /// Takes all room but so many bytes.
    fn fill(&self, but: usize) {
        fs::write(self.0.path().join("filler"), vec![0; (1 << 20) - but]).expect("there is room");
    }

    fn make_room(&self) {
        fs::remove_file(self.0.path().join("filler")).expect("there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l".as_ref(), self.0.path().as_os_str()]).output();
    }
}

#[test]
fn a_tape_goes_on_once_the_disk_has_room() {
    let Some(disk) = Disk::new() else {
        eprintln!("skipped: no file system may be mounted here");
        return;
    };
    let service = Service::of_bodies(2_000);
    let folder = disk.0.path().join("service");
    let mut recorder = Process::start(&["record", "--target", &service.url, folder.to_str().expect("UTF-8")]);
    let mut sent = call_until(&recorder, 0, |calls| calls == 20).len();
    eventually("they are on the disk", || recorder.metric("standin_tape_calls_total") == 20);
    disk.fill(160 << 10);
    sent += call_until(&recorder, sent, |calls| calls % 50 == 49 && recorder.metric("standin_tape_stopped") == 1).len();
    sent += call_until(&recorder, sent, |calls| calls == 30).len();
    eventually("it says how far it is behind", || recorder.metric("standin_tape_behind_ms") > 500);
    eventually("lost calls are counted", || recorder.metric("standin_tape_dropped_total") >= 30);
    disk.make_room();
    eventually("it goes on", || recorder.metric("standin_tape_stopped") == 0);
    sent += call_until(&recorder, sent, |calls| calls == 20).len();
    let stderr = recorder.child.stderr.take().expect("piped");
    let stdout = recorder.child.stdout.take().expect("piped");
    recorder.signal("-INT");
    recorder.wait();
    let told = format!("{}{}", read_for_a_while(stdout), read_for_a_while(stderr));

    let (path, exchanges, condition) = read(&folder);
    assert_eq!(sent as u64, service.calls.load(Ordering::Relaxed));
    let foot = condition.foot.expect("it ended well");
    assert_eq!((condition.gaps, condition.broken, condition.torn), (1, 0, false), "{condition:?}");
    assert_eq!((foot.exchanges, foot.dropped), (exchanges.len() as u64, condition.lost_in_gaps));
    assert_eq!(foot.exchanges + foot.dropped, sent as u64, "{told}");
    assert!(told.contains(&format!("{} calls of ", foot.exchanges)), "{told}");
    assert!(told.contains(&format!("{} calls are not on the tape", foot.dropped)), "{told}");
    let numbers: BTreeSet<u64> = exchanges.iter().map(|exchange| exchange.number).collect();
    assert!((1..=20).all(|number| numbers.contains(&number)) && numbers.contains(&(sent as u64)));
    let bodies = TapeBodies::of([path.as_path()]).expect("readable");
    let name = |exchange: &Exchange| exchange.response.clone()?.body?.sha256;
    assert!(exchanges.iter().all(|one| name(one).and_then(|name| bodies.get(&name)).is_some()));
    assert!(told.contains("the tape cannot be written") && told.contains("the tape goes on"), "{told}");
}

/// What was only in the buffer when the end came is lost, and so it is said.
#[test]
fn a_disk_that_stays_full_is_told_in_true_counts() {
    let Some(disk) = Disk::new() else {
        eprintln!("skipped: no file system may be mounted here");
        return;
    };
    let service = Service::of_bodies(2_000);
    let folder = disk.0.path().join("service");
    let mut recorder = Process::start(&["record", "--target", &service.url, folder.to_str().expect("UTF-8")]);
    let mut sent = call_until(&recorder, 0, |calls| calls == 20).len();
    eventually("they are on the disk", || recorder.metric("standin_tape_calls_total") == 20);
    disk.fill(100 << 10);
    sent += call_until(&recorder, sent, |calls| calls % 50 == 49 && recorder.metric("standin_tape_stopped") == 1).len();
    let (stderr, stdout) = (recorder.child.stderr.take().expect("piped"), recorder.child.stdout.take().expect("piped"));
    recorder.signal("-INT");
    assert_eq!(recorder.wait().code(), Some(2));
    let told = format!("{}{}", read_for_a_while(stdout), read_for_a_while(stderr));
    let (_, exchanges, condition) = read(&folder);
    assert!(condition.foot.is_none() && condition.broken == 0, "{condition:?}");
    assert!(told.contains(&format!("{} calls of ", exchanges.len())), "{} exchanges: {told}", exchanges.len());
    assert!(told.contains(&format!("{} calls are not on the tape", sent - exchanges.len())), "{sent} sent: {told}");
}
