//! Each format by a small file as its tool writes it, to the profile and back.

use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use standin_model::profile::{ProfileFile, read_all};
use standin_model::station::Capacity;
use standin_stub::delay::Distribution;

fn sample(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import").join(name);
    std::fs::read(path).expect("a sample")
}

fn import_with(text: &[u8], options: &ImportOptions) -> Result<ImportedProfile, Vec<String>> {
    let read =
        read(text, options).map_err(|errors| errors.first.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let source = read.source("file");
    ImportedProfile::new(read, options, "s", vec![source], Capacity::Unlimited).map_err(|error| vec![error.to_string()])
}

/// Imports a file and reads the written profile back.
fn import(name: &str, options: &ImportOptions) -> ImportedProfile {
    let imported = import_with(&sample(name), options).expect("a good sample");
    let text = imported.profile().to_yaml(&imported.to_string());
    let file = ProfileFile { name: "imported".to_owned(), file: "imported.yaml".into(), text: text.as_str().into() };
    let loaded = read_all(&[file]);
    assert!(loaded.defects.is_empty(), "{text}\n{:?}", loaded.defects);
    assert_eq!(loaded.profiles[0].spec, imported.profile(), "{text}");
    imported
}

fn names(imported: &ImportedProfile) -> Vec<String> {
    imported.operations.iter().map(|operation| operation.target.name()).collect()
}

fn demand(imported: &ImportedProfile, name: &str) -> Distribution {
    let operation = imported.operations.iter().find(|operation| operation.target.name() == name).expect("it is there");
    operation.timing.demand.build().expect("a distribution")
}

fn ms(imported: &ImportedProfile, name: &str, percent: f64) -> f64 {
    (demand(imported, name).quantile(percent / 100.0).as_secs_f64() * 1e6).round() / 1e3
}

#[test]
fn locust() {
    let imported = import("locust_stats.csv", &ImportOptions::default());
    assert_eq!(names(&imported), ["GET /items", "POST /orders", "GET /items/{id}"]);
    let name = "GET /items/{id}";
    assert_eq!([0.0, 50.0, 95.0, 100.0].map(|p| ms(&imported, name, p)), [11.08, 40.0, 90.0, 133.4]);
    assert_eq!((imported.valid.samples, imported.valid.per_second), (Some(1221), Some(110.9)));
    assert!(imported.default.is_some(), "the row of all calls");
    let text = imported.to_string();
    assert!(text.contains("1 rows without times (the first: chat)") && text.contains("5 calls failed"), "{text}");
}

#[test]
fn jmeters_aggregate_report_and_names_that_tell_no_path() {
    let imported = import("aggregate.csv", &ImportOptions::default());
    assert_eq!(
        (names(&imported), &*imported.unknown),
        (vec!["GET /items/{id}".to_owned()], &["Home page (200 calls)".to_owned()][..])
    );
    assert_eq!([0.0, 50.0, 99.0, 100.0].map(|p| ms(&imported, "GET /items/{id}", p)), [12.0, 40.0, 95.0, 130.0]);
    let map = [("Home page".to_owned(), "GET /".to_owned())].into();
    let mapped = import("aggregate.csv", &ImportOptions { map, ..ImportOptions::default() });
    assert_eq!((names(&mapped).len(), mapped.unknown.len()), (2, 0));
    assert_eq!(ms(&mapped, "GET /", 90.0), 30.0);
}

#[test]
fn a_table_of_ones_own_says_what_is_assumed() {
    let imported = import("own.csv", &ImportOptions::default());
    let name = "GET /items/{id}";
    assert_eq!([50.0, 95.0, 99.0].map(|p| ms(&imported, name, p)), [3.2, 7.0, 31.0]);
    assert!(ms(&imported, name, 0.0) < 3.2 && (31.0..310.1).contains(&ms(&imported, name, 100.0)));
    let operation = imported.operations.iter().find(|operation| operation.target.name() == name).expect("there");
    assert!(operation.doubts[0].starts_with("assumed: p0 "), "{:?}", operation.doubts);
    assert!(imported.statements()[0].contains("nothing in such data says how calls queue"));
}

#[test]
fn all_defects_of_a_table_are_told_at_once() {
    let told = import_with(&sample("broken.csv"), &ImportOptions::default()).expect_err("broken");
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("line 2: p99 is less than p50"), "{told:?}");
    assert!(told[1].contains("line 3: `x` is no time") && told[2].contains("line 4: `-1` is no time"), "{told:?}");
    let told = import_with(b"what,p50,p99\na,1,2\n", &ImportOptions::default()).expect_err("no unit, no names");
    assert!(
        told[0].contains("no unit is known for `p50`, `p99`") && told[1].contains("no column of operations"),
        "{told:?}"
    );
    let options = ImportOptions { unit: TimeUnit::of("ms"), ..ImportOptions::default() };
    assert_eq!(ms(&import_with(b"url;p50;p99\n/a;1;2\n", &options).expect("good"), "/a", 50.0), 1.0);
}

