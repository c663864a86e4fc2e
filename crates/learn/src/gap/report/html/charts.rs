//! An operation in figures: by load, over time, and its whole distribution; the service, the mock
//! and two simpler mocks.

use std::fmt;
use std::time::Duration;

use crate::gap::Gap;
use crate::gap::compare::baseline::BaselineKind;
use crate::gap::compare::cell::Cell;
use crate::gap::compare::sample::SampleSummary;
use crate::gap::format::{longer, unsigned};
use crate::gap::noise::NoiseFrom;
use crate::gap::report::html::chart_data::{ChartData, LatencyWindow, QuantileCurve, QuantilePairs};
use crate::page::{AxisScale, Band, Chart, ChartAxis, ChartLine, Figure, Look, sentence};
use standin_model::stats::log_ratio;
use standin_text::{list, milliseconds};

/// The figures of one operation.
#[derive(Clone, Debug)]
pub(crate) struct OperationCharts(Vec<Figure>);

impl OperationCharts {
    /// Builds the charts of an operation from its cells, ordered from calm to busy.
    pub(crate) fn new(gap: &Gap, cells: &[&Cell], series: &ChartData) -> Self {
        let sides = RunCounts { repeats: gap.inference.is_some(), runs: gap.reference.runs.max(gap.mock.runs) };
        let mut figures = Vec::new();
        if gap.levels.len() > 1 {
            figures.extend([50, 95].map(|percent| sides.by_load(gap, cells, percent)));
        }
        figures.push(sides.over_time(50, series, |window| window.p50));
        figures.push(sides.over_time(95, series, |window| window.p95));
        figures.push(pairs(&series.pairs));
        figures.push(distribution(series));
        Self(figures)
    }
}

impl fmt::Display for OperationCharts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "<div class=\"figures\">")?;
        self.0.iter().try_for_each(|figure| write!(out, "{figure}"))?;
        writeln!(out, "</div>")
    }
}

/// The number of runs a side, and whether they have one schedule.
struct RunCounts {
    repeats: bool,
    runs: usize,
}

impl RunCounts {
    /// Builds the chart of a percentile by arrival rate, with simpler mocks and the noise.
    fn by_load(&self, gap: &Gap, cells: &[&Cell], percent: u32) -> Figure {
        let loads: Vec<(f64, &Cell)> = cells
            .iter()
            .filter_map(|cell| Some((gap.levels.iter().find(|level| level.name == cell.level)?.per_second, *cell)))
            .collect();
        let points = |ms: &dyn Fn(&Cell) -> Option<f64>| -> Vec<(f64, f64)> {
            loads.iter().filter_map(|(load, cell)| Some((*load, ms(cell)?))).collect()
        };
        let real = |cell: &Cell| milliseconds_of(&cell.reference, percent);
        let of_baseline = |kind: BaselineKind| {
            move |cell: &Cell| {
                let baseline = cell.baselines.iter().find(|baseline| baseline.kind == kind)?;
                Some(real(cell)? * baseline.deviation.log_ratio.at(percent).exp())
            }
        };
        let lines = vec![
            ChartLine::new(Look::Real, REAL, points(&real)),
            ChartLine::new(Look::Mock, MOCK, points(&|cell| milliseconds_of(&cell.mock, percent))),
            ChartLine::new(Look::Constant, CONSTANT, points(&of_baseline(BaselineKind::ConstantMedian))),
            ChartLine::new(Look::LogNormal, LOG_NORMAL, points(&of_baseline(BaselineKind::LogNormal))),
        ];
        let band = noise_band(&loads, percent);
        let beside = if band.is_some() {
            " Within the grey area the mock differs from the service by no more than chance makes."
        } else {
            ""
        };
        let mut bent = gap.knees.iter().filter(|knee| knee.reference.is_some() || knee.mock.is_some());
        let knee = bent.find(|knee| cells.first().is_some_and(|cell| cell.operation == knee.operation));
        let bend = match knee {
            Some(knee) if percent == 95 => format!(" {}", sentence(&knee.describe())),
            _ => String::new(),
        };
        Figure {
            title: format!("By load: {}", what(percent)),
            takeaway: takeaway_by_load(gap, cells, percent),
            reading: format!(
                "{} Further right, more calls come a second. Where two lines are close, they answer alike at that load; a line that stays flat \
                 does not know about queues.{beside}{}{bend}",
                of_hundred(percent),
                self.together()
            ),
            chart: chart("calls a second, of all operations", &format!("p{percent}, ms"), lines, band),
        }
    }

    /// Returns a remark if several runs are drawn together.
    fn together(&self) -> String {
        if self.runs > 1 { format!(" All {} runs are put together.", self.runs) } else { String::new() }
    }

