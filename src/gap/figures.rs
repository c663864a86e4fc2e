//! An operation in figures: by load, over time, and its whole distribution; the service, the mock and two simpler mocks.

use std::fmt;

use super::Gap;
use super::baseline::Kind;
use super::cell::{Cell, NoiseFrom};
use super::sample::{Latency, Percentiles};
use super::series::{Curve, Pairs, Series, Window};
use crate::page::{Axis, Band, Chart, Figure, Line, Look, Scale};
use crate::terminal::cut;

/// The figures of one operation.
#[derive(Clone, Debug)]
pub(super) struct Figures(Vec<Figure>);

impl Figures {
    /// Of an operation's cells from calm to busy.
    pub(super) fn new(gap: &Gap, cells: &[&Cell], series: &Series) -> Self {
        let sides = Sides { real: cut(&gap.reference.name, NAME), mock: cut(&gap.mock.name, NAME) };
        let mut figures = Vec::new();
        if gap.levels.len() > 1 {
            figures.extend([50, 95].map(|percent| sides.by_load(gap, cells, percent)));
        }
        figures.push(sides.over_time(50, series, |window| window.p50));
        figures.push(sides.over_time(95, series, |window| window.p95));
        figures.push(sides.pairs(&series.pairs));
        figures.push(sides.distribution(series));
        Self(figures)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "<div class=\"figures\">")?;
        self.0.iter().try_for_each(|figure| write!(out, "{figure}"))?;
        writeln!(out, "</div>")
    }
}

/// What the two are called.
struct Sides {
    real: String,
    mock: String,
}

impl Sides {
    /// A percentile by calls a second, with what simpler mocks would do and what chance makes.
    fn by_load(&self, gap: &Gap, cells: &[&Cell], percent: u32) -> Figure {
        let loads: Vec<(f64, &Cell)> = cells
            .iter()
            .filter_map(|cell| Some((gap.levels.iter().find(|level| level.name == cell.level)?.per_second, *cell)))
            .collect();
        let points = |ms: &dyn Fn(&Cell) -> Option<f64>| -> Vec<(f64, f64)> {
            loads.iter().filter_map(|(load, cell)| Some((*load, ms(cell)?))).collect()
        };
        let of = |latency: &Percentiles<Latency>| latency.at(percent).0.as_secs_f64() * 1e3;
        let real = |cell: &Cell| (cell.reference.answered > 0).then(|| of(&cell.reference.latency));
        let of_baseline = |kind: Kind| {
            move |cell: &Cell| {
                let baseline = cell.baselines.iter().find(|baseline| baseline.kind == kind)?;
                Some(real(cell)? * baseline.deviation.log_ratio.at(percent).exp())
            }
        };
        let lines = vec![
            Line::new(Look::Real, &self.real, points(&real)),
            Line::new(Look::Mock, &self.mock, points(&|cell| (cell.mock.answered > 0).then(|| of(&cell.mock.latency)))),
            Line::new(Look::Constant, CONSTANT, points(&of_baseline(Kind::ConstantMedian))),
            Line::new(Look::LogNormal, LOG_NORMAL, points(&of_baseline(Kind::LogNormal))),
        ];
        let noise: Vec<(f64, [f64; 2])> = loads
            .iter()
            .filter(|(_, cell)| cell.noise.at(percent).is_finite())
            .filter_map(|(load, cell)| {
                let (ms, factor) = (real(cell)?, cell.noise.at(percent).exp());
                Some((*load, [ms / factor, ms * factor]))
            })
            .collect();
        let by_runs = loads.iter().any(|(_, cell)| cell.noise_from == NoiseFrom::Runs);
        let band = (noise.len() > 1).then(|| Band {
            name: if by_runs { "chance, by repeated runs" } else { "chance, by parts of the run" }.to_owned(),
            points: noise,
        });
        let beside = if band.is_some() {
            format!(" Within the grey area {} differs from {} by no more than chance makes.", self.mock, self.real)
        } else {
            String::new()
        };
        let mut bent = gap.knees.iter().filter(|knee| knee.reference.is_some() || knee.mock.is_some());
        let knee = bent.find(|knee| cells.first().is_some_and(|cell| cell.operation == knee.operation));
        let bend = match knee {
            Some(knee) if percent == 95 => format!(" {}.", knee.in_words(&self.real, &self.mock)),
            _ => String::new(),
        };
        let what = if percent == 50 { "the typical time, p50" } else { "slow answers, p95" };
        Figure {
            title: format!("By load: {what}"),
            reading: format!(
                "Further right, more calls come a second. {} Where two lines are close, they answer alike at that load; a line that stays flat \
                 does not know about queues.{beside}{bend}",
                of_hundred(percent)
            ),
            chart: chart("calls a second, of all operations", &format!("p{percent}, ms"), lines, band),
        }
    }

