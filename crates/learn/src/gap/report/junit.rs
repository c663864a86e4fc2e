//! The comparison as CI systems read it: a test case a row, in JUnit's XML.

use std::fmt;

use crate::gap::evaluate::limit_outcome::Verdict;
use crate::gap::report::view::{ReportView, RowView};
use crate::gap::{Gap, JSON_VERSION};
use crate::page::EscapedText;

/// Writes a gap as JUnit XML.
#[derive(Debug)]
pub struct JUnitReport<'g>(pub &'g Gap);

impl fmt::Display for JUnitReport<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = ReportView::new(self.0);
        let count = |verdict| view.rows.iter().filter(|row| row.verdict == verdict).count();
        let (tests, failures, skipped) = (view.rows.len(), count(Verdict::Over), count(Verdict::NotJudged));
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(
            out,
            "<testsuites name=\"standin gap\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\">"
        )?;
        writeln!(
            out,
            "  <testsuite name=\"{} against {}\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\">",
            EscapedText(&view.mock.name),
            EscapedText(&view.service.name)
        )?;
        if !view.conditions.is_empty() {
            writeln!(out, "    <properties>")?;
            for (label, text) in &view.conditions {
                writeln!(out, "      <property name=\"{label}\" value=\"{}\"/>", EscapedText(text))?;
            }
            writeln!(out, "    </properties>")?;
        }
        view.rows.iter().try_for_each(|row| case(out, row))?;
        let causes = view.causes.iter().chain(&view.next_steps).chain(&view.command);
        let texts: Vec<&str> = causes.chain(&view.allowed).chain(&view.notes).map(String::as_str).collect();
        if !texts.is_empty() {
            writeln!(out, "    <system-out>{}</system-out>", EscapedText(&texts.join("\n")))?;
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

fn case(out: &mut fmt::Formatter<'_>, row: &RowView) -> fmt::Result {
    write!(out, "    <testcase classname=\"{}\" name=\"{}\"", EscapedText(&row.operation), EscapedText(&row.when))?;
    if row.left_out() > 0 && matches!(row.verdict, Verdict::Within | Verdict::NoBudget) {
        return writeln!(out, "><system-out>{} calls are left out</system-out></testcase>", row.left_out());
    }
    let reasons: Vec<&str> = row.reasons.iter().map(|(_, reason)| reason.as_str()).collect();
    let reasons = reasons.join("; ");
    match row.verdict {
        Verdict::Over => writeln!(out, "><failure message=\"{}\"/></testcase>", EscapedText(&reasons)),
        Verdict::NotJudged => writeln!(out, "><skipped message=\"{}\"/></testcase>", EscapedText(&reasons)),
        Verdict::Within | Verdict::NoBudget => writeln!(out, "/>"),
    }
}
