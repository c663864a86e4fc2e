//! Reports in SARIF 2.1.0 (OASIS Standard, 2020), which code review tools show beside the lines.

use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::level;
use standin_stub::defect::{Defect, SourcePlace};
use standin_stub::source::rule::Rule;

/// Characters of a path that stay in a URI.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Returns the log of one run. `dir` is the folder that was checked, for defects without a place.
pub(super) fn log(defects: &[Defect], dir: &Path) -> Value {
    let rules: Vec<Value> = Rule::ALL
        .iter()
        .map(|rule| {
            let help = format!("{}; see docs/STUBS.md", rule.summary);
            json!({
                "id": rule.id,
                "name": rule.id,
                "shortDescription": {"text": rule.summary},
                "help": {"text": help},
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "standin", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": defects.iter().map(|defect| result(defect, dir)).collect::<Vec<_>>(),
        }],
    })
}

fn result(defect: &Defect, dir: &Path) -> Value {
    let text = defect.summary();
    let location = match &defect.place {
        Some(place) => {
            json!({"artifactLocation": {"uri": relative_uri(Path::new(&*place.file))}, "region": region(place)})
        }
        None => json!({"artifactLocation": {"uri": relative_uri(dir)}}),
    };
    let index = Rule::ALL.iter().position(|rule| rule.id == defect.rule.id);
    json!({
        "ruleId": defect.rule.id,
        "ruleIndex": index,
        "level": level(defect),
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
    })
}

fn region(place: &SourcePlace) -> Value {
    let (end_line, end_column) = place.end();
    json!({
        "startLine": place.line(),
        "startColumn": place.column(),
        "endLine": end_line,
        "endColumn": end_column,
    })
}

/// Returns the URI of a file, relative to the working folder where it lies below that: review tools
/// look for it in their checkout.
fn relative_uri(file: &Path) -> String {
    let here = std::env::current_dir().and_then(|folder| folder.canonicalize()).ok();
    let absolute = file.canonicalize().ok();
    let relative = here.as_ref().zip(absolute.as_ref()).and_then(|(here, file)| file.strip_prefix(here).ok());
    let path = relative.unwrap_or(file).to_string_lossy().replace('\\', "/");
    let path = path.trim_start_matches("./");
    let encoded = utf8_percent_encode(path, PATH).to_string();
    if path.starts_with('/') { format!("file://{encoded}") } else { encoded }
}
