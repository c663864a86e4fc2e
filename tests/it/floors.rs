//! Imports go down: the floors of docs/ARCHITECTURE.md, kept true by reading the `use crate::` lines.

use std::fs;
use std::path::Path;

const FLOORS: &[(u8, &[&str])] = &[
    (0, &["offload", "panics", "shutdown", "stdio", "tasks", "timer", "wire"]),
    (1, &["audit", "listen", "pacing", "send"]),
    (2, &["live", "upstream"]),
    (3, &["reload", "replay"]),
    (4, &["record"]),
    (5, &["admin", "answer", "config", "ramp"]),
    (6, &["server"]),
    (7, &["cli", "mock"]),
];

fn floor(module: &str) -> u8 {
    let found = FLOORS.iter().find(|(_, modules)| modules.contains(&module));
    found.unwrap_or_else(|| panic!("module `{module}` has no floor: add it to the table here and in ARCHITECTURE.md")).0
}

fn sources(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is there") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn imports_go_down() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut seen = 0;
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&src).expect("below src");
        let module = relative.components().next().expect("a file").as_os_str().to_string_lossy().replace(".rs", "");
        if module == "lib" || module == "main" {
            continue;
        }
        let text = fs::read_to_string(&file).expect("readable");
        // everything after `crate::` counts, whether it stands in a `use` or in the middle of code
        for (number, line) in text.lines().enumerate() {
            for after in line.split("crate::").skip(1).filter(|_| !line.trim_start().starts_with("//")) {
                let imported: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                // names that lib.rs exports are not modules
                if imported.is_empty() || imported.starts_with(char::is_uppercase) || imported == module {
                    continue;
                }
                seen += 1;
                if floor(&imported) >= floor(&module) {
                    wrong.push(format!("{}:{}: {module} imports {imported}", relative.display(), number + 1));
                }
            }
        }
    }
    assert!(seen > 50, "the reading of imports is broken: only {seen} seen");
    assert!(wrong.is_empty(), "imports must go down:\n{}", wrong.join("\n"));
}
