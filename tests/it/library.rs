//! Mocks in tests, as a test uses them: stubs, counts, messages, and their end.

use std::fs;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use standin::mock::{
    Fault, absent, any, anything, contains, equal_ignoring_case, file, get, head, json, json_at, json_path, lognormal,
    matching, not, partial_json, percentiles, post, request, status,
};
use standin::{Config, Mock};

use crate::support::{Answer, Client, End, folder};

fn send(server: &Mock, method: &str, url: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let mut client = Client::connect(server.address());
    client.write(
        format!("{method} {url} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
            .as_bytes(),
    );
    client.answer_to(method)
}

fn fetch(server: &Mock, url: &str) -> Answer {
    send(server, "GET", url, "", "")
}

fn statuses(server: &Mock, calls: &[(&str, &str, &str, &str)]) -> Vec<u16> {
    calls.iter().map(|(method, url, headers, body)| send(server, method, url, headers, body).status).collect()
}

/// Returns the message of a panic.
fn panic_of(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it panics");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).expect("a text")
}

#[test]
fn a_mock_answers_its_stubs_and_tells_what_came() {
    let server = Mock::start();
    let stub = server.stub(get("/users/7").header("Accept", contains("json")).reply(json!({"id": 7})));
    let answer = send(&server, "GET", "/users/7?full=yes%21", "Accept: application/json\r\n", "");
    assert_eq!((answer.status, answer.text()), (200, r#"{"id":7}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(send(&server, "POST", "/users", "X-A: 1\r\n", r#"{"name": "Ann"}"#).status, 404);

    stub.verify(1);
    server.verify(get("/users/7"), 1);
    server.verify(any(anything()), 2..=2);
    assert_eq!(stub.calls().len(), 1);
    let calls = server.calls();
    assert_eq!((calls[0].url(), calls[0].path()), ("/users/7?full=yes%21", "/users/7"));
    assert_eq!(calls[0].query("full"), Some("yes!"));
    assert!(calls[0].was_matched() && !calls[1].was_matched());
    assert_eq!((calls[1].method(), calls[1].header("x-a")), ("POST", Some("1")));
    assert_eq!((calls[1].text(), &calls[1].json()["name"]), (r#"{"name": "Ann"}"#, &json!("Ann")));
    assert_eq!(server.unmatched().len(), 1);
    assert_eq!(server.calls_of(post("/users")).len(), 1);
}

#[test]
fn requests_are_told_apart_by_all_their_parts() {
    let server = Mock::start();
    server.stub(any(anything()).reply(500).priority(9));
    server.stub(get("/users/{id}").path("id", matching("[0-9]+")).reply(201));
    server.stub(get("/exact?page=2").reply(202));
    server.stub(get(matching("/v[12]/.*")).query("page", not("1")).reply(203));
    server.stub(post("/orders").body(json!({"sku": "A"})).reply(204));
    server.stub(post("/orders").body(partial_json(json!({"gift": true}))).reply(205));
    server.stub(post("/orders").body(json_at("$.n", "0")).body(json_path("$.m")).reply(206));
    server.stub(request("purge", "/c").basic_auth("a", "b").cookie("t", absent()).reply(207));
    server.stub(post("/f").form("a", "1 2").header("X", equal_ignoring_case("y")).reply(208));
    server.stub(get(contains("needle")).host("localhost").reply(209));
    let form = "Content-Type: application/x-www-form-urlencoded\r\nX: Y\r\n";
    let calls = [
        ("GET", "/users/7", "", ""),
        ("GET", "/users/x", "", ""),
        ("GET", "/exact?page=2", "", ""),
        ("GET", "/exact?page=3", "", ""),
        ("GET", "/v1/a?page=2", "", ""),
        ("GET", "/v1/a?page=1", "", ""),
        ("POST", "/orders", "", r#"{"sku":"A"}"#),
        ("POST", "/orders", "", r#"{"gift":true,"sku":"B"}"#),
        ("POST", "/orders", "", r#"{"n":0,"m":1}"#),
        ("PURGE", "/c", "Authorization: Basic YTpi\r\n", ""),
        ("PURGE", "/c", "Authorization: Basic YTpi\r\nCookie: t=1\r\n", ""),
        ("POST", "/f", form, "a=1+2"),
        ("GET", "/hay/needle", "", ""),
    ];
    let expected = [201, 500, 202, 500, 203, 500, 204, 205, 206, 207, 500, 208, 209];
    assert_eq!(statuses(&server, &calls), expected);
}

#[test]
fn replies_have_all_their_parts() {
    let server = Mock::start();
    let reply = status(201).header("Set-Cookie", "a=1").header("Set-Cookie", "b=2").text("made");
    server.stub(post("/a").reply(reply).named("makes a"));
    let answer = send(&server, "POST", "/a", "", "");
    assert_eq!((answer.status, answer.text(), answer.all("set-cookie")), (201, "made", vec!["a=1", "b=2"]));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("matched-stub-name"), Some("makes a"));

    server.stub(get("/bytes").reply(status(200).bytes([0, 255])));
    let answer = fetch(&server, "/bytes");
    assert_eq!((answer.body.as_slice(), answer.header("content-type")), (&[0, 255][..], None));

    server.stub(head("/a").reply(204));
    assert_eq!(send(&server, "HEAD", "/a", "", "").status, 204);

    for (fault, end) in [(Fault::Close, End::Fin), (Fault::Reset, End::Rst)] {
        server.stub(get("/fault").reply(fault));
        let mut client = Client::connect(server.address());
        client.write(b"GET /fault HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.read_to_end(), (Vec::new(), end));
    }
    server.stub(get("/drops").reply(status(200).text("a".repeat(10)).dribble(2, Duration::from_millis(20))));
    assert_eq!(fetch(&server, "/drops").body.len(), 10);
}

#[test]
fn delays_are_kept_and_drawn_alike_in_each_run() {
    let ms = Duration::from_millis;
    let drawn = || {
        let server = Mock::start();
        server.stub(get("/late").reply(200).delay(ms(30)));
        let begin = Instant::now();
        assert_eq!(fetch(&server, "/late").status, 200);
        assert!(begin.elapsed() >= ms(30));
        server.stub(get("/log").reply(200).delay(lognormal(ms(2), ms(9)).at_least(ms(1)).at_most(ms(20))));
        let points = [(0.0, ms(1)), (50.0, ms(2)), (99.9, ms(4)), (100.0, ms(5))];
        server.stub(get("/measured").reply(200).delay(percentiles(points)));
        for url in ["/log", "/log", "/measured", "/measured"] {
            assert_eq!(fetch(&server, url).status, 200);
        }
        let events = fetch(&server, "/__admin/requests").json();
        let delays = events["requests"].as_array().expect("a list").iter();
        delays.map(|event| event["timing"]["addedDelay"].clone()).collect::<Vec<_>>()
    };
    let first = drawn();
    assert_eq!(first.len(), 5);
    assert_eq!(first, drawn());
}

#[test]
fn replies_come_in_turn_and_scenarios_move() {
    let server = Mock::start();
    let job = server.stub(get("/job").reply(status(202)).then(503).then(json!({"done": true})));
    let all = |count: usize| (0..count).map(|_| fetch(&server, "/job").status).collect::<Vec<_>>();
    assert_eq!(all(4), [202, 503, 200, 200]);
    job.verify(4);
    server.reset_scenarios();
    assert_eq!(all(2), [202, 503]);

    server.stub(get("/cart").reply("empty").when("cart", "Started"));
    server.stub(post("/cart").reply(201).moves("cart", "filled"));
    server.stub(get("/cart").reply("a book").when("cart", "filled"));
    assert_eq!(fetch(&server, "/cart").text(), "empty");
    send(&server, "POST", "/cart", "", "");
    assert_eq!((fetch(&server, "/cart").text(), server.scenario("cart").as_str()), ("a book", "filled"));
    server.set_scenario("cart", "Started");
    assert_eq!(fetch(&server, "/cart").text(), "empty");

    let message = panic_of(|| drop(server.stub(get("/").reply(200).when("a", "b").moves("c", "d"))));
    assert!(message.contains("`a` and of `c`"), "{message}");
    let message = panic_of(|| drop(server.stub(get("/").reply(200).when("a", "b").then(201))));
    assert!(message.contains("`when` and `moves`"), "{message}");
}

#[test]
fn a_folder_is_served_and_left_alone() {
    let mapping = r#"{"request": {"url": "/a"}, "response": {"bodyFileName": "a.txt"}}"#;
    let root = folder(&[("mappings/a.json", mapping), ("__files/a.txt", "of a file"), ("__files/b.txt", "b")]);
    let server = Mock::of(root.path());
    assert_eq!(fetch(&server, "/a").text(), "of a file");
    assert_eq!(fetch(&server, "/b.txt").status, 404);
    let stub = server.stub(get("/a").reply(file("b.txt")));
    assert_eq!(fetch(&server, "/a").text(), "b");
    stub.remove();
    assert_eq!(fetch(&server, "/a").text(), "of a file");
    server.stub(get("/a").reply(500));
    server.verify(get("/a"), 3);
    server.reset();
    assert_eq!(fetch(&server, "/a").text(), "of a file");
    server.verify(get("/a"), 1);

    let persistent = json!({"request": {"url": "/b"}, "persistent": true});
    let message = panic_of(|| drop(server.stub_json(persistent)));
    assert!(message.contains("leave `persistent` out"), "{message}");
    let message = panic_of(|| drop(server.stub(get("/").reply(file("none.txt")))));
    assert!(message.contains("no file `none.txt`"), "{message}");
    let message = panic_of(|| drop(Mock::start().stub(get("/").reply(file("b.txt")))));
    assert!(message.contains("Mock::of(folder)"), "{message}");
    assert_eq!(fs::read_dir(root.path().join("mappings")).expect("readable").count(), 1);
}

#[test]
fn what_cannot_start_says_why() {
    let root = folder(&[("mappings/a.json", r#"{"request": {"urll": "/a"}}"#)]);
    let message = panic_of(|| drop(Mock::of(root.path())));
    assert!(message.contains("a.json:1:14") && message.contains("did you mean `url`"), "{message}");
    assert!(panic_of(|| drop(Mock::of("no/such/folder"))).contains("no/such/folder"));

    let two = folder(&[("one/mappings/a.json", r#"{"request": {}}"#), ("two/mappings/a.json", r#"{"request": {}}"#)]);
    assert_eq!(fetch(&Mock::of(two.path()), "/").status, 200);
    let mut config = Config::new(two.path());
    config.listeners = ["one=127.0.0.1:0", "two=127.0.0.1:0"].map(|listener| listener.parse().expect("valid")).to_vec();
    assert!(panic_of(|| drop(Mock::with(config))).contains("one for each service"));
}

#[test]
fn mistakes_in_a_stub_are_told_at_the_line_of_the_test() {
    let server = Mock::start();
    let (own, line) = (thread::current().id(), Arc::new(Mutex::new(None)));
    let (seen, before) = (Arc::clone(&line), Arc::new(std::panic::take_hook()));
    let others = Arc::clone(&before);
    std::panic::set_hook(Box::new(move |panic| {
        if thread::current().id() == own {
            *seen.lock().expect("free") = panic.location().map(|at| (at.file().to_owned(), at.line()));
        } else {
            others(panic);
        }
    }));
    let (message, expected) = (panic_of(|| drop(server.stub(get(matching("/a[")).reply(200)))), std::line!());
    std::panic::set_hook(Box::new(move |panic| before(panic)));
    assert_eq!(line.lock().expect("free").clone(), Some((file!().to_owned(), expected)));
    assert!(message.contains("/request/urlPathPattern") && message.contains("`/a[`"), "{message}");

    assert!(panic_of(|| drop(get("users"))).contains("write `/users`"));
    assert!(panic_of(|| server.verify(get(matching("(")), 1)).contains("urlPathPattern"));
    assert!(panic_of(|| drop(server.stub(get("/").reply(99)))).contains("99"));
    let message = panic_of(|| drop(server.stub_json(json!({"request": {"method": "GET", "urlPaht": "/a"}}))));
    assert!(message.contains("urlPath"), "{message}");
    let stub = json!({"id": "5f2c1e0a-9d4b-4c57-8a51-0d9c6f2e7b13", "request": {"url": "/a"}});
    server.stub_json(stub.clone());
    assert!(panic_of(|| drop(server.stub_json(stub))).contains("already"));
    assert_eq!(fetch(&server, "/").status, 404, "nothing that panicked is served");
}

#[test]
fn a_wrong_count_says_what_came_instead() {
    let server = Mock::start();
    let wanted = post("/orders").header("X-Tenant", "blue").body(partial_json(json!({"sku": "A-100"})));
    let stub = server.stub(wanted.reply(201));
    let message = panic_of(|| stub.verify(1));
    assert!(
        message.starts_with("expected 1 call of POST /orders with header `X-Tenant`, a body, none came"),
        "{message}"
    );
    assert!(message.contains(&format!("no call came at all: is {} the address", server.url(""))), "{message}");

    let tenant = "X-Tenant: blue\r\n";
    send(&server, "POST", "/orders", tenant, r#"{"sku": "A-101"}"#);
    send(&server, "POST", "/orders", "", r#"{"sku": "A-100"}"#);
    send(&server, "GET", "/health", "", "");
    let message = panic_of(|| stub.verify(1..));
    let lines: Vec<&str> = message.lines().collect();
    assert!(lines[1].starts_with("  stub made at tests/it/library.rs:"), "{message}");
    assert!(message.contains("body at $.sku: `\"A-100\"` expected, `\"A-101\"` came"), "{message}");
    assert!(message.contains("header `X-Tenant`: `blue` expected, none came"), "{message}");
    assert!(message.find("A-101").expect("there") < message.find("/health").expect("there"), "{message}");

    send(&server, "POST", "/orders", tenant, r#"{"sku": "A-100"}"#);
    stub.verify(1);
    let message = panic_of(|| stub.verify(0));
    assert!(message.contains("expected no call") && message.contains("what came of it:\n  POST /orders"), "{message}");
    assert!(!message.contains("/health"), "{message}");

    // a newer stub takes its calls
    let other = server.stub(any("/orders").reply(500).named("the newer"));
    send(&server, "POST", "/orders", tenant, r#"{"sku": "A-100"}"#);
    let message = panic_of(|| stub.verify(2));
    assert!(
        message.contains("matches, but was answered by `the newer`, ANY /orders (tests/it/library.rs:"),
        "{message}"
    );
    other.verify(1);
    server.verify(post("/orders"), 4);
    let message = panic_of(|| server.verify(post("/order"), 1));
    assert!(message.contains("url: `/order` expected, `/orders` came") && message.contains("and 2 more"), "{message}");
}

#[test]
fn calls_without_a_stub_are_told_with_the_nearest() {
    let server = Mock::start();
    server.verify_nothing_missed();
    fetch(&server, "/early");
    server.stub(get("/users/7").reply(200));
    fetch(&server, "/userz/7");
    let message = panic_of(|| server.verify_nothing_missed());
    assert!(message.starts_with("2 calls came that no stub answers\n  GET /early\n"), "{message}");
    let told = "  GET /userz/7\n    nearest stub: GET /users/7 (tests/it/library.rs:";
    assert!(message.contains(told), "{message}");
    assert!(message.contains("      url: `/users/7` expected, `/userz/7` came"), "{message}");
    server.forget_calls();
    server.verify_nothing_missed();
    assert!(server.calls().is_empty());
}

#[test]
fn the_end_tells_what_was_not_met() {
    let unmet = |asks: fn(&Mock)| {
        panic_of(move || {
            let server = Mock::start().strict();
            asks(&server);
        })
    };
    let message = unmet(|server| drop(server.stub(get("/a").reply(200).expect(1))));
    assert!(message.starts_with("the mock that was started at tests/it/library.rs:"), "{message}");
    assert!(message.contains("expected 1 call of GET /a, none came"), "{message}");
    let message = unmet(|server| drop(fetch(server, "/b")));
    assert!(message.contains("1 call came that no stub answers") && message.contains("there is no stub"), "{message}");

    // neither is asked of a mock that is not strict, or that was reset
    let server = Mock::start();
    server.stub(get("/a").reply(200).expect(1));
    let message = panic_of(|| server.verify_expected());
    assert!(message.contains("expected 1 call"), "{message}");
    fetch(&server, "/b");
    server.reset();
    fetch(&server, "/b");
}

#[test]
fn a_panicking_test_is_left_to_panic() {
    let message = panic_of(|| {
        let server = Mock::start().strict();
        server.stub(get("/a").reply(200).expect(1));
        fetch(&server, "/b");
        panic!("the test itself");
    });
    assert_eq!(message, "the test itself");
}

#[test]
fn the_end_frees_port_and_threads() {
    let address = {
        let server = Mock::start();
        server.stub(get("/a").reply(200).delay(Duration::from_secs(60)));
        // a call in flight does not hold it up
        let mut client = Client::connect(server.address());
        client.write(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        server.verify_within(Duration::from_secs(5), get("/a"), 1);
        server.address()
    };
    assert!(TcpStream::connect(address).is_err());
}

/// The threads of mocks, and the open files, of this process. Other tests run beside this one.
fn held() -> (usize, usize) {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux").flatten();
    let threads = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    let files = fs::read_dir("/proc/self/fd").expect("Linux").count();
    (threads.filter(|name| name.starts_with("standin-")).count(), files)
}

#[test]
fn a_thousand_starts_leave_nothing_behind() {
    let before = held();
    for number in 0..1000 {
        let server = Mock::start();
        if number % 50 == 0 {
            server.stub(get("/a").reply(200));
            assert_eq!(fetch(&server, "/a").status, 200);
        }
    }
    let after = held();
    // three threads and some twenty files each: a leak would be thousands
    assert!(after.0 < before.0 + 300 && after.1 < before.1 + 500, "before {before:?}, after {after:?}");
}

#[test]
fn mocks_side_by_side_do_not_meet() {
    thread::scope(|scope| {
        for number in 0..16 {
            scope.spawn(move || {
                let server = Mock::start();
                let stub = server.stub(get("/").reply(number.to_string()));
                for _ in 0..20 {
                    assert_eq!(fetch(&server, "/").text(), number.to_string());
                }
                stub.verify(20);
            });
        }
    });
}

#[test]
fn what_comes_later_is_waited_for() {
    let server = Mock::start();
    let stub = server.stub(get("/a").reply(200));
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(30));
            fetch(&server, "/a");
        });
        stub.verify_within(Duration::from_secs(10), 1);
        server.verify_within(Duration::from_secs(10), get("/a"), 1..);
    });
    let message = panic_of(|| stub.verify_within(Duration::from_millis(5), 2));
    assert!(message.contains("1 came") && message.ends_with("waited 5ms"), "{message}");
}

#[test]
fn a_mock_works_within_a_runtime() {
    // what `#[tokio::test]` makes
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime").block_on(async {
        let server = Mock::start();
        let stub = server.stub(get("/a").reply("async"));
        let mut stream = tokio::net::TcpStream::connect(server.address()).await.expect("it listens");
        let request = b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.expect("open");
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.expect("UTF-8");
        assert!(answer.ends_with("async"), "{answer}");
        stub.verify(1);
        let kept = tokio::spawn(async move { server.calls().len() });
        assert_eq!(kept.await.expect("it can move between tasks"), 1);
    });
}

#[test]
fn a_journal_that_is_full_does_not_lie() {
    let server = Mock::with(Config { workers: 1, journal_bytes: 4096, ..Config::default() });
    let stub = server.stub(get("/a").reply(200));
    for _ in 0..100 {
        fetch(&server, "/a");
    }
    stub.verify(100);
    let message = panic_of(|| server.verify(get("/a"), 100));
    assert!(message.contains("cannot tell") && message.contains("Config::journal_bytes"), "{message}");

    let server = Mock::with(Config { journal_bytes: 0, ..Config::default() });
    fetch(&server, "/a");
    let message = panic_of(|| server.verify_nothing_missed());
    assert!(message.starts_with("1 call came") && message.contains("no longer in the journal"), "{message}");
    server.forget_calls();
    server.verify_nothing_missed();
}
