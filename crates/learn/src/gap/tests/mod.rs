mod power;

use std::iter;

use crate::gap::*;
use standin_stub::delay::{Distribution, Param, ParamValue};

/// Returns a sample of a log-normal distribution by its quantiles, in an order that has nothing to
/// do with their size.
pub(crate) fn latencies(calls: usize, median_ms: f64, sigma: f64) -> Vec<u64> {
    let params = [
        Param { name: "median", value: ParamValue::Time(median_ms * 1e6) },
        Param { name: "sigma", value: ParamValue::Number(sigma) },
    ];
    let delay = Distribution::build("lognormal", &params).unwrap();
    let place = |k: usize| (k * 7_919) % calls;
    (0..calls).map(|k| delay.quantile((place(k) as f64 + 0.5) / calls as f64).as_nanos() as u64).collect()
}

fn run(latencies: &[u64], gap_ns: u64) -> ServiceRun {
    let call = |(k, latency): (usize, &u64)| TimedCall {
        operation: (k % 2) as u32,
        at: k as u64 * gap_ns,
        latency: Some(*latency),
        status: Some(200),
    };
    ServiceRun {
        operations: vec!["GET /items/{id}".to_owned(), "POST /items".to_owned()],
        calls: latencies.iter().enumerate().map(call).collect(),
        ..ServiceRun::default()
    }
}

fn side(name: &str, runs: Vec<ServiceRun>) -> ComparisonSide {
    ComparisonSide { name: name.to_owned(), runs, repeats: false }
}

fn compared(change: impl Fn(u64) -> u64, budget: Option<&str>) -> Gap {
    let original = latencies(40_009, 5.0, 0.5);
    let copy: Vec<u64> = original.iter().map(|latency| change(*latency)).collect();
    Gap::new(
        &side("recorded", vec![run(&original, 1_000_000)]),
        &side("mock", vec![run(&copy, 1_000_000)]),
        budget.map(|budget| budget.parse().unwrap()),
    )
}

#[test]
fn the_same_is_no_gap_at_all() {
    let gap = compared(|latency| latency, Some("p50=1%,p99=5%,w1=1%,ks=1%,errors=0.1%,throughput=1%"));
    assert_eq!(gap.cells.len(), 2);
    for cell in &gap.cells {
        let deviation = cell.deviation.unwrap();
        assert!(deviation.log_ratio.each().iter().all(|(_, off)| *off == 0.0), "{cell:?}");
        assert_eq!(
            (deviation.wasserstein, deviation.kolmogorov, cell.errors, cell.throughput),
            (0.0, 0.0, 0.0, Some(0.0))
        );
    }
    assert_eq!((gap.verdict, gap.judged), (Verdict::Within, 1.0));
    assert_eq!((gap.standings[0].baseline, gap.standings[0].median), (None, 0.0));
}

#[test]
fn ten_percent_longer_is_0_095_everywhere() {
    let gap = compared(|latency| latency * 11 / 10, Some("p50=9.9%"));
    for cell in &gap.cells {
        let deviation = cell.deviation.unwrap();
        assert!(deviation.log_ratio.each().iter().all(|(_, off)| (off - 0.0953).abs() < 1e-4), "{cell:?}");
        assert!((deviation.wasserstein - 0.1).abs() < 1e-6, "{cell:?}");
        assert!(cell.reasons[0].contains("p50 is 10.0 % longer; 9.9 % is allowed"), "{cell:?}");
    }
    assert_eq!(gap.verdict, Verdict::Over);
    assert!((gap.standings[0].worst - 0.0953).abs() < 1e-4);
    // ten percent shorter by the same ratio is as far
    assert_eq!(compared(|latency| latency * 10 / 11, Some("p50=9.9%")).verdict, Verdict::Over);
    assert_eq!(compared(|latency| latency * 11 / 10, Some("p50=10.1%")).verdict, Verdict::Within);
}

#[test]
fn the_baselines_stand_beside_it() {
    let gap = compared(|latency| latency, None);
    let [_, constant, log_normal] = gap.standings.as_slice() else { panic!("{:?}", gap.standings) };
    assert_eq!(
        (constant.baseline, log_normal.baseline),
        (Some(BaselineKind::ConstantMedian), Some(BaselineKind::LogNormal))
    );
    // |ln| of a constant at p50, p90, p95, p99 of sigma 0.5: 0, 0.641, 0.822, 1.163
    assert!((constant.median - (0.641 + 0.822 + 1.163) / 4.0).abs() < 0.01, "{constant:?}");
    assert!(log_normal.median < 0.01, "{log_normal:?}");
}

