//! `standin record` and `serve --on-miss`: the responses to clients, the requests at the
//! service, and the tape.

mod codings;
mod compressed;
mod ends;
mod judge;
mod planted;
mod protection;
mod ramp;
mod secrets;
pub(crate) mod service;
mod several;
mod story;
mod trust;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use standin_tape::exchange::FailureReason;

use self::service::{Recording, Service, answer, everything};
use crate::support::{Client, eventually};

#[test]
fn calls_pass_and_go_on_the_tape() {
    let service = Service::saying(|heard| match heard.url.as_str() {
        "/base/items/7?full=1" => answer(200, "X-A: 1\r\nX-A: 2\r\nConnection: X-Hop\r\nX-Hop: 1\r\n", "{\"id\":7}"),
        "/base/empty" => b"HTTP/1.1 204 Nothing\r\n\r\n".to_vec(),
        "/base/head" => b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n".to_vec(),
        _ => answer(201, "", &String::from_utf8_lossy(&heard.body)),
    });
    let recording = Recording::of(&format!("{}/base/", service.url()), &["--exclusive"]);
    let mut client = Client::connect(recording.address);
    client.write(b"GET /items/7?full=1 HTTP/1.1\r\nHost: me\r\nTE: trailers\r\nX-B: 1\r\nKeep-Alive: 5\r\n\r\n");
    let got = client.answer();
    assert_eq!((got.status, got.reason.as_str(), got.text()), (200, "Fine", "{\"id\":7}"));
    assert_eq!((got.all("x-a"), got.header("x-hop")), (vec!["1", "2"], None));
    client.write(
        b"POST /items HTTP/1.1\r\nHost: me\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    assert_eq!(client.answer().text(), "abcde");
    client.write(b"GET /empty HTTP/1.1\r\nHost: me\r\n\r\n");
    assert_eq!(client.answer().status, 204);
    client.write(b"HEAD /head HTTP/1.1\r\nHost: me\r\n\r\n");
    assert_eq!(client.answer_to("HEAD").header("content-length"), Some("12345"));
    let (told, code, tape, _folder) = recording.end("-INT");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("4 calls of 4 operations") && told.contains("standin fit"), "{told}");

    let heard = service.heard();
    let head = heard[0].head.to_lowercase();
    assert!(head.contains(&format!("host: {}", service.address)) && head.contains("x-b: 1"), "{head}");
    assert!(!head.contains("keep-alive") && !head.contains("te:"), "{head}");
    assert_eq!((heard[0].method.as_str(), heard[1].body.as_slice()), ("GET", &b"abcde"[..]));
    assert_eq!(service.connections(), 1, "a connection is kept");

    assert!(tape.head.exclusive && tape.head.bodies && tape.head.overhead.is_some());
    assert_eq!(
        (tape.head.target.as_str(), tape.head.limits.in_flight),
        (&*format!("{}/base", service.url()), Some(256))
    );
    assert_eq!(tape.condition.foot.map(|foot| (foot.exchanges, foot.dropped, foot.refused)), Some((4, 0, 0)));
    let first = &tape.exchanges[0];
    assert_eq!((first.request.url.as_str(), first.in_flight, first.reused), ("/items/7?full=1", 1, false));
    let times = &first.times;
    let order = [Some(times.received), times.sent, times.first_byte, times.last_byte];
    assert!(order.is_sorted() && order[1].is_some() && times.connect > 0 && times.tls == 0, "{times:?}");
    let response = first.response.as_ref().expect("an answer");
    assert_eq!(response.status, 200);
    assert!(!response.headers.iter().any(|(name, _)| name == "x-hop"));
    assert!(tape.exchanges[1].reused);
    let bodies = standin_tape::TapeBodies::of([tape.path.as_path()]).expect("readable");
    let body = |reference: &Option<standin_tape::exchange::BodyRef>| {
        let reference = reference.as_ref().expect("a body");
        let name = reference.sha256.as_ref().expect("it is kept");
        (bodies.get(name).expect("it is there"), reference.size)
    };
    assert_eq!(body(&response.body), (b"{\"id\":7}".to_vec(), 8));
    assert_eq!(body(&tape.exchanges[1].request.body), (b"abcde".to_vec(), 5));
    assert_eq!(tape.exchanges[3].response.as_ref().map(|response| response.body.clone()), Some(None));
}

