//! The view model of a comparison: every word and number of the result, once. The text, the page
//! and the JUnit file print it, each in its own layout.

use crate::gap::compare::baseline::{BASELINES_AT_THEIR_BEST, BaselineKind};
use crate::gap::compare::cell::Cell;
use crate::gap::compare::load_levels::LoadLevel;
use crate::gap::compare::sample::SampleSummary;
use crate::gap::evaluate::limit_outcome::{LimitReason, Verdict};
use crate::gap::format::{TOO_SLOW_THEN, quoted, rate, rates, signed, unsigned};
use crate::gap::{Gap, Headline, Knee, SideSummary};
use standin_text::{grouped, milliseconds, percent, percent_with_decimals};

/// A comparison as reports print it.
pub(crate) struct ReportView {
    pub(crate) mock: SideView,
    pub(crate) service: SideView,
    /// Label and text of each known condition.
    pub(crate) conditions: Vec<(&'static str, String)>,
    pub(crate) verdict: VerdictView,
    pub(crate) differences: Vec<String>,
    pub(crate) confidence: Vec<String>,
    /// Sentences about the comparisons before this one.
    pub(crate) trend: Vec<String>,
    pub(crate) causes: Vec<String>,
    pub(crate) next_steps: Vec<String>,
    /// The whole command of the next step.
    pub(crate) command: Option<String>,
    /// Limits of the budget by load.
    pub(crate) allowed: Vec<String>,
    pub(crate) notes: Vec<String>,
    /// Rows that are not judged, and why.
    pub(crate) not_judged: Vec<String>,
    pub(crate) loads: Vec<LoadView>,
    /// The source of the capacity; `None` if it is unknown.
    pub(crate) capacity: Option<String>,
    /// Calls that are not compared: a label and a sentence.
    pub(crate) exclusions: Vec<(&'static str, String)>,
    pub(crate) standings: Vec<StandingView>,
    /// A sentence on the simpler mocks: how they were fitted, or why they are not there.
    pub(crate) standings_note: Option<&'static str>,
    pub(crate) knees: Vec<KneeView>,
    pub(crate) rows: Vec<RowView>,
    /// The legend of `few`, if a percentile has too few calls.
    pub(crate) few: Option<&'static str>,
}

/// A side of the comparison.
pub(crate) struct SideView {
    pub(crate) name: String,
    /// `300 calls in 4 runs`.
    pub(crate) size: String,
}

/// The verdict on all rows.
pub(crate) struct VerdictView {
    pub(crate) tone: Tone,
    /// A sentence for readers who do not know budgets.
    pub(crate) sentence: String,
    /// The numbers of rows by verdict.
    pub(crate) line: String,
}

/// The tone of a verdict, by which reports colour it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Open,
}

/// A load level.
pub(crate) struct LoadView {
    pub(crate) label: String,
    pub(crate) rates: String,
    /// The share of the capacity; `None` if it is unknown.
    pub(crate) utilization: Option<String>,
}

/// A mock by two numbers.
pub(crate) struct StandingView {
    pub(crate) name: &'static str,
    pub(crate) is_mock: bool,
    /// The mean over p50 to p99 in the typical row and in the worst, as logarithms and in words.
    pub(crate) typical: (f64, String),
    pub(crate) worst: (f64, String),
}

/// The loads between which an operation bends.
pub(crate) struct KneeView {
    pub(crate) operation: String,
    pub(crate) service: String,
    pub(crate) mock: String,
}

/// A row: an operation at a load.
pub(crate) struct RowView {
    pub(crate) operation: String,
    /// The word for the load: `busy`, or `all`.
    pub(crate) load: String,
    /// The load in a sentence: `when busy`, or `at all loads`.
    pub(crate) when: String,
    pub(crate) verdict: Verdict,
    pub(crate) service: SampleView,
    pub(crate) mock: SampleView,
    /// The differences at p50, p90, p95 and p99; `few` for too few calls, `–` without answers.
    pub(crate) off: [String; 4],
    pub(crate) errors_off: String,
    pub(crate) throughput_off: String,
    /// The reasons for the verdict; the flag is true for one that is a note beside it.
    pub(crate) reasons: Vec<(bool, String)>,
}

/// A side of a row.
pub(crate) struct SampleView {
    pub(crate) calls: String,
    /// The number of calls that are left out.
    pub(crate) left_out: u64,
    /// Milliseconds at p50, p90, p95 and p99; `–` without answers.
    pub(crate) times: [String; 4],
    pub(crate) errors: String,
    pub(crate) per_second: String,
}

impl ReportView {
    pub(crate) fn new(gap: &Gap) -> Self {
        let has_few = gap.cells.iter().any(|cell| cell.deviation.is_some() && cell.reliable_percentiles.len() < 4);
        let bent = gap.knees.iter().filter(|knee| knee.reference.is_some() || knee.mock.is_some());
        Self {
            mock: SideView::new(&gap.mock),
            service: SideView::new(&gap.reference),
            conditions: gap.conditions.describe(),
            verdict: VerdictView::new(gap),
            differences: gap.describe_differences(),
            confidence: gap.describe_confidence(),
            trend: gap.describe_trend(),
            causes: gap.why().map(str::to_owned).collect(),
            next_steps: gap.list_next_steps(),
            command: gap.command.clone(),
            allowed: gap.describe_limits(),
            notes: gap.notes.clone(),
            not_judged: gap.list_not_judged(),
            loads: gap.levels.iter().map(LoadView::new).collect(),
            capacity: gap.capacity_from.as_deref().map(quoted),
            exclusions: exclusions(gap),
            standings: if gap.standings.len() > 1 {
                gap.standings.iter().map(StandingView::new).collect()
            } else {
                Vec::new()
            },
            standings_note: standings_note(gap),
            knees: bent.map(KneeView::new).collect(),
            rows: gap.cells.iter().map(|cell| RowView::new(gap, cell)).collect(),
            few: has_few.then_some("few: too few calls to say; p50 takes 200, p90 1,000, p95 2,000, p99 10,000"),
        }
    }
}

impl SideView {
    fn new(side: &SideSummary) -> Self {
        let runs = if side.runs == 1 { String::new() } else { format!(" in {} runs", side.runs) };
        Self { name: side.name.clone(), size: format!("{} calls{runs}", grouped(side.calls)) }
    }
}

impl VerdictView {
    fn new(gap: &Gap) -> Self {
        let budget = gap.name_budget();
        let judged = gap.cells.iter().filter(|cell| cell.verdict != Verdict::NotJudged).count();
        let all = gap.cells.len();
        let line = match gap.verdict {
            Verdict::NoBudget => "none, for no budget was asked for; judge with --budget default".to_owned(),
            Verdict::Within => format!("within {budget} ({judged} of {all} rows judged)"),
            Verdict::Over => format!("OVER {budget}: {}", gap.count_verdicts()),
            Verdict::NotJudged => format!(
                "none, for only {judged} of {all} rows could be judged and 80 % are needed; record longer, judge what needs fewer calls \
                 (--budget p50=10%), or nothing (--budget none)"
            ),
        };
        Self { tone: Tone::of(gap.verdict), sentence: gap.describe_verdict(), line }
    }
}

impl Tone {
    pub(crate) fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Within => Self::Good,
            Verdict::Over => Self::Bad,
            Verdict::NoBudget | Verdict::NotJudged => Self::Open,
        }
    }

    /// Returns the CSS class.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Open => "open",
        }
    }
}

