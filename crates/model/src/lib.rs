//! Performance models: queueing stations in virtual time, the profiles that describe them, and the
//! delays of stubs.

pub mod draws;
pub mod profile;
pub mod station;
pub mod stats;
mod stub_draws;

pub use stub_draws::{chunk_values, draw_stub_delay, stream_delays, stub_random_stream};
