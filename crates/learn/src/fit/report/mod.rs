//! Reports of a fitted model: findings in words, the text for a terminal, the page for a browser,
//! and the profile.

mod charts;
mod finding_text;
pub(crate) mod findings;
pub(crate) mod html;
pub(crate) mod profile;
mod summary;
pub(crate) mod text;
pub(crate) mod verdict;
