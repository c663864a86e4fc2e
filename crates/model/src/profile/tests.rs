//! Profiles are read, matched and drawn from, and a written profile is read back unchanged.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::draws::Draws;
use crate::station::{Capacity, Contention, Queue, RateCurve, TokenRate};
use standin_stub::call::{Call, Peers, Scheme};
use standin_stub::delay::{Distribution, units};
use standin_stub::matcher::MatchStats;

pub(super) fn files(texts: &[(&str, &str)]) -> Vec<ProfileFile> {
    let file = |(name, text): &(&str, &str)| ProfileFile {
        name: (*name).to_owned(),
        file: format!("profiles/{name}.yaml").into(),
        text: (*text).into(),
    };
    texts.iter().map(file).collect()
}

fn read(texts: &[(&str, &str)]) -> Vec<CompiledProfile> {
    let loaded = read_all(&files(texts));
    assert_eq!(shown(&loaded), Vec::<String>::new());
    loaded.profiles
}

pub(super) fn shown(loaded: &LoadedProfiles) -> Vec<String> {
    loaded.defects.iter().map(ToString::to_string).collect()
}

fn call(method: &str, url: &str) -> Call {
    let request = http::Request::builder().method(method).uri(url).body(()).expect("a request");
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let peers = Peers { scheme: Scheme::Http, remote: peer, local: peer };
    Call::new(request.into_parts().0, Bytes::new(), peers, Instant::now(), 1 << 20)
}

fn ms(millis: f64) -> Duration {
    Duration::from_nanos((millis * 1e6) as u64)
}

const RECORDED: &str = r#"
description: as recorded on 2026-11-02, 20-60% load
priority: 1
extends: null
services:
  - name: inventory
    match: {urlPathPattern: "/inventory/.*"}
    capacity:
      discipline: fifo
      workers: 4
      queue: 256
      overflow: {status: 503, headers: {Retry-After: "1"}}
    front: {discipline: fifo, workers: 1, queue: 100}
    stalls: {every: {exponential: {mean: 30s}}, last: {lognormal: {median: 120ms, p99: 400ms}}}
    abandon: free
    scale: {latency: 1.0, capacity: 1.0}
    operations:
      - name: GET /inventory/{id}
        match: {method: GET, urlPathTemplate: "/inventory/{id}"}
        demand: {quantiles: {p0: 1.1ms, p50: 3.2ms, p90: 7ms, p99: 31ms, p99.9: 88ms, p100: 140ms}}
        outside: {fixed: 1.2ms}
        front: {fixed: 300us}
        classes: [{share: 0.4%, status: 503, demand: {fixed: 2ms}}]
      - name: DELETE
        match: {method: DELETE}
        demand: {mixture: [{share: 90%, fixed: 1ms}, {share: 10%, exponential: {mean: 5ms, max: 1s}}]}
    valid: {utilization: 62%, inFlight: 9, perSecond: 180, samples: 41200}
  - name: rest
    match: {urlPathPattern: "/rest/.*"}
    capacity: {discipline: unlimited}
    default: {demand: {gamma: {mean: 4ms, cv: 0.5}}}
"#;

