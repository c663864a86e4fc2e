//! The dashboard: its files, its data, and who may see them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Client, Mock, eventually};

const STUBS: &str = r#"{"mappings": [
    {"id": "00000000-0000-4000-8000-000000000001", "name": "order", "request": {"method": "GET", "urlPathPattern": "/orders/\\d+"}, "response": {"body": "order"}},
    {"request": {"url": "/slow"}, "response": {"fixedDelayMilliseconds": 20}}]}"#;

const PROFILE: &str = "services:\n  - name: shop\n    match: {urlPathPattern: \"/orders/.*\"}\n    capacity: {discipline: fifo, workers: 4, queue: unbounded}\n    default: {demand: {fixed: 1ms}}\n    valid: {perSecond: 100, inFlight: 3}\n";

fn mock() -> Mock {
    Mock::configured(&[("mappings/stubs.json", STUBS), ("profiles/shop.yaml", PROFILE)], |_| {})
}

fn request(mock: &Mock, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    mock.send(&format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        mock.address,
        body.len()
    ))
}

/// A stream of server-sent events.
struct Events {
    client: Client,
    unread: String,
}

impl Events {
    fn open(mock: &Mock, query: &str) -> Self {
        let mut client = Client::connect(mock.address);
        client.write(format!("GET /__admin/ui/events{query} HTTP/1.1\r\nHost: {}\r\n\r\n", mock.address).as_bytes());
        let mut events = Self { client, unread: String::new() };
        let head = events.read_until("\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
        events
    }

    fn read_until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.unread.find(end) {
                let after = self.unread.split_off(at + end.len());
                let mut before = std::mem::replace(&mut self.unread, after);
                before.truncate(at);
                return before;
            }
            let mut piece = [0; 4096];
            let count = std::io::Read::read(&mut self.client.stream, &mut piece).expect("an event in time");
            assert!(count > 0, "the stream ended");
            self.unread.push_str(std::str::from_utf8(&piece[..count]).expect("ASCII"));
        }
    }

    /// Returns the data of the next event of this name.
    fn next(&mut self, name: &str) -> Value {
        loop {
            let event = self.read_until("\n\n");
            // the first line of the first event in a chunk follows the size of the chunk
            if event.contains(&format!("event: {name}\n")) {
                let data = event.split_once("data: ").expect("data").1;
                return serde_json::from_str(data).expect("JSON");
            }
        }
    }
}

#[test]
fn the_page_and_its_files_are_cached_by_their_content() {
    let mock = mock();
    let page = mock.get("/__admin/ui");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html;charset=UTF-8")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let links: Vec<&str> = page.text().split(['"']).filter(|text| text.starts_with("ui/assets/")).collect();
    assert!(links.len() >= 3, "{links:?}");
    for link in links {
        let file = mock.get(&format!("/__admin/{link}"));
        assert_eq!(file.status, 200, "{link}");
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        let tag = file.header("etag").expect("a tag");
        let again = request(&mock, "GET", &format!("/__admin/{link}"), &format!("If-None-Match: {tag}\r\n"), "");
        assert_eq!((again.status, again.body.len()), (304, 0), "{link}");
    }
    assert_eq!(mock.get("/__admin/ui/assets/nothing.js").status, 404);
    assert_eq!(mock.get("/__admin/ui/").header("location"), Some("../ui"));
}

#[test]
fn every_module_that_a_script_imports_is_served() {
    let mock = mock();
    let (mut open, mut seen) = (vec!["app.js".to_owned()], Vec::new());
    while let Some(name) = open.pop() {
        let script = mock.get(&format!("/__admin/ui/assets/{name}"));
        assert_eq!(
            (script.status, script.header("content-type")),
            (200, Some("text/javascript;charset=UTF-8")),
            "{name}"
        );
        let imported = script.text().lines().filter_map(|line| line.split_once("from \"./")?.1.split('"').next());
        let new = imported.filter(|name| !seen.iter().chain(&open).any(|known| known == name));
        let new: Vec<String> = new.map(str::to_owned).collect();
        open.extend(new);
        seen.push(name);
    }
    assert!(seen.len() > 15, "{seen:?}");
}

