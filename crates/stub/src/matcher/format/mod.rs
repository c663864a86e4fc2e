//! Patterns as files and the API spell them: WireMock's JSON, read from the spanned tree.
//!
//! They stand here because stubs and profiles both ask things of calls.

mod date_time;
mod json_schema;
mod multipart;
pub mod request;
mod value;
mod xml;

pub use request::request_pattern;
pub use value::value_matcher;
