//! Data of the charts beside the tables: the distribution of each operation on both sides,
//! quantiles at its calmest and at its busiest load, and percentiles over time. A few points each,
//! whatever the number of calls; none of it is in the JSON.

use std::collections::BTreeMap;

use crate::gap::compare::baseline::{BaselineKind, FittedBaselines};
use crate::gap::compare::grouping::GroupedCalls;
use crate::gap::compare::load_levels::{LoadLevel, LoadLevels};
use crate::gap::compare::sample::CellCalls;
use crate::gap::compare::service_run::ComparisonSide;
use standin_model::stats::quantile;

/// The curves of one operation. Times are in milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ChartData {
    pub(crate) operation: String,
    /// All answers that are compared.
    pub(crate) reference: QuantileCurve,
    pub(crate) mock: QuantileCurve,
    /// The distribution with each simpler mock.
    pub(crate) constant_median: QuantileCurve,
    pub(crate) log_normal: QuantileCurve,
    /// The quantiles of both sides at the calmest load at which both have enough calls, and at the
    /// busiest if that is another.
    pub(crate) pairs: Vec<QuantilePairs>,
    /// Percentiles over time, of the reference and of the mock.
    pub(crate) windows: [Vec<LatencyWindow>; 2],
}

/// Percentages of answers, and the time within which so many came.
pub(crate) type QuantileCurve = Vec<(f64, f64)>;

/// The quantiles of the reference and of the mock at one load.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QuantilePairs {
    /// The label of the load level.
    pub(crate) level: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Some of the time, counted from the first call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LatencyWindow {
    /// The middle of the window, in seconds since the first call.
    pub(crate) seconds: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
}

/// An answered call: when it came, in seconds since the first, and how long it took in nanoseconds.
type TimedLatency = (f64, u64);

impl ChartData {
    /// Returns the chart data of each operation, by name.
    pub(crate) fn all(
        (levels, baselines): (&LoadLevels, &FittedBaselines),
        (reference, originals): (&ComparisonSide, &GroupedCalls),
        (mock, copies): (&ComparisonSide, &GroupedCalls),
    ) -> Vec<Self> {
        let repeats = reference.repeats && mock.repeats;
        let mut times = [answered(reference, levels, repeats), answered(mock, levels, repeats)];
        let mut names: Vec<&str> = originals.runs.keys().chain(copies.runs.keys()).map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names.dedup();
        let series = names.into_iter().map(|name| {
            let at = |cells: &GroupedCalls, level: usize| {
                sorted(cells.runs.get(&(name.to_owned(), level)).map(Vec::as_slice).unwrap_or_default())
            };
            let [of_reference, of_mock] = times.each_mut().map(|times| times.remove(name).unwrap_or_default());
            let all = |calls: &[TimedLatency]| {
                let mut latencies: Vec<u64> = calls.iter().map(|(_, latency)| *latency).collect();
                latencies.sort_unstable();
                curve(&latencies)
            };
            let of_baseline = |kind| {
                let quantile = |percent: f64| Some((percent, baselines.quantile(name, kind, percent / 100.0)?));
                curve_percents().filter_map(quantile).collect()
            };
            Self {
                operation: name.to_owned(),
                reference: all(&of_reference),
                mock: all(&of_mock),
                constant_median: of_baseline(BaselineKind::ConstantMedian),
                log_normal: of_baseline(BaselineKind::LogNormal),
                pairs: pairs(&levels.levels, |level| [at(originals, level), at(copies, level)]),
                windows: windows([&of_reference, &of_mock]),
            }
        });
        series.collect()
    }
}

/// Returns the answered calls that are compared, by operation. Runs of one schedule are laid over
/// each other; others follow one another.
fn answered<'s>(side: &'s ComparisonSide, levels: &LoadLevels, repeats: bool) -> BTreeMap<&'s str, Vec<TimedLatency>> {
    let mut all: BTreeMap<&str, Vec<TimedLatency>> = BTreeMap::new();
    let mut before = 0.0;
    for run in &side.runs {
        let placed = levels.place(run);
        let first = run.calls.first().map_or(0, |call| call.at);
        for call in run.calls.iter().filter(|call| placed.of(**call).is_some() && !run.is_doubtful(**call)) {
            if let Some(latency) = call.latency {
                let at = before + (call.at - first) as f64 / 1e9;
                all.entry(run.operation(*call)).or_default().push((at, latency));
            }
        }
        if !repeats {
            before += run.length() as f64 / 1e9;
        }
    }
    all
}

