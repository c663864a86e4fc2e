//! `standin tape from`: tapes of captures, access logs and spans, and what other commands make of
//! them.

mod capture_file;
mod three_ways;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use standin_tape::LoadedTape;
use standin_tape::exchange::FailureReason;
use tempfile::TempDir;

use self::capture_file::{CLIENT, SERVICE, TestConnection, pcap};

const SECOND: u64 = 1_796_000_000;

fn standin(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standin")).args(args).output().expect("it runs")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Makes a tape of a file with this content; returns the folder, the tape and the report.
fn tape_of(content: &[u8], more: &[&str]) -> (TempDir, LoadedTape, String) {
    let folder = TempDir::new().expect("a temporary folder");
    let (file, out) = (folder.path().join("source"), folder.path().join("out"));
    fs::write(&file, content).expect("writable");
    let made = standin(&[&["tape", "from", text(&file), "--out", text(&out)], more].concat());
    assert_eq!(made.status.code(), Some(0), "{}", told(&made));
    let tapes = standin_tape::tapes_of_folder(&out).expect("a folder of tapes");
    assert_eq!(tapes.len(), 1);
    let tape = LoadedTape::open(&tapes[0]).expect("a tape");
    (folder, tape, told(&made))
}

/// Returns the failure of a file with this content.
fn refusal(content: &[u8], more: &[&str]) -> (Option<i32>, String) {
    let folder = TempDir::new().expect("a temporary folder");
    let (file, out) = (folder.path().join("source"), folder.path().join("out"));
    fs::write(&file, content).expect("writable");
    let made = standin(&[&["tape", "from", text(&file), "--out", text(&out)], more].concat());
    let tapes = standin_tape::tapes_of_folder(&out).unwrap_or_default();
    assert!(tapes.is_empty(), "nothing is left: {tapes:?}");
    (made.status.code(), told(&made))
}

/// Returns method, URL, status, arrival and duration of each call; times are in milliseconds since
/// `SECOND`.
fn calls(tape: &LoadedTape) -> Vec<(String, u16, f64, f64)> {
    let start = tape.head.started_unix_ms as f64 - SECOND as f64 * 1e3;
    let call = |exchange: &standin_tape::exchange::Exchange| {
        let sent = exchange.times.sent.expect("it arrived") as f64 / 1e6;
        let name = format!("{} {}", exchange.request.method, exchange.request.url);
        let status = exchange.response.as_ref().map_or(0, |response| response.status);
        let taken = exchange.times.last_byte.expect("it ended") as f64 / 1e6 - sent;
        (name, status, ((sent + start) * 1e3).round() / 1e3, (taken * 1e3).round() / 1e3)
    };
    tape.exchanges.iter().map(call).collect()
}

fn call(name: &str, status: u16, sent: f64, taken: f64) -> (String, u16, f64, f64) {
    (name.to_owned(), status, sent, taken)
}

/// A capture of `count` calls that take 5 to 6 ms, one each 10 ms, with a secret.
fn capture(count: u64) -> Vec<u8> {
    let mut tcp = TestConnection::new("127.0.0.1:4000", "127.0.0.1:9000");
    tcp.open(SECOND * 1_000_000_000);
    for number in 0..count {
        let at = SECOND * 1_000_000_000 + (number + 1) * 10_000_000;
        let request = format!("GET /items/{} HTTP/1.1\r\nHost: inventory\r\nX-Api-Key: hush-hush\r\n\r\n", number % 20);
        tcp.send(at, CLIENT, request.as_bytes(), 99);
        let body = format!("{{\"id\":{},\"key\":\"hush-hush\"}}", number % 20);
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        tcp.send(at + 5_000_000 + number * 37 % 11 * 100_000, SERVICE, answer.as_bytes(), 9_999);
    }
    pcap(&tcp.packets, 1, true)
}

#[test]
fn a_capture_is_a_tape_that_every_command_takes() {
    let (folder, tape, report) = tape_of(&capture(400), &["--service", ":9000", "--exclusive"]);
    assert!(report.contains("400 calls of 1 operation"), "{report}");
    assert_eq!((tape.head.target.as_str(), tape.head.exclusive), ("http://127.0.0.1:9000", true));
    let source = tape.head.source.clone().expect("it says where it is from");
    assert_eq!((source.kind.as_str(), source.stamp_resolution), ("packet capture", 1));
    assert_eq!(calls(&tape)[..2], [call("GET /items/0", 200, 10.0, 5.0), call("GET /items/1", 200, 20.0, 5.4)]);
    let out = folder.path().join("out");
    for file in fs::read_dir(out.join("tapes")).expect("a folder").map(|file| file.expect("readable").path()) {
        let content = fs::read(&file).expect("readable");
        assert!(!content.windows(9).any(|part| part == b"hush-hush"), "{}", file.display());
    }
    for (command, expected) in [("fit", "GET /items/{id}"), ("draft", "400 of 400 calls get the recorded answer")] {
        let output = standin(&[command, text(&out)]);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{command}: {}", told(&output));
        assert!(told(&output).contains(expected), "{command}: {}", told(&output));
    }
    let tapes = standin_tape::tapes_of_folder(&out).expect("tapes");
    let gap = standin(&["gap", text(&tapes[0]), text(&tapes[0])]);
    assert!(matches!(gap.status.code(), Some(0 | 2)) && told(&gap).contains("GET /items/{id}"), "{}", told(&gap));
}

#[test]
fn options_of_a_capture_do_what_they_say() {
    let (_folder, tape, _) = tape_of(&capture(3), &["--no-bodies", "--target", "http://inventory:9000"]);
    assert_eq!((tape.head.bodies, tape.head.target.as_str()), (false, "http://inventory:9000"));
    let body = |tape: &LoadedTape| tape.exchanges[0].response.clone().and_then(|response| response.body);
    assert_eq!(body(&tape).map(|body| body.sha256), Some(None));
    let (_folder, tape, _) = tape_of(&capture(3), &["--keep-body", "8"]);
    assert_eq!(body(&tape).map(|body| body.sha256), Some(None));
    let (_folder, tape, _) = tape_of(&capture(3), &["--keep", "x-api-key"]);
    assert!(tape.exchanges[0].request.headers.iter().any(|(_, value)| value == "hush-hush"));
    let (_folder, tape, _) = tape_of(&capture(3), &["--redact", "host"]);
    assert!(tape.exchanges[0].request.headers.iter().any(|(name, value)| name == "host" && value.contains("redacted")));
    let (_folder, tape, _) = tape_of(&capture(3), &["--anonymise", "host"]);
    let host = tape.exchanges[0].request.headers.iter().find(|(name, _)| name == "host").expect("a host");
    assert!(host.1 != "inventory" && host.1.len() == "inventory".len(), "{host:?}");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&capture(3)).expect("into memory");
    let (_folder, tape, _) = tape_of(&gzip.finish().expect("into memory"), &["--kind", "pcap"]);
    assert_eq!(tape.exchanges.len(), 3);
}

