use crate::gap::compare::sample::Percentiles;
use crate::gap::diagnose::evidence::{ConstantTime, FirstDifference, LoadEvidence, PercentileDifference};
use crate::gap::diagnose::rules::*;
use standin_model::profile::{ProfileFile, read_all};

/// Returns the capacity of a service of four workers, recorded up to 60 % of its capacity.
fn station(capacity: &str, more: &str) -> StationCapacity {
    let text = format!(
        "services:\n  - name: items\n    capacity: {capacity}\n    operations:\n      - name: GET /a\n        match: {{url: /a}}\n        \
         demand: {{fixed: 10ms}}\n    valid: {{utilization: 60%, perSecond: 240}}\n{more}"
    );
    let loaded =
        read_all(&[ProfileFile { name: "recorded".to_owned(), file: "recorded.yaml".into(), text: text.into() }]);
    assert!(!loaded.has_errors(), "{:?}", loaded.defects);
    let model = crate::gap::CapacityModel::of(&loaded.profiles[0], "profile recorded").unwrap();
    model.station("GET /a").unwrap().clone()
}

fn fifo() -> StationCapacity {
    station("{discipline: fifo, workers: 4, queue: unbounded}", "")
}

/// Returns a load with the logarithms of p50, p90, p95 and p99, which matter beyond 0.05.
fn load(used: f64, logs: [f64; 4]) -> LoadEvidence {
    let off = |percent: u32| {
        let log = logs[[50, 90, 95, 99].iter().position(|known| *known == percent).unwrap()];
        Some(PercentileDifference { log, matters: log.abs() > 0.05, noise: 0.0 })
    };
    LoadEvidence {
        when: format!("at load {used}"),
        utilization: Some(used),
        spread: Some(0.8),
        most_per_second: used * 400.0,
        off: Percentiles::from(off),
        throughput: None,
    }
}

fn facts(station: StationCapacity, loads: &[LoadEvidence]) -> Evidence {
    Evidence {
        mock: "mock".to_owned(),
        served: MockKind::Profile,
        station: Some(station),
        differs: true,
        loads: loads.to_vec(),
        ..Evidence::default()
    }
}

fn with_error(station: StationCapacity, status: &str, reference: f64, mock: f64) -> Evidence {
    let errors = vec![StatusShift { status: status.to_owned(), reference, mock }];
    Evidence { errors, ..facts(station, &[load(0.3, AGREES), load(0.6, AGREES)]) }
}

const AGREES: [f64; 4] = [0.01, -0.02, 0.01, 0.03];

#[test]
fn each_cause_is_told_by_its_facts() {
    use CauseKind as BaselineKind;
    let unlimited = || station("{discipline: unlimited}", "");
    let bounded = || station("{discipline: fifo, workers: 4, queue: 9}", "");
    let limited = || station("{discipline: fifo, workers: 4, queue: unbounded}", "    rateLimit: {perSecond: 100}\n");
    let calm = || load(0.2, AGREES);
    let faster = [-0.2, -0.5, -0.7, -0.8];
    let slower = [0.2, 0.5, 0.7, 0.8];
    let two = |station: StationCapacity, busy: LoadEvidence| facts(station, &[calm(), busy]);
    let table: Vec<(Evidence, &[BaselineKind], &str)> = vec![
        (two(unlimited(), load(0.5, faster)), &[BaselineKind::NoQueue], "no queue was fitted"),
        (two(fifo(), load(0.6, faster)), &[BaselineKind::CapacityTooHigh], "its 4 workers are too many"),
        (two(fifo(), load(0.6, slower)), &[BaselineKind::CapacityTooLow], "its 4 workers are too few"),
        (two(fifo(), load(0.9, faster)), &[BaselineKind::BeyondValid], "learned from 60 % of the capacity at most"),
        (two(fifo(), load(0.9, slower)), &[BaselineKind::BeyondValid], "standin record --ramp"),
        // one load alone, at which calls wait
        (facts(fifo(), &[load(0.65, faster)]), &[BaselineKind::CapacityTooHigh], "p95 -50.3 % at 65 % of the capacity"),
        (
            facts(fifo(), &[load(0.2, [0.1; 4]), load(0.6, [0.12, 0.11, 0.1, 0.1])]),
            &[BaselineKind::Demand],
            "at every load, by about the same",
        ),
        (
            facts(fifo(), &[load(0.2, [-0.1; 4]), load(0.6, faster)]),
            &[BaselineKind::Demand],
            "most when busy, but also when calm",
        ),
        (facts(fifo(), &[load(0.2, [0.0, 0.0, -0.1, -0.6])]), &[BaselineKind::Tail], "the profile has no stalls"),
        (
            facts(fifo(), &[load(0.2, [0.0, 0.0, 0.1, 0.6])]),
            &[BaselineKind::Tail],
            "the slowest are longer at load 0.2",
        ),
        (
            facts(fifo(), &[load(0.2, [0.2, 0.0, -0.1, -0.6])]),
            &[BaselineKind::Spread],
            "typical calls are longer and slow ones shorter",
        ),
        (facts(fifo(), &[load(0.2, [0.1, 0.3, 0.0, 0.0]), calm()]), &[BaselineKind::Unclear], "--runs 5"),
        (
            Evidence { served: MockKind::Unpaced, station: None, ..two(fifo(), load(0.6, faster)) },
            &[BaselineKind::NoProfile],
            "`standin fit`",
        ),
        (with_error(fifo(), "429", 0.1, 0.0), &[BaselineKind::RateLimitMissing], "a rate limit is missing"),
        (with_error(limited(), "429", 0.1, 0.05), &[BaselineKind::RateLimitMissing], "lets too many through"),
        (with_error(fifo(), "503", 0.1, 0.0), &[BaselineKind::QueueLimitMissing], "`queue` a bound"),
        (with_error(bounded(), "503", 0.1, 0.0), &[BaselineKind::FailuresMissing], "a class of that status"),
        (
            with_error(fifo(), "500", 0.1, 0.0),
            &[BaselineKind::FailuresMissing],
            "status 500 came to 0 % of the calls with the mock, to 10 % with the service",
        ),
        (with_error(bounded(), "503", 0.0, 0.1), &[BaselineKind::FailuresAdded], "is too tight"),
        (with_error(fifo(), "none", 0.0, 0.1), &[BaselineKind::Unanswered], "no answer came to 10 %"),
        (
            Evidence { left_out: 0.4, differs: false, ..facts(fifo(), &[calm()]) },
            &[BaselineKind::MockTooSlow],
            "40 % of the calls",
        ),
        (
            Evidence { left_out: 0.4, ..with_error(fifo(), "500", 0.1, 0.0) },
            &[BaselineKind::MockTooSlow, BaselineKind::FailuresMissing],
            "this machine",
        ),
    ];
    for (facts, kinds, told) in table {
        let causes = facts.causes();
        let found: Vec<BaselineKind> = causes.iter().map(|cause| cause.kind).collect();
        assert_eq!(found, kinds, "{causes:?}");
        assert!(causes.iter().any(|cause| cause.sentence.contains(told)), "`{told}` is not in {causes:?}");
    }
}

