//! Who looks on while calls are at the service, whoever made them: what a ramp stops by.

use std::fmt;
use std::time::Duration;

/// Looks on. It is asked on the way of calls, and must not take long.
pub trait Witness: fmt::Debug + Send + Sync {
    /// A call goes to the service now. One whose connection proves dead comes again.
    fn arrived(&self, number: u64);

    /// A call has come to its end, or never got there.
    fn left(&self, left: Left);
}

/// A call that has come to its end.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// Its number on the tape.
    pub number: u64,
    /// The status that the service gave.
    pub status: Option<u16>,
    /// Whether its answer came to nothing by the service's doing.
    pub failed: bool,
    /// How long the service took for the whole answer; none if it gave none.
    pub took: Option<Duration>,
}
