//! Where an operation bends: the load at which its p95 is three times that of the calmest. A mock that is right when calm and
//! bends elsewhere is wrong about what the service can do.

use serde::Serialize;

use super::baseline::Kind;
use super::cell::Cell;
use super::levels::Level;
use super::text::signed;

/// The loads at which an operation bends, on both sides and with simpler mocks, in calls a second of all operations; none where
/// that was not reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Knee {
    /// The operation.
    pub operation: String,
    /// Of the original.
    pub reference: Option<f64>,
    /// Of what is compared with it.
    pub mock: Option<f64>,
    /// Of a fixed delay.
    pub constant_median: Option<f64>,
    /// Of WireMock's log-normal delay.
    pub log_normal: Option<f64>,
    /// The busiest load at which both were compared.
    pub up_to: f64,
    /// By how much the mock's is higher, as a share; none unless both were reached.
    pub error: Option<f64>,
}

impl Knee {
    /// Of an operation's cells from calm to busy; none if fewer than two have calls enough for a p95.
    pub(super) fn new(cells: &[&Cell], levels: &[Level]) -> Option<Self> {
        let loads: Vec<(f64, &Cell)> = cells
            .iter()
            .filter(|cell| cell.believable.contains(&PERCENT) && cell.deviation.is_some())
            .filter_map(|cell| Some((levels.iter().find(|level| level.name == cell.level)?.per_second, *cell)))
            .collect();
        let [(_, first), .., (up_to, _)] = loads.as_slice() else { return None };
        let bend = |p95: &dyn Fn(&Cell) -> Option<f64>| {
            let points: Option<Vec<(f64, f64)>> = loads.iter().map(|(load, cell)| Some((*load, p95(cell)?))).collect();
            knee(&points?)
        };
        let of_reference = |cell: &Cell| cell.reference.latency.p95.0.as_secs_f64();
        let of_baseline = |kind: Kind| {
            move |cell: &Cell| {
                let baseline = cell.baselines.iter().find(|baseline| baseline.kind == kind)?;
                Some(of_reference(cell) * baseline.deviation.log_ratio.p95.exp())
            }
        };
        let reference = bend(&|cell| Some(of_reference(cell)));
        let mock = bend(&|cell| Some(cell.mock.latency.p95.0.as_secs_f64()));
        Some(Self {
            operation: first.operation.clone(),
            reference,
            mock,
            constant_median: bend(&of_baseline(Kind::ConstantMedian)),
            log_normal: bend(&of_baseline(Kind::LogNormal)),
            up_to: *up_to,
            error: reference.zip(mock).map(|(reference, mock)| mock / reference - 1.0),
        })
    }
}

impl Knee {
    /// Both loads in words.
    pub(super) fn in_words(&self, reference: &str, mock: &str) -> String {
        let told = |at: Option<f64>| {
            at.map_or_else(
                || format!("not up to {:.0} calls a second", self.up_to),
                |at| format!("at {at:.0} calls a second"),
            )
        };
        let (one, other) = (told(self.reference), told(self.mock));
        let error = self.error.map(|error| format!(" ({})", signed(error.ln_1p()))).unwrap_or_default();
        format!("The p95 of {} triples {one} with {reference}, {other} with {mock}{error}", self.operation)
    }
}

/// Where the second of these values, from calm to busy, reaches three times its first, between two loads by the logarithms of both.
fn knee(points: &[(f64, f64)]) -> Option<f64> {
    let (_, first) = points.first()?;
    let bent = first * TIMES;
    let pair = points.windows(2).find(|pair| pair[1].1 >= bent && bent > 0.0)?;
    let ((calm, low), (busy, high)) = (pair[0], pair[1]);
    let share = (bent / low).ln() / (high / low).ln();
    Some(calm * (busy / calm).powf(share))
}

const PERCENT: u32 = 95;
const TIMES: f64 = 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_knee_lies_between_loads_by_their_logarithms() {
        assert_eq!(knee(&[(10.0, 1.0), (100.0, 2.9)]), None);
        assert_eq!(knee(&[(10.0, 1.0)]), None);
        assert_eq!(knee(&[(10.0, 0.0), (20.0, 5.0)]), None);
        assert!((knee(&[(10.0, 1.0), (100.0, 9.0)]).unwrap() - 1_000_f64.sqrt()).abs() < 1e-9);
        assert!((knee(&[(10.0, 1.0), (20.0, 1.5), (40.0, 3.0), (50.0, 99.0)]).unwrap() - 40.0).abs() < 1e-9);
        // the first time counts
        assert!((knee(&[(10.0, 1.0), (20.0, 3.0), (40.0, 2.0), (50.0, 4.0)]).unwrap() - 20.0).abs() < 1e-9);
    }
}
