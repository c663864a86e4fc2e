//! `standin gap`: how far the mock is from the service, measured.

mod known;
mod lane;
mod mock;
mod sides;

use std::fs;
use std::path::{Path, PathBuf};
use std::slice;

use clap::Args;

use super::sending::Sending;
use super::{BROKE, CHECK_FAILED, FINE, USAGE, note, say};
use crate::gap::{Budget, Gap, Html, JUnit, Verdict};
use crate::tape::Recording;

/// Tell how far the mock is from the service: the same calls at the same times, compared
///
/// With a stub folder: its newest tape, replayed against the mock. With --target too: that tape's calls against the live service and
/// the mock, in turns. With two tapes: the second against the first; with --reference and --mock several a side. Exits 1 over the
/// budget, 2 if too little can be judged.
#[derive(Args, Debug)]
pub(super) struct GapCommand {
    /// A stub folder (it has `tapes/`), or two tapes: the original, and what is compared with it
    #[arg(value_name = "DIR | TAPE TAPE", num_args = 0..=2, default_value = "stubs")]
    what: Vec<PathBuf>,

    /// Tapes of the original: runs of one load, which tell a difference from chance where there are 4 or more a side; needs --mock
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

    /// Where the mock's random delays begin
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How far it may be off, such as `p95=10%,p99=15%`; also p50, p90, w1, ks, errors, throughput. `default` depends on how busy
    /// the service was: p50 3 %, p90 5 %, p95 7 %, p99 10 % up to 80 % of its capacity, more beyond. `none` judges nothing
    #[arg(long, value_name = "LIMITS", value_parser = asked, default_value = "default")]
    budget: Asked,

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

/// A budget, if anything is to be judged.
#[derive(Clone, Debug)]
struct Asked(Option<Budget>);

/// Why there is no result, and how to exit.
struct Ended {
    told: String,
    code: u8,
}

impl GapCommand {
    pub(super) fn run(self) -> u8 {
        let gap = match self.what.as_slice() {
            _ if !self.reference.is_empty() => self.tapes(&self.reference, &self.mock),
            [one, other] => self.tapes(slice::from_ref(one), slice::from_ref(other)),
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
}

impl Ended {
    fn usage(told: impl Into<String>) -> Self {
        Self { told: told.into(), code: USAGE }
    }

    fn broke(told: impl Into<String>) -> Self {
        Self { told: told.into(), code: BROKE }
    }
}

fn asked(text: &str) -> Result<Asked, String> {
    if text == "none" { Ok(Asked(None)) } else { Ok(Asked(Some(text.parse()?))) }
}

fn open(path: &Path) -> Result<Recording, Ended> {
    Recording::open(path).map_err(|error| Ended::usage(format!("`{}`: {error}", path.display())))
}
