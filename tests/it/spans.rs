//! OpenTelemetry spans, as a collector receives them.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::process::StandinProcess;
use crate::record::service::{Service, answer};
use crate::support::{eventually, folder};

const STUBS: &str = r#"{"mappings": [
    {"name": "plain", "request": {"url": "/plain"}, "response": {"body": "plain"}},
    {"name": "slow", "request": {"url": "/slow"}, "response": {"body": "slow", "fixedDelayMilliseconds": 30}},
    {"name": "paced", "request": {"urlPathPattern": "/s/.*"}, "response": {"body": "paced"}},
    {"name": "broken", "request": {"url": "/broken"}, "response": {"fault": "CONNECTION_RESET_BY_PEER"}}]}"#;

const PROFILE: &str = "services:\n  - name: shop\n    match: {urlPathPattern: \"/s/.*\"}\n    \
    capacity: {discipline: fifo, workers: 1, queue: unbounded}\n    \
    operations: [{name: sell, match: {urlPath: /s/sell}, demand: {fixed: 20ms}}]\n    \
    default: {demand: {fixed: 5ms}}\n";

/// The ids of a trace and of a span of a client.
const CLIENT: (&str, &str) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");

/// A collector that takes everything.
fn collector() -> Service {
    Service::saying(|_| answer(200, "Content-Type: application/x-protobuf\r\n", ""))
}

fn serve(collector: &Service, more: &[&str]) -> (tempfile::TempDir, StandinProcess) {
    let root = folder(&[("mappings/stubs.json", STUBS), ("profiles/peak.yaml", PROFILE)]);
    let url = collector.url();
    let args = [&["--profile", "peak", "--otlp-endpoint", &url], more].concat();
    let process = StandinProcess::serve(root.path(), &args, &[]);
    (root, process)
}

/// The spans that a collector received.
fn spans(collector: &Service) -> Vec<Span> {
    let mut spans = Vec::new();
    for heard in collector.heard() {
        assert_eq!((heard.method.as_str(), heard.url.as_str()), ("POST", "/v1/traces"));
        let request = ExportTraceServiceRequest::decode(&*heard.body).expect("OTLP");
        for resource in request.resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = attributes.iter().find(|attribute| attribute.key == "service.name").expect("a service name");
            let name = service.value.clone().and_then(|value| value.value);
            assert!(matches!(name, Some(Value::StringValue(name)) if name == "standin"));
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    spans
}

/// Waits for the spans of some calls.
fn await_spans(collector: &Service, count: usize) -> Vec<Span> {
    eventually("the spans come", || spans(collector).len() >= count);
    spans(collector)
}

/// The attributes of a span, as texts.
fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        other => panic!("{other:?}"),
    };
    let all = span.attributes.iter();
    all.map(|attribute| {
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref()).expect("a value");
        (attribute.key.clone(), text(value))
    })
    .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn find<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span `{name}` but {names:?}"))
}

#[test]
fn each_call_has_a_span_with_its_stub_its_times_and_its_lateness() {
    let collector = collector();
    let (_root, server) = serve(&collector, &[]);
    assert_eq!(server.get("/s/sell?secret=x").text(), "paced");
    assert_eq!(server.get("/slow").text(), "slow");
    assert_eq!(server.get("/missing").status, 404);
    let spans = await_spans(&collector, 3);

    let sold = find(&spans, "GET sell");
    let of = attributes(sold);
    let text = |key: &str| of.get(key).unwrap_or_else(|| panic!("no {key} in {of:?}")).as_str();
    let number = |key: &str| text(key).parse::<f64>().expect("a number");
    assert_eq!((text("standin.service"), text("standin.operation")), ("shop", "sell"));
    assert_eq!((text("http.request.method"), text("url.path")), ("GET", "/s/sell"), "the query may hold secrets");
    assert_eq!((text("http.response.status_code"), text("standin.stub.name")), ("200", "paced"));
    assert!((number("standin.demand_ms") - 20.0).abs() < 1e-6, "{of:?}");
    assert!((number("standin.waiting_ms")).abs() < 1e-6, "alone in its station: {of:?}");
    assert!((number("standin.intended_ms") - 20.0).abs() < 1e-3, "{of:?}");
    assert!(number("standin.lateness_ms") >= 0.0, "{of:?}");
    let took = Duration::from_nanos(sold.end_time_unix_nano - sold.start_time_unix_nano);
    assert!(took >= Duration::from_millis(19), "{took:?}");
    assert_eq!((sold.kind, sold.parent_span_id.len()), (2, 0), "a server's span without a parent");

    let slow = attributes(find(&spans, "GET slow"));
    assert!((slow["standin.intended_ms"].parse::<f64>().expect("a number") - 30.0).abs() < 1e-3, "{slow:?}");
    let missed = attributes(find(&spans, "GET"));
    assert_eq!((&*missed["standin.matched"], &*missed["http.response.status_code"]), ("false", "404"));
    assert!(!missed.contains_key("standin.lateness_ms"), "it had no deadline: {missed:?}");
    eventually("they are counted", || server.metric("standin_spans_total{result=\"exported\"}") >= 3);
    assert_eq!(server.metric("standin_spans_total{result=\"dropped\"}"), 0);
    assert!(spans.iter().all(|span| !attributes(span)["url.path"].starts_with("/__admin")));
}

