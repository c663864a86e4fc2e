//! Runs the rows of a bench that were named, and prints what each found.

use std::io;
use std::process::ExitCode;
use std::time::Instant;

use super::report::{Report, Verdict};

/// One measurement that can be asked for by name.
#[derive(Debug)]
pub struct Row<O> {
    pub name: &'static str,
    pub sentence: &'static str,
    pub run: fn(&O) -> io::Result<Report>,
}

/// What was asked of a bench.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct Asked<'a> {
    /// The bench, as errors name it.
    pub program: &'a str,
    /// All rows if none is named.
    pub names: &'a [String],
    pub list: bool,
    /// Whether cargo runs it as a bench.
    pub bench: bool,
    pub json: bool,
    /// True if a broken limit is reported without failing.
    pub no_limits: bool,
}

impl Asked<'_> {
    /// Runs the rows; the exit code is 1 if a limit was broken or a row failed.
    pub fn run<O>(&self, rows: &[Row<O>], options: &O, heading: impl FnOnce() -> String) -> io::Result<ExitCode> {
        let named = self.named(rows)?;
        // `cargo test --benches` runs this too, without `--bench`: it must not take an hour then
        if self.list || (!self.bench && self.names.is_empty()) {
            for row in rows {
                println!("{:14}{}", row.name, row.sentence);
            }
            return Ok(ExitCode::SUCCESS);
        }
        if !self.json {
            println!("{}", heading());
        }
        let mut worst = ExitCode::SUCCESS;
        for row in named {
            let begin = Instant::now();
            if !self.json {
                println!("\n{}: {}", row.name, row.sentence);
            }
            match (row.run)(options) {
                Ok(report) => {
                    if report.verdict() == Verdict::Broken && !self.no_limits {
                        worst = ExitCode::from(1);
                    }
                    if self.json {
                        println!("{}", report.json(row.name));
                    } else {
                        print!("{}", report.text());
                        println!("  took {:.0?}", begin.elapsed());
                    }
                }
                Err(error) => {
                    eprintln!("{}: {}: {error}", self.program, row.name);
                    worst = ExitCode::from(1);
                }
            }
        }
        Ok(worst)
    }

    fn named<'r, O>(&self, rows: &'r [Row<O>]) -> io::Result<Vec<&'r Row<O>>> {
        if self.names.is_empty() {
            return Ok(rows.iter().collect());
        }
        self.names
            .iter()
            .map(|name| {
                rows.iter()
                    .find(|row| row.name == name)
                    .ok_or_else(|| io::Error::other(format!("there is no row `{name}`; `--list` names them")))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_run_in_the_order_in_which_they_were_named() {
        let row = |name| Row { name, sentence: "", run: |(): &()| Ok(Report::default()) };
        let rows = [row("a"), row("b")];
        let named = |names: &[String]| {
            let asked = Asked { program: "p", names, list: false, bench: true, json: false, no_limits: false };
            asked.named(&rows).map(|rows| rows.iter().map(|row| row.name).collect::<Vec<_>>())
        };
        assert_eq!(named(&[]).unwrap(), ["a", "b"]);
        assert_eq!(named(&["b".to_owned(), "a".to_owned()]).unwrap(), ["b", "a"]);
        assert!(named(&["c".to_owned()]).is_err());
    }
}
