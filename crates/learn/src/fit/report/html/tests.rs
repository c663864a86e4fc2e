use std::time::Duration;

use super::*;
use crate::fit::demand::{OperationFit, ResponseClass};
use crate::fit::fitted::{Candidate, ValidRange};
use crate::fit::prepare::drift::Drift;
use crate::fit::report::findings::Finding;
use crate::fit::search::holdout_validation::Stratum;
use crate::page::tests::assert_balanced;

fn operation(name: &str) -> OperationFit {
    let demand = DemandTable::new((1..=1_000).map(|n| f64::from(n) * 1e4).collect());
    OperationFit {
        name: name.to_owned(),
        samples: 1_000,
        classes: vec![ResponseClass {
            share: 0.02,
            status: 404,
            from: None,
            samples: 20,
            demand: demand.clone(),
            tail: None,
        }],
        demand,
        tail: None,
        outside: None,
        front: None,
        cpu: None,
        transfer: None,
        autocorrelation: None,
    }
}

#[test]
fn what_is_beyond_the_sample_is_told_below_the_operation_and_the_class() {
    let mut fitted = fitted(Vec::new());
    assert!(!FitPage(&fitted).to_string().contains("extrapolated"));
    let tail = |factor| Some(Tail { from: 0.98, seen: Duration::from_millis(10), factor });
    fitted.operations[0].tail = tail(1.8);
    fitted.operations[0].classes[0].tail = tail(1.04);
    let page = FitPage(&fitted).to_string();
    assert_balanced(&page);
    for factor in ["1.8", "1.04"] {
        assert!(page.contains(&format!("extrapolated: up to {factor} times the slowest one recorded")), "{page}");
    }
}

fn fitted(findings: Vec<Finding>) -> Fitted {
    let stratum = |per_second, held_out| Stratum {
        per_second,
        utilization: Some(0.5),
        calls: 1_000,
        held_out,
        recorded_ms: [5.0, 10.0, 20.0, 40.0],
        errors: [0.1, 0.0, -0.1, 0.2],
        noise: [0.01, 0.02, 0.03, 0.5],
    };
    let candidate = |model: &str, effect| Candidate {
        model: model.to_owned(),
        outside: Duration::ZERO,
        effect,
        extrapolation: Some(0.07),
    };
    Fitted {
        service: "shop <\"&".to_owned(),
        discipline: QueueDiscipline::Fifo,
        workers: Some(4),
        curve: None,
        cores: None,
        accepted: Some((4, 5)),
        outside: Duration::from_micros(312),
        effect: 0.04,
        chance: 0.02,
        unlimited_effect: 0.8,
        candidates: vec![candidate("fifo(4)", 0.04), candidate("fifo(5)", 0.06)],
        strata: vec![stratum(50.0, false), stratum(90.0, true)],
        drift: None,
        stalls: None,
        limits: Vec::new(),
        operations: vec![operation("GET /a?<b>&\"c\""), operation(&"/long".repeat(100))],
        default: operation("all"),
        mistimed: 0,
        valid: ValidRange { utilization: Some(0.9), in_flight: 20, per_second: 90.0, samples: 2_000 },
        predictions: Vec::new(),
        alternatives: Vec::new(),
        known_up_to: None,
        findings,
    }
}

#[test]
fn a_page_begins_with_words_and_shows_what_they_rest_on() {
    let page = FitPage(&fitted(Vec::new())).to_string();
    assert_balanced(&page);
    for expected in [
        "explained, up to the loads",
        "It works on up to 4 calls at a time",
        "4 to 5 workers explain",
        "312\u{a0}µs more",
        "No finding contradicts it",
        "Shown the lower loads alone",
        "90.0 calls a second, 90\u{a0}% of its capacity",
        "<div class=\"bar chosen\"><span>fifo(4)",
        "<span>unlimited",
        "0.040, 7 % off",
        "predicted without having seen that load",
        "GET /a?&lt;b&gt;&amp;&quot;c&quot;",
        "status 404",
    ] {
        assert!(page.contains(expected), "`{expected}` is not in\n{page}");
    }
    assert!(!page.contains("NaN") && !page.contains("<script"), "{page}");
}

