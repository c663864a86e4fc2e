//! Load levels: the time of the reference is cut into windows, which are ordered by their arrival
//! rate and grouped.
//!
//! Differences must not be averaged over loads: a mock that is right when calm and wrong when busy
//! is wrong.

use serde::Serialize;

use crate::gap::compare::service_run::{ServiceRun, TimedCall};
use crate::gap::evaluate::budget::{CALM, CAPACITY};
use standin_model::stats::mean;

/// Windows of about the same load.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadLevel {
    /// The range of the reference's calls in the level, from calm to busy: `20-40 %`, or `all`.
    pub name: String,
    /// The word for the level: `calm`, `medium`, `busy`, `overload`, or `all`.
    pub label: String,
    /// Calls a second in its calmest window.
    pub least_per_second: f64,
    /// Calls a second in its busiest window.
    pub most_per_second: f64,
    /// Calls a second over all its windows.
    pub per_second: f64,
    /// The share of the reference's capacity that they used, 1 and more in overload; none if that
    /// is unknown.
    pub utilization: Option<f64>,
}

/// The levels of a reference, and how to find those of other runs.
#[derive(Clone, Debug)]
pub(crate) struct LoadLevels {
    pub(crate) levels: Vec<LoadLevel>,
    /// The length of a window in nanoseconds.
    window: f64,
}

/// Where the calls of a run belong.
#[derive(Clone, Debug)]
pub(crate) struct LevelAssignment {
    /// The level of each window; none beyond what the reference saw.
    windows: Vec<Option<usize>>,
    window: f64,
    start: u64,
    /// Seconds that each level lasted.
    pub(crate) seconds: Vec<f64>,
}

impl LoadLevels {
    /// Finds the levels in the runs of the reference: as many as leave the busiest operation
    /// `level_calls` in each.
    pub(crate) fn new(runs: &[ServiceRun], level_calls: usize) -> Self {
        let calls: usize = runs.iter().map(|run| run.calls.len()).sum();
        let length: f64 = runs.iter().map(|run| run.length() as f64).sum();
        let windows = (calls as f64 / WINDOW_CALLS).min(length / MIN_WINDOW_NANOS).floor().max(1.0);
        let longest = runs.iter().map(ServiceRun::length).max().unwrap_or(0) as f64;
        // the last call belongs to the last window
        let window = (length / windows).min(longest).max(1.0) * (1.0 + 1e-9);
        let mut rates: Vec<(f64, f64)> = runs.iter().flat_map(|run| by_window(run, window)).collect();
        rates.sort_by(|one, other| one.0.total_cmp(&other.0));
        let busiest = busiest_operation(runs);
        // a ramp is no single load, even where its levels have calls enough for the median alone
        let by_load = loads_within(&rates).min(busiest / MIN_LEVEL_CALLS);
        let count = (busiest / level_calls.max(1)).max(by_load).clamp(1, MAX_LEVELS).min(rates.len().max(1));
        Self { levels: levels(&rates, count), window }
    }

    /// Places the windows of a run by their rates.
    pub(crate) fn place(&self, run: &ServiceRun) -> LevelAssignment {
        let rates = by_window(run, self.window);
        let mut seconds = vec![0.0; self.levels.len()];
        let windows = rates.iter().map(|(rate, length)| {
            let level = self.level(*rate)?;
            seconds[level] += length;
            Some(level)
        });
        let windows = windows.collect();
        let start = run.calls.first().map_or(0, |call| call.at);
        LevelAssignment { windows, window: self.window, start, seconds }
    }

    fn level(&self, rate: f64) -> Option<usize> {
        let (first, last) = (self.levels.first()?, self.levels.last()?);
        if rate < first.least_per_second / RANGE_FACTOR || rate > last.most_per_second * RANGE_FACTOR {
            return None;
        }
        Some(self.levels.iter().rposition(|level| level.least_per_second <= rate).unwrap_or(0))
    }
}

impl LevelAssignment {
    /// Returns the level in which a call arrived.
    pub(crate) fn of(&self, call: TimedCall) -> Option<usize> {
        self.at(call.at)
    }