#[test]
fn the_example_of_the_design_is_read() {
    let profiles = read(&[("recorded", RECORDED)]);
    let profile = &profiles[0];
    assert_eq!((profile.name.as_str(), profile.spec.priority), ("recorded", Some(1)));
    let service = &profile.services[0];
    let workers = NonZeroU32::new(4).expect("above 0");
    assert_eq!(service.station.capacity, Capacity::Fifo { workers, queue: Queue::AtMost(256) });
    assert_eq!(service.station.overflow.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(service.station.overflow.headers["retry-after"], "1");
    assert_eq!(service.valid.utilization, Some(0.62));
    assert_eq!((service.valid.in_flight, service.valid.samples), (Some(9), Some(41_200)));
    let operation = &service.operations[0];
    assert_eq!(operation.demand.quantile(0.5), ms(3.2));
    assert_eq!(operation.outside_latency, Some(Distribution::fixed(ms(1.2))));
    assert_eq!(operation.classes[0].status, Some(StatusCode::SERVICE_UNAVAILABLE));
}

#[test]
fn a_call_belongs_to_the_first_that_it_matches() {
    let profile = &read(&[("recorded", RECORDED)])[0];
    for (method, url, expected) in [
        ("GET", "/inventory/7", Some((0, Some(0)))),
        ("DELETE", "/inventory/7", Some((0, Some(1)))),
        ("PUT", "/inventory/7", Some((0, None))),
        ("PUT", "/rest/7", Some((1, Some(0)))),
        ("GET", "/elsewhere", None),
    ] {
        let placed = profile.match_call(&call(method, url), &MatchStats::default());
        assert_eq!(placed.map(|placed| (placed.service, placed.operation)), expected, "{method} {url}");
    }
}

#[test]
fn draws_depend_on_seed_operation_and_ordinal_alone() {
    let profiles = [read(&[("recorded", RECORDED)]), read(&[("other", RECORDED)])];
    let operation = |which: usize| &profiles[which][0].services[0].operations[0];
    let (draws, mut faults, mut different) = (Draws::new(5), 0, 0);
    for ordinal in 0..20_000 {
        let (one, other) = (
            operation(0).draw(&draws, ordinal, Duration::ZERO, None),
            operation(1).draw(&draws, ordinal, Duration::ZERO, None),
        );
        assert_eq!((one.demand, one.outside_latency), (other.demand, ms(1.2)));
        let second = profiles[0][0].services[0].operations[1].draw(&draws, ordinal, Duration::ZERO, None);
        different += u32::from(second.demand != one.demand);
        if let Some(class) = one.class {
            assert_eq!((class.status, one.demand), (Some(StatusCode::SERVICE_UNAVAILABLE), ms(2.0)));
            faults += 1;
        }
    }
    // 0.4 % of them, within four standard deviations
    assert!((80i32 - faults).abs() < 36, "{faults}");
    assert!(different > 19_000);
    // the demands of those that are of no class are as before
    let without = RECORDED.replace("        classes: [{share: 0.4%, status: 503, demand: {fixed: 2ms}}]\n", "");
    let without = &read(&[("recorded", &without)])[0];
    for ordinal in 0..1_000 {
        let with = operation(0).draw(&draws, ordinal, Duration::ZERO, None);
        let same = without.services[0].operations[0].draw(&draws, ordinal, Duration::ZERO, None).demand == with.demand;
        assert!(same || with.class.is_some());
    }
    // the interface: the same in every version
    let first: Vec<_> =
        (0..3).map(|k| operation(0).draw(&Draws::new(1), k, Duration::ZERO, None).demand.as_nanos()).collect();
    assert_eq!(first, FIRST_DRAWS);
}

const FIRST_DRAWS: [u128; 3] = [28_391_630, 3_427_970, 2_000_000];

#[test]
fn the_mean_demand_is_that_of_all_classes() {
    let profile = &read(&[(
        "one",
        "services: [{name: s, capacity: {discipline: unlimited}, scale: {latency: 2}, default:
            {demand: {fixed: 10ms}, classes: [{share: 25%, demand: {fixed: 2ms}}, {share: 25%, demand: {fixed: 6ms}}]}}]",
    )])[0];
    assert_eq!(profile.services[0].operations[0].mean_demand(), Some(ms(14.0)));
}

#[test]
fn a_curve_is_read_and_scaled() {
    let text = |scale: f64| {
        format!(
            "services: [{{name: s, default: {{demand: {{fixed: 10ms}}}}, scale: {{capacity: {scale}}},
               capacity: {{discipline: curve, rates: {{1: 40/s, 2: 78/s, 4: 130 /s, 8: 120.5/s}}, queue: 3}}}}]"
        )
    };
    let curve = |rates: &[(u32, f64)]| RateCurve::new(rates.iter().copied()).expect("a curve");
    let served = |scale: f64| {
        let profile = read(&[("one", &text(scale))]).remove(0);
        (profile.services[0].station.capacity.clone(), profile.services[0].operations[0].mean_demand())
    };
    let recorded = curve(&[(1, 40.0), (2, 78.0), (4, 130.0), (8, 120.5)]);
    assert_eq!(served(1.0), (Capacity::Curve { curve: recorded, queue: Queue::AtMost(3) }, Some(ms(10.0))));
    let (Capacity::Curve { curve: half, .. }, demand) = served(0.5) else { panic!("a curve") };
    // alone, a call is as slow as one of two was
    assert_eq!((half, demand), (curve(&[(1, 39.0), (2, 65.0), (4, 60.25)]), Some(Duration::from_nanos(10_256_410))));
    let (Capacity::Curve { curve: double, .. }, demand) = served(2.0) else { panic!("a curve") };
    assert_eq!((double.rates()[..2].to_vec(), demand), (vec![(1, 40.0), (2, 80.0)], Some(ms(10.0))));
}

