//! One operation's percentiles from calm to busy, the service beside the mock, on a logarithmic scale.

use std::fmt::{self, Write as _};

use super::Gap;
use super::cell::Cell;
use super::junit::Escaped;
use super::sample::Sample;

/// A figure as SVG, coloured by the page that it stands in.
#[derive(Debug)]
pub(super) struct Plot<'g> {
    names: [&'g str; 2],
    cells: Vec<&'g Cell>,
    /// Milliseconds, by powers of ten.
    least: f64,
    most: f64,
}

impl<'g> Plot<'g> {
    /// Of the cells of one operation, from calm to busy.
    pub(super) fn new(gap: &'g Gap, cells: &[&'g Cell]) -> Self {
        let both = |cell: &&&Cell| cell.reference.answered > 0 && cell.mock.answered > 0;
        let cells: Vec<&Cell> = cells.iter().filter(both).copied().collect();
        let times = cells
            .iter()
            .flat_map(|cell| [&cell.reference, &cell.mock])
            .flat_map(|sample| PERCENTS.iter().map(|percent| time(sample, *percent)));
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for time in times {
            (least, most) = (least.min(time), most.max(time));
        }
        Self {
            names: [&gap.reference.name, &gap.mock.name],
            cells,
            least: least.log10().floor(),
            most: most.log10().ceil(),
        }
    }

    fn x(&self, place: usize) -> f64 {
        let step = (WIDTH - LEFT - RIGHT) / self.cells.len().max(1) as f64;
        LEFT + step * (place as f64 + 0.5)
    }

    fn y(&self, ms: f64) -> f64 {
        let share = (ms.log10() - self.least) / (self.most - self.least).max(1.0);
        HEIGHT - BELOW - share * (HEIGHT - BELOW - ABOVE)
    }
}

impl fmt::Display for Plot<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cells.is_empty() {
            return Ok(());
        }
        let [real, mock] = self.names;
        writeln!(out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"percentiles by load\">")?;
        let decades = (self.most - self.least).max(1.0) as i32;
        for decade in 0..=decades {
            let ms = 10_f64.powi(self.least as i32 + decade);
            let y = self.y(ms);
            writeln!(out, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", WIDTH - RIGHT)?;
            writeln!(
                out,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{} ms</text>",
                LEFT - 8.0,
                y + 4.0,
                plain(ms)
            )?;
        }
        for (place, cell) in self.cells.iter().enumerate() {
            let (x, y) = (self.x(place), HEIGHT - BELOW + 18.0);
            writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>", Escaped(&cell.level))?;
        }
        for percent in PERCENTS {
            self.curve(out, percent, "real", |cell| &cell.reference)?;
            self.curve(out, percent, "mock", |cell| &cell.mock)?;
            if let Some(last) = self.cells.last() {
                let (x, y) = (self.x(self.cells.len() - 1) + 10.0, self.y(time(&last.reference, percent)) + 4.0);
                writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\">p{percent}</text>")?;
            }
        }
        for (place, (class, name)) in [("real", real), ("mock", mock)].into_iter().enumerate() {
            let x = LEFT + 200.0 * place as f64;
            writeln!(out, "<line class=\"{class}\" x1=\"{x}\" x2=\"{}\" y1=\"14\" y2=\"14\"/>", x + 30.0)?;
            writeln!(out, "<text x=\"{}\" y=\"18\">{}</text>", x + 36.0, Escaped(name))?;
        }
        writeln!(out, "</svg>")
    }
}

impl Plot<'_> {
    fn curve(
        &self,
        out: &mut fmt::Formatter<'_>,
        percent: u32,
        class: &str,
        side: impl Fn(&Cell) -> &Sample,
    ) -> fmt::Result {
        let mut points = String::new();
        for (place, cell) in self.cells.iter().enumerate() {
            let (x, y) = (self.x(place), self.y(time(side(cell), percent)));
            write!(points, "{x:.1},{y:.1} ")?;
            writeln!(out, "<circle class=\"{class}-dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>")?;
        }
        writeln!(out, "<polyline class=\"{class}\" points=\"{}\"/>", points.trim_end())
    }
}

/// A percentile in milliseconds.
fn time(sample: &Sample, percent: u32) -> f64 {
    (sample.latency.at(percent).0.as_secs_f64() * 1e3).max(1e-3)
}

fn plain(ms: f64) -> String {
    if ms >= 1.0 { format!("{ms:.0}") } else { format!("{ms}") }
}

const PERCENTS: [u32; 3] = [50, 95, 99];
const WIDTH: f64 = 700.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 50.0;
const ABOVE: f64 = 34.0;
const BELOW: f64 = 34.0;
