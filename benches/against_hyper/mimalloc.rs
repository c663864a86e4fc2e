//! The rows of `against_hyper` with mimalloc as the allocator of bare hyper too:
//! `cargo bench --bench against_hyper_mimalloc -- [ROW...]`.
//!
//! standin always has that allocator; this shows which part of a ratio is the allocator's. An
//! allocator belongs to a whole program, hence a program of its own.

#[path = "main.rs"]
mod against_hyper;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    against_hyper::main()
}
