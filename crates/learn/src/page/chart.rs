//! Lines over two axes as SVG, small enough to be read on a phone, and the figure around them: what
//! it shows, which line is which, and how to read it.

use std::fmt::{self, Write as _};

use super::scale::{AxisScale, written};
use super::{EscapedText, Prose};

/// A chart with a title above, its lines named, and a sentence below.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) title: String,
    pub(crate) chart: Chart,
    /// The result that the figure shows, in a sentence.
    pub(crate) takeaway: String,
    /// Instructions for reading the figure.
    pub(crate) reading: String,
}

/// Lines over two axes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    pub(crate) x: ChartAxis,
    pub(crate) y: ChartAxis,
    pub(crate) band: Option<Band>,
    pub(crate) lines: Vec<ChartLine>,
}

/// An axis: its quantity with the unit, and its range.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChartAxis {
    pub(crate) name: String,
    pub(crate) scale: AxisScale,
}

/// An area: at each place from where to where it reaches.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, [f64; 2])>,
}

/// Points, joined or not.
#[derive(Clone, Debug)]
pub(crate) struct ChartLine {
    pub(crate) look: Look,
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    /// True if each point has a mark.
    pub(crate) is_marked: bool,
    pub(crate) is_joined: bool,
}

/// The style of a line: colour, dashes and marks are the same on all pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// The service: solid, round marks.
    Real,
    /// The mock: dashed, square marks.
    Mock,
    /// A fixed delay: dotted, triangles.
    Constant,
    /// A log-normal delay: dash and dot, diamonds.
    LogNormal,
    /// Round marks of a lighter colour.
    Calm,
    /// The busiest load: diamonds.
    Busy,
    /// A guide line, thin.
    Guide,
}

impl fmt::Display for Figure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "<figure><h3>{}</h3>", EscapedText(&self.title))?;
        if self.chart.lines.iter().all(|line| line.points.is_empty()) {
            return writeln!(out, "<p class=\"note\">There are too few calls to draw it.</p></figure>");
        }
        write!(out, "<p class=\"legend\">")?;
        for line in self.chart.lines.iter().filter(|line| !line.points.is_empty()) {
            write!(out, "<span>")?;
            line.key(out)?;
            write!(out, "{}</span> ", EscapedText(&line.name))?;
        }
        if let Some(band) = &self.chart.band {
            write!(
                out,
                "<span><svg class=\"key\" viewBox=\"0 0 32 12\" aria-hidden=\"true\"><rect class=\"band\" width=\"32\" height=\"12\"/></svg>{}</span>",
                EscapedText(&band.name)
            )?;
        }
        writeln!(out, "</p>")?;
        let label = format!("{}. {}", self.title, self.takeaway);
        writeln!(out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", EscapedText(&label))?;
        write!(out, "{}</svg>", self.chart)?;
        let scale = match (self.chart.x.scale.is_log(), self.chart.y.scale.is_log()) {
            (false, false) => "",
            (true, true) => " Both scales are logarithmic: the same distance is the same ratio.",
            (true, false) => " The scale below is logarithmic: the same distance is the same ratio.",
            (false, true) => " The scale on the left is logarithmic: the same distance is the same ratio.",
        };
        let (takeaway, reading) = (Prose(&self.takeaway), Prose(&self.reading));
        writeln!(out, "<figcaption><b>{takeaway}</b> {reading}{scale}</figcaption></figure>")
    }
}

impl fmt::Display for Chart {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.axes(out)?;
        if let Some(band) = &self.band {
            self.band(out, band)?;
        }
        self.lines.iter().try_for_each(|line| self.line(out, line))
    }
}

