//! `standin check` as a linter.
