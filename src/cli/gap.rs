//! `standin gap`: how far the mock is from the service, measured.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use super::sending::{self, Sending, account, progress};
use super::{BROKE, CHECK_FAILED, FINE, USAGE, complain, draw, note, say};
use crate::config::Config;
use crate::exchange::Exchange;
use crate::gap::{Budget, Gap, Html, JUnit, Run, Side, Verdict};
use crate::replay::{self, Outcome, Pace, Plan, Prepared, Target};
use crate::server::{Handle, Server, StartError};
use crate::tape::operations::Operations;
use crate::tape::{Head, REPLAY, Recording};
use crate::upstream::Trust;

/// Tell how far the mock is from the service: the same calls at the same times, compared
///
/// With a stub folder: its newest tape, replayed against the mock. With --target too: that tape's calls against the live service and
/// the mock, in turns. With two tapes: the second against the first. Exits 1 over the budget.
#[derive(Args, Debug)]
pub(super) struct GapCommand {
    /// A stub folder (it has `tapes/`), or two tapes: the original, and what is compared with it
    #[arg(value_name = "DIR | TAPE TAPE", num_args = 0..=2, default_value = "stubs")]
    what: Vec<PathBuf>,

    /// The live service, to be compared with the mock
    #[arg(long, value_name = "URL")]
    target: Option<String>,

    /// The profile that the mock is served with [default: `recorded`, if there is one]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Where the mock's random delays begin
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How far it may be off, such as `p95=10%,p99=15%`; also p50, p90, w1, ks, errors, throughput
    #[arg(long, value_name = "LIMITS")]
    budget: Option<Budget>,

    /// Stretches of the schedule that are sent to the live service and the mock in turns
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000), default_value_t = 4)]
    blocks: u64,

    /// Send the whole schedule so many times to the live service and the mock, A B B A, the mock started anew each time: runs are
    /// what a difference is judged by, 4 or more tell it from chance; needs --target
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=100), conflicts_with = "blocks", requires = "target")]
    runs: Option<u64>,

    /// The result as JSON
    #[arg(long)]
    json: bool,

    /// The result as one page that needs nothing else, into this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// The result for CI, as JUnit's XML, into this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    #[command(flatten)]
    sending: Sending,
}

/// Why there is no result, and how to exit.
struct Ended {
    told: String,
    code: u8,
}

impl GapCommand {
    pub(super) fn run(self) -> u8 {
        let gap = match self.what.as_slice() {
            [one, other] => self.tapes(one, other),
            [dir] if dir.is_dir() => self.folder(dir),
            [path] => Err(Ended::usage(format!(
                "`{}` is no folder; give a stub folder, or two tapes to compare",
                path.display()
            ))),
            _ => Err(Ended::usage("give a stub folder, or two tapes to compare")),
        };
        match gap {
            Ok(gap) => self.report(&gap),
            Err(ended) => {
                note(&ended.told);
                ended.code
            }
        }
    }

    fn report(&self, gap: &Gap) -> u8 {
        if self.json {
            say(&serde_json::to_string_pretty(gap).expect("a gap is plain data"));
        } else {
            say(gap.to_string().trim_end());
        }
        let files = [(&self.html, Html(gap).to_string()), (&self.junit, JUnit(gap).to_string())];
        for (path, text) in files.into_iter().filter_map(|(path, text)| Some((path.as_ref()?, text))) {
            if let Err(error) = fs::write(path, text) {
                note(&format!("cannot write `{}`: {error}", path.display()));
                return BROKE;
            }
        }
        match gap.verdict {
            Verdict::NoBudget | Verdict::Within => FINE,
            Verdict::Over => CHECK_FAILED,
            Verdict::NotJudged => BROKE,
        }
    }

    fn tapes(&self, one: &Path, other: &Path) -> Result<Gap, Ended> {
        if self.target.is_some() {
            return Err(Ended::usage("two tapes need no --target; give a stub folder with it"));
        }
        let (one_tape, other_tape) = (open(one)?, open(other)?);
        let operations = Operations::learn(calls(&one_tape).chain(calls(&other_tape)));
        let side = |path: &Path, tape: &Recording| Side {
            name: stem(path),
            runs: vec![Run::new(tape, &operations)],
            repeats: false,
        };
        let mut gap = Gap::new(&side(one, &one_tape), &side(other, &other_tape), self.budget.clone());
        gap.notes.extend([&one_tape, &other_tape].into_iter().filter_map(condition));
        Ok(gap)
    }

    fn folder(&self, dir: &Path) -> Result<Gap, Ended> {
        let tape = newest(dir)?;
        let recording = open(&tape)?;
        match &self.target {
            None => self.against_recorded(dir, &tape, &recording),
            Some(url) => self.against_live(dir, &tape, &recording, url),
        }
    }