/// Demands of the front grow with all times, and its workers are scaled as those behind it.
#[test]
fn the_front_is_scaled_too() {
    let text = "services: [{name: s, capacity: {discipline: unlimited}, scale: {latency: 2, capacity: 0.5},
        front: {discipline: fifo, workers: 1, queue: 4, overflow: {status: 429}},
        operations: [{name: a, match: {method: GET}, demand: {fixed: 1ms}, front: {fixed: 3ms}}],
        default: {demand: {fixed: 5ms}}}]";
    // with nothing else limited, `scale.capacity` is for the front
    let service = &read(&[("one", text)])[0].services[0];
    let front = service.front_station.as_ref().expect("there is one");
    assert_eq!(front.capacity.workers(), Some(NonZeroU32::MIN));
    let drawn = |operation: usize| service.operations[operation].draw(&Draws::new(1), 0, Duration::ZERO, None);
    assert_eq!((drawn(0).front_demand, drawn(0).demand), (Some(ms(12.0)), ms(2.0)));
    assert_eq!(drawn(1).front_demand, None);
}

/// Rounding of workers is taken from demands, and what that makes of the cores from the cores.
#[test]
fn a_layered_capacity_is_scaled_by_workers_and_cores() {
    let served = |capacity: &str, share: &str, scale: f64| {
        let text = format!(
            "services: [{{name: s, capacity: {capacity}, scale: {{capacity: {scale}}},
               default: {{demand: {{fixed: 10ms}}{share}}}}}]"
        );
        let profile = read(&[("one", &text)]).remove(0);
        let service = &profile.services[0];
        let Capacity::Layered { workers, cores, .. } = service.station.capacity else { panic!("layered") };
        (workers.map(NonZeroU32::get), cores, service.operations[0].contention, service.operations[0].mean_demand())
    };
    let all = Contention::Cpu(1.0);
    let pool = "{workers: 6, cores: 2, queue: 9}";
    assert_eq!(served(pool, "", 1.0), (Some(6), Some(2.0), all, Some(ms(10.0))));
    assert_eq!(served(pool, ", cpu: 40%", 0.5), (Some(3), Some(1.0), Contention::Cpu(0.4), Some(ms(10.0))));
    // a quarter of six workers are two that take 4/3 of the time, in which half a core does 2/3
    let (workers, cores, _, demand) = served(pool, "", 0.25);
    assert_eq!((workers, demand), (Some(2), Some(Duration::from_nanos(13_333_333))));
    assert!((cores.expect("shared") - 0.5 * 4.0 / 3.0).abs() < 1e-9);
    let (slowdown, no_cpu) = (Contention::Slowdown(0.1), Contention::Cpu(0.0));
    assert_eq!(served("{workers: 6, queue: 9}", ", slowdown: 10%", 1.0), (Some(6), None, slowdown, Some(ms(10.0))));
    assert_eq!(served("{workers: 6, queue: 9}", ", slowdown: 10%", 2.0).1, Some(2.0));
    assert_eq!(served("{workers: 6, queue: 9}", "", 2.0), (Some(12), Some(2.0), no_cpu, Some(ms(10.0))));
    assert_eq!(served("{cores: 0.5, queue: 9}", "", 4.0), (None, Some(2.0), all, Some(ms(10.0))));
}

#[test]
fn an_own_cpu_or_slowdown_replaces_the_inherited_one() {
    let base = "services: [{name: s, capacity: {workers: 6, cores: 1, queue: 9},
        operations: [{name: a, match: {method: GET}, demand: {fixed: 1ms}, slowdown: 13%}],
        default: {demand: {fixed: 1ms}, cpu: 50%}}]";
    let other = "extends: base
services:
  - {name: s, capacity: {cores: 2}, operations: [{name: a, cpu: 90%}], default: {cpu: null}}";
    let fifo = "extends: base
services: [{name: s, capacity: {discipline: fifo, workers: 6, queue: 9}, operations: [{name: a, slowdown: null}], default: {cpu: null}}]";
    let back = "extends: fifo\nservices: [{name: s, capacity: {cores: 1, queue: 3}}]";
    let profiles = read(&[("base", base), ("other", other), ("fifo", fifo), ("back", back)]);
    let service = |name: &str| {
        let profile = profiles.iter().find(|profile| profile.name == name).expect("it is read");
        let service = &profile.spec.services[0];
        let default = service.default.as_ref().and_then(|timing| timing.contention);
        (service.station.capacity.clone(), service.operations[0].timing.contention, default)
    };
    let workers = NonZeroU32::new(6);
    let layered =
        |workers, cores, queue| Capacity::Layered { workers, cores: Some(cores), queue: Queue::AtMost(queue) };
    assert_eq!(service("other"), (layered(workers, 2.0, 9), Some(Contention::Cpu(0.9)), None));
    let pool = Capacity::Fifo { workers: workers.expect("above 0"), queue: Queue::AtMost(9) };
    assert_eq!(service("fifo"), (pool, None, None));
    // cores in place of a discipline replace the capacity as a whole
    assert_eq!(service("back").0, layered(None, 1.0, 3));
}