#[test]
fn jmeters_results() {
    let imported = import("results.jtl", &ImportOptions::default());
    assert_eq!(names(&imported), ["/orders", "/items/{id}"]);
    let median = ms(&imported, "/items/{id}", 50.0);
    assert!((39.0..41.0).contains(&median), "{median}");
    assert!((ms(&imported, "/items/{id}", 100.0) - 44.0).abs() < 0.1, "without connecting");
    let orders = &imported.operations[0].timing.classes;
    assert_eq!(orders.iter().map(|class| (class.share, class.status)).collect::<Vec<_>>(), [(0.1, Some(503))]);
    assert_eq!(imported.valid.in_flight, Some(5));
    assert_eq!(imported.valid.samples, Some(300));
    let text = imported.to_string();
    assert!(text.contains("100 transactions") && text.contains("1 samples without an answer's status"), "{text}");
}

#[test]
fn k6_points_and_summaries() {
    let imported = import("points.json", &ImportOptions::default());
    assert_eq!(names(&imported), ["GET /items/{id}"]);
    assert!((ms(&imported, "GET /items/{id}", 50.0) - 40.5).abs() < 0.05);
    assert_eq!((imported.valid.in_flight, imported.valid.samples), (Some(9), Some(200)));
    assert!(imported.valid.per_second.is_some_and(|rate| (15.0..25.0).contains(&rate)), "{:?}", imported.valid);
    let options = ImportOptions { metric: Some("http_req_waiting".to_owned()), ..ImportOptions::default() };
    assert_eq!(ms(&import("points.json", &options), "GET /items/{id}", 50.0), 38.5);

    let summary = import("summary.json", &ImportOptions::default());
    assert_eq!(names(&summary), ["GET /items/{id}"]);
    assert_eq!([0.0, 50.0, 95.0, 100.0].map(|p| ms(&summary, "GET /items/{id}", p)), [10.2, 30.0, 60.2, 101.5]);
    let all = summary.default.as_ref().expect("all calls").demand.build().expect("good");
    assert_eq!(all.quantile(0.5).as_millis(), 40);
    assert_eq!(
        (summary.valid.per_second, summary.valid.in_flight, summary.valid.samples),
        (Some(99.4), Some(20), Some(3000))
    );
}

#[test]
fn a_har() {
    let imported = import("session.har", &ImportOptions::default());
    assert_eq!(names(&imported), ["GET /app.js", "POST /orders", "GET /items/{id}"]);
    let text = imported.to_string();
    assert!(text.contains("calls of 2 hosts") && text.contains("shop.example (16)"), "{text}");
    assert!(
        text.contains("1 answers from the browser's cache") && text.contains("1 calls without an answer"),
        "{text}"
    );
    assert!(text.contains("is the transfer of answers"), "{text}");
    let one =
        import("session.har", &ImportOptions { host: Some("shop.example".to_owned()), ..ImportOptions::default() });
    assert_eq!(names(&one), ["POST /orders", "GET /items/{id}"]);
    assert_eq!(one.operations[0].timing.classes[0].status, Some(500));
    assert_eq!(ms(&one, "GET /items/{id}", 0.0), 40.0);
}

