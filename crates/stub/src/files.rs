//! The `__files` folder, which has the body files of stubs.

pub use crate::render::files::FilesFolder;
pub use crate::render::settings::{RenderSettings, SystemKeys, Templating};

/// Size in bytes up to which a body file is loaded with its stub. Larger files are read for each
/// request.
pub const BLOCKING_READ_LIMIT: u64 = 1 << 20;
