//! WebSockets: channels, the message stubs that act on them, and their limits.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::support::{Answer, Client, Mock, eventually};

/// Time-out of a client: reached only where a test fails.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A client of one channel.
struct Channel {
    runtime: Runtime,
    socket: WebSocketStream<TcpStream>,
    protocol: Option<String>,
}

impl Channel {
    fn open(mock: &Mock, path: &str) -> Self {
        Self::with_headers(mock, path, &[])
    }

    fn with_headers(mock: &Mock, path: &str, headers: &[(&'static str, &'static str)]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut request = format!("ws://{}{path}", mock.address).into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a value"));
        }
        let (socket, response) = runtime.block_on(async {
            let stream = TcpStream::connect(mock.address).await.expect("it listens");
            tokio_tungstenite::client_async(request, stream).await.expect("the handshake is accepted")
        });
        let protocol = response.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok());
        Self { runtime, protocol: protocol.map(str::to_owned), socket }
    }

    fn send(&mut self, message: impl Into<Message>) {
        self.runtime.block_on(self.socket.send(message.into())).expect("it is open");
    }

    fn next(&mut self) -> Message {
        let next = async { tokio::time::timeout(TIMEOUT, self.socket.next()).await };
        self.runtime.block_on(next).expect("in time").expect("a message").expect("no error")
    }

    fn next_text(&mut self) -> String {
        self.next().into_text().expect("a text").as_str().to_owned()
    }

    /// Reads until the server closes the channel, and returns the code and the reason.
    fn closed(&mut self) -> (CloseCode, String) {
        loop {
            if let Message::Close(frame) = self.next() {
                let frame = frame.expect("a close with a code");
                return (frame.code, frame.reason.as_str().to_owned());
            }
        }
    }
}

/// Serves these message stubs from a file.
fn with_stubs(stubs: &Value) -> Mock {
    configured(stubs, |_| {})
}

fn configured(stubs: &Value, change: impl FnOnce(&mut standin::Config)) -> Mock {
    let text = json!({ "messageMappings": stubs }).to_string();
    Mock::configured(&[("message-mappings/stubs.json", &text), ("__files/long.txt", "from a file")], change)
}

/// Sends a request of this method to the admin API.
fn call(mock: &Mock, method: &str, path: &str, body: &str) -> Answer {
    let (host, length) = (mock.address, body.len());
    mock.send(&format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}"))
}

fn send(data: &str) -> Value {
    json!({"type": "send", "message": {"body": {"data": data}}})
}

fn to_matching(data: &str, path: &str) -> Value {
    json!({"type": "send", "message": {"body": {"data": data}},
        "channelTarget": {"type": "request-initiated", "channelType": "websocket", "requestPattern": {"urlPath": path}}})
}

fn metric(mock: &Mock, name: &str) -> u64 {
    let page = mock.get("/__admin/metrics");
    let line = page.text().lines().find_map(|line| line.strip_prefix(&format!("standin_{name} ")).map(str::to_owned));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no metric {name}"))
}

