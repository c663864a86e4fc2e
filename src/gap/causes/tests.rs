use super::super::sample::Percentiles;
use super::*;
use crate::pace::profile::{File, read_all};

/// What a mock was told of a service of four workers, recorded up to 60 % of its capacity.
fn station(capacity: &str, more: &str) -> Station {
    let text = format!(
        "services:\n  - name: items\n    capacity: {capacity}\n    operations:\n      - name: GET /a\n        match: {{url: /a}}\n        \
         demand: {{fixed: 10ms}}\n    valid: {{utilization: 60%, perSecond: 240}}\n{more}"
    );
    let loaded = read_all(&[File { name: "recorded".to_owned(), file: "recorded.yaml".into(), text: text.into() }]);
    assert!(!loaded.failed(), "{:?}", loaded.defects);
    let model = super::super::Model::of(&loaded.profiles[0], "profile recorded").unwrap();
    model.station("GET /a").unwrap().clone()
}

fn fifo() -> Station {
    station("{discipline: fifo, workers: 4, queue: unbounded}", "")
}

/// A load by the logarithms of p50, p90, p95 and p99; beyond 0.05 they matter.
fn load(used: f64, logs: [f64; 4]) -> Load {
    let off = |percent: u32| {
        let log = logs[[50, 90, 95, 99].iter().position(|known| *known == percent).unwrap()];
        Some(Off { log, matters: log.abs() > 0.05 })
    };
    Load {
        name: format!("load {used}"),
        utilization: Some(used),
        most_per_second: used * 400.0,
        off: Percentiles::from(off),
        throughput: None,
    }
}

fn facts(station: Station, loads: &[Load]) -> Facts {
    Facts {
        reference: "recorded".to_owned(),
        mock: "mock".to_owned(),
        served: Served::Profile,
        station: Some(station),
        differs: true,
        loads: loads.to_vec(),
        ..Facts::default()
    }
}

fn with_error(station: Station, status: &str, reference: f64, mock: f64) -> Facts {
    let errors = vec![Shift { status: status.to_owned(), reference, mock }];
    Facts { errors, ..facts(station, &[load(0.3, AGREES), load(0.6, AGREES)]) }
}

const AGREES: [f64; 4] = [0.01, -0.02, 0.01, 0.03];

