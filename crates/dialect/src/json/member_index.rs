//! Members of an object by their names, where many are looked up.

use std::borrow::Cow;

use super::{JsonMembers, JsonNode};

/// The members of an object, sorted where looking them up one after the other would take long.
pub struct MemberIndex<'a>(IndexSource<'a>);

enum IndexSource<'a> {
    Object(JsonNode<'a>),
    Sorted(Vec<(Cow<'a, str>, JsonNode<'a>)>),
}

impl<'a> MemberIndex<'a> {
    /// Prepares an object for a number of lookups.
    pub fn new(object: JsonNode<'a>, lookups: usize) -> Self {
        if !object.is_searched() || lookups <= MAX_SEARCHES {
            return Self(IndexSource::Object(object));
        }
        let mut members: Vec<_> = object.members().into_iter().flatten().collect();
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Self(IndexSource::Sorted(members))
    }

    /// Returns the value of a member.
    pub fn get(&self, name: &str) -> Option<JsonNode<'a>> {
        match &self.0 {
            IndexSource::Object(object) => object.get(name),
            IndexSource::Sorted(members) => {
                let place = members.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
                Some(members[place].1)
            }
        }
    }
}

/// Members that are looked up one after the other, mostly in the order in which the object has
/// them.
///
/// Two documents of one program have their members in one order more often than not, and then no
/// lookup is needed.
pub(super) struct MemberSequence<'a> {
    object: JsonNode<'a>,
    lookups: usize,
    members: Option<JsonMembers<'a>>,
    index: Option<MemberIndex<'a>>,
}

impl<'a> MemberSequence<'a> {
    /// Prepares an object for a number of lookups.
    pub(super) fn new(object: JsonNode<'a>, lookups: usize) -> Self {
        Self { object, lookups, members: object.members(), index: None }
    }

    /// Returns the value of a member.
    pub(super) fn get(&mut self, name: &str) -> Option<JsonNode<'a>> {
        if let Some((known, value)) = self.members.as_mut().and_then(Iterator::next)
            && known == name
        {
            return Some(value);
        }
        self.index.get_or_insert_with(|| MemberIndex::new(self.object, self.lookups)).get(name)
    }
}

/// Lookups up to which the members are searched from the first on.
const MAX_SEARCHES: usize = 4;
