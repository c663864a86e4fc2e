//! The profile format: each object has one table of its keys, which serves reading, inheritance and
//! writing.
//!
//! To add a key, add a member to the data types of [`model`](super::model) and a line to the table
//! of its object.

mod distribution;
mod json_schema;
mod keys;
mod merge;
mod operation;
mod overflow;
mod profile;
mod service;
mod station;
mod values;
mod yaml;

pub use self::json_schema::PROFILE_JSON_SCHEMA;
use self::merge::name_of;
pub(super) use self::profile::check_step_profiles;
use self::profile::{PROFILE_KEYS, ProfileKeys};
use super::model::Profile;
use standin_stub::source::{Node, Reader};

/// Reads a profile. It may only be used if the reader has found no error.
pub(super) fn read_profile(node: &Node, reader: &mut Reader) -> Option<Profile> {
    PROFILE_KEYS.read(node, reader).map(Profile::from)
}

/// Returns the tree of a profile laid over the tree of the one that it extends.
///
/// Maps merge by key, services and operations by name. Values that only make sense as a whole
/// replace the inherited one: patterns, distributions, overflows, classes, and a capacity that
/// names its discipline.
pub(super) fn merge_profiles(own: &Node, base: &Node) -> Node {
    PROFILE_KEYS.merge(own, base)
}

/// Returns the names of the services of a profile.
pub(super) fn service_names(profile: &Node) -> Vec<&str> {
    profile.get("services").map_or(&[][..], Node::items).iter().filter_map(name_of).collect()
}

/// Returns the names of services that change a service that `base` does not have: they have no
/// capacity, which a new one needs.
pub(super) fn unknown_services<'n>(own: &'n Node, base: &Node) -> Vec<&'n Node> {
    let (items, known) = (own.get("services").map_or(&[][..], Node::items), service_names(base));
    let is_unknown = |service: &&Node| {
        service.get("capacity").is_none() && name_of(service).is_some_and(|name| !known.contains(&name))
    };
    items.iter().filter(is_unknown).filter_map(|service| service.get("name")).collect()
}

impl Profile {
    /// Returns the profile as YAML, below `notes` as comment lines. Reading it back gives the same
    /// profile.
    pub fn to_yaml(&self, notes: &str) -> String {
        let mut text = String::new();
        for note in notes.lines() {
            // a control character or a Unicode line break would end the comment
            let note = note.replace(|c: char| c.is_control() || "\u{2028}\u{2029}".contains(c), " ");
            push_line(&mut text, &format!("# {note}"));
        }
        for line in PROFILE_KEYS.write(&ProfileKeys::from(self)).to_lines() {
            push_line(&mut text, &line);
        }
        text
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}
