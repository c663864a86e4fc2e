//! Records that are left out: how many, why, and where the first ones are.

use std::collections::BTreeMap;

/// Records that were left out, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    reasons: BTreeMap<String, (u64, Vec<String>)>,
}

impl LeftOut {
    /// Counts a record that is left out because of `why`; `place` says where it is.
    pub fn add(&mut self, why: &str, place: impl FnOnce() -> String) {
        if let Some((count, places)) = self.reasons.get_mut(why) {
            *count += 1;
            if places.len() < MAX_PLACES {
                places.push(place());
            }
        } else {
            self.reasons.insert(why.to_owned(), (1, vec![place()]));
        }
    }

    /// Counts records without a place.
    pub fn add_count(&mut self, why: &str, count: u64) {
        if count > 0 {
            self.reasons.entry(why.to_owned()).or_default().0 += count;
        }
    }

    /// Returns the number of all records.
    pub fn total(&self) -> u64 {
        self.reasons.values().map(|(count, _)| count).sum()
    }

    /// Returns a line for each reason, with the places of the first records.
    pub fn lines(&self) -> Vec<String> {
        let line = |(why, (count, places)): (&String, &(u64, Vec<String>))| {
            let more = if *count > places.len() as u64 { ", …" } else { "" };
            let places = if places.is_empty() { String::new() } else { format!(" ({}{more})", places.join(", ")) };
            format!("left out: {count} {why}{places}")
        };
        self.reasons.iter().map(line).collect()
    }
}

/// Places that are named of a reason.
const MAX_PLACES: usize = 5;
