use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Builder;

use super::cpu_waits::CpuWait;
use super::window::FlagReason;
use super::*;
use crate::prometheus_text::PrometheusText;
use crate::timer::Precision;

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// A window with `calls` calls of 0.3 ms, `late` of them by 1 ms, and calm heartbeats.
fn window(calls: u64, late: u64) -> AuditWindow {
    let mut window = AuditWindow::new();
    for call in 0..calls {
        window.record(micros(if call < late { 1_000 } else { 20 }), micros(300));
    }
    for _ in 0..50 {
        window.lag(micros(30));
    }
    window
}

fn reasons(window: &AuditWindow) -> Vec<FlagReason> {
    window.evaluate().map(|finding| finding.reasons).unwrap_or_default()
}

#[test]
fn a_calm_window_is_not_flagged() {
    assert_eq!(AuditWindow::new().evaluate(), None);
    assert_eq!(window(700, 0).evaluate(), None);
}

#[test]
fn a_few_late_calls_are_bad_luck_and_a_hundredth_is_not() {
    assert_eq!(window(100, 6).evaluate(), None);
    assert_eq!(reasons(&window(100, 7)), [FlagReason::Lateness]);
    assert_eq!(window(10_000, 99).evaluate(), None);
    assert_eq!(reasons(&window(10_000, 100)), [FlagReason::Lateness]);
}

#[test]
fn the_limit_follows_the_median_of_what_calls_were_meant_to_take() {
    let mut window = AuditWindow::new();
    for call in 0..100 {
        window.record(micros(900), Duration::from_millis(if call < 60 { 20 } else { 1 }));
    }
    // 5 % of 20 ms
    assert_eq!(window.evaluate(), None);
    for _ in 0..100 {
        window.record(micros(900), Duration::from_millis(1));
    }
    let finding = window.evaluate().unwrap();
    assert_eq!(finding.limit, micros(200));
    assert_eq!((finding.calls, finding.late_calls), (200, 200));
}

#[test]
fn a_standstill_flags_a_window_by_itself() {
    let mut calm = window(700, 0);
    calm.lag(Duration::from_millis(45));
    assert_eq!(calm.evaluate(), None);
    calm.lag(Duration::from_millis(200));
    assert_eq!(reasons(&calm), [FlagReason::StoodStill]);

    let mut slow = AuditWindow::new();
    slow.record(Duration::ZERO, Duration::from_secs(10));
    slow.lag(Duration::from_millis(200));
    assert_eq!(slow.evaluate(), None, "5 % of ten seconds is more");
}

#[test]
fn lags_again_and_again_flag_a_window_without_calls() {
    let mut window = AuditWindow::new();
    for beat in 0..50 {
        window.lag(micros(if beat < 6 { 1_500 } else { 30 }));
    }
    assert_eq!(window.evaluate(), None);
    window.lag(micros(1_500));
    assert_eq!(reasons(&window), [FlagReason::LoopLag]);
}

#[test]
fn a_window_is_flagged_whose_thread_was_kept_from_the_cpu() {
    // as measured: 20 runs a beat of some 6 us each, and now and then a slice of another program's
    let with = |long: usize, wait: Duration, intended: Duration| {
        let mut window = AuditWindow::new();
        (0..350).for_each(|_| window.record(micros(20), intended));
        for beat in 0..50 {
            let time = if beat < long { wait } else { micros(120) };
            window.wait(CpuWait { time, runs: 20 });
        }
        window
    };
    assert_eq!(with(4, micros(3_000), micros(300)).evaluate(), None);
    assert_eq!(reasons(&with(5, micros(3_000), micros(300))), [FlagReason::NoCpu]);
    assert_eq!(with(50, micros(690), micros(300)).evaluate(), None, "many short waits");
    assert_eq!(with(10, micros(3_000), micros(50_000)).evaluate(), None, "5 % of 50 ms is more");
}

#[test]
fn waits_that_go_on_are_flagged_and_what_is_over_is_not() {
    let after = |before: usize, now: usize| {
        let mut window = AuditWindow::new();
        for (long, is_last) in [(before, false), (now, true)] {
            for beat in 0..50 {
                window.wait(CpuWait { time: micros(if beat < long { 3_000 } else { 120 }), runs: 20 });
            }
            if !is_last {
                window.drain_into(&mut new_histogram(), &mut new_histogram());
            }
        }
        window.evaluate().map(|finding| finding.reasons)
    };
    assert_eq!(after(3, 3), Some(vec![FlagReason::NoCpu]));
    assert_eq!(after(4, 2), Some(vec![FlagReason::NoCpu]));
    assert_eq!(after(3, 2), None);
    assert_eq!(after(20, 1), None, "it is over");
    assert_eq!(after(0, 4), None);
}

#[test]
fn few_long_waits_of_many_heartbeats_are_no_flag() {
    let mut window = AuditWindow::new();
    for beat in 0..100 {
        window.wait(CpuWait { time: micros(if beat % 12 == 0 { 3_000 } else { 50 }), runs: 5 });
    }
    assert_eq!(window.evaluate(), None);
}

