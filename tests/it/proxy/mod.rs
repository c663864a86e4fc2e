//! Stubs with a `proxyBaseUrl`: what the service gets, what the client gets, and what the journal
//! keeps.

mod journal;
mod recordings;
mod streaming;
mod targets;
mod tls;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::record::service::{Service, answer};
use crate::support::{Client, Mock};

/// Returns a server with one stub for all requests.
fn proxying(response: &Value) -> Mock {
    proxying_with(response, |_| {})
}

/// Returns a server with one stub for all requests, and a configuration changed by `change`.
fn proxying_with(response: &Value, change: impl FnOnce(&mut standin::Config)) -> Mock {
    let stub = json!({"request": {"urlPattern": ".*"}, "response": response}).to_string();
    Mock::configured(&[("mappings/stubs.json", &stub)], change)
}

#[test]
fn a_request_reaches_the_service_and_its_response_the_client() {
    let service = Service::saying(|heard| match heard.url.as_str() {
        "/base/items/7?full=1" => answer(200, "X-A: 1\r\nX-A: 2\r\nConnection: X-Hop\r\nX-Hop: 1\r\n", "{\"id\":7}"),
        "/base/empty" => b"HTTP/1.1 204 Nothing\r\n\r\n".to_vec(),
        "/base/head" => b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n".to_vec(),
        _ => answer(201, "", &String::from_utf8_lossy(&heard.body)),
    });
    let mock = proxying(&json!({"proxyBaseUrl": format!("{}/base", service.url()), "headers": {"X-Stub": "added"}}));
    let mut client = Client::connect(mock.address);
    client.write(
        b"GET /items/7?full=1 HTTP/1.1\r\nHost: me\r\nUser-Agent: them\r\nTE: trailers\r\nX-B: 1\r\nKeep-Alive: 5\r\n\r\n",
    );
    let got = client.answer();
    assert_eq!((got.status, got.reason.as_str(), got.text()), (200, "Fine", "{\"id\":7}"));
    assert_eq!((got.all("x-a"), got.header("x-hop"), got.header("x-stub")), (vec!["1", "2"], None, Some("added")));
    assert_eq!(got.header("matched-stub-id"), None, "the service answered, not the stub");
    client.write(
        b"POST /items HTTP/1.1\r\nHost: me\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    assert_eq!(client.answer().text(), "abcde");
    client.write(b"GET /empty HTTP/1.1\r\nHost: me\r\n\r\n");
    assert_eq!(client.answer().status, 204);
    client.write(b"HEAD /head HTTP/1.1\r\nHost: me\r\n\r\n");
    assert_eq!(client.answer_to("HEAD").header("content-length"), Some("12345"));

    let heard = service.heard();
    let head = heard[0].head.to_lowercase();
    assert!(head.contains(&format!("host: {}\r\n", service.address)) && head.contains("x-b: 1\r\n"), "{head}");
    assert!(head.contains("via: 1.1 standin-") && head.contains("user-agent: standin/"), "{head}");
    assert!(!head.contains("keep-alive") && !head.contains("te:"), "{head}");
    assert!(heard[1].head.to_lowercase().contains("transfer-encoding: chunked"), "{}", heard[1].head);
    assert_eq!(service.connections(), 1, "a connection is kept");
}

#[test]
fn headers_and_the_url_change_on_the_way() {
    let service = Service::saying(|_| answer(200, "Content-Type: text/plain\r\n", "ok"));
    let mock = proxying(&json!({
        "proxyBaseUrl": format!("{}/root", service.url()),
        "proxyUrlPrefixToRemove": "/other/service",
        "additionalProxyRequestHeaders": {"X-Own": ["new", "unused"], "Host": "inventory.example"},
        "removeProxyRequestHeaders": ["x-secret", "X-Kept"],
        "headers": {"Content-Type": "application/json"},
    }));
    let got = mock
        .send("GET /other/service/doc/1?x=1 HTTP/1.1\r\nHost: me\r\nX-Own: old\r\nX-Secret: s\r\nX-Kept: k\r\n\r\n");
    assert_eq!(got.all("content-type"), ["application/json"], "a message has one type");
    let heard = service.heard().remove(0);
    assert_eq!(heard.url, "/root/doc/1?x=1");
    let head = heard.head.to_lowercase();
    for expected in ["x-own: old\r\n", "x-own: new\r\n", "x-kept: k\r\n", "host: inventory.example\r\n"] {
        assert!(head.contains(expected), "{expected} {head}");
    }
    assert!(!head.contains("x-secret") && !head.contains("unused"), "{head}");
}

#[test]
fn the_target_and_the_headers_may_be_templates() {
    let service = Service::saying(|_| answer(200, "", "ok"));
    let mock = proxying(&json!({
        "proxyBaseUrl": "{{request.headers.X-To}}/{{request.method}}",
        "transformers": ["response-template"],
        "additionalProxyRequestHeaders": {"X-Url": "{{request.url}}"},
        "headers": {"X-Path": "{{request.path}}"},
    }));
    let to = |url: &str| mock.send(&format!("GET /a?b HTTP/1.1\r\nHost: me\r\nX-To: {url}\r\n\r\n"));
    let got = to(&service.url());
    assert_eq!((got.status, got.header("x-path")), (200, Some("/a")));
    let heard = service.heard().remove(0);
    assert!(heard.url == "/GET/a?b" && heard.head.contains("x-url: /a?b\r\n"), "{}", heard.head);
    let wrong = to("inventory");
    assert!(wrong.status == 500 && wrong.text().contains("is not an absolute URL"), "{}", wrong.text());

    let broken = proxying(&json!({"proxyBaseUrl": "{{nosuch 1}}", "transformers": ["response-template"]}));
    let got = broken.get("/");
    assert!(got.status == 500 && got.text().contains("could not find helper: 'nosuch'"), "{}", got.text());
}

#[test]
fn delays_begin_when_the_service_has_answered() {
    let service = Service::saying(|_| {
        std::thread::sleep(Duration::from_millis(100));
        answer(200, "", "ok")
    });
    let slow = |response: Value| {
        let mut response = response;
        response["proxyBaseUrl"] = service.url().into();
        let mock = proxying(&response);
        let begin = Instant::now();
        assert_eq!(mock.get("/").text(), "ok");
        begin.elapsed()
    };
    for delayed in [
        json!({"fixedDelayMilliseconds": 200}),
        json!({"delayDistribution": {"type": "uniform", "lower": 200, "upper": 210}}),
        json!({"delayDistribution": {"type": "lognormal", "median": 220, "sigma": 0.001}}),
        json!({"chunkedDribbleDelay": {"numberOfChunks": 2, "totalDuration": 200}}),
    ] {
        let took = slow(delayed.clone());
        assert!(took >= Duration::from_millis(295), "{delayed}: {took:?}");
    }
    // WireMock ignores faults of proxied responses
    slow(json!({"fault": "EMPTY_RESPONSE"}));
}

#[test]
fn what_a_service_does_wrong_is_told_in_wiremocks_words() {
    let service = Service::saying(|heard| match heard.url.as_str() {
        "/nonsense" => b"SSH-2.0-OpenSSH\r\n".to_vec(),
        "/hangs" => {
            std::thread::sleep(Duration::from_secs(2));
            Vec::new()
        }
        _ => Vec::new(),
    });
    let mock = proxying_with(&json!({"proxyBaseUrl": service.url()}), |config| {
        config.proxy.timeout = Duration::from_millis(300);
    });
    for (path, cause) in [("/nonsense", "invalid"), ("/closes", "closed"), ("/hangs", "Read timed out")] {
        let got = mock.get(path);
        let expected =
            format!("Network failure trying to make a proxied request from WireMock to {}{path}\r\n", service.url());
        assert!(got.status == 500 && got.text().starts_with(&expected), "{}", got.text());
        assert!(got.text().contains(cause), "{}", got.text());
    }
    let nobody = proxying(&json!({"proxyBaseUrl": "http://127.0.0.1:1"}));
    assert_eq!(
        nobody.get("/x").text(),
        "Network failure trying to make a proxied request from WireMock to http://127.0.0.1:1/x\r\n\
         Connect to http://127.0.0.1:1 failed: Connection refused"
    );
}

#[test]
fn settings_apply_to_all_proxied_requests() {
    let service = Service::saying(|_| answer(200, "", "ok"));
    let send = |change: fn(&mut standin::ProxySettings)| {
        let mock = proxying_with(&json!({"proxyBaseUrl": service.url()}), |config| change(&mut config.proxy));
        mock.send("GET / HTTP/1.1\r\nHost: front\r\nUser-Agent: them\r\nAccept-Encoding: br, gzip\r\n\r\n");
        service.heard().pop().expect("a request").head.to_lowercase()
    };
    assert!(send(|settings| settings.preserve_host = true).contains("host: front\r\n"));
    assert!(send(|settings| settings.preserve_user_agent = true).contains("user-agent: them\r\n"));
    let pruned = send(|settings| settings.supported_encodings = Some(vec!["gzip".to_owned()]));
    assert!(pruned.contains("accept-encoding: gzip\r\n"), "{pruned}");
    assert!(send(|_| {}).contains("accept-encoding: br, gzip\r\n"));
}

#[test]
fn proxy_all_answers_what_no_stub_matches_and_survives_a_reset() {
    let service = Service::saying(|_| answer(200, "", "real"));
    let own = json!({"request": {"url": "/own"}, "response": {"body": "stub"}, "priority": 9}).to_string();
    let mock = Mock::configured(&[("mappings/own.json", &own)], |config| config.proxy.all = Some(service.url()));
    for _ in 0..2 {
        assert_eq!((mock.get("/own").text(), mock.get("/other").text()), ("stub", "real"));
        assert_eq!(mock.post("/__admin/mappings/reset", "").status, 200);
    }
}

#[test]
fn a_proxied_request_takes_the_time_of_its_service_not_of_the_profile() {
    let service = Service::saying(|_| answer(200, "", "ok"));
    let stub = json!({"request": {"urlPattern": ".*"}, "response": {"proxyBaseUrl": service.url()}}).to_string();
    let profile = "services:\n  - name: s\n    match: {urlPathPattern: \"/.*\"}\n    capacity: {discipline: unlimited}\n    operations:\n      - {name: all, match: {}, demand: {fixed: 30s}}\n";
    let files = [("mappings/stubs.json", stub.as_str()), ("profiles/slow.yaml", profile)];
    let mock = Mock::configured(&files, |config| config.profile = Some("slow".to_owned()));
    let begin = Instant::now();
    assert_eq!(mock.get("/").text(), "ok");
    assert!(begin.elapsed() < Duration::from_secs(20));
}