#[test]
fn nothing_is_told_where_all_agree() {
    let facts = facts(fifo(), &[load(0.2, AGREES), load(0.6, AGREES)]);
    assert_eq!(Evidence { differs: false, ..facts }.causes(), []);
    assert_eq!(Evidence::default().causes(), []);
}

/// Errors, then latencies; no more than can be read at once.
#[test]
fn there_are_three_at_most() {
    let shift = |status: &str, mock| StatusShift { status: status.to_owned(), reference: 0.3, mock };
    let facts = Evidence {
        left_out: 0.5,
        errors: vec![shift("500", 0.0), shift("502", 0.1), shift("504", 0.2)],
        ..facts(fifo(), &[load(0.2, AGREES), load(0.6, [0.1, 0.2, 0.4, 0.4])])
    };
    let kinds: Vec<CauseKind> = facts.causes().iter().map(|cause| cause.kind).collect();
    assert_eq!(kinds, [CauseKind::MockTooSlow, CauseKind::FailuresMissing, CauseKind::FailuresMissing]);
    let kinds: Vec<CauseKind> = Evidence { left_out: 0.0, ..facts }.causes().iter().map(|cause| cause.kind).collect();
    assert_eq!(kinds, [CauseKind::FailuresMissing, CauseKind::FailuresMissing, CauseKind::CapacityTooLow]);
}

/// Causes in tapes name no profile, and name the operation if one of several differs.
#[test]
fn tapes_and_single_operations_are_told_so() {
    let busy = facts(fifo(), &[load(0.2, AGREES), load(0.6, [0.1, 0.2, 0.4, 0.4])]);
    let tapes = Evidence {
        mock: "after".to_owned(),
        served: MockKind::Tape,
        station: None,
        only: Some("GET /a".to_owned()),
        ..busy
    };
    let causes = tapes.causes();
    assert_eq!(causes[0].kind, CauseKind::CapacityTooLow);
    assert!(causes[0].sentence.starts_with("the mock after is slower for GET /a when busy"), "{causes:?}");
    assert!(!causes[0].sentence.contains("profile"), "{causes:?}");
}

fn elsewhere(loads: &[LoadEvidence]) -> Evidence {
    Evidence { served: MockKind::Tape, station: None, ..facts(fifo(), loads) }
}