#[test]
fn a_capture_that_gives_no_tape_says_why() {
    let mut other = TestConnection::new("127.0.0.1:4000", "127.0.0.1:9001");
    other.open(SECOND * 1_000_000_000);
    other.send(SECOND * 1_000_000_000 + 1, CLIENT, b"GET / HTTP/1.1\r\n\r\n", 99);
    other.send(SECOND * 1_000_000_000 + 2, SERVICE, b"HTTP/1.1 204 No Content\r\n\r\n", 99);
    let both = [capture(3), pcap(&other.packets, 1, true)[24..].to_vec()].concat();
    let (code, why) = refusal(&both, &[]);
    assert_eq!(code, Some(64), "{why}");
    assert!(why.contains("127.0.0.1:9000 (3) and 127.0.0.1:9001 (1)") && why.contains("--service"), "{why}");

    let mut tls = TestConnection::new("127.0.0.1:4000", "127.0.0.1:443");
    tls.open(1);
    tls.send(2, CLIENT, &[22, 3, 1, 0, 9, 1], 99);
    let (code, why) = refusal(&pcap(&tls.packets, 1, true), &[]);
    assert_eq!(code, Some(2), "{why}");
    assert!(why.contains("no HTTP exchange") && why.contains("1 connections with TLS"), "{why}");
    for (content, more, code, expected) in [
        (&b"\xd4\xc3\xb2\xa1"[..], &[][..], 2, "neither a pcap nor a pcapng"),
        (b"x", &["--kind", "pcap"], 2, "neither a pcap nor a pcapng"),
        (&capture(1), &["--service", "inventory"], 64, "has no port"),
        (&capture(1), &["--unit", "ms"], 64, "`--unit` is for access logs"),
        (b"{}", &["--no-bodies"], 64, "`--no-bodies` is for packet captures"),
    ] {
        let (found, why) = refusal(content, more);
        assert_eq!(found, Some(code), "{why}");
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn access_logs_of_all_kinds_give_their_calls() {
    let nginx =
        "::1 - - [30/Nov/2026:00:53:20 +0000] \"GET /items/7?x=1 HTTP/1.1\" 200 90 \"-\" \"curl/8\" 0.025 0.020\n";
    let named = nginx.replace("0.025 0.020", "rt=0.025 uct=\"0.000\" urt=\"0.020\"");
    let envoy = "[2026-11-30T00:53:20.100Z] \"GET /items/7?x=1 HTTP/1.1\" 200 - 0 90 25 20 \"-\" \"curl\" \"id\" \"shop\" \"10.0.0.1:80\"\n";
    let istio = envoy.replace("200 - 0", "200 - via_upstream - \"-\" 0");
    let haproxy = "Nov 30 00:53:20 lb haproxy[1]: 10.0.0.9:333 [30/Nov/2026:00:53:20.100] web shop/s1 1/2/3/20/30 200 90 - - ---- 1/1/1/1/0 0/0 {a} \"GET /items/7?x=1 HTTP/1.1\"\n";
    let alb = "https 2026-11-30T00:53:20.123000Z app/lb/1 192.0.2.1:2817 10.0.0.1:80 0.001 0.020 0.002 200 200 34 90 \"GET https://shop:443/items/7?x=1 HTTP/1.1\" \"curl\" - - arn \"Root=1\"\n";
    let json = "{\"time\":\"2026-11-30T00:53:20.120Z\",\"duration_ms\":20,\"method\":\"GET\",\"path\":\"/items/7?x=1\",\"status\":200}\n";
    let name = "GET /items/7?x=1";
    // a stamp in seconds is the middle of its second
    for (log, words, sent, taken) in [
        (nginx, "nginx", 480.0, 20.0),
        (&named, "nginx", 480.0, 20.0),
        (envoy, "Envoy", 100.0, 20.0),
        (&istio, "Envoy, with response code details", 100.0, 20.0),
        (haproxy, "HAProxy", 106.0, 24.0),
        (alb, "AWS ALB", 101.0, 20.0),
        (json, "JSON lines", 100.0, 20.0),
    ] {
        let (_folder, tape, report) = tape_of(log.as_bytes(), &[]);
        assert_eq!(calls(&tape), [call(name, 200, sent, taken)], "{report}");
        assert!(report.contains(&format!("access log ({words})")), "{report}");
        assert!(report.contains("no bodies"), "{report}");
    }
}

#[test]
fn a_format_that_is_given_is_read() {
    let apache = "::1 - - [30/Nov/2026:00:53:20 +0000] \"POST /orders HTTP/1.1\" 201 5 20500\n";
    let (_folder, tape, _) = tape_of(apache.as_bytes(), &["--log-format", "%h %l %u %t \"%r\" %>s %b %D"]);
    assert_eq!(calls(&tape), [call("POST /orders", 201, 500.0, 20.5)]);
    let abandoned = "1796000000.125 GET /a 499 0.025\n";
    let short = "$msec $request_method $request_uri $status $request_time";
    let (_folder, tape, _) = tape_of(abandoned.as_bytes(), &["--log-format", short]);
    let failure = tape.exchanges[0].failure.as_ref().map(|failure| failure.reason);
    assert_eq!(failure, Some(FailureReason::ClientGone), "the client went away (nginx)");
    let exact = "1796000000.125 GET /a?b=c 200 0.025 0.020\n";
    let format = "$msec $request_method $request_uri $status $request_time $upstream_response_time";
    let (_folder, tape, _) = tape_of(exact.as_bytes(), &["--log-format", format]);
    assert_eq!(calls(&tape), [call("GET /a?b=c", 200, 105.0, 20.0)]);
    let (_folder, tape, _) = tape_of(exact.as_bytes(), &["--log-format", format, "--field", "duration=request_time"]);
    assert_eq!(calls(&tape), [call("GET /a?b=c", 200, 100.0, 25.0)]);
    let json = "{\"ts\":1796000000125,\"took\":25,\"req\":{\"verb\":\"GET\",\"target\":\"/a\"},\"code\":404}\n";
    let fields =
        ["--field", "start=ts", "--field", "duration=took", "--field", "method=req.verb", "--field", "path=req.target"];
    let (_folder, tape, _) = tape_of(json.as_bytes(), &[&fields[..], &["--unit", "ms"]].concat());
    assert_eq!(calls(&tape), [call("GET /a", 404, 125.0, 25.0)]);
    for (content, more, expected) in [
        (json, &fields[..], "give it with `--unit`"),
        (exact, &["--log-format", "$msec $status"], "has no duration"),
        (exact, &["--log-format", "$status $request_time"], "has no stamp"),
        (exact, &["--log-format", format, "--field", "duration=took"], "has no field `took`"),
        ("::1 - - [x] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n", &[], "has a duration"),
    ] {
        let (code, why) = refusal(content.as_bytes(), more);
        assert_eq!(code, Some(2), "{why}");
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn wrong_lines_are_counted_with_their_numbers_and_the_others_used() {
    let line = |second: u32, taken: &str| {
        format!(
            "::1 - - [30/Nov/2026:00:53:{second:02} +0000] \"GET /items/{second}?token=hush-hush HTTP/1.1\" 200 9 \"-\" \"-\" {taken}\n"
        )
    };
    let log = [line(20, "0.020"), "nonsense\n".to_owned(), line(21, "-"), line(22, "0.030"), "\n".to_owned()].concat();
    let (folder, tape, report) = tape_of(log.as_bytes(), &[]);
    assert_eq!(tape.exchanges.len(), 2);
    assert!(report.contains("left out: 1 lines of another format (line 2)"), "{report}");
    assert!(report.contains("left out: 1 lines without a duration (line 3)"), "{report}");
    assert!(tape.exchanges.iter().all(|exchange| !exchange.request.url.contains("hush-hush")));
    let out = folder.path().join("out");
    let draft = standin(&["draft", text(&out)]);
    assert_eq!(draft.status.code(), Some(64), "{}", told(&draft));
    assert!(told(&draft).contains("has no bodies"), "{}", told(&draft));
}

/// Rounded times are on the tape, and widen what is claimed of the model.
#[test]
fn fit_says_what_rounded_times_leave_open() {
    let lines = |taken: fn(u64) -> u64| -> String {
        let line = |number: u64| {
            let at = SECOND * 1_000 + number * 10;
            format!("{}.{:03} GET /items/{number} 200 0.{:03}\n", at / 1_000, at % 1_000, taken(number))
        };
        (0..3_000).map(line).collect()
    };
    let format = ["--log-format", "$msec $request_method $request_uri $status $request_time", "--exclusive"];
    for (log, is_coarse) in [(lines(|number| 3 + number % 3), true), (lines(|number| 300 + number * 7 % 31), false)] {
        let (folder, tape, _) = tape_of(log.as_bytes(), &format);
        let source = tape.head.source.clone().expect("a source");
        assert_eq!((source.stamp_resolution, source.duration_resolution), (1_000_000, 1_000_000));
        let fit = standin(&["fit", text(&folder.path().join("out"))]);
        assert_eq!(told(&fit).contains("are rounded"), is_coarse, "{}", told(&fit));
    }
}

#[test]
fn server_spans_give_their_calls() {
    let otlp = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[
        {"name":"GET /items/{id}","kind":2,"startTimeUnixNano":"1796000000100000000","endTimeUnixNano":"1796000000120500000","traceState":"ot=th:c","attributes":[
          {"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":"/items/7"}},
          {"key":"url.query","value":{"stringValue":"x=1"}},{"key":"http.response.status_code","value":{"intValue":"200"}}]},
        {"name":"query","kind":3,"startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}"#;
    let jaeger = r#"{"data":[{"traceID":"1","processes":{"p1":{"serviceName":"shop"},"p2":{"serviceName":"front"}},"spans":[
        {"traceID":"1","operationName":"items","processID":"p1","startTime":1796000000100000,"duration":20500,"tags":[
          {"key":"span.kind","value":"server"},{"key":"http.method","value":"GET"},{"key":"http.url","value":"http://shop/items/7?x=1"},
          {"key":"http.status_code","value":200},{"key":"sampler.type","value":"probabilistic"},{"key":"sampler.param","value":0.25}]},
        {"traceID":"1","operationName":"x","processID":"p2","startTime":1796000000100000,"duration":1,"tags":[{"key":"span.kind","value":"client"}]}]}]}"#;
    let zipkin = r#"[{"traceId":"1","id":"2","kind":"SERVER","name":"get /items/{id}","timestamp":1796000000100000,"duration":20500,
        "localEndpoint":{"serviceName":"shop"},"tags":{"http.method":"GET","http.path":"/items/7?x=1","http.status_code":"200"}}]"#;
    for (spans, kind, sampled) in [(otlp, "OTLP", true), (jaeger, "Jaeger", true), (zipkin, "Zipkin", false)] {
        let (_folder, tape, report) = tape_of(spans.as_bytes(), &["--exclusive", "--service", "shop"]);
        assert_eq!(calls(&tape), [call("GET /items/7?x=1", 200, 100.0, 20.5)], "{report}");
        let source = tape.head.source.clone().expect("a source");
        assert_eq!((source.kind, source.sampled), (format!("spans ({kind})"), sampled.then_some(0.25)));
        assert_eq!(tape.head.exclusive, !sampled, "a sample is not all of the traffic");
    }
    let route = otlp.replace("url.path", "x").replace("url.query", "y");
    let (_folder, tape, report) = tape_of(route.as_bytes(), &[]);
    assert_eq!(calls(&tape)[0].0, "GET /items/{id}");
    assert!(report.contains("some are templates"), "{report}");
    let (code, why) = refusal(otlp.as_bytes(), &["--service", "front"]);
    assert_eq!(code, Some(2), "{why}");
    assert!(why.contains("1 spans of other services"), "{why}");
    let two = format!("{otlp}\n{}", otlp.replace("\"shop\"", "\"front\""));
    let (code, why) = refusal(two.as_bytes(), &[]);
    assert_eq!(code, Some(64), "{why}");
    assert!(why.contains("front (1) and shop (1)"), "{why}");
}

