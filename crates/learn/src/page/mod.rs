//! A report as one HTML page that needs nothing else: the frame with its looks, and figures drawn
//! as SVG. No scripts. It reads in the dark, on a phone and on paper, and its lines are told apart
//! without colours.

mod bars;
mod chart;
mod scale;

use std::fmt;

use standin_text::unbroken_units;

pub(crate) use bars::Bars;
pub(crate) use chart::{Band, Chart, ChartAxis, ChartLine, Figure, Look};
pub(crate) use scale::AxisScale;

/// A text within XML or HTML, also in a quoted attribute.
#[derive(Debug)]
pub(crate) struct EscapedText<'t>(pub(crate) &'t str);

impl fmt::Display for EscapedText<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '<' => out.write_str("&lt;"),
            '>' => out.write_str("&gt;"),
            '&' => out.write_str("&amp;"),
            '"' => out.write_str("&quot;"),
            '\n' => out.write_str("&#10;"),
            // XML has no way to say these
            c if c.is_control() && c != '\t' => out.write_str("\u{fffd}"),
            c => write!(out, "{c}"),
        })
    }
}

/// A text for people: what stands between backticks is set as it is typed, and a number stays with
/// its unit.
#[derive(Debug)]
pub(crate) struct Prose<'t>(pub(crate) &'t str);

impl fmt::Display for Prose<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = unbroken_units(self.0);
        let pieces: Vec<&str> = text.split('`').collect();
        for (place, piece) in pieces.iter().enumerate() {
            match place % 2 {
                0 => write!(out, "{}", EscapedText(piece))?,
                // one that nothing closes is a backtick
                _ if place + 1 == pieces.len() => write!(out, "`{}", EscapedText(piece))?,
                _ => write!(out, "<code>{}</code>", EscapedText(piece))?,
            }
        }
        Ok(())
    }
}

/// Writes what comes before a page's contents.
pub(crate) fn begin(out: &mut fmt::Formatter<'_>, title: &str) -> fmt::Result {
    writeln!(out, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">")?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(out, "<title>{}</title>\n<style>{STYLE}</style>\n<main>", EscapedText(title))
}

/// Writes what comes after them.
pub(crate) fn end(out: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(out, "</main>\n</html>")
}

/// Returns a sentence with a capital letter and a full stop. A text that begins with a name such as
/// `p95` keeps its case.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let name = text.split(' ').next().unwrap_or_default();
    if name.contains(|c: char| c.is_ascii_digit()) {
        return format!("{text}.");
    }
    if text.is_empty() { String::new() } else { format!("{}.", capitalized(text)) }
}

/// Returns a text with a capital letter.
pub(crate) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

const STYLE: &str = include_str!("style.css");

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Panics unless every tag that must be closed is, in order.
    pub(crate) fn assert_balanced(page: &str) {
        const OPEN: [&str; 13] =
            ["!doctype", "meta", "br", "tr", "td", "th", "line", "path", "polyline", "polygon", "circle", "rect", "hr"];
        let mut open = Vec::new();
        for tag in page.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').expect("each tag ends");
            let name = tag.split([' ', '\n']).next().expect("a name").trim_end_matches('/');
            if let Some(name) = name.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "closed in this order");
            } else if !OPEN.contains(&name) && !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "not closed: {open:?}");
    }

    #[test]
    fn what_is_said_is_no_markup() {
        assert_eq!(
            EscapedText("GET /a?<b>&\"c\"\n\u{1}").to_string(),
            "GET /a?&lt;b&gt;&amp;&quot;c&quot;&#10;\u{fffd}"
        );
        assert_eq!(
            Prose("use `a <b>`, or `c` and ` too").to_string(),
            "use <code>a &lt;b&gt;</code>, or <code>c</code> and ` too"
        );
        assert_eq!(sentence("it differs"), "It differs.");
        assert_eq!(sentence("It ends."), "It ends.");
        assert_eq!(sentence("p95 is longer"), "p95 is longer.");
        assert_eq!(sentence(""), "");
    }
}
