//! Profiles: latency that comes from a queue, seen from outside.

use std::thread;
use std::time::{Duration, Instant};

use standin_stub::delay::units;

use crate::support::{Answer, Client, Mock, eventually, write};

const STUBS: &str = r#"{"mappings": [
    {"request": {"urlPathPattern": "/s/.*"}, "response": {"body": "served"}},
    {"request": {"url": "/beside"}, "response": {"body": "beside"}}]}"#;

fn profile(capacity: &str, operations: &str) -> String {
    format!(
        "services:\n  - name: s\n    match: {{urlPathPattern: \"/s/.*\"}}\n    capacity: {capacity}\n    {operations}\n"
    )
}

fn mock(profiles: &[(&str, &str)]) -> Mock {
    let mut files = vec![("mappings/stubs.json".to_owned(), STUBS.to_owned())];
    files.extend(profiles.iter().map(|(name, text)| (format!("profiles/{name}.yaml"), (*text).to_owned())));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    Mock::configured(&files, |config| config.profile = Some(profiles[0].0.to_owned()))
}

/// How long each of some calls took that were sent at once, each on a connection of its own;
/// sorted.
fn at_once(mock: &Mock, calls: usize, path: &str) -> Vec<(u16, Duration)> {
    let mut clients: Vec<Client> = (0..calls).map(|_| Client::connect(mock.address)).collect();
    let begun = Instant::now();
    for client in &mut clients {
        client.write(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    }
    let mut times: Vec<_> = thread::scope(|scope| {
        let waiting: Vec<_> = clients
            .iter_mut()
            .map(|client| {
                scope.spawn(move || {
                    let status = client.answer().status;
                    (status, begun.elapsed())
                })
            })
            .collect();
        waiting.into_iter().map(|waiting| waiting.join().expect("an answer")).collect()
    });
    times.sort_by_key(|(_, time)| *time);
    times
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[test]
fn metrics_have_the_intended_and_actual_times_of_operations() {
    let operations = "operations: [{name: sell, match: {urlPath: /s/sell}, demand: {fixed: 30ms}}]\n    \
        default: {demand: {fixed: 5ms}}";
    let mock = mock(&[("peak", &profile("{discipline: fifo, workers: 1, queue: unbounded}", operations))]);
    mock.get("/s/sell");
    mock.get("/s/sell");
    let page = mock.get("/__admin/metrics");
    let value = |name: &str| {
        let line = page.text().lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.and_then(|value| value.trim().parse::<f64>().ok()).unwrap_or_else(|| panic!("no {name}"))
    };
    let labels = "service=\"s\",operation=\"sell\"";
    assert!((value("standin_profile_info{profile=\"peak\"}") - 1.0).abs() < f64::EPSILON);
    for (bound, expected) in [("0.02", 0.0), ("0.05", 2.0), ("+Inf", 2.0)] {
        let counted = value(&format!("standin_operation_intended_seconds_bucket{{{labels},le=\"{bound}\"}}"));
        assert!((counted - expected).abs() < f64::EPSILON, "{bound}: {counted}");
    }
    // the second call came when the first had been answered
    let intended = value(&format!("standin_operation_intended_seconds_sum{{{labels}}}"));
    assert!((intended - 0.06).abs() < 1e-6, "{intended}");
    let actual = value(&format!("standin_operation_actual_seconds_sum{{{labels}}}"));
    assert!(actual >= intended, "{actual} against {intended}");
    assert!((value(&format!("standin_operation_actual_seconds_count{{{labels}}}")) - 2.0).abs() < f64::EPSILON);
}

#[test]
fn calls_wait_for_a_worker() {
    let mock = mock(&[(
        "p",
        &profile("{discipline: fifo, workers: 2, queue: unbounded}", "default: {demand: {fixed: 40ms}}"),
    )]);
    let times = at_once(&mock, 6, "/s/a");
    for (place, (status, time)) in times.iter().enumerate() {
        let expected = 40.0 * (place / 2 + 1) as f64;
        assert_eq!(*status, 200);
        // never before its turn; how soon after it is measured by the benches
        assert!(ms(*time) >= expected, "{place}: {} instead of {expected}", ms(*time));
    }
    // what is not the service's is not paced
    let beside = mock.send("GET /beside HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n");
    assert!(!beside.header("x-standin-debug").expect("it is told").contains("service"));
}

#[test]
fn workers_are_shared() {
    let capacity = "{discipline: sharing, workers: 1, queue: unbounded}";
    let mock = mock(&[("p", &profile(capacity, "default: {demand: {fixed: 30ms}}"))]);
    let times = at_once(&mock, 4, "/s/a");
    // all four at a quarter of the speed: not even the first ends as soon as it would alone
    assert!(ms(times[0].1) > 60.0, "{}", ms(times[0].1));
    assert!(ms(times[3].1) >= 120.0, "{}", ms(times[3].1));
}

/// Sends calls at once, and returns how long each of them was in the station beyond its demand, as
/// planned: a loaded machine that looks late changes nothing.
fn planned_waits(mock: &Mock, paths: &[&str]) -> Vec<f64> {
    let mut clients: Vec<Client> = paths.iter().map(|_| Client::connect(mock.address)).collect();
    for (client, path) in clients.iter_mut().zip(paths) {
        client.write(format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n").as_bytes());
    }
    let wait = |mut client: Client| {
        let answer = client.answer();
        let why = answer.header("x-standin-debug").expect("it is told").to_owned();
        let (_, wait) = why.split_once("; waiting=").expect("it is told");
        let time = units::parse_duration(wait.split(';').next().unwrap_or_default()).expect("a time");
        ms(time)
    };
    clients.into_iter().map(wait).collect()
}

#[test]
fn calls_that_hold_a_worker_share_the_cores_for_their_part_of_cpu() {
    let operations = "operations:
      - {name: cpu, match: {urlPath: /s/cpu}, demand: {fixed: 400ms}}
      - {name: sleep, match: {urlPath: /s/sleep}, demand: {fixed: 400ms}, cpu: 0%}";
    let mock = mock(&[("p", &profile("{workers: 2, cores: 1, queue: unbounded}", operations))]);
    // two that need the core at once take twice as long, less the time by which one came earlier
    let waits = planned_waits(&mock, &["/s/cpu", "/s/cpu"]);
    assert!(waits.iter().all(|wait| (100.0..=400.0).contains(wait)), "{waits:?}");
    assert!((waits[0] - waits[1]).abs() < 0.1, "{waits:?}");
    // those that sleep disturb nobody and are disturbed by nobody
    assert_eq!(planned_waits(&mock, &["/s/sleep", "/s/cpu"]), [0.0, 0.0]);
    // but they hold a worker
    let waits = planned_waits(&mock, &["/s/sleep", "/s/sleep", "/s/sleep"]);
    assert_eq!(waits.iter().filter(|wait| **wait == 0.0).count(), 2, "{waits:?}");
    assert!(waits.iter().any(|wait| *wait > 100.0), "{waits:?}");
    let services = mock.get("/__admin/standin/profile").json()["services"].clone();
    assert_eq!((services[0]["workers"].as_u64(), services[0]["cores"].as_f64()), (Some(2), Some(1.0)), "{services}");
}

#[test]
fn a_measured_slowdown_is_what_each_other_call_takes() {
    let capacity = "{workers: 3, queue: 0, overflow: {status: 429}}";
    let mock = mock(&[("p", &profile(capacity, "default: {demand: {fixed: 400ms}, slowdown: 50%}"))]);
    let waits = planned_waits(&mock, &["/s/a", "/s/a", "/s/a"]);
    // each of three is half as fast as one alone
    assert!(waits.iter().all(|wait| (100.0..=400.0).contains(wait)), "{waits:?}");
    let statuses: Vec<u16> = at_once(&mock, 5, "/s/a").iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [429, 429, 200, 200, 200]);
}

#[test]
fn a_full_queue_overflows_at_once() {
    let capacity = "{discipline: fifo, workers: 1, queue: 2, overflow: {status: 429, headers: {Retry-After: \"1\"}}}";
    let mock = mock(&[("p", &profile(capacity, "default: {demand: {fixed: 200ms}}"))]);
    let times = at_once(&mock, 5, "/s/a");
    let statuses: Vec<u16> = times.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [429, 429, 200, 200, 200]);
    let page = mock.get("/__admin/metrics").text().to_owned();
    assert!(page.contains("standin_station_overflow_total{service=\"s\"} 2"), "{page}");
    assert!(page.contains("standin_station_calls_total{service=\"s\"} 5"), "{page}");
}

#[test]
fn a_client_that_asks_is_told_why() {
    let operations = "operations: [{name: one, match: {urlPath: /s/one}, demand: {fixed: 200ms}, outside: {fixed: 2ms}}]\n    \
                      valid: {inFlight: 1}";
    let mock = mock(&[("p", &profile("{discipline: fifo, workers: 1, queue: unbounded}", operations))]);
    let ask = |path: &str| mock.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n"));
    let told = ask("/s/one");
    let why = told.header("x-standin-debug").expect("it is told");
    for part in
        ["service=\"s\"", "operation=\"one\"", "ordinal=0", "demand=200ms", "outside=2ms", "waiting=0", "range=valid"]
    {
        assert!(why.contains(part), "{part} is not in {why}");
    }
    // of the service, but of no operation
    assert!(!ask("/s/two").header("x-standin-debug").expect("it is told").contains("operation"));
    assert!(mock.get("/s/one").header("x-standin-debug").is_none());
    at_once(&mock, 3, "/s/one");
    let services = mock.get("/__admin/standin/profile").json()["services"].clone();
    assert_eq!((services[0]["unpaced"].as_u64(), services[0]["paced"].as_u64()), (Some(1), Some(5)));
    assert_eq!(services[0]["beyondValid"].as_u64(), Some(2), "{services}");
    let beyond = mock.get("/__admin/requests").json();
    let marked =
        beyond["requests"].as_array().expect("a list").iter().filter(|r| r["standin"]["beyondValidRange"] == true);
    assert_eq!(marked.count(), 2);
}

#[test]
fn calls_that_come_too_fast_are_turned_away_at_the_door() {
    let limit = "rateLimit: {perSecond: 2, burst: 3, overflow: {status: 429, headers: {Retry-After: \"1\"}}}";
    let text = profile("{discipline: fifo, workers: 1, queue: unbounded}", "default: {demand: {fixed: 1ms}}");
    let mock = mock(&[("p", &format!("{text}\n    {limit}\n"))]);
    let statuses: Vec<u16> = (0..6).map(|_| mock.get("/s/a").status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429]);
    let refused = mock.send("GET /s/a HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.header("x-standin-debug").expect("it is told").contains("rate=limited"));
    let mut limited = 4;
    eventually("the bucket fills again", || {
        let is_let_in = mock.get("/s/a").status == 200;
        limited += u64::from(!is_let_in);
        is_let_in
    });
    let services = mock.get("/__admin/standin/profile").json()["services"].clone();
    assert_eq!(
        (services[0]["limited"].as_u64(), services[0]["paced"].as_u64()),
        (Some(limited), Some(4)),
        "{services}"
    );
    let page = mock.get("/__admin/metrics");
    let total = format!("standin_station_limited_total{{service=\"s\"}} {limited}");
    assert!(page.text().contains(&total), "{}", page.text());
}

/// As nginx's `limit_req` does without `nodelay`.
#[test]
fn a_burst_that_is_spaced_waits_for_its_turn() {
    for capacity in ["{discipline: fifo, workers: 4, queue: unbounded}", "{discipline: unlimited}"] {
        let text = profile(capacity, "default: {demand: {fixed: 1ms}}");
        let mock = mock(&[("p", &format!("{text}\n    rateLimit: {{perSecond: 10, burst: 3, spaced: true}}\n"))]);
        let begun = Instant::now();
        let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(mock.address)).collect();
        for client in &mut clients {
            client.write(b"GET /s/a HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n");
        }
        let answers: Vec<_> = clients.iter_mut().map(Client::answer).collect();
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 429]);
        assert!(begun.elapsed() >= Duration::from_millis(201), "the third goes on after two tenths of a second");
        let told = |answer: &Answer| answer.header("x-standin-debug").expect("it is told").to_owned();
        assert_eq!(answers.iter().filter(|answer| told(answer).contains("rate-waiting=")).count(), 2);
    }
}

