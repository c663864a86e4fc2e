//! `standin fit`: from tapes to the profile that serves as the recorded service did, with what could not be identified.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::profile_file::{self, Author};
use super::{BROKE, CHECK_FAILED, FINE, USAGE, complain, note, say};
use standin_learn::fit::{FitPage, Fitted, Trace};
use standin_stub::delay::units::duration;
use standin_tape::exchange::Exchange;
use standin_tape::operations::Operations;
use standin_tape::{self, Head, Reader, TapeError};

/// Learn a performance model from tapes, and write it to `profiles/recorded.yaml`
///
/// Reads every tape in DIR/tapes. The report says which queue explains them, how well it predicts a load that it was not
/// shown, in which range it holds, and what could not be identified and how to record so that it can be.
#[derive(Args, Debug)]
pub(super) struct FitArgs {
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

    /// Write one model even if the service changed while it was recorded, or tapes name different targets
    #[arg(long)]
    anyway: bool,

    /// Overwrite a profile that was edited by hand
    #[arg(long)]
    force: bool,

    /// The report as JSON
    #[arg(long)]
    json: bool,

    /// Write the report as a page for a browser as well
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl FitArgs {
    pub(super) fn run(&self) -> u8 {
        if let Err(code) = profile_file::check_name(&self.profile) {
            return code;
        }
        if self.to.is_some_and(|to| to <= self.from) {
            note("`--to` is not later than `--from`; both count from a tape's first call");
            return USAGE;
        }
        let tapes = match standin_tape::of_folder(&self.dir) {
            Ok(tapes) if tapes.is_empty() => {
                let folder = self.dir.join("tapes");
                note(&format!("`{}` has no tapes (*.jsonl); record some first", folder.display()));
                return USAGE;
            }
            Ok(tapes) => tapes,
            Err(error) => return self.without_tapes(&error),
        };
        match self.fit(&tapes) {
            Ok(()) => FINE,
            Err(code) => code,
        }
    }

    /// Says what to give instead of a folder that has no `tapes/`.
    fn without_tapes(&self, error: &io::Error) -> u8 {
        let dir = self.dir.display();
        if self.dir.is_file() {
            note(&format!("`{dir}` is a file; give the stub folder that has it in `tapes/`"));
            return USAGE;
        }
        let mut services: Vec<String> = fs::read_dir(&self.dir)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.join("tapes").is_dir())
            .map(|path| format!("`{}`", path.display()))
            .collect();
        services.sort();
        if services.is_empty() {
            note(&format!("cannot read `{dir}/tapes`: {error}; record with `standin record --target URL {dir}`"));
        } else {
            note(&format!("`{dir}` is a folder of services; fit each by itself: {}", services.join(", ")));
        }
        if error.kind() == io::ErrorKind::NotFound { USAGE } else { BROKE }
    }

    /// What is wrong is told, with the exit code.
    fn fit(&self, tapes: &[PathBuf]) -> Result<(), u8> {
        let traces = self.traces(tapes)?;
        let fitted = Fitted::new(&profile_file::service(&self.dir), &traces).map_err(|error| {
            complain(&error);
            BROKE
        })?;
        let fitted = fitted.since(self.from);
        let path = profile_file::path(&self.dir, &self.profile);
        let refused = !self.anyway && fitted.drift.is_some_and(|drift| drift.refuses_one_model());
        if !refused {
            profile_file::keep_edited(&path, Author::Fit, self.force)?;
        }
        self.write_page(&fitted)?;
        self.tell(&fitted);
        if refused {
            note("no profile was written: one model would be that of neither half; `--anyway` writes it all the same");
            return Err(CHECK_FAILED);
        }
        profile_file::write(&path, Author::Fit, &fitted.profile().to_yaml(&fitted.to_string()))?;
        note(&format!("written to {}; serve it with --profile {}", path.display(), self.profile));
        Ok(())
    }

    /// The calls of all tapes, of the part that was asked for.
    fn traces(&self, tapes: &[PathBuf]) -> Result<Vec<Trace>, u8> {
        let mut traces = Vec::with_capacity(tapes.len());
        let mut targets: Vec<(String, &Path)> = Vec::new();
        for path in tapes {
            let (head, trace) = self.trace(path).map_err(|error| {
                note(&format!("`{}`: {error}", path.display()));
                BROKE
            })?;
            if trace.calls.is_empty() && tapes.len() > 1 {
                note(&format!("`{}` has no answered call{}: left out", path.display(), self.of_part()));
                continue;
            }
            if !targets.iter().any(|(target, _)| *target == head.target) {
                targets.push((head.target, path));
            }
            traces.push(trace);
        }
        if let ([(one, _), .., (other, path)], false) = (&targets[..], self.anyway) {
            note(&format!(
                "the tapes are of different services: `{}` is of {other}, others are of {one}; keep one service's tapes in a folder, or \
                 give `--anyway` if these are one service",
                path.display()
            ));
            return Err(USAGE);
        }
        if traces.iter().all(|trace| trace.calls.is_empty()) {
            note(&format!("no tape has an answered call{}", self.of_part()));
            return Err(BROKE);
        }
        Ok(traces)
    }

    /// Two passes, so that no exchange has to be kept: one learns the operations, one takes the times.
    fn trace(&self, path: &Path) -> Result<(Head, Trace), TapeError> {
        let (mut broken, mut first) = (None, None);
        let mut whole = |exchange: io::Result<Exchange>| exchange.map_err(|error| broken = Some(error)).ok();
        let calls = Reader::open(path)?.map_while(&mut whole).map(|exchange| {
            let sent = exchange.times.sent;
            first = first.into_iter().chain(sent).min();
            (exchange.request.method, exchange.request.url)
        });
        let operations = Operations::learn(calls);
        let first: u64 = first.unwrap_or(0);
        let in_part = |exchange: &Exchange| {
            exchange.times.sent.is_none_or(|sent| {
                let since = Duration::from_nanos(sent.saturating_sub(first));
                since >= self.from && self.to.is_none_or(|to| since < to)
            })
        };
        let mut reader = Reader::open(path)?;
        let head = reader.head().clone();
        let trace = Trace::new(&head, &operations, reader.by_ref().map_while(&mut whole).filter(in_part));
        match broken {
            Some(error) => Err(error.into()),
            None => Ok((head, trace.lacking(reader.condition()))),
        }
    }

    /// Which part was asked for, if not all.
    fn of_part(&self) -> String {
        let from = duration(self.from);
        match self.to {
            Some(to) => format!(" between {from} and {} after its first", duration(to)),
            None if self.from.is_zero() => String::new(),
            None => format!(" later than {from} after its first"),
        }
    }

    /// Writes the page if one was asked for.
    fn write_page(&self, fitted: &Fitted) -> Result<(), u8> {
        let Some(path) = &self.html else { return Ok(()) };
        fs::write(path, FitPage(fitted).to_string()).map_err(|error| {
            note(&format!("cannot write `{}`: {error}", path.display()));
            BROKE
        })
    }

    fn tell(&self, fitted: &Fitted) {
        if self.json {
            say(&serde_json::to_string_pretty(fitted).expect("a fit is plain data"));
        } else {
            say(fitted.to_string().trim_end());
        }
    }
}
