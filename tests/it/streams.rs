//! Streams: bodies that stubs send in chunks with delays, as events, lines of JSON or bytes.

use std::io::Read as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Client, Mock, eventually};

/// Serves a stub for `/s` with this stream, and with the other members of its response.
fn with_stream(stream: &Value, members: &Value) -> Mock {
    let mut response = members.clone();
    response["stream"] = stream.clone();
    Mock::with(&json!({"name": "streaming", "request": {"urlPath": "/s"}, "response": response}).to_string())
}

fn templated() -> Value {
    json!({"transformers": ["response-template"]})
}

/// Returns the number of streams that ended in this way.
fn ended(mock: &Mock, end: &str) -> u64 {
    metric(mock, &format!("standin_streams_total{{end=\"{end}\"}} "))
}

fn metric(mock: &Mock, name: &str) -> u64 {
    let page = mock.get("/__admin/metrics");
    let line = page.text().lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no metric {name}"))
}

/// Waits until the newest call has an event of the end of its stream, and returns its data.
fn stream_end(mock: &Mock) -> Value {
    let event = || mock.get("/__admin/requests").json()["requests"][0]["subEvents"][0].clone();
    eventually("the journal has the end of the stream", || event()["type"] == "STREAM_END");
    event()["data"].clone()
}

/// Returns the answer to a request whose client has received the event of this id.
fn resumed(mock: &Mock, id: &str) -> (u16, String) {
    let answer = mock.send(&format!("GET /s HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {id}\r\n\r\n"));
    (answer.status, answer.text().to_owned())
}