#[test]
fn prometheus() {
    let imported = import("scrape.txt", &ImportOptions::default());
    assert_eq!(names(&imported), ["POST /orders", "GET /items/{id}"]);
    let get = "GET /items/{id}";
    // two instances: 200 of 1,990 calls up to 25 ms, 1,600 up to 50 ms
    let median = ms(&imported, get, 50.0);
    assert!((25.0..50.0).contains(&median), "{median}");
    assert_eq!([0.0, 100.0].map(|p| ms(&imported, get, p)), [5.0, 1000.0]);
    let operation = &imported.operations[1];
    assert_eq!((operation.samples, operation.timing.classes[0].status), (Some(2010), Some(503)));
    assert!(operation.doubts[0].contains("p50 between 25.0 ms and 50.0 ms"), "{:?}", operation.doubts);
    let cut = &imported.operations[0].doubts;
    assert!(cut.iter().any(|doubt| doubt.contains("3 of 100 calls took longer than the last bound")), "{cut:?}");
    assert_eq!(ms(&imported, "POST /orders", 100.0), 1000.0, "no tail is invented");
    assert_eq!(imported.unknown, ["UNKNOWN (9 calls)"]);
    let text = imported.to_string();
    assert!(text.contains("series of other histograms") && text.contains("1 series without calls"), "{text}");
    let unknown = ImportOptions { metric: Some("x".to_owned()), ..ImportOptions::default() };
    assert!(import_with(&sample("scrape.txt"), &unknown).expect_err("no such")[0].contains("jvm_gc_pause_seconds"));
}

#[test]
fn opentelemetry() {
    let imported = import("metrics.json", &ImportOptions::default());
    let get = "GET /items/{id}";
    assert_eq!(names(&imported), [get]);
    assert_eq!([0.0, 100.0].map(|p| ms(&imported, get, p)), [26.0, 310.0], "min and max are known");
    assert!((35.0..50.0).contains(&ms(&imported, get, 50.0)));
    assert_eq!(imported.operations[0].timing.classes[0].status, Some(500));
    assert_eq!(imported.valid.per_second, Some(10.1));

    let exponential = import("exponential.jsonl", &ImportOptions::default());
    // of base 2^(1/2), bucket 10 begins at 32 ms, and the deltas are added
    assert_eq!(exponential.operations[0].samples, Some(400));
    assert_eq!([0.0, 12.5, 100.0].map(|p| ms(&exponential, get, p)), [32.0, 45.25, 128.0]);
    assert_eq!(exponential.valid.per_second, Some(30.0));
}

#[test]
fn what_is_not_read_is_named_with_what_to_do() {
    for (text, told) in [
        ("", "is empty"),
        ("<?xml version=\"1.0\"?><testResults/>", "without a sample of JMeter"),
        ("<html/>", "not of JMeter"),
        ("{\"a\": 1}", "--format"),
        ("metric_name,timestamp,metric_value,check\n", "--out json"),
        ("1700000000000,12,Home,200,OK,t\n", "print_field_names=true"),
        ("hello\n", "no format that is known"),
        ("name,p50_ms\nHome,3\n", "--map"),
        ("{\"resourceMetrics\": [", "broken JSON"),
        ("# TYPE x gauge\nx 1\n", "has no histograms"),
    ] {
        let errors = import_with(text.as_bytes(), &ImportOptions::default()).expect_err(text);
        assert!(errors[0].contains(told), "{text}: {errors:?}");
    }
}

