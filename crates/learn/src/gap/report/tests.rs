use crate::gap::report::html::operations::headline;
use crate::gap::tests::latencies;
use crate::gap::{CauseKind, ComparisonContext, ComparisonSide, Gap, GapPage, ServiceRun, TimedCall, Verdict};
use crate::page::tests::assert_balanced;

/// Calls of two operations at three loads, 8,000 at each; `answer` gives of operation, load and
/// usual latency how long it takes and its status.
fn side(name: &str, answer: impl Fn(u32, usize, u64) -> (u64, u16)) -> ComparisonSide {
    let mut at = 0;
    let mut calls = Vec::new();
    for (load, gap) in [3_000_000, 2_000_000, 1_000_000].into_iter().enumerate() {
        for (k, usual) in latencies(8_009, 5.0, 0.5).into_iter().enumerate() {
            let operation = (k % 2) as u32;
            let (latency, status) = answer(operation, load, usual);
            calls.push(TimedCall { operation, at, latency: Some(latency), status: Some(status) });
            at += gap;
        }
    }
    let operations = vec!["GET /items".to_owned(), "GET /search".to_owned()];
    ComparisonSide {
        name: name.to_owned(),
        runs: vec![ServiceRun { operations, calls, ..ServiceRun::default() }],
        repeats: false,
    }
}

fn compared(answer: impl Fn(u32, usize, u64) -> (u64, u16)) -> Gap {
    between(&side("monday", |_, _, usual| (usual, 200)), &side("tuesday", answer), Some("default"))
}

fn between(reference: &ComparisonSide, mock: &ComparisonSide, budget: Option<&str>) -> Gap {
    Gap::with_context(&ComparisonContext::default(), reference, mock, budget.map(|budget| budget.parse().unwrap()))
}

fn cells(gap: &Gap, operation: &str) -> Vec<crate::gap::Cell> {
    gap.cells.iter().filter(|cell| cell.operation == operation).cloned().collect()
}

/// Fails 2 % of all answers, of any operation.
fn failing(usual: u64) -> u16 {
    if usual % 50 == 7 { 503 } else { 200 }
}

#[test]
fn loads_have_words() {
    let gap = compared(|_, _, usual| (usual, 200));
    let labels: Vec<&str> = gap.levels.iter().map(|level| level.label.as_str()).collect();
    assert_eq!(labels, ["calm", "medium", "busy"], "{:?}", gap.levels);
    assert!(gap.levels[2].name.ends_with("-100 %"), "the key of rows stays as it was: {:?}", gap.levels);
    let (text, page) = (gap.to_string(), GapPage(&gap).to_string());
    for told in [&text, &page] {
        assert!(!told.contains(" at load ") && told.contains("medium"), "{told}");
    }
}

/// Where only errors are over, an answer time is not said to be.
#[test]
fn a_headline_has_its_number_and_its_verdict_from_one_limit() {
    let gap = compared(|_, _, usual| (usual * 102 / 100, failing(usual)));
    assert_eq!(gap.verdict, Verdict::Over);
    let (class, told) = headline(&gap, &cells(&gap, "GET /items"));
    assert_eq!(class, "bad");
    assert!(told.starts_with("answers fail ") && told.contains(" points more often "), "{told}");
    assert!(told.ends_with("which is more than the budget allows") && !told.contains("p95"), "{told}");

    // what is within is green, and says where it is furthest off
    let gap = compared(|_, load, usual| (if load == 2 { usual * 102 / 100 } else { usual }, 200));
    let (class, told) = headline(&gap, &cells(&gap, "GET /items"));
    assert_eq!(class, "good", "{told}");
    assert!(
        told.starts_with("within the budget at all 3 loads (furthest off: ") && told.contains("2.0 % when busy"),
        "{told}"
    );
}

/// A row that was not judged is no green one, however many others are within.
#[test]
fn a_headline_says_what_could_not_be_judged() {
    let mut gap = compared(|_, _, usual| (usual, 200));
    for cell in gap.cells.iter_mut().filter(|cell| cell.level.ends_with("-100 %")) {
        cell.noise.p50 = 0.36_f64.ln_1p();
        cell.noise.p90 = 0.36_f64.ln_1p();
        cell.noise.p95 = 0.36_f64.ln_1p();
        *cell = cell.clone().evaluated(&"default".parse().unwrap(), None);
    }
    let (class, told) = headline(&gap, &cells(&gap, "GET /items"));
    assert_eq!(class, "open");
    assert!(told.starts_with("2 of 3 loads are within the budget; “busy” could not be judged (p50 "), "{told}");
    assert!(told.contains("but chance alone makes up to 36 %"), "{told}");
}

#[test]
fn errors_come_first_and_no_test_of_times_hides_them() {
    let gap = compared(|_, _, usual| (usual, failing(usual)));
    let differs = gap.describe_differences();
    assert!(differs[0].starts_with("answers of the mock fail more often: "), "{differs:?}");
    assert!(differs[0].ends_with("and 0.00 % with the service"), "{differs:?}");
    assert!(!differs.iter().any(|told| told.contains("chance alone")), "{differs:?}");
    let runs = |answer: &dyn Fn(u32, usize, u64) -> (u64, u16)| {
        let one = side("side", answer);
        ComparisonSide { runs: vec![one.runs[0].clone(); 5], repeats: true, ..one }
    };
    let same =
        between(&runs(&|_, _, usual| (usual, 200)), &runs(&|_, _, usual| (usual, failing(usual))), Some("default"));
    let sure = same.describe_confidence().join(" ");
    assert!(sure.contains("no difference in answer times was shown (this test does not look at errors)"), "{sure}");
    assert!(sure.contains("each side ran the same calls 5 times"), "{sure}");
}

