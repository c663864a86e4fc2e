//! The 404 page for an unmatched request: the nearest stub beside the request, in WireMock's
//! layout.

use http::HeaderMap;

use super::clause_result::{ClauseResult, ComparedStub, PageSection};
use super::diagnose::diagnose;
use super::truncate::truncate;
use crate::call::Call;
use standin_dialect::java_text::wrap_words;

/// Default width of the page in columns.
pub const DEFAULT_PAGE_WIDTH: usize = 119;

/// Returns the width that the client requests with `X-WireMock-Console-Width`, within limits.
pub fn requested_page_width(headers: &HeaderMap) -> usize {
    let asked =
        headers.get("x-wiremock-console-width").and_then(|value| value.to_str().ok()?.trim().parse::<usize>().ok());
    asked.map_or(DEFAULT_PAGE_WIDTH, |width| width.clamp(MIN_PAGE_WIDTH, MAX_PAGE_WIDTH))
}

/// Returns the page for the nearest stub, `width` columns wide. Remarks extend beyond the right
/// edge.
pub fn render_page(target: &ComparedStub<'_>, call: &Call, width: usize) -> String {
    let mut table = PageTable::new(width.clamp(MIN_PAGE_WIDTH, MAX_PAGE_WIDTH));
    table.blank();
    if let Some(name) = target.name {
        table.row(&truncate(name, NAME_BYTES), "", None);
        table.blank();
    }
    let results = diagnose(target, call);
    for group in results.chunk_by(|one, other| one.row.section == other.row.section) {
        let section = group[0].row.section;
        // a body that matches would only hide the one that does not
        let is_body = matches!(section, PageSection::Body | PageSection::Multipart);
        for result in group.iter().filter(|result| !is_body || !result.matches) {
            table.row(&result.row.expected, &result.row.actual, remark(result).as_deref());
        }
        if section < PageSection::Body {
            table.blank();
        }
    }
    table.blank();
    table.finish()
}

fn remark(result: &ClauseResult) -> Option<String> {
    let row = &result.row;
    if result.matches || row.section == PageSection::Custom {
        return None;
    }
    let message = match row.actual.is_empty() {
        _ if result.is_limited => "met a limit of matching",
        true => "is not present",
        false => "does not match",
    };
    Some(format!("{} {message}", row.subject))
}

struct PageTable {
    width: usize,
    text: String,
}

impl PageTable {
    fn new(width: usize) -> Self {
        let half = width / 2;
        let indent = " ".repeat(half - TITLE.len() / 2 - 1);
        let underline = "=".repeat(TITLE.len());
        let rule = "-".repeat(width);
        let columns = half - 2;
        let text = format!(
            "\n{indent}{TITLE}\n{indent}{underline}\n\n{rule}\n| {:columns$}| {:columns$}|\n{rule}\n",
            "Closest stub", "Request",
        );
        Self { width, text }
    }

    fn blank(&mut self) {
        self.row("", "", None);
    }

    fn row(&mut self, left: &str, right: &str, remark: Option<&str>) {
        let half = self.width / 2;
        let (left, right) = (lines(left, half - 2), lines(right, half - 2));
        for place in 0..left.len().max(right.len()) {
            let line = |lines: &[String]| lines.get(place).cloned().unwrap_or_default();
            let (left, right) = (line(&left), line(&right));
            self.push_padded(&left, half);
            self.text.push('|');
            match remark.filter(|_| place == 0) {
                Some(remark) => {
                    self.text.push(' ');
                    self.push_padded(&right, half - REMARK_INDENT_COLUMNS);
                    self.text.push_str("<<<<< ");
                    self.text.push_str(remark);
                }
                None if right.is_empty() => {}
                None => {
                    self.text.push(' ');
                    self.text.push_str(&right);
                }
            }
            self.text.push('\n');
        }
    }

    fn push_padded(&mut self, text: &str, columns: usize) {
        self.text.push_str(text);
        self.text.extend(std::iter::repeat_n(' ', columns.saturating_sub(units(text))));
    }

    fn finish(mut self) -> String {
        self.text.push_str(&"-".repeat(self.width));
        self.text.push('\n');
        self.text
    }
}

/// Returns the lines of a cell. As in WireMock, if one line is too long, the whole text is wrapped
/// and empty lines are left out.
fn lines(text: &str, columns: usize) -> Vec<String> {
    if text.split('\n').any(|line| units(line) > columns) {
        return wrap_words(text, columns, true)
            .split('\n')
            .filter(|line| !line.is_empty())
            .map(without_return)
            .collect();
    }
    let mut lines: Vec<String> = text.split('\n').map(without_return).collect();
    while lines.len() > 1 && lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn without_return(line: &str) -> String {
    line.strip_suffix('\r').unwrap_or(line).to_owned()
}

/// Returns the width of a text in UTF-16 units, as in Java.
fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

const TITLE: &str = "Request was not matched";

/// Distance between a remark and the end of its column.
const REMARK_INDENT_COLUMNS: usize = 7;

/// Minimum width: the title and a few words must fit.
const MIN_PAGE_WIDTH: usize = 40;

/// Maximum width in columns.
const MAX_PAGE_WIDTH: usize = 400;

/// Maximum number of bytes that are shown of a name.
const NAME_BYTES: usize = 1024;