impl LoadView {
    fn new(level: &LoadLevel) -> Self {
        Self {
            label: level.label.clone(),
            rates: rates(level.least_per_second, level.most_per_second),
            utilization: level.utilization.map(percent),
        }
    }
}

impl StandingView {
    fn new(standing: &Headline) -> Self {
        let name = match standing.baseline {
            None => "the mock",
            Some(BaselineKind::ConstantMedian) => "a fixed delay (the median)",
            Some(BaselineKind::LogNormal) => "WireMock's log-normal delay",
        };
        Self {
            name,
            is_mock: standing.baseline.is_none(),
            typical: (standing.median, unsigned(standing.median)),
            worst: (standing.worst, unsigned(standing.worst)),
        }
    }
}

impl KneeView {
    fn new(knee: &Knee) -> Self {
        let between = |at: Option<[f64; 2]>| match at {
            Some([calm, busy]) => rates(calm, busy),
            None => format!("> {}", rate(knee.up_to)),
        };
        Self {
            operation: knee.operation.clone(),
            service: between(knee.reference_between),
            mock: between(knee.mock_between),
        }
    }
}

impl RowView {
    pub(crate) fn new(gap: &Gap, cell: &Cell) -> Self {
        let load = gap.label(&cell.level).to_owned();
        let when = if load == "all" { "at all loads".to_owned() } else { gap.when(&cell.level) };
        let off = [50, 90, 95, 99].map(|percent| match cell.deviation {
            Some(deviation) if cell.reliable_percentiles.contains(&percent) => signed(deviation.log_ratio.at(percent)),
            Some(_) => "few".to_owned(),
            None => "–".to_owned(),
        });
        let overload = LimitReason::Overload.to_string();
        Self {
            operation: cell.operation.clone(),
            load,
            when,
            verdict: cell.verdict,
            service: SampleView::new(&cell.reference),
            mock: SampleView::new(&cell.mock),
            off,
            errors_off: format!("{:+.2} pt", cell.errors),
            throughput_off: cell.throughput.map_or_else(|| "–".to_owned(), signed),
            reasons: cell
                .reasons
                .iter()
                .map(|reason| (*reason == overload && cell.verdict != Verdict::NotJudged, reason.clone()))
                .collect(),
        }
    }

