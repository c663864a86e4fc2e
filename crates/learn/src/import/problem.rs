//! Why a file cannot be imported, and what of it was passed over: nothing is dropped in silence.

use std::collections::BTreeMap;
use std::fmt;

/// A defect of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file; empty until it is known.
    pub file: String,
    /// The line from 1; 0 if it is the whole file.
    pub line: u64,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

/// The defects of a file, as far as they were counted.
#[derive(Debug, Default)]
pub struct Problems {
    /// The first of them.
    pub first: Vec<Problem>,
    /// All of them.
    pub count: u64,
}

/// Lines, calls or series that were left out, by the reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Skipped(BTreeMap<String, (u64, String)>);

impl Problem {
    /// A defect at a line, or of the whole file at line 0.
    pub fn new(line: u64, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { file: String::new(), line, what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "`{}`: {}; {}", self.file, self.what, self.mend),
            line => write!(out, "`{}` line {line}: {}; {}", self.file, self.what, self.mend),
        }
    }
}

impl Problems {
    /// Counts a defect.
    pub fn add(&mut self, problem: Problem) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(problem);
        }
    }

    /// Nothing, or what is wrong.
    pub fn none(self) -> Result<(), Self> {
        if self.count == 0 { Ok(()) } else { Err(self) }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { first: vec![problem], count: 1 }
    }
}

impl Skipped {
    /// Counts something that is left out, with the first example of its kind.
    pub fn add(&mut self, why: &str, example: &str) {
        self.add_many(why, example, 1);
    }

    /// Counts several.
    pub fn add_many(&mut self, why: &str, example: &str, count: u64) {
        match self.0.get_mut(why) {
            Some((so_far, _)) => *so_far += count,
            None => {
                let example = example.chars().take(80).collect();
                self.0.insert(why.to_owned(), (count, example));
            }
        }
    }

    /// Reasons, how often each, and the first example.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64, &str)> {
        self.0.iter().map(|(why, (count, example))| (why.as_str(), *count, example.as_str()))
    }
}

/// Defects that are told one by one.
const SHOWN: usize = 20;