fn scaled_by(workers: u32, latency: f64, capacity: f64) -> (u32, CallDemands<'static>) {
    let text = format!(
        "services: [{{name: s, capacity: {{discipline: sharing, workers: {workers}, queue: unbounded}},
           scale: {{latency: {latency}, capacity: {capacity}}},
           default: {{demand: {{fixed: 10ms}}, outside: {{fixed: 1ms}}}}}}]"
    );
    let profile = Box::leak(Box::new(read(&[("scaled", &text)]).remove(0)));
    let workers = profile.services[0].station.capacity.workers().expect("limited").get();
    (workers, profile.services[0].operations[0].draw(&Draws::new(1), 0, Duration::ZERO, None))
}

/// Capacity is workers by demand, and scales exactly; a worker is never less than whole.
#[test]
fn scaling_keeps_workers_whole_and_capacity_exact() {
    for (workers, latency, capacity, expected, demand) in [
        (4, 1.0, 1.0, 4, 10.0),
        (4, 1.0, 0.25, 1, 10.0),
        (4, 1.0, 0.1, 1, 25.0),
        (4, 1.0, 2.0, 8, 10.0),
        (3, 1.0, 0.5, 2, 40.0 / 3.0),
        (4, 1.5, 1.0, 4, 15.0),
        (4, 2.0, 0.1, 1, 50.0),
    ] {
        let (count, drawn) = scaled_by(workers, latency, capacity);
        assert_eq!((count, drawn.outside_latency), (expected, ms(latency)));
        assert!(drawn.demand.abs_diff(ms(demand)) <= Duration::from_nanos(1), "{drawn:?}");
        let per_second = |workers: u32, demand: Duration| f64::from(workers) / demand.as_secs_f64();
        let expected = per_second(workers, ms(10.0)) * capacity / latency;
        assert!((per_second(count, drawn.demand) / expected - 1.0).abs() < 1e-6);
    }
}

#[test]
fn a_profile_that_extends_another_is_laid_over_it() {
    let peak = r#"
extends: recorded
services:
  - name: inventory
    capacity: {workers: 8}
    front: {queue: 7}
    stalls: {last: {fixed: 2s}}
    scale: {latency: 1.4}
    operations:
      - {name: "GET /inventory/{id}", demand: {fixed: 9ms}, outside: null}
      - {name: new, match: {urlPath: /inventory/new}, demand: {fixed: 1ms}}
  - name: rest
    capacity: {discipline: sharing, workers: 2, queue: unbounded}
"#;
    let worse = "extends: peak\ndescription: worse\nservices: [{name: inventory, scale: {capacity: 0.5}}]";
    let profiles = read(&[("worse", worse), ("recorded", RECORDED), ("peak", peak)]);
    assert_eq!(profiles.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["peak", "recorded", "worse"]);
    let (peak, worse) = (&profiles[0].spec, &profiles[2].spec);
    assert_eq!((&peak.description, peak.priority), (&None, None));
    let workers = NonZeroU32::new(8).expect("above 0");
    assert_eq!(peak.services[0].station.capacity, Capacity::Fifo { workers, queue: Queue::AtMost(256) });
    assert!(peak.services[0].station.overflow.is_some());
    let front = peak.services[0].front_station.as_ref().expect("inherited");
    assert_eq!(front.capacity, Capacity::Fifo { workers: NonZeroU32::MIN, queue: Queue::AtMost(7) });
    let stalls = peak.services[0].stalls.as_ref().expect("inherited");
    assert_eq!(
        (stalls.interval.kind.as_str(), &stalls.duration),
        ("exponential", &DistributionSpec::fixed(Duration::from_secs(2)))
    );
    let names: Vec<_> = peak.services[0].operations.iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!(names, ["new", "GET /inventory/{id}", "DELETE"]);
    let work = &peak.services[0].operations[1].timing;
    assert_eq!(
        (&work.demand, &work.outside_latency, work.classes.len()),
        (&DistributionSpec::fixed(ms(9.0)), &None, 1)
    );
    assert!(matches!(peak.services[1].station.capacity, Capacity::Sharing { .. }));
    assert!(peak.services[1].default.is_some());
    assert_eq!(worse.services[0].scale, ScaleFactors { latency: 1.4, capacity: 0.5 });
    assert_eq!(worse.services[0].operations, peak.services[0].operations);
}

