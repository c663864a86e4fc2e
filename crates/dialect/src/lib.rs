//! The languages that stubs are written in beside JSON itself: Java's regular expressions and
//! dates, Jayway's JSONPath, JsonUnit's equality, WireMock's path templates.
//!
//! Matchers ask calls in them and templates answer in them, so that they stand below both.

pub mod cpu_time;
pub mod dates;
mod error;
pub mod java_regex;
pub mod java_text;
pub mod json;
pub mod json_path;
mod path_template;
pub mod xml;

pub use error::SyntaxError;
pub use path_template::{PathTemplate, TemplateSegment};
