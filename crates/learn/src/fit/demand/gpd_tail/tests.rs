use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::fit::demand::DemandTable;
use standin_stub::delay::normal;

const SEEDS: u64 = 100;

/// A distribution given by its quantile function.
type TrueQuantiles = fn(f64) -> f64;

const GOING_ON: [(&str, TrueQuantiles); 4] = [
    ("log-normal, 0.5", |share| 1e7 * (0.5 * normal::quantile(share)).exp()),
    ("log-normal, 1", |share| 1e7 * normal::quantile(share).exp()),
    ("exponential", |share| -1e7 * (-share).ln_1p()),
    ("Pareto, 2.5", |share| 1e7 * (1.0 - share).powf(-0.4)),
];
const ENDING: [(&str, TrueQuantiles); 4] = [
    ("uniform", |share| 1e7 * (1.0 + share)),
    ("triangular", |share| 1e7 * (3.0 - (1.0 - share).sqrt())),
    ("all alike", |_| 1e7),
    // a time-out after 40 ms: 1 call in 200
    ("time-out", |share| (1e7 * (0.54 * normal::quantile(share)).exp()).min(4e7)),
];

fn sample(truth: TrueQuantiles, count: usize, seed: u64) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut sample: Vec<f64> = (0..count).map(|_| truth(rng.random_range(1e-12..1.0 - 1e-12))).collect();
    sample.sort_by(f64::total_cmp);
    sample
}

fn mean(demand: &DemandTable) -> f64 {
    demand.distribution().mean().expect("bounded").as_nanos() as f64
}

/// Mean errors of tables with and without an extrapolated tail, and the number of tables with one.
struct Errors {
    with: [f64; 3],
    without: [f64; 3],
    tails: u64,
}

impl Errors {
    const SHARES: [f64; 3] = [0.99, 0.999, 0.9999];

    fn new(name: &str, truth: TrueQuantiles, count: usize) -> Self {
        let mut errors = Self { with: [0.0; 3], without: [0.0; 3], tails: 0 };
        for seed in 0..SEEDS {
            let sample = sample(truth, count, seed);
            let (demand, tail) = DemandTable::with_tail(sample.clone());
            let plain = DemandTable::new(sample);
            errors.tails += u64::from(tail.is_some());
            for (place, share) in Self::SHARES.into_iter().enumerate() {
                let error = |demand: &DemandTable| (demand.quantile(share).as_nanos() as f64 / truth(share)).ln().abs();
                errors.with[place] += error(&demand) / SEEDS as f64;
                errors.without[place] += error(&plain) / SEEDS as f64;
            }
            assert!((mean(&demand) / mean(&plain) - 1.0).abs() <= MAX_MEAN_CHANGE + 1e-6, "{name}, {seed}");
            if tail.is_none() {
                assert_eq!(demand, plain, "{name}, {seed}");
            }
        }
        let told = |errors: [f64; 3]| errors.map(|error| format!("{:.1}%", error * 100.0)).join(" ");
        eprintln!(
            "{name:<16} {count:>6}: p99 p99.9 p99.99 off by {}, carried on by {}, {} tails of {SEEDS}",
            told(errors.without),
            told(errors.with),
            errors.tails
        );
        errors
    }
}

#[test]
fn a_tail_that_goes_on_is_nearer_to_the_truth_than_a_table_that_stops() {
    for (name, truth) in GOING_ON {
        for count in [2_000, 5_000, 20_000] {
            let errors = Errors::new(name, truth, count);
            assert!(errors.tails > SEEDS / 4, "{name}, {count}: {}", errors.tails);
            assert!(errors.with[2] < errors.without[2], "{name}, {count}");
            // of 5,000 calls five exceed p99.9, of 20,000 twenty: it hardly changes then
            assert!(errors.with[1] < errors.without[1] * 1.05, "{name}, {count}");
            assert!((errors.with[0] - errors.without[0]).abs() < 1e-3, "{name}, {count}: the sample says that");
        }
    }
}

#[test]
fn a_tail_that_ends_is_not_extrapolated() {
    for (name, truth) in ENDING {
        for count in [2_000, 20_000] {
            let errors = Errors::new(name, truth, count);
            assert!(errors.tails <= SEEDS / 20, "{name}, {count}: {}", errors.tails);
        }
    }
}

#[test]
fn a_small_sample_says_nothing_beyond_itself() {
    for (_, truth) in GOING_ON {
        for seed in 0..SEEDS {
            assert_eq!(DemandTable::with_tail(sample(truth, 1_999, seed)).1, None);
        }
    }
}