#[test]
fn a_folder_is_read_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(load(folder.path()).profiles.is_empty() && !load(folder.path()).has_errors());
    let profiles = folder.path().join("profiles");
    std::fs::create_dir(&profiles).expect("created");
    for (name, text) in
        [("recorded.yaml", RECORDED), ("peak.yml", "extends: recorded"), (".x.yaml", "["), ("notes.md", "")]
    {
        std::fs::write(profiles.join(name), text).expect("written");
    }
    let loaded = load(folder.path());
    assert_eq!(loaded.profiles.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["peak", "recorded"]);
    std::fs::write(profiles.join("peak.yaml"), "extends: recorded").expect("written");
    std::fs::write(profiles.join("latin.yaml"), b"\xff").expect("written");
    let shown = shown(&load(folder.path()));
    assert!(shown[0].ends_with("latin.yaml` is not UTF-8; help: save it as UTF-8"), "{shown:?}");
    assert!(shown[1].contains("are profiles of one name"), "{shown:?}");
}

/// Every block of the page, each named by its first line.
#[test]
fn the_examples_of_the_documentation_load() {
    let page = include_str!("../../../../docs/PROFILES.md");
    let blocks: Vec<_> = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let named: Vec<_> = blocks
        .iter()
        .map(|block| {
            let name = block.lines().next().and_then(|line| line.strip_prefix("# profiles/")?.strip_suffix(".yaml"));
            (name.expect("named in its first line"), *block)
        })
        .collect();
    assert_eq!(read(&named).len(), named.len());
    // and every distribution of the table
    let mut kinds = 0;
    for example in page.split("| `{").skip(1).filter_map(|rest| rest.split("}`").next()) {
        let text =
            format!("services: [{{name: s, capacity: {{discipline: unlimited}}, default: {{demand: {{{example}}}}}}}]");
        read(&[("table", &text)]);
        kinds += 1;
    }
    assert_eq!(kinds, Distribution::KINDS.len());
}

fn time() -> impl Strategy<Value = Duration> {
    (1..10_000_000_000u64).prop_map(Duration::from_nanos)
}

fn share() -> impl Strategy<Value = f64> {
    (0..400_000u32).prop_map(|share| units::parse_share(&units::share(f64::from(share) / 1e6)).expect("a share"))
}

fn a_delay() -> impl Strategy<Value = DistributionSpec> {
    let of = |kind: &str, params: Vec<(&str, DistributionParam)>| DistributionSpec {
        kind: kind.to_owned(),
        params: params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    let simple = prop_oneof![
        time().prop_map(DistributionSpec::fixed),
        time().prop_map(move |mean| of("exponential", vec![("mean", DistributionParam::Time(mean))])),
        (time(), 0.1..5.0f64).prop_map(move |(mean, cv)| {
            of("gamma", vec![("mean", DistributionParam::Time(mean)), ("cv", DistributionParam::Number(cv))])
        }),
        (time(), time()).prop_map(move |(median, more)| {
            let far = median * 2 + more;
            of(
                "lognormal",
                vec![
                    ("median", DistributionParam::Time(median)),
                    ("p99", DistributionParam::Time(far)),
                    ("max", DistributionParam::Time(far * 2)),
                ],
            )
        }),
        proptest::collection::vec(time(), 4).prop_map(|mut times| {
            times.sort_unstable();
            DistributionSpec::quantiles([0.0, 50.0, 99.9, 100.0].into_iter().zip(times))
        }),
    ];
    simple.prop_recursive(2, 6, 2, move |inner| {
        proptest::collection::vec(inner, 2).prop_map(move |parts| {
            let parts = parts.into_iter().zip([0.25, 0.75]).map(|(part, share)| (share, part)).collect();
            of("mixture", vec![("parts", DistributionParam::Parts(parts))])
        })
    })
}

fn a_text() -> impl Strategy<Value = String> {
    let odd =
        ["yes", "null", "1.5", "a: b", "a #b", "- x", "{x}", "é\u{2028}\"\\", "\u{7f}\u{85}\u{feff}", "'", "%a", "x "];
    prop_oneof![
        Just("GET /inventory/{id}".to_owned()),
        "[a-z ]{0,6}[a-z]",
        prop::sample::select(odd.to_vec()).prop_map(str::to_owned)
    ]
}

fn a_length() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(prop_oneof![0..1_000_000_000_000u64, (0..1_000u64).prop_map(|thousands| thousands * 1_000)])
}

