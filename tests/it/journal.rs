//! The admin API of a running server: the journal and its queries, scenarios and files.

use std::thread;

use crate::support::{Client, Mock, eventually};

fn stub(url: &str, body: &str) -> String {
    format!(r#"{{"request": {{"urlPath": "{url}"}}, "response": {{"body": "{body}"}}}}"#)
}

fn count(mock: &Mock, pattern: &str) -> i64 {
    mock.post("/__admin/requests/count", pattern).json()["count"].as_i64().expect("a number")
}

#[test]
fn a_call_is_counted_before_its_answer_is_there() {
    let mock = Mock::with(&stub("/a", "x"));
    for round in 1..=1000 {
        assert_eq!(mock.get("/a").status, 200);
        assert_eq!(count(&mock, r#"{"urlPath": "/a"}"#), round);
    }
}

#[test]
fn calls_of_many_connections_are_all_there_in_an_order_that_each_client_agrees_with() {
    let mock = Mock::with(&stub("/a", "x"));
    thread::scope(|scope| {
        for client in 0..8 {
            let mock = &mock;
            scope.spawn(move || {
                let mut connection = Client::connect(mock.address);
                for number in 0..100 {
                    connection.write(format!("GET /a?{client}.{number} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
                    assert_eq!(connection.answer().status, 200);
                }
            });
        }
    });
    let found = mock.post("/__admin/requests/find", "{}").json();
    let urls: Vec<&str> =
        found["requests"].as_array().expect("a list").iter().filter_map(|r| r["url"].as_str()).collect();
    assert_eq!(urls.len(), 800);
    for client in 0..8 {
        let own: Vec<&&str> = urls.iter().filter(|url| url.starts_with(&format!("/a?{client}."))).collect();
        let expected: Vec<String> = (0..100).map(|number| format!("/a?{client}.{number}")).collect();
        assert_eq!(own, expected.iter().collect::<Vec<_>>(), "client {client}");
    }
}

#[test]
fn a_full_journal_says_what_left_it() {
    let mock = Mock::configured(&[("mappings/a.json", &stub("/a", "x"))], |config| {
        config.journal_bytes = 128 << 10;
        config.workers = 1;
    });
    for number in 0..2000 {
        mock.get(&format!("/a?{number}"));
    }
    let counted = mock.post("/__admin/requests/count", "{}").json();
    assert_eq!(counted["truncated"], true);
    let evicted = counted["meta"]["evicted"].as_u64().expect("a number");
    assert_eq!(evicted + counted["count"].as_u64().expect("a number"), 2000);
    let listed = mock.get("/__admin/requests?limit=1").json();
    assert_eq!(listed["requests"][0]["request"]["url"], "/a?1999");
    assert!(listed["meta"]["oldest"].as_str().expect("a date").contains('T'), "{}", listed["meta"]);
    let metrics = mock.get("/__admin/metrics").text().to_owned();
    assert!(metrics.contains(&format!("standin_journal_evicted_calls {evicted}")), "{metrics}");
    assert!(metrics.contains("standin_calls_total{matched=\"true\"} 2000"), "counters forget nothing: {metrics}");
    assert_eq!(mock.send("DELETE /__admin/requests HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
    assert_eq!(mock.get("/__admin/requests").json()["meta"], serde_json::json!({"total": 0}));
}

#[test]
fn without_a_journal_nothing_is_known_and_it_is_said() {
    let mock = Mock::configured(&[("mappings/a.json", &stub("/a", "x"))], |config| config.journal_bytes = 0);
    mock.get("/a");
    let counted = mock.post("/__admin/requests/count", "{}").json();
    assert_eq!(counted, serde_json::json!({"count": -1, "requestJournalDisabled": true}));
    assert_eq!(mock.get("/__admin/requests").json()["requestJournalDisabled"], true);
}

#[test]
fn two_clients_that_race_on_a_transition_never_both_win_it() {
    let step = |from: usize| {
        format!(
            r#"{{"scenarioName": "race", "requiredScenarioState": "{}", "newScenarioState": "s{}",
                "request": {{"url": "/step"}}, "response": {{"body": "{from}"}}}}"#,
            if from == 0 { "Started".to_owned() } else { format!("s{from}") },
            from + 1
        )
    };
    let mappings = format!(r#"{{"mappings": [{}]}}"#, (0..1000).map(step).collect::<Vec<_>>().join(","));
    let mock = Mock::with(&mappings);
    for _ in 0..10 {
        let mut won: Vec<usize> = thread::scope(|scope| {
            let clients: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut connection = Client::connect(mock.address);
                        let mut won = Vec::new();
                        loop {
                            connection.write(b"GET /step HTTP/1.1\r\nHost: x\r\n\r\n");
                            let answer = connection.answer();
                            if answer.status == 404 {
                                return won;
                            }
                            won.push(answer.text().parse().expect("a number"));
                        }
                    })
                })
                .collect();
            clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
        });
        won.sort_unstable();
        assert_eq!(won, (0..1000).collect::<Vec<_>>(), "each transition once");
        assert_eq!(mock.post("/__admin/scenarios/reset", "").status, 200);
    }
}

#[test]
fn the_state_of_a_scenario_can_be_seen_and_set() {
    let mock = Mock::with(
        r#"{"mappings": [
            {"scenarioName": "My order", "newScenarioState": "paid", "requiredScenarioState": "Started",
             "request": {"url": "/order"}, "response": {"body": "open"}},
            {"scenarioName": "My order", "requiredScenarioState": "paid",
             "request": {"url": "/order"}, "response": {"body": "paid"}}]}"#,
    );
    let put = |body: &str| {
        mock.send(&format!(
            "PUT /__admin/scenarios/My%20order/state HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    assert_eq!(put(r#"{"state": "paid"}"#).status, 200);
    assert_eq!(mock.get("/order").text(), "paid");
    let listed = mock.get("/__admin/scenarios").json()["scenarios"][0].clone();
    assert_eq!((listed["name"].as_str(), listed["state"].as_str()), (Some("My order"), Some("paid")));
    assert_eq!(listed["possibleStates"], serde_json::json!(["Started", "paid"]));
    assert_eq!(listed["mappings"].as_array().map(Vec::len), Some(2));
    let refused = put(r#"{"state": "lost"}"#);
    assert_eq!((refused.status, refused.json()["errors"][0]["code"].as_u64()), (422, Some(11)));
    assert!(refused.text().contains("its states are: Started, paid"), "{}", refused.text());
    assert_eq!(put("").status, 200);
    assert_eq!(mock.get("/order").text(), "open");
}

#[test]
fn a_written_body_file_is_served_by_the_very_next_call() {
    let mock = Mock::configured(
        &[
            ("mappings/a.json", r#"{"request": {"url": "/a"}, "response": {"bodyFileName": "a.txt"}}"#),
            ("__files/a.txt", "old"),
        ],
        |_| {},
    );
    let put = |name: &str, body: &str| {
        mock.send(&format!(
            "PUT /__admin/files/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    assert_eq!(mock.get("/a").text(), "old");
    for round in 0..20 {
        assert_eq!(put("a.txt", &format!("new {round}")).status, 200);
        assert_eq!(mock.get("/a").text(), format!("new {round}"));
    }
    for outside in ["..%2F..%2Fevil.txt", "%2e%2e/evil.txt", "sub/../../evil.txt"] {
        assert!(put(outside, "x").status >= 400, "{outside}");
    }
    let outside = tempfile::TempDir::new().expect("a folder");
    std::os::unix::fs::symlink(outside.path(), mock.root.path().join("__files/link")).expect("a link");
    assert_eq!(put("link/evil.txt", "x").status, 404, "a link leads out of the folder");
    assert!(!outside.path().join("evil.txt").exists());
    std::fs::remove_file(mock.root.path().join("__files/link")).expect("it was made");
    assert!(!mock.root.path().parent().expect("a parent").join("evil.txt").exists());
    assert_eq!(mock.get("/__admin/files").json(), serde_json::json!(["a.txt"]));
}

#[test]
fn pages_of_this_host_are_told_that_they_may_call() {
    let mock = Mock::with(&stub("/a", "x"));
    let preflight = |origin: &str| {
        mock.send(&format!(
            "OPTIONS /__admin/mappings HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n"
        ))
    };
    let answer = preflight("http://localhost:3000");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("content-type"));
    assert_eq!(preflight("http://203.0.113.5").status, 403);
}

#[test]
fn extended_settings_change_by_member() {
    let mock = Mock::with(&stub("/a", "x"));
    let patch = |body: &str| {
        mock.send(&format!(
            "PATCH /__admin/settings/extended HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    assert_eq!(patch(r#"{"extended": {"one": 1, "two": 2}}"#).status, 200);
    assert_eq!(patch(r#"{"extended": {"one": null, "three": 3}}"#).status, 200);
    let extended = mock.get("/__admin/settings").json()["settings"]["extended"].clone();
    assert_eq!(extended, serde_json::json!({"two": 2, "three": 3}));
}

#[test]
fn a_client_can_end_the_server() {
    let mock = Mock::with(&stub("/a", "x"));
    assert_eq!(mock.post("/__admin/shutdown", "").status, 200);
    eventually("it ends", || mock.has_ended());
}

#[test]
fn the_api_describes_itself() {
    let mock = Mock::with(&stub("/a", "x"));
    let page = mock.get("/__admin/docs");
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    assert!(page.text().contains("/__admin/requests/count"));
    let described = mock.get("/__admin/docs/swagger").json();
    // every described path exists: its GET is no 404 without a body
    for (path, methods) in described["paths"].as_object().expect("paths") {
        let Some(method) = methods.get("get").filter(|_| !path.contains('{')) else { continue };
        let is_stream = method["responses"]["200"]["content"].get("text/event-stream").is_some();
        let mut client = Client::connect(mock.address);
        client.write(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", mock.address).as_bytes());
        // a stream of events does not end
        let status = if is_stream { client.status_line() } else { client.answer().status };
        assert!(method["responses"].get(status.to_string()).is_some(), "{path}: {status}");
    }
    assert_eq!(mock.get("/__admin").header("location"), Some("/__admin/"));
}

#[test]
fn metrics_count_statuses_and_stubs_exactly() {
    let mock = Mock::with(
        r#"{"mappings": [
            {"id": "00000000-0000-4000-8000-00000000000a", "name": "the \"first\"",
             "request": {"url": "/a"}, "response": {"status": 201}},
            {"request": {"url": "/f"}, "response": {"fault": "EMPTY_RESPONSE"}}]}"#,
    );
    let mut connection = Client::connect(mock.address);
    for _ in 0..30 {
        connection.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(connection.answer().status, 201);
    }
    mock.get("/none");
    let mut broken = Client::connect(mock.address);
    broken.write(b"GET /f HTTP/1.1\r\nHost: x\r\n\r\n");
    broken.read_to_end();
    let page = mock.get("/__admin/metrics").text().to_owned();
    for line in [
        "standin_responses_total{status=\"201\"} 30",
        "standin_responses_total{status=\"404\"} 1",
        "standin_responses_total{status=\"fault\"} 1",
        "standin_stub_calls_total{id=\"00000000-0000-4000-8000-00000000000a\",name=\"the \\\"first\\\"\"} 30",
        "standin_stub_calls_total{id=\"other\",name=\"\"} 0",
        "standin_calls_total{matched=\"true\"} 31",
        "standin_calls_total{matched=\"false\"} 1",
    ] {
        assert!(page.lines().any(|known| known == line), "{line} is not in\n{page}");
    }
}

#[test]
fn a_miss_names_the_nearest_stubs_as_a_page_or_as_json() {
    let mock = Mock::with(
        r#"{"mappings": [
            {"name": "orders", "request": {"method": "GET", "url": "/orders", "headers": {"Accept": {"contains": "xml"}}}},
            {"request": {"method": "POST", "url": "/something/else"}}]}"#,
    );
    let page = mock.get("/order");
    assert_eq!(page.status, 404);
    assert!(
        page.text().contains("Closest stub") && page.text().contains("<<<<< URL does not match"),
        "{}",
        page.text()
    );
    let json = mock.send("GET /order HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n").json();
    assert_eq!(json["nearest"][0]["name"], "orders");
    let failed: Vec<_> =
        json["nearest"][0]["clauses"].as_array().expect("a list").iter().filter(|c| c["matches"] == false).collect();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(json["nearest"][0]["place"]["file"].as_str().expect("a file").ends_with("stubs.json"));
    let near = mock
        .post("/__admin/near-misses/request", r#"{"method": "GET", "url": "/orderz", "headers": {"Accept": "xml"}}"#);
    assert_eq!(near.json()["nearMisses"][0]["stubMapping"]["name"], "orders");
}

#[test]
fn a_flood_of_misses_is_answered_without_near_misses_and_that_is_counted() {
    let stubs: Vec<String> = (0..5000).map(|n| format!(r#"{{"request": {{"url": "/some/long/path/{n}"}}}}"#)).collect();
    let mock = Mock::with(&format!(r#"{{"mappings": [{}]}}"#, stubs.join(",")));
    let mut connection = Client::connect(mock.address);
    let mut skipped = 0;
    for number in 0..5000 {
        connection.write(format!("GET /some/other/path/{number} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        let answer = connection.answer();
        assert_eq!(answer.status, 404);
        skipped += u64::from(answer.text().contains("too many unmatched requests"));
    }
    assert!(skipped > 0);
    let page = mock.get("/__admin/metrics").text().to_owned();
    assert!(page.contains(&format!("standin_limited_total{{limit=\"near_misses\"}} {skipped}")), "{page}");
}