#[test]
fn an_answer_streams_and_its_last_byte_is_the_end() {
    let service = Service::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").expect("a client");
        std::thread::sleep(Duration::from_millis(150));
        stream.write_all(b"3\r\ntwo\r\n0\r\n\r\n").expect("a client");
    });
    let recording = Recording::of(&service.url(), &[]);
    let mut client = Client::connect(recording.address);
    client.write(b"GET / HTTP/1.1\r\nHost: me\r\n\r\n");
    let mut first = [0; 512];
    let mut read = 0;
    while !first[..read].ends_with(b"one\r\n") {
        read += client.stream.read(&mut first[read..]).expect("the first piece comes alone");
        assert!(!String::from_utf8_lossy(&first[..read]).contains("two"), "it was held back");
    }
    let mut rest = [0; 512];
    let read = client.stream.read(&mut rest).expect("the second piece");
    assert!(String::from_utf8_lossy(&rest[..read]).contains("two"));
    let (_, _, tape, _folder) = recording.end("-TERM");
    let times = &tape.exchanges[0].times;
    let body = times.last_byte.expect("an end") - times.first_byte.expect("a begin");
    assert!(body >= 145_000_000, "{times:?}");
}

#[test]
fn what_goes_wrong_at_the_service_is_told_and_taped() {
    let service = Service::saying(|heard| match heard.url.as_str() {
        "/nonsense" => b"SSH-2.0-OpenSSH\r\n".to_vec(),
        "/closes" => Vec::new(),
        "/torn" => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec(),
        "/hangs" => {
            std::thread::sleep(Duration::from_secs(2));
            Vec::new()
        }
        _ => answer(503, "", "busy"),
    });
    let recording = Recording::of(&service.url(), &["--target-timeout", "300ms"]);
    assert_eq!(recording.get("/busy").status, 503, "an answer of the service is passed on, whatever it says");
    for (path, status, told) in [
        ("/nonsense", 502, "cannot understand"),
        ("/closes", 502, "lost the connection"),
        ("/hangs", 504, "nothing came for 300ms"),
    ] {
        let got = recording.get(path);
        assert_eq!(got.status, status, "{path}: {}", got.text());
        assert!(got.text().contains(told), "{path}: {}", got.text());
    }
    let mut client = Client::connect(recording.address);
    client.write(b"GET /torn HTTP/1.1\r\nHost: me\r\n\r\n");
    let torn = client.read_to_end().0;
    assert!(torn.ends_with(b"half"), "what came is passed on: {}", String::from_utf8_lossy(&torn));
    let (told, _, tape, _folder) = recording.end("-INT");
    assert!(told.contains("4 calls got no whole answer"), "{told}");
    let reasons: Vec<_> = tape.exchanges.iter().map(|one| one.failure.as_ref().map(|failure| failure.reason)).collect();
    let [timeout, closed, protocol] =
        [FailureReason::Timeout, FailureReason::Closed, FailureReason::Protocol].map(Some);
    assert_eq!(reasons, [None, protocol, closed, timeout, timeout]);
    assert_eq!(tape.exchanges[4].response.as_ref().map(|response| response.status), Some(200));
}

#[test]
fn a_service_that_is_not_there_is_a_502_until_it_is() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let recording = Recording::of(&format!("http://{free}"), &[]);
    let got = recording.get("/");
    assert_eq!(got.status, 502);
    assert!(got.text().contains(&format!("cannot connect to http://{free}")), "{}", got.text());
    let (told, _, tape, _folder) = recording.end("-INT");
    assert!(told.contains("cannot reach"), "{told}");
    let failure = tape.exchanges[0].failure.as_ref().expect("a failure");
    assert_eq!((failure.reason, tape.exchanges[0].times.sent), (FailureReason::Connect, None));
}

