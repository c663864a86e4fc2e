//! Bars beside their names: few numbers of which the size matters. HTML, so that names wrap and are
//! read at their full size.

use std::fmt;

use super::EscapedText;

/// Rows of a name, a bar and what it stands for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bars {
    pub(crate) rows: Vec<BarRow>,
    /// A value that is marked across all rows, and what it is.
    pub(crate) mark: Option<(f64, String)>,
}

/// A bar with its label.
#[derive(Clone, Debug)]
pub(crate) struct BarRow {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) told: String,
    /// True for the bar that the text is about.
    pub(crate) is_chosen: bool,
}

impl Bars {
    /// Adds a bar below the others.
    pub(crate) fn and(mut self, name: &str, value: f64, told: String, is_chosen: bool) -> Self {
        self.rows.push(BarRow { name: name.to_owned(), value, told, is_chosen });
        self
    }
}

impl fmt::Display for Bars {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marked = self.mark.as_ref().map(|(value, _)| *value);
        let values = self.rows.iter().map(|row| row.value).chain(marked).filter(|value| value.is_finite());
        let most = values.fold(0.0_f64, f64::max);
        let share = |value: f64| if most > 0.0 { (value / most * 100.0).clamp(0.0, 100.0) } else { 0.0 };
        writeln!(out, "<div class=\"bars\">")?;
        for row in &self.rows {
            let class = if row.is_chosen { "bar chosen" } else { "bar" };
            let width = share(row.value);
            write!(
                out,
                "<div class=\"{class}\"><span>{}</span><svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"{width:.1}\" height=\"10\"/>",
                EscapedText(&row.name)
            )?;
            if let Some(at) = marked.map(share) {
                write!(out, "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"-2\" y2=\"12\"/>")?;
            }
            writeln!(out, "</svg><b>{}</b></div>", EscapedText(&row.told))?;
        }
        if let Some((_, name)) = &self.mark {
            writeln!(out, "<p class=\"note\">The line across the bars: {}.</p>", EscapedText(name))?;
        }
        writeln!(out, "</div>")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_balanced;
    use super::*;

    #[test]
    fn the_longest_bar_is_whole() {
        let bars = Bars { mark: Some((0.05, "by <chance>".to_owned())), ..Bars::default() };
        let page = bars.and("fifo(4)", 0.1, "0.100".to_owned(), true).and("a&b", 0.2, "0.2".to_owned(), false);
        let page = page.to_string();
        assert_balanced(&page);
        for expected in
            ["width=\"50.0\"", "width=\"100.0\"", "x1=\"25.0\"", "a&amp;b", "by &lt;chance&gt;", "bar chosen"]
        {
            assert!(page.contains(expected), "{expected} {page}");
        }
    }

    #[test]
    fn nothing_has_no_length() {
        let page = Bars::default().and("a", 0.0, "0".to_owned(), false).and("b", f64::NAN, "-".to_owned(), false);
        let page = page.to_string();
        assert!(page.contains("width=\"0.0\"") && !page.contains("inf"), "{page}");
    }
}
