//! Webhooks: the requests that stubs send after their answers, their limits, and what the journal
//! says of them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::record::service::{Service, answer};
use crate::support::{Mock, eventually};

/// Returns a service that answers `200 heard`.
fn service() -> Service {
    Service::saying(|_| answer(200, "X-Reply: yes\r\n", "heard"))
}

/// Returns a server whose stub `/go` has one webhook with these parameters.
fn with_webhook(parameters: &Value) -> Mock {
    with_stub(&json!({"serveEventListeners": [{"name": "webhook", "parameters": parameters}]}), |_| {})
}

/// Returns a server whose stub `/go` has these members.
fn with_stub(members: &Value, change: impl FnOnce(&mut standin::Config)) -> Mock {
    let mut stub = json!({"name": "hooked", "request": {"urlPath": "/go"}, "response": {"body": "went"}});
    for (key, value) in members.as_object().expect("an object") {
        stub[key] = value.clone();
    }
    Mock::configured(&[("mappings/stubs.json", &stub.to_string())], change)
}

/// Waits until the newest call has this number of sub-events, and returns them.
fn sub_events(mock: &Mock, count: usize) -> Vec<Value> {
    let events = || {
        let calls = mock.get("/__admin/requests").json();
        calls["requests"][0]["subEvents"].as_array().cloned().unwrap_or_default()
    };
    eventually("the journal has the sub-events", || events().len() >= count);
    events()
}

fn metric(mock: &Mock, result: &str) -> u64 {
    let page = mock.get("/__admin/metrics");
    let name = format!("standin_webhooks_total{{result=\"{result}\"}} ");
    let line = page.text().lines().find_map(|line| line.strip_prefix(&name).map(str::to_owned));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no metric {name}"))
}

#[test]
fn a_webhook_is_rendered_from_the_request_and_sent() {
    let service = service();
    let mock = with_webhook(&json!({
        "method": "{{parameters.verb}}",
        "url": format!("{}/hook/{{{{originalRequest.query.id}}}}", service.url()),
        "headers": {"Content-Type": "application/json", "X-Path": "{{originalRequest.path}}", "X-Two": ["a", "b"]},
        "body": "{\"name\":\"{{jsonPath originalRequest.body '$.name'}}\",\"request\":\"{{request.url}}\"}",
        "verb": "put",
    }));
    assert_eq!(mock.post("/go?id=17", "{\"name\":\"Ada\"}").text(), "went");
    eventually("the webhook comes", || service.heard().len() == 1);
    let heard = service.heard().remove(0);
    assert_eq!((heard.method.as_str(), heard.url.as_str()), ("PUT", "/hook/17"));
    assert_eq!(heard.body, b"{\"name\":\"Ada\",\"request\":\"\"}", "the request has another name than in an answer");
    let head = heard.head.to_lowercase();
    let host = format!("host: {}\r\n", service.address);
    for expected in ["content-type: application/json\r\n", "x-path: /go\r\n", "x-two: a\r\n", "x-two: b\r\n", &*host] {
        assert!(head.contains(expected), "{expected} {head}");
    }

    let events = sub_events(&mock, 2);
    let (request, response) = (&events[0], &events[1]);
    assert_eq!((&request["type"], &response["type"]), (&json!("WEBHOOK_REQUEST"), &json!("WEBHOOK_RESPONSE")));
    assert_eq!((&request["data"]["method"], &request["data"]["url"]), (&json!("PUT"), &json!("/hook/17")));
    assert_eq!(request["data"]["absoluteUrl"], format!("{}/hook/17", service.url()));
    assert_eq!(request["data"]["headers"]["X-Two"], json!(["a", "b"]));
    assert_eq!((&response["data"]["status"], &response["data"]["body"]), (&json!(200), &json!("heard")));
    assert_eq!(response["data"]["headers"]["X-Reply"], "yes");
    assert!(request["timeOffsetNanos"].as_u64() <= response["timeOffsetNanos"].as_u64());
    assert_eq!(metric(&mock, "sent"), 1);
}