fn sorted(runs: &[CellCalls]) -> Vec<u64> {
    let mut latencies: Vec<u64> = runs.iter().flat_map(|run| run.latencies.iter().copied()).collect();
    latencies.sort_unstable();
    latencies
}

/// Returns the quantile pairs of the calmest and of the busiest level that have enough calls on
/// both sides.
fn pairs(levels: &[LoadLevel], at: impl Fn(usize) -> [Vec<u64>; 2]) -> Vec<QuantilePairs> {
    let pair = |level: usize| {
        let sides = at(level);
        let fewest = sides.iter().map(Vec::len).min().unwrap_or(0);
        let points = |[one, other]: &[Vec<u64>; 2]| {
            let percents = PAIRED_PERCENTS
                .iter()
                .filter(|percent| (100.0 - **percent) / 100.0 * fewest as f64 >= MIN_CALLS_BEYOND);
            percents.map(|percent| (milliseconds(one, *percent), milliseconds(other, *percent))).collect()
        };
        (fewest >= MIN_CALLS).then(|| QuantilePairs { level: levels[level].label.clone(), points: points(&sides) })
    };
    let calmest = (0..levels.len()).find_map(|level| Some((level, pair(level)?)));
    let Some((first, calmest)) = calmest else { return Vec::new() };
    let busiest = (first + 1..levels.len()).rev().find_map(pair);
    [Some(calmest), busiest].into_iter().flatten().collect()
}

fn curve(sorted: &[u64]) -> QuantileCurve {
    if sorted.is_empty() {
        return Vec::new();
    }
    curve_percents().map(|percent| (percent, milliseconds(sorted, percent))).collect()
}

/// Returns 200 evenly spaced percentages.
fn curve_percents() -> impl Iterator<Item = f64> {
    (0..CURVE_POINTS).map(|point| (point as f64 + 0.5) * 100.0 / CURVE_POINTS as f64)
}

/// Returns the percentile of a sorted sample in nanoseconds, in milliseconds; `percent` is 0 to
/// 100.
fn milliseconds(sorted: &[u64], percent: f64) -> f64 {
    quantile(sorted, percent / 100.0) / 1e6
}

/// Windows of the same length on both sides, as many as leave each enough calls on average.
fn windows(sides: [&[TimedLatency]; 2]) -> [Vec<LatencyWindow>; 2] {
    let fewer = sides.iter().map(|calls| calls.len()).min().unwrap_or(0);
    let end = sides.iter().flat_map(|calls| calls.iter().map(|(at, _)| *at)).fold(0.0_f64, f64::max);
    let count = if fewer / WINDOW_CALLS >= MIN_WINDOWS { fewer / WINDOW_CALLS } else { fewer / MIN_CALLS };
    let count = count.clamp(1, MAX_WINDOWS);
    // the last call belongs to the last window
    let length = (end / count as f64).max(1e-9) * (1.0 + 1e-9);
    sides.map(|calls| {
        let mut latencies = vec![Vec::new(); count];
        for (at, latency) in calls {
            latencies[((at / length) as usize).min(count - 1)].push(*latency);
        }
        let windows = latencies.into_iter().enumerate().filter(|(_, latencies)| latencies.len() >= MIN_WINDOW_CALLS);
        let window = |(number, mut latencies): (usize, Vec<u64>)| {
            latencies.sort_unstable();
            LatencyWindow {
                seconds: (number as f64 + 0.5) * length,
                p50: milliseconds(&latencies, 50.0),
                p95: milliseconds(&latencies, 95.0),
            }
        };
        windows.map(window).collect()
    })
}

