//! Puts drafted files into a stub folder, and leaves alone what a person has changed.
//!
//! Each drafted mapping carries a hash over its file's mappings. A file whose hash does not hold
//! any more was edited; so was one without hashes. A file appears whole or not at all, and one that
//! would stay the same is not written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{DraftMappingFile, StubDraft, digest8, sha256};
use standin_files::regular_file;
use standin_stub::file_listing::FileListing;
use standin_stub::stub_folder::StubFolder;

/// The files that were written, kept and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteSummary {
    /// Files that are new or differ from before.
    pub changed: usize,
    /// Files that were as they should be.
    pub unchanged: usize,
    /// Files that were edited by hand, and left alone.
    pub edited: Vec<PathBuf>,
    /// Drafts that the tapes do not give any more, and that are there still.
    pub stale: Vec<PathBuf>,
    /// Files that were removed.
    pub removed: Vec<PathBuf>,
}

/// Writes a draft from tapes into the stub folder `root`. With `prune`, drafts that the tapes do
/// not give any more and that nobody edited are removed.
pub fn write(draft: &StubDraft, root: &Path, prune: bool) -> io::Result<WriteSummary> {
    write_files(&draft.mappings, root, RECORDED_FOLDER, prune)
}

/// Writes drafted mapping files into `mappings/FOLDER` of the stub folder `root`. With `prune`,
/// drafts in it that are not among them and that nobody edited are removed.
pub fn write_files(drafted: &[DraftMappingFile], root: &Path, folder: &str, prune: bool) -> io::Result<WriteSummary> {
    let mut written = WriteSummary::default();
    let (mappings, files) = (root.join("mappings").join(folder), root.join("__files"));
    fs::create_dir_all(&mappings)?;
    for file in drafted {
        let path = mappings.join(&file.name);
        let before = existing(&path)?;
        if before.as_deref().is_some_and(|text| !is_untouched(text)) {
            written.edited.push(path);
            continue;
        }
        for body in &file.bodies {
            let path = files.join(&body.name);
            match existing(&path)? {
                Some(bytes) if bytes == body.bytes => written.unchanged += 1,
                // the name tells the content: what differs was changed by hand
                Some(_) => written.edited.push(path),
                None => {
                    fs::create_dir_all(&files)?;
                    regular_file::replace(&path, &body.bytes)?;
                    written.changed += 1;
                }
            }
        }
        let text = text(&file.content);
        if before.as_deref() == Some(text.as_bytes()) {
            written.unchanged += 1;
        } else {
            regular_file::replace(&path, text.as_bytes())?;
            written.changed += 1;
        }
    }
    forget_mappings(drafted, &mappings, prune, &mut written)?;
    forget_bodies(root, prune, &mut written)?;
    Ok(written)
}

/// Finds drafted mappings that this draft does not have.
fn forget_mappings(
    drafted: &[DraftMappingFile],
    mappings: &Path,
    prune: bool,
    written: &mut WriteSummary,
) -> io::Result<()> {
    let wanted: BTreeSet<&str> = drafted.iter().map(|file| file.name.as_str()).collect();
    let mut paths: Vec<PathBuf> = fs::read_dir(mappings)?.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if wanted.contains(name.as_str()) || name.starts_with('.') {
            continue;
        }
        let text = regular_file::read(&path, u64::MAX)?;
        if prune && is_untouched(&text) {
            fs::remove_file(&path)?;
            written.removed.push(path);
        } else if is_draft(&text) {
            written.stale.push(path);
        }
    }
    Ok(())
}

/// Finds drafted bodies that no mapping names any more, whoever wrote it.
fn forget_bodies(root: &Path, prune: bool, written: &mut WriteSummary) -> io::Result<()> {
    let service = StubFolder::new("", "", root);
    let tree = FileListing::of(&service);
    let mut unnamed: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in tree.bodies.into_keys().filter(|path| path.parent() == Some(&service.files().root)) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if is_body_name(&name) {
            unnamed.insert(name, path);
        }
    }
    for path in tree.mappings.keys() {
        // what cannot be read may name any of them
        let Ok(text) = regular_file::read(path, u64::MAX) else { return Ok(()) };
        for word in String::from_utf8_lossy(&text).split(|c| !is_of_a_name(c)) {
            unnamed.remove(word);
        }
    }
    for (name, path) in unnamed {
        // one whose content is not what its name tells was changed by hand
        if !name.contains(&format!("-{}.", digest8(&regular_file::read(&path, u64::MAX)?))) {
            continue;
        }
        if prune {
            fs::remove_file(&path)?;
            written.removed.push(path);
        } else {
            written.stale.push(path);
        }
    }
    Ok(())
}

/// Returns true if a drafted body file may have this name, such as `get-logo-1f0c3a5e.png`.
fn is_body_name(name: &str) -> bool {
    let hash = name.rsplit_once('.').and_then(|(stem, _)| stem.rsplit_once('-')).map(|(_, hash)| hash);
    name.chars().all(is_of_a_name) && hash.is_some_and(|hash| hash.len() == 8 && u32::from_str_radix(hash, 16).is_ok())
}

/// Returns true if the name of a body file may have this character.
fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn existing(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match regular_file::read(path, u64::MAX) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns a mapping file as text.
fn text(content: &Value) -> String {
    format!("{content:#}\n")
}

/// Returns the content of a mapping file, with the hash of all mappings in each.
pub(super) fn with_hashes(mut mappings: Vec<Map<String, Value>>) -> Value {
    let hash = hash(&mappings);
    for mapping in &mut mappings {
        if let Some(draft) = mapping.get_mut("metadata").and_then(|node| node.pointer_mut("/standin/draft")) {
            draft["hash"] = hash.clone().into();
        }
    }
    json!({ "mappings": mappings })
}

fn hash(mappings: &[Map<String, Value>]) -> String {
    let text = serde_json::to_string(mappings).expect("JSON can be written");
    sha256(text.as_bytes())[..16].to_owned()
}

/// Returns true if a file is unchanged since it was drafted.
fn is_untouched(text: &[u8]) -> bool {
    let Some(mut mappings) = mappings(text) else { return false };
    let hashes: Vec<_> = mappings.iter_mut().map(take_hash).collect();
    let expected = hash(&mappings);
    !hashes.is_empty() && hashes.iter().all(|hash| hash.as_deref() == Some(&expected))
}

/// Returns true if a mapping in the file was drafted.
fn is_draft(text: &[u8]) -> bool {
    mappings(text).is_some_and(|mut mappings| mappings.iter_mut().any(|mapping| take_hash(mapping).is_some()))
}

fn mappings(text: &[u8]) -> Option<Vec<Map<String, Value>>> {
    let content: Map<String, Value> = serde_json::from_slice(text).ok()?;
    let mappings = content.get("mappings").filter(|_| content.len() == 1)?;
    serde_json::from_value(mappings.clone()).ok()
}

fn take_hash(mapping: &mut Map<String, Value>) -> Option<String> {
    let draft = mapping.get_mut("metadata")?.pointer_mut("/standin/draft")?.as_object_mut()?;
    draft.shift_remove("hash")?.as_str().map(str::to_owned)
}

/// Folder of drafts from tapes, below `mappings/`.
pub const RECORDED_FOLDER: &str = "recorded";