#[test]
fn events_are_sent_as_the_standard_says() {
    let chunks = json!([
        {"comment": "begin"},
        {"event": "token", "id": "1", "retry": 3000, "data": "two\nlines"},
        "plain",
        {"data": {"a": [1, 2]}},
    ]);
    let mock = with_stream(&json!({"format": "sse", "chunks": chunks}), &json!({}));
    let answer = mock.get("/s");
    assert_eq!(
        (answer.header("content-type"), answer.header("cache-control")),
        (Some("text/event-stream"), Some("no-cache"))
    );
    assert_eq!((answer.header("transfer-encoding"), answer.header("content-length")), (Some("chunked"), None));
    let expected =
        ": begin\n\nevent: token\nid: 1\nretry: 3000\ndata: two\ndata: lines\n\ndata: plain\n\ndata: {\"a\":[1,2]}\n\n";
    assert_eq!(answer.text(), expected);
    assert_eq!(stream_end(&mock), json!({"end": "complete", "chunks": 4, "bytes": expected.len()}));
    assert_eq!((ended(&mock, "complete"), metric(&mock, "standin_stream_chunks_total ")), (1, 4));
    assert_eq!(metric(&mock, "standin_streams_open "), 0);
    let mut client = Client::connect(mock.address);
    client.write(b"HEAD /s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let head = String::from_utf8(client.read_to_end().0).expect("a head").to_lowercase();
    assert!(head.ends_with("\r\n\r\n") && !head.contains("content-length"), "{head}");
}

#[test]
fn no_chunk_comes_before_its_delay() {
    let chunks = json!([{"data": "a"}, {"data": "b", "delay": 40}, {"data": "c"}, {"data": "d", "delay": {"type": "uniform", "lower": 30, "upper": 30}}]);
    let mock =
        with_stream(&json!({"format": "raw", "delay": 20, "chunks": chunks}), &json!({"fixedDelayMilliseconds": 10}));
    let mut client = Client::connect(mock.address);
    let start = Instant::now();
    client.write(b"GET /s HTTP/1.1\r\nHost: x\r\n\r\n");
    let (mut seen, mut due) = (String::new(), 10);
    for (letter, delay) in [("a", 20), ("b", 40), ("c", 20), ("d", 30)] {
        due += delay;
        let framed = format!("1\r\n{letter}\r\n");
        while !seen.contains(&framed) {
            let mut bytes = [0; 4096];
            let count = client.stream.read(&mut bytes).expect("more");
            assert!(count > 0, "the stream ended before `{letter}`: {seen}");
            seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        assert!(start.elapsed() >= Duration::from_millis(due), "`{letter}` came too early");
    }
    // chunks that are late together leave in one write, and are one reading of the lateness
    let stream = json!({"format": "raw", "chunks": [{"data": "a", "delay": 1}]});
    let mock = with_stream(&stream, &json!({}));
    assert_eq!(mock.get("/s").text(), "a");
    eventually("the audit has the chunk", || metric(&mock, "standin_lateness_seconds_count ") == 1);
}

#[test]
fn chunks_are_rendered_when_they_are_due() {
    let stream = json!({
        "format": "ndjson",
        "repeat": 2,
        "chunks": [{"data": {"n": "{{chunk.number}}", "q": "{{request.query.q}}"}}, "{\"i\": {{chunk.index}},\n \"round\": {{chunk.round}} }"],
    });
    let mock = with_stream(&stream, &templated());
    let answer = mock.get("/s?q=x");
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let expected = "{\"n\":\"1\",\"q\":\"x\"}\n{\"i\": 1,  \"round\": 0 }\n{\"n\":\"3\",\"q\":\"x\"}\n{\"i\": 3,  \"round\": 1 }\n";
    assert_eq!(answer.text(), expected);
    // a long template is rendered beside the worker
    let long = "{{#each (range 0 5000) as |n|}}{{n}},{{/each}}";
    let mock = with_stream(&json!({"format": "raw", "chunks": [{"data": long}, "."]}), &templated());
    assert!(mock.get("/s").text().ends_with("4999,5000,."));
}

#[test]
fn a_template_that_fails_breaks_the_stream_off() {
    let mock = with_stream(&json!({"format": "raw", "chunks": ["good;", "{{nonsense 1 2}}"]}), &templated());
    let mut client = Client::connect(mock.address);
    client.write(b"GET /s HTTP/1.1\r\nHost: x\r\n\r\n");
    let text = String::from_utf8(client.read_to_end().0).expect("text");
    assert!(text.contains("good;") && !text.ends_with("0\r\n\r\n"), "{text}");
    let end = stream_end(&mock);
    assert_eq!(end["end"], "failed");
    assert!(end["error"].as_str().is_some_and(|error| error.contains("nonsense")), "{end}");
}

#[test]
fn a_stream_breaks_off_where_its_stub_says_so() {
    let mock = with_stream(&json!({"format": "raw", "chunks": ["a", "b"], "end": "abort"}), &json!({}));
    let mut client = Client::connect(mock.address);
    client.write(b"GET /s HTTP/1.1\r\nHost: x\r\n\r\n");
    let text = String::from_utf8(client.read_to_end().0).expect("text");
    assert!(text.contains("b\r\n") && !text.ends_with("0\r\n\r\n"), "{text}");
    assert_eq!(stream_end(&mock)["end"], "aborted");
}

#[test]
fn endless_streams_have_bounds() {
    let mock =
        with_stream(&json!({"format": "raw", "chunks": ["a", "b"], "repeat": "forever", "maxChunks": 7}), &json!({}));
    assert_eq!(mock.get("/s").text(), "abababa");
    let stream = json!({"format": "raw", "chunks": ["a"], "repeat": "forever", "delay": 20, "maxDuration": 70});
    let mock = with_stream(&stream, &json!({}));
    let start = Instant::now();
    assert_eq!(mock.get("/s").text(), "aaa");
    assert!(start.elapsed() >= Duration::from_millis(70));
    assert_eq!(stream_end(&mock)["end"], "time-limit");
}

#[test]
fn a_client_resumes_behind_its_last_event() {
    let chunks = json!([{"id": "a", "data": "1"}, {"id": "b", "data": "2"}, {"id": "c", "data": "3"}]);
    let mock = with_stream(&json!({"format": "sse", "chunks": chunks}), &json!({}));
    assert_eq!(resumed(&mock, "a"), (200, "id: b\ndata: 2\n\nid: c\ndata: 3\n\n".to_owned()));
    // an unknown event begins again, and the last one ends the attempts of the client
    assert!(resumed(&mock, "zzz").1.starts_with("id: a\n"));
    assert_eq!(resumed(&mock, "c"), (204, String::new()));
    let stream =
        json!({"format": "sse", "repeat": 3, "chunks": [{"id": "e-{{chunk.number}}", "data": "{{chunk.index}}"}]});
    let mock = with_stream(&stream, &templated());
    assert_eq!(resumed(&mock, "e-2"), (200, "id: e-3\ndata: 2\n\n".to_owned()));
    assert_eq!(resumed(&mock, "e-3").0, 204);
}

#[test]
fn a_client_that_goes_away_is_noticed_between_two_chunks() {
    let stream = json!({"format": "sse", "repeat": "forever", "chunks": ["first", {"data": "late", "delay": 3_600_000}], "maxDuration": 86_400_000});
    let mock = with_stream(&stream, &json!({}));
    let mut client = Client::connect(mock.address);
    client.write(b"GET /s HTTP/1.1\r\nHost: x\r\n\r\n");
    eventually("the stream is open", || metric(&mock, "standin_streams_open ") == 1);
    drop(client);
    eventually("the client is seen to have gone", || ended(&mock, "client-gone") == 1);
    assert_eq!(stream_end(&mock)["end"], "client-gone");
}

#[test]
fn streams_end_with_the_server_and_outlive_the_idle_timeout() {
    let stream =
        json!({"format": "raw", "chunks": ["a", {"data": "b", "delay": 400}, {"data": "c", "delay": 3_600_000}]});
    let stub = json!({"request": {"urlPath": "/s"}, "response": {"stream": stream}}).to_string();
    let mock = Mock::configured(&[("mappings/stubs.json", &stub)], |config| {
        config.limits.idle = Duration::from_millis(100);
        config.grace = Duration::from_secs(60);
    });
    let mut client = Client::connect(mock.address);
    client.write(b"GET /s HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut seen = String::new();
    while !seen.ends_with("b\r\n") {
        let mut bytes = [0; 4096];
        let count = client.stream.read(&mut bytes).expect("more");
        assert!(count > 0, "the stream ended early: {seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    let start = Instant::now();
    assert!(mock.shut_down(), "the stream was cut off");
    assert!(start.elapsed() < Duration::from_secs(50), "the shutdown waited for the stream");
    assert!(client.read_to_end().0.ends_with(b"0\r\n\r\n"));
}

#[test]
fn mistakes_are_told_with_their_place() {
    let mock = Mock::with(r#"{"request": {"url": "/other"}}"#);
    for (response, place, message) in [
        (json!({"stream": {"chunks": ["a"]}}), "/response/stream", "needs a `format`"),
        (json!({"stream": {"format": "ssee", "chunks": ["a"]}}), "/response/stream/format", "did you mean `sse`?"),
        (json!({"stream": {"format": "sse"}}), "/response/stream/chunks", "needs a list of `chunks`"),
        (
            json!({"stream": {"format": "raw", "chunks": ["a"]}, "body": "b"}),
            "/response/body",
            "either a `stream` or `body`",
        ),
        (
            json!({"stream": {"format": "raw", "chunks": [{"data": "a", "id": "1"}]}}),
            "/response/stream/chunks/0/id",
            "for the format `sse`",
        ),
        (json!({"stream": {"format": "sse", "chunks": [{"delay": 1}]}}), "/response/stream/chunks/0", "no content"),
        (json!({"stream": {"format": "sse", "chunks": [{"event": "a\nb"}]}}), "/response/stream/chunks/0", "one line"),
        (
            json!({"stream": {"format": "raw", "chunks": [{"base64": "?"}]}}),
            "/response/stream/chunks/0/base64",
            "not base64",
        ),
        (
            json!({"stream": {"format": "sse", "chunks": [{"base64": "YQ=="}]}}),
            "/response/stream/chunks/0/base64",
            "format `raw`",
        ),
        (json!({"stream": {"format": "raw", "chunks": ["a"], "delay": -1}}), "/response/stream/delay", "not `-1`"),
        (json!({"stream": {"format": "raw", "chunks": ["a"], "repeat": 0}}), "/response/stream/repeat", "or `forever`"),
        (
            json!({"stream": {"format": "raw", "chunks": ["a"], "maxChunks": 0}}),
            "/response/stream/maxChunks",
            "at least 1",
        ),
        (
            json!({"stream": {"format": "raw", "chunks": ["a"], "end": "never"}}),
            "/response/stream/end",
            "`complete` or `abort`",
        ),
        (
            json!({"stream": {"format": "raw", "chunks": ["a"], "forever": true}}),
            "/response/stream/forever",
            "unknown field",
        ),
    ] {
        let answer = mock.post("/__admin/mappings", &json!({"response": response}).to_string());
        let text = answer.text();
        assert_eq!(answer.status, 422, "{response}: {text}");
        assert!(text.contains(&format!("\"{place}\"")) && text.contains(message), "{response}: {text}");
    }
}

#[test]
fn bytes_are_sent_as_they_are() {
    let mock = with_stream(
        &json!({"format": "raw", "chunks": [{"base64": "AP8="}, "é"]}),
        &json!({"headers": {"Content-Type": "x/y", "Cache-Control": "no-store"}}),
    );
    let answer = mock.get("/s");
    assert_eq!((answer.header("content-type"), answer.all("cache-control")), (Some("x/y"), vec!["no-store"]));
    assert_eq!(answer.body, [0, 255, 0xc3, 0xa9]);
}

#[test]
fn the_example_answers_as_a_model_server_does() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/llm/mappings/chat.yaml");
    let stubs = std::fs::read_to_string(root).expect("the example");
    let mock = Mock::configured(&[("mappings/chat.yaml", &stubs)], |_| {});
    let streamed = mock.post("/v1/chat/completions", r#"{"model": "m", "stream": true}"#);
    let events: Vec<&str> = streamed.text().split_terminator("\n\n").collect();
    assert_eq!(events.last(), Some(&"data: [DONE]"));
    let (mut content, mut ids) = (String::new(), Vec::new());
    for event in &events[..events.len() - 1] {
        let chunk: Value = serde_json::from_str(event.strip_prefix("data: ").expect("data")).expect("JSON");
        assert_eq!((&chunk["object"], &chunk["model"]), (&json!("chat.completion.chunk"), &json!("m")));
        content.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
        ids.push(chunk["id"].clone());
    }
    ids.dedup();
    assert_eq!((ids.len(), content.as_str()), (1, "This answer stands in."));
    let whole = mock.post("/v1/chat/completions", r#"{"model": "m"}"#).json();
    assert_eq!(whole["choices"][0]["message"]["content"], "This answer stands in.");
    assert_eq!(mock.get("/v1/models").json()["object"], "list");
}
