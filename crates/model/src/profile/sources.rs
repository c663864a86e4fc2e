//! Reading profile files that may extend each other, with all errors of all files at once.

use std::ops::Range;
use std::sync::Arc;

use super::compiled::CompiledProfile;
use super::schema;
use standin_stub::source::defect::{Defect, SourcePlace, nearest};
use standin_stub::source::{Node, Reader, Value};

/// A profile file of a folder.
#[derive(Clone, Debug)]
pub struct ProfileFile {
    /// Name of the profile: that of the file, without its extension.
    pub name: String,
    /// Path of the file, as messages show it.
    pub file: Arc<str>,
    /// Text of the file.
    pub text: Arc<str>,
}

/// The profiles of a folder.
#[derive(Debug, Default)]
pub struct LoadedProfiles {
    /// Profiles without errors, by name.
    pub profiles: Vec<CompiledProfile>,
    /// Errors and warnings, in the order of the files.
    pub defects: Vec<Defect>,
    /// Text of each file, with the name of its profile.
    pub texts: Vec<(String, Arc<str>)>,
}

impl LoadedProfiles {
    /// Returns whether there is an error, so that no profile may be served.
    pub fn has_errors(&self) -> bool {
        self.defects.iter().any(Defect::is_error)
    }
}

/// Reads profiles that may extend each other. Returns those without errors.
pub fn read_all(files: &[ProfileFile]) -> LoadedProfiles {
    let mut loaded = LoadedProfiles::default();
    let sources = ProfileSources::parse(files, &mut loaded.defects);
    for (index, file) in files.iter().enumerate() {
        if let Some(same) = files[..index].iter().find(|other| other.name == file.name) {
            let message = format!("`{}` and `{}` are profiles of one name", same.file, file.file);
            loaded.defects.push(Defect::error(message).help("rename one of them"));
            continue;
        }
        let Some(tree) = sources.merged_tree(index, &mut Vec::new(), &mut loaded.defects) else { continue };
        let mut reader = Reader::of_file(&file.file, Arc::clone(&sources.text));
        let spec = schema::read_profile(&tree, &mut reader);
        schema::check_step_profiles(&tree, &sources.names(), &mut reader);
        let failed = reader.has_errors();
        for defect in reader.into_defects() {
            sources.report(defect, &mut loaded.defects);
        }
        let Some(spec) = spec.filter(|_| !failed) else { continue };
        match CompiledProfile::new(&file.name, spec) {
            Ok(profile) => loaded.profiles.push(profile),
            Err(defects) => loaded.defects.extend(defects),
        }
    }
    loaded.profiles.sort_by(|one: &CompiledProfile, other| one.name.cmp(&other.name));
    loaded
}

/// Profile files with their trees. Spans count through all files as one text, so that a merged tree
/// keeps the place of each part.
struct ProfileSources<'f> {
    files: &'f [ProfileFile],
    text: Arc<str>,
    /// Byte offset of each file in `text`.
    starts: Vec<usize>,
    trees: Vec<Option<Node>>,
}

impl<'f> ProfileSources<'f> {
    fn parse(files: &'f [ProfileFile], defects: &mut Vec<Defect>) -> Self {
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

    /// Returns the names of the profiles, each with whether it is a timeline.
    fn names(&self) -> Vec<(&str, bool)> {
        let is_timeline = |tree: &Option<Node>| {
            tree.as_ref().and_then(|tree| tree.get("timeline")).is_some_and(|line| line.value != Value::Null)
        };
        self.files.iter().zip(&self.trees).map(|(file, tree)| (file.name.as_str(), is_timeline(tree))).collect()
    }

    /// Returns the tree of a profile, laid over the trees that it extends. `above` are the profiles
    /// that lead to it.
    fn merged_tree(&self, place: usize, above: &mut Vec<usize>, defects: &mut Vec<Defect>) -> Option<Node> {
        let own = self.trees[place].as_ref()?;
        let Some(base) = own.get("extends").filter(|base| base.value != Value::Null) else { return Some(own.clone()) };
        above.push(place);
        // a name that is no text is reported when the profile is read
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
            // each profile of the circle gets here once; the first of them reports it
            if above.first() == above.iter().min() && above[0] == found {
                self.report_at(base.span.clone(), "/extends", message, "remove one `extends`", defects);
            }
            return None;
        }
        let base = self.merged_tree(found, above, defects)?;
        let unknown = schema::unknown_services(own, &base);
        for service in &unknown {
            let known = schema::service_names(&base);
            let own = service.as_str().unwrap_or_default();
            let help = match nearest(own, &known) {
                Some(near) => format!("did you mean `{near}`? A service of its own needs a `capacity`"),
                None if known.is_empty() => "give it a `capacity`".to_owned(),
                None => format!("it has `{}`; a service of its own needs a `capacity`", known.join("`, `")),
            };
            let message = format!("`{name}` has no service `{own}` to extend");
            self.report_at(service.span.clone(), "/services", message, &help, defects);
        }
        unknown.is_empty().then(|| schema::merge_profiles(own, &base))
    }

    fn report_at(&self, span: Range<usize>, pointer: &str, message: String, help: &str, defects: &mut Vec<Defect>) {
        let place = SourcePlace { file: "".into(), text: Arc::clone(&self.text), span };
        self.report(Defect::error(message).help(help).pointer(pointer).at(place), defects);
    }

    /// Reports a defect at its place in its own file, and only once: every profile that extends
    /// that file finds it again.
    fn report(&self, mut defect: Defect, defects: &mut Vec<Defect>) {
        if let Some(place) = &mut defect.place {
            let index = self.starts.partition_point(|start| *start <= place.span.start).saturating_sub(1);
            let (file, start) = (&self.files[index], self.starts[index]);
            let within = |at: usize| at.saturating_sub(start).min(file.text.len());
            *place = SourcePlace {
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
