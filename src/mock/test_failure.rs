//! Error of a stub or a verification, which fails the test.

use std::fmt;

/// Message of the panic that fails a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TestFailure(String);

/// Returns a failure with a message.
pub(super) fn fail<T>(message: impl Into<String>) -> Result<T, TestFailure> {
    Err(TestFailure(message.into()))
}

impl fmt::Display for TestFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