    /// Returns the level at a time of the run.
    pub(crate) fn at(&self, nanos: u64) -> Option<usize> {
        let window = (nanos.saturating_sub(self.start) as f64 / self.window) as usize;
        self.windows.get(window).copied().flatten()
    }
}

/// Calls a second in each window of a run, and the length of the window in seconds.
fn by_window(run: &ServiceRun, window: f64) -> Vec<(f64, f64)> {
    let Some(first) = run.calls.first() else { return Vec::new() };
    let length = run.length() as f64;
    let count = (length / window) as usize + 1;
    let mut counts = vec![0_u64; count];
    for call in &run.calls {
        counts[((call.at - first.at) as f64 / window) as usize] += 1;
    }
    // the last window is cut short where the run ends
    let lengths = (0..count).map(|index| (length - index as f64 * window).clamp(1.0, window) / 1e9);
    let mut rates: Vec<(f64, f64)> =
        counts.iter().zip(lengths).map(|(count, length)| (*count as f64 / length, length)).collect();
    // a short rest has no rate of its own: it goes with the window before it
    if let [.., (before, _), (rest, length)] = rates.as_mut_slice()
        && *length * 2e9 < window
    {
        *rest = *before;
    }
    rates
}

/// Returns the number of loads within sorted windows, each a rate and how long it held: one, and
/// one more for each [`LEVEL_FACTOR`] between the rates that nine tenths of the time exceed and
/// stay below.
fn loads_within(held: &[(f64, f64)]) -> usize {
    let all: f64 = held.iter().map(|(_, seconds)| seconds).sum();
    let at = |share: f64| {
        let mut before = 0.0;
        let found = held.iter().find(|(_, seconds)| {
            before += seconds;
            before >= all * share
        });
        found.map_or(0.0, |(rate, _)| *rate)
    };
    let (calm, busy) = (at(0.1), at(0.9));
    if calm <= 0.0 { 1 } else { 1 + ((busy / calm).ln() / LEVEL_FACTOR.ln()).max(0.0) as usize }
}

fn busiest_operation(runs: &[ServiceRun]) -> usize {
    let mut counts = std::collections::HashMap::new();
    for run in runs {
        for call in &run.calls {
            *counts.entry(run.operation(*call)).or_insert(0_usize) += 1;
        }
    }
    counts.into_values().max().unwrap_or(0)
}

/// Cuts sorted rates, each with how long it held, into `count` parts of as many calls, and joins
/// neighbours that hardly differ.
fn levels(held: &[(f64, f64)], count: usize) -> Vec<LoadLevel> {
    if held.is_empty() {
        return Vec::new();
    }
    let rates: Vec<f64> = held.iter().map(|(rate, _)| *rate).collect();
    // the share of calls that came before each window, and all at the end
    let mut shares = vec![0.0];
    for (rate, seconds) in held {
        shares.push(shares[shares.len() - 1] + rate * seconds);
    }
    let all = shares[held.len()].max(f64::MIN_POSITIVE);
    for share in &mut shares {
        *share /= all;
    }
    let place = |part: usize| shares.partition_point(|share| *share < part as f64 / count as f64);
    let mut parts: Vec<(usize, usize)> = Vec::new();
    let near = |part| {
        let width = place(part) - place(part - 1);
        cut(&rates, place(part).min(rates.len() - 1), width)
    };
    let mut cuts: Vec<usize> = (1..count).map(near).collect();
    cuts.push(rates.len());
    cuts.sort_unstable();
    cuts.dedup();
    cuts.retain(|cut| *cut > 0);
    let mut from = 0;
    for to in cuts {
        match parts.last_mut() {
            Some(last) if mean(&rates[from..to]) < mean(&rates[last.0..last.1]) * MERGE_FACTOR => last.1 = to,
            _ => parts.push((from, to)),
        }
        from = to;
    }
    let one = parts.len() == 1;
    let percent = |window: usize| shares[window] * 100.0;
    let name = |from, to| if one { "all".to_owned() } else { format!("{:.0}-{:.0} %", percent(from), percent(to)) };
    let overall = |held: &[(f64, f64)]| {
        let (calls, seconds) =
            held.iter().fold((0.0, 0.0), |sum, (rate, seconds)| (sum.0 + rate * seconds, sum.1 + seconds));
        if seconds > 0.0 { calls / seconds } else { 0.0 }
    };
    let level = |(from, to): (usize, usize)| LoadLevel {
        name: name(from, to),
        label: String::new(),
        least_per_second: rates[from],
        most_per_second: rates[to - 1],
        per_second: overall(&held[from..to]),
        utilization: None,
    };
    let mut levels: Vec<LoadLevel> = parts.into_iter().map(level).collect();
    label(&mut levels);
    levels
}