/// A service that is compared with itself differs by no more than chance.
#[test]
fn what_is_chance_is_called_chance() {
    let differs = compared(|_, _, usual| (usual, 200)).describe_differences();
    assert!(differs.iter().any(|told| told == "none of this is more than chance alone makes"), "{differs:?}");
    let differs = compared(|_, _, usual| (usual * 2, 200)).describe_differences();
    assert!(!differs.iter().any(|told| told.contains("chance alone")), "{differs:?}");
    assert!(differs.iter().any(|told| told.contains("2.0 times as long")), "{differs:?}");
}

/// A verdict on few rows does not speak for those that could not be judged, and these are told
/// together.
#[test]
fn rows_that_are_not_judged_are_counted_and_grouped() {
    let operations = |name: &str, times: u64| {
        let one = side(name, |_, _, usual| (usual, 200));
        let mut run = one.runs[0].clone();
        run.operations = (0..100).map(|n| format!("GET /{n}")).collect();
        for (k, call) in run.calls.iter_mut().enumerate() {
            call.operation = if k % 4 == 0 { 0 } else { (k % 99) as u32 + 1 };
            call.latency = call.latency.map(|latency| if call.operation == 0 { latency * times } else { latency });
        }
        ComparisonSide { runs: vec![run], ..one }
    };
    let gap = between(&operations("one", 1), &operations("other", 3), Some("default"));
    let text = gap.to_string();
    let rows = gap.cells.len();
    let verdict = format!("3 rows are over, none within, {} of {rows} could not be judged", rows - 3);
    assert!(text.replace("\n         ", " ").contains(&verdict), "`{verdict}` is not in\n{text}");
    assert!(text.contains("too few calls in ") && gap.list_not_judged().len() < 3, "{:?}", gap.list_not_judged());
}

/// A fixed delay is the median, and would look perfect where nothing else is compared.
#[test]
fn simpler_mocks_are_left_out_where_medians_are_all_there_is() {
    let many = |name: &str| {
        let one = side(name, |_, _, usual| (usual, 200));
        let mut run = one.runs[0].clone();
        run.operations = (0..30).map(|n| format!("GET /{n}")).collect();
        run.calls.iter_mut().enumerate().for_each(|(k, call)| call.operation = (k % 30) as u32);
        ComparisonSide { runs: vec![run], ..one }
    };
    let gap = between(&many("one"), &many("other"), Some("default"));
    assert!(gap.cells.iter().all(|cell| cell.reliable_percentiles == [50]), "{:?}", gap.cells[0]);
    assert_eq!(gap.standings.len(), 1, "{:?}", gap.standings);
    let (text, page) = (gap.to_string(), GapPage(&gap).to_string());
    assert_balanced(&page);
    assert!(page.contains("is not compared with simpler ones") && !page.contains("<h2>Beside simpler"), "{text}");
    assert!(text.contains("the mock is not compared with simpler ones"), "{text}");
}

#[test]
fn too_little_to_judge_says_how_much_more_it_takes() {
    let few = |name: &str| {
        let one = side(name, |_, _, usual| (usual, 200));
        let mut run = one.runs[0].clone();
        run.calls.truncate(100);
        ComparisonSide { runs: vec![run], ..one }
    };
    let gap = between(&few("one"), &few("other"), Some("default"));
    assert_eq!(gap.verdict, Verdict::NotJudged);
    assert!(gap.describe_verdict().ends_with("there are too few calls."), "{}", gap.describe_verdict());
    assert!(
        gap.list_next_steps()[0].starts_with("record longer, about 4 times as many calls"),
        "{:?}",
        gap.list_next_steps()
    );
}

/// A fixed delay is no unclear case, and the operation that others wait behind stands first.
#[test]
fn causes_are_found_from_whole_tapes() {
    let gap = compared(|_, _, _| (5_000_000, 200));
    assert_eq!(gap.causes[0].kind, CauseKind::Constant, "{:?}", gap.causes);
    assert!(gap.causes[0].sentence.contains("in about 5.00 ms, busy or not"), "{:?}", gap.causes);

    let gap = compared(|operation, load, usual| match (operation, load) {
        (1, 0 | 1) => (usual * 13 / 10, 200),
        (1, _) => (usual * 16 / 10, 200),
        (_, 2) => (usual * 19 / 10, 200),
        _ => (usual, 200),
    });
    assert_eq!((gap.causes[0].kind, gap.causes[0].operation.as_deref()), (CauseKind::Demand, Some("GET /search")));
    assert!(
        gap.causes[0].sentence.starts_with("when calm, only GET /search is slower with the mock tuesday"),
        "{:?}",
        gap.causes
    );
    let page = GapPage(&gap).to_string();
    let [first, second] = ["<summary>GET /search", "<summary>GET /items"].map(|text| page.find(text).expect(text));
    assert!(first < second && page.contains("<h2>Why, probably</h2>"), "{page}");
    assert!(page.contains("<p>Start with GET /search: "), "{page}");
}

/// With tapes no run can be repeated: several recordings are what helps.
#[test]
fn advice_is_of_what_can_be_done() {
    let gap = compared(|_, _, usual| (usual, 200));
    let sure = gap.describe_confidence().join(" ");
    assert!(sure.contains("--reference A1 A2 A3 A4 --mock B1 B2 B3 B4") && !sure.contains("--runs"), "{sure}");
    assert!(sure.contains("there are too few calls for the highest percentiles (marked few)"), "{sure}");
}
