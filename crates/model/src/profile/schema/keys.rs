//! Declarative schemas: a table of keys per object serves reading, the list of known keys,
//! inheritance and writing.

use super::merge::merge_members;
use super::yaml::{Yaml, YamlEntry};
use standin_stub::defect::nearest;
use standin_stub::source::{Node, Object, Reader, Strictness, Value};

/// An object of the profile format.
pub(super) struct Schema<T: 'static> {
    /// Name of the object with an article, for type errors: "a service".
    pub(super) name: &'static str,
    /// Subject of the message about a missing key: "the service".
    pub(super) subject: &'static str,
    pub(super) style: Style,
    /// Makes the value to fill, with the defaults of optional keys and placeholders for required
    /// ones.
    pub(super) blank: fn() -> T,
    /// The keys, in the order in which they are read and written.
    pub(super) keys: &'static [SchemaKey<T>],
    /// Checks what concerns more than one key. The flag tells whether no required key is missing or
    /// wrong.
    pub(super) check: fn(&T, &Object<'_>, bool, &mut Reader),
}

/// Layout of an object in a written profile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A line or more for each key.
    Block,
    /// One line between braces.
    Flow,
}

/// A key of an object.
pub(super) struct SchemaKey<T: 'static> {
    name: &'static str,
    /// Help text of the error about a missing key; `None` if the key is optional.
    required: Option<&'static str>,
    usage: fn(&Object<'_>) -> Usage,
    /// The keys behind this one depend on it: reading ends here if it is missing or wrong.
    is_selector: bool,
    comment: Option<&'static str>,
    inheritance: Inheritance,
    read: ReadKey<T>,
    write: fn(&T) -> Option<Yaml>,
}