/// Names levels by words: by their order, those beyond the capacity apart.
pub(crate) fn label(levels: &mut [LoadLevel]) {
    let is_over = |level: &LoadLevel| level.utilization.is_some_and(|used| used > CAPACITY);
    let below = levels.iter().filter(|level| !is_over(level)).count();
    let over = levels.len() - below;
    let words: &[&str] = match below {
        1 if over == 0 => &["all"],
        1 if levels.iter().any(|level| level.utilization.is_some_and(|used| used > CALM && used <= CAPACITY)) => {
            &["busy"]
        }
        0 | 1 => &["calm"],
        2 => &["calm", "busy"],
        3 => &["calm", "medium", "busy"],
        4 => &["calm", "medium", "busy", "busiest"],
        _ => &["calmest", "calm", "medium", "busy", "busiest"],
    };
    let (mut word, mut number) = (0, 0);
    for level in levels.iter_mut() {
        if is_over(level) {
            number += 1;
            level.label = if over == 1 { "overload".to_owned() } else { format!("overload {number}") };
        } else {
            words[word.min(words.len() - 1)].clone_into(&mut level.label);
            word += 1;
        }
    }
}

impl LoadLevel {
    /// Returns the level for a sentence: `when calm`, `at medium load`; empty if there is only one.
    pub(crate) fn when(&self) -> String {
        match self.label.as_str() {
            "all" => String::new(),
            "calm" | "busy" => format!("when {}", self.label),
            "medium" => "at medium load".to_owned(),
            "calmest" | "busiest" => format!("at the {} load", self.label),
            overload => format!("in {overload}"),
        }
    }
}

/// Returns where to cut near a place: at the nearest jump of the load, so that a step of the load
/// is one level; never between equal rates.
fn cut(rates: &[f64], place: usize, width: usize) -> usize {
    let near = place.saturating_sub(width / 2).max(1)..(place + width.div_ceil(2)).min(rates.len());
    let jumps = near.filter(|place| rates[*place] >= rates[*place - 1] * JUMP_FACTOR);
    let place = jumps.min_by_key(|jump| jump.abs_diff(place)).unwrap_or(place);
    rates.partition_point(|rate| *rate < rates[place])
}

/// Calls of a window at least, on average: fewer, and chance alone would order the windows.
const WINDOW_CALLS: f64 = 200.0;
/// The minimum length of a window, in nanoseconds.
const MIN_WINDOW_NANOS: f64 = 1e8;
const MAX_LEVELS: usize = 5;
/// Rates that differ by more are never one level.
const LEVEL_FACTOR: f64 = 1.6;
/// Calls of the busiest operation in a level at least: enough for a median.
const MIN_LEVEL_CALLS: usize = 200;
/// Neighbours whose rates differ by more are different loads.
const JUMP_FACTOR: f64 = 1.1;
/// Levels whose rates differ by less are one.
const MERGE_FACTOR: f64 = 1.2;
/// The factor by which a run may be calmer or busier than the reference ever was.
const RANGE_FACTOR: f64 = 1.25;

#[cfg(test)]
mod tests {
    use super::*;

    fn run(gaps: impl IntoIterator<Item = u64>) -> ServiceRun {
        let mut at = 0;
        let calls = gaps.into_iter().map(|gap| {
            at += gap;
            TimedCall { operation: 0, at, latency: Some(1), status: Some(200) }
        });
        ServiceRun { calls: calls.collect(), operations: vec!["GET /".to_owned()], ..ServiceRun::default() }
    }

    #[test]
    fn a_steady_load_is_one_level() {
        let levels = LoadLevels::new(&[run((0..20_000).map(|_| 1_000_000))], 2_000);
        assert_eq!(levels.levels.len(), 1);
        assert_eq!(levels.levels[0].name, "all");
        assert!((levels.levels[0].most_per_second - 1000.0).abs() < 10.0, "{levels:?}");
        assert!((levels.levels[0].per_second - 1000.0).abs() < 1.0, "{levels:?}");
    }