    /// The tape against the mock.
    fn against_recorded(&self, dir: &Path, tape: &Path, recording: &Recording) -> Result<Gap, Ended> {
        let plan = Plan::new(recording, Pace::Recorded { speed: 1.0 }, |_| true);
        let mock = self.mock(dir)?;
        let prepared =
            self.sending.rules().prepare(recording, tape, &plan, &mock.target, true).map_err(Ended::usage)?;
        progress(&format!("replaying {} for {} s against the mock", tape.display(), plan.length() / 1_000_000_000));
        let lane = Lane { recording, prepared: &prepared, target: &mock.target };
        let (outcome, run) = lane.run(&plan)?;
        progress(&account("mock", &outcome));
        self.believe(&outcome, false)?;
        let operations = recording.operations();
        let reference =
            Side { name: "recorded".to_owned(), runs: vec![Run::new(recording, &operations)], repeats: false };
        let copy = Side { name: "mock".to_owned(), runs: vec![Run::new(&run, &operations)], repeats: false };
        let mut gap = Gap::new(&reference, &copy, self.budget.clone());
        gap.notes.extend(mock.notes());
        gap.notes.extend(condition(recording));
        Ok(gap)
    }

    /// The live service against the mock: one schedule in blocks, A B B A.
    fn against_live(&self, dir: &Path, tape: &Path, recording: &Recording, url: &str) -> Result<Gap, Ended> {
        let target = self.sending.target(url).map_err(Ended::usage)?;
        let plan = Plan::new(recording, Pace::Recorded { speed: 1.0 }, |method| self.sending.rules().allows(method));
        self.sending.check(recording, &plan).map_err(Ended::usage)?;
        let mut mock = self.mock(dir)?;
        let prepare = |target: &Target, to_mock| {
            self.sending.rules().prepare(recording, tape, &plan, target, to_mock).map_err(Ended::usage)
        };
        let (for_live, mut for_mock) = (prepare(&target, false)?, prepare(&mock.target, true)?);
        let operations = recording.operations();
        let repeats = self.runs.is_some();
        let side = |name: &str| Side { name: name.to_owned(), runs: Vec::new(), repeats };
        let mut sides = [side("live"), side("mock")];
        let mut outcomes: [Option<Outcome>; 2] = [None, None];
        let mut flagged = Vec::new();
        let blocks = match self.runs {
            Some(runs) => vec![plan.clone(); runs as usize],
            None => plan.blocks(self.blocks),
        };
        for (number, block) in blocks.iter().enumerate() {
            let what = if repeats { "run" } else { "block" };
            progress(&format!("{what} {} of {}: {} calls to each", number + 1, blocks.len(), block.calls.len()));
            if repeats && number > 0 {
                // another mock: what an earlier run left in its queues and draws is gone
                flagged.extend(mock.flagged());
                mock = self.mock_of(dir, self.seed + number as u64)?;
                for_mock = prepare(&mock.target, true)?;
            }
            let lanes = [
                Lane { recording, prepared: &for_live, target: &target },
                Lane { recording, prepared: &for_mock, target: &mock.target },
            ];
            let order = if number % 2 == 0 { [0, 1] } else { [1, 0] };
            for lane in order {
                let (outcome, run) = lanes[lane].run(block)?;
                // a live service that is in trouble is left alone at once
                if let Some(why) = &outcome.stopped {
                    return Err(Ended::broke(replay::Refusal::Stopped(why.clone()).to_string()));
                }
                sides[lane].runs.push(Run::new(&run, &operations));
                match &mut outcomes[lane] {
                    Some(all) => all.merge(&outcome),
                    none => *none = Some(outcome),
                }
            }
        }
        for (outcome, is_live) in outcomes.iter().zip([true, false]) {
            let Some(outcome) = outcome else { return Err(Ended::broke(replay::Refusal::Nothing.to_string())) };
            progress(&account(if is_live { "live" } else { "mock" }, outcome));
            self.believe(outcome, is_live)?;
        }
        let [live, copy] = sides;
        let mut gap = Gap::new(&live, &copy, self.budget.clone());
        gap.notes.extend(flagged);
        gap.notes.extend(mock.notes());
        if let Some(runs) = self.runs {
            gap.notes.push(format!(
                "the seeds of the mock's {runs} runs were {} to {}",
                self.seed,
                self.seed + runs - 1
            ));
        }
        if plan.left_out > 0 {
            gap.notes.push(format!("{} calls of the tape were sent to neither, see --methods", plan.left_out));
        }
        Ok(gap)
    }

    /// Refuses a run that must not be believed.
    fn believe(&self, outcome: &Outcome, is_live: bool) -> Result<(), Ended> {
        if let Some(refusal) = outcome.refusal(self.sending.max_lateness(), is_live) {
            return Err(Ended::broke(refusal.to_string()));
        }
        if !is_live && outcome.misses_too_many() {
            return Err(Ended::broke(format!(
                "nothing is reported, for the mock has no stub for {:.1} % of the calls (404); write stubs for them",
                outcome.misses() * 100.0
            )));
        }
        Ok(())
    }