/// Reads a key that is present into the object; returns false if its value is wrong.
type ReadKey<T> = fn(&mut T, &mut Object<'_>, &mut Reader) -> bool;

/// Role of a key beside the other keys of its object.
pub(super) enum Usage {
    /// The key is read.
    Read,
    /// The key is read, and may be missing even if others need it.
    Optional,
    /// The key does not exist here.
    Unknown,
    /// The key exists but another one takes its place, which is reported elsewhere.
    Ignored,
    /// The key may not stand here: the message, and the help text.
    Conflict(&'static str, &'static str),
}

/// Relation of a value to the one under the same key of the profile that is extended.
#[derive(Clone, Copy)]
pub(super) enum Inheritance {
    /// Takes the inherited value's place.
    Replace,
    /// Is not inherited: it describes one profile.
    Own,
    /// Is combined with the inherited value: the own node comes first.
    Merge(fn(&Node, &Node) -> Node),
}

/// Reading and writing of one type of values.
pub(super) struct Codec<V: 'static> {
    read: fn(&str, &mut Object<'_>, &mut Reader) -> Option<V>,
    write: fn(&V) -> Yaml,
    /// Reports a value out of range; the object cannot be used then, but reading goes on.
    check: Option<fn(&V, &Node, &mut Reader)>,
}

impl<T> Schema<T> {
    /// Reads an object. Everything wrong is reported to the reader; `None` if a required key is
    /// missing or wrong.
    pub(super) fn read(&self, node: &Node, reader: &mut Reader) -> Option<T> {
        let mut object = Object::open(node, self.name, reader)?;
        let mut value = (self.blank)();
        let mut is_complete = true;
        let mut known = Vec::with_capacity(self.keys.len());
        for key in self.keys {
            let usage = (key.usage)(&object);
            let is_known = match usage {
                Usage::Unknown => false,
                Usage::Conflict(..) => object.node(key.name).is_some(),
                Usage::Read | Usage::Optional | Usage::Ignored => true,
            };
            if !is_known {
                continue;
            }
            known.push(key.name);
            let is_read = match (usage, object.node(key.name), key.required) {
                (Usage::Conflict(message, help), Some(node), _) => {
                    reader.error_at(node, key.name, message, help);
                    true
                }
                (Usage::Read, None, Some(help)) => {
                    self.report_missing(key, help, &object, reader);
                    false
                }
                (Usage::Read | Usage::Optional, Some(_), _) => (key.read)(&mut value, &mut object, reader),
                _ => true,
            };
            if !is_read && key.is_selector {
                return None;
            }
            is_complete &= is_read || key.required.is_none();
        }
        (self.check)(&value, &object, is_complete, reader);
        known.sort_unstable();
        // an unknown key that was ignored would give another model than the file describes
        object.close(&known, Strictness::Strict, reader);
        is_complete.then_some(value)
    }

    /// Returns the names of the keys.
    #[cfg(test)]
    pub(super) fn key_names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }

    /// Reports a required key that is missing, or the key that is probably a misspelling of it.
    fn report_missing(&self, missing: &SchemaKey<T>, help: &str, object: &Object<'_>, reader: &mut Reader) {
        let is_unknown = |name: &str| self.keys.iter().all(|key| key.name != name);
        let mut members = object.members().iter().filter(|member| is_unknown(&member.key));
        match members.find(|member| nearest(&member.key, &[missing.name]).is_some()) {
            // nothing else reads the object
            Some(member) if missing.is_selector => {
                let place = Node { span: member.key_span.clone(), value: Value::Null };
                let help = format!("did you mean `{}`?", missing.name);
                reader.error_at(&place, &member.key, format!("unknown field `{}`", member.key), help);
            }
            // reported with the unknown keys
            Some(_) => {}
            None => reader.error(object.whole(), format!("{} has no `{}`", self.subject, missing.name), help),
        }
    }

    /// Returns the object as it is written.
    pub(super) fn write(&self, value: &T) -> Yaml {
        let entries = self.keys.iter().filter_map(|key| {
            let written = (key.write)(value)?;
            Some(YamlEntry { key: key.name, value: written, comment: key.comment })
        });
        let block = Yaml::Block(entries.collect());
        match self.style {
            Style::Block => block,
            Style::Flow => Yaml::Inline(block.to_flow()),
        }
    }

    /// Returns an object laid over the one that it extends.
    pub(super) fn merge(&self, own: &Node, base: &Node) -> Node {
        let inheritance = |name: &str| {
            self.keys.iter().find(|key| key.name == name).map_or(Inheritance::Replace, |key| key.inheritance)
        };
        let is_inherited = |name: &str| !matches!(inheritance(name), Inheritance::Own);
        let members = base.members().iter().filter(|member| is_inherited(&member.key)).cloned().collect();
        let inherited = Node { span: base.span.clone(), value: Value::Object(members) };
        merge_members(own, &inherited, |name, own, base| match inheritance(name) {
            Inheritance::Merge(merge) => merge(own, base),
            Inheritance::Replace | Inheritance::Own => own.clone(),
        })
    }
}

impl<T> SchemaKey<T> {
    /// An optional key that is read and written by these functions.
    pub(super) const fn new(name: &'static str, read: ReadKey<T>, write: fn(&T) -> Option<Yaml>) -> Self {
        Self {
            name,
            required: None,
            usage: |_| Usage::Read,
            is_selector: false,
            comment: None,
            inheritance: Inheritance::Replace,
            read,
            write,
        }
    }

    /// Makes the key required; `help` tells what to add if it is missing.
    pub(super) const fn required(self, help: &'static str) -> Self {
        Self { required: Some(help), ..self }
    }

