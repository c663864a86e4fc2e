//! `standin draft`: drafts stubs from tapes, also from those of a recorder that was killed.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;

use super::operation_args::OperationArgs;
use super::{Exit, Failure, print_diagnostics, print_line, print_note};
use standin_learn::draft::write::{self, WriteSummary};
use standin_learn::draft::{DEFAULT_MAX_STUBS, Drafter, ReplayCheck, StubDraft, verify};
use standin_stub::load;
use standin_stub::stub_folder::StubFolder;
use standin_tape::{self, FrameReader, TapeBodies, TapeCondition, TapeHead, TapeReader};
use standin_text::counted;

/// Draft stubs from tapes; files that you edited are left alone
#[derive(Args, Debug)]
pub(super) struct DraftArgs {
    /// The stub folder (it has `tapes/`), or a folder of such folders
    #[arg(default_value = "stubs")]
    dir: PathBuf,
    /// Stubs for recorded calls that an operation may have; the calls made most often stay
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_STUBS)]
    max_stubs: usize,
    /// Remove drafts that the tapes do not give any more, unless you edited them
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    rules: DraftRuleArgs,
}

/// Options of drafts, for `draft` and for `record`, which drafts at its end.
#[derive(Args, Debug)]
pub(super) struct DraftRuleArgs {
    /// Let any value match in this parameter, JSON member or XML element of a request, as in `ts`;
    /// may be given more than once
    #[arg(long, value_name = "NAME", help_heading = "Draft")]
    ignore_field: Vec<String>,
    #[command(flatten)]
    operations: OperationArgs,
}

impl DraftRuleArgs {
    /// Checks that the options fit together.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.operations.rules().map(drop)
    }
}

impl DraftArgs {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let dir = self.dir.display();
        self.rules.check()?;
        let folders = folders(&self.dir).map_err(|error| {
            Failure::of_reading(format!("cannot read `{dir}`: {error}"), &error).help("give a folder that has `tapes/`")
        })?;
        if folders.is_empty() {
            let message = format!("`{dir}` has no tapes: neither it nor a folder in it has `tapes/`");
            return Err(Failure::usage(message).help("record some first"));
        }
        let drafted = folders.iter().map(|folder| {
            // the other folders are drafted nevertheless
            draft(folder, self.max_stubs, self.prune, &self.rules).unwrap_or_else(|failure| failure.print())
        });
        Ok(drafted.max().unwrap_or(Exit::Success))
    }
}

/// Drafts the stubs of one service from its tapes, at most `max_stubs` for an operation.
pub(super) fn draft(folder: &Path, max_stubs: usize, prune: bool, rules: &DraftRuleArgs) -> Result<Exit, Failure> {
    let tapes = tapes_with_bodies(folder)?;
    let found = TapeBodies::of(tapes.iter().map(|(path, _)| path.as_path())).map_err(|error| {
        Failure::broken(format!("cannot read the bodies of the tapes of `{}`: {error}", folder.display()))
    })?;
    let bodies = |hash: &str| found.get(hash).map(Bytes::from);
    let mut drafter = Drafter::new(bodies, max_stubs);
    drafter.set_operation_rules(rules.operations.rules()?);
    rules.ignore_field.iter().for_each(|name| drafter.ignore_field(name));
    for (path, mut reader) in tapes {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let head = reader.head().clone();
        drafter.begin(&format!("tapes/{name}"), &head.target, head.started_unix_ms);
        for exchange in reader.by_ref() {
            let unreadable = |error| Failure::broken(format!("cannot read `{}`: {error}", path.display()));
            drafter.add(&exchange.map_err(unreadable)?);
        }
        report_condition(&path, reader.condition());
    }
    let exit = write_draft(&drafter.finish(), folder, write::RECORDED_FOLDER, prune, bodies)?;
    if exit == Exit::Success {
        replay(folder, bodies)?;
    }
    Ok(exit)
}

/// Writes a draft into `mappings/BELOW` of a stub folder, prints its report, and tries it.
pub(super) fn write_draft(
    draft: &StubDraft,
    folder: &Path,
    below: &str,
    prune: bool,
    bodies: impl Fn(&str) -> Option<Bytes>,
) -> Result<Exit, Failure> {
    let written = write::write_files(&draft.mappings, folder, below, prune)
        .map_err(|error| Failure::broken(format!("cannot write below `{}`: {error}", folder.display())))?;
    print_line(&format!("standin: {}: {}", folder.display(), draft.report));
    list_files(&written);
    verify(draft, folder, bodies)
}

/// Opens the tapes of a folder that have bodies, the oldest first; at least one.
fn tapes_with_bodies(folder: &Path) -> Result<Vec<OpenTape>, Failure> {
    let (with_bodies, without): (Vec<_>, Vec<_>) =
        open_tapes(folder)?.into_iter().partition(|(_, reader)| reader.head().bodies);
    let note = |path: &Path, head: &TapeHead| match &head.source {
        Some(source) => format!(
            "`{}` is made of {}, which has no bodies: `fit`, `gap` and `replay` take it; record calls to draft stubs",
            path.display(),
            source.kind
        ),
        None => format!(
            "`{}` was recorded without bodies: it serves `fit` only; record again without `--no-bodies`",
            path.display()
        ),
    };
    if with_bodies.is_empty() {
        let notes: Vec<String> = without.iter().map(|(path, reader)| note(path, reader.head())).collect();
        let no_tape = || format!("`{}` has no tape; record one first", folder.join("tapes").display());
        return Err(Failure::usage(if notes.is_empty() { no_tape() } else { notes.join("\n") }));
    }
    for (path, reader) in &without {
        print_note(&note(path, reader.head()));
    }
    Ok(with_bodies)
}

