//! Samples of schemas of lists.

use serde_json::Value;

use super::merge::{Kind, Merged};
use super::sampler::{NoValue, Sampler, Wish};

impl<'s> Sampler<'s> {
    /// Makes a list: one item, or as many as are asked for.
    pub(super) fn array(&mut self, merged: &Merged<'s>, wish: Wish) -> Result<Value, NoValue> {
        let least = merged.at_least("minItems").unwrap_or(0.0) as usize;
        let most = merged.at_most("maxItems").map_or(usize::MAX, |most| most as usize);
        let contains: Vec<&'s Value> = merged.all("contains").collect();
        let contained = match contains.is_empty() {
            true => 0,
            false => merged.at_least("minContains").unwrap_or(1.0) as usize,
        };
        let prefix: Vec<&'s [Value]> =
            merged.all("prefixItems").filter_map(Value::as_array).map(Vec::as_slice).collect();
        let prefix_length = prefix.iter().map(|items| items.len()).max().unwrap_or(0);
        let usual = if wish.is_small { 0 } else { prefix_length.max(1) };
        let count = least.max(contained).max(usual.min(most));
        if count > most || count > MAX_ITEMS {
            return Err(NoValue);
        }
        let must_differ = merged.all("uniqueItems").any(|unique| unique == &Value::Bool(true));
        let mut items: Vec<Value> = Vec::new();
        for place in 0..count {
            let mut schemas: Vec<&'s Value> = prefix.iter().filter_map(|items| items.get(place)).collect();
            if schemas.is_empty() {
                schemas.extend(merged.all("items"));
            }
            if place < contained {
                schemas.extend(&contains);
            }
            match self.item(&schemas, wish, must_differ.then_some(items.as_slice())) {
                Ok(item) => items.push(item),
                // nothing that is asked for: the list ends before the item that would be endless
                Err(NoValue) if place >= least.max(contained) => break,
                Err(NoValue) => return Err(NoValue),
            }
        }
        Ok(Value::Array(items))
    }

    /// Makes an item, which differs from these if they are given.
    fn item(&mut self, schemas: &[&'s Value], wish: Wish, others: Option<&[Value]>) -> Result<Value, NoValue> {
        let wish = Wish { depth: wish.depth + usize::from(!is_scalar_list(schemas)), ..wish };
        let Some(others) = others else { return self.value(schemas, Wish { number: 0, ..wish }) };
        let numbers = others.len()..others.len() + MAX_TRIES;
        for number in numbers {
            let item = self.value(schemas, Wish { number, ..wish })?;
            if !others.contains(&item) {
                return Ok(item);
            }
        }
        Err(NoValue)
    }
}

/// Returns true if the schemas are of plain values, which take no level.
fn is_scalar_list(schemas: &[&Value]) -> bool {
    let is_scalar = |schema: &&Value| {
        let mut merged = Merged::default();
        merged.add(schema, &Value::Null)
            && merged
                .kinds
                .as_ref()
                .is_some_and(|kinds| !kinds.contains(&Kind::Object) && !kinds.contains(&Kind::Array))
    };
    schemas.iter().all(is_scalar)
}

/// Maximum length of a list; for a longer one no sample is made.
const MAX_ITEMS: usize = 1_000;

/// Attempts at an item that differs from the others.
const MAX_TRIES: usize = 16;