/// Twice the load, twice the latency: a mock without a queue is right on average, and wrong at each
/// load.
#[test]
fn a_mock_that_ignores_load_is_found_at_each_load() {
    let calm: Vec<u64> = latencies(20_011, 5.0, 0.1);
    let busy: Vec<u64> = latencies(20_011, 10.0, 0.1);
    let mut original = run(&calm, 2_000_000);
    let end = original.calls.last().unwrap().at + 2_000_000;
    let later = run(&busy, 1_000_000);
    original.calls.extend(later.calls.iter().map(|call| TimedCall { at: call.at + end, ..*call }));
    let mut copy = original.clone();
    for call in &mut copy.calls {
        call.latency = Some(7_500_000);
    }
    let gap = Gap::new(&side("recorded", vec![original]), &side("mock", vec![copy]), None);
    assert!(gap.levels.len() >= 2, "{:?}", gap.levels);
    let off: Vec<f64> = gap
        .cells
        .iter()
        .filter(|cell| cell.operation == "POST /items")
        .map(|cell| cell.deviation.unwrap().log_ratio.p50)
        .collect();
    assert!((off[0] - 0.405).abs() < 0.01 && (off.last().unwrap() + 0.288).abs() < 0.01, "{off:?}");
}

#[test]
fn too_few_calls_are_not_judged() {
    let original = latencies(3_001, 5.0, 0.5);
    let copy: Vec<u64> = original.iter().map(|latency| latency * 3).collect();
    let sides = (side("recorded", vec![run(&original, 1_000_000)]), side("mock", vec![run(&copy, 1_000_000)]));
    let gap = Gap::new(&sides.0, &sides.1, Some("p99=10%".parse().unwrap()));
    assert_eq!((gap.verdict, gap.judged), (Verdict::NotJudged, 0.0));
    assert!(gap.cells[0].reasons[0].contains("p99 needs 10,000 calls"), "{:?}", gap.cells[0].reasons);
    assert_eq!(gap.cells[0].reliable_percentiles, [50, 90]);
    // what can be judged is judged
    let gap = Gap::new(&sides.0, &sides.1, Some("p50=10%".parse().unwrap()));
    assert_eq!(gap.verdict, Verdict::Over);
}

#[test]
fn errors_and_missing_answers_are_told() {
    let original = latencies(8_009, 5.0, 0.5);
    let mut failing = run(&original, 1_000_000);
    for call in failing.calls.iter_mut().step_by(10) {
        (call.latency, call.status) = (None, None);
    }
    for call in failing.calls.iter_mut().skip(1).step_by(10) {
        call.status = Some(503);
    }
    let reference = side("recorded", vec![run(&original, 1_000_000)]);
    let gap = Gap::new(&reference, &side("mock", vec![failing]), Some("errors=1%,throughput=1%".parse().unwrap()));
    let (get, post) = (&gap.cells[0], &gap.cells[1]);
    assert!((get.errors - 20.0).abs() < 0.1 && (post.errors - 20.0).abs() < 0.1, "{gap:?}");
    assert!((get.mock.statuses["none"] - 0.2).abs() < 0.001 && (post.mock.statuses["503"] - 0.2).abs() < 0.001);
    assert!((get.throughput.unwrap() - 0.8_f64.ln()).abs() < 0.01, "{get:?}");
    assert_eq!(gap.verdict, Verdict::Over);
    // a mock that answers nothing
    let mut silent = run(&original, 1_000_000);
    silent.calls.iter_mut().for_each(|call| (call.latency, call.status) = (None, None));
    let gap = Gap::new(&reference, &side("mock", vec![silent]), Some("p50=10%".parse().unwrap()));
    assert_eq!(gap.cells[0].verdict, Verdict::Over);
    assert!(gap.to_string().contains("no call was answered"), "{gap}");
}

#[test]
fn several_runs_are_one_sample_and_stay_apart() {
    let runs = |factor: u64| -> Vec<ServiceRun> {
        (0..3u64)
            .map(|number| {
                let latencies = latencies(8_009, 5.0, 0.3);
                run(&latencies.iter().map(|one| one * (10 + number) * factor / 10).collect::<Vec<_>>(), 1_000_000)
            })
            .collect()
    };
    let gap = Gap::new(&side("recorded", runs(1)), &side("mock", runs(2)), None);
    assert_eq!((gap.reference.runs, gap.reference.calls), (3, 3 * 8_009));
    let cell = &gap.cells[0];
    assert_eq!(cell.mock.runs.len(), 3);
    assert!(cell.mock.runs[0].latency.p50.0 < cell.mock.runs[2].latency.p50.0);
    assert!((cell.deviation.unwrap().log_ratio.p50 - 2f64.ln()).abs() < 0.001);
    assert!(gap.to_string().contains("in 3 runs"), "{gap}");
}

