//! Samples of schemas of objects.

use serde_json::{Map, Value};

use super::merge::{Kind, Merged};
use super::pattern;
use super::sampler::{NoValue, Sampler, Wish};

impl<'s> Sampler<'s> {
    /// Makes an object with the required properties, and with the optional ones near the top.
    pub(super) fn object(&mut self, merged: &Merged<'s>, wish: Wish) -> Result<Value, NoValue> {
        let least = merged.at_least("minProperties").unwrap_or(0.0) as usize;
        let most = merged.at_most("maxProperties").map_or(usize::MAX, |most| most as usize);
        if least > MAX_PROPERTIES {
            return Err(NoValue);
        }
        let has_optional = !wish.is_small && wish.depth < self.optional_depth;
        let inner = Wish { depth: wish.depth + 1, is_small: false, ..wish };
        let mut object = Map::new();
        for (name, schemas) in &merged.properties {
            let is_required = merged.required.contains(name);
            let is_wanted = has_optional && !is_write_only(schemas) && merged.required.len() < most;
            if !is_required && !is_wanted {
                continue;
            }
            match self.property(name, schemas, merged, inner) {
                Ok(value) => drop(object.insert((*name).to_owned(), value)),
                Err(NoValue) if is_required => return Err(NoValue),
                Err(NoValue) => {}
            }
        }
        for name in &merged.required {
            if !object.contains_key(*name) {
                let value = self.property(name, &[], merged, inner)?;
                object.insert((*name).to_owned(), value);
            }
        }
        self.fill_up(&mut object, merged, least, inner, has_optional);
        while object.len() > most {
            let optional = object.keys().rev().find(|key| !merged.required.contains(&key.as_str())).cloned();
            object.shift_remove(&optional.ok_or(NoValue)?);
        }
        if object.len() < least { Err(NoValue) } else { Ok(Value::Object(object)) }
    }

    fn property(
        &mut self,
        name: &str,
        schemas: &[&'s Value],
        merged: &Merged<'s>,
        wish: Wish,
    ) -> Result<Value, NoValue> {
        let discriminated = merged.discriminated.iter().find(|(property, _)| *property == name);
        if let Some((_, key)) = discriminated {
            let key = Value::from(*key);
            let mut alone = Merged::default();
            let is_known = schemas.iter().all(|schema| alone.add(schema, self.root()));
            if is_known && alone.may_be(Kind::String) && alone.values.is_none_or(|values| values.contains(&&key)) {
                return Ok(key);
            }
        }
        let mut all = schemas.to_vec();
        all.extend(pattern_schemas(name, merged));
        if all.is_empty() {
            all.extend(merged.all("additionalProperties"));
        }
        self.value(&all, wish)
    }

    /// Adds properties that the schema does not name: one if it is a map, and as many as it asks
    /// for.
    fn fill_up(&mut self, object: &mut Map<String, Value>, merged: &Merged<'s>, least: usize, wish: Wish, usual: bool) {
        let optional = merged.properties.iter().filter(|(_, schemas)| !is_write_only(schemas));
        for (name, schemas) in optional {
            if object.len() >= least {
                break;
            }
            if !object.contains_key(*name)
                && let Ok(value) = self.property(name, schemas, merged, wish)
            {
                object.insert((*name).to_owned(), value);
            }
        }
        let is_map = merged.properties.is_empty() && merged.all("additionalProperties").any(Value::is_object)
            || merged.all("patternProperties").next().is_some();
        let wanted = least.max(usize::from(is_map && usual && object.is_empty()));
        for number in 0..MAX_PROPERTIES {
            if object.len() >= wanted {
                break;
            }
            let Some(name) = self.new_name(merged, number) else { continue };
            if !object.contains_key(&name)
                && let Ok(value) = self.property(&name, &[], merged, wish)
            {
                object.insert(name, value);
            }
        }
    }

    /// Returns a name that the schema allows for a property that it does not name.
    fn new_name(&mut self, merged: &Merged<'s>, number: usize) -> Option<String> {
        let named: Vec<&'s Value> = merged.all("propertyNames").collect();
        if !named.is_empty() {
            let wish = Wish { depth: 0, number, is_small: false, is_unusual: false };
            return self.value(&named, wish).ok()?.as_str().map(str::to_owned);
        }
        let patterns = merged.all("patternProperties").filter_map(Value::as_object).flat_map(Map::keys);
        let patterns: Vec<&String> = patterns.collect();
        match patterns.get(number % patterns.len().max(1)) {
            Some(pattern) => pattern::sample(&[pattern.as_str()], 0..=usize::MAX, number / patterns.len()),
            None => Some(format!("property{}", number + 1)),
        }
    }
}

/// Returns the schemas of `patternProperties` that a name has.
fn pattern_schemas<'s>(name: &str, merged: &Merged<'s>) -> Vec<&'s Value> {
    let all = merged.all("patternProperties").filter_map(Value::as_object).flatten();
    all.filter(|(pattern, _)| regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(name)))
        .map(|(_, schema)| schema)
        .collect()
}

fn is_write_only(schemas: &[&Value]) -> bool {
    schemas.iter().any(|schema| schema.get("writeOnly") == Some(&Value::Bool(true)))
}

/// Maximum number of properties that are added.
const MAX_PROPERTIES: usize = 200;
