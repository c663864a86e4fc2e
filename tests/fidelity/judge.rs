//! Compares two samples of latencies percentile by percentile, allowing for their noise.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// A latency, and when its call was due, both in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) at: f64,
    pub(crate) latency: f64,
}

/// Deviation of the mock from the reference at one percentile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finding {
    pub(crate) percentile: f64,
    pub(crate) reference: f64,
    pub(crate) mock: f64,
    /// Logarithm of the ratio of mock to reference.
    pub(crate) deviation: f64,
    /// Allowed size of `deviation`: the limit, or the noise if that is larger.
    pub(crate) allowed: f64,
}

/// Percentiles with the deviation that is allowed at each.
pub(crate) const LIMITS: [(f64, f64); 4] = [(0.5, 0.03), (0.9, 0.05), (0.95, 0.07), (0.99, 0.10)];

impl Finding {
    pub(crate) fn is_within(&self) -> bool {
        self.deviation.abs() <= self.allowed
    }
}

/// Compares two runs of one schedule at all percentiles. The noise is that of the logarithm of
/// their ratio, by a bootstrap over blocks of time, since successive calls wait in the same queue.
/// A block is drawn from both runs together, because its calls arrived at the same times. Three
/// standard deviations are allowed.
pub(crate) fn compare(reference: &[Point], mock: &[Point]) -> Vec<Finding> {
    let blocks = [blocks(reference), blocks(mock)];
    let count = blocks[0].len().min(blocks[1].len());
    let mut random = StdRng::seed_from_u64(7);
    let drawn: Vec<[f64; LIMITS.len()]> = (0..DRAWS)
        .map(|_| {
            let places: Vec<usize> = (0..count).map(|_| random.random_range(0..count)).collect();
            let [reference, mock] =
                [0, 1].map(|side| places.iter().flat_map(|place| &blocks[side][*place]).copied().collect::<Vec<_>>());
            LIMITS.map(|(percentile, _)| {
                (quantile(mock.clone(), percentile) / quantile(reference.clone(), percentile)).ln()
            })
        })
        .collect();
    let [reference, mock] = [reference, mock].map(|points| sorted(points.iter().map(|point| point.latency).collect()));
    let compared = LIMITS.iter().enumerate().map(|(place, (percentile, limit))| {
        let (reference, mock) = (at(&reference, *percentile), at(&mock, *percentile));
        let noise = deviation(drawn.iter().map(|one| one[place]));
        Finding {
            percentile: *percentile,
            reference,
            mock,
            deviation: (mock / reference).ln(),
            allowed: limit.max(3.0 * noise),
        }
    });
    compared.collect()
}

/// Groups latencies by the second in which their calls were due.
fn blocks(points: &[Point]) -> Vec<Vec<f64>> {
    let mut blocks: Vec<Vec<f64>> = Vec::new();
    for point in points {
        let place = (point.at / BLOCK) as usize;
        blocks.resize(blocks.len().max(place + 1), Vec::new());
        blocks[place].push(point.latency);
    }
    blocks
}

fn deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let mean = values.clone().sum::<f64>() / DRAWS as f64;
    (values.map(|value| (value - mean).powi(2)).sum::<f64>() / (DRAWS - 1) as f64).sqrt()
}

pub(crate) fn quantile(values: Vec<f64>, share: f64) -> f64 {
    at(&sorted(values), share)
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn at(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Length of a block in milliseconds: longer than a queue remembers.
const BLOCK: f64 = 1_000.0;
const DRAWS: usize = 100;

#[test]
fn the_judge_lets_the_same_pass_and_catches_what_differs() {
    use rand_distr::{Distribution as _, LogNormal};

    let sample = |median: f64, sigma: f64, seed: u64| -> Vec<Point> {
        let mut random = StdRng::seed_from_u64(seed);
        let demands = LogNormal::new(median.ln(), sigma).expect("a positive spread");
        (0..2_000).map(|call| Point { at: f64::from(call) * 10.0, latency: demands.sample(&mut random) }).collect()
    };
    let passes = |one: &[Point], other: &[Point]| compare(one, other).iter().all(Finding::is_within);
    let same = (0..12).filter(|seed| passes(&sample(10.0, 0.5, 2 * seed), &sample(10.0, 0.5, 2 * seed + 1))).count();
    assert!(same >= 11, "{same} of 12");
    assert!(!passes(&sample(10.0, 0.5, 1), &sample(12.0, 0.5, 2)), "a fifth more");
    assert!(!passes(&sample(10.0, 0.5, 1), &sample(10.0, 0.7, 2)), "a wider spread");
    assert!(!passes(&sample(10.0, 0.5, 1), &sample(10.0, 0.001, 2)), "a constant delay");
}
