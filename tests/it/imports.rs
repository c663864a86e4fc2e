//! Imports: the modules of `src/` import downwards only, and no two files import each other, in any
//! crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of `src/` by layer, lowest first; see docs/ARCHITECTURE.md. Modules of one layer do
/// not import each other.
const LAYERS: &[&[&str]] = &[
    &["locks", "prometheus_text"],
    &["offload", "panics", "shutdown", "stdio", "tasks", "timer", "wire"],
    &["audit", "listen", "pacing", "request_log", "send", "worker_context"],
    &["live", "upstream"],
    &["channels", "proxy", "reload", "replay", "spans"],
    &["record", "webhooks"],
    &["admin"],
    &["answer", "config", "ramp"],
    &["server"],
    &["cli", "mock"],
];

/// Files that may import each other: grammars whose rules are recursive.
const RECURSIVE_GRAMMARS: &[&str] = &[
    "crates/dialect/src/java_regex/escape.rs",
    "crates/dialect/src/java_regex/parse.rs",
    "crates/dialect/src/json/pairing.rs",
    "crates/dialect/src/json/pattern.rs",
    "crates/dialect/src/json_path/",
    "crates/dialect/src/xml/xpath/",
    "crates/stub/src/matcher/format/value.rs",
    "crates/stub/src/matcher/format/xml.rs",
    "crates/stub/src/matcher/value_matcher.rs",
    "crates/stub/src/matcher/xpath.rs",
    "crates/stub/src/render/helpers/mod.rs",
    "crates/stub/src/render/template/",
];

/// A source file and the module that it holds.
struct Source {
    path: PathBuf,
    module: Vec<String>,
    text: String,
}

/// Returns the sources of a crate without its tests.
fn sources(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let is_source = path.extension().is_some_and(|ending| ending == "rs");
            let inside = path.strip_prefix(root).expect("below the root").with_extension("");
            let mut module: Vec<String> =
                inside.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            if !is_source || module.iter().any(|part| part == "tests" || part == "main") {
                continue;
            }
            if module.last().is_some_and(|name| name == "mod" || name == "lib") {
                module.pop();
            }
            let text = fs::read_to_string(&path).expect("UTF-8");
            let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
            found.push(Source { path, module, text: text[..end].to_owned() });
        }
    }
    found
}

/// Returns every path that begins with `crate`, `super` or `self`, with the braces of `use`
/// declarations expanded.
fn paths(text: &str) -> Vec<Vec<String>> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if !before.is_alphanumeric() && !matches!(before, '_' | ':' | '$') {
                expand(&code[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    found
}

/// Reads one path of `text`, or a list of paths in braces, after `prefix`; returns what follows it.
fn expand<'t>(text: &'t str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand(rest, &mut prefix.clone(), found).trim_start();
            match rest.strip_prefix(',') {
                Some(next) if !next.trim_start().starts_with('}') => rest = next,
                Some(next) => return next.trim_start().strip_prefix('}').unwrap_or(next),
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let length = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    prefix.push(text[..length].to_owned());
    match text[length..].strip_prefix("::") {
        Some(rest) => expand(rest, prefix, found),
        None => {
            found.push(prefix.clone());
            let rest = text[length..].trim_start();
            // `name as other`
            match rest.strip_prefix("as ") {
                Some(rest) => {
                    rest.trim_start().trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_')
                }
                None => rest,
            }
        }
    }
}

/// Returns the module path of `path`, seen from `module`, in its crate.
fn resolve(module: &[String], path: &[String]) -> Vec<String> {
    let mut whole = if path[0] == "crate" { Vec::new() } else { module.to_vec() };
    for part in path {
        match part.as_str() {
            "crate" | "self" => {}
            "super" => {
                whole.pop();
            }
            name => whole.push(name.to_owned()),
        }
    }
    whole
}

fn crates() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(root.join("crates")).expect("the crates");
    let crates = crates.map(|entry| entry.expect("readable").path()).filter(|path| path.join("Cargo.toml").exists());
    crates.chain([root.to_owned()]).map(|path| path.join("src")).collect()
}

#[test]
fn modules_import_downwards() {
    let layer = |module: &str| {
        let found = LAYERS.iter().position(|modules| modules.contains(&module));
        found.unwrap_or_else(|| panic!("module `{module}` has no layer: add it here and in docs/ARCHITECTURE.md"))
    };
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let modules: BTreeSet<&String> = sources.iter().filter_map(|source| source.module.first()).collect();
    let (mut seen, mut wrong) = (0, Vec::new());
    for source in &sources {
        let Some(module) = source.module.first() else { continue };
        for path in paths(&source.text) {
            let target = resolve(&source.module, &path);
            let Some(target) = target.first().filter(|target| *target != module && modules.contains(target)) else {
                continue;
            };
            seen += 1;
            if layer(target) >= layer(module) {
                wrong.push(format!("{}: {module} imports {target}", source.path.display()));
            }
        }
    }
    assert!(seen > 50, "only {seen} imports were found: the test reads them wrongly");
    assert!(wrong.is_empty(), "imports between modules must go down:\n{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for root in crates() {
        let sources = sources(&root);
        let modules: BTreeMap<&[String], usize> =
            sources.iter().enumerate().map(|(number, source)| (source.module.as_slice(), number)).collect();
        let imports: Vec<BTreeSet<usize>> = sources
            .iter()
            .map(|source| {
                let targets = paths(&source.text).into_iter().filter_map(|path| {
                    let target = resolve(&source.module, &path);
                    // the longest prefix that is a module; its own parents a file may always use
                    let found = (1..=target.len()).rev().find_map(|length| modules.get(&target[..length]))?;
                    (!source.module.starts_with(&sources[*found].module)).then_some(*found)
                });
                targets.collect()
            })
            .collect();
        seen += imports.iter().map(BTreeSet::len).sum::<usize>();
        for (from, source) in sources.iter().enumerate() {
            let mut reached = BTreeSet::new();
            let mut open: Vec<usize> = imports[from].iter().copied().collect();
            while let Some(next) = open.pop() {
                if reached.insert(next) {
                    open.extend(&imports[next]);
                }
            }
            let path = source.path.display().to_string();
            let is_allowed = RECURSIVE_GRAMMARS.iter().any(|allowed| path.contains(allowed));
            if reached.contains(&from) && !is_allowed {
                let back = reached.iter().filter(|file| imports[**file].contains(&from));
                let back: Vec<String> = back.map(|file| sources[*file].module.join("::")).collect();
                wrong.push(format!("{path}: imported again by {}", back.join(", ")));
            }
        }
    }
    assert!(seen > 300, "only {seen} imports were found: the test reads them wrongly");
    assert!(wrong.is_empty(), "files must not import each other in a circle:\n{}", wrong.join("\n"));
}