#[test]
fn a_sample_says_the_shape_of_its_tail_and_how_sure_that_is() {
    for (expected, truth) in [
        (0.3, (|share| 1e6 * (1.0 - share).powf(-0.3)) as TrueQuantiles),
        (0.0, |share| -1e6 * (-share).ln_1p()),
        (-0.3, |share| 2e6 - 1e6 * (1.0 - share).powf(0.3)),
    ] {
        let shapes: Vec<Excesses> =
            (0..50).map(|seed| Excesses::highest(&sample(truth, 10_000, seed), 500).expect("enough")).collect();
        let mean = shapes.iter().map(|one| one.shape).sum::<f64>() / 50.0;
        let deviation = (shapes.iter().map(|one| (one.shape - mean).powi(2)).sum::<f64>() / 49.0).sqrt();
        let told = shapes.iter().map(|one| one.error).sum::<f64>() / 50.0;
        assert!((mean - expected).abs() < 0.03, "{expected}: {mean}");
        assert!((0.7..1.4).contains(&(deviation / told)), "{expected}: {deviation}, told {told}");
    }
}

#[test]
fn slow_calls_among_many_others_are_no_tail_of_the_service() {
    let (_, exponential) = GOING_ON[2];
    let mut rng = StdRng::seed_from_u64(1);
    let calls: Vec<(u32, f64)> =
        sample(exponential, 5_000, 1).into_iter().map(|demand| (rng.random_range(0..8), demand)).collect();
    assert!(is_independent_of_load(calls.clone()));
    let waited = |(found, demand): &(u32, f64)| (*found, demand + if *found > 5 { 3e7 } else { 0.0 });
    assert!(!is_independent_of_load(calls.iter().map(waited).collect()));
    assert!(
        is_independent_of_load(Vec::new())
            && is_independent_of_load(vec![(0, 1e6); 100])
            && is_independent_of_load(vec![(0, 1e6); 5_000])
    );
}

#[test]
fn a_tail_no_larger_than_the_noise_is_none() {
    let (_, exponential) = GOING_ON[2];
    let mut rng = StdRng::seed_from_u64(1);
    for (noise, is_clear) in [(1e6, true), (3e7, false)] {
        let mut noisy = sample(exponential, 5_000, 1);
        for demand in &mut noisy {
            *demand += rng.random_range(-noise..noise);
        }
        assert_eq!(DemandTable::with_tail(noisy).1.is_some(), is_clear, "{noise}");
    }
}

#[test]
fn a_tail_is_told_in_words_and_as_json() {
    let tail = Tail { from: 0.999, seen: Duration::from_millis(12), factor: 1.849 };
    assert_eq!(tail.to_string(), "the slowest calls are extrapolated: up to 1.8 times the slowest one recorded");
    assert!(Tail { factor: 1.04, ..tail }.to_string().contains(" 1.04 times "));
    assert_eq!(
        Tail { factor: 1.0, ..tail }.to_string(),
        "above p99.9 the slowest calls follow a smooth tail, up to the slowest one recorded"
    );
    let json = serde_json::to_value(tail).expect("plain");
    assert_eq!(json, serde_json::json!({"from": "p99.9", "seen": "12ms", "factor": 1.849}));
}

/// Values with a tail of a minimum shape, some of them equal.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let part = (0.0..1e8f64, 1e3..1e8f64, -1.0..1.5f64, 0.0..0.3f64, 2_000..6_000usize, any::<u64>());
    part.prop_map(|(least, scale, shape, equal, count, seed)| {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut value = || {
            if rng.random_bool(equal) {
                return least + scale;
            }
            let exceeded: f64 = rng.random_range(1e-9..1.0);
            least + scale * if shape.abs() < 1e-3 { -exceeded.ln() } else { (exceeded.powf(-shape) - 1.0) / shape }
        };
        (0..count).map(|_| value()).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn an_extrapolated_table_rises_to_a_bound_and_keeps_its_mean(values in values()) {
        let longest = values.iter().copied().fold(1e3, f64::max);
        let (demand, tail) = DemandTable::with_tail(values.clone());
        let plain = DemandTable::new(values);
        prop_assert!(demand.points().windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
        let last = demand.quantile(1.0).as_nanos() as f64;
        prop_assert!((longest - 1.0..=MAX_FACTOR * longest + 1.0).contains(&last), "{} {}", longest, last);
        prop_assert!((mean(&demand) / mean(&plain) - 1.0).abs() <= MAX_MEAN_CHANGE + 1e-6 + 2.0 / mean(&plain));
        if let Some(tail) = tail {
            let kept = |demand: &DemandTable| demand.points().iter().copied().filter(|(share, _)| *share < tail.from).collect::<Vec<_>>();
            prop_assert_eq!(kept(&demand), kept(&plain));
            prop_assert!((last / longest - tail.factor).abs() < 1e-6, "{} {} {}", last, longest, tail.factor);
            prop_assert!(tail.factor >= 1.0, "{}", tail.factor);
        } else {
            prop_assert_eq!(demand, plain);
        }
    }

    #[test]
    fn nothing_that_is_recovered_is_too_odd(values in prop::collection::vec(prop_oneof![Just(0.0), -1e9..1e12f64, Just(5e6)], 1..4_000)) {
        let (demand, _) = DemandTable::with_tail(values);
        prop_assert!(demand.points().windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
    }
}