const CURVE_POINTS: usize = 200;
/// Percentages whose times are compared one by one.
const PAIRED_PERCENTS: [f64; 26] = [
    1.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0, 70.0, 75.0, 80.0, 85.0, 90.0,
    92.5, 95.0, 96.5, 98.0, 99.0, 99.5, 99.9,
];
/// Calls beyond a percentage that is shown.
const MIN_CALLS_BEYOND: f64 = 5.0;
/// Fewer calls are not drawn.
const MIN_CALLS: usize = 20;
/// Calls of a window, on average: a p95 has five beyond it.
const WINDOW_CALLS: usize = 100;
/// Where that makes fewer windows, fewer calls must do.
const MIN_WINDOWS: usize = 8;
const MAX_WINDOWS: usize = 48;
const MIN_WINDOW_CALLS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::compare::service_run::{ServiceRun, TimedCall};

    /// Calls every 10 ms, those of the second half twice as close; the n-th takes n µs, as often as
    /// `times` says.
    fn side(calls: u64, times: u64) -> ComparisonSide {
        let call = |n: u64| TimedCall {
            operation: 0,
            at: if n < calls / 2 { n * 10_000_000 } else { calls / 2 * 10_000_000 + (n - calls / 2) * 5_000_000 },
            latency: Some((n + 1) * 1_000 * times),
            status: Some(200),
        };
        let run = ServiceRun {
            operations: vec!["GET /".to_owned()],
            calls: (0..calls).map(call).collect(),
            ..ServiceRun::default()
        };
        ComparisonSide { name: "side".to_owned(), runs: vec![run], repeats: false }
    }

    fn series(reference: &ComparisonSide, mock: &ComparisonSide) -> Vec<ChartData> {
        let levels = LoadLevels::new(&reference.runs, 2_000);
        let originals = GroupedCalls::new(&levels, &reference.runs);
        let copies = GroupedCalls::new(&levels, &mock.runs);
        ChartData::all((&levels, &originals.baselines()), (reference, &originals), (mock, &copies))
    }

    #[test]
    fn curves_are_quantiles() {
        let all = series(&side(10_000, 1), &side(10_000, 3));
        let [one] = all.as_slice() else { panic!("one operation: {all:?}") };
        assert_eq!((one.reference.len(), one.mock.len(), one.log_normal.len()), (200, 200, 200));
        // R: quantile(1:10000, 0.5025) is 5025.4975
        let near = |(percent, ms): (f64, f64), expected: f64| percent == 50.25 && (ms - expected).abs() < 1e-9;
        assert!(near(one.reference[100], 5.025_497_5), "{:?}", one.reference[100]);
        assert!(near(one.mock[100], 15.076_492_5), "{:?}", one.mock[100]);
        assert!(one.constant_median.iter().all(|(_, ms)| (ms - 5.0005).abs() < 1e-9), "{:?}", one.constant_median);
        // two loads, and at each the mock takes three times as long
        assert_eq!(one.pairs.len(), 2, "{:?}", one.pairs);
        for (reference, mock) in one.pairs.iter().flat_map(|pairs| &pairs.points) {
            assert!((mock / reference - 3.0).abs() < 1e-9, "{reference} {mock}");
        }
        assert!(one.pairs[0].points.last().unwrap().0 < one.pairs[1].points[0].0, "{:?}", one.pairs);
        let [reference, mock] = &one.windows;
        assert_eq!((reference.len(), mock.len()), (48, 48));
        assert!(reference.windows(2).all(|pair| pair[0].p50 < pair[1].p50 && pair[0].seconds < pair[1].seconds));
        assert!(reference.last().unwrap().seconds < 75.0, "{reference:?}");
    }

    #[test]
    fn few_calls_make_few_points_and_none_make_none() {
        let one = &series(&side(15, 1), &side(15, 1))[0];
        assert!(one.pairs.is_empty());
        assert_eq!(one.windows[0].len(), 1, "{:?}", one.windows);
        let one = &series(&side(1, 1), &side(0, 1))[0];
        assert!(one.mock.is_empty() && one.windows.iter().all(Vec::is_empty));
        assert!(series(&side(0, 1), &side(0, 1)).is_empty());
    }

    #[test]
    fn runs_of_one_schedule_lie_over_each_other() {
        let twice = |repeats| {
            let one = side(1_000, 1);
            ComparisonSide { runs: vec![one.runs[0].clone(), one.runs[0].clone()], repeats, ..one }
        };
        let last = |repeats| {
            let side = twice(repeats);
            series(&side, &side)[0].windows[0].last().unwrap().seconds
        };
        assert!(last(true) < 7.5 && last(false) > 13.0, "{} {}", last(true), last(false));
    }
}
