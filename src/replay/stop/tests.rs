use rand::RngExt as _;

use super::*;
use standin_model::draws::Draws;

fn watch(rule: &str) -> StopMonitor {
    // one in a thousand takes longer than three times the p95
    let latencies = (0..10_000).map(|k| if k % 1_000 == 0 { 40_000_000 } else { 10_000_000 });
    StopMonitor::new(
        rule.parse().unwrap(),
        StopBaseline::new(Proportion::new(200, 10_000), latencies.collect(), "the tape's"),
    )
}

#[test]
fn rules_are_read_and_written() {
    assert_eq!("errors=1%,p95=3x".parse(), Ok(StopRule::default()));
    assert_eq!("p95=2.5x".parse::<StopRule>().unwrap().to_string(), "p95=2.5x");
    for (wrong, told) in
        [("p95=3", "p95=3x"), ("errors=1", "percentage"), ("p50=3x", "errors=1%"), ("p95=0x", "p95=3x")]
    {
        assert!(wrong.parse::<StopRule>().unwrap_err().contains(told), "{wrong}");
    }
}

#[test]
fn errors_beyond_the_tapes_own_end_it() {
    let mut watch = watch("errors=1%");
    for call in 0..1_000 {
        // 2 %, as on the tape
        watch.observe(call % 50 == 0, 99_000_000);
        assert_eq!(watch.stop_reason(0), None, "{call}");
    }
    let end = (0..200).find_map(|_| {
        watch.observe(true, 0);
        watch.stop_reason(0)
    });
    assert!(end.unwrap().contains("on the tape 2.0 %"));
}

#[test]
fn slow_and_overdue_calls_end_it() {
    let mut watch = watch("p95=3x");
    assert_eq!(watch.slow_threshold(), Duration::from_millis(30));
    for call in 0..400 {
        watch.observe(true, if call % 25 == 0 { 31_000_000 } else { 29_000_000 });
        assert_eq!(watch.stop_reason(0), None, "{call}");
    }
    assert!(watch.stop_reason(30).unwrap().contains("3 times"));
    // a target that answers nothing at all
    assert!(self::watch("p95=3x").stop_reason(100).is_some());
    assert!(self::watch("errors=1%").stop_reason(100).is_none());
}

#[test]
fn without_times_on_the_tape_only_errors_count() {
    let mut watch =
        StopMonitor::new(StopRule::default(), StopBaseline::new(Proportion::new(0, 500), Vec::new(), "the tape's"));
    (0..500).for_each(|_| watch.observe(false, 9_000_000_000));
    assert_eq!(watch.stop_reason(400), None);
    (0..100).for_each(|_| watch.observe(true, 1));
    assert!(watch.stop_reason(0).unwrap().contains("--stop errors"));
    assert_eq!(StopRule::default().without_times().unwrap().to_string(), "errors=1%");
    assert_eq!("p95=3x".parse::<StopRule>().unwrap().without_times(), None);
}

#[test]
fn at_the_end_fewer_calls_must_do() {
    let mut watch = watch("p95=3x");
    (0..40).for_each(|_| watch.observe(false, 31_000_000));
    assert_eq!(watch.stop_reason(0), None);
    assert!(watch.final_stop_reason(0).is_some());
}

#[test]
fn where_the_tape_has_no_errors_two_of_a_hundred_end_it() {
    let mut watch =
        StopMonitor::new(StopRule::default(), StopBaseline::new(Proportion::new(0, 1_000), Vec::new(), "the tape's"));
    (0..99).for_each(|call| watch.observe(call == 50, 1));
    assert_eq!(watch.stop_reason(0), None, "one may be anything");
    watch.observe(true, 1);
    assert!(watch.stop_reason(0).unwrap().contains("2.0 % of the last 100 calls failed, on the tape 0.0 % did"));
}

/// Returns the number of runs, of a hundred tapes and runs, that are stopped, and the median call
/// at which they are.
fn ended(tape: (f64, usize), errors: f64, calls: usize) -> (usize, usize) {
    let mut ends: Vec<usize> = (0..100)
        .filter_map(|run| {
            let draws = Draws::new(run);
            let fails = |of, share: f64, ordinal: usize| draws.at(of, ordinal as u64).random::<f64>() < share;
            let recorded = (0..tape.1).filter(|call| fails(1, tape.0, *call)).count();
            let normal = StopBaseline::new(Proportion::new(recorded, tape.1), Vec::new(), "the tape's");
            let mut watch = StopMonitor::new(StopRule::default(), normal);
            (0..calls).find(|call| {
                watch.observe(fails(2, errors, *call), 1);
                watch.stop_reason(0).is_some()
            })
        })
        .collect();
    ends.sort_unstable();
    (ends.len(), ends.get(ends.len() / 2).map_or(0, |end| end + 1))
}

/// Checks what `docs/RECORDING.md` says of the rule, with its default of 1 %.
#[test]
fn chance_seldom_ends_a_run_and_harm_soon_does() {
    let tape = (0.039, 1_220);
    let (alarms, _) = ended(tape, 0.039, 1_220);
    assert!(alarms <= 2, "{alarms} of 100 runs against the same service were ended");
    let (alarms, _) = ended(tape, 0.039, 10_000);
    assert!(alarms <= 8, "{alarms} of 100 long runs against the same service were ended");
    for (errors, least, within) in [(0.06, 70, 3_000), (0.08, 98, 700), (0.14, 100, 200), (0.5, 100, 100)] {
        let (caught, after) = ended(tape, errors, 10_000);
        assert!(caught >= least && after <= within, "{errors}: {caught} of 100, in the middle after {after} calls");
    }
    // of a tape without errors, every limit is as good as it was
    for (errors, within) in [(0.02, 200), (0.05, 100)] {
        let (caught, after) = ended((0.0, 1_220), errors, 10_000);
        assert!(caught == 100 && after <= within, "{errors}: {caught} of 100, in the middle after {after} calls");
    }
}

/// A tail in which 1.7 % take longer than three times the p95.
#[test]
fn a_long_tail_does_not_end_a_run_by_chance() {
    let pareto =
        |run: u64, of: u64, ordinal: u64| (1e6 / (1.0 - Draws::new(run).at(of, ordinal).random::<f64>())) as u64;
    let ended = |factor: u64| {
        (0..100u64)
            .filter(|run| {
                let tape = (0..1_000).map(|call| pareto(*run, 1, call)).collect();
                let mut watch = StopMonitor::new(
                    StopRule::default(),
                    StopBaseline::new(Proportion::new(0, 1_000), tape, "the tape's"),
                );
                (0..2_000).any(|call| {
                    watch.observe(false, factor * pareto(*run, 2, call));
                    watch.stop_reason(0).is_some()
                })
            })
            .count()
    };
    assert!(ended(1) <= 3, "{} of 100", ended(1));
    assert_eq!(ended(6), 100);
}
