//! WireMock stubs: read from JSON and YAML, matched against requests, rendered into responses.
//!
//! [`source`] parses files into trees that know their places, [`format`] reads a [`Stub`] from them, [`load`] reads
//! folders, [`shelf`] reads them again, [`catalog`] holds all stubs and finds the one that matches a [`call::Call`].

pub mod call;
pub mod catalog;
pub mod delay;
pub mod files;
pub mod format;
pub mod load;
pub mod matcher;
pub mod memory;
pub mod overlap;
pub mod render;
pub mod reply;
pub mod shelf;
pub mod source;
mod stub;
pub mod walk;

pub use source::defect;
pub use stub::{Hits, Origin, Scenario, Stub};