#[test]
fn gzipped_files_are_read_and_several_files_are_one() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut packed, &sample("points.json")).expect("in memory");
    let options = ImportOptions::default();
    let mut one = read(packed.finish().expect("in memory").as_slice(), &options).expect("good");
    one.merge(read(sample("results.jtl").as_slice(), &options).expect("good")).expect("both are of calls");
    let both = ImportedProfile::new(one, &options, "s", Vec::new(), Capacity::Unlimited).expect("good");
    assert_eq!(names(&both), ["/orders", "GET /items/{id}", "/items/{id}"]);
    assert_eq!(both.valid.samples, Some(500));
}

#[test]
fn gatling_log() {
    let map = [("Home".to_owned(), "GET /".to_owned())].into();
    let imported = import("simulation.log", &ImportOptions { map, ..ImportOptions::default() });
    assert_eq!(names(&imported), ["GET /", "GET /items/{id}"]);
    assert_eq!(ms(&imported, "GET /", 50.0), 40.0);
    let text = imported.to_string();
    assert!(text.contains("1 failed requests whose status the log does not have (the first: j.n.Conn"), "{text}");
    let binary = import_with(b"\0\0\0\x063.13.1", &ImportOptions::default()).expect_err("binary");
    assert!(binary[0].contains("from version 3.13 on"), "{binary:?}");
}

#[test]
fn vegeta_results_in_both_forms() {
    for (name, operations) in [("vegeta.json", "GET /items/{id}"), ("vegeta.csv", "GET /items/{id}")] {
        let imported = import(name, &ImportOptions::default());
        assert_eq!(names(&imported), [operations], "{name}");
        assert_eq!([0.0, 50.0, 100.0].map(|p| ms(&imported, operations, p)), [10.0, 20.0, 30.0], "{name}");
        assert_eq!(imported.valid.samples, Some(3), "{name}");
    }
    let without = import("vegeta.json", &ImportOptions::default()).to_string();
    assert!(without.contains("1 calls without an answer"), "{without}");
    let report = import_with(br#"{"latencies":{"mean":1,"50th":1}}"#, &ImportOptions::default()).expect_err("a report");
    assert!(report[0].contains("vegeta encode"), "{report:?}");
}

#[test]
fn hey_and_wrk2_have_no_urls() {
    for (name, label, p50) in [("hey.csv", "hey", None), ("wrk2.txt", "wrk2", Some(1.09))] {
        let imported = import(name, &ImportOptions::default());
        assert!(imported.operations.is_empty() && imported.default.is_some(), "{name}");
        assert!(imported.to_string().contains(&format!("{label}=GET /path")), "{imported}");
        let map = [(label.to_owned(), "GET /items/{id}".to_owned())].into();
        let imported = import(name, &ImportOptions { map, ..ImportOptions::default() });
        assert_eq!(names(&imported), ["GET /items/{id}"], "{name}");
        if let Some(p50) = p50 {
            assert_eq!(ms(&imported, "GET /items/{id}", 50.0), p50);
            assert_eq!((imported.valid.samples, imported.valid.per_second), (Some(60_000), Some(2000.1)));
            assert!(imported.to_string().contains("a distribution only"), "{imported}");
        }
    }
}

#[test]
fn jmeter_results_as_xml() {
    let imported = import("results.xml", &ImportOptions::default());
    assert_eq!(names(&imported), ["POST /orders", "GET /items/{id}"]);
    assert_eq!(ms(&imported, "POST /orders", 50.0), 90.0);
    assert_eq!(ms(&imported, "GET /items/{id}", 0.0), 38.0);
    let text = imported.to_string();
    for left_out in [
        "1 samples inside others, whose time the outer ones have (the first: Order-0)",
        "1 transactions and samples that are not of HTTP (the first: Buy)",
        "1 samples without an answer's status",
    ] {
        assert!(text.contains(left_out), "{left_out}: {text}");
    }
}
