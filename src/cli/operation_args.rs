//! Options that state which segments of paths are ids and which are names, for every command that
//! groups calls into operations.

use clap::Args;

use super::Failure;
use standin_tape::OperationRules;

/// Segments of paths that are ids or names, whatever they look like.
#[derive(Args, Debug)]
pub(super) struct OperationArgs {
    /// The segments in braces of this path are ids, whatever they look like, as in
    /// `/products/{slug}`; may be given more than once
    #[arg(long, value_name = "PATH", help_heading = "Operations")]
    id_segments: Vec<String>,

    /// The last segment of this path is a name and no id, as in `/reports/2026`; may be given more
    /// than once
    #[arg(long, value_name = "PATH", help_heading = "Operations")]
    literal: Vec<String>,
}

impl OperationArgs {
    /// Returns the rules that the options state.
    pub(super) fn rules(&self) -> Result<OperationRules, Failure> {
        let mut rules = OperationRules::default();
        for path in &self.id_segments {
            rules.add_ids(path).map_err(|error| Failure::usage(format!("--id-segments {path}: {error}")))?;
        }
        for path in &self.literal {
            rules.add_name(path).map_err(|error| Failure::usage(format!("--literal {path}: {error}")))?;
        }
        Ok(rules)
    }
}
