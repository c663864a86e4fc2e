//! Where an operation bends: the load at which its p95 is three times that of the calmest. A mock
//! that is right when calm and bends elsewhere is wrong about what the service can do.
//!
//! Between two loads that were compared nothing is known but that it bends there: what is told is
//! from where to where.

use serde::Serialize;

use crate::gap::compare::baseline::BaselineKind;
use crate::gap::compare::cell::Cell;
use crate::gap::compare::load_levels::LoadLevel;
use crate::gap::format::rate;

/// The loads at which an operation bends, on both sides and with simpler mocks, in calls a second
/// of all operations; none where that was not reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Knee {
    /// Operation whose latency has the knee.
    pub operation: String,
    /// The load at which the service bends, interpolated within `reference_between`.
    pub reference: Option<f64>,
    /// The load at which the mock bends, interpolated within `mock_between`.
    pub mock: Option<f64>,
    /// The last compared load before the service bends, and the first after it.
    pub reference_between: Option<[f64; 2]>,
    /// The last compared load before the mock bends, and the first after it.
    pub mock_between: Option<[f64; 2]>,
    /// The load at which a fixed delay bends.
    pub constant_median: Option<f64>,
    /// The load at which WireMock's log-normal delay bends.
    pub log_normal: Option<f64>,
    /// The busiest load at which both were compared.
    pub up_to: f64,
    /// The relative difference of the two knees, mock by service; `None` unless both were reached,
    /// between different loads.
    pub error: Option<f64>,
}

impl Knee {
    /// Finds the knees of an operation from its cells, ordered from calm to busy. Returns `None` if
    /// fewer than two cells have enough calls for a p95.
    pub(crate) fn new(cells: &[&Cell], levels: &[LoadLevel]) -> Option<Self> {
        let loads: Vec<(f64, &Cell)> = cells
            .iter()
            .filter(|cell| cell.reliable_percentiles.contains(&KNEE_PERCENT) && cell.deviation.is_some())
            .filter_map(|cell| Some((levels.iter().find(|level| level.name == cell.level)?.per_second, *cell)))
            .collect();
        let [(_, first), .., (up_to, _)] = loads.as_slice() else { return None };
        let bend = |p95: &dyn Fn(&Cell) -> Option<f64>| {
            let points: Option<Vec<(f64, f64)>> = loads.iter().map(|(load, cell)| Some((*load, p95(cell)?))).collect();
            knee(&points?)
        };
        let of_reference = |cell: &Cell| cell.reference.latency.p95.0.as_secs_f64();
        let of_baseline = |kind: BaselineKind| {
            move |cell: &Cell| {
                let baseline = cell.baselines.iter().find(|baseline| baseline.kind == kind)?;
                Some(of_reference(cell) * baseline.deviation.log_ratio.p95.exp())
            }
        };
        let (reference, reference_between) = bend(&|cell| Some(of_reference(cell))).unzip();
        let (mock, mock_between) = bend(&|cell| Some(cell.mock.latency.p95.0.as_secs_f64())).unzip();
        let differ = reference_between.zip(mock_between).is_some_and(|(one, other)| !overlap(one, other));
        Some(Self {
            operation: first.operation.clone(),
            reference,
            mock,
            reference_between,
            mock_between,
            constant_median: bend(&of_baseline(BaselineKind::ConstantMedian)).map(|(at, _)| at),
            log_normal: bend(&of_baseline(BaselineKind::LogNormal)).map(|(at, _)| at),
            up_to: *up_to,
            error: reference.zip(mock).filter(|_| differ).map(|(reference, mock)| mock / reference - 1.0),
        })
    }
}

