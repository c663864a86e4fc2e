//! Reads request patterns: WireMock's JSON, from the tree with source positions.
//!
//! Stubs and profiles both use request patterns, so the readers belong to matching.

mod custom;
mod date_time;
mod field;
mod json_schema;
mod multipart;
mod never_matches;
mod operand;
pub mod request;
mod value;
mod xml;

pub use request::request_pattern;
pub use value::value_matcher;

/// Keys that the readers know, with which the JSON Schema is compared.
#[cfg(test)]
pub(crate) mod known_keys {
    pub(crate) use super::multipart::KEYS as MULTIPART;
    pub(crate) use super::request::KEYS as REQUEST;
    pub(crate) use super::value::{OPERATORS, OPTIONS};
}