/// A replay of a real service sends nothing that the source does not have.
#[test]
fn a_replay_refuses_calls_whose_paths_or_bodies_are_unknown() {
    let span = |path: &str| {
        format!(
            r#"[{{"traceId":"1","id":"2","kind":"SERVER","name":"get {path}","timestamp":1796000000100000,"duration":500,
            "localEndpoint":{{"serviceName":"shop"}},"tags":{{"http.method":"GET","http.status_code":"200"}}}}]"#
        )
    };
    let log = "1796000000.125 POST /orders 200 0.025\n";
    let format = ["--log-format", "$msec $request_method $request_uri $status $request_time"];
    for (content, more, expected) in [
        (span("/items/{id}"), &[][..], "is a path template"),
        (log.to_owned(), &format, "has no bodies; leave POST out"),
    ] {
        let (folder, _, _) = tape_of(content.as_bytes(), more);
        let tapes = standin_tape::tapes_of_folder(&folder.path().join("out")).expect("tapes");
        let target = ["--target", "http://127.0.0.1:9", "--methods", "GET,POST", "--max-per-second", "5"];
        let replay = standin(&[&["replay", text(&tapes[0])], &target[..]].concat());
        assert!(matches!(replay.status.code(), Some(1 | 2 | 64)), "{}", told(&replay));
        assert!(told(&replay).contains(expected), "{}", told(&replay));
    }
}