    /// Returns the verdict in words; empty without a budget.
    pub(crate) fn verdict_text(&self) -> &'static str {
        match self.verdict {
            Verdict::Over => "over the budget",
            Verdict::Within => "within the budget",
            Verdict::NotJudged => "not judged",
            Verdict::NoBudget => "",
        }
    }

    /// Returns the number of calls of both sides that are left out.
    pub(crate) fn left_out(&self) -> u64 {
        self.service.left_out + self.mock.left_out
    }
}

impl SampleView {
    fn new(sample: &SampleSummary) -> Self {
        let time = |(_, time): (u32, crate::gap::Latency)| {
            if sample.answered == 0 { "–".to_owned() } else { milliseconds(time.0) }
        };
        Self {
            calls: grouped(sample.calls),
            left_out: sample.left_out,
            times: sample.latency.each().map(time),
            errors: percent_with_decimals(sample.errors, 2),
            per_second: format!("{:.1}", sample.per_second),
        }
    }
}

/// Returns a sentence for each kind of calls that are not compared.
fn exclusions(gap: &Gap) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for (side, summary) in [("service", &gap.reference), ("mock", &gap.mock)] {
        if summary.left_out > 0 {
            let (left_out, calls) = (grouped(summary.left_out), grouped(summary.calls));
            all.push(("left out", format!("{left_out} of {calls} calls of the {side}, for {TOO_SLOW_THEN}")));
        }
        if summary.beyond > 0 {
            let calls = grouped(summary.beyond);
            let text =
                format!("{calls} calls of the {side} came at a load that the recording of the service never had");
            all.push(("not compared", text));
        }
    }
    all
}

fn standings_note(gap: &Gap) -> Option<&'static str> {
    match gap.standings.len() {
        2.. => Some(BASELINES_AT_THEIR_BEST),
        1 if gap.cells.iter().any(|cell| !cell.baselines.is_empty()) => Some(BASELINES_LEFT_OUT),
        _ => None,
    }
}

/// The reason why the simpler mocks are not there.
const BASELINES_LEFT_OUT: &str = "the mock is not compared with simpler ones: no tail (p90 and beyond) was judged, and the typical time (p50) is the very thing that a fixed \
     delay is set to";