#[test]
fn classes_answer_with_their_status_at_their_share() {
    let operations = "default: {demand: {fixed: 10us}, classes: [{share: 25%, status: 503, demand: {fixed: 20us}}]}";
    let mock = mock(&[("p", &profile("{discipline: unlimited}", operations))]);
    let mut client = Client::connect(mock.address);
    let mut failed = 0;
    for _ in 0..2000 {
        client.write(b"GET /s/a HTTP/1.1\r\nHost: x\r\n\r\n");
        failed += usize::from(client.answer().status == 503);
    }
    // four standard errors of a share of 25 %
    assert!((423..=577).contains(&failed), "{failed}");
}

#[test]
fn classes_by_length_are_those_of_the_answer() {
    let operations = "default: {demand: {fixed: 1ms}, classes: [{share: 10%, from: 10kB, demand: {fixed: 40ms}}, \
                      {share: 10%, from: 100kB, demand: {fixed: 80ms}}]}";
    let (small, medium) = ("s".repeat(9_999), "m".repeat(10_000));
    let stub = |path: &str, body: &str| format!(r#"{{"request": {{"url": "/s/{path}"}}, "response": {{{body}}}}}"#);
    let stubs = [
        stub("small", &format!(r#""body": "{small}""#)),
        stub("medium", &format!(r#""body": "{medium}""#)),
        stub("large", r#""bodyFileName": "large.txt""#),
    ];
    let files = [
        ("mappings/stubs.json", &*format!(r#"{{"mappings": [{}]}}"#, stubs.join(", "))),
        ("__files/large.txt", &*"l".repeat(200_000)),
        ("profiles/p.yaml", &*profile("{discipline: unlimited}", operations)),
    ];
    let mock = Mock::configured(&files, |config| config.profile = Some("p".to_owned()));
    for (path, millis) in [("small", 1), ("medium", 40), ("large", 80)] {
        for _ in 0..20 {
            let answer = mock.send(&format!("GET /s/{path} HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n"));
            let told = answer.header("x-standin-debug").expect("it is told");
            assert!(told.contains(&format!("demand={millis}ms;")), "{path}: {told}");
        }
    }
}

#[test]
fn a_profile_is_switched_without_losing_a_call_or_the_queue() {
    let slow = profile("{discipline: fifo, workers: 1, queue: unbounded}", "default: {demand: {fixed: 100ms}}");
    let fast = profile("{discipline: fifo, workers: 1, queue: unbounded}", "default: {demand: {fixed: 1ms}}");
    let mock = mock(&[("slow", &slow), ("fast", &fast)]);
    let switch = |body: &str| {
        mock.send(&format!(
            "PUT /__admin/standin/profile HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    let error = switch(r#"{"profile": "fats"}"#).json()["errors"][0].clone();
    assert_eq!(
        (&error["title"], &error["source"]["pointer"]),
        (&"No such profile".into(), &"/profile".into()),
        "{error}"
    );
    assert!(error["detail"].as_str().is_some_and(|detail| detail.contains("did you mean `fast`?")), "{error}");
    let mut waiting: Vec<Client> = (0..3).map(|_| Client::connect(mock.address)).collect();
    let begun = Instant::now();
    for client in &mut waiting {
        client.write(b"GET /s/a HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    while mock.get("/__admin/standin/profile").json()["services"][0]["inFlight"] != 3 {
        assert!(begun.elapsed() < Duration::from_secs(10), "they do not arrive");
    }
    assert_eq!(switch(r#"{"profile": "fast"}"#).json()["profile"], "fast");
    // the queue is still there: a call of 1 ms comes after the three of 100 ms
    assert_eq!(mock.get("/s/b").status, 200);
    assert!(ms(begun.elapsed()) > 295.0, "{}", ms(begun.elapsed()));
    for client in &mut waiting {
        assert_eq!(client.answer().status, 200);
    }
    let refused = switch(r#"{"profile": "fest"}"#);
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("did you mean `fast`?"), "{}", refused.text());
    assert_eq!(switch(r#"{"profile": null}"#).json()["profile"], serde_json::Value::Null);
    let unpaced = mock.send("GET /s/c HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n");
    assert!(!unpaced.header("x-standin-debug").expect("it is told").contains("service"));
}

#[test]
fn a_profile_file_that_changes_is_served_and_a_broken_one_is_not() {
    let text = |demand: &str| profile("{discipline: unlimited}", &format!("default: {{demand: {{fixed: {demand}}}}}"));
    let mock = mock(&[("p", &text("1ms"))]);
    let demand = || {
        let answer = mock.send("GET /s/a HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n");
        answer.header("x-standin-debug").expect("it is told").to_owned()
    };
    assert!(demand().contains("demand=1ms; "));
    write(mock.root.path(), "profiles/p.yaml", &text("2ms"));
    eventually("the change is served", || demand().contains("demand=2ms; "));
    assert!(!demand().contains("ordinal=0"), "ordinals survive a reload");
    write(mock.root.path(), "profiles/p.yaml", &text("3"));
    eventually("the reload fails", || mock.get("/__admin/standin/reload").json()["status"] == "failed");
    let defect = mock.get("/__admin/standin/reload").json()["defects"][0].clone();
    assert!(defect["file"].as_str().expect("a file").ends_with("profiles/p.yaml") && defect["line"] == 5, "{defect}");
    assert!(demand().contains("demand=2ms; "), "the last good one stays");
    write(mock.root.path(), "profiles/p.yaml", &text("4ms"));
    eventually("the corrected file is served", || demand().contains("demand=4ms; "));
    assert_eq!(mock.post("/__admin/reset", "").status, 200);
    assert!(demand().contains("ordinal=0"), "a reset begins the draws again");
}

#[test]
fn the_same_seed_demands_the_same_whatever_the_workers() {
    let operations = "default: {demand: {exponential: {mean: 200us}}}";
    let text = profile("{discipline: unlimited}", operations);
    let demands = |workers: usize| -> Vec<String> {
        let files = [("mappings/stubs.json", STUBS), ("profiles/p.yaml", &*text)];
        let mock = Mock::configured(&files, |config| {
            config.profile = Some("p".to_owned());
            config.workers = workers;
        });
        let ask = || mock.send("GET /s/a HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n");
        let told = (0..20).map(|_| ask().header("x-standin-debug").expect("it is told").to_owned());
        told.map(|why| why.split("; ").find(|part| part.starts_with("demand=")).expect("a demand").to_owned()).collect()
    };
    let once = demands(1);
    assert_eq!(once, demands(3));
    assert!(once.iter().any(|demand| *demand != once[0]));
}

#[test]
fn a_long_body_leaves_at_its_rate_and_a_short_one_at_once() {
    let body = "x".repeat(400_000);
    let stubs = format!(
        r#"{{"mappings": [{{"request": {{"url": "/s/long"}}, "response": {{"body": "{body}"}}}},
            {{"request": {{"url": "/s/short"}}, "response": {{"body": "short"}}}}]}}"#
    );
    let text = profile("{discipline: unlimited}", "default: {demand: {fixed: 5ms}, transfer: {rate: 2MB/s}}");
    let files = [("mappings/stubs.json", &*stubs), ("profiles/p.yaml", &*text)];
    let mock = Mock::configured(&files, |config| config.profile = Some("p".to_owned()));
    let begun = Instant::now();
    let long = mock.get("/s/long");
    let took = ms(begun.elapsed());
    assert_eq!((long.body.len(), long.header("content-length")), (400_000, Some("400000")));
    assert!((205.0..1_000.0).contains(&took), "{took}");
    let begun = Instant::now();
    assert_eq!(mock.get("/s/short").text(), "short");
    assert!(ms(begun.elapsed()) < 150.0, "{}", ms(begun.elapsed()));
    let mut client = Client::connect(mock.address);
    client.write(b"HEAD /s/long HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = client.answer_to("HEAD");
    assert_eq!((head.body.len(), head.header("content-length")), (0, Some("400000")));
}

#[test]
fn calls_of_one_slow_spell_take_alike() {
    let operations = "default: {demand: {uniform: {min: 0ms, max: 20ms}}, order: {blocks: 1h, correlation: 100%}}";
    let mock = mock(&[("p", &profile("{discipline: unlimited}", operations))]);
    let demand = || {
        let told = mock.send("GET /s/a HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n");
        let why = told.header("x-standin-debug").expect("it is told").to_owned();
        why.split("; ").find(|part| part.starts_with("demand=")).expect("a demand").to_owned()
    };
    let first = demand();
    assert!((0..5).all(|_| demand() == first));
}

#[test]
fn a_timeline_changes_latency_and_changes_it_back() {
    let text = |demand: &str| profile("{discipline: unlimited}", &format!("default: {{demand: {{fixed: {demand}}}}}"));
    let day = "timeline: [{at: 0s, profile: slow}, {at: 40s, profile: fast}, {at: 60s, scale: {latency: 3}}]\nrepeat: 80s\nspeed: 100";
    let mock = mock(&[("day", day), ("slow", &text("30ms")), ("fast", &text("1ms"))]);
    let demand = || {
        let told = mock.send("GET /s/a HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n");
        let why = told.header("x-standin-debug").expect("it is told").to_owned();
        why.split("; ").find(|part| part.starts_with("demand=")).expect("a demand").to_owned()
    };
    let begun = Instant::now();
    let (mut seen, mut took) = (vec![demand()], Vec::new());
    // two rounds of 800 ms
    while seen.len() < 7 {
        let (sent, found) = (Instant::now(), demand());
        if Some(&found) != seen.last() {
            took.push((found.clone(), ms(sent.elapsed())));
            seen.push(found);
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{seen:?}");
    }
    let at = seen.iter().position(|demand| demand == "demand=30ms").expect("the slow step");
    let round: Vec<&str> = seen[at..].iter().map(String::as_str).take(4).collect();
    assert_eq!(round, ["demand=30ms", "demand=1ms", "demand=3ms", "demand=30ms"], "{seen:?}");
    assert!(took.iter().all(|(demand, took)| demand != "demand=30ms" || *took >= 30.0), "{took:?}");
    assert!(ms(begun.elapsed()) > 800.0, "{}", ms(begun.elapsed()));
    let told = mock.get("/__admin/standin/profile").json();
    let line = &told["timelines"][0];
    assert_eq!((&told["profile"], &line["steps"]), (&"day".into(), &3.into()), "{told}");
    assert!(line["nextInSeconds"].as_f64().expect("a number") <= 0.4, "{line}");
    assert!(mock.get("/__admin/metrics").text().contains("standin_timeline_step{folder="));
}

#[test]
fn a_timeline_goes_on_through_a_reload_and_begins_again_with_a_reset() {
    let text = |demand: &str| profile("{discipline: unlimited}", &format!("default: {{demand: {{fixed: {demand}}}}}"));
    let mock = mock(&[
        ("day", "timeline: [{at: 0s, profile: one}, {at: 1h, profile: two}]"),
        ("one", &text("1ms")),
        ("two", &text("2ms")),
    ]);
    let active =
        || mock.get("/__admin/standin/profile").json()["timelines"][0]["activeSeconds"].as_f64().expect("a number");
    eventually("the timeline advances", || active() > 0.05);
    let reloaded_at = active();
    let ask = || mock.send("GET /s/a HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n");
    write(mock.root.path(), "profiles/one.yaml", &text("3ms"));
    eventually("the change is served", || ask().header("x-standin-debug").expect("it is told").contains("demand=3ms"));
    let before = active();
    assert!(before > reloaded_at, "{before} after {reloaded_at}");
    assert_eq!(mock.post("/__admin/reset", "").status, 200);
    assert!(active() < before);
}

#[test]
fn calls_pass_the_front_before_they_get_a_worker() {
    let text = profile("{discipline: unlimited}", "default: {demand: {fixed: 100ms}, front: {fixed: 40ms}}");
    let front = "front: {discipline: fifo, workers: 1, queue: 2, overflow: {status: 429}}";
    let mock = mock(&[("p", &format!("{text}    {front}\n"))]);
    let times = at_once(&mock, 4, "/s/a");
    assert_eq!(times[0].0, 429, "the fourth finds two waiting");
    for (place, (status, time)) in times[1..].iter().enumerate() {
        let expected = 100.0 + 40.0 * (place + 1) as f64;
        assert_eq!(*status, 200);
        assert!(ms(*time) >= expected && ms(*time) < expected + 90.0, "{place}: {}, not {expected}", ms(*time));
    }
    let told = mock.send("GET /s/a HTTP/1.1\r\nHost: x\r\nX-Standin-Debug: 1\r\n\r\n");
    let why = told.header("x-standin-debug").expect("it is told").to_owned();
    assert!(why.contains("; front=40ms; front-waiting=0") && why.contains("; waiting=0"), "{why}");
    let service = mock.get("/__admin/standin/profile").json()["services"][0].clone();
    assert_eq!((service["front"]["overflowed"].as_u64(), service["overflowed"].as_u64()), (Some(1), Some(0)));
    assert_eq!((service["front"]["workers"].as_u64(), service["workers"].as_u64()), (Some(1), None));
    let page = mock.get("/__admin/metrics").text().to_owned();
    assert!(page.contains("standin_front_overflow_total{service=\"s\"} 1"), "{page}");
}

#[test]
fn a_stall_holds_everybody_up() {
    let text = profile("{discipline: unlimited}", "default: {demand: {fixed: 1ms}}");
    let mock = mock(&[("p", &format!("{text}    stalls: {{every: {{fixed: 200ms}}, last: {{fixed: 200ms}}}}\n"))]);
    let begun = Instant::now();
    let mut times = Vec::new();
    while begun.elapsed() < Duration::from_millis(900) {
        let sent = Instant::now();
        assert_eq!(mock.get("/s/a").status, 200);
        times.push(ms(sent.elapsed()));
    }
    // two or three stalls, in each of which the one call at a time waits
    let held = times.iter().filter(|time| **time >= 190.0).count();
    assert!((1..=3).contains(&held) && times.len() > 20, "{held} of {}", times.len());
    let is_stalled = || mock.get("/__admin/standin/profile").json()["services"][0]["stalled"].as_bool();
    for expected in [true, false, true] {
        while is_stalled() != Some(expected) {
            assert!(begun.elapsed() < Duration::from_secs(10), "it is never {expected}");
        }
    }
}

#[test]
fn a_curve_is_as_fast_as_was_measured() {
    let capacity = "{discipline: curve, rates: {1: 20/s, 4: 40/s}, queue: 0, overflow: {status: 429}}";
    let mock = mock(&[("p", &profile(capacity, "default: {demand: {fixed: 50ms}}"))]);
    let times = at_once(&mock, 5, "/s/a");
    assert_eq!(times[0].0, 429, "there is no room for a fifth");
    // four together are done twice as fast as one: each takes twice as long
    for (status, time) in &times[1..] {
        assert_eq!(*status, 200);
        assert!((90.0..190.0).contains(&ms(*time)), "{}", ms(*time));
    }
}

/// Returns the milliseconds that a call of 600 ms takes behind another one whose client goes away
/// at its begin, with one worker.
fn time_behind_one_that_goes(capacity: &str, abandon: &str, goes: impl FnOnce(Client)) -> f64 {
    let text = profile(capacity, "default: {demand: {fixed: 600ms}}");
    let mock = mock(&[("p", &format!("{text}    abandon: {abandon}\n"))]);
    let mut first = Client::connect(mock.address);
    first.write(b"GET /s/a HTTP/1.1\r\nHost: x\r\n\r\n");
    let service = || mock.get("/__admin/standin/profile").json()["services"][0].clone();
    eventually("the first call has the worker", || service()["inFlight"] == 1);
    goes(first);
    if abandon == "free" {
        eventually("the first call is abandoned", || service()["abandoned"] == 1);
    }
    let sent = Instant::now();
    assert_eq!(mock.get("/s/a").status, 200);
    let service = service();
    assert_eq!(service["abandoned"].as_u64(), Some(u64::from(abandon == "free")), "{service}");
    assert_eq!(service["inFlight"].as_u64(), Some(0));
    ms(sent.elapsed())
}

#[test]
fn a_client_that_goes_away_frees_its_worker_where_that_is_said() {
    let (fifo, sharing) =
        ("{discipline: fifo, workers: 1, queue: unbounded}", "{discipline: sharing, workers: 1, queue: unbounded}");
    let kept = time_behind_one_that_goes(fifo, "keep", drop);
    assert!(kept >= 1_000.0, "{kept}");
    for capacity in [fifo, sharing] {
        let freed = time_behind_one_that_goes(capacity, "free", drop);
        assert!((595.0..900.0).contains(&freed), "{capacity}: {freed}");
    }
    let half_closed = |client: Client| {
        client.stream.shutdown(std::net::Shutdown::Write).expect("open");
        // it gets no answer, as it is taken to have gone
        assert_eq!(Client::read_to_end(&mut { client }).0, b"");
    };
    let freed = time_behind_one_that_goes(fifo, "free", half_closed);
    assert!((595.0..900.0).contains(&freed), "{freed}");
}

#[test]
fn those_that_share_go_on_faster_when_one_goes_away() {
    let text = profile("{discipline: sharing, workers: 1, queue: unbounded}", "default: {demand: {fixed: 300ms}}");
    let mock = mock(&[("p", &format!("{text}    abandon: free\n"))]);
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(mock.address)).collect();
    let begun = Instant::now();
    for client in &mut clients {
        client.write(b"GET /s/a HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    thread::sleep(Duration::from_millis(60));
    let mut stays = clients.remove(0);
    drop(clients);
    assert_eq!(stays.answer().status, 200);
    // a third of 60 ms was done; had the others stayed it would take 900 ms
    assert!((335.0..600.0).contains(&ms(begun.elapsed())), "{}", ms(begun.elapsed()));
}
