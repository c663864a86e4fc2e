//! `standin draft`: tapes to stubs, also after the recorder was killed.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;

use super::{BROKE, CHECK_FAILED, FINE, USAGE, draw, note, say};
use standin_learn::draft::write::{self, Written};
use standin_learn::draft::{Draft as Drafted, Drafter, MOST, proof};
use standin_stub::load;
use standin_stub::stub_folder::StubFolder;
use standin_tape::{self, Bodies, Condition, Reader};
use standin_text::counted;

/// Draft stubs from tapes; files that you edited are left alone
#[derive(Args, Debug)]
pub(super) struct DraftArgs {
    /// The stub folder (it has `tapes/`), or a folder of such folders
    #[arg(default_value = "stubs")]
    dir: PathBuf,
    /// Stubs for recorded calls that an operation may have; the calls made most often stay
    #[arg(long, value_name = "N", default_value_t = MOST)]
    max_stubs: usize,
    /// Remove drafts that the tapes do not give any more, unless you edited them
    #[arg(long)]
    prune: bool,
}

impl DraftArgs {
    pub(super) fn run(&self) -> u8 {
        let dir = self.dir.display();
        let folders = match folders(&self.dir) {
            Ok(folders) => folders,
            Err(error) => {
                note(&format!("cannot read `{dir}`: {error}; give a folder that has `tapes/`"));
                return if error.kind() == std::io::ErrorKind::NotFound { USAGE } else { BROKE };
            }
        };
        if folders.is_empty() {
            note(&format!("`{dir}` has no tapes: neither it nor a folder in it has `tapes/`; record some first"));
            return USAGE;
        }
        folders.iter().map(|folder| draft(folder, self.max_stubs, self.prune)).max().unwrap_or(FINE)
    }
}

/// Drafts the stubs of one service from its tapes.
pub(super) fn draft(folder: &Path, most: usize, prune: bool) -> u8 {
    let tapes = match tapes(folder) {
        Ok(tapes) => tapes,
        Err(why) => {
            note(&why);
            return BROKE;
        }
    };
    let (kept, bare): (Vec<_>, Vec<_>) = tapes.into_iter().partition(|(_, reader)| reader.head().bodies);
    for (path, _) in &bare {
        let path = path.display();
        note(&format!(
            "`{path}` was recorded without bodies: it serves `fit` only; record again without `--no-bodies`"
        ));
    }
    if kept.is_empty() {
        if bare.is_empty() {
            note(&format!("`{}` has no tape; record one first", folder.join("tapes").display()));
        }
        return USAGE;
    }
    let found = match Bodies::of(kept.iter().map(|(path, _)| path.as_path())) {
        Ok(found) => found,
        Err(error) => {
            note(&format!("cannot read the bodies of the tapes of `{}`: {error}", folder.display()));
            return BROKE;
        }
    };
    let bodies = |hash: &str| found.get(hash).map(Bytes::from);
    let mut drafter = Drafter::new(bodies, most);
    for (path, mut reader) in kept {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        drafter.begin(&format!("tapes/{name}"), &reader.head().target.clone());
        for exchange in reader.by_ref() {
            match exchange {
                Ok(exchange) => drafter.add(&exchange),
                Err(error) => {
                    note(&format!("cannot read `{}`: {error}", path.display()));
                    return BROKE;
                }
            }
        }
        tell(&path, reader.condition());
    }
    let draft = drafter.finish();
    let written = match write::write(&draft, folder, prune) {
        Ok(written) => written,
        Err(error) => {
            note(&format!("cannot write below `{}`: {error}", folder.display()));
            return BROKE;
        }
    };
    say(&format!("standin: {}: {}", folder.display(), draft.report));
    say(&format!("  files: {} written, {} unchanged", written.changed, written.unchanged));
    tell_files(&written);
    prove(&draft, folder, bodies)
}

/// The folder itself if it has tapes, else each of its folders that has, by name.
fn folders(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    if dir.join("tapes").is_dir() {
        return Ok(vec![dir.to_owned()]);
    }
    let entries = fs::read_dir(dir)?.filter_map(Result::ok).map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("tapes").is_dir()).collect();
    folders.sort();
    Ok(folders)
}

type Tape = (PathBuf, Reader<std::io::BufReader<fs::File>>);

/// The tapes of a folder, the oldest first.
fn tapes(folder: &Path) -> Result<Vec<Tape>, String> {
    let paths = standin_tape::of_folder(folder)
        .map_err(|error| format!("cannot read the tapes of `{}`: {error}", folder.display()))?;
    let mut tapes = Vec::new();
    for path in paths {
        let reader = Reader::open(&path).map_err(|error| format!("`{}`: {error}", path.display()))?;
        tapes.push((path, reader));
    }
    tapes.sort_by(|(path, tape), (other_path, other)| {
        (tape.head().started_unix_ms, path).cmp(&(other.head().started_unix_ms, other_path))
    });
    Ok(tapes)
}

/// How whole a tape was.
fn tell(path: &Path, condition: &Condition) {
    let path = path.display();
    if let Some(first) = condition.examples.first() {
        let Condition { broken, .. } = condition;
        note(&format!(
            "`{path}`: {} cannot be read; the first is line {}: {}",
            counted(*broken, "line"),
            first.line,
            first.why
        ));
    }
    if condition.foot.is_none() {
        note(&format!("`{path}`: the recording was cut off; all that is whole was used"));
    }
    if let Some(foot) = condition.foot.filter(|foot| foot.dropped > 0) {
        note(&format!(
            "`{path}`: the recorder dropped {}: the disk was full or could not keep up",
            counted(foot.dropped, "call")
        ));
    } else if condition.gaps > 0 {
        note(&format!(
            "`{path}`: {} are missing, as the disk took nothing for a while",
            counted(condition.lost_in_gaps, "call")
        ));
    }
}

fn tell_files(written: &Written) {
    list("edited by hand and left alone; move away what is to be drafted again", &written.edited);
    list("not given by the tapes any more; `--prune` removes what was not edited", &written.stale);
    list("removed, as the tapes do not give it any more", &written.removed);
}

fn list(what: &str, paths: &[PathBuf]) {
    if paths.is_empty() {
        return;
    }
    say(&format!("  {what}:"));
    for path in paths.iter().take(SHOWN) {
        say(&format!("    {}", path.display()));
    }
    if paths.len() > SHOWN {
        say(&format!("    and {} more", paths.len() - SHOWN));
    }
}

/// Loads the stubs as they would be served, and tells which recorded calls others answer.
fn prove(draft: &Drafted, folder: &Path, bodies: impl Fn(&str) -> Option<Bytes>) -> u8 {
    let service = StubFolder::new("", "", folder);
    let loaded = load::load(&[service]);
    if loaded.defects.iter().any(standin_stub::defect::Defect::is_error) {
        draw(&loaded.defects);
        note(
            "the stubs have defects, so that it was not tried whether they answer the recorded calls; mend them and draft again",
        );
        return CHECK_FAILED;
    }
    let strays = proof::strays(draft, loaded.stubs, bodies);
    let tried = draft.calls.len();
    say(&format!("  tried: {} of {tried} distinct calls are answered as drafted", tried - strays.len()));
    for stray in strays.iter().take(SHOWN) {
        let by: &dyn Display = match &stray.answered_by {
            Some(stub) => stub,
            None => &"no stub",
        };
        say(&format!("  `{}` is answered by {by}", stray.call));
    }
    if strays.len() > SHOWN {
        say(&format!("  and {} more", strays.len() - SHOWN));
    }
    FINE
}

/// Strays, and files of a kind, that are named.
const SHOWN: usize = 10;