/// A difference that is small when calm and large when busy is not a longer demand, unless all calm
/// percentiles show it and it explains the busy difference.
#[test]
fn a_queue_is_not_taken_for_longer_calls() {
    let calm = |logs| load(0.2, logs);
    let busy = |logs| load(0.8, logs);
    let far = [2.9, 3.0, 3.0, 2.8];
    for (calm, busy, kind, told) in [
        (calm([0.051, 0.02, -0.004, 0.0]), busy(far), CauseKind::CapacityTooLow, "probably it has less capacity"),
        (calm([0.06, 0.06, 0.06, 0.06]), busy(far), CauseKind::CapacityTooLow, "less capacity"),
        (
            calm([0.09, 0.1, 0.11, 0.1]),
            busy([0.35, 0.5, 0.6, 0.5]),
            CauseKind::Demand,
            "the calls themselves take longer",
        ),
        (calm([-0.09, -0.1, -0.11, -0.1]), busy([-0.3, -0.5, -0.6, -0.5]), CauseKind::Demand, "are done sooner"),
        (calm([-0.06, 0.03, 0.01, 0.0]), busy([-0.3, -0.5, -0.6, -0.5]), CauseKind::CapacityTooHigh, "more capacity"),
    ] {
        let causes = elsewhere(&[calm, busy]).causes();
        assert_eq!(causes[0].kind, kind, "{causes:?}");
        assert!(causes[0].sentence.contains(told), "{causes:?}");
        assert!(
            causes[0].sentence.ends_with(&causes[0].next) && !causes[0].why.contains(&causes[0].next),
            "{causes:?}"
        );
    }
}

/// Stalls and rare slow calls are there already when nothing waits; less capacity makes typical
/// answers longer as well.
#[test]
fn a_tail_is_not_taken_for_a_queue() {
    let three = |medium: LoadEvidence| {
        elsewhere(&[load(0.2, [0.01, 0.04, 0.05, 0.05]), medium, load(0.8, [0.2, 0.5, 0.5, 0.6])])
    };
    let kind = |facts: &Evidence| facts.causes()[0].kind;
    assert_eq!(kind(&three(load(0.5, [0.03, 0.08, 0.12, 0.12]))), CauseKind::Tail);
    assert_eq!(kind(&three(load(0.5, [0.18, 0.26, 0.27, 0.25]))), CauseKind::CapacityTooLow);
    // calls that demand all the same wait at the slow end alone
    let alike = LoadEvidence { spread: Some(0.1), ..load(0.5, [0.0, 0.08, 0.3, 0.3]) };
    assert_eq!(kind(&three(alike)), CauseKind::CapacityTooLow);
    let stalls = elsewhere(&[load(0.2, [0.03, 0.2, 0.5, 0.9]), load(0.8, [0.2, 1.4, 1.5, 1.3])]);
    let causes = stalls.causes();
    assert_eq!(causes[0].kind, CauseKind::Tail, "{causes:?}");
    assert!(causes[0].sentence.contains("such as stalls"), "{causes:?}");
}

/// Noise at busy loads does not contradict a difference at calm ones.
#[test]
fn differences_that_are_alike_but_for_chance_are_longer_calls() {
    let noisy = |used, logs: [f64; 4], noise: f64| {
        let known = load(used, logs);
        let off = |percent| known.off.at(percent).map(|off| PercentileDifference { noise, ..off });
        LoadEvidence { off: Percentiles::from(off), ..known }
    };
    let facts = elsewhere(&[
        noisy(0.2, [0.052, 0.04, 0.02, 0.04], 0.04),
        noisy(0.5, [0.043, 0.06, 0.06, 0.05], 0.03),
        noisy(0.8, [0.11, 0.16, 0.19, 0.18], 0.3),
    ]);
    assert_eq!(facts.causes()[0].kind, CauseKind::Demand, "{:?}", facts.causes());
}

#[test]
fn a_fixed_delay_and_an_operation_that_others_wait_behind_are_told() {
    let loads = [load(0.2, [0.2, -0.4, -0.6, -0.7]), load(0.8, [-0.14, -0.8, -1.0, -1.4])];
    let time = std::time::Duration::from_micros(11_020);
    let constant = Evidence { constant: Some(ConstantTime { least: time, most: time }), ..elsewhere(&loads) };
    let causes = constant.causes();
    assert_eq!(causes[0].kind, CauseKind::Constant);
    assert!(causes[0].sentence.starts_with("the mock answers everything in about 11.0 ms, busy or not"), "{causes:?}");
    assert!(causes[0].next.contains("a fitted profile"), "{causes:?}");

    let first = FirstDifference { operation: "GET /search".to_owned(), percent: 50, log: 1.306_f64.ln() };
    let behind = Evidence {
        first: Some(first),
        ..elsewhere(&[load(0.2, [0.07, 0.1, 0.1, 0.1]), load(0.8, [0.6, 0.9, 0.9, 0.9])])
    };
    let causes = behind.causes();
    assert_eq!((causes[0].kind, causes[0].operation.as_deref()), (CauseKind::Demand, Some("GET /search")));
    for told in
        ["only GET /search is slower with the mock (p50 +30.6 %)", "only when it is busier", "start with GET /search"]
    {
        assert!(causes[0].sentence.contains(told), "`{told}` is not in {causes:?}");
    }
}

/// Five runs a side are not advised where there are five.
#[test]
fn what_was_done_is_not_advised() {
    let unclear = |runs| Evidence { runs, ..elsewhere(&[load(0.2, [0.1, 0.3, 0.0, 0.0]), load(0.5, AGREES)]) }.causes();
    assert!(unclear(1)[0].next.contains("five recordings a side"), "{:?}", unclear(1));
    assert!(!unclear(5)[0].next.contains("five"), "{:?}", unclear(5));
}