#[test]
fn older_spellings_and_several_webhooks_are_sent() {
    let service = service();
    let hook = |path: &str| json!({"method": "POST", "url": format!("{}{path}", service.url()), "body": path});
    let mock = with_stub(
        &json!({
            "postServeActions": {"webhook": hook("/map")},
            "serveEventListeners": [
                {"name": "webhook", "parameters": hook("/first")},
                {"name": "webhook", "requestPhases": ["BEFORE_MATCH"], "parameters": hook("/never")},
                {"name": "webhook", "requestPhases": ["AFTER_COMPLETE"], "parameters":
                    {"url": format!("{}/second", service.url()), "body": "a GET has none"}},
            ],
        }),
        |_| {},
    );
    mock.get("/go");
    eventually("all three come", || service.heard().len() == 3);
    let mut heard: Vec<(String, String, usize)> =
        service.heard().into_iter().map(|heard| (heard.method, heard.url, heard.body.len())).collect();
    heard.sort();
    let expected = [("GET", "/second", 0), ("POST", "/first", 6), ("POST", "/map", 4)];
    assert_eq!(heard, expected.map(|(method, url, length)| (method.to_owned(), url.to_owned(), length)));
    let list = json!([{"name": "webhook", "parameters": {"method": "POST", "url": format!("{}/list", service.url()), "base64Body": "AAH/"}}]);
    let mock = with_stub(&json!({ "postServeActions": list }), |_| {});
    mock.get("/go");
    eventually("the list is sent too", || service.heard().len() == 4);
    assert_eq!(service.heard()[3].body, [0, 1, 255]);
}

#[test]
fn webhooks_wait_for_their_delay_and_never_for_each_other() {
    let service = service();
    let hook = |path: &str, delay: Value| {
        let url = format!("{}{path}", service.url());
        json!({"name": "webhook", "parameters": {"url": url, "delay": delay}})
    };
    let mock = with_stub(
        &json!({"serveEventListeners": [
            hook("/late", json!({"type": "fixed", "milliseconds": 300})),
            hook("/uniform", json!({"type": "uniform", "lower": 1, "upper": 2})),
            hook("/lognormal", json!({"type": "lognormal", "median": 2, "sigma": 0.1})),
        ]}),
        |_| {},
    );
    let start = Instant::now();
    mock.get("/go");
    eventually("all come", || service.heard().len() == 3);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(service.heard()[2].url, "/late");
}

#[test]
fn a_webhook_comes_after_the_answer_with_its_delay() {
    let service = service();
    let url = service.url();
    let mock = with_stub(
        &json!({
            "response": {"body": "went", "fixedDelayMilliseconds": 200},
            "serveEventListeners": [{"name": "webhook", "parameters": {"url": url}}],
        }),
        |_| {},
    );
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| mock.get("/go"));
        eventually("it comes", || service.heard().len() == 1);
        assert!(start.elapsed() >= Duration::from_millis(200), "it came before the answer");
    });
    // proxied, faulty and empty answers have webhooks too
    for response in [json!({"proxyBaseUrl": url}), json!({"fault": "EMPTY_RESPONSE"}), json!({"status": 204})] {
        let before = service.heard().iter().filter(|heard| heard.url == "/hook").count();
        let hook = json!({"name": "webhook", "parameters": {"url": format!("{url}/hook")}});
        let mock = with_stub(&json!({"response": response, "serveEventListeners": [hook]}), |_| {});
        let mut client = crate::support::Client::connect(mock.address);
        client.write(b"GET /go HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let _ = client.read_to_end();
        let hooked = || service.heard().iter().filter(|heard| heard.url == "/hook").count();
        eventually("it comes", || hooked() == before + 1);
        let events = sub_events(&mock, 2);
        assert_eq!(events[1]["type"], "WEBHOOK_RESPONSE", "{response}");
    }
}