#[test]
fn the_text_fits_a_terminal() {
    let mut gap = compared(|latency| latency * 30, Some("p50=10%,p99=15%"));
    gap.notes
        .push("a note that is long enough to need more than a single line of a terminal, and then some".to_owned());
    gap.cells[0].operation = format!("GET /{}", "long/".repeat(40));
    gap.headline.as_mut().unwrap().worst_operation.clone_from(&gap.cells[0].operation);
    let text = gap.to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for expected in
        ["mock (40,009 calls) against", "recorded", "p95", "x30", "OVER", "fixed delay", "log-normal", "verdict:"]
    {
        assert!(text.contains(expected), "`{expected}` is not in\n{text}");
    }
}

/// Simulates ten loads from 8 % to 80 % of four workers of 10 ms each, then 110 %; `mock` workers
/// serve the mock. Demands are exponential.
fn a_queue(workers: u32, mock: u32, budget: Option<&str>) -> Gap {
    use std::num::NonZeroU32;

    use rand::RngExt as _;

    use standin_model::draws::Draws;
    use standin_model::profile::{ProfileFile, read_all};
    use standin_model::station::{Capacity, Queue, SimTime, simulate};

    let mut at = 0.0;
    let gaps = Draws::new(1);
    let mut arrivals = Vec::new();
    for rate in (1..=10).map(|step| 32.0 * f64::from(step)).chain([440.0]) {
        for _ in 0..5_000 {
            at += -(1.0 - gaps.at(1, arrivals.len() as u64).random::<f64>()).ln() / rate * 1e9;
            arrivals.push(at as u64);
        }
    }
    let run = |workers: u32, seed: u64| {
        let capacity = Capacity::Fifo { workers: NonZeroU32::new(workers).unwrap(), queue: Queue::Unbounded };
        let draws = Draws::new(seed);
        let demand = |call: usize| {
            std::time::Duration::from_nanos((-(1.0 - draws.at(2, call as u64).random::<f64>()).ln() * 1e7) as u64)
        };
        let finished =
            simulate(capacity, arrivals.iter().enumerate().map(|(call, at)| (SimTime::from_nanos(*at), demand(call))));
        let calls = finished.iter().zip(&arrivals).map(|(finish, at)| TimedCall {
            operation: 0,
            at: *at,
            latency: Some(finish.unwrap().since(SimTime::from_nanos(*at)).as_nanos() as u64),
            status: Some(200),
        });
        ServiceRun { operations: vec!["GET /items/{id}".to_owned()], calls: calls.collect(), ..ServiceRun::default() }
    };
    let profile = format!(
        "services:\n  - name: items\n    capacity: {{discipline: fifo, workers: {workers}, queue: unbounded}}\n    default:\n      demand: {{fixed: 10ms}}\n"
    );
    let loaded =
        read_all(&[ProfileFile { name: "recorded".to_owned(), file: "recorded.yaml".into(), text: profile.into() }]);
    let known = ComparisonContext {
        model: CapacityModel::of(&loaded.profiles[0], "profile recorded"),
        served: MockKind::Profile,
        ..ComparisonContext::default()
    };
    let sides = (side("recorded", vec![run(workers, 1)]), side("mock", vec![run(mock, 2)]));
    Gap::with_context(&known, &sides.0, &sides.1, budget.map(|budget| budget.parse().unwrap()))
}