impl Knee {
    /// Returns both loads in words.
    pub(crate) fn describe(&self) -> String {
        let slow = format!("slow answers (p95) of {}", self.operation);
        let between =
            |[calm, busy]: [f64; 2]| format!("somewhere between {} and {} calls a second", rate(calm), rate(busy));
        let never = format!("up to {} calls a second, the busiest load compared", rate(self.up_to));
        match (self.reference_between, self.mock_between) {
            (None, None) => format!("{slow} do not become three times as slow as when calm {never}, with neither"),
            (Some(one), Some(other)) if one == other => {
                format!("{slow} become three times as slow as when calm {}, with both", between(one))
            }
            (Some(one), Some(other)) => {
                let how = match (overlap(one, other), one[0] > other[0]) {
                    (true, _) => "",
                    (false, true) => "already ",
                    (false, false) => "only ",
                };
                let (one, other) = (between(one), between(other));
                format!(
                    "{slow} become three times as slow as when calm {one} with the service, and {how}{other} with the mock"
                )
            }
            (Some(one), None) => format!(
                "with the service, {slow} become three times as slow as when calm {}; with the mock they do not ({never})",
                between(one)
            ),
            (None, Some(other)) => format!(
                "with the mock, {slow} become three times as slow as when calm {}; with the service they do not ({never})",
                between(other)
            ),
        }
    }
}

/// Returns true if the intervals overlap, so that both may bend at the same load.
fn overlap(one: [f64; 2], other: [f64; 2]) -> bool {
    one[0] < other[1] && other[0] < one[1]
}

/// Finds where the values, ordered from calm to busy, reach three times the first one: between two
/// loads, interpolated by the logarithms of both.
fn knee(points: &[(f64, f64)]) -> Option<(f64, [f64; 2])> {
    let (_, first) = points.first()?;
    let bent = first * KNEE_FACTOR;
    let pair = points.windows(2).find(|pair| pair[1].1 >= bent && bent > 0.0)?;
    let ((calm, low), (busy, high)) = (pair[0], pair[1]);
    let share = (bent / low).ln() / (high / low).ln();
    Some((calm * (busy / calm).powf(share), [calm, busy]))
}

const KNEE_PERCENT: u32 = 95;
const KNEE_FACTOR: f64 = 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_knee_lies_between_loads_by_their_logarithms() {
        assert_eq!(knee(&[(10.0, 1.0), (100.0, 2.9)]), None);
        assert_eq!(knee(&[(10.0, 1.0)]), None);
        assert_eq!(knee(&[(10.0, 0.0), (20.0, 5.0)]), None);
        let at = |points: &[(f64, f64)]| knee(points).unwrap();
        let (guess, between) = at(&[(10.0, 1.0), (100.0, 9.0)]);
        assert!((guess - 1_000_f64.sqrt()).abs() < 1e-9 && between == [10.0, 100.0], "{guess} {between:?}");
        assert!((at(&[(10.0, 1.0), (20.0, 1.5), (40.0, 3.0), (50.0, 99.0)]).0 - 40.0).abs() < 1e-9);
        // the first time counts
        assert!((at(&[(10.0, 1.0), (20.0, 3.0), (40.0, 2.0), (50.0, 4.0)]).0 - 20.0).abs() < 1e-9);
    }

    /// Between two loads that are far apart no single number is known.
    #[test]
    fn a_knee_is_told_from_where_to_where() {
        let told = |reference: Option<[f64; 2]>, mock: Option<[f64; 2]>| {
            let knee = Knee {
                operation: "GET /a".to_owned(),
                reference: reference.map(|[calm, _]| calm),
                mock: mock.map(|[calm, _]| calm),
                reference_between: reference,
                mock_between: mock,
                constant_median: None,
                log_normal: None,
                up_to: 377.0,
                error: None,
            };
            knee.describe()
        };
        let (low, high) = ([120.0, 200.0], [200.0, 377.0]);
        for (reference, mock, expected) in [
            (Some(low), Some(low), "somewhere between 120 and 200 calls a second, with both"),
            (
                Some(high),
                Some(low),
                "with the service, and already somewhere between 120 and 200 calls a second with the mock",
            ),
            (Some(low), Some(high), "and only somewhere between 200 and 377"),
            (None, Some(high), "with the service they do not (up to 377 calls a second, the busiest load compared)"),
            (Some(high), None, "with the mock they do not (up to 377"),
            (
                None,
                None,
                "do not become three times as slow as when calm up to 377 calls a second, the busiest load compared",
            ),
        ] {
            let sentence = told(reference, mock);
            assert!(sentence.contains(expected), "{sentence}");
        }
        assert!(overlap([120.0, 377.0], [200.0, 300.0]) && !overlap(low, high) && !overlap(high, low));
    }
}
