//! Learning from tapes: performance models (`fit`, `import`), comparisons of a mock with its
//! service (`gap`), and stubs (`draft`, `snapshot`).

pub mod connections;
pub mod draft;
pub mod fit;
pub mod gap;
pub mod import;
mod page;
pub mod snapshot;
mod terminal;