#[test]
fn what_to_record_next_is_told_once() {
    let unknown = || Finding::CapacityUnknown { at_least: 8 };
    let page = FitPage(&fitted(vec![unknown(), unknown(), Finding::SingleLoad])).to_string();
    assert_balanced(&page);
    assert!(page.contains("answer bad") && page.contains("Do not trust it beyond"), "{page}");
    assert_eq!(page.matches("Record at a higher load than 90").count(), 1, "{page}");
    assert!(page.contains("Record at several loads"), "{page}");
}

#[test]
fn without_strata_and_operations_it_is_shorter() {
    let mut fitted = fitted(Vec::new());
    fitted.strata.clear();
    fitted.operations.clear();
    fitted.candidates.clear();
    (fitted.discipline, fitted.workers, fitted.accepted) = (QueueDiscipline::Unlimited, None, None);
    let page = FitPage(&fitted).to_string();
    assert_balanced(&page);
    assert!(page.contains("No queue was seen") && !page.contains("Recorded against"), "{page}");
    assert!(page.contains("<div class=\"bar chosen\"><span>unlimited"), "{page}");
}

/// A green verdict requires a checked prediction.
#[test]
fn what_was_not_checked_is_plausible_at_most() {
    for (statement, told) in [
        (Finding::SingleLoad, "not checked: the recording holds one load"),
        (Finding::MostlyRejected { share: 0.02 }, "not checked: calls were rejected throughout"),
        (Finding::TooShort { calls: 546 }, "not checked: the recording is too short"),
        (Finding::FewCalls { third: 182 }, "hardly checked: there are few calls"),
    ] {
        let page = FitPage(&fitted(vec![statement])).to_string();
        assert!(page.contains("answer open") && page.contains(told), "`{told}` is not in\n{page}");
        assert!(!page.contains("The recording is explained") && !page.contains("Shown the lower loads"), "{page}");
    }
}

/// If several numbers of workers explain a calm tape, none of them is reported as found.
#[test]
fn workers_that_are_not_known_are_not_claimed() {
    let mut fitted = fitted(vec![Finding::Ambiguous { others: vec!["fifo(5)".to_owned()] }]);
    fitted.valid.utilization = Some(0.27);
    fitted.unlimited_effect = 0.021;
    fitted.candidates.iter_mut().for_each(|candidate| candidate.effect = 0.015);
    let page = FitPage(&fitted).to_string();
    for expected in [
        "is not known yet: the service was never busy enough",
        "Somewhere between 4 and 5 workers; this model uses 4 (fifo)",
        "All are below 0.05: this recording cannot tell them apart",
    ] {
        assert!(page.contains(expected), "`{expected}` is not in\n{page}");
    }
    assert!(!page.contains("It works on up to"), "{page}");
}

#[test]
fn a_change_of_the_service_is_the_verdict() {
    let statement = Finding::Drifted { demand: 0.29, middle: Some(Duration::from_secs(75)), is_refused: true };
    let mut fitted = fitted(vec![statement]);
    fitted.drift = Some(Drift { demand: 0.29, error: 0.01 });
    let page = FitPage(&fitted).to_string();
    for expected in ["no single model fits both halves", "no profile is written", "<code>standin fit --to 75s</code>"] {
        assert!(page.contains(expected), "`{expected}` is not in\n{page}");
    }
    assert!(!page.contains("Compare the mock with the service"), "{page}");
}

/// Captions explain only what is shown, and each fact is reported once.
#[test]
fn nothing_is_explained_that_is_not_there() {
    let mut fitted = fitted(vec![Finding::FixedLatency { time: Duration::from_micros(312) }]);
    let page = FitPage(&fitted).to_string();
    assert!(page.contains("A percentage beside it") && !page.contains("sharing(4)"), "{page}");
    assert_eq!(page.matches("312\u{a0}µs").count(), 1, "{page}");
    fitted.candidates.iter_mut().for_each(|candidate| candidate.extrapolation = None);
    assert!(!FitPage(&fitted).to_string().contains("A percentage beside it"));
}
