//! Recordings that are killed, and disks that fill up under them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use standin_tape::exchange::Exchange;
use standin_tape::{TapeBodies, TapeCondition, TapeReader, tapes_of_folder};
use tempfile::TempDir;

use super::numbered_service::NumberedService;
use crate::process::{StandinProcess, read_for_a_while};
use crate::support::{Client, eventually};

/// A tape as it was left on the disk.
struct ReadTape {
    path: PathBuf,
    exchanges: Vec<Exchange>,
    condition: TapeCondition,
}

fn read(folder: &Path) -> ReadTape {
    let path = tapes_of_folder(folder).expect("readable").pop().expect("a tape");
    let mut reader = TapeReader::open(&path).expect("a tape");
    let exchanges = reader.by_ref().collect::<Result<_, _>>().expect("readable");
    ReadTape { path, exchanges, condition: reader.condition().clone() }
}

/// Starts a recorder of a service, with its tape below a folder.
fn record(service: &NumberedService, folder: &Path) -> StandinProcess {
    StandinProcess::start(&["record", "--target", &service.url, folder.to_str().expect("UTF-8")])
}

/// Sends requests on one connection until `is_done` is true for their number. Returns the times of
/// the responses.
fn call_until(process: &StandinProcess, from: usize, mut is_done: impl FnMut(usize) -> bool) -> Vec<Instant> {
    let mut client = Client::connect(process.address);
    let mut answered = Vec::new();
    while !is_done(answered.len()) {
        let number = from + answered.len();
        client.write(format!("GET /items/{number} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(client.answer().status, 200, "requests are forwarded whatever the disk does");
        answered.push(Instant::now());
    }
    answered
}

/// Every exchange that was answered a second before a `kill -9` is on the tape, with its body.
#[test]
fn a_kill_loses_a_second_at_most() {
    let service = NumberedService::start(500);
    let folder = tempfile::tempdir().expect("a folder");
    let mut recorder = record(&service, folder.path());
    let begun = Instant::now();
    let answered = call_until(&recorder, 0, |_| begun.elapsed() > Duration::from_millis(2_500));
    let behind = Duration::from_millis(recorder.metric("standin_tape_behind_ms"));
    recorder.signal("-KILL");
    let killed = Instant::now();
    recorder.wait();
    // the recorder reports a longer delay itself, on a machine with other work
    let promised = Duration::from_secs(1).max(behind + Duration::from_millis(500));
    let safe = answered.iter().filter(|at| killed.duration_since(**at) > promised).count();
    let ReadTape { path, exchanges, condition } = read(folder.path());
    assert!(safe > 50 && exchanges.len() >= safe, "{} of {safe} safe exchanges", exchanges.len());
    assert!(condition.foot.is_none() && condition.broken == 0, "{condition:?}");
    let bodies = TapeBodies::of([path.as_path()]).expect("readable");
    let kept = |exchange: &Exchange| {
        let body = exchange.response.as_ref().and_then(|response| response.body.as_ref());
        bodies.get(body.and_then(|body| body.sha256.as_deref()).expect("it has a hash")).map(|body| body.len())
    };
    assert!(exchanges.iter().all(|exchange| kept(exchange) == Some(500)), "a body is written before its exchange");
    let files = fs::read_dir(folder.path().join("tapes")).expect("readable").count();
    assert_eq!(files, 2, "a tape and one file for all bodies");
}

/// A file system of one megabyte, unmounted on drop.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts the file system; `None` without the permission to mount.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("UTF-8");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none", path]).output();
        mounted.is_ok_and(|done| done.status.success()).then(|| Self(folder))
    }

    /// Uses the space, except for `free` bytes.
    fn fill(&self, free: usize) {
        fs::write(self.0.path().join("filler"), vec![0; (1 << 20) - free]).expect("there is space");
    }

    fn empty(&self) {
        fs::remove_file(self.0.path().join("filler")).expect("there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l".as_ref(), self.0.path().as_os_str()]).output();
    }
}

/// A recording on a disk that has become full.
struct FullDiskRecording {
    disk: SmallDisk,
    service: NumberedService,
    recorder: StandinProcess,
    sent: usize,
}