#[test]
fn a_kill_leaves_a_tape_that_can_be_used() {
    let service = Service::saying(|_| answer(200, "", "ok"));
    let recording = Recording::of(&service.url(), &[]);
    for number in 0..20 {
        recording.get(&format!("/items/{number}"));
    }
    recording.wait_until_written(20);
    let (_, code, tape, folder) = recording.end("-KILL");
    assert_eq!(code, None, "it was killed");
    assert_eq!((tape.exchanges.len(), tape.condition.broken, tape.condition.foot), (20, 0, None));
    let fit = Command::new(env!("CARGO_BIN_EXE_standin")).arg("fit").arg(folder.path()).output().expect("it runs");
    let told = String::from_utf8_lossy(&[fit.stdout, fit.stderr].concat()).into_owned();
    assert!(told.contains("20"), "{told}");
}

#[test]
fn a_redirect_to_the_service_stays_with_us() {
    let service = Service::new(|heard, stream| {
        let own = heard
            .head
            .to_lowercase()
            .split("host: ")
            .nth(1)
            .and_then(|rest| rest.lines().next())
            .expect("a host")
            .to_owned();
        let to =
            if heard.url == "/own" { format!("http://{own}/next?a=1") } else { "http://elsewhere/next".to_owned() };
        stream.write_all(&answer(302, &format!("Location: {to}\r\n"), "")).expect("a client");
    });
    let recording = Recording::of(&service.url(), &[]);
    assert_eq!(recording.get("/own").header("location"), Some("/next?a=1"));
    assert_eq!(recording.get("/other").header("location"), Some("http://elsewhere/next"));
}

#[test]
fn a_client_that_goes_away_does_not_hide_what_the_service_did() {
    let service = Service::saying(|_| {
        std::thread::sleep(Duration::from_millis(200));
        answer(200, "", "late")
    });
    let recording = Recording::of(&service.url(), &[]);
    let mut client = Client::connect(recording.address);
    client.write(b"GET /slow HTTP/1.1\r\nHost: me\r\n\r\n");
    eventually("the call is there", || service.heard().len() == 1);
    // a reset, which nobody can mistake for a half-closed connection
    socket2::SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).expect("a socket");
    drop(client);
    recording.wait_until_written(1);
    let (_, _, tape, _folder) = recording.end("-INT");
    let times = &tape.exchanges[0].times;
    let took = times.last_byte.expect("an end") - times.sent.expect("sent");
    assert!(took >= 195_000_000, "{times:?}");
    assert_eq!(tape.exchanges[0].failure, None);
}

#[test]
fn bodies_that_are_too_long_or_not_wanted_pass_and_are_not_kept() {
    let service = Service::saying(|_| answer(200, "", "0123456789"));
    for (more, kept) in [(&["--keep-body", "9"][..], false), (&["--no-bodies"], false), (&["--keep-body", "10"], true)]
    {
        let recording = Recording::of(&service.url(), more);
        assert_eq!(recording.get("/").text(), "0123456789");
        let (told, _, tape, _folder) = recording.end("-INT");
        let body = tape.exchanges[0].response.as_ref().and_then(|response| response.body.clone()).expect("a body");
        assert_eq!((body.size, body.sha256.is_some()), (10, kept), "{more:?}");
        assert_eq!(told.contains("--keep-body"), more.contains(&"9"), "{told}");
        assert_eq!(tape.head.bodies, !more.contains(&"--no-bodies"));
    }
}

