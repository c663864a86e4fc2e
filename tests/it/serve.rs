//! Examples of the README, and each way to write a reply.

use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;
use standin::Server;
use standin::{Config, Listener};

use crate::support::{Client, Mock, folder};

#[test]
fn the_example_stubs_answer_as_the_readme_says() {
    let mut config = Config::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("stubs"));
    config.seed = 1;
    let server = Server::bind(config).expect("the examples are good");
    assert!(server.warnings().is_empty(), "{:?}", server.warnings());
    let handle = server.start().expect("it starts");
    let address = handle.addresses()[0].listener.address;
    let call = |request: &str| {
        let mut client = Client::connect(address);
        client.write(request.as_bytes());
        client.answer()
    };
    let get = |path: &str| call(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
    let charge = |body: &str| {
        call(&format!(
            "POST /payment/charges HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    assert_eq!(get("/inventory/A-100").text(), r#"{"sku":"A-100","name":"Field notebook","stock":42,"price":"4.90"}"#);
    assert_eq!(get("/inventory/B-200").json()["stock"], 0);
    assert_eq!(get("/inventory/X-17").status, 404);
    assert_eq!(get("/inventory?q=note").json()["total"], 2);
    assert_eq!(get("/inventory?q=N").status, 404);
    assert_eq!(charge(r#"{"amount": 490, "currency": "EUR"}"#).text(), r#"{"id":"ch_1","status":"captured"}"#);
    assert_eq!(charge(r#"{"amount": 490, "currency": "EUR", "card": "4000000000000002"}"#).status, 402);
    assert_eq!(charge(r#"{"amount": 0, "currency": "EUR"}"#).status, 404);
    let refund = "POST /payment/charges/ch_1/refunds HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\
                  Idempotency-Key: 0f8fad5b-d9cb-469f-a165-70867728950e\r\n\r\n";
    assert_eq!((call(refund).status, call(refund).reason.as_str()), (202, "Refund queued"));
    let reset = r#"{"card": "4000000000000119"}"#;
    let mut client = Client::connect(address);
    client.write(
        format!("POST /payment/charges HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{reset}", reset.len())
            .as_bytes(),
    );
    assert_eq!(client.read_to_end(), (Vec::new(), crate::support::End::Rst));
}

#[test]
fn services_have_listeners_of_their_own_or_share_one() {
    let stub = |body: &str| format!(r#"{{"request": {{"url": "/who"}}, "response": {{"body": "{body}"}}}}"#);
    let (a, b) = (stub("a"), stub("b"));
    let files = [("a/mappings/s.json", a.as_str()), ("b/mappings/s.json", b.as_str())];
    let listener = |text: &str| text.parse::<Listener>().expect("valid");
    let apart = Mock::configured(&files, |config| {
        config.listeners = vec![listener("b=127.0.0.1:0"), listener("127.0.0.1:0")];
    });
    let who = |address| {
        let mut client = Client::connect(address);
        client.write(b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n");
        client.answer().text().to_owned()
    };
    let addresses = apart.addresses();
    assert_eq!((who(addresses[0]), who(addresses[1])), ("b".to_owned(), "a".to_owned()));
    // on one port, the first by name comes first
    assert_eq!(who(Mock::configured(&files, |_| {}).address), "a");

    let root = folder(&files);
    let mut config = Config::new(root.path());
    config.listeners = vec![listener("c=127.0.0.1:0")];
    let refused = Server::bind(config).err().expect("no such service").to_string();
    assert!(refused.contains("there are: a, b"), "{refused}");
    let mut config = Config::new(root.path());
    config.listeners = vec![listener("b=127.0.0.1:0")];
    let refused = Server::bind(config).err().expect("nobody serves a").to_string();
    assert!(refused.contains("--listen a=ADDRESS"), "{refused}");
}

#[test]
fn gzip_is_sent_to_those_who_ask_for_it() {
    let long = "zip me ".repeat(5000);
    let stub = format!(r#"{{"request": {{"url": "/z"}}, "response": {{"body": "{long}"}}}}"#);
    let mock = Mock::with(&stub);
    for _ in 0..2 {
        let zipped = mock.send("GET /z HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br, gzip;q=0.8\r\n\r\n");
        assert_eq!(zipped.header("content-encoding"), Some("gzip"));
        let mut text = String::new();
        GzDecoder::new(&zipped.body[..]).read_to_string(&mut text).expect("gzip");
        assert_eq!(text, long);
    }
    for asked in ["", "Accept-Encoding: identity\r\n", "Accept-Encoding: gzip;q=0\r\n"] {
        let plain = mock.send(&format!("GET /z HTTP/1.1\r\nHost: x\r\n{asked}\r\n"));
        assert_eq!((plain.header("content-encoding"), plain.text()), (None, long.as_str()), "{asked}");
    }
}

#[test]
fn body_files_small_and_large_are_sent_whole() {
    let large = "0123456789abcdef".repeat(200_000);
    let mappings = r#"{"mappings": [
        {"request": {"url": "/small"}, "response": {"bodyFileName": "deep/small.txt"}},
        {"request": {"url": "/large"}, "response": {"bodyFileName": "large.bin"}}
    ]}"#;
    let mock = Mock::configured(
        &[("mappings/s.json", mappings), ("__files/deep/small.txt", "small"), ("__files/large.bin", &large)],
        |_| {},
    );
    assert_eq!(mock.get("/small").text(), "small");
    let answer = mock.get("/large");
    assert_eq!(answer.header("content-length"), Some("3200000"));
    assert!(answer.body == large.as_bytes(), "the large body differs");
}

#[test]
fn unmatched_gets_find_files_unless_told_otherwise() {
    let files = [("__files/page.html", "<p>hi</p>"), ("__files/site/index.json", "{}"), ("secret.txt", "no")];
    let mock = Mock::configured(&files, |_| {});
    let page = mock.get("/page.html?x=1");
    assert_eq!((page.text(), page.header("content-type")), ("<p>hi</p>", Some("text/html")));
    assert!(page.header("last-modified").is_some());
    assert_eq!(mock.get("/site/").text(), "{}");
    for outside in ["/../secret.txt", "/%2e%2e/secret.txt", "/site/../../secret.txt", "//etc/passwd"] {
        assert_eq!(mock.get(outside).status, 404, "{outside}");
    }
    assert_eq!(mock.post("/page.html", "").status, 404);
    let without = Mock::configured(&files, |config| config.serves_files = false);
    assert_eq!(without.get("/page.html").status, 404);
}

#[test]
#[cfg(unix)]
fn a_link_does_not_lead_out_of_the_folder() {
    let root = folder(&[("outside.txt", "secret"), ("mappings/s.json", r#"{"request": {"url": "/other"}}"#)]);
    std::os::unix::fs::symlink(root.path().join("outside.txt"), root.path().join("__files/link.txt")).expect("a link");
    let handle = Server::bind(Config::new(root.path())).expect("good").start().expect("it starts");
    let mut client = Client::connect(handle.addresses()[0].listener.address);
    client.write(b"GET /link.txt HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer().status, 404);
}

#[test]
fn scenarios_move_on_call_by_call() {
    let mock = Mock::with(
        r#"{"mappings": [
        {"scenarioName": "s", "requiredScenarioState": "Started", "newScenarioState": "two",
         "request": {"url": "/s"}, "response": {"body": "1"}},
        {"scenarioName": "s", "requiredScenarioState": "two", "request": {"url": "/s"}, "response": {"body": "2"}}
    ]}"#,
    );
    let bodies: Vec<_> = (0..3).map(|_| mock.get("/s").text().to_owned()).collect();
    assert_eq!(bodies, ["1", "2", "2"]);
    assert_eq!(mock.post("/__admin/reset", "").status, 200);
    assert_eq!(mock.get("/s").text(), "1");
}

#[test]
fn two_clients_that_race_on_a_scenario_never_both_win() {
    let mock = Mock::with(
        r#"{"mappings": [
        {"scenarioName": "s", "requiredScenarioState": "Started", "newScenarioState": "taken", "priority": 1,
         "request": {"url": "/take"}, "response": {"body": "won"}},
        {"scenarioName": "s", "newScenarioState": "Started", "request": {"url": "/give"}, "response": {}},
        {"request": {"url": "/take"}, "response": {"body": "lost"}}
    ]}"#,
    );
    for _ in 0..300 {
        let take = || {
            let mut client = Client::connect(mock.address);
            client.write(b"GET /take HTTP/1.1\r\nHost: x\r\n\r\n");
            client.answer().text().to_owned()
        };
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(take);
            (take(), other.join().expect("no panic"))
        });
        assert!(matches!((one.as_str(), other.as_str()), ("won", "lost") | ("lost", "won")), "{one} {other}");
        mock.get("/give");
    }
}
