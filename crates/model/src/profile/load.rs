//! Loading the profiles of a stub folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::sources::{LoadedProfiles, ProfileFile, read_all};
use standin_files::regular_file::{self, MAX_BYTES};
use standin_stub::source::defect::Defect;

/// Reads the profiles in `profiles/` of a stub folder, each of at most 64 MiB. A missing folder has
/// no profiles.
pub fn load(folder: &Path) -> LoadedProfiles {
    load_up_to(folder, MAX_BYTES)
}

/// Reads the profiles in `profiles/` of a stub folder, each of at most `max_bytes`. A missing
/// folder has no profiles.
pub fn load_up_to(folder: &Path, max_bytes: u64) -> LoadedProfiles {
    let (mut files, mut defects) = (Vec::new(), Vec::new());
    for path in profile_paths(&folder.join("profiles"), &mut defects) {
        let file = path.display().to_string();
        let text = match regular_file::read(&path, max_bytes).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => {
                defects.push(Defect::error(format!("`{file}` is not UTF-8")).help("save it as UTF-8"));
                continue;
            }
            Err(error) => {
                let message = format!("cannot read `{file}`: {error}");
                defects.push(Defect::error(message).help("check that it exists and may be read"));
                continue;
            }
        };
        let name = path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        files.push(ProfileFile { name, file: file.into(), text: text.into() });
    }
    let mut loaded = read_all(&files);
    defects.append(&mut loaded.defects);
    let texts = files.into_iter().map(|file| (file.name, file.text)).collect();
    LoadedProfiles { defects, texts, ..loaded }
}

fn profile_paths(folder: &Path, defects: &mut Vec<Defect>) -> Vec<PathBuf> {
    if !folder.exists() {
        return Vec::new();
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("cannot read the folder `{}`: {error}", folder.display());
            defects.push(Defect::error(message).help("check that it may be read"));
            return Vec::new();
        }
    };
    let mut paths: Vec<_> = entries
        .filter_map(Result::ok)
        // editors and operating systems leave hidden files behind
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml"))
        .collect();
    paths.sort();
    paths
}
