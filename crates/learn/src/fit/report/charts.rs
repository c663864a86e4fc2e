//! Charts of the fit's page: recorded against predicted latencies, and the distribution of demands.

use crate::fit::demand::{DemandTable, OperationFit};
use crate::fit::report::text::off;
use crate::fit::search::holdout_validation::Stratum;
use crate::page::{AxisScale, Band, Chart, ChartAxis, ChartLine, Figure, Look};
use standin_text::{short_duration, truncate};

/// Builds the chart of a percentile by load: recorded, and predicted from lower loads.
pub(crate) fn prediction(strata: &[Stratum], place: usize, percent: u32) -> Figure {
    let predicted = |stratum: &Stratum| stratum.recorded_ms[place] * (1.0 + stratum.errors[place]);
    let points = |ms: &dyn Fn(&Stratum) -> f64, of: fn(&Stratum) -> bool| -> Vec<(f64, f64)> {
        strata.iter().filter(|stratum| of(stratum)).map(|stratum| (stratum.per_second, ms(stratum))).collect()
    };
    let band: Vec<(f64, [f64; 2])> = strata
        .iter()
        .map(|stratum| {
            let (ms, factor) = (predicted(stratum), 1.0 + stratum.noise[place]);
            (stratum.per_second, [ms / factor, ms * factor])
        })
        .collect();
    let mut lines = vec![
        ChartLine::new(Look::Real, "recorded", points(&|stratum| stratum.recorded_ms[place], |_| true)),
        ChartLine::new(Look::Mock, "predicted", points(&predicted, |_| true)),
    ];
    let held_out = points(&predicted, |stratum| stratum.held_out);
    let beyond = if held_out.is_empty() {
        ""
    } else {
        lines.push(ChartLine {
            is_joined: false,
            ..ChartLine::new(Look::Busy, "predicted without having seen that load", held_out)
        });
        " The error of the last point is what to expect beyond the recording."
    };
    let edges = band.iter().flat_map(|(_, [low, high])| [*low, *high]);
    let times: Vec<f64> = lines.iter().flat_map(|line| line.points.iter().map(|point| point.1)).chain(edges).collect();
    let at = |held_out: bool| strata.iter().rev().find(|stratum| stratum.held_out || !held_out);
    let takeaway = match (at(true), at(false)) {
        (Some(highest), _) => {
            format!("At the highest load, which it had not seen, the model is off by {}.", off(highest.errors[place]))
        }
        (None, Some(highest)) => format!("At the highest load the model is off by {}.", off(highest.errors[place])),
        (None, None) => String::new(),
    };
    let chance = if band.len() > 1 { " The grey area shows how much runs differ by chance." } else { "" };
    let what = if percent == 50 { "half of the answers".to_owned() } else { format!("{percent} of 100 answers") };
    Figure {
        title: format!("p{percent}: {what} took no longer"),
        takeaway,
        reading: format!(
            "The tape's own calls, and their times as the model predicts them. Where the lines are close, the model explains that load.{chance}{beyond}"
        ),
        chart: Chart {
            x: ChartAxis {
                name: "calls a second".to_owned(),
                scale: AxisScale::from_zero(strata.iter().map(|stratum| stratum.per_second)),
            },
            y: ChartAxis { name: format!("p{percent}, ms"), scale: AxisScale::times(times) },
            band: (band.len() > 1).then(|| Band { name: "chance".to_owned(), points: band }),
            lines,
        },
    }
}

/// Builds the chart of an operation's demand distribution.
pub(crate) fn demand(operation: &OperationFit) -> Figure {
    let curve = |look, name: &str, demand: &DemandTable| {
        let points = demand.points().iter().map(|(share, time)| (time.as_secs_f64() * 1e3, share * 100.0));
        ChartLine { is_marked: false, ..ChartLine::new(look, name, points.collect()) }
    };
    let mut lines = vec![curve(Look::Real, "work", &operation.demand)];
    lines.extend(operation.outside.iter().map(|outside| curve(Look::LogNormal, "beside the queue", outside)));
    for (look, class) in [Look::Constant, Look::Busy].into_iter().zip(&operation.classes) {
        lines.push(curve(look, &class.label(), &class.demand));
    }
    let times: Vec<f64> = lines.iter().flat_map(|line| line.points.iter().map(|point| point.0)).collect();
    Figure {
        title: truncate(&operation.name, MAX_NAME_CHARS),
        takeaway: format!(
            "Half of the calls are up to {} of work, and one in a hundred is more than {}.",
            short_duration(operation.demand.quantile(0.5)),
            short_duration(operation.demand.quantile(0.99))
        ),
        reading: "Pick a time below and go up: the line says how many of 100 calls are no more work than that."
            .to_owned(),
        chart: Chart {
            x: ChartAxis { name: "work of a call, ms".to_owned(), scale: AxisScale::times(times) },
            y: ChartAxis { name: "% of calls".to_owned(), scale: AxisScale::percent() },
            band: None,
            lines,
        },
    }
}

/// Longest name above a chart, in characters; the table shows names in full.
const MAX_NAME_CHARS: usize = 60;
