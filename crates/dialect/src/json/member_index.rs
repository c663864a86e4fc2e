//! Members of an object by their names, where many are looked up.

use std::borrow::Cow;

use super::JsonNode;

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

/// Lookups up to which the members are searched from the first on.
const MAX_SEARCHES: usize = 4;