prop_compose! {
    fn a_work()(
        demand in a_delay(),
        contention in prop::option::of((any::<bool>(), share()).prop_map(|(cpu, share)| {
            if cpu { Contention::Cpu(share) } else { Contention::Slowdown(share) }
        })),
        outside in prop::option::of(a_delay()),
        front in prop::option::of(a_delay()),
        order in prop::option::of((1..1_000_000_000_000u64, share())),
        transfer in prop::option::of(prop_oneof![1.0..1e12f64, Just(2e7), (1..1000u64).prop_map(|n| n as f64 * 1e5)]),
        classes in proptest::collection::vec((share(), a_length(), prop::option::of(200..600u16), a_delay()), 0..3),
    ) -> OperationTiming {
        let classes = classes.into_iter().enumerate().map(|(place, (share, from, status, demand))| {
            // no two of one length
            DemandClass { share, min_body_bytes: from.map(|bytes| bytes * 3 + place as u64 + 1), status, demand }
        });
        let order = order.filter(|(_, correlation)| *correlation > 0.0);
        let order = order.map(|(nanos, correlation)| Autocorrelation { block: Duration::from_nanos(nanos), correlation });
        OperationTiming {
            demand,
            contention,
            outside_latency: outside,
            front_demand: front,
            autocorrelation: order,
            transfer_rate: transfer,
            classes: classes.collect(),
        }
    }
}

fn a_pattern() -> impl Strategy<Value = Option<serde_json::Value>> {
    let pattern = a_text().prop_map(|text| json!({"method": "GET", "headers": {"A-b": {"equalTo": text}}}));
    prop::option::of(pattern)
}

fn an_overflow() -> impl Strategy<Value = Overflow> + Clone {
    let answer = (200..600u16, prop::option::of(a_text())).prop_map(|(status, body)| {
        let mut headers = http::HeaderMap::new();
        for value in ["1", "a \"b\""] {
            headers.append("retry-after", http::HeaderValue::from_static(value));
        }
        Overflow::Answer { status, headers, body }
    });
    prop_oneof![answer, Just(Overflow::Fault("EMPTY_RESPONSE".to_owned()))]
}

fn a_rate_limit() -> impl Strategy<Value = RateLimit> {
    (0.001..1e6f64, 1..1_000u32, any::<bool>(), prop::option::of(an_overflow())).prop_map(
        |(per_second, burst, spaced, overflow)| RateLimit { rate: TokenRate { per_second, burst, spaced }, overflow },
    )
}

fn a_capacity() -> impl Strategy<Value = (Capacity, Option<Overflow>)> {
    let workers = (1..=1_000_000u32).prop_map(|workers| NonZeroU32::new(workers).expect("above 0"));
    prop_oneof![
        Just((Capacity::Unlimited, None)),
        workers.clone().prop_map(|workers| (Capacity::Sharing { workers, queue: Queue::Unbounded }, None)),
        (1.0..1e5f64, 2..100u32, 0.01..1.0f64).prop_map(|(rate, many, part)| {
            let curve = RateCurve::new([(1, rate), (many, rate * f64::from(many) * part), (many + 1, rate * part)]);
            (Capacity::Curve { curve: curve.expect("it falls short of a line"), queue: Queue::Unbounded }, None)
        }),
        (prop::option::of(workers.clone()), 0.001..1e6f64, any::<bool>()).prop_map(|(workers, cores, shared)| {
            let cores = (shared || workers.is_none()).then_some(cores);
            (Capacity::Layered { workers, cores, queue: Queue::Unbounded }, None)
        }),
        (workers, 0..1_000_000u32, prop::option::of(an_overflow())).prop_map(|(workers, queue, overflow)| {
            (Capacity::Fifo { workers, queue: Queue::AtMost(queue) }, overflow)
        }),
    ]
}