impl Chart {
    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.scale.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BELOW - self.y.scale.place(value) * (HEIGHT - BELOW - ABOVE)
    }

    fn axes(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BELOW);
        for tick in self.y.scale.ticks() {
            let y = self.y(tick);
            writeln!(out, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>")?;
            let (x, y) = (LEFT - 6.0, y + 4.5);
            writeln!(out, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>", written(tick))?;
        }
        let mut free_from = f64::NEG_INFINITY;
        for tick in self.x.scale.ticks() {
            let (x, text) = (self.x(tick), written(tick));
            writeln!(out, "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{ABOVE}\" y2=\"{bottom}\"/>")?;
            let half = text.len() as f64 * DIGIT / 2.0;
            if x - half < free_from {
                continue;
            }
            free_from = x + half + DIGIT;
            // the last must not be cut off at the edge
            let at = x.min(WIDTH - half - 1.0);
            writeln!(out, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>", bottom + 18.0)?;
        }
        writeln!(out, "<text class=\"name\" x=\"2\" y=\"14\">{}</text>", EscapedText(&self.y.name))?;
        let (x, y) = (right, HEIGHT - 6.0);
        writeln!(
            out,
            "<text class=\"name\" x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{}</text>",
            EscapedText(&self.x.name)
        )
    }

    fn band(&self, out: &mut fmt::Formatter<'_>, band: &Band) -> fmt::Result {
        let upper = band.points.iter().map(|(x, [_, high])| (*x, *high));
        let lower = band.points.iter().rev().map(|(x, [low, _])| (*x, *low));
        writeln!(out, "<polygon class=\"band\" points=\"{}\"/>", self.places(upper.chain(lower)))
    }

    fn line(&self, out: &mut fmt::Formatter<'_>, line: &ChartLine) -> fmt::Result {
        let class = line.look.class();
        if line.is_joined && line.points.len() > 1 {
            let places = self.places(line.points.iter().copied());
            writeln!(out, "<polyline class=\"{class}\" points=\"{places}\"/>")?;
        }
        if line.is_marked || (line.is_joined && line.points.len() == 1) {
            let mut marks = String::new();
            for (x, y) in &line.points {
                line.look.mark(&mut marks, self.x(*x), self.y(*y))?;
            }
            writeln!(out, "<path class=\"{class} mark\" d=\"{marks}\"/>")?;
        }
        Ok(())
    }

    fn places(&self, points: impl Iterator<Item = (f64, f64)>) -> String {
        let mut places = String::new();
        for (x, y) in points {
            let _ = write!(places, "{:.1},{:.1} ", self.x(x), self.y(y));
        }
        places.truncate(places.trim_end().len());
        places
    }
}

impl ChartLine {
    /// Returns a line of joined points with marks.
    pub(crate) fn new(look: Look, name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { look, name: name.to_owned(), points, is_marked: true, is_joined: true }
    }

    /// Writes the legend entry of the line.
    fn key(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = self.look.class();
        write!(out, "<svg class=\"key\" viewBox=\"0 0 32 12\" aria-hidden=\"true\">")?;
        if self.is_joined {
            write!(out, "<line class=\"{class}\" x1=\"0\" x2=\"32\" y1=\"6\" y2=\"6\"/>")?;
        }
        if self.is_marked {
            let mut mark = String::new();
            self.look.mark(&mut mark, 16.0, 6.0)?;
            write!(out, "<path class=\"{class} mark\" d=\"{mark}\"/>")?;
        }
        write!(out, "</svg>")
    }
}

impl Look {
    fn class(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Mock => "mock",
            Self::Constant => "constant",
            Self::LogNormal => "log-normal",
            Self::Calm => "calm",
            Self::Busy => "busy",
            Self::Guide => "guide",
        }
    }

    /// Writes a mark around a place, as a part of a path.
    fn mark(self, path: &mut String, x: f64, y: f64) -> fmt::Result {
        match self {
            Self::Real | Self::Calm | Self::Guide => {
                write!(path, "M{:.1},{y:.1}a3.2,3.2 0 1 0 6.4,0a3.2,3.2 0 1 0-6.4,0z", x - 3.2)
            }
            Self::Mock => write!(path, "M{:.1},{:.1}h6v6h-6z", x - 3.0, y - 3.0),
            Self::Constant => write!(path, "M{x:.1},{:.1}l4,7h-8z", y - 4.5),
            Self::LogNormal | Self::Busy => write!(path, "M{x:.1},{:.1}l4.2,4.2-4.2,4.2-4.2-4.2z", y - 4.2),
        }
    }
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const ABOVE: f64 = 28.0;
const BELOW: f64 = 44.0;
/// About the width of a digit.
const DIGIT: f64 = 7.5;

#[cfg(test)]
mod tests {
    use super::super::tests::assert_balanced;
    use super::*;

    fn figure(lines: Vec<ChartLine>) -> Figure {
        let values = || lines.iter().flat_map(|line| line.points.iter().copied());
        let x = ChartAxis {
            name: "calls <a> second".to_owned(),
            scale: AxisScale::from_zero(values().map(|point| point.0)),
        };
        let y = ChartAxis { name: "p95, ms".to_owned(), scale: AxisScale::times(values().map(|point| point.1)) };
        let band = Some(Band { name: "chance".to_owned(), points: vec![(1.0, [1.0, 2.0]), (2.0, [0.0, 1e9])] });
        Figure {
            title: "a & \"b\"".to_owned(),
            chart: Chart { x, y, band, lines },
            takeaway: "It is \"longer\".".to_owned(),
            reading: "<i>not slanted</i>".to_owned(),
        }
    }

    #[test]
    fn lines_differ_by_more_than_their_colour() {
        let points = || vec![(1.0, 2.0), (2.0, 30.0)];
        let looks = [Look::Real, Look::Mock, Look::Constant, Look::LogNormal];
        let page = figure(looks.map(|look| ChartLine::new(look, "name", points())).to_vec()).to_string();
        assert_balanced(&page);
        for class in ["real", "mock", "constant", "log-normal"] {
            assert!(page.contains(&format!("<polyline class=\"{class}\"")), "{page}");
            assert!(page.contains(&format!("<path class=\"{class} mark\"")), "{page}");
        }
        assert!(page.contains("a &amp; &quot;b&quot;") && !page.contains("<i>"), "{page}");
        assert!(page.contains("aria-label=\"a &amp; &quot;b&quot;. It is &quot;longer&quot;.\""), "{page}");
        assert!(page.contains("calls &lt;a&gt; second"), "{page}");
    }

    #[test]
    fn one_point_is_a_mark_and_none_is_said() {
        let mut one = ChartLine::new(Look::Real, "one", vec![(3.0, 0.0)]);
        one.is_marked = false;
        let page = figure(vec![one]).to_string();
        assert!(page.contains("<path class=\"real mark\"") && !page.contains("<polyline"), "{page}");
        let page = figure(vec![ChartLine::new(Look::Real, "none", Vec::new())]).to_string();
        assert!(page.contains("too few calls") && !page.contains("<svg"), "{page}");
        assert_balanced(&page);
    }

    #[test]
    fn nothing_is_drawn_outside() {
        let points = vec![(0.0, 0.0), (1e12, 1e-12), (f64::NAN, f64::INFINITY), (5.0, f64::MAX)];
        let page = figure(vec![ChartLine::new(Look::Mock, &"long ".repeat(100), points)]).to_string();
        assert_balanced(&page);
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
        let (_, rest) = page.split_once("<polyline class=\"mock\" points=\"").expect("a line");
        let (places, _) = rest.split_once('"').expect("its end");
        for place in places.split(' ') {
            let (x, y) = place.split_once(',').expect("two numbers");
            let (x, y): (f64, f64) = (x.parse().expect("a number"), y.parse().expect("a number"));
            assert!((LEFT..=WIDTH).contains(&x) && (ABOVE..=HEIGHT).contains(&y), "{place}");
        }
    }
}