#[test]
fn the_page_asks_for_the_token_and_the_data_need_it() {
    let mock = Mock::configured(&[("mappings/stubs.json", STUBS)], |config| {
        config.access.token = Some("secret".to_owned());
    });
    let foreign =
        |path: &str, headers: &str| mock.send(&format!("GET {path} HTTP/1.1\r\nHost: mocks.example\r\n{headers}\r\n"));
    assert_eq!(foreign("/__admin/ui", "").status, 200);
    assert_eq!(foreign("/__admin/ui/assets/app.js", "").status, 200);
    for data in ["/__admin/ui/events", "/__admin/ui/calls", "/__admin/ui/stubs", "/__admin/uix"] {
        assert_eq!(foreign(data, "").status, 403, "{data}");
    }
    assert_eq!(foreign("/__admin/ui/stubs", "Authorization: Bearer secret\r\n").status, 200);
    let without_token = Mock::with(STUBS);
    let refused = without_token.send("GET /__admin/ui HTTP/1.1\r\nHost: mocks.example\r\n\r\n");
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("--admin-host mocks.example"), "{}", refused.text());
}

#[test]
fn a_page_of_another_site_changes_nothing() {
    let mock = mock();
    let factors = r#"{"latency": 2, "seconds": 60}"#;
    request(&mock, "PUT", "/__admin/standin/profile", "", r#"{"profile": "shop"}"#);
    for foreign in ["Origin: https://elsewhere.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        assert_eq!(request(&mock, "PUT", "/__admin/standin/what-if", foreign, factors).status, 403, "{foreign}");
    }
    for path in ["/__admin/standin/what-if", "/__admin/ui/check"] {
        assert_eq!(mock.get(path).status, 404, "a GET of {path}");
    }
    assert_eq!(mock.get("/__admin/standin/profile").json()["whatIf"], Value::Null);
}

#[test]
fn events_tell_what_came_and_how_long_it_took() {
    let mock = mock();
    request(&mock, "PUT", "/__admin/standin/profile", "", r#"{"profile": "shop"}"#);
    let mut events = Events::open(&mock, "?calls=true");
    let before = events.next("state");
    assert_eq!((&before["answered"], &before["missed"], &before["stubs"]), (&json!(0), &json!(0), &json!(2)));
    assert_eq!(before["pacing"]["services"][0]["valid"]["perSecond"], 100.0);
    mock.get("/slow");
    mock.get("/orders/17");
    mock.get("/none");
    let calls = events.next("calls");
    let mut listed: Vec<Value> = calls["calls"].as_array().expect("calls").clone();
    while listed.len() < 3 {
        listed.splice(0..0, events.next("calls")["calls"].as_array().expect("calls").clone());
    }
    let urls: Vec<_> =
        listed.iter().map(|call| (call["url"].as_str().expect("a URL"), call["status"].clone())).collect();
    assert_eq!(urls, [("/none", json!(404)), ("/orders/17", json!(200)), ("/slow", json!(200))]);
    assert_eq!(listed[1]["stub"]["name"], "order");
    let mut state = events.next("state");
    while state["answered"] != 2 || state["answerTimes"]["actual"]["count"] != 2 {
        state = events.next("state");
    }
    let (intended, actual) = (&state["answerTimes"]["intended"], &state["answerTimes"]["actual"]);
    assert!(intended["max"].as_f64() >= Some(19_800.0), "{intended}");
    assert!(actual["max"].as_f64() >= intended["max"].as_f64(), "{actual} {intended}");
    assert_eq!((&state["missed"], &state["pacing"]["services"][0]["paced"]), (&json!(1), &json!(1)));
}

#[test]
fn too_many_calls_are_counted_instead_of_listed() {
    let mock = mock();
    let mut events = Events::open(&mock, "?calls=true");
    mock.get("/none");
    events.next("calls");
    let mut client = Client::connect(mock.address);
    for _ in 0..400 {
        client.write(b"GET /orders/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    for _ in 0..400 {
        client.answer();
    }
    let (mut listed, mut left_out) = (0, 0);
    while listed + left_out < 400 {
        let calls = events.next("calls");
        let shown = calls["calls"].as_array().expect("calls").len();
        assert!(shown <= 50, "{shown}");
        listed += shown;
        left_out += calls["leftOut"].as_u64().expect("a number") as usize;
    }
    assert_eq!(listed + left_out, 400);
}

#[test]
fn streams_are_limited_and_end_with_the_server() {
    let mock = mock();
    let mut streams: Vec<Events> = (0..16).map(|_| Events::open(&mock, "")).collect();
    let refused = mock.get("/__admin/ui/events");
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("help: close one"), "{}", refused.text());
    drop(streams.pop());
    eventually("the place of a stream that was closed is free", || {
        let mut client = Client::connect(mock.address);
        client.write(format!("GET /__admin/ui/events HTTP/1.1\r\nHost: {}\r\n\r\n", mock.address).as_bytes());
        client.status_line() == 200
    });
    // open streams do not use up the time for calls in flight
    assert!(mock.shut_down());
}

#[test]
fn calls_are_searched_and_explained() {
    let mock = mock();
    for path in ["/orders/1", "/orders/2", "/orders/x", "/slow"] {
        mock.get(path);
    }
    let list = |query: &str| mock.get(&format!("/__admin/ui/calls?{query}")).json();
    let urls = |answer: &Value| -> Vec<String> {
        let calls = answer["calls"].as_array().expect("calls").iter();
        calls.map(|call| call["url"].as_str().expect("a URL").to_owned()).collect()
    };
    assert_eq!(urls(&list("")), ["/slow", "/orders/x", "/orders/2", "/orders/1"]);
    assert_eq!(urls(&list("url=ORDERS&outcome=answered")), ["/orders/2", "/orders/1"]);
    assert_eq!(urls(&list("stub=00000000-0000-4000-8000-000000000001&limit=1")), ["/orders/2"]);
    let first = list("limit=2");
    assert_eq!((first["hasMore"].clone(), first["isComplete"].clone()), (json!(true), json!(true)));
    let before = &first["calls"][1]["ordinal"];
    assert_eq!(urls(&list(&format!("before={before}"))), ["/orders/2", "/orders/1"]);
    assert_eq!(list("method=POST")["calls"], json!([]));

    let show = |place: usize| {
        let id = list("")["calls"][place]["id"].as_str().expect("an id").to_owned();
        mock.get(&format!("/__admin/ui/calls/{id}")).json()
    };
    let missed = show(1);
    let nearest = missed["nearMisses"]["nearest"].as_array().expect("stubs");
    let nearest = nearest.iter().find(|stub| stub["name"] == "order").expect("the stub");
    let differing: Vec<_> =
        nearest["clauses"].as_array().expect("clauses").iter().filter(|c| c["matches"] == false).collect();
    assert_eq!((differing.len(), &differing[0]["actual"]), (1, &json!("/orders/x")));
    let answered = show(2);
    assert_eq!((&answered["event"]["wasMatched"], &answered["clauses"][0]["matches"]), (&json!(true), &json!(true)));
    assert_eq!(mock.get("/__admin/ui/calls/00000000-0000-4000-8000-000000000009").status, 404);
}

#[test]
fn a_paced_call_tells_where_its_time_went() {
    let mock = mock();
    request(&mock, "PUT", "/__admin/standin/profile", "", r#"{"profile": "shop"}"#);
    mock.get("/orders/1");
    mock.get("/slow");
    let calls = mock.get("/__admin/ui/calls").json();
    let times = |place: usize| {
        let id = calls["calls"][place]["id"].as_str().expect("an id");
        mock.get(&format!("/__admin/ui/calls/{id}")).json()["times"].clone()
    };
    assert_eq!(times(0), Value::Null);
    let paced = times(1);
    assert_eq!((&paced["service"], &paced["operation"]), (&json!("shop"), &json!("default")));
    assert_eq!((&paced["demand"], &paced["front"]), (&json!(1000.0), &json!(0.0)));
}

#[test]
fn stubs_are_listed_with_their_places() {
    let mock = mock();
    mock.get("/slow");
    request(&mock, "POST", "/__admin/mappings", "", r#"{"request": {"urlPath": "/new"}, "response": {}}"#);
    let listed = mock.get("/__admin/ui/stubs").json();
    assert_eq!(listed["total"], 3);
    let stubs = listed["stubs"].as_array().expect("stubs");
    assert_eq!((&stubs[0]["url"], &stubs[0]["place"]), (&json!("/new"), &Value::Null));
    let slow = stubs.iter().find(|stub| stub["url"] == "/slow").expect("the stub");
    assert_eq!(
        (&slow["calls"], &slow["place"]["file"], &slow["place"]["line"]),
        (&json!(1), &json!("stubs.json"), &json!(3))
    );
    let order = stubs.iter().find(|stub| stub["name"] == "order").expect("the stub");
    assert_eq!(
        (&order["method"], &order["urlKind"], &order["calls"]),
        (&json!("GET"), &json!("urlPathPattern"), &json!(0))
    );
    assert_eq!(mock.get("/__admin/ui/stubs?offset=2").json()["stubs"].as_array().expect("stubs").len(), 1);
}

#[test]
fn a_stub_is_checked_without_being_added() {
    let mock = mock();
    let check = |body: &str| request(&mock, "POST", "/__admin/ui/check", "", body).json()["defects"].clone();
    assert_eq!(check(r#"{"request": {"url": "/a"}, "response": {}}"#), json!([]));
    let defects = check("{\"request\": {\n  \"headers\": {\"A\": {\"equal\": \"1\"}}}, \"response\": {}}");
    assert_eq!((&defects[0]["line"], &defects[0]["severity"]), (&json!(2), &json!("error")));
    assert!(defects[0]["help"].as_str().expect("help").contains("equalTo"), "{defects}");
    assert_eq!(check("{\n\"request\": {},\n}")[0]["line"], 2);
    assert_eq!(mock.get("/__admin/mappings").json()["meta"]["total"], 2);
}

#[test]
fn what_if_factors_act_at_once_and_end_by_themselves() {
    let mock = mock();
    let what_if = |method: &str, body: &str| request(&mock, method, "/__admin/standin/what-if", "", body);
    let workers = || mock.get("/__admin/standin/profile").json()["services"][0]["workers"].clone();
    let half = r#"{"capacity": 0.5, "latency": 3, "seconds": 600}"#;
    let refused = what_if("PUT", half);
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("activate a profile first"), "{}", refused.text());

    request(&mock, "PUT", "/__admin/standin/profile", "", r#"{"profile": "shop"}"#);
    let set = what_if("PUT", half);
    assert_eq!(set.status, 200, "{}", set.text());
    assert_eq!((&set.json()["whatIf"]["latency"], workers()), (&json!(3.0), json!(2)));
    let debug = request(&mock, "GET", "/orders/1", "X-Standin-Debug: 1\r\n", "");
    assert!(debug.header("x-standin-debug").is_some_and(|told| told.contains("demand=3ms")), "{:?}", debug.headers);
    assert_eq!(what_if("DELETE", "").json()["whatIf"], Value::Null);
    assert_eq!(workers(), 4);

    let begun = Instant::now();
    what_if("PUT", r#"{"capacity": 0.25, "seconds": 0.3}"#);
    eventually("the factors end", || workers() == 4);
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());

    for (wrong, pointer) in [
        (r#"{"latency": 0, "seconds": 1}"#, "/latency"),
        (r#"{"latency": 1}"#, "/seconds"),
        (r#"{"seconds": 4000}"#, "/seconds"),
        (r#"{"speed": 2, "seconds": 1}"#, "/speed"),
    ] {
        let refused = what_if("PUT", wrong);
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["source"]["pointer"]),
            (422, &json!(pointer)),
            "{wrong}"
        );
    }
    assert_eq!(mock.get("/__admin/standin/profile").json()["whatIf"], Value::Null);
}

#[test]
fn reports_of_the_folder_are_listed_and_shown_without_running_anything() {
    let files = [
        ("mappings/stubs.json", STUBS),
        ("reports/fit-recorded.txt", "the queue: fifo(2)"),
        ("reports/fit-recorded.html", "<script>alert(1)</script>"),
        ("reports/notes.md", "no report"),
        ("secret.txt", "secret"),
    ];
    let mock = Mock::configured(&files, |_| {});
    let listed = mock.get("/__admin/ui/reports").json();
    let mut names: Vec<&str> =
        listed["reports"].as_array().expect("reports").iter().filter_map(|report| report["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["fit-recorded.html", "fit-recorded.txt"], "{listed}");
    assert_eq!(listed["reports"][0]["folder"], 0);
    let text = mock.get("/__admin/ui/reports/0/fit-recorded.txt");
    assert_eq!((text.text(), text.header("content-type")), ("the queue: fifo(2)", Some("text/plain;charset=UTF-8")));
    let page = mock.get("/__admin/ui/reports/0/fit-recorded.html");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("sandbox; default-src 'none'") && !policy.contains("script-src"), "{policy}");
    for path in ["0/none.txt", "0/notes.md", "1/fit-recorded.txt", "0/..%2Fsecret.txt", "0/%2E%2E%2Fsecret.txt"] {
        assert_eq!(mock.get(&format!("/__admin/ui/reports/{path}")).status, 404, "{path}");
    }
}

#[test]
fn many_pages_get_the_same_events() {
    let mock = Mock::with(STUBS);
    let mut pages: Vec<Events> = (0..4).map(|_| Events::open(&mock, "?calls=true")).collect();
    for page in &mut pages {
        page.next("state");
    }
    mock.get("/items/1");
    for page in &mut pages {
        assert_eq!(page.next("calls")["calls"].as_array().map(Vec::len), Some(1));
    }
    // a page that is opened later sees the calls that came before
    let mut late = Events::open(&mock, "?calls=true");
    late.next("state");
    assert_eq!(late.next("calls")["calls"].as_array().map(Vec::len), Some(1));
}