/// Limits by the share of the capacity that each load used, the load at which it bends, and why it
/// differs.
#[test]
fn a_queue_is_judged_by_load_and_explained() {
    let gap = a_queue(4, 3, Some("default"));
    assert_eq!(gap.capacity_from.as_deref(), Some("profile recorded"));
    let used: Vec<f64> = gap.levels.iter().map(|level| level.utilization.unwrap()).collect();
    assert!(used.is_sorted() && used[0] < 0.4 && *used.last().unwrap() > 1.0, "{used:?}");
    let asked = |cell: &Cell| cell.limits.iter().find(|limit| limit.metric == Metric::Percentile(95)).unwrap().asked;
    assert_eq!((asked(&gap.cells[0]), asked(gap.cells.last().unwrap())), (0.07, 0.25));
    assert_eq!(gap.verdict, Verdict::Over);
    let knee = &gap.knees[0];
    let (reference, mock) = (knee.reference.unwrap(), knee.mock.unwrap());
    let (one, other) = (knee.reference_between.unwrap(), knee.mock_between.unwrap());
    assert!((one[0]..=one[1]).contains(&reference) && (other[0]..=other[1]).contains(&mock), "{knee:?}");
    assert!(reference > mock, "{knee:?}");
    // between the same two loads, nothing is known of how far they are apart
    assert_eq!(knee.error.is_some(), other[1] <= one[0], "{knee:?}");
    assert_eq!((knee.constant_median, knee.log_normal), (None, None));
    assert_eq!(gap.causes[0].kind, CauseKind::CapacityTooLow, "{:?}", gap.causes);
    let text = gap.to_string();
    for expected in [
        "why: the mock is slower when busy",
        "OVER the default budget",
        "three times that",
        "overload",
        "by profile “recorded”",
        "p95 25 %",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let page = GapPage(&gap).to_string();
    assert!(
        page.contains("The mock is slower when busy")
            && page.contains("become three times as slow as when calm somewhere between"),
        "{page}"
    );
    assert!(JUnitReport(&gap).to_string().contains("mock is slower when busy"));
}

#[test]
fn the_service_itself_is_within_the_default_budget_and_needs_no_explanation() {
    let gap = a_queue(4, 4, Some("default"));
    assert_ne!(gap.verdict, Verdict::Over, "{gap}");
    assert_eq!(gap.causes, []);
    assert_eq!(
        (gap.knees[0].error, gap.knees[0].reference_between),
        (None, gap.knees[0].mock_between),
        "{:?}",
        gap.knees
    );
    // none asks for no verdict, and explains all the same
    let gap = a_queue(4, 3, None);
    assert_eq!((gap.verdict, gap.causes[0].kind), (Verdict::NoBudget, CauseKind::CapacityTooLow));
}

/// Seconds in which the mock was too slow do not count, on either side; a cell of which too little
/// is left is not judged.
#[test]
fn flagged_seconds_are_left_out() {
    let original = latencies(8_009, 5.0, 0.5);
    let mut slow = run(&original, 1_000_000);
    // the last two of eight seconds
    for call in &mut slow.calls[6_000..] {
        call.latency = call.latency.map(|latency| latency * 9);
    }
    let flagged = |from: u64, run: &ServiceRun| ServiceRun {
        doubtful: iter::once(from * 1_000_000_000..9_000_000_000).collect(),
        ..run.clone()
    };
    let compare = |from: u64| {
        let reference = side("recorded", vec![flagged(from, &run(&original, 1_000_000))]);
        Gap::new(&reference, &side("mock", vec![flagged(from, &slow)]), Some("p50=3%,p95=15%".parse().unwrap()))
    };
    // as one slow spell does not show whether another would come, it is not said to be over
    assert_eq!(compare(9).verdict, Verdict::NotJudged);
    assert!(compare(9).cells[0].deviation.unwrap().log_ratio.p99 > 1.0);
    let gap = compare(6);
    assert_eq!(gap.verdict, Verdict::Within, "{gap}");
    let cell = &gap.cells[0];
    // those that came in these seconds, and some that ended then
    assert!((1_004..1_030).contains(&cell.mock.left_out), "{}", cell.mock.left_out);
    assert_eq!(cell.mock.calls + cell.mock.left_out, 4_005);
    assert_eq!(cell.deviation.unwrap().log_ratio.p99, 0.0);
    assert_eq!(gap.mock.left_out, gap.cells.iter().map(|cell| cell.mock.left_out).sum::<u64>());
    for text in [gap.to_string(), GapPage(&gap).to_string(), JUnitReport(&gap).to_string()] {
        assert!(text.contains("left out"), "{text}");
    }
    // nearly all
    let gap = compare(1);
    assert_eq!(gap.verdict, Verdict::NotJudged, "{gap}");
    assert!(gap.cells[0].reasons.iter().any(|reason| reason.contains("are left out, for the mock itself or")), "{gap}");
    assert_eq!(gap.causes[0].kind, CauseKind::MockTooSlow);
}

/// The shape that docs/GAP.md describes.
#[test]
fn the_json_has_its_documented_shape() {
    let gap = compared(|latency| latency * 11 / 10, Some("p50=5%,p99=15%"));
    let json = serde_json::to_value(&gap).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(
        json["reference"],
        serde_json::json!({"name": "recorded", "runs": 1, "calls": 40_009, "beyond": 0, "leftOut": 0})
    );
    assert_eq!((&json["budget"], &json["verdict"]), (&"p50=5%,p99=15%".into(), &"over".into()));
    let cell = &json["cells"][0];
    assert_eq!(cell["operation"], "GET /items/{id}");
    assert_eq!(cell["level"], json["levels"][0]["name"]);
    assert!((cell["reference"]["latency"]["p50"].as_f64().unwrap() - 5.0).abs() < 0.01, "{cell}");
    assert!((cell["deviation"]["logRatio"]["p99"].as_f64().unwrap() - 0.0953).abs() < 1e-4);
    for key in ["calls", "answered", "errors", "perSecond", "statuses", "mean", "runs"] {
        assert!(!cell["mock"][key].is_null(), "{key}");
    }
    for key in ["errors", "throughput", "believable", "verdict", "reasons"] {
        assert!(!cell[key].is_null(), "{key}");
    }
    assert_eq!(cell["baselines"][1]["kind"], "logNormal");
    assert!(cell["baselines"][0]["deviation"]["wasserstein"].is_number());
    assert_eq!(json["standings"][1]["baseline"], "constantMedian");
    assert!(json["judged"].is_number() && json["notes"].is_array());
    let documented = include_str!("../../../../../docs/GAP.md");
    let mut knees = a_queue(4, 3, Some("default"));
    let bent = serde_json::to_value(knees.knees.remove(0)).unwrap();
    let cause = serde_json::to_value(knees.causes.remove(0)).unwrap();
    let (limit, reference) = (&cell["limits"][0], &json["reference"]);
    assert_eq!((&limit["metric"], &limit["verdict"], &limit["asked"]), (&"p50".into(), &"over".into(), &0.05.into()));
    let objects = [&json, cell, &cell["mock"], &cell["deviation"], &json["standings"][0], &json["levels"][0]];
    for object in objects.into_iter().chain([&bent, &cause, limit, reference]) {
        for key in object.as_object().unwrap().keys() {
            assert!(documented.contains(&format!("`{key}`")), "docs/GAP.md does not tell of `{key}`");
        }
    }
}

/// Returns calm and then three times as busy calls, with odd operation names.
fn odd(name: &str, slower: u64) -> ComparisonSide {
    let all = latencies(12_000, 5.0, 0.5);
    let call = |(k, latency): (usize, &u64)| {
        let k = k as u64;
        let at = if k < 6_000 { k * 3_000_000 } else { 18_000_000_000 + (k - 6_000) * 1_000_000 };
        let slower = if k % 3 == 1 { slower } else { 1 };
        // one is answered at once
        let latency = if k % 3 == 2 { 0 } else { latency * slower };
        TimedCall { operation: (k % 3) as u32, at, latency: Some(latency), status: Some(200) }
    };
    let operations = vec!["GET /a?<b>&\"c\"".to_owned(), "/long".repeat(200), "GET /nothing".to_owned()];
    side(
        name,
        vec![ServiceRun { operations, calls: all.iter().enumerate().map(call).collect(), ..ServiceRun::default() }],
    )
}

#[test]
fn a_page_has_the_worst_operation_first_and_no_markup_of_others() {
    let gap = Gap::new(&odd("<real>", 1), &odd("mock & co", 3), Some("p50=5%".parse().unwrap()));
    let page = GapPage(&gap).to_string();
    crate::page::tests::assert_balanced(&page);
    assert!(!page.contains("<b>&\"") && !page.contains("<real>") && !page.contains("NaN"), "{page}");
    let places = ["<details open><summary>/long", "<details><summary>GET /"].map(|text| page.find(text).expect(text));
    assert!(places[0] < places[1], "{places:?}");
    assert_eq!((page.matches("<details").count(), page.matches("<figure>").count()), (3, 18));
    for expected in [
        "What differs",
        "How sure this is",
        "What to do next",
        "is 3.0 times as long when busy",
        "which is more than the budget allows</span>",
        "GET /a?&lt;b&gt;&amp;&quot;c&quot;",
        "chance, by parts of the run",
        "</svg>busy</span>",
        "seconds since the first call",
        "quantile-quantile",
    ] {
        assert!(page.contains(expected), "`{expected}` is not in\n{page}");
    }
    assert!(page.len() < 150_000, "{} bytes of three operations", page.len());
    assert!(!serde_json::to_string(&gap).unwrap().contains("series"));
}

#[test]
fn a_page_of_hardly_anything_is_whole() {
    let one = side("one", vec![run(&[0], 1)]);
    let none = side("none", vec![ServiceRun::default()]);
    for (reference, mock) in [(&one, &one), (&one, &none), (&none, &one), (&none, &none)] {
        let page = GapPage(&Gap::new(reference, mock, None)).to_string();
        crate::page::tests::assert_balanced(&page);
        assert!(page.contains("What to do next") && !page.contains("NaN") && !page.contains("inf,"), "{page}");
    }
}
