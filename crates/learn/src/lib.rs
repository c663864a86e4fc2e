//! What a tape teaches: performance models, the gap between two services, and stubs.

pub mod draft;
pub mod fit;
pub mod gap;
pub mod import;
mod page;
mod terminal;
