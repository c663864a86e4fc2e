//! Why a file cannot be imported, and what of it was passed over: nothing is dropped in silence.

use std::collections::BTreeMap;
use std::fmt;

/// A defect of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// The file; empty until it is known.
    pub file: String,
    /// The line from 1; 0 if it is the whole file.
    pub line: u64,
    /// The description of the error.
    pub message: String,
    /// Advice on how to fix it.
    pub help: String,
}

/// The defects of a file, as far as they were counted.
#[derive(Debug, Default)]
pub struct ImportErrors {
    /// The first of them.
    pub first: Vec<ImportError>,
    /// The number of all defects, including those that are not kept.
    pub count: u64,
}

/// Lines, calls or series that were left out, by the reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Skipped(BTreeMap<String, (u64, String)>);

impl ImportError {
    /// Returns a defect at a line, or of the whole file at line 0.
    pub fn new(line: u64, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { file: String::new(), line, message: message.into(), help: help.into() }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "`{}`: {}; {}", self.file, self.message, self.help),
            line => write!(out, "`{}` line {line}: {}; {}", self.file, self.message, self.help),
        }
    }
}

impl ImportErrors {
    /// Adds a defect, and keeps it if few are kept.
    pub fn add(&mut self, error: ImportError) {
        self.count += 1;
        if self.first.len() < MAX_KEPT_ERRORS {
            self.first.push(error);
        }
    }

    /// Fails if there are defects.
    pub fn none(self) -> Result<(), Self> {
        if self.count == 0 { Ok(()) } else { Err(self) }
    }
}

impl From<ImportError> for ImportErrors {
    fn from(error: ImportError) -> Self {
        Self { first: vec![error], count: 1 }
    }
}

impl Skipped {
    /// Counts something that is left out, with the first example of its kind.
    pub fn add(&mut self, why: &str, example: &str) {
        self.add_many(why, example, 1);
    }

    /// Counts several left out items of one reason, with the first example of its kind.
    pub fn add_many(&mut self, why: &str, example: &str, count: u64) {
        match self.0.get_mut(why) {
            Some((so_far, _)) => *so_far += count,
            None => {
                let example = example.chars().take(80).collect();
                self.0.insert(why.to_owned(), (count, example));
            }
        }
    }

    /// Returns the reasons, the number of items of each, and the first example.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64, &str)> {
        self.0.iter().map(|(why, (count, example))| (why.as_str(), *count, example.as_str()))
    }
}

/// Defects that are told one by one.
const MAX_KEPT_ERRORS: usize = 20;