#[test]
fn absurd_times_do_no_harm() {
    let mut window = AuditWindow::new();
    for _ in 0..10 {
        window.record(Duration::MAX, Duration::MAX);
        window.lag(Duration::MAX);
        window.wait(CpuWait { time: Duration::MAX, runs: u32::MAX });
    }
    let finding = window.evaluate().unwrap();
    assert!(finding.lag_max <= Duration::from_secs(61));
}

#[test]
fn the_heart_beats_fast_only_where_calls_came_lately() {
    let mut records = WorkerRecords::new();
    assert_eq!(records.next_beat(), IDLE_BEAT_INTERVAL);
    records.window.record(micros(1), micros(300));
    assert_eq!(records.next_beat(), BEAT_INTERVAL);
    let start = Instant::now();
    records.close(reading(start, 0, 0), reading(start, 1_000, 1));
    assert_eq!(records.next_beat(), BEAT_INTERVAL);
    records.close(reading(start, 1_000, 1), reading(start, 2_000, 1));
    assert_eq!(records.next_beat(), IDLE_BEAT_INTERVAL);
}

fn reading(start: Instant, millis: u64, cpu: u64) -> CpuReading {
    CpuReading { at: start + Duration::from_millis(millis), cpu: Duration::from_millis(cpu) }
}

#[test]
fn a_snapshot_merges_workers_and_keeps_the_last_flags() {
    let audits = [Arc::new(Audit::default()), Arc::new(Audit::default())];
    let start = Instant::now();
    for second in 0..100 {
        for _ in 0..20 {
            audits[0].record(micros(1_000), micros(300));
            audits[1].record(micros(10), micros(300));
        }
        let (opened, closed) = (reading(start, second * 1_000, 0), reading(start, second * 1_000 + 1_000, 250));
        for audit in &audits {
            audit.records().close(opened, closed);
        }
    }
    audits[1].record(micros(10), micros(300));
    audits[1].count_late_work();
    let snapshot = AuditSnapshot::of(&audits);
    assert_eq!((snapshot.lateness.count, snapshot.windows, snapshot.late_work), (4_001, 200, 1));
    assert!((snapshot.lateness.p50 - 10.0).abs() < 0.6);
    assert!((snapshot.lateness.p99 - 1_000.0).abs() < 10.0);
    assert_eq!((snapshot.flagged.count, snapshot.flagged.last.len()), (100, 60));
    assert_eq!(snapshot.flagged.last[0].worker, 0);
    assert_eq!(snapshot.flagged.last[0].reasons, ["20 of 20 answers left later than 200.0µs"]);
    assert!((snapshot.workers[1].cpu_share - 0.25).abs() < 1e-9);
}

#[test]
fn the_published_members_have_their_documented_names() {
    let audit = Arc::new(Audit::default());
    audit.record_loop_lag(Duration::from_millis(200));
    let start = Instant::now();
    audit.records().close(reading(start, 0, 0), reading(start, 1_000, 100));
    let snapshot = AuditSnapshot::of(&[audit]);
    let page = serde_json::to_value(&snapshot).unwrap();
    for pointer in [
        "/lateness/count",
        "/lateness/p999",
        "/loopLag/max",
        "/lateWork",
        "/windows",
        "/flagged/count",
        "/flagged/last/0/at",
        "/flagged/last/0/medianIntended",
        "/flagged/last/0/cpuWaits",
        "/workers/0/cpuShareOverall",
    ] {
        assert!(page.pointer(pointer).is_some_and(Value::is_number), "{pointer}");
    }
    assert_eq!(page["precision"], Precision::Normal.name());
    let mut metrics = PrometheusText::default();
    snapshot.write_prometheus(&mut metrics);
    let text = metrics.into_text();
    assert!(text.contains("standin_loop_lag_seconds{quantile=\"0.99\"} 0.2"), "{text}");
    assert!(text.contains("standin_flagged_windows_total 1\n"), "{text}");
}

#[test]
fn a_heartbeat_notices_that_its_worker_stood_still() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let timer = Arc::new(Timer::new(Precision::Normal));
    let audit = Arc::new(Audit::default());
    runtime.spawn(Arc::clone(&timer).run());
    runtime.spawn(Arc::clone(&audit).run(Arc::clone(&timer)));
    let snapshot = || AuditSnapshot::of(&[Arc::clone(&audit)]);
    let deadline = Instant::now() + Duration::from_secs(60);
    runtime.block_on(async {
        while snapshot().loop_lag.count == 0 {
            assert!(Instant::now() < deadline, "there is no heartbeat");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        std::thread::sleep(Duration::from_millis(250));
        while snapshot().flagged.count == 0 {
            assert!(Instant::now() < deadline, "the standstill is not flagged");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let snapshot = snapshot();
    assert!(snapshot.loop_lag.max > 100_000.0);
    assert!(snapshot.workers[0].cpu_share < 0.9);
}
