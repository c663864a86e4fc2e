//! `uniqueItems`: no two items of a list are equal.

use super::Exceeded;
use super::evaluate::{Evaluation, NAME_BYTES_PER_STEP};
use standin_dialect::json::{self, JsonNode, JsonShape};

impl Evaluation<'_> {
    /// Returns whether no two items are equal. Items are sorted by their digests, and only equal
    /// digests are compared.
    pub(super) fn unique(&mut self, value: JsonNode<'_>) -> Result<bool, Exceeded> {
        let Some(items) = value.items() else { return Ok(true) };
        for item in items.clone() {
            self.walk(item)?;
        }
        let mut digests: Vec<(u64, JsonNode<'_>)> = items.map(|item| (json::digest_of_node(item), item)).collect();
        digests.sort_unstable_by_key(|(digest, _)| *digest);
        // equal digests are nearly always equal items, and then the first comparison decides
        for pair in digests.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            self.spend(1)?;
            if json::equal(pair[0].1, pair[1].1) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Spends steps for each value inside a value, and for its texts.
    fn walk(&mut self, value: JsonNode<'_>) -> Result<(), Exceeded> {
        match value.shape() {
            JsonShape::Array(items) => {
                for item in items {
                    self.walk(item)?;
                }
            }
            JsonShape::Object(members) => {
                for (name, member) in members {
                    self.spend(name.len() / NAME_BYTES_PER_STEP)?;
                    self.walk(member)?;
                }
            }
            JsonShape::String(text) => self.spend(text.len() / NAME_BYTES_PER_STEP)?,
            JsonShape::Number(spelling) => self.spend(spelling.len() / NAME_BYTES_PER_STEP)?,
            _ => {}
        }
        self.spend(2)
    }
}
