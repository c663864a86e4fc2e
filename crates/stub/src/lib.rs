//! WireMock stubs: read from JSON and YAML, matched against requests, rendered into responses.
//!
//! [`source`] parses a file into a tree in which every value has its place in the text.
//! [`format`](mod@format) reads [`Stub`]s from such trees. [`load`] reads whole
//! [folders](stub_folder), and [`file_cache`] reads them again when files change. [`catalog`] holds
//! all stubs and finds the one that matches a [`call::Call`].

pub mod call;
pub mod catalog;
pub mod delay;
pub mod file_cache;
pub mod file_listing;
pub mod files;
mod foreign;
pub mod format;
mod java_base64;
pub mod load;
mod mapping_file;
pub mod matcher;
pub mod memory;
pub mod message;
pub mod overlap;
pub mod proxy;
pub mod render;
pub mod reply;
pub mod source;
pub mod static_files;
mod stub;
pub mod stub_folder;
pub mod unreachable;

pub use source::defect;
pub use stub::{FIRST_API_AGE, HitCounter, ScenarioStep, Stub, StubOrigin};
