//! Matches a text with a pattern of Java and prints the groups.
//!
//! ```sh
//! cargo run -p standin-dialect --example java_regex -- '(?<year>\d{4})-\d++' 2026-01
//! ```

use std::error::Error;
use std::io::Write as _;

use standin_dialect::java_regex::{Flags, JavaRegex};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(pattern), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("write a pattern and a text".into());
    };
    let regex = JavaRegex::with_flags(&pattern, Flags::NONE)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "whole text: {:?}", regex.matches(&text))?;
    let captures = regex.captures(&text).map_err(|_| "the limit of backtracking was reached")?;
    if let Some(captures) = captures {
        for number in 0..=captures.group_count() {
            let group = captures.group(number).map(|range| &text[range]);
            writeln!(out, "group {number}: {group:?}")?;
        }
    }
    Ok(())
}