#[test]
fn a_long_body_passes_in_constant_memory() {
    const LONG: u64 = 256 << 20;
    let service = Service::new(|heard, stream| {
        if heard.method == "POST" {
            stream.write_all(&answer(200, "", "taken")).expect("a client");
            return;
        }
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n").expect("a client");
        std::io::copy(&mut std::io::repeat(b'x').take(LONG), stream).expect("a client");
    });
    let recording = Recording::of(&service.url(), &[]);
    assert_eq!(recording.send("POST /small HTTP/1.1\r\nHost: me\r\nContent-Length: 1\r\n\r\nx").status, 200);
    let before = recording.peak_memory();
    let mut client = Client::connect(recording.address);
    client.write(format!("POST / HTTP/1.1\r\nHost: me\r\nContent-Length: {LONG}\r\n\r\n").as_bytes());
    std::io::copy(&mut std::io::repeat(b'y').take(LONG), &mut client.stream).expect("it takes all");
    assert_eq!(client.answer().text(), "taken");
    client.write(b"GET / HTTP/1.1\r\nHost: me\r\n\r\n");
    let mut skipped = (&mut client.stream).take(LONG);
    std::io::copy(&mut skipped, &mut std::io::sink()).expect("it sends all");
    let grown = recording.peak_memory() - before;
    // the longest body that is kept, each way, twice while its buffer grows; the bodies have 512
    // MiB
    assert!(grown < 96 << 20, "{} MiB more", grown >> 20);
    let (_, _, tape, _folder) = recording.end("-INT");
    assert_eq!(
        tape.exchanges[1].request.body.as_ref().map(|body| (body.size, body.sha256.is_some())),
        Some((LONG, false))
    );
}

#[test]
fn known_calls_are_answered_and_unknown_ones_forwarded() {
    let service = Service::saying(|heard| answer(200, "", &format!("real {} {}", heard.url, heard.body.len())));
    let stubs = r#"{"request": {"url": "/known"}, "response": {"body": "stub"}}"#;
    for what in ["forward", "record"] {
        let recording = Recording::on_miss(&service.url(), stubs, &["--on-miss", what]);
        assert_eq!(recording.get("/known").text(), "stub");
        assert_eq!(recording.get("/page.txt").text(), "from a file");
        let post = "POST /unknown?x=1 HTTP/1.1\r\nHost: me\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(recording.send(post).text(), "real /unknown?x=1 3");
        assert_eq!(recording.get("/__admin/health").status, 200, "the admin API is ours");
        let tapes = recording.folder.path().join("tapes");
        if what == "record" {
            let (told, code, tape, _folder) = recording.end("-INT");
            assert_eq!((code, tape.exchanges.len(), tape.condition.foot.is_some()), (Some(0), 1, true), "{told}");
            assert_eq!(tape.exchanges[0].request.url, "/unknown?x=1");
        } else {
            assert!(!tapes.exists(), "nothing is recorded");
        }
    }
}

#[test]
fn what_cannot_go_well_is_said_at_the_start() {
    let folder = crate::support::folder(&[]);
    let dir = folder.path().to_str().expect("UTF-8");
    for (args, told) in [
        (&["record", dir][..], "--target"),
        (&["record", "--target", "inventory", dir], "http://HOST:PORT"),
        (&["record", "--target", "http://127.0.0.1:9", "--listen", "127.0.0.1:9", dir], "listens itself"),
        (&["record", "--target", "http://127.0.0.1:9", "--listen", "a=127.0.0.1:0", dir], "one service"),
        (&["record", "--target", "https://127.0.0.1:9", "--target-ca", "/nowhere.pem", dir], "/nowhere.pem"),
        (&["record", "--target", "http://127.0.0.1:9", "--max-per-second", "0", dir], "above 0"),
        (&["serve", dir, "--on-miss", "forward"], "--target"),
        (&["serve", dir, "--target", "http://127.0.0.1:9"], "--on-miss"),
        (&["serve", dir, "--exclusive"], "--exclusive is for misses"),
        (&["serve", dir, "--no-compress"], "--no-compress is for misses"),
        (&["serve", dir, "--target-timeout", "5s"], "--target-timeout is for misses"),
        (
            &["serve", dir, "--on-miss", "forward", "--target", "http://127.0.0.1:9", "--redact", "foo"],
            "--redact is for a tape",
        ),
        (&["record", dir, "--target", "http://127.0.0.1:9", "--ramp", "a.jsonl"], "--ramp=TAPE"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_standin")).args(args).output().expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {errors}");
        assert!(errors.contains(told), "{args:?}: {errors}");
    }
    assert!(!String::from_utf8_lossy(&everything(folder.path())).contains(".jsonl"), "no tape is left");
}
