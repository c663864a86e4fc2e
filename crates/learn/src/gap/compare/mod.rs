//! The comparison in numbers: calls grouped by operation and load, and how far both sides differ.

pub(crate) mod baseline;
pub(crate) mod cell;
pub(crate) mod deviation;
pub(crate) mod grouping;
pub(crate) mod knee;
pub(crate) mod load_levels;
pub(crate) mod sample;
pub(crate) mod service_run;
