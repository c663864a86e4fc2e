//! `standin gap`: how far the mock is from the service, measured.

mod compare;
mod conditions;
mod history;
mod mock;
mod progress;
mod reference_model;
mod trial_runner;

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::slice;

use clap::Args;

use super::operation_args::OperationArgs;
use super::sender_args::SenderArgs;
use super::{Exit, Failure, print_line, print_note, saved_report};
use standin_learn::gap::{Gap, GapBudget, GapPage, JUnitReport, RefusalReport, Verdict};

/// Tell how far the mock is from the service: the same calls at the same times, compared
///
/// With a stub folder: its newest tape, replayed against the mock. With --target too: that tape's
/// calls against the live service and the mock, in turns. With two tapes: the second against the
/// first; with --reference and --mock several a side. Exits 1 over the budget, 2 if too little can
/// be judged.
#[derive(Args, Debug)]
pub(super) struct GapCommand {
    /// A stub folder (it has `tapes/`), or two tapes: the original, and what is compared with it
    #[arg(value_name = "DIR | TAPE TAPE", num_args = 0..=2, default_value = "stubs")]
    what: Vec<PathBuf>,

    /// Tapes of the original: runs of one load, which tell a difference from chance where there are
    /// 4 or more a side; needs --mock
    #[arg(long, value_name = "TAPE", num_args = 1.., requires = "mock", conflicts_with_all = ["what", "target"])]
    reference: Vec<PathBuf>,

    /// Tapes of what is compared with it; needs --reference
    #[arg(long, value_name = "TAPE", num_args = 1.., requires = "reference", conflicts_with_all = ["what", "target"])]
    mock: Vec<PathBuf>,

    /// The live service, to be compared with the mock
    #[arg(long, value_name = "URL")]
    target: Option<String>,

    /// The profile that the mock is served with [default: `recorded`, if there is one]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Where the mock's random delays begin [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Limits on the difference, such as `p95=10%,p99=15%`; also p50, p90, w1, ks, errors,
    /// throughput. `default` depends on the utilization of the service: p50 3 %, p90 5 %, p95 7 %,
    /// p99 10 % up to 80 % of its capacity, more beyond. `none` judges nothing
    #[arg(long, value_name = "LIMITS", value_parser = asked, default_value = "default")]
    budget: Asked,

    /// Stretches of the schedule that are sent to the live service and the mock in turns; needs
    /// --target [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000), requires = "target")]
    blocks: Option<u64>,

    /// Send the whole schedule so many times to the live service and the mock, A B B A, the mock
    /// started anew each time: runs are what a difference is judged by, 4 or more tell it from
    /// chance; needs --target
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=100), conflicts_with = "blocks", requires = "target")]
    runs: Option<u64>,

    /// Do not add the comparison to DIR/gap-history.jsonl, whose trend the report shows
    #[arg(long)]
    no_history: bool,

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
    operations: OperationArgs,

    #[command(flatten)]
    sending: SenderArgs,
}

/// A budget, if anything is to be judged.
#[derive(Clone, Debug)]
struct Asked(Option<GapBudget>);

impl GapCommand {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self.compared() {
            Ok(gap) => self.report(&gap),
            Err(failure) => {
                // a script must find a file, and in it why there is no result
                if failure.exit_code() == Exit::Broken {
                    self.refuse(&failure.to_string());
                }
                Err(failure)
            }
        }
    }

    fn compared(&self) -> Result<Gap, Failure> {
        self.check_options()?;
        self.operations.rules()?;
        self.html.iter().chain(&self.junit).try_for_each(|path| check_writable(path))?;
        match self.what.as_slice() {
            _ if !self.reference.is_empty() => self.tapes(&self.reference, &self.mock),
            [one, other] => self.tapes(slice::from_ref(one), slice::from_ref(other)),
            [dir] if dir.is_dir() => self.folder(dir),
            [path] => Err(Failure::usage(format!(
                "`{}` is no folder; give a stub folder, or two tapes to compare",
                path.display()
            ))),
            _ => Err(Failure::usage("give a stub folder, or two tapes to compare")),
        }
    }

    /// Refuses what would have no effect.
    fn check_options(&self) -> Result<(), Failure> {
        let of_tapes = !self.reference.is_empty() || self.what.len() == 2;
        let of_mock =
            [(self.profile.is_some(), "--profile"), (self.seed.is_some(), "--seed"), (self.no_history, "--no-history")];
        let of_mock = of_mock.into_iter().find_map(|(is_given, option)| is_given.then_some(option));
        if of_tapes && let Some(option) = of_mock.or_else(|| self.sending.given()) {
            let told = format!("{option} has no effect on tapes: nothing is sent; leave it out, or give a stub folder");
            return Err(Failure::usage(told));
        }
        match self.sending.given_of_live().filter(|_| self.target.is_none()) {
            Some(option) => Err(Failure::usage(format!(
                "{option} is for a live service; add --target, or leave it out: the mock is sent the whole tape"
            ))),
            None => Ok(()),
        }
    }

    fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }

    /// Writes the refusal for programs, as JSON and as JUnit XML.
    fn refuse(&self, why: &str) {
        let refused = RefusalReport(why);
        if self.json {
            print_line(&format!("{:#}", refused.to_json()));
        }
        if let Some(path) = &self.junit
            && let Err(error) = fs::write(path, refused.to_string())
        {
            print_note(&unwritable(path, &error));
        }
    }

    fn report(&self, gap: &Gap) -> Result<Exit, Failure> {
        if self.json {
            print_line(&serde_json::to_string_pretty(gap).expect("a gap is plain data"));
        } else {
            print_line(gap.to_string().trim_end());
        }
        if let [dir] = self.what.as_slice()
            && dir.is_dir()
        {
            let name = format!("gap-{}", self.profile.as_deref().unwrap_or("recorded"));
            saved_report::save(dir, &name, &gap.to_string(), &GapPage(gap).to_string());
        }
        let files = [(&self.html, GapPage(gap).to_string()), (&self.junit, JUnitReport(gap).to_string())];
        for (path, text) in files.into_iter().filter_map(|(path, text)| Some((path.as_ref()?, text))) {
            fs::write(path, text).map_err(|error| Failure::broken(unwritable(path, &error)))?;
        }
        Ok(match gap.verdict {
            Verdict::NoBudget | Verdict::Within => Exit::Success,
            Verdict::Over => Exit::CheckFailed,
            Verdict::NotJudged => Exit::Broken,
        })
    }
}

fn asked(text: &str) -> Result<Asked, String> {
    if text == "none" { Ok(Asked(None)) } else { Ok(Asked(Some(text.parse()?))) }
}

/// Checks that a file can be written, before minutes are spent on its content.
fn check_writable(path: &Path) -> Result<(), Failure> {
    let is_new = !path.exists();
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let checked = opened.and_then(|_| if is_new { fs::remove_file(path) } else { Ok(()) });
    checked.map_err(|error| Failure::broken(unwritable(path, &error)))
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("cannot write `{}`: {error}; give another file", path.display())
}
