//! A pattern for parts beside the parts that came.

use super::cut::TruncatedText;
use super::finding::{ClauseResult, PageRow, PageSection};
use super::wording;
use crate::call::{BodyPart, Call};
use crate::matcher::MultipartRule;

/// What the pattern asks and which parts there are.
pub(super) fn finding(rule: &MultipartRule, call: &Call) -> ClauseResult {
    let expected = asked(rule);
    let parts: Vec<String> = call.parts().unwrap_or_default().iter().take(MOST_PARTS).map(came).collect();
    let row = PageRow {
        section: PageSection::Multipart,
        subject: "Multipart",
        expected: expected.clone(),
        actual: TruncatedText::of(&parts.join("\n"), ROOM),
    };
    ClauseResult {
        clause: "multipart",
        name: rule.name.as_ref().map(|name| TruncatedText::of(name, ROOM)),
        operator: if rule.all { "ALL" } else { "ANY" },
        expected,
        actual: parts,
        matches: false,
        is_limited: false,
        row,
    }
}

fn asked(rule: &MultipartRule) -> String {
    let mut cut = TruncatedText::new(ROOM);
    match &rule.name {
        Some(name) => cut.push(&format!("[Multipart: {name}]")),
        None => cut.push("[Multipart]"),
    }
    if let Some(name) = &rule.file_name {
        cut.push(&format!("\nfile name: {name}"));
    }
    for (name, rule) in &rule.headers {
        let (operator, operand) = wording::field(rule, ROOM);
        cut.push(&format!("\n{name}{}: {operand}", wording::bracketed(operator, "")));
    }
    for rule in &rule.bodies {
        cut.push(&format!("\n[{}]\n", wording::operator(rule)));
        cut.push(&wording::operand(rule, ROOM));
    }
    cut.push("\n[/Multipart]");
    cut.finish()
}

fn came(part: &BodyPart) -> String {
    let name = part.name.as_deref().unwrap_or_default();
    let mut cut = TruncatedText::new(ROOM);
    cut.push(&format!("[{name}]"));
    for (name, value) in &part.headers {
        cut.push(&format!("\n{name}: {}", crate::call::header_text(value)));
    }
    cut.push("\n\n");
    cut.push(&part.text());
    cut.push(&format!("\n[/{name}]"));
    cut.finish()
}

/// Bytes that are shown of a pattern, of a part, and of all parts together.
const ROOM: usize = 1024;

/// Parts that are shown.
const MOST_PARTS: usize = 16;
