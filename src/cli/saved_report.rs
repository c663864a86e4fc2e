//! Reports of `fit` and `gap` that are kept in the stub folder, for the dashboard.

use std::fs;
use std::path::Path;

use super::print_note;
use standin_files::regular_file;

/// Keeps a report in `reports/` of a stub folder, as a text and as a page. An earlier report of the
/// same name is replaced. Failures are noted: the report itself has been printed.
pub(super) fn save(dir: &Path, name: &str, text: &str, page: &str) {
    let folder = dir.join("reports");
    let written = fs::create_dir_all(&folder)
        .and_then(|()| regular_file::replace(&folder.join(format!("{name}.txt")), text.as_bytes()))
        .and_then(|()| regular_file::replace(&folder.join(format!("{name}.html")), page.as_bytes()));
    match written {
        Ok(()) => print_note(&format!("report kept as {}", folder.join(format!("{name}.html")).display())),
        Err(error) => print_note(&format!("the report is not kept in {}: {error}", folder.display())),
    }
}
