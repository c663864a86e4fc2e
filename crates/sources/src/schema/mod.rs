//! Schemas of an OpenAPI description as JSON Schemas that stand alone.
//!
//! A schema is reduced to the keywords that say something about values, written in the terms of
//! JSON Schema 2020-12, and carries everything that it refers to in `$defs`.

mod bundle;
mod compiled;
mod keywords;
mod references;

pub(crate) use bundle::{Direction, SchemaBundler};
pub(crate) use compiled::CompiledSchema;
pub(crate) use references::References;

/// Prefix of references in a schema that stands alone.
pub(crate) const DEFS_PREFIX: &str = "#/$defs/";
