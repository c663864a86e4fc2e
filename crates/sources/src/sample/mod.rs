//! Sample values: a value that is valid by a schema, the same for the same schema.
//!
//! A sampler merges what a schema says about one value (`merge.rs`), takes an example or makes a
//! value, and asks the evaluator that stubs use whether it is valid. The first attempt trusts the
//! examples of the schema and tries nothing twice. If its value is not valid, the next attempts
//! ignore examples, and check every part whose schema has alternatives or conditions.

mod array;
mod merge;
mod number;
mod object;
mod pattern;
mod sampler;
#[cfg(test)]
mod tests;
mod text;

use serde_json::Value;

pub(crate) use merge::{Kind, Merged};
use sampler::{Attempt, Sampler};

use crate::schema::CompiledSchema;

/// A sample of a schema.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sample {
    /// A value that is valid.
    Valid(Value),
    /// A value that is not valid, as no valid one was found.
    Invalid(Value),
    /// No value: every one would be endless, or the schema allows none.
    None,
}

/// Returns a sample of a schema that stands alone.
pub(crate) fn sample(schema: &CompiledSchema) -> Sample {
    let mut first_made = None;
    for attempt in Attempt::ALL {
        // large answers are no better samples: fewer levels of optional properties then
        for optional_depth in OPTIONAL_DEPTHS {
            let mut sampler = Sampler::new(&schema.json, *attempt, *optional_depth);
            let Ok(value) = sampler.whole() else { continue };
            if sampler.values > MAX_VALUES && *optional_depth > 0 {
                continue;
            }
            if schema.allows(&value) {
                return Sample::Valid(value);
            }
            first_made.get_or_insert(value);
            if *attempt != Attempt::Careful {
                break;
            }
        }
    }
    first_made.map_or(Sample::None, Sample::Invalid)
}

/// Levels of objects that have optional properties, in the order in which they are tried.
const OPTIONAL_DEPTHS: &[usize] = &[6, 4, 3, 2, 1, 0];

/// Number of values of a sample, including parts, from which fewer optional properties are tried.
const MAX_VALUES: usize = 300;
