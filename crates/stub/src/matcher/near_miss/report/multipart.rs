//! Compares the parts of a multipart body with their pattern.

use super::clause_result::{ClauseResult, PageRow, PageSection};
use super::display;
use super::truncate::{TruncatedText, truncate};
use crate::call::{BodyPart, Call};
use crate::matcher::MultipartRule;

/// Returns the result for a multipart pattern.
pub(super) fn diagnose_multipart(rule: &MultipartRule, call: &Call) -> ClauseResult {
    let expected = asked(rule);
    let parts: Vec<String> = call.parts().unwrap_or_default().iter().take(MAX_PARTS).map(came).collect();
    let row = PageRow {
        section: PageSection::Multipart,
        subject: "Multipart",
        expected: expected.clone(),
        actual: truncate(&parts.join("\n"), CELL_BYTES),
    };
    ClauseResult {
        clause: "multipart",
        name: rule.name.as_ref().map(|name| truncate(name, CELL_BYTES)),
        operator: if rule.all { "ALL" } else { "ANY" },
        expected,
        actual: parts,
        matches: false,
        is_limited: false,
        row,
    }
}

fn asked(rule: &MultipartRule) -> String {
    let mut out = TruncatedText::new(CELL_BYTES);
    match &rule.name {
        Some(name) => out.push(&format!("[Multipart: {name}]")),
        None => out.push("[Multipart]"),
    }
    if let Some(name) = &rule.file_name {
        out.push(&format!("\nfile name: {name}"));
    }
    for (name, rule) in &rule.headers {
        let (operator, operand) = display::field(rule, CELL_BYTES);
        out.push(&format!("\n{name}{}: {operand}", display::bracketed(operator, "")));
    }
    for rule in &rule.bodies {
        out.push(&format!("\n[{}]\n", display::operator(rule)));
        out.push(&display::operand(rule, CELL_BYTES));
    }
    out.push("\n[/Multipart]");
    out.finish()
}

fn came(part: &BodyPart) -> String {
    let name = part.name.as_deref().unwrap_or_default();
    let mut out = TruncatedText::new(CELL_BYTES);
    out.push(&format!("[{name}]"));
    for (name, value) in &part.headers {
        out.push(&format!("\n{name}: {}", crate::call::header_text(value)));
    }
    out.push("\n\n");
    out.push(&part.text());
    out.push(&format!("\n[/{name}]"));
    out.finish()
}

/// Maximum number of bytes that are shown of a pattern, of a part, and of all parts together.
const CELL_BYTES: usize = 1024;

/// Maximum number of parts that are shown.
const MAX_PARTS: usize = 16;
