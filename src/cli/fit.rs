//! `standin fit`: from tapes to the profile that serves as the recorded service did, with what could not be identified.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::{BROKE, CHECK_FAILED, FINE, USAGE, complain, note, profile_file, say};
use crate::exchange::Exchange;
use crate::fit::{Fitted, Html, Trace};
use crate::tape::operations::Operations;
use crate::tape::{self, Reader, TapeError};

/// Learn a performance model from tapes, and write it to `profiles/recorded.yaml`
///
/// Reads every tape in DIR/tapes. The report says which queue explains them, how well it predicts a load that it was not
/// shown, in which range it holds, and what could not be identified and how to record so that it can be.
#[derive(Args, Debug)]
pub(super) struct Fit {
    /// The stub folder (it has `tapes/`)
    #[arg(default_value = "stubs")]
    dir: PathBuf,

    /// The name of the profile that is written
    #[arg(long, value_name = "NAME", default_value = "recorded")]
    profile: String,

    /// Leave out what came earlier, counted from each tape's first call
    #[arg(long, value_name = "TIME", value_parser = super::time, default_value = "0s")]
    from: Duration,

    /// Leave out what came later
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    to: Option<Duration>,

    /// Write one model even if the service changed while it was recorded
    #[arg(long)]
    anyway: bool,

    /// The report as JSON
    #[arg(long)]
    json: bool,

    /// Write the report as a page for a browser as well
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Fit {
    pub(super) fn run(&self) -> u8 {
        let tapes = match tape::of_folder(&self.dir) {
            Ok(tapes) if tapes.is_empty() => {
                let folder = self.dir.join("tapes");
                note(&format!("`{}` has no tapes (*.jsonl); record some first", folder.display()));
                return USAGE;
            }
            Ok(tapes) => tapes,
            Err(error) => {
                note(&format!("cannot read `{}`: {error}", self.dir.join("tapes").display()));
                return if error.kind() == io::ErrorKind::NotFound { USAGE } else { BROKE };
            }
        };
        let traces = match tapes.iter().map(|path| trace(path)).collect::<Result<Vec<_>, _>>() {
            Ok(traces) => traces.into_iter().map(|trace| trace.between(self.from, self.to)).collect::<Vec<_>>(),
            Err(error) => {
                complain(&error);
                return BROKE;
            }
        };
        let fitted = match Fitted::new(&profile_file::service(&self.dir), &traces) {
            Ok(fitted) => fitted.since(self.from),
            Err(error) => {
                complain(&error);
                return BROKE;
            }
        };
        let refused = !self.anyway && fitted.change.is_some_and(|change| change.refuses_one_model());
        if refused {
            self.tell(&fitted);
            if !self.wrote_page(&fitted) {
                return BROKE;
            }
            note("no profile was written: one model would be that of neither half; `--anyway` writes it all the same");
            return CHECK_FAILED;
        }
        let path = profile_file::path(&self.dir, &self.profile);
        if let Err(error) = profile_file::write(&path, &fitted.profile().to_yaml(&fitted.to_string())) {
            note(&format!("cannot write `{}`: {error}", path.display()));
            return BROKE;
        }
        self.tell(&fitted);
        if !self.wrote_page(&fitted) {
            return BROKE;
        }
        note(&format!("written to {}; serve it with --profile {}", path.display(), self.profile));
        FINE
    }

    /// Writes the page if one was asked for; false if that failed, which is told.
    fn wrote_page(&self, fitted: &Fitted) -> bool {
        let Some(path) = &self.html else { return true };
        let written = fs::write(path, Html(fitted).to_string());
        if let Err(error) = &written {
            note(&format!("cannot write `{}`: {error}", path.display()));
        }
        written.is_ok()
    }

    fn tell(&self, fitted: &Fitted) {
        if self.json {
            say(&serde_json::to_string_pretty(fitted).expect("a fit is plain data"));
        } else {
            say(fitted.to_string().trim_end());
        }
    }
}

/// Two passes, so that no exchange has to be kept: one learns the operations, one takes the times.
fn trace(path: &Path) -> Result<Trace, TapeError> {
    let mut broken = None;
    let mut whole = |exchange: io::Result<Exchange>| exchange.map_err(|error| broken = Some(error)).ok();
    let calls =
        Reader::open(path)?.map_while(&mut whole).map(|exchange| (exchange.request.method, exchange.request.url));
    let operations = Operations::learn(calls);
    let mut reader = Reader::open(path)?;
    let head = reader.head().clone();
    let trace = Trace::new(&head, &operations, reader.by_ref().map_while(&mut whole));
    match broken {
        Some(error) => Err(error.into()),
        None => Ok(trace.lacking(reader.condition())),
    }
}