#[test]
fn each_cause_is_told_by_its_facts() {
    use CauseKind as Kind;
    let unlimited = || station("{discipline: unlimited}", "");
    let bounded = || station("{discipline: fifo, workers: 4, queue: 9}", "");
    let limited = || station("{discipline: fifo, workers: 4, queue: unbounded}", "    rateLimit: {perSecond: 100}\n");
    let calm = || load(0.2, AGREES);
    let faster = [-0.2, -0.5, -0.7, -0.8];
    let slower = [0.2, 0.5, 0.7, 0.8];
    let two = |station: Station, busy: Load| facts(station, &[calm(), busy]);
    let table: Vec<(Facts, &[Kind], &str)> = vec![
        (two(unlimited(), load(0.5, faster)), &[Kind::NoQueue], "no queue was fitted"),
        (two(fifo(), load(0.6, faster)), &[Kind::CapacityTooHigh], "its 4 workers are too many"),
        (two(fifo(), load(0.6, slower)), &[Kind::CapacityTooLow], "its 4 workers are too few"),
        (two(fifo(), load(0.9, faster)), &[Kind::BeyondValid], "learned from 60 % of the capacity at most"),
        (two(fifo(), load(0.9, slower)), &[Kind::BeyondValid], "standin record --ramp"),
        // one load alone, at which calls wait
        (facts(fifo(), &[load(0.65, faster)]), &[Kind::CapacityTooHigh], "p95 -50.3 % at 65 % of the capacity"),
        (
            facts(fifo(), &[load(0.2, [0.1; 4]), load(0.6, [0.12, 0.11, 0.1, 0.1])]),
            &[Kind::Demand],
            "at every load, by about the same",
        ),
        (
            facts(fifo(), &[load(0.2, [-0.1; 4]), load(0.6, faster)]),
            &[Kind::Demand],
            "most when busy, but also when calm",
        ),
        (facts(fifo(), &[load(0.2, [0.0, 0.0, -0.1, -0.6])]), &[Kind::Tail], "the profile has no stalls"),
        (facts(fifo(), &[load(0.2, [0.0, 0.0, 0.1, 0.6])]), &[Kind::Tail], "the slowest are longer"),
        (
            facts(fifo(), &[load(0.2, [0.2, 0.0, -0.1, -0.6])]),
            &[Kind::Spread],
            "typical calls are longer and slow ones shorter",
        ),
        (facts(fifo(), &[load(0.2, [0.1, 0.3, 0.0, 0.0]), calm()]), &[Kind::Unclear], "--runs 5"),
        (
            Facts { served: Served::Bare, station: None, ..two(fifo(), load(0.6, faster)) },
            &[Kind::NoProfile],
            "`standin fit`",
        ),
        (with_error(fifo(), "429", 0.1, 0.0), &[Kind::RateLimitMissing], "a rate limit is missing"),
        (with_error(limited(), "429", 0.1, 0.05), &[Kind::RateLimitMissing], "lets too many through"),
        (with_error(fifo(), "503", 0.1, 0.0), &[Kind::QueueLimitMissing], "`queue` a bound"),
        (with_error(bounded(), "503", 0.1, 0.0), &[Kind::FailuresMissing], "a class of that status"),
        (
            with_error(fifo(), "500", 0.1, 0.0),
            &[Kind::FailuresMissing],
            "status 500 came to 0 % of the calls with mock, to 10 % with recorded",
        ),
        (with_error(bounded(), "503", 0.0, 0.1), &[Kind::FailuresAdded], "is too tight"),
        (with_error(fifo(), "none", 0.0, 0.1), &[Kind::Unanswered], "no answer came to 10 %"),
        (
            Facts { left_out: 0.4, differs: false, ..facts(fifo(), &[calm()]) },
            &[Kind::MockTooSlow],
            "40 % of its calls",
        ),
        (
            Facts { left_out: 0.4, ..with_error(fifo(), "500", 0.1, 0.0) },
            &[Kind::MockTooSlow, Kind::FailuresMissing],
            "this machine",
        ),
    ];
    for (facts, kinds, told) in table {
        let causes = facts.causes();
        let found: Vec<Kind> = causes.iter().map(|cause| cause.kind).collect();
        assert_eq!(found, kinds, "{causes:?}");
        assert!(causes.iter().any(|cause| cause.sentence.contains(told)), "`{told}` is not in {causes:?}");
    }
}

#[test]
fn nothing_is_told_where_all_agree() {
    let facts = facts(fifo(), &[load(0.2, AGREES), load(0.6, AGREES)]);
    assert_eq!(Facts { differs: false, ..facts }.causes(), []);
    assert_eq!(Facts::default().causes(), []);
}

/// Errors, then latencies; no more than can be read at once.
#[test]
fn there_are_three_at_most() {
    let shift = |status: &str, mock| Shift { status: status.to_owned(), reference: 0.3, mock };
    let facts = Facts {
        left_out: 0.5,
        errors: vec![shift("500", 0.0), shift("502", 0.1), shift("504", 0.2)],
        ..facts(fifo(), &[load(0.2, AGREES), load(0.6, [0.1, 0.2, 0.4, 0.4])])
    };
    let kinds: Vec<CauseKind> = facts.causes().iter().map(|cause| cause.kind).collect();
    assert_eq!(kinds, [CauseKind::MockTooSlow, CauseKind::FailuresMissing, CauseKind::FailuresMissing]);
    let kinds: Vec<CauseKind> = Facts { left_out: 0.0, ..facts }.causes().iter().map(|cause| cause.kind).collect();
    assert_eq!(kinds, [CauseKind::FailuresMissing, CauseKind::FailuresMissing, CauseKind::CapacityTooLow]);
}

/// Of two tapes no profile is known, and of one operation of several it is named.
#[test]
fn tapes_and_single_operations_are_told_so() {
    let busy = facts(fifo(), &[load(0.2, AGREES), load(0.6, [0.1, 0.2, 0.4, 0.4])]);
    let tapes = Facts {
        mock: "after".to_owned(),
        served: Served::Elsewhere,
        station: None,
        only: Some("GET /a".to_owned()),
        ..busy
    };
    let causes = tapes.causes();
    assert_eq!(causes[0].kind, CauseKind::CapacityTooLow);
    assert!(causes[0].sentence.starts_with("after is slower of GET /a when busy"), "{causes:?}");
    assert!(!causes[0].sentence.contains("profile"), "{causes:?}");
}