#[test]
fn a_message_triggers_the_first_stub_that_matches() {
    let mock = with_stubs(&json!([
        {"name": "any", "priority": 9, "trigger": {"type": "message"}, "actions": [send("any: {{message.body}}")]},
        {"name": "ping", "trigger": {"type": "message", "message": {"body": {"equalTo": "ping"}}}, "actions": [send("pong"), send("again")]},
        {"name": "json", "trigger": {"type": "message", "message": {"body": {"matchesJsonPath": {"expression": "$.action", "equalTo": "subscribe"}}}},
            "actions": [send("{{jsonPath message.body '$.topic'}} for {{request.headers.X-User}} on {{request.path}}")]},
        {"name": "vip", "priority": 1, "trigger": {"type": "message", "channel": {"type": "websocket", "initiatingRequestPattern": {"urlPath": "/vip"}}},
            "actions": [send("at your service")]},
    ]));
    let mut channel = Channel::with_headers(&mock, "/any/path", &[("X-User", "ada")]);
    channel.send("ping");
    assert_eq!((channel.next_text().as_str(), channel.next_text().as_str()), ("pong", "again"));
    channel.send(r#"{"action": "subscribe", "topic": "news"}"#);
    assert_eq!(channel.next_text(), "news for ada on /any/path");
    channel.send("else");
    assert_eq!(channel.next_text(), "any: else");
    let mut vip = Channel::open(&mock, "/vip");
    vip.send("ping");
    assert_eq!(vip.next_text(), "at your service");
}

#[test]
fn messages_are_binary_in_fragments_and_from_files() {
    let mock = with_stubs(&json!([
        {"trigger": {"message": {"body": {"binaryEqualTo": "AP8="}}}, "actions": [{"type": "send", "message": {"body": {"base64Data": "/wA="}}}]},
        {"trigger": {"message": {"body": {"equalTo": "file"}}}, "actions": [{"message": {"body": {"filePath": "long.txt"}}}]},
        {"trigger": {"message": {"body": {"equalTo": "in fragments"}}}, "actions": [{"message": {"body": "whole"}}]},
        {"trigger": {"message": {"body": {"equalTo": "json"}}}, "actions": [{"message": {"body": {"data": {"a": [1]}}}}]},
    ]));
    let mut channel = Channel::open(&mock, "/");
    channel.send(Message::Binary(Bytes::from_static(&[0, 255])));
    assert_eq!(channel.next(), Message::Binary(Bytes::from_static(&[255, 0])));
    channel.send("file");
    assert_eq!(channel.next_text(), "from a file");
    channel.send("json");
    assert_eq!(channel.next_text(), r#"{"a":[1]}"#);
    for (part, code, is_last) in
        [("in ", Data::Text, false), ("frag", Data::Continue, false), ("ments", Data::Continue, true)]
    {
        channel.send(Message::Frame(Frame::message(part, OpCode::Data(code), is_last)));
    }
    assert_eq!(channel.next_text(), "whole");
    channel.send(Message::Ping(Bytes::from_static(b"?")));
    assert_eq!(channel.next(), Message::Pong(Bytes::from_static(b"?")));
}

#[test]
fn actions_wait_and_close() {
    let mock = with_stubs(
        &json!([{"trigger": {"type": "connect", "channel": {"initiatingRequestPattern": {"urlPath": "/feed"}}}, "actions": [
            send("welcome"),
            {"type": "send", "message": {"body": "later"}, "delay": 40},
            {"type": "close", "code": 4001, "reason": "enough", "delay": {"type": "uniform", "lower": 20, "upper": 20}},
        ]}]),
    );
    let start = std::time::Instant::now();
    let mut channel = Channel::open(&mock, "/feed");
    assert_eq!(channel.next_text(), "welcome");
    assert_eq!(channel.next_text(), "later");
    assert!(start.elapsed() >= Duration::from_millis(40));
    assert_eq!(channel.closed(), (CloseCode::from(4001), "enough".to_owned()));
    assert!(start.elapsed() >= Duration::from_millis(60));
    eventually("the channel is gone", || metric(&mock, "channels_open") == 0);
    eventually("the delayed message is audited", || metric(&mock, "lateness_seconds_count") == 1);
}

#[test]
fn messages_go_to_matching_channels() {
    let mock = with_stubs(&json!([
        {"trigger": {"message": {"body": {"equalTo": "all"}}}, "actions": [to_matching("to all", "/room")]},
        {"trigger": {"type": "http-request", "requestPattern": {"method": "POST", "urlPath": "/notify"}}, "actions": [to_matching("{{request.body}}", "/room")]},
        {"trigger": {"type": "http-stub", "stubId": "11111111-2222-3333-4444-555555555555"}, "actions": [to_matching("stub", "/room")]},
    ]));
    let stub = json!({"id": "11111111-2222-3333-4444-555555555555", "request": {"url": "/stub"}, "response": {"body": "answered"}});
    assert_eq!(mock.post("/__admin/mappings", &stub.to_string()).status, 201);
    let (mut one, mut two, mut other) =
        (Channel::open(&mock, "/room"), Channel::open(&mock, "/room"), Channel::open(&mock, "/other"));
    one.send("all");
    assert_eq!((one.next_text(), two.next_text()), ("to all".to_owned(), "to all".to_owned()));
    mock.post("/notify", "news");
    assert_eq!((one.next_text(), two.next_text()), ("news".to_owned(), "news".to_owned()));
    assert_eq!(mock.get("/stub").text(), "answered");
    assert_eq!((one.next_text(), two.next_text()), ("stub".to_owned(), "stub".to_owned()));
    let sent = json!({"type": "websocket", "initiatingRequest": {"urlPath": "/other"}, "message": {"body": {"data": "by the API"}}});
    let answer = mock.post("/__admin/channels/send", &sent.to_string()).json();
    assert_eq!(
        (&answer["channelsMessaged"], &answer["channels"][0]["initiatingRequest"]["url"]),
        (&json!(1), &json!("/other"))
    );
    assert_eq!(other.next_text(), "by the API");
}

#[test]
fn the_journal_keeps_messages_of_both_directions() {
    let mock = with_stubs(
        &json!([{"name": "echo", "trigger": {"message": {"body": {"contains": "a"}}}, "actions": [send("echo {{message.body}}"), send("{{nonsense 1}}")]}]),
    );
    let mut channel = Channel::open(&mock, "/ws");
    channel.send("a");
    assert_eq!(channel.next_text(), "echo a");
    channel.send("b");
    let wait = json!({"pattern": {"channel": {"urlPath": "/ws"}}, "count": 3, "timeoutMillis": 60_000});
    let events = mock.post("/__admin/messages/wait-for-count", &wait.to_string()).json();
    let events = events["messageServeEvents"].as_array().expect("messages").clone();
    assert_eq!(events.len(), 3);
    let find = |text: &str| events.iter().find(|event| event["message"] == text).expect("it is kept").clone();
    let (received, sent, unmatched) = (find("a"), find("echo a"), find("b"));
    assert_eq!(
        (&received["eventType"], &received["wasMatched"], &received["stubMapping"]["name"]),
        (&json!("received"), &json!(true), &json!("echo"))
    );
    assert_eq!(received["subEvents"][0]["type"], "ERROR");
    assert_eq!((&sent["eventType"], &sent["channelRequest"]["url"]), (&json!("sent"), &json!("/ws")));
    assert_eq!(unmatched["wasMatched"], false);
    let count = |pattern: Value| mock.post("/__admin/messages/count", &pattern.to_string()).json()["count"].clone();
    assert_eq!(
        (count(json!({"body": {"equalTo": "b"}})), count(json!({"channel": {"urlPath": "/no"}}))),
        (json!(1), json!(0))
    );
    let id = unmatched["id"].as_str().expect("an id").to_owned();
    assert_eq!(mock.get(&format!("/__admin/messages/{id}")).json()["message"], "b");
    call(&mock, "DELETE", &format!("/__admin/messages/{id}"), "");
    assert_eq!(count(json!({"body": {"equalTo": "b"}})), json!(0));
    let removed = mock.post("/__admin/messages/remove", r#"{"body": {"equalTo": "a"}}"#).json();
    assert_eq!(removed["messageServeEvents"].as_array().map(Vec::len), Some(1));
    call(&mock, "DELETE", "/__admin/messages", "");
    assert_eq!(mock.get("/__admin/messages").json()["meta"]["total"], 0);
    assert_eq!(
        (metric(&mock, "messages_total{direction=\"received\"}"), metric(&mock, "messages_total{direction=\"sent\"}")),
        (2, 1)
    );
}

#[test]
fn channels_are_listed_and_closed_by_the_api() {
    let mock = with_stubs(&json!([]));
    let mut channel = Channel::open(&mock, "/listed?a=1");
    let listed = mock.get("/__admin/channels").json();
    assert_eq!(
        (&listed["meta"]["total"], &listed["channels"][0]["open"], &listed["channels"][0]["type"]),
        (&json!(1), &json!(true), &json!("websocket"))
    );
    assert_eq!(listed["channels"][0]["initiatingRequest"]["url"], "/listed?a=1");
    let id = listed["channels"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(mock.get(&format!("/__admin/channels/{id}")).json()["id"], id.as_str());
    call(&mock, "DELETE", &format!("/__admin/channels/{id}"), "");
    assert_eq!(channel.closed().0, CloseCode::Normal);
    eventually("it is gone", || mock.get(&format!("/__admin/channels/{id}")).status == 404);
}

#[test]
fn message_stubs_are_changed_by_the_api() {
    let mock = with_stubs(&json!([{"name": "of a file", "priority": 9, "actions": [send("file")]}]));
    let stub =
        json!({"name": "of the API", "trigger": {"message": {"body": {"equalTo": "x"}}}, "actions": [send("api")]});
    let created = mock.post("/__admin/message-mappings", &stub.to_string());
    assert_eq!(created.status, 201);
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    let mut channel = Channel::open(&mock, "/");
    channel.send("x");
    assert_eq!(channel.next_text(), "api");
    let names = || {
        let listed = mock.get("/__admin/message-mappings").json();
        listed["messageMappings"].as_array().expect("stubs").iter().map(|stub| stub["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(), [json!("of the API"), json!("of a file")]);
    let changed =
        json!({"name": "changed", "trigger": {"message": {"body": {"equalTo": "x"}}}, "actions": [send("changed")]})
            .to_string();
    let path = format!("/__admin/message-mappings/{id}");
    assert_eq!(call(&mock, "PUT", &path, &changed).json()["id"], id.as_str());
    channel.send("x");
    assert_eq!(channel.next_text(), "changed");
    call(&mock, "DELETE", &format!("/__admin/message-mappings/{id}"), "");
    assert_eq!(mock.get(&format!("/__admin/message-mappings/{id}")).status, 404);
    mock.post("/__admin/message-mappings", &stub.to_string());
    call(&mock, "DELETE", "/__admin/message-mappings", "");
    assert_eq!(names(), [json!("of a file")]);
    mock.post("/__admin/message-mappings", &stub.to_string());
    assert_eq!(mock.post("/__admin/reset", "").status, 200);
    assert_eq!(names(), [json!("of a file")]);
    channel.send("x");
    assert_eq!(channel.next_text(), "file");
}

#[test]
fn limits_close_a_channel_and_are_counted() {
    let stubs = json!([{"trigger": {"message": {"body": {"equalTo": "flood"}}}, "actions": [to_matching(&"x".repeat(1 << 20), "/slow")]}]);
    let mock = configured(&stubs, |config| config.limits.message = 1_000);
    let mut channel = Channel::open(&mock, "/");
    channel.send("y".repeat(1_001));
    assert_eq!(channel.closed().0, CloseCode::Size);
    assert_eq!(metric(&mock, "channels_limited_total{limit=\"message\"}"), 1);
    // a client that reads nothing: what waits for it is bounded
    let slow = Channel::open(&mock, "/slow");
    let mut flooder = Channel::open(&mock, "/");
    eventually("the slow channel is closed", || {
        flooder.send("flood");
        metric(&mock, "channels_limited_total{limit=\"queue\"}") == 1
    });
    drop(slow);
}

#[test]
fn idle_channels_are_pinged_and_silent_ones_closed() {
    let mock = configured(&json!([]), |config| config.limits.idle = Duration::from_millis(400));
    let mut channel = Channel::open(&mock, "/");
    assert!(matches!(channel.next(), Message::Ping(_)));
    // the client library answers while it reads, which it does not do now
    eventually("the silent channel is closed", || metric(&mock, "channels_limited_total{limit=\"idle\"}") == 1);
    assert_eq!(channel.closed().0, CloseCode::Away);
}

#[test]
fn handshakes_are_answered_as_the_standard_says() {
    let mock = with_stubs(&json!([]));
    let shake = |headers: &str| {
        mock.send(&format!("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{headers}\r\n"))
    };
    let old = shake("Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    assert_eq!((old.status, old.header("sec-websocket-version")), (426, Some("13")));
    assert_eq!(shake("Sec-WebSocket-Version: 13\r\n").status, 400);
    // the key and its answer of RFC 6455, 1.3
    let mut client = Client::connect(mock.address);
    client.write(b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    let head = client.head().to_lowercase();
    assert!(
        head.starts_with("http/1.1 101 ") && head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{head}"
    );
    // an unmasked frame breaks the protocol
    client.write(&[0x81, 1, b'a']);
    let (bytes, _) = client.read_to_end();
    assert_eq!(bytes[0], 0x88, "{bytes:?}");
    assert_eq!(bytes[2..4], 1002u16.to_be_bytes());
    let channel = Channel::with_headers(&mock, "/ws", &[("Sec-WebSocket-Protocol", "graphql-ws, other")]);
    assert_eq!(channel.protocol.as_deref(), Some("graphql-ws"));
    assert_eq!(mock.get("/__admin/channels/send").status, 404);
}

#[test]
fn a_shutdown_closes_channels() {
    let mock = with_stubs(&json!([]));
    let mut channel = Channel::open(&mock, "/");
    let ending = std::thread::spawn(move || mock.shut_down());
    assert_eq!(channel.closed().0, CloseCode::Away);
    drop(channel);
    assert!(ending.join().expect("no panic"), "the channel was cut off");
}

#[test]
fn mistakes_in_message_stubs_are_told() {
    let mock = with_stubs(&json!([]));
    for (stub, place, message) in [
        (json!({"trigger": {"type": "messages"}}), "/trigger/type", "is no trigger"),
        (json!({"trigger": {"type": "http-stub"}}), "/trigger", "needs the `stubId`"),
        (json!({"trigger": {"type": "http-request"}}), "/trigger", "needs a `requestPattern`"),
        (
            json!({"trigger": {"channel": {"type": "fixed"}}}),
            "/trigger/channel/type",
            "no channels of the type `fixed`",
        ),
        (json!({"trigger": {"message": {"body": {"equals": "a"}}}}), "/trigger/message/body", "equals"),
        (json!({"actions": [{"type": "sent"}]}), "/actions/0/type", "is no action"),
        (json!({"actions": [{"type": "send"}]}), "/actions/0", "needs a `message`"),
        (json!({"actions": [{"message": {"body": {}}}]}), "/actions/0/message/body", "is empty"),
        (json!({"actions": [{"message": {"body": {"filePath": "none.txt"}}}]}), "/actions/0/message/body", "none.txt"),
        (json!({"actions": [{"type": "close", "code": 1005}]}), "/actions/0/code", "needs a code"),
        (
            json!({"trigger": {"type": "http-request", "requestPattern": {}}, "actions": [send("a")]}),
            "/actions/0",
            "no channel to act on",
        ),
        (
            json!({"actions": [{"message": {"body": "a"}, "delay": "soon"}]}),
            "/actions/0/delay",
            "number of milliseconds",
        ),
        (json!({"action": []}), "/action", "unknown field"),
    ] {
        let answer = mock.post("/__admin/message-mappings", &stub.to_string());
        assert_eq!(answer.status, 422, "{stub}: {}", answer.text());
        assert!(
            answer.text().contains(&format!("\"{place}\"")) && answer.text().contains(message),
            "{stub}: {}",
            answer.text()
        );
    }
    assert_eq!(mock.post("/__admin/channels/send", r#"{"message": {"body": "a"}, "typ": 1}"#).status, 422);
}