prop_compose! {
    fn a_service()(
        name in a_text(),
        pattern in a_pattern(),
        (capacity, overflow) in a_capacity(),
        front in a_capacity(),
        rate_limit in prop::option::of(a_rate_limit()),
        stalls in prop::option::of((1_000_000..1_000_000_000u64, a_delay())),
        latency in 0.01..10f64,
        operations in proptest::collection::vec((a_text(), a_pattern(), a_work()), 0..3),
        default in a_work(),
        valid in (prop::option::of(share()), prop::option::of(any::<u64>()), prop::option::of(0.0..1e6f64)),
    ) -> ProfileService {
        // other calls disturb an operation in a layered capacity only
        let is_layered = matches!(capacity, Capacity::Layered { .. });
        let timing = |timing: OperationTiming| {
            OperationTiming { contention: timing.contention.filter(|_| is_layered), ..timing }
        };
        let operations = operations.into_iter().enumerate().map(|(place, (name, pattern, work))| {
            ProfileOperation { name: format!("{name}{place}"), pattern, timing: timing(work) }
        });
        ProfileService {
            name,
            pattern,
            station: StationSpec { capacity, overflow },
            front_station: Some(StationSpec { capacity: front.0, overflow: front.1 }),
            rate_limit,
            reneging: if latency > 1.0 { Reneging::FreeWorker } else { Reneging::KeepWorker },
            stalls: stalls.map(|(every, last)| StallTimes { interval: DistributionSpec::fixed(Duration::from_nanos(every)), duration: last }),
            scale: ScaleFactors { latency, capacity: 1.0 },
            operations: operations.collect(),
            default: Some(timing(default)),
            connections: valid.1.map(|number| ConnectionRules {
                max_requests: NonZeroU32::new((number % 1_000) as u32 + 1),
                idle: Some(DistributionSpec::fixed(Duration::from_millis(number % 100_000))),
                race: Duration::from_micros(number % 1_000),
            }),
            valid: ProfileValidRange {
                utilization: valid.0,
                in_flight: valid.1,
                per_second: valid.2,
                samples: valid.1,
                recorded: valid.1.map(|number| number % 4_000_000_000),
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_read_back(
        description in prop::option::of(a_text()),
        priority in prop::option::of(-9..9i64),
        service in a_service(),
        notes in "[ -~\n\r]{0,40}",
    ) {
        let written = Profile { description, priority, extends: None, services: vec![service], timeline: None };
        let text = written.to_yaml(&notes);
        let loaded = read_all(&files(&[("written", &text)]));
        prop_assert!(!loaded.has_errors(), "{}\n{:#?}", text, shown(&loaded));
        prop_assert_eq!(&loaded.profiles[0].spec, &written, "{}", text);
        prop_assert!(CompiledProfile::new("written", written).is_ok());
    }

    #[test]
    fn a_written_timeline_is_read_back(
        gaps in proptest::collection::vec((1..1_000_000_000_000_000u64, any::<bool>(), 0.01..90f64), 0..5),
        rest in prop::option::of(1..1_000_000_000_000u64),
        speed in prop_oneof![Just(1.0), 0.001..1e6f64],
    ) {
        let mut at = Duration::ZERO;
        let mut steps = vec![TimelineStep { at, profile: Some("p".to_owned()), scale: ScaleFactors::default() }];
        for (gap, keeps, latency) in gaps {
            at += Duration::from_nanos(gap);
            let profile = (!keeps).then(|| "p".to_owned());
            steps.push(TimelineStep { at, profile, scale: ScaleFactors { latency, capacity: 1.0 } });
        }
        let repeat = rest.map(|rest| at + Duration::from_nanos(rest));
        let timeline = Some(Timeline { steps, repeat, speed });
        let written = Profile { timeline, ..Profile::default() };
        let text = written.to_yaml("");
        let loaded = read_all(&files(&[("day", &text), ("p", RECORDED)]));
        prop_assert!(!loaded.has_errors(), "{}\n{:#?}", text, shown(&loaded));
        prop_assert_eq!(&loaded.profiles[0].spec, &written, "{}", text);
    }

    #[test]
    fn no_text_panics(cut in 0..RECORDED.len(), more in "[ -~\n]{0,12}", to in 0..RECORDED.len()) {
        let text = format!("{}{more}{}", &RECORDED[..cut], &RECORDED[to..]);
        let loaded = read_all(&files(&[("odd", &text), ("over", &format!("extends: odd\n{more}"))]));
        prop_assert!(loaded.has_errors() || !loaded.profiles.is_empty());
    }
}

#[test]
fn a_written_profile_reads_well() {
    let profile = read(&[("recorded", RECORDED)]).remove(0);
    let expected = r#"# fitted from tapes/a.jsonl
description: as recorded on 2026-11-02, 20-60% load
priority: 1
services:
  - name: inventory
    match: {urlPathPattern: "/inventory/.*"}
    capacity:
      discipline: fifo # a worker takes one call at a time, first come, first served
      workers: 4
      queue: 256 # calls that may wait
      overflow: {status: 503, headers: {retry-after: "1"}}
    front:
      discipline: fifo # a worker takes one call at a time, first come, first served
      workers: 1
      queue: 100 # calls that may wait
    stalls: {every: {exponential: {mean: 30s}}, last: {lognormal: {median: 120ms, p99: 400ms}}} # the whole service stands still
    abandon: free # a client that goes away frees its worker
    operations:
      - name: GET /inventory/{id}
        match: {method: "GET", urlPathTemplate: "/inventory/{id}"}
        demand: {quantiles: {p0: 1.1ms, p50: 3.2ms, p90: 7ms, p99: 31ms, p99.9: 88ms, p100: 140ms}}
        outside: {fixed: 1.2ms} # before a worker is asked for, independent of load
        front: {fixed: 300us} # demand at the front station
        classes:
          - {share: 0.4%, status: 503, demand: {fixed: 2ms}}
      - name: DELETE
        match: {method: "DELETE"}
        demand: {mixture: [{share: 90%, fixed: 1ms}, {share: 10%, exponential: {mean: 5ms, max: 1s}}]}
    valid: {utilization: 62%, inFlight: 9, perSecond: 180, samples: 41200} # observed range; beyond it the model extrapolates
  - name: rest
    match: {urlPathPattern: "/rest/.*"}
    capacity:
      discipline: unlimited # latency does not depend on load
    default: # calls of this service that match no operation
      demand: {gamma: {mean: 4ms, cv: 0.5}}
"#;
    assert_eq!(profile.spec.to_yaml("fitted from tapes/a.jsonl"), expected);
}

#[test]
fn what_an_operation_extends_keeps_its_order_and_transfer() {
    let base = "services: [{name: s, capacity: {discipline: unlimited}, default: {demand: {fixed: 1ms}, \
                order: {blocks: 200ms, correlation: 40%}, transfer: {rate: 20MB/s}}}]";
    let over =
        "extends: base\nservices: [{name: s, scale: {latency: 2}, default: {order: {blocks: 1s, correlation: 10%}}}]";
    let profiles = read(&[("base", base), ("over", over)]);
    let works = [0, 1].map(|place: usize| profiles[place].spec.services[0].default.clone().expect("a default"));
    let orders = works.clone().map(|work| work.autocorrelation.map(|order| (order.block, order.correlation)));
    assert_eq!(orders, [Some((ms(200.0), 0.4)), Some((ms(1000.0), 0.1))]);
    assert_eq!(works.map(|work| work.transfer_rate), [Some(2e7); 2]);
    let drawn = |place: usize| {
        let operation = &profiles[place].services[0].operations[0];
        operation.draw(&Draws::new(1), 0, Duration::ZERO, None)
    };
    // twice the time is half the rate
    assert_eq!([drawn(0).transfer_rate, drawn(1).transfer_rate], [Some(2e7), Some(1e7)]);
}

#[test]
fn slow_spells_stay_together_and_the_demands_are_the_same_otherwise() {
    let text = |order: &str| {
        format!(
            "services: [{{name: s, capacity: {{discipline: unlimited}}, operations: [\
             {{name: a, demand: {{exponential: {{mean: 5ms}}}}{order}}}, {{name: b, demand: {{exponential: {{mean: 9ms}}}}{order}}}]}}]"
        )
    };
    let demands = |text: &str, operation: usize| -> Vec<f64> {
        let profile = read(&[("p", text)]).remove(0);
        let operation = &profile.services[0].operations[operation];
        let draw = |k| operation.draw(&Draws::new(9), k, Duration::from_millis(20 * k), None);
        (0..20_000).map(|k| draw(k).demand.as_secs_f64() * 1e3).collect()
    };
    let mean = |demands: &[f64]| demands.iter().sum::<f64>() / demands.len() as f64;
    // ten calls a block
    let ordered = text(", order: {blocks: 200ms, correlation: 100%}");
    let (a, b) = (demands(&ordered, 0), demands(&ordered, 1));
    for (block, other) in a.chunks(10).zip(b.chunks(10)) {
        assert!(block.iter().all(|demand| *demand == block[0]), "{block:?}");
        assert!((other[0] / block[0] - 1.8).abs() < 1e-3, "one spell for all: {} {}", other[0], block[0]);
    }
    // four standard errors of the mean of 2,000 exponential blocks
    assert!((mean(&a) / 5.0 - 1.0).abs() < 4.0 / 2_000f64.sqrt(), "{}", mean(&a));
    let plain = demands(&text(""), 0);
    assert!((mean(&plain) / 5.0 - 1.0).abs() < 4.0 / 20_000f64.sqrt(), "{}", mean(&plain));
    assert_ne!(plain[0], plain[1]);
}

#[test]
fn what_is_wrong_is_named_as_it_stands() {
    let told = |files_of: &[(&str, &str)]| {
        let loaded = read_all(&files(files_of));
        loaded
            .defects
            .iter()
            .map(|defect| format!("{}; {}", defect.message, defect.help.as_deref().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let base = "services: [{name: s, capacity: {discipline: unlimited}, default: {demand: {fixed: 1ms}}}]";
    let over = "extends: recorded\nservices: [{name: other, scale: {latency: 2}}]";
    let unknown = "`recorded` has no service `other` to extend; it has `s`; a service of its own needs a `capacity`";
    assert_eq!(told(&[("recorded", base), ("peak", over)]), [unknown]);
    let front = base.replace("default", "front: {discipline: fifo, workers: 1}, default");
    assert!(
        told(&[("recorded", &front)])[0].starts_with("the front has no `queue`"),
        "{:?}",
        told(&[("recorded", &front)])
    );
    let status = base.replace("{demand", "{classes: [{share: 1%, status: 999, demand: {fixed: 1ms}}], demand");
    assert_eq!(told(&[("recorded", &status)]), ["no service answers 999; use a number from 200 to 599"]);
}
