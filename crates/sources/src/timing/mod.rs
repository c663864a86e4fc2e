//! Tapes of calls whose times others have taken: captures, access logs and spans.

mod arrival_order;
mod call_log;
mod left_out;
mod resolution;
mod tape_file;
mod timed_call;

pub use self::arrival_order::ArrivalOrder;
pub use self::call_log::{CallLog, LogOrigin};
pub use self::left_out::LeftOut;
pub use self::resolution::ResolutionMeter;
pub use self::tape_file::{TapeFile, TapeOptions, WrittenTape};
pub use self::timed_call::{TimedBody, TimedCall};
pub use crate::access_log::values::unit_nanos;
