//! History of the comparisons of a stub folder, a line of JSON each, in a file of the folder.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::print_note;
use standin_files::regular_file;
use standin_learn::gap::HistoryEntry;

/// Reads the comparisons of a folder, the oldest first. Lines that cannot be read are left out; a
/// note says so.
pub(super) fn read(dir: &Path) -> Vec<HistoryEntry> {
    let path = path(dir);
    let text = match regular_file::read(&path, MAX_BYTES) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                print_note(&format!("cannot read `{}`: {error}; the trend is not shown", path.display()));
            }
            return Vec::new();
        }
    };
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let entries: Vec<HistoryEntry> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if entries.len() < lines.len() {
        let broken = lines.len() - entries.len();
        print_note(&format!("{broken} lines of `{}` cannot be read and are left out", path.display()));
    }
    entries
}

/// Adds a comparison to those of a folder, of which the last [`MAX_ENTRIES`] are kept. A note says
/// if the file cannot be written: the comparison itself is whole.
pub(super) fn append(dir: &Path, mut entries: Vec<HistoryEntry>, entry: HistoryEntry) {
    entries.push(entry);
    let kept = &entries[entries.len().saturating_sub(MAX_ENTRIES)..];
    let lines = kept.iter().map(|entry| serde_json::to_string(entry).expect("an entry is plain data") + "\n");
    let path = path(dir);
    if let Err(error) = regular_file::replace(&path, lines.collect::<String>().as_bytes()) {
        let path = path.display();
        print_note(&format!("cannot write `{path}`: {error}; give --no-history, or make it writable"));
    }
}

/// Returns the path of the history of a folder.
fn path(dir: &Path) -> PathBuf {
    dir.join("gap-history.jsonl")
}

/// Maximum number of comparisons that are kept.
const MAX_ENTRIES: usize = 100;
/// Maximum length of the file that is read.
const MAX_BYTES: u64 = 1 << 20;
