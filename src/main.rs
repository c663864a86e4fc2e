//! Binary of the command `standin`, with mimalloc as its allocator.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    standin::internal::main(std::env::args_os())
}
