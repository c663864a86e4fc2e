//! The two sides of a comparison: tapes, the newest tape against the mock, or the live service and
//! the mock in turns.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::GapCommand;
use super::conditions;
use super::history;
use super::mock::InProcessMock;
use super::reference_model;
use super::trial_runner::TrialRunner;
use crate::cli::Failure;
use crate::cli::sender_args::{self, account, open, progress};
use crate::cli::signals::cancel_on_signals;
use crate::replay::{self, CancelToken, Pace, Plan, ReplayOutcome, ReplayTarget};
use standin_learn::gap::{ComparisonContext, ComparisonSide, Gap, MockKind, ServiceRun};
use standin_tape::operations::OperationTree;
use standin_tape::{LoadedTape, QueryEvidence, tape_name};
use standin_text::counted;

impl GapCommand {
    /// Compares tapes with tapes.
    pub(super) fn tapes(&self, originals: &[PathBuf], copies: &[PathBuf]) -> Result<Gap, Failure> {
        if self.target.is_some() {
            return Err(Failure::usage("two tapes need no --target; give a stub folder with it"));
        }
        let all_paths = || originals.iter().chain(copies);
        if let Some(dir) = all_paths().find(|path| path.is_dir()) {
            let dir = dir.display();
            return Err(Failure::usage(format!(
                "`{dir}` is a folder; give two tapes (of a stub folder: {dir}/tapes/*.jsonl), or one stub folder alone to compare it with its mock"
            )));
        }
        [originals, copies].into_iter().try_for_each(each_once)?;
        let read = |paths: &[PathBuf]| paths.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>();
        let (originals_read, copies_read) = (read(originals)?, read(copies)?);
        let all = || originals_read.iter().chain(&copies_read);
        let mut operations = OperationTree::learn_with(self.operations.rules()?, all().flat_map(calls));
        // a mock that is slower in one of them makes no operation
        let mut evidence = QueryEvidence::default();
        for tape in &originals_read {
            evidence.merge(&tape.query_evidence);
        }
        operations.tell_queries_apart(&evidence);
        let side = |paths: &[PathBuf], tapes: &[LoadedTape]| ComparisonSide {
            name: names(paths),
            runs: tapes.iter().map(|tape| ServiceRun::new(tape, &operations)).collect(),
            repeats: false,
        };
        let (mut reference, mut mock) = (side(originals, &originals_read), side(copies, &copies_read));
        let several = originals.len() > 1 && copies.len() > 1;
        let alike = ServiceRun::are_alike(reference.runs.iter().chain(&mock.runs));
        (reference.repeats, mock.repeats) = (several && alike, several && alike);
        let model = reference_model::of_tapes(&originals_read.iter().collect::<Vec<_>>(), &operations);
        let known = ComparisonContext {
            model,
            served: MockKind::Tape,
            conditions: conditions::of(originals_read.first()),
            arguments: conditions::of_tapes(originals, copies),
        };
        let mut gap = Gap::with_context(&known, &reference, &mock, self.budget.0.clone());
        if several && !alike {
            gap.notes.push(
                "the tapes are not runs of one load (their calls or lengths differ by more than a tenth), so nothing tells a difference from chance"
                    .to_owned(),
            );
        }
        gap.notes.extend(all().filter_map(condition));
        Ok(gap)
    }

    /// Compares the newest tape of a stub folder with the mock; with a target, sends it to both in
    /// turns.
    pub(super) fn folder(&self, dir: &Path) -> Result<Gap, Failure> {
        let tape = newest(dir)?;
        let recording = open(&tape)?;
        let cancel = CancelToken::default();
        cancel_on_signals(&cancel).map_err(|error| Failure::broken(format!("cannot listen for signals: {error}")))?;
        let mut gap = match &self.target {
            None => self.against_recorded(dir, &tape, &recording, &cancel),
            Some(url) => self.against_live(dir, &tape, &recording, url, &cancel),
        }?;
        not_halted(&cancel)?;
        let profile = InProcessMock::profile(self, dir);
        if let Some(age) =
            profile.as_deref().and_then(|name| conditions::age(dir, name, &recording, self.target.is_some()))
        {
            gap.note_age(&age);
        }
        let before = history::read(dir);
        gap.set_history(before.clone());
        if let Some(entry) = gap.history_entry(profile.as_deref()).filter(|_| !self.no_history) {
            history::append(dir, before, entry);
        }
        Ok(gap)
    }

