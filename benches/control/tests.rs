//! The unit tests of the bench, which has no harness to run them: `cargo test --test
//! control_parts`.

#[path = "main.rs"]
#[allow(dead_code, reason = "tests call the parts, not the whole")]
mod control;
