//! The reports of a comparison: text for a terminal, an HTML page and JUnit XML.

pub(crate) mod confidence_text;
pub(crate) mod headline;
pub(crate) mod html;
pub(crate) mod junit;
pub(crate) mod summary;
pub(crate) mod text;
pub(crate) mod view;

#[cfg(test)]
mod tests;