    #[test]
    fn a_ramp_has_several_and_every_call_a_place() {
        // ten steps of 4 s, from 100 to 1000 calls a second
        let ramp = run((1..=10).flat_map(|step| (0..400 * step).map(move |_| 10_000_000 / step)));
        let levels = LoadLevels::new(std::slice::from_ref(&ramp), 2_000);
        let names: Vec<&str> = levels.levels.iter().map(|level| level.name.as_str()).collect();
        assert!((4..=5).contains(&names.len()), "{levels:?}");
        assert!(names[0].starts_with("0-") && names[names.len() - 1].ends_with("-100 %"), "{names:?}");
        let placed = levels.place(&ramp);
        assert!(ramp.calls.iter().all(|call| placed.of(*call).is_some()));
        assert!((placed.seconds.iter().sum::<f64>() - 40.0).abs() < 0.1, "{placed:?}");
        assert_eq!(placed.of(ramp.calls[0]), Some(0));
        assert_eq!(placed.of(*ramp.calls.last().unwrap()), Some(names.len() - 1));
    }

    /// 2,100 calls are enough for one p95 alone, and yet no load stands for all.
    #[test]
    fn a_short_ramp_is_never_one_load() {
        let ramp = run((1..=6).flat_map(|step| (0..100 * step).map(move |_| 10_000_000 / step)));
        let levels = LoadLevels::new(std::slice::from_ref(&ramp), 2_000);
        assert!(levels.levels.len() >= 3, "{levels:?}");
        let placed = levels.place(&ramp);
        for level in 0..levels.levels.len() {
            let calls = ramp.calls.iter().filter(|call| placed.of(**call) == Some(level)).count();
            assert!(calls >= 150, "{level}: {calls}");
        }
        // as many at one rate are one load
        assert_eq!(LoadLevels::new(&[run((0..2_100).map(|_| 5_000_000))], 2_000).levels.len(), 1);
    }

    #[test]
    fn loads_have_words_and_what_is_beyond_the_capacity_is_none_of_them() {
        let labelled = |used: &[f64]| -> Vec<String> {
            let level = |used: &f64| LoadLevel {
                name: String::new(),
                label: String::new(),
                least_per_second: 1.0,
                most_per_second: 2.0,
                per_second: 1.5,
                utilization: (*used > 0.0).then_some(*used),
            };
            let mut levels: Vec<LoadLevel> = used.iter().map(level).collect();
            label(&mut levels);
            levels.into_iter().map(|level| level.label).collect()
        };
        assert_eq!(labelled(&[0.4]), ["all"]);
        assert_eq!(labelled(&[0.0, 0.0]), ["calm", "busy"]);
        assert_eq!(labelled(&[0.2, 0.5, 0.8]), ["calm", "medium", "busy"]);
        assert_eq!(labelled(&[0.2, 0.5, 0.8, 0.9, 0.95]), ["calmest", "calm", "medium", "busy", "busiest"]);
        assert_eq!(labelled(&[0.3, 0.95, 1.2]), ["calm", "busy", "overload"]);
        assert_eq!(labelled(&[0.9, 1.1, 1.3]), ["busy", "overload 1", "overload 2"]);
        assert_eq!(labelled(&[1.2]), ["overload"]);
    }

    #[test]
    fn what_the_reference_never_saw_has_no_level() {
        let levels = LoadLevels::new(&[run((0..20_000).map(|_| 1_000_000))], 2_000);
        let busier = run((0..20_000).map(|_| 500_000));
        let placed = levels.place(&busier);
        assert_eq!(placed.of(busier.calls[5_000]), None);
    }

    #[test]
    fn nothing_is_no_level_and_one_call_is_one() {
        assert!(LoadLevels::new(&[], 2_000).levels.is_empty());
        let single = run([5]);
        let levels = LoadLevels::new(std::slice::from_ref(&single), 2_000);
        assert_eq!(levels.place(&single).of(single.calls[0]), Some(0));
    }
}
