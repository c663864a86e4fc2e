//! What a row found: lines for people, eighty columns wide, and the same figures as JSON for
//! programs.

use std::fmt;

use serde_json::{Map, Value, json};

use super::process::Disturbance;
use super::statistics::{Spread, ratios};

/// The findings of one row.
#[derive(Debug, Default)]
pub struct Report {
    sides: Sides,
    lines: Vec<String>,
    figures: Map<String, Value>,
    limits: Vec<(String, Verdict)>,
}

/// The names of what is compared.
#[derive(Clone, Copy, Debug)]
struct Sides([&'static str; 2]);

impl Default for Sides {
    fn default() -> Self {
        Self(["standin", "hyper"])
    }
}

/// How a limit was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Met,
    /// It does not.
    Broken,
    /// The noise is too large to say, or the figure could not be had.
    Open,
}

impl Report {
    /// One that compares two sides of these names.
    pub fn of(one: &'static str, other: &'static str) -> Self {
        Self { sides: Sides([one, other]), ..Self::default() }
    }

    /// A line of text; longer ones are wrapped.
    pub fn say(&mut self, text: &str) {
        self.lines.extend(wrap(text, WIDTH - 2));
    }

    /// A line of a table, as it is.
    pub fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    /// A figure for programs only.
    pub fn figure(&mut self, name: &str, value: Value) {
        self.figures.insert(name.to_owned(), value);
    }

    /// The heads of the columns that [`Report::compare`] fills.
    pub fn columns(&mut self) {
        let Sides([one, other]) = self.sides;
        self.lines.push(format!("{:24}{one:>11}{other:>11}   {}", "", "ratio (range)"));
    }

    /// Pairs of measurements: medians, and median and range of the ratio of each pair. Returns that
    /// ratio.
    pub fn compare(&mut self, name: &str, one: &[f64], other: &[f64], digits: usize) -> Spread {
        let ratio = Spread::of(&ratios(one, other));
        let (ours, floor) = (Spread::of(one).median, Spread::of(other).median);
        let Spread { median, least, most } = ratio;
        self.lines.push(format!(
            "{name:24}{:>11}{:>11}   {median:.3} ({least:.3}-{most:.3})",
            number(ours, digits),
            number(floor, digits)
        ));
        let Sides([first, second]) = self.sides;
        self.figures.insert(
            name.to_owned(),
            json!({first: one, second: other, "ratio": {"median": median, "min": least, "max": most}}),
        );
        ratio
    }

    /// Says what disturbed a measurement, if it is worth a word.
    pub fn disturbed(&mut self, disturbance: Disturbance) {
        let share = disturbance.share();
        let shares = self.figures.entry("disturbance").or_insert_with(|| json!([]));
        if let Value::Array(shares) = shares {
            shares.push(json!(share));
        }
        if share > 0.05 {
            self.say(&format!("others took up to {} % of the machine meanwhile", number(share * 100.0, 0)));
        }
    }

    /// Says how a limit was kept.
    pub fn limit(&mut self, limit: &str, verdict: Verdict) {
        self.say(&format!("limit {limit}: {verdict}"));
        self.limits.push((limit.to_owned(), verdict));
    }

    /// The worst verdict; none at all is fine.
    pub fn verdict(&self) -> Verdict {
        let has = |sought| self.limits.iter().any(|(_, verdict)| *verdict == sought);
        match (has(Verdict::Broken), has(Verdict::Open)) {
            (true, _) => Verdict::Broken,
            (false, true) => Verdict::Open,
            (false, false) => Verdict::Met,
        }
    }

    /// The lines, indented.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str("  ");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Everything on one line.
    pub fn json(&self, row: &str) -> Value {
        let limits: Vec<_> = self
            .limits
            .iter()
            .map(|(limit, verdict)| json!({"limit": limit, "verdict": verdict.to_string()}))
            .collect();
        json!({"row": row, "figures": self.figures, "limits": limits})
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Met => "met",
            Self::Broken => "BROKEN",
            Self::Open => "not judged",
        })
    }
}

/// A number with commas between thousands.
pub fn number(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let text = format!("{:.digits$}", value.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{}{grouped}{fraction}", if value < 0.0 { "-" } else { "" })
}

/// Breaks between words.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}

const WIDTH: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(-1234.5, 1), "-1,234.5");
        assert_eq!(number(999.0, 0), "999");
        assert_eq!(number(f64::NAN, 2), "-");
    }

    #[test]
    fn long_lines_break_between_words() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("unbreakable", 4), ["unbreakable"]);
    }

    #[test]
    fn one_broken_limit_breaks_the_row() {
        let mut report = Report::default();
        assert_eq!(report.verdict(), Verdict::Met);
        report.limit("a", Verdict::Open);
        assert_eq!(report.verdict(), Verdict::Open);
        report.limit("b", Verdict::Broken);
        assert_eq!(report.verdict(), Verdict::Broken);
    }

    #[test]
    fn every_line_fits_eighty_columns() {
        let mut report = Report::default();
        report.columns();
        report.compare("CPU us/request", &[12.0, 123_456.0], &[11.0, 234_567.0], 2);
        report.say(&"many words ".repeat(30));
        assert!(report.text().lines().all(|line| line.chars().count() <= 80));
    }
}