    /// Starts the mock of a stub folder.
    fn mock(&self, dir: &Path) -> Result<Mock, Ended> {
        self.mock_of(dir, self.seed)
    }

    fn mock_of(&self, dir: &Path, seed: u64) -> Result<Mock, Ended> {
        let recorded = dir.join("profiles").join(format!("{RECORDED}.yaml")).exists();
        let profile = self.profile.clone().or_else(|| recorded.then(|| RECORDED.to_owned()));
        let told = match &profile {
            Some(name) => format!("the mock was served with profile {name}, seed {seed}"),
            None => "the mock was served without a profile, as fast as it can; `fit` writes one".to_owned(),
        };
        let defaults = Config::new(dir);
        let config = Config {
            profile,
            seed,
            // the sender has a core of its own, and a journal would only cost time
            workers: defaults.workers.saturating_sub(1).max(1),
            journal_bytes: 0,
            watches: false,
            ..defaults
        };
        let handle = Server::bind(config).and_then(Server::start).map_err(|error| {
            if let StartError::Stubs(defects) = &error {
                draw(defects);
            }
            complain(&error);
            let code = if matches!(error, StartError::Config(_)) { USAGE } else { BROKE };
            Ended { told: "the mock does not start".to_owned(), code }
        })?;
        let address: SocketAddr = handle.addresses()[0].listener.address;
        let target = Target::parse(&format!("http://{address}"), &Trust::System).map_err(Ended::broke)?;
        Ok(Mock { target: self.sending.bounded(target), told, handle })
    }
}

/// A mock that runs in this process, until it is dropped.
struct Mock {
    target: Target,
    told: String,
    handle: Handle,
}

impl Mock {
    /// How it was served, and whether it was too slow itself.
    fn notes(&self) -> Vec<String> {
        [self.told.clone()].into_iter().chain(self.flagged()).collect()
    }

    /// Whether it was too slow itself.
    fn flagged(&self) -> Option<String> {
        let audit = self.handle.audit();
        (audit.flagged.count > 0).then(|| {
            format!(
                "the mock itself was too slow in {} of {} seconds of its workers, do not believe differences that are as \
                 small as its lateness (p99 {:.2} ms); give it a machine with less to do",
                audit.flagged.count,
                audit.windows,
                audit.lateness.p99 / 1e3
            )
        })
    }
}

/// Where a plan is sent.
struct Lane<'r> {
    recording: &'r Recording,
    prepared: &'r std::sync::Arc<Prepared>,
    target: &'r Target,
}

impl Lane<'_> {
    fn run(&self, plan: &Plan) -> Result<(Outcome, Recording), Ended> {
        let mut exchanges: Vec<Exchange> = Vec::with_capacity(plan.calls.len());
        let outcome = replay::run(self.recording, self.prepared, plan, self.target, |mut exchange| {
            // what the comparison does not need must not fill the memory
            exchange.request.headers = Vec::new();
            exchanges.push(exchange);
            Ok(())
        });
        let outcome = outcome.map_err(|error| {
            Ended::broke(format!("cannot replay against {}: {error}", self.target.connector.origin()))
        })?;
        let notes = [(REPLAY.to_owned(), true.into())].into_iter().collect();
        Ok((outcome, Recording { head: Head { notes, ..Head::default() }, exchanges, ..Recording::default() }))
    }
}

impl Ended {
    fn usage(told: impl Into<String>) -> Self {
        Self { told: told.into(), code: USAGE }
    }

    fn broke(told: impl Into<String>) -> Self {
        Self { told: told.into(), code: BROKE }
    }
}

fn open(path: &Path) -> Result<Recording, Ended> {
    Recording::open(path).map_err(|error| Ended::usage(format!("`{}`: {error}", path.display())))
}

/// The tape of a stub folder that was begun last. What a replay wrote is no recording.
fn newest(dir: &Path) -> Result<PathBuf, Ended> {
    let folder = dir.join("tapes");
    let found =
        sending::newest(dir).map_err(|error| Ended::broke(format!("cannot read `{}`: {error}", folder.display())))?;
    found.ok_or_else(|| Ended::usage(format!("`{}` has no tapes (*.jsonl); record one first", folder.display())))
}

fn calls(recording: &Recording) -> impl Iterator<Item = (&str, &str)> {
    recording.exchanges.iter().map(|one| (one.request.method.as_str(), one.request.url.as_str()))
}

/// What a tape lacks, if anything.
fn condition(recording: &Recording) -> Option<String> {
    let condition = &recording.condition;
    let dropped = condition.foot.map_or(0, |foot| foot.dropped);
    let lost = condition.broken + u64::from(condition.torn) + dropped;
    (lost > 0).then(|| {
        format!("{lost} calls of {} are lost: dropped, or on lines that cannot be read", recording.head.target)
    })
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "tape".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// The profile that `fit` writes.
const RECORDED: &str = "recorded";