#[test]
fn a_trace_of_the_client_goes_on_and_its_client_decides() {
    let collector = collector();
    // by chance alone there would be no span
    let (_root, server) = serve(&collector, &["--trace-sample", "0"]);
    let (trace, parent) = CLIENT;
    let call = |flags: &str| {
        let host = server.address;
        server.send(&format!(
            "GET /plain HTTP/1.1\r\nHost: {host}\r\ntraceparent: 00-{trace}-{parent}-{flags}\r\ntracestate: a=b\r\n\r\n"
        ))
    };
    assert_eq!(server.get("/plain").status, 200);
    assert_eq!(call("00").status, 200);
    assert_eq!(call("01").status, 200);
    let received = await_spans(&collector, 1);
    server.signal("-TERM");
    let end = server.end();
    assert_eq!(end.code, Some(0), "{}", end.stderr);
    let all = spans(&collector);
    assert_eq!(all.len(), 1, "{all:?}");
    let span = &received[0];
    assert_eq!((&*hex(&span.trace_id), &*hex(&span.parent_span_id)), CLIENT);
    assert_eq!(span.trace_state, "a=b");
    assert_ne!(hex(&span.span_id), parent);
}

#[test]
fn the_last_spans_are_exported_at_the_end_and_faults_have_one() {
    let collector = collector();
    let (_root, server) = serve(&collector, &[]);
    let mut client = crate::support::Client::connect(server.address);
    client.write(format!("GET /broken HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).as_bytes());
    // the counter of the metrics says that the connection has been broken
    eventually("it is broken", || {
        server.get("/__admin/metrics").text().contains("standin_responses_total{status=\"fault\"} 1")
    });
    assert_eq!(server.get("/plain").status, 200);
    server.signal("-TERM");
    let end = server.end();
    assert_eq!(end.code, Some(0), "{}", end.stderr);
    let spans = spans(&collector);
    assert_eq!(spans.len(), 2, "{spans:?}");
    let broken = spans.iter().find(|span| attributes(span)["url.path"] == "/broken").expect("a span of the fault");
    assert_eq!(attributes(broken)["error.type"], "fault");
    assert_eq!(broken.status.as_ref().map(|status| status.code), Some(2), "an error");
}

#[test]
fn a_collector_that_is_not_there_costs_no_call() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let root = folder(&[("mappings/stubs.json", STUBS)]);
    let url = format!("http://{gone}");
    let mut server = StandinProcess::serve(root.path(), &["--otlp-endpoint", &url], &[]);
    assert_eq!(server.get("/plain").text(), "plain");
    let told = server.read_stderr_until("spans cannot be exported");
    assert!(told.contains("WARN"), "{told}");
    eventually("it is counted", || server.metric("standin_spans_total{result=\"failed\"}") == 1);
    assert_eq!(server.get("/plain").text(), "plain");
}

#[test]
fn options_that_cannot_be_used_say_why() {
    let refused = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_standin")).arg("serve").args(args).output();
        let output = output.expect("it runs");
        assert_eq!(output.status.code(), Some(64));
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    assert!(refused(&["--otlp-endpoint", "collector:4318"]).contains("http://HOST:PORT"));
    assert!(refused(&["--otlp-endpoint", "http://x", "--trace-sample", "2"]).contains("from 0 to 1"));
    assert!(refused(&["--trace-sample", "0.5"]).contains("--otlp-endpoint"));
}