    /// Compares the tape with the mock.
    fn against_recorded(
        &self,
        dir: &Path,
        tape: &Path,
        recording: &LoadedTape,
        cancel: &CancelToken,
    ) -> Result<Gap, Failure> {
        let plan = Plan::new(recording, Pace::Recorded { speed: 1.0 }, |_| true);
        let mock = InProcessMock::start(self, dir, self.seed(), cancel)?;
        let prepared = self.sending.rules().prepare(recording, tape, &plan, &mock.target, true)?;
        let runner = TrialRunner { recording, prepared: &prepared, target: &mock.target };
        let (outcome, run) = runner.run(&plan, "the mock")?;
        if outcome.cancelled.is_some() {
            return Err(ended_by_signal(0, outcome.sent));
        }
        progress(&account("mock", &outcome));
        self.believe(&outcome, false)?;
        let operations = recording.operations(&self.operations.rules()?);
        let mut doubtful = mock.doubtful(&outcome, self.sending.max_lateness());
        let late = outcome.late_seconds(self.sending.max_lateness());
        doubtful.extend(late.iter().cloned());
        let side = |name: &str, tape: &LoadedTape| {
            let run = ServiceRun { doubtful: doubtful.clone(), ..ServiceRun::new(tape, &operations) };
            ComparisonSide { name: name.to_owned(), runs: vec![run], repeats: false }
        };
        not_halted(cancel)?;
        let known = self.context(dir, &mock, recording, &operations);
        let (reference, copy) = (side("recorded", recording), side("mock", &run));
        let mut gap = Gap::with_context(&known, &reference, &copy, self.budget.0.clone());
        gap.notes.extend(mock.notes());
        gap.notes.extend(late_note(late.len(), plan.length()));
        gap.notes.extend(condition(recording));
        Ok(gap)
    }

    /// Compares the live service with the mock: one schedule in blocks, in the order A B B A.
    fn against_live(
        &self,
        dir: &Path,
        tape: &Path,
        recording: &LoadedTape,
        url: &str,
        cancel: &CancelToken,
    ) -> Result<Gap, Failure> {
        let target = ReplayTarget { cancel: cancel.clone(), ..self.sending.target(url)? };
        let plan = Plan::new(recording, Pace::Recorded { speed: 1.0 }, |method| self.sending.rules().allows(method));
        self.sending.check(recording, &plan)?;
        let mut mock = InProcessMock::start(self, dir, self.seed(), cancel)?;
        let prepare =
            |target: &ReplayTarget, to_mock| self.sending.rules().prepare(recording, tape, &plan, target, to_mock);
        let (for_live, mut for_mock) = (prepare(&target, false)?, prepare(&mock.target, true)?);
        let operations = recording.operations(&self.operations.rules()?);
        let repeats = self.runs.is_some();
        let mut trials = LiveTrials::new(repeats);
        let (mut flagged, mut late_seconds, mut sent_for) = (Vec::new(), 0, 0);
        let blocks = match self.runs {
            Some(runs) => vec![plan.clone(); runs as usize],
            None => plan.blocks(self.blocks.unwrap_or(BLOCKS)),
        };
        for (number, block) in blocks.iter().enumerate() {
            let what = if repeats { "run" } else { "block" };
            let begun = format!("{what} {} of {}", number + 1, blocks.len());
            if repeats && number > 0 {
                // another mock: what an earlier run left in its queues and draws is gone
                flagged.extend(mock.flagged());
                mock = InProcessMock::start(self, dir, self.seed() + number as u64, cancel)?;
                for_mock = prepare(&mock.target, true)?;
            }
            let runners = [
                TrialRunner { recording, prepared: &for_live, target: &target },
                TrialRunner { recording, prepared: &for_mock, target: &mock.target },
            ];
            let order = if number % 2 == 0 { [LIVE, MOCK] } else { [MOCK, LIVE] };
            let mut doubtful = Vec::new();
            for side in order {
                let name = if side == MOCK { "the mock" } else { "the live service" };
                let (outcome, run) = runners[side].run(block, &format!("{begun}, {name}"))?;
                trials.check(side, &outcome)?;
                if side == MOCK {
                    doubtful.extend(mock.doubtful(&outcome, self.sending.max_lateness()));
                }
                let late = outcome.late_seconds(self.sending.max_lateness());
                late_seconds += late.len();
                sent_for += block.length();
                doubtful.extend(late);
                trials.add(side, outcome, ServiceRun::new(&run, &operations));
            }
            trials.mark_doubtful(&doubtful);
        }
        self.believe_all(&trials.outcomes)?;
        not_halted(cancel)?;
        let [live, copy] = trials.sides;
        let known = self.context(dir, &mock, recording, &operations);
        let mut gap = Gap::with_context(&known, &live, &copy, self.budget.0.clone());
        gap.notes.extend(late_note(late_seconds, sent_for));
        gap.notes.extend(flagged);
        gap.notes.extend(mock.notes());
        gap.notes.extend(self.live_notes(&plan));
        Ok(gap)
    }