    /// Builds the chart of a percentile over time.
    fn over_time(&self, percent: u32, series: &ChartData, ms: impl Fn(&LatencyWindow) -> f64) -> Figure {
        let line = |look, name: &str, windows: &[LatencyWindow]| {
            ChartLine::new(look, name, windows.iter().map(|window| (window.seconds, ms(window))).collect())
        };
        let [reference, mock] = &series.windows;
        let lines = vec![line(Look::Real, REAL, reference), line(Look::Mock, MOCK, mock)];
        // windows of both sides that are of the same time
        let mut ratios: Vec<f64> = reference
            .iter()
            .filter_map(|one| {
                let other = mock.iter().find(|other| (other.seconds - one.seconds).abs() < 1e-6)?;
                Some(log_ratio(ms(one) * 1e6, ms(other) * 1e6))
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        let takeaway = match ratios.get(ratios.len() / 2) {
            Some(middle) => format!("At a typical time the mock's p{percent} is {}.", longer(*middle)),
            None => "There are too few calls at the same time on both sides.".to_owned(),
        };
        let runs = match (self.runs > 1, self.repeats) {
            (false, _) => String::new(),
            (true, true) => format!(" The {} runs of a side lie over each other.", self.runs),
            (true, false) => format!(" The {} runs of a side follow one another.", self.runs),
        };
        Figure {
            title: format!("Over time: {}", what(percent)),
            takeaway,
            reading: format!(
                "{} From the first call to the last, in windows. Both lines should rise and fall together; a peak that only one has \
                 is a pause, or a load that it took differently. Points of few calls jump by chance.{runs}",
                of_hundred(percent)
            ),
            chart: chart("seconds since the first call", &format!("p{percent}, ms"), lines, None),
        }
    }
}

/// Quantiles of one by those of the other.
fn pairs(pairs: &[QuantilePairs]) -> Figure {
    let looks = if pairs.len() == 1 { [Look::Real; 2] } else { [Look::Calm, Look::Busy] };
    let name =
        |pairs: &QuantilePairs| if pairs.level == "all" { "all answers".to_owned() } else { pairs.level.clone() };
    let mut lines: Vec<ChartLine> = looks
        .into_iter()
        .zip(pairs)
        .map(|(look, pairs)| ChartLine { is_joined: false, ..ChartLine::new(look, &name(pairs), pairs.points.clone()) })
        .collect();
    let all = || pairs.iter().flat_map(|pairs| &pairs.points).flat_map(|(one, other)| [*one, *other]);
    let scale = AxisScale::times(all());
    let (least, most) = all().fold((f64::INFINITY, 0.0_f64), |(least, most), ms| (least.min(ms), most.max(ms)));
    if !pairs.is_empty() {
        let guide = ChartLine {
            is_marked: false,
            ..ChartLine::new(Look::Guide, "no difference", vec![(least, least), (most, most)])
        };
        lines.push(guide);
    }
    let mean = |pairs: &QuantilePairs| {
        let logs = pairs.points.iter().map(|(one, other)| log_ratio(one * 1e6, other * 1e6).abs());
        logs.sum::<f64>() / pairs.points.len().max(1) as f64
    };
    // one notation a figure
    let as_times = pairs.iter().any(|pairs| mean(pairs) > std::f64::consts::LN_10);
    let apart = |pairs: &QuantilePairs| {
        let load = if pairs.level == "all" { String::new() } else { format!(" ({})", pairs.level) };
        let off = if as_times { format!("{:.1} times", mean(pairs).exp()) } else { unsigned(mean(pairs)) };
        format!("{off}{load}")
    };
    let apart: Vec<String> = pairs.iter().map(apart).collect();
    let axis = |name: &str| ChartAxis { name: format!("{name}, ms"), scale };
    Figure {
        title: "Answer by answer: both sides' times in order".to_owned(),
        takeaway: format!("On average the points lie {} off the line.", list(&apart, "and")),
        reading: "Each point pairs times of the same rank: the fastest are bottom left, the slowest top right. On the line both take as long; \
                  above it the mock is too slow, below it too fast. (Statisticians call it a quantile-quantile plot.)"
            .to_owned(),
        chart: Chart { x: axis(REAL), y: axis(MOCK), band: None, lines },
    }
}

/// Builds the chart of the cumulative distribution.
fn distribution(series: &ChartData) -> Figure {
    let line = |look, name: &str, curve: &QuantileCurve| ChartLine {
        is_marked: false,
        ..ChartLine::new(look, name, curve.iter().map(|(percent, ms)| (*ms, *percent)).collect())
    };
    let lines = vec![
        line(Look::Real, REAL, &series.reference),
        line(Look::Mock, MOCK, &series.mock),
        line(Look::Constant, CONSTANT, &series.constant_median),
        line(Look::LogNormal, LOG_NORMAL, &series.log_normal),
    ];
    let times = lines.iter().flat_map(|line| line.points.iter().map(|(ms, _)| *ms));
    let x = ChartAxis { name: "time of the answer, ms".to_owned(), scale: AxisScale::times(times) };
    let y = ChartAxis { name: "% of answers within that time".to_owned(), scale: AxisScale::percent() };
    let half = |curve: &QuantileCurve| {
        curve.get(curve.len() / 2).map(|(_, time)| milliseconds(Duration::from_secs_f64(time / 1e3)))
    };
    let takeaway = match (half(&series.reference), half(&series.mock)) {
        (Some(one), Some(other)) => {
            format!(
                "At all loads together, half of the answers came within {one} ms with the service, and within {other} ms with the mock."
            )
        }
        _ => "One side has no answers.".to_owned(),
    };
    Figure {
        title: "All answers: how many came within which time".to_owned(),
        takeaway,
        reading: "Pick a time below and go up: a line says how many of 100 answers came within it. The further two lines lie apart sideways, the \
                  more their times differ. (An empirical distribution function, ECDF.)"
            .to_owned(),
        chart: Chart { x, y, band: None, lines },
    }
}

/// Returns a percentile of a sample in milliseconds; `None` if no call was answered.
fn milliseconds_of(sample: &SampleSummary, percent: u32) -> Option<f64> {
    (sample.answered > 0).then(|| sample.latency.at(percent).0.as_secs_f64() * 1e3)
}

/// Returns the band of the noise around the service's percentile, if it is known at two loads or
/// more.
fn noise_band(loads: &[(f64, &Cell)], percent: u32) -> Option<Band> {
    let points: Vec<(f64, [f64; 2])> = loads
        .iter()
        .filter(|(_, cell)| cell.noise.at(percent).is_finite())
        .filter_map(|(load, cell)| {
            let (ms, factor) = (milliseconds_of(&cell.reference, percent)?, cell.noise.at(percent).exp());
            Some((*load, [ms / factor, ms * factor]))
        })
        .collect();
    let is_from_runs = loads.iter().any(|(_, cell)| cell.noise_from == NoiseFrom::Runs);
    let name = if is_from_runs { "chance, by repeated runs" } else { "chance, by parts of the run" };
    (points.len() > 1).then(|| Band { name: name.to_owned(), points })
}

/// Returns the result that the chart by load shows: the difference at the calmest and at the
/// busiest load.
fn takeaway_by_load(gap: &Gap, cells: &[&Cell], percent: u32) -> String {
    let is_compared = |cell: &&&Cell| cell.reliable_percentiles.contains(&percent) && cell.deviation.is_some();
    let describe = |cell: &Cell| {
        let log = cell.deviation.map_or(0.0, |deviation| deviation.log_ratio.at(percent));
        format!("{} {}", longer(log), gap.when(&cell.level))
    };
    match [cells.iter().find(is_compared), cells.iter().rev().find(is_compared)] {
        [Some(calm), Some(busy)] if calm.level != busy.level => {
            format!("The mock's p{percent} is {}, and {}.", describe(calm), describe(busy))
        }
        [Some(cell), _] => format!("The mock's p{percent} is {}.", describe(cell)),
        _ => "There are too few calls to believe this percentile.".to_owned(),
    }
}

/// Times over something that is counted from zero.
fn chart(x: &str, y: &str, lines: Vec<ChartLine>, band: Option<Band>) -> Chart {
    let values = || lines.iter().flat_map(|line| line.points.iter().copied());
    // the band may reach far beyond what was measured: it is cut off there
    let edges = band.iter().flat_map(|band| band.points.iter().flat_map(|(_, [low, high])| [*low, *high]));
    let (least, most) = values().fold((f64::INFINITY, 0.0_f64), |(least, most), (_, ms)| (least.min(ms), most.max(ms)));
    let edges: Vec<f64> = edges.map(|ms| ms.clamp(least / 2.0, most * 2.0)).collect();
    Chart {
        x: ChartAxis { name: x.to_owned(), scale: AxisScale::from_zero(values().map(|(x, _)| x)) },
        y: ChartAxis { name: y.to_owned(), scale: AxisScale::times(values().map(|(_, ms)| ms).chain(edges)) },
        band,
        lines,
    }
}

fn of_hundred(percent: u32) -> String {
    if percent == 50 {
        "Half of the answers took no longer than this.".to_owned()
    } else {
        format!("{percent} of 100 answers took no longer than this.")
    }
}

fn what(percent: u32) -> &'static str {
    if percent == 50 { "the typical time, p50" } else { "slow answers, p95" }
}

const REAL: &str = "service";
const MOCK: &str = "mock";
const CONSTANT: &str = "a fixed delay";
const LOG_NORMAL: &str = "WireMock's log-normal delay";