    /// A percentile by window.
    fn over_time(&self, percent: u32, series: &Series, ms: impl Fn(&Window) -> f64) -> Figure {
        let line = |look, name: &str, windows: &[Window]| {
            Line::new(look, name, windows.iter().map(|window| (window.seconds, ms(window))).collect())
        };
        let [reference, mock] = &series.windows;
        let lines = vec![line(Look::Real, &self.real, reference), line(Look::Mock, &self.mock, mock)];
        let what = if percent == 50 { "the typical time, p50" } else { "slow answers, p95" };
        Figure {
            title: format!("Over time: {what}"),
            reading: format!(
                "The run from its first call to its last, in windows. {} Both lines should rise and fall together; a peak that only one has \
                 is a pause, or a load that it took differently. Points of few calls jump by chance.",
                of_hundred(percent)
            ),
            chart: chart("seconds since the first call", &format!("p{percent}, ms"), lines, None),
        }
    }

    /// Quantiles of one by those of the other.
    fn pairs(&self, pairs: &[Pairs]) -> Figure {
        let looks = if pairs.len() == 1 { [Look::Real; 2] } else { [Look::Calm, Look::Busy] };
        let name = |place: usize, pairs: &Pairs| match (pairs.level.as_str(), place) {
            ("all", _) => "all answers".to_owned(),
            (level, 0) => format!("calm (load {level})"),
            (level, _) => format!("busy (load {level})"),
        };
        let mut lines: Vec<Line> = looks
            .into_iter()
            .zip(pairs.iter().enumerate())
            .map(|(look, (place, pairs))| Line {
                is_joined: false,
                ..Line::new(look, &name(place, pairs), pairs.points.clone())
            })
            .collect();
        let all = || pairs.iter().flat_map(|pairs| &pairs.points).flat_map(|(one, other)| [*one, *other]);
        let scale = Scale::times(all());
        let (least, most) = all().fold((f64::INFINITY, 0.0_f64), |(least, most), ms| (least.min(ms), most.max(ms)));
        if !pairs.is_empty() {
            let guide = Line {
                is_marked: false,
                ..Line::new(Look::Guide, "no difference", vec![(least, least), (most, most)])
            };
            lines.push(guide);
        }
        let axis = |name: &str| Axis { name: format!("{name}, ms"), scale };
        Figure {
            title: "Answer by answer: both sides' times in order".to_owned(),
            reading: format!(
                "Each point pairs times of the same rank: the fastest are bottom left, the slowest top right. On the line both take as long; \
                 above it {} is too slow, below it too fast. (Statisticians call it a quantile-quantile plot.)",
                self.mock
            ),
            chart: Chart { x: axis(&self.real), y: axis(&self.mock), band: None, lines },
        }
    }

    /// Which share came within which time.
    fn distribution(&self, series: &Series) -> Figure {
        let line = |look, name: &str, curve: &Curve| Line {
            is_marked: false,
            ..Line::new(look, name, curve.iter().map(|(percent, ms)| (*ms, *percent)).collect())
        };
        let lines = vec![
            line(Look::Real, &self.real, &series.reference),
            line(Look::Mock, &self.mock, &series.mock),
            line(Look::Constant, CONSTANT, &series.constant_median),
            line(Look::LogNormal, LOG_NORMAL, &series.log_normal),
        ];
        let times = lines.iter().flat_map(|line| line.points.iter().map(|(ms, _)| *ms));
        let x = Axis { name: "time of the answer, ms".to_owned(), scale: Scale::times(times) };
        let y = Axis { name: "% of answers within that time".to_owned(), scale: Scale::percent() };
        Figure {
            title: "All answers: how many came within which time".to_owned(),
            reading: "Pick a time below and go up: a line says how many of 100 answers came within it, at all loads together. The further \
                      two lines lie apart sideways, the more their times differ. (An empirical distribution function, ECDF.)"
                .to_owned(),
            chart: Chart { x, y, band: None, lines },
        }
    }
}

/// Times over something that is counted from zero.
fn chart(x: &str, y: &str, lines: Vec<Line>, band: Option<Band>) -> Chart {
    let values = || lines.iter().flat_map(|line| line.points.iter().copied());
    // the band may reach far beyond what was measured: it is cut off there
    let edges = band.iter().flat_map(|band| band.points.iter().flat_map(|(_, [low, high])| [*low, *high]));
    let (least, most) = values().fold((f64::INFINITY, 0.0_f64), |(least, most), (_, ms)| (least.min(ms), most.max(ms)));
    let edges: Vec<f64> = edges.map(|ms| ms.clamp(least / 2.0, most * 2.0)).collect();
    Chart {
        x: Axis { name: x.to_owned(), scale: Scale::from_zero(values().map(|(x, _)| x)) },
        y: Axis { name: y.to_owned(), scale: Scale::times(values().map(|(_, ms)| ms).chain(edges)) },
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

const CONSTANT: &str = "a fixed delay";
const LOG_NORMAL: &str = "WireMock's log-normal delay";
/// Longer names of a side are cut in the figures.
const NAME: usize = 28;