impl FullDiskRecording {
    /// Records 20 requests, leaves `free` bytes on the disk, and sends requests until the tape
    /// stops. Returns `None` without the permission to mount a disk.
    fn start(free: usize) -> Option<Self> {
        let Some(disk) = SmallDisk::mount() else {
            eprintln!("skipped: no file system can be mounted here");
            return None;
        };
        let service = NumberedService::start(2_000);
        let recorder = record(&service, &disk.0.path().join("service"));
        let mut recording = Self { disk, service, recorder, sent: 0 };
        recording.send(|calls, _| calls == 20);
        eventually("they are on the disk", || recording.recorder.metric("standin_tape_calls_total") == 20);
        recording.disk.fill(free);
        recording.send(|calls, recorder| calls % 50 == 49 && recorder.metric("standin_tape_stopped") == 1);
        Some(recording)
    }

    /// Sends requests until `is_done` is true for their number.
    fn send(&mut self, is_done: impl Fn(usize, &StandinProcess) -> bool) {
        self.sent += call_until(&self.recorder, self.sent, |calls| is_done(calls, &self.recorder)).len();
    }

    /// Ends the recording. Returns the exit code and the output.
    fn end(&mut self) -> (Option<i32>, String) {
        let stderr = self.recorder.child.stderr.take().expect("piped");
        let stdout = self.recorder.child.stdout.take().expect("piped");
        self.recorder.signal("-INT");
        let code = self.recorder.wait().code();
        (code, format!("{}{}", read_for_a_while(stdout), read_for_a_while(stderr)))
    }

    fn read(&self) -> ReadTape {
        read(&self.disk.0.path().join("service"))
    }
}

#[test]
fn a_tape_continues_when_the_disk_has_space_again() {
    let Some(mut recording) = FullDiskRecording::start(160 << 10) else { return };
    recording.send(|calls, _| calls == 30);
    let metric = |name| recording.recorder.metric(name);
    eventually("the delay is reported", || metric("standin_tape_behind_ms") > 500);
    eventually("lost exchanges are counted", || metric("standin_tape_dropped_total") >= 30);
    recording.disk.empty();
    eventually("it continues", || metric("standin_tape_stopped") == 0);
    recording.send(|calls, _| calls == 20);
    let (_, output) = recording.end();

    let sent = recording.sent as u64;
    let ReadTape { path, exchanges, condition } = recording.read();
    assert_eq!(sent, recording.service.calls.load(Ordering::Relaxed));
    let foot = condition.foot.expect("it ended normally");
    assert_eq!((condition.gaps, condition.broken, condition.torn), (1, 0, false), "{condition:?}");
    assert_eq!((foot.exchanges, foot.dropped), (exchanges.len() as u64, condition.lost_in_gaps));
    assert_eq!(foot.exchanges + foot.dropped, sent, "{output}");
    assert!(output.contains(&format!("{} calls of ", foot.exchanges)), "{output}");
    assert!(output.contains(&format!("{} calls are not on the tape", foot.dropped)), "{output}");
    let numbers: BTreeSet<u64> = exchanges.iter().map(|exchange| exchange.number).collect();
    assert!((1..=20).all(|number| numbers.contains(&number)) && numbers.contains(&sent));
    let bodies = TapeBodies::of([path.as_path()]).expect("readable");
    let name = |exchange: &Exchange| exchange.response.clone()?.body?.sha256;
    assert!(exchanges.iter().all(|one| name(one).and_then(|name| bodies.get(&name)).is_some()));
    assert!(output.contains("the tape cannot be written") && output.contains("the tape continues"), "{output}");
}

/// The exchanges in the buffer are lost when the recording ends while the disk is full, and the
/// counts say so.
#[test]
fn the_counts_are_exact_when_the_disk_stays_full() {
    let Some(mut recording) = FullDiskRecording::start(100 << 10) else { return };
    let (code, output) = recording.end();
    assert_eq!(code, Some(2));
    let ReadTape { exchanges, condition, .. } = recording.read();
    assert!(condition.foot.is_none() && condition.broken == 0, "{condition:?}");
    let (written, lost) = (exchanges.len(), recording.sent - exchanges.len());
    assert!(output.contains(&format!("{written} calls of ")), "{written} exchanges: {output}");
    assert!(output.contains(&format!("{lost} calls are not on the tape")), "{} sent: {output}", recording.sent);
}
