//! Options that state which segments of paths are ids and which query parameters tell operations
//! apart, for every command that groups calls into operations.

use clap::Args;

use super::Failure;
use standin_tape::OperationRules;

/// Statements on operations that hold whatever calls look like.
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

    /// Calls with different values of this query parameter are different operations, as of
    /// `?action=list`; may be given more than once
    #[arg(long, value_name = "NAME", help_heading = "Operations")]
    query_key: Vec<String>,

    /// This query parameter tells no operations apart; may be given more than once
    #[arg(long, value_name = "NAME", help_heading = "Operations")]
    no_query_key: Vec<String>,
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
        for key in &self.query_key {
            rules.add_query_key(key).map_err(|error| Failure::usage(format!("--query-key {key}: {error}")))?;
        }
        for key in &self.no_query_key {
            rules.add_no_query_key(key).map_err(|error| Failure::usage(format!("--no-query-key {key}: {error}")))?;
        }
        Ok(rules)
    }
}
