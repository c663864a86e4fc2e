//! The profiles of a folder, all defects of all files at once.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Loaded, Profile, compile, extends, read, timeline};
use standin_files::regular_file::{self, MAX_BYTES};
use standin_stub::source::defect::{Defect, Place, nearest};
use standin_stub::source::{Node, Reader, Value};

/// A profile file.
#[derive(Clone, Debug)]
pub struct File {
    /// The profile's name: the file's, without its ending.
    pub name: String,
    /// The file, as it should stand in messages.
    pub file: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
}

/// Reads the profiles in `profiles/` of a stub folder, each of at most 64 MiB. The folder need not be there.
pub fn load(folder: &Path) -> Loaded {
    load_up_to(folder, MAX_BYTES)
}

/// Reads the profiles in `profiles/` of a stub folder, each of at most `max_bytes`. The folder need not be there.
pub fn load_up_to(folder: &Path, max_bytes: u64) -> Loaded {
    let (mut files, mut defects) = (Vec::new(), Vec::new());
    for path in paths(&folder.join("profiles"), &mut defects) {
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
        files.push(File { name, file: file.into(), text: text.into() });
    }
    let mut loaded = read_all(&files);
    defects.append(&mut loaded.defects);
    let texts = files.into_iter().map(|file| (file.name, file.text)).collect();
    Loaded { defects, texts, ..loaded }
}

/// Reads profiles that may extend each other. Only those are returned that are right.
pub fn read_all(files: &[File]) -> Loaded {
    let mut loaded = Loaded::default();
    let all = All::parse(files, &mut loaded.defects);
    for (place, file) in files.iter().enumerate() {
        if let Some(same) = files[..place].iter().find(|other| other.name == file.name) {
            let message = format!("`{}` and `{}` are profiles of one name", same.file, file.file);
            loaded.defects.push(Defect::error(message).help("rename one of them"));
            continue;
        }
        let Some(tree) = all.whole(place, &mut Vec::new(), &mut loaded.defects) else { continue };
        let mut reader = Reader::of_file(&file.file, Arc::clone(&all.text));
        let spec = read::profile(&tree, &mut reader);
        timeline::names(&tree, &all.names(), &mut reader);
        let failed = reader.failed();
        for defect in reader.into_defects() {
            all.report(defect, &mut loaded.defects);
        }
        let Some(spec) = spec.filter(|_| !failed) else { continue };
        match compile::profile(&file.name, spec) {
            Ok(profile) => loaded.profiles.push(profile),
            Err(defects) => loaded.defects.extend(defects),
        }
    }
    loaded.profiles.sort_by(|one: &Profile, other| one.name.cmp(&other.name));
    loaded
}

/// Files as if they were one text, so that every part of a tree that was put together from several knows its place.
struct All<'f> {
    files: &'f [File],
    text: Arc<str>,
    /// Where each file begins.
    starts: Vec<usize>,
    trees: Vec<Option<Node>>,
}

impl<'f> All<'f> {
    fn parse(files: &'f [File], defects: &mut Vec<Defect>) -> Self {
        let (mut text, mut starts, mut trees) = (String::new(), Vec::new(), Vec::new());
        for file in files {
            let mut reader = Reader::of_file(&file.file, Arc::clone(&file.text));
            let tree = reader.parse_yaml(&file.text);
            defects.extend(reader.into_defects());
            trees.push(tree.map(|tree| shifted(tree, text.len())));
            starts.push(text.len());
            text.push_str(&file.text);
            text.push('\n');
        }
        Self { files, text: text.into(), starts, trees }
    }

    /// The names of the profiles, each with whether it is a timeline.
    fn names(&self) -> Vec<(&str, bool)> {
        let is_timeline = |tree: &Option<Node>| {
            tree.as_ref().and_then(|tree| tree.get("timeline")).is_some_and(|line| line.value != Value::Null)
        };
        self.files.iter().zip(&self.trees).map(|(file, tree)| (file.name.as_str(), is_timeline(tree))).collect()
    }

