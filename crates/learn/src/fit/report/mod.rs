//! Reports of a fitted model: findings in words, the text for a terminal, the page for a browser,
//! and the profile.

mod charts;
pub(crate) mod findings;
pub(crate) mod html;
mod profile;
mod summary;
mod text;