    /// Returns what is known of the mock and the service beside their calls.
    fn context(
        &self,
        dir: &Path,
        mock: &InProcessMock,
        recording: &LoadedTape,
        operations: &OperationTree,
    ) -> ComparisonContext {
        ComparisonContext {
            conditions: conditions::of(Some(recording)),
            arguments: conditions::of_folder(dir, self.target.as_deref(), recording),
            ..reference_model::of_mock(dir, mock.profile.as_deref(), recording, operations)
        }
    }

    /// Returns notes on the seeds of the mock and on calls that were not sent.
    fn live_notes(&self, plan: &Plan) -> impl Iterator<Item = String> {
        let first = self.seed();
        let seeds =
            self.runs.map(|runs| format!("the seeds of the mock's {runs} runs were {first} to {}", first + runs - 1));
        let left_out = (plan.left_out > 0)
            .then(|| format!("{} calls of the tape were sent to neither, see --methods", plan.left_out));
        seeds.into_iter().chain(left_out)
    }

    /// Reports how both sides answered, and refuses outcomes that must not be believed.
    fn believe_all(&self, outcomes: &[Option<ReplayOutcome>; 2]) -> Result<(), Failure> {
        for (outcome, is_live) in outcomes.iter().zip([true, false]) {
            let Some(outcome) = outcome else {
                return Err(Failure::broken(replay::ReplayRefusal::Nothing.to_string()));
            };
            progress(&account(if is_live { "live" } else { "mock" }, outcome));
            self.believe(outcome, is_live)?;
        }
        Ok(())
    }

    /// Refuses a run that must not be believed.
    fn believe(&self, outcome: &ReplayOutcome, is_live: bool) -> Result<(), Failure> {
        if let Some(refusal) = outcome.refusal_of_comparison(self.sending.max_lateness(), is_live) {
            return Err(Failure::broken(refusal.to_string()));
        }
        if !is_live && outcome.misses_too_many() {
            return Err(Failure::broken(format!(
                "nothing is reported, for the mock has no stub for {:.1} % of the calls (404); write stubs for them",
                outcome.misses() * 100.0
            )));
        }
        Ok(())
    }
}

/// The answers of the live service and of the mock to the blocks that were sent so far, in the
/// order [`LIVE`], [`MOCK`].
struct LiveTrials {
    sides: [ComparisonSide; 2],
    outcomes: [Option<ReplayOutcome>; 2],
}

impl LiveTrials {
    fn new(repeats: bool) -> Self {
        let side = |name: &str| ComparisonSide { name: name.to_owned(), runs: Vec::new(), repeats };
        Self { sides: [side("live"), side("mock")], outcomes: [None, None] }
    }