/// Calls are in the order of their arrival, though a log has them in that of their ends.
#[test]
fn several_files_and_stdin_become_one_tape_in_order_of_arrival() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("one.log"), "1796000000.900 GET /long 200 0.800\n").expect("writable");
    fs::write(path("two.log"), "1796000000.950 GET /short 200 0.010\nwrong\n").expect("writable");
    let format = "$msec $request_method $request_uri $status $request_time";
    let (one, two, out) = (path("one.log"), path("two.log"), path("out"));
    let args = ["tape", "from", text(&two), text(&one), "--out", text(&out), "--log-format", format];
    let made = standin(&args);
    assert_eq!(made.status.code(), Some(0), "{}", told(&made));
    assert!(told(&made).contains("two.log:2"), "{}", told(&made));
    let tapes = standin_tape::tapes_of_folder(&out).expect("tapes");
    let tape = LoadedTape::open(&tapes[0]).expect("a tape");
    assert_eq!(calls(&tape), [call("GET /long", 200, 100.0, 800.0), call("GET /short", 200, 940.0, 10.0)]);
    assert_eq!(Duration::from_nanos(tape.exchanges[0].times.sent.expect("sent")), Duration::ZERO);

    let input = fs::File::open(&one).expect("readable");
    let piped = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["tape", "from", "-", "--out", text(&out), "--log-format", format])
        .stdin(input)
        .output()
        .expect("it runs");
    assert_eq!(piped.status.code(), Some(0), "{}", told(&piped));
    assert_eq!(standin_tape::tapes_of_folder(&out).expect("tapes").len(), 2, "no tape is overwritten");
}