#[test]
fn what_cannot_be_sent_is_in_the_journal() {
    let mock = with_webhook(&json!({"url": "http://127.0.0.1:9/cb"}));
    mock.get("/go");
    let events = sub_events(&mock, 2);
    let message = events[1]["data"]["message"].as_str().expect("a message");
    assert_eq!(events[1]["type"], "ERROR");
    assert!(message.starts_with("Failed to fire webhook GET http://127.0.0.1:9/cb: "), "{message}");
    assert_eq!(metric(&mock, "failed"), 1);
    for (parameters, expected) in [
        (json!({"method": "GET"}), "a webhook needs a `url`"),
        (json!({"url": "/relative"}), "is no absolute URL"),
        (json!({"url": "http://a/{{nothing 1}}"}), "could not find helper: 'nothing'"),
        (json!({"url": "http://127.0.0.1:1/", "headers": {"bad name": "x"}}), "is no header name"),
        (json!({"url": "http://127.0.0.1:1/", "base64Body": "?"}), "not base64"),
        (json!({"url": "http://127.0.0.1:1/", "delay": {"type": "never"}}), "`delay`"),
    ] {
        let mock = with_webhook(&parameters);
        assert_eq!(mock.get("/go").text(), "went");
        let events = sub_events(&mock, 1);
        let message = events[0]["data"]["message"].as_str().expect("a message");
        assert!(message.starts_with("Exception thrown while configuring webhook: "), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn webhooks_over_tls_trust_what_they_are_told_to() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let stub = json!({"request": {"urlPattern": ".*"}, "response": {"body": "over TLS"}}).to_string();
    let files =
        [("mappings/stubs.json", stub), ("cert.pem", made.cert.pem()), ("key.pem", made.signing_key.serialize_pem())];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let folder = crate::support::folder(&files);
    let in_folder = |name: &str| folder.path().join(name);
    let service = Mock::configured(&files, |config| {
        config.listeners = vec!["https://127.0.0.1:0".parse().expect("a listener")];
        config.certificate =
            standin::Certificate::Files { certificate: in_folder("cert.pem"), key: in_folder("key.pem") };
    });
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    std::fs::write(in_folder("other.pem"), other.cert.pem()).expect("writable");
    let url = format!("https://localhost:{}/hook", service.address.port());
    let hook = json!({"serveEventListeners": [{"name": "webhook", "parameters": {"url": url}}]});
    for (trusted, expected) in [("cert.pem", "WEBHOOK_RESPONSE"), ("other.pem", "ERROR")] {
        let mock = with_stub(&hook, |config| {
            config.proxy.trust = standin::TrustAnchors::File(in_folder(trusted));
        });
        mock.get("/go");
        let events = sub_events(&mock, 2);
        assert_eq!(events[1]["type"], expected, "{trusted}: {}", events[1]);
    }
}

#[test]
fn targets_obey_the_rules_of_proxies() {
    for url in ["http://169.254.169.254/latest", "http://[::ffff:169.254.169.254]/", "http://2852039166/"] {
        let mock = with_webhook(&json!({ "url": url }));
        mock.get("/go");
        let events = sub_events(&mock, 2);
        let message = events[1]["data"]["message"].as_str().expect("a message");
        let expected = format!("The target webhook address {url} specified by stub hooked is denied");
        assert!(message.starts_with(&expected) && message.contains("--allow-proxy-targets"), "{message}");
        assert_eq!(metric(&mock, "refused"), 1);
    }
    let service = service();
    let hook = json!({"serveEventListeners": [{"name": "webhook", "parameters": {"url": service.url()}}]});
    let mock = with_stub(&hook, |config| {
        config.proxy.denied_targets = vec!["127.0.0.1".parse().expect("a pattern")];
    });
    mock.get("/go");
    assert_eq!(sub_events(&mock, 2)[1]["type"], "ERROR");
    assert!(service.heard().is_empty());
}

#[test]
fn a_circle_of_webhooks_ends() {
    let mock = Mock::configured(&[], |_| {});
    let hook = json!({"url": format!("http://{}/go", mock.address)});
    let stub = json!({
        "request": {"url": "/go"},
        "serveEventListeners": [{"name": "webhook", "parameters": hook}],
    });
    assert_eq!(mock.post("/__admin/mappings", &stub.to_string()).status, 201);
    mock.get("/go");
    eventually("the last is refused", || metric(&mock, "refused") == 1);
    let calls = mock.get("/__admin/requests").json();
    assert_eq!(calls["requests"].as_array().map(Vec::len), Some(11), "the call, and ten webhooks");
    let message = calls["requests"][0]["subEvents"][0]["data"]["message"].as_str().expect("a message");
    assert!(message.contains("they seem to go in a circle"), "{message}");
}

#[test]
fn few_webhooks_are_sent_at_once_and_answers_do_not_wait() {
    let service = Service::new(|_, stream| {
        std::thread::sleep(Duration::from_millis(20));
        let _ = std::io::Write::write_all(stream, &answer(200, "", ""));
    });
    let hook = json!({"serveEventListeners": [{"name": "webhook", "parameters": {"url": service.url()}}]});
    let mock = with_stub(&hook, |config| config.webhook_concurrency = 2);
    for _ in 0..20 {
        mock.get("/go");
    }
    eventually("all come", || service.heard().len() == 20 && service.in_flight() == 0);
    assert!(service.most_at_once() <= 2, "{}", service.most_at_once());
    eventually("all are counted", || metric(&mock, "sent") == 20);
    assert!(service.connections() <= 4, "connections are kept: {}", service.connections());
}

#[test]
fn listeners_and_parameters_that_are_not_known_are_reported() {
    let stub = json!({
        "request": {"url": "/go"},
        "response": {"transformers": ["body-transformer", "response-templat"]},
        "serveEventListeners": [
            {"name": "webhok", "parameters": {"url": "http://a"}},
            {"name": "record-to-kafka", "parameters": {}},
            {"name": "webhook", "parameters": {"url": "http://a/{{parameters.used}}", "used": 1, "unused": 2, "methd": "PUT"}},
        ],
    });
    let root = crate::support::folder(&[("mappings/stubs.json", &stub.to_string())]);
    let server = standin::Server::bind(standin::Config::new(root.path())).expect("it is served");
    let told: Vec<String> = server.warnings().iter().map(ToString::to_string).collect();
    let told = told.join("\n");
    for expected in [
        "did you mean `webhook`?",
        "the transformer `body-transformer` is unknown",
        "did you mean `response-template`?",
        "`record-to-kafka` is not known",
        "`unused` is no parameter",
        "did you mean `method`?",
    ] {
        assert!(told.contains(expected), "`{expected}` is missing in:\n{told}");
    }
    assert!(!told.contains("`used`"), "{told}");
    // the API accepts it too, and says so
    let mock = Mock::configured(&[], |_| {});
    let created = mock.post("/__admin/mappings", &stub.to_string());
    assert_eq!(created.status, 201);
    let warnings = created.all("standin-warning").join("\n");
    assert!(warnings.contains("record-to-kafka"), "{warnings}");
}

#[test]
fn events_go_with_their_entries() {
    let service = service();
    let mock = with_webhook(&json!({"url": service.url()}));
    mock.get("/go");
    sub_events(&mock, 2);
    let id = mock.get("/__admin/requests").json()["requests"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(mock.get(&format!("/__admin/requests/{id}")).json()["subEvents"].as_array().map(Vec::len), Some(2));
    mock.send("DELETE /__admin/requests HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    mock.get("/other");
    let newest = mock.get("/__admin/requests").json()["requests"][0]["subEvents"].clone();
    let kinds: Vec<&Value> = newest.as_array().expect("a list").iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["REQUEST_NOT_MATCHED"]);
    // without a journal they are sent all the same
    let hook = json!({"serveEventListeners": [{"name": "webhook", "parameters": {"url": service.url()}}]});
    let mock = with_stub(&hook, |config| config.journal_bytes = 0);
    mock.get("/go");
    eventually("it comes", || service.heard().len() == 2);
}