    /// A profile's tree over those that it extends; `above` are the profiles that led to it.
    fn whole(&self, place: usize, above: &mut Vec<usize>, defects: &mut Vec<Defect>) -> Option<Node> {
        let own = self.trees[place].as_ref()?;
        let Some(base) = own.get("extends").filter(|base| base.value != Value::Null) else { return Some(own.clone()) };
        above.push(place);
        // the reader says what is wrong with it if it is no text
        let Some(name) = base.as_str() else { return Some(own.clone()) };
        let Some(found) = self.files.iter().position(|file| file.name == name) else {
            let others = self.files.iter().map(|file| file.name.as_str());
            let names: Vec<_> = others.filter(|name| *name != self.files[place].name).collect();
            let help = match nearest(name, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "remove it: there is no other profile here".to_owned(),
                None => format!("the other profiles here are {}", names.join(", ")),
            };
            self.report_at(
                base.span.clone(),
                "/extends",
                format!("there is no profile `{name}` to extend"),
                &help,
                defects,
            );
            return None;
        };
        if above.contains(&found) {
            let way: Vec<_> = above.iter().map(|place| format!("`{}`", self.files[*place].name)).collect();
            let message = format!("the profiles extend each other in a circle: {}, `{name}`", way.join(", "));
            // each profile of the circle comes by here once; one of them says it
            if above.first() == above.iter().min() && above[0] == found {
                self.report_at(base.span.clone(), "/extends", message, "remove one `extends`", defects);
            }
            return None;
        }
        let base = self.whole(found, above, defects)?;
        let unknown = extends::unknown_services(own, &base);
        for service in &unknown {
            let known = extends::services(&base);
            let own = service.as_str().unwrap_or_default();
            let help = match nearest(own, &known) {
                Some(near) => format!("did you mean `{near}`? A service of its own needs a `capacity`"),
                None if known.is_empty() => "give it a `capacity`".to_owned(),
                None => format!("it has `{}`; a service of its own needs a `capacity`", known.join("`, `")),
            };
            let message = format!("`{name}` has no service `{own}` to extend");
            self.report_at(service.span.clone(), "/services", message, &help, defects);
        }
        unknown.is_empty().then(|| extends::over(own, &base))
    }

    fn report_at(&self, span: Range<usize>, pointer: &str, message: String, help: &str, defects: &mut Vec<Defect>) {
        let place = Place { file: "".into(), text: Arc::clone(&self.text), span };
        self.report(Defect::error(message).help(help).pointer(pointer).at(place), defects);
    }

    /// Reports a defect at its place in its own file; only once, though every profile that extends it meets it again.
    fn report(&self, mut defect: Defect, defects: &mut Vec<Defect>) {
        if let Some(place) = &mut defect.place {
            let index = self.starts.partition_point(|start| *start <= place.span.start).saturating_sub(1);
            let (file, start) = (&self.files[index], self.starts[index]);
            let within = |at: usize| at.saturating_sub(start).min(file.text.len());
            *place = Place {
                file: Arc::clone(&file.file),
                text: Arc::clone(&file.text),
                span: within(place.span.start)..within(place.span.end),
            };
        }
        let is_known = |other: &Defect| {
            other.place == defect.place && other.message == defect.message && other.help == defect.help
        };
        if !defects.iter().any(is_known) {
            defects.push(defect);
        }
    }
}

fn paths(folder: &Path, defects: &mut Vec<Defect>) -> Vec<PathBuf> {
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

fn shifted(node: Node, by: usize) -> Node {
    let shift = |span: Range<usize>| span.start + by..span.end + by;
    let value = match node.value {
        Value::Array(items) => Value::Array(items.into_iter().map(|item| shifted(item, by)).collect()),
        Value::Object(members) => {
            let members = members.into_iter().map(|mut member| {
                member.key_span = shift(member.key_span);
                member.value = shifted(member.value, by);
                member
            });
            Value::Object(members.collect())
        }
        other => other,
    };
    Node { span: shift(node.span), value }
}