    /// Makes the key's role depend on the other keys of the object.
    pub(super) const fn used(self, usage: fn(&Object<'_>) -> Usage) -> Self {
        Self { usage, ..self }
    }

    /// Ends reading if this key is missing or wrong.
    pub(super) const fn selector(self) -> Self {
        Self { is_selector: true, ..self }
    }

    /// Writes a comment behind the key.
    pub(super) const fn comment(self, comment: &'static str) -> Self {
        Self { comment: Some(comment), ..self }
    }

    pub(super) const fn inherited(self, inheritance: Inheritance) -> Self {
        Self { inheritance, ..self }
    }
}

impl<V> Codec<V> {
    pub(super) const fn new(read: fn(&str, &mut Object<'_>, &mut Reader) -> Option<V>, write: fn(&V) -> Yaml) -> Self {
        Self { read, write, check: None }
    }

    /// Adds a check of the value, which reports at the node it is given.
    pub(super) const fn checked(self, check: fn(&V, &Node, &mut Reader)) -> Self {
        Self { check: Some(check), ..self }
    }

    pub(super) fn read(&self, key: &str, object: &mut Object<'_>, reader: &mut Reader) -> Option<V> {
        let value = (self.read)(key, object, reader)?;
        if let (Some(check), Some(node)) = (self.check, object.node(key)) {
            reader.within(key, |reader| check(&value, node, reader));
        }
        Some(value)
    }

    pub(super) fn write(&self, value: &V) -> Yaml {
        (self.write)(value)
    }
}

/// Does not check anything beyond the single keys.
pub(super) fn no_check<T>(_: &T, _: &Object<'_>, _: bool, _: &mut Reader) {}

/// Reads the node under a key.
pub(super) fn read_node<V>(
    key: &str,
    object: &Object<'_>,
    reader: &mut Reader,
    read: impl FnOnce(&Node, &mut Reader) -> Option<V>,
) -> Option<V> {
    let node = object.node(key)?;
    reader.within(key, |reader| read(node, reader))
}

/// Reads all items of a list; those that are wrong are left out. `None` if the node is no list.
pub(super) fn read_items<V>(
    key: &str,
    node: &Node,
    reader: &mut Reader,
    read: fn(&Node, &mut Reader) -> Option<V>,
) -> Option<Vec<V>> {
    let Value::Array(items) = &node.value else {
        reader.error(node, format!("`{key}` is a list, not {}", node.kind_name()), "write `-` before each item");
        return None;
    };
    let items = items.iter().enumerate();
    Some(items.filter_map(|(index, item)| reader.within(index.to_string(), |reader| read(item, reader))).collect())
}

/// Declares a key that is always written; a missing one leaves the member as it is in the blank
/// object.
macro_rules! key {
    ($object:ty, $name:literal, $($member:ident).+, $codec:expr) => {
        SchemaKey::<$object>::new(
            $name,
            |object, source, reader| {
                let value = $codec.read($name, source, reader);
                value.map(|value| object.$($member).+ = value).is_some()
            },
            |object| Some($codec.write(&object.$($member).+)),
        )
    };
}

/// Declares a key that is written if it differs from a default.
macro_rules! default_key {
    ($object:ty, $name:literal, $($member:ident).+, $codec:expr, $default:expr) => {
        SchemaKey::<$object>::new(
            $name,
            |object, source, reader| {
                let value = $codec.read($name, source, reader);
                value.map(|value| object.$($member).+ = value).is_some()
            },
            |object| (object.$($member).+ != $default).then(|| $codec.write(&object.$($member).+)),
        )
    };
}

/// Declares a key whose member is an `Option`.
macro_rules! optional_key {
    ($object:ty, $name:literal, $($member:ident).+, $codec:expr) => {
        SchemaKey::<$object>::new(
            $name,
            |object, source, reader| {
                let value = $codec.read($name, source, reader);
                value.map(|value| object.$($member).+ = Some(value)).is_some()
            },
            |object| object.$($member).+.as_ref().map(|value| $codec.write(value)),
        )
    };
}

/// A codec of an object by its schema.
macro_rules! nested {
    ($schema:expr) => {
        Codec::new(
            |key, object, reader| read_node(key, object, reader, |node, reader| $schema.read(node, reader)),
            |value| $schema.write(value),
        )
    };
}

/// A codec of a list of objects by their schema.
macro_rules! nested_list {
    ($schema:expr) => {
        Codec::new(
            |key, object, reader| {
                read_node(key, object, reader, |node, reader| {
                    read_items(key, node, reader, |node, reader| $schema.read(node, reader))
                })
            },
            |values: &Vec<_>| Yaml::List(values.iter().map(|value| $schema.write(value)).collect()),
        )
    };
}

pub(super) use {default_key, key, nested, nested_list, optional_key};
