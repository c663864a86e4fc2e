//! The comparison as CI systems read it: a test case a row, in JUnit's XML.

use std::fmt;

use crate::gap::compare::cell::Cell;
use crate::gap::evaluate::limit_outcome::Verdict;
use crate::gap::{Gap, JSON_VERSION};
use crate::page::EscapedText;

/// Writes a gap as JUnit XML.
#[derive(Debug)]
pub struct JUnitReport<'g>(pub &'g Gap);

impl fmt::Display for JUnitReport<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        let count = |verdict| gap.cells.iter().filter(|cell| cell.verdict == verdict).count();
        let (tests, failures, skipped) = (gap.cells.len(), count(Verdict::Over), count(Verdict::NotJudged));
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(
            out,
            "<testsuites name=\"standin gap\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\">"
        )?;
        writeln!(
            out,
            "  <testsuite name=\"{} against {}\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\">",
            EscapedText(&gap.mock.name),
            EscapedText(&gap.reference.name)
        )?;
        gap.cells.iter().try_for_each(|cell| case(out, gap, cell))?;
        let causes = gap.causes.iter().map(|cause| cause.sentence.clone());
        let told: Vec<String> = causes.chain(gap.describe_limits()).chain(gap.notes.iter().cloned()).collect();
        if !told.is_empty() {
            writeln!(out, "    <system-out>{}</system-out>", EscapedText(&told.join("\n")))?;
        }
        writeln!(out, "  </testsuite>\n</testsuites>")
    }
}

/// Why there is no comparison, as programs read it: in JUnit's XML a test case that broke.
#[derive(Debug)]
pub struct RefusalReport<'w>(pub &'w str);

impl RefusalReport<'_> {
    /// Returns the JSON object that replaces a comparison.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({"version": JSON_VERSION, "verdict": "refused", "why": self.0})
    }
}

impl fmt::Display for RefusalReport<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(out, "<testsuites name=\"standin gap\" tests=\"1\" errors=\"1\">")?;
        writeln!(out, "  <testsuite name=\"standin gap\" tests=\"1\" errors=\"1\">")?;
        let why = EscapedText(self.0);
        writeln!(
            out,
            "    <testcase classname=\"standin gap\" name=\"comparison\"><error message=\"{why}\"/></testcase>"
        )?;
        writeln!(out, "  </testsuite>\n</testsuites>")
    }
}

fn case(out: &mut fmt::Formatter<'_>, gap: &Gap, cell: &Cell) -> fmt::Result {
    let load = match gap.label(&cell.level) {
        "all" => "at all loads".to_owned(),
        _ => gap.when(&cell.level),
    };
    write!(out, "    <testcase classname=\"{}\" name=\"{}\"", EscapedText(&cell.operation), EscapedText(&load))?;
    let reasons = cell.reasons.join("; ");
    let left_out = cell.reference.left_out + cell.mock.left_out;
    if left_out > 0 && matches!(cell.verdict, Verdict::Within | Verdict::NoBudget) {
        return writeln!(out, "><system-out>{left_out} calls are left out</system-out></testcase>");
    }
    match cell.verdict {
        Verdict::Over => writeln!(out, "><failure message=\"{}\"/></testcase>", EscapedText(&reasons)),
        Verdict::NotJudged => writeln!(out, "><skipped message=\"{}\"/></testcase>", EscapedText(&reasons)),
        Verdict::Within | Verdict::NoBudget => writeln!(out, "/>"),
    }
}