/// Returns the folder itself if it has tapes, otherwise those of its folders that have, by name.
fn folders(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    if dir.join("tapes").is_dir() {
        return Ok(vec![dir.to_owned()]);
    }
    let entries = fs::read_dir(dir)?.filter_map(Result::ok).map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("tapes").is_dir()).collect();
    folders.sort();
    Ok(folders)
}

type OpenTape = (PathBuf, TapeReader<FrameReader>);

/// Opens the tapes of a folder, the oldest first.
fn open_tapes(folder: &Path) -> Result<Vec<OpenTape>, Failure> {
    let paths = standin_tape::tapes_of_folder(folder)
        .map_err(|error| Failure::broken(format!("cannot read the tapes of `{}`: {error}", folder.display())))?;
    let mut tapes = Vec::new();
    for path in paths {
        let reader =
            TapeReader::open(&path).map_err(|error| Failure::broken(format!("`{}`: {error}", path.display())))?;
        tapes.push((path, reader));
    }
    tapes.sort_by(|(path, tape), (other_path, other)| {
        (tape.head().started_unix_ms, path).cmp(&(other.head().started_unix_ms, other_path))
    });
    Ok(tapes)
}

/// Reports lines of a tape that cannot be read, and calls that are not on it.
fn report_condition(path: &Path, condition: &TapeCondition) {
    let path = path.display();
    if let Some(first) = condition.examples.first() {
        let TapeCondition { broken, .. } = condition;
        print_note(&format!(
            "`{path}`: {} cannot be read; the first is line {}: {}",
            counted(*broken, "line"),
            first.line,
            first.why
        ));
    }
    if condition.foot.is_none() {
        print_note(&format!("`{path}`: the recording was cut off; all that is whole was used"));
    }
    if let Some(foot) = condition.foot.filter(|foot| foot.dropped > 0) {
        print_note(&format!(
            "`{path}`: the recorder dropped {}: the disk was full or could not keep up",
            counted(foot.dropped, "call")
        ));
    } else if condition.gaps > 0 {
        print_note(&format!(
            "`{path}`: {} are missing, as the disk took nothing for a while",
            counted(condition.lost_in_gaps, "call")
        ));
    }
}

/// Prints what became of the files of a draft.
pub(super) fn list_files(written: &WriteSummary) {
    print_line(&format!("  files: {} written, {} unchanged", written.changed, written.unchanged));
    list("edited by hand and left alone; move away what is to be drafted again", &written.edited);
    list("not drafted any more; `--prune` removes what was not edited", &written.stale);
    list("removed, as it is not drafted any more", &written.removed);
}

/// Prints the first paths under a heading, or nothing where there are none.
fn list(heading: &str, paths: &[PathBuf]) {
    if paths.is_empty() {
        return;
    }
    print_line(&format!("  {heading}:"));
    for path in paths.iter().take(MAX_LISTED) {
        print_line(&format!("    {}", path.display()));
    }
    if paths.len() > MAX_LISTED {
        print_line(&format!("    and {} more", paths.len() - MAX_LISTED));
    }
}

/// Loads the stubs as a server would, and reports the recorded calls that other stubs answer.
fn verify(draft: &StubDraft, folder: &Path, bodies: impl Fn(&str) -> Option<Bytes>) -> Result<Exit, Failure> {
    let service = StubFolder::new("", "", folder);
    let loaded = load::load(&[service]);
    if loaded.defects.iter().any(standin_stub::defect::Defect::is_error) {
        print_diagnostics(&loaded.defects);
        let message = "the stubs have defects, so that it was not tried whether they answer the recorded calls";
        return Err(Failure::check_failed(message).help("fix them and draft again"));
    }
    let mismatches = verify::mismatches(draft, loaded.stubs, bodies);
    let tried = draft.calls.len();
    print_line(&format!("  tried: {} of {tried} distinct calls are answered as drafted", tried - mismatches.len()));
    for mismatch in mismatches.iter().take(MAX_LISTED) {
        let by: &dyn Display = match &mismatch.answered_by {
            Some(stub) => stub,
            None => &"no stub",
        };
        print_line(&format!("  `{}` is answered by {by}", mismatch.call));
    }
    if mismatches.len() > MAX_LISTED {
        print_line(&format!("  and {} more", mismatches.len() - MAX_LISTED));
    }
    Ok(Exit::Success)
}

/// Sends all calls of the tapes to the stubs, and prints how many get the recorded answer.
fn replay(folder: &Path, bodies: impl Fn(&str) -> Option<Bytes>) -> Result<(), Failure> {
    let stubs = load::load(&[StubFolder::new("", "", folder)]).stubs;
    let mut check = ReplayCheck::new(stubs, bodies);
    for (path, reader) in open_tapes(folder)? {
        if !reader.head().bodies {
            continue;
        }
        check.begin();
        for exchange in reader {
            let unreadable = |error| Failure::broken(format!("cannot read `{}`: {error}", path.display()));
            check.add(&exchange.map_err(unreadable)?);
        }
    }
    print_line(&format!("  {}", check.finish().to_string().replace('\n', "\n  ")));
    Ok(())
}

/// Maximum number of calls, or of files of one kind, that are listed.
const MAX_LISTED: usize = 10;