    /// Fails if the block was cancelled, or stopped to spare the live service.
    fn check(&self, side: usize, outcome: &ReplayOutcome) -> Result<(), Failure> {
        if outcome.cancelled.is_some() {
            let sent = |other: usize| {
                let before = self.outcomes[other].as_ref().map_or(0, |outcome| outcome.sent);
                before + if side == other { outcome.sent } else { 0 }
            };
            return Err(ended_by_signal(sent(LIVE), sent(MOCK)));
        }
        // a live service that is in trouble is left alone at once
        match &outcome.stopped {
            Some(why) => Err(Failure::broken(replay::ReplayRefusal::Stopped(why.clone()).to_string())),
            None => Ok(()),
        }
    }

    /// Adds the answers of one side to a block.
    fn add(&mut self, side: usize, outcome: ReplayOutcome, run: ServiceRun) {
        self.sides[side].runs.push(run);
        match &mut self.outcomes[side] {
            Some(all) => all.merge(&outcome),
            none => *none = Some(outcome),
        }
    }

    /// Marks seconds of the last block, in which the mock or the sender was late, as doubtful on
    /// both sides: what came in them may be another load than the rest.
    fn mark_doubtful(&mut self, doubtful: &[Range<u64>]) {
        for run in self.sides.iter_mut().filter_map(|side| side.runs.last_mut()) {
            run.doubtful = doubtful.to_vec();
        }
    }
}

/// Returns a note on the seconds in which the sender was late, if any. `length` is that of all
/// runs, in nanoseconds.
fn late_note(late: usize, length: u64) -> Option<String> {
    (late > 0).then(|| {
        let seconds = (length / 1_000_000_000).max(late as u64);
        format!(
            "the sender was late in {late} of {}: calls that came or ended then are left out on both sides; free the machine, \
             send fewer calls, or give --max-lateness",
            counted(seconds, "second")
        )
    })
}

/// Returns the tape of a stub folder that was begun last. A tape of a replay is no recording.
fn newest(dir: &Path) -> Result<PathBuf, Failure> {
    let found = sender_args::newest(dir)?;
    found.ok_or_else(|| {
        Failure::usage(format!("`{}` has no tape (*.jsonl) with calls; record one first", dir.join("tapes").display()))
    })
}

/// Fails if a tape is given twice: noise between copies would look too small.
fn each_once(paths: &[PathBuf]) -> Result<(), Failure> {
    let same = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    let twice = (1..paths.len()).find(|place| paths[..*place].iter().any(|other| same(other) == same(&paths[*place])));
    twice.map_or(Ok(()), |place| {
        let path = paths[place].display();
        Err(Failure::usage(format!(
            "`{path}` is given twice on one side; each run has a tape of its own, give each once"
        )))
    })
}

/// Returns the message for a comparison that a signal ended.
fn ended_by_signal(live: u64, mock: u64) -> Failure {
    let live = if live > 0 { format!("{} to the live service and ", counted(live, "call")) } else { String::new() };
    Failure::broken(format!(
        "ended by a signal, after {live}{} to the mock: nothing is compared",
        counted(mock, "call")
    ))
}

fn not_halted(cancel: &CancelToken) -> Result<(), Failure> {
    cancel.reason().map_or(Ok(()), |why| Err(Failure::broken(format!("{why}: nothing is compared"))))
}

fn calls(recording: &LoadedTape) -> impl Iterator<Item = (&str, &str)> {
    recording.exchanges.iter().map(|one| (one.request.method.as_str(), one.request.url.as_str()))
}

/// Returns a note on the calls that a tape lacks, if any.
fn condition(recording: &LoadedTape) -> Option<String> {
    let condition = &recording.condition;
    let lost = condition.lost();
    (lost > 0).then(|| {
        format!("{lost} calls of {} are lost: dropped, or on lines that cannot be read", recording.head.target)
    })
}

/// Returns the name of a tape, or the names of the first and the last of several.
fn names(paths: &[PathBuf]) -> String {
    match paths {
        [first, .., last] => format!("{} … {}", tape_name(first), tape_name(last)),
        [only] => tape_name(only),
        [] => String::new(),
    }
}

/// The places of the sides.
const LIVE: usize = 0;
const MOCK: usize = 1;

/// Stretches of a schedule, unless another number is asked for.
const BLOCKS: u64 = 4;
