//! Tests of distributions: against theory, at their bounds, and with arbitrary parameters.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;

fn time(name: &str, millis: f64) -> Param<'_> {
    Param { name, value: ParamValue::Time(millis * 1e6) }
}

fn number(name: &str, number: f64) -> Param<'_> {
    Param { name, value: ParamValue::Number(number) }
}

fn parts(parts: Vec<(f64, Distribution)>) -> Param<'static> {
    Param { name: "parts", value: ParamValue::Parts(parts) }
}

fn build(kind: &str, params: &[Param<'_>]) -> Distribution {
    Distribution::build(kind, params).unwrap_or_else(|error| panic!("{kind}: {error}"))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn sorted_draws(distribution: &Distribution, count: usize) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(7);
    let mut draws: Vec<f64> = (0..count).map(|_| millis(distribution.sample(&mut rng))).collect();
    draws.sort_by(f64::total_cmp);
    draws
}

const Z90: f64 = 1.281_551_565_544_600_4;
const Z99: f64 = 2.326_347_874_040_841;

/// Returns distributions of each kind with their p50, p90, p99 and mean in milliseconds, from the
/// formulas of textbooks. Those of gamma distributions are by arithmetic of thirty digits.
fn theory() -> Vec<(Distribution, [f64; 3], f64)> {
    let sigma = 2.5f64.ln() / Z99;
    let table = [time("p0", 1.0), time("p50", 4.0), time("p90", 8.0), time("p100", 64.0)];
    let half_rayleigh = std::f64::consts::PI.sqrt() / 2.0;
    vec![
        (build("fixed", &[time("value", 5.0)]), [5.0; 3], 5.0),
        (build("uniform", &[time("lower", 10.0), time("upper", 20.0)]), [15.0, 19.0, 19.9], 15.0),
        (build("normal", &[time("mean", 50.0), time("sd", 5.0)]), [50.0, 50.0 + 5.0 * Z90, 50.0 + 5.0 * Z99], 50.0),
        (
            build("lognormal", &[time("median", 80.0), number("sigma", 0.4)]),
            [80.0, 80.0 * (0.4 * Z90).exp(), 80.0 * (0.4 * Z99).exp()],
            80.0 * 0.08f64.exp(),
        ),
        (
            build("lognormal", &[time("median", 80.0), time("p99", 200.0)]),
            [80.0, 80.0 * (sigma * Z90).exp(), 200.0],
            80.0 * (sigma * sigma / 2.0).exp(),
        ),
        (build("exponential", &[time("mean", 10.0)]), [2f64, 10.0, 100.0].map(|odds| 10.0 * odds.ln()), 10.0),
        // cv 1 is the exponential distribution
        (
            build("gamma", &[time("mean", 10.0), number("cv", 1.0)]),
            [2f64, 10.0, 100.0].map(|odds| 10.0 * odds.ln()),
            10.0,
        ),
        (build("gamma", &[time("mean", 10.0), number("cv", 0.5)]), GAMMA_HALF, 10.0),
        (build("gamma", &[time("mean", 10.0), number("cv", 2.0)]), GAMMA_TWO, 10.0),
        (
            build("weibull", &[time("scale", 10.0), number("shape", 2.0)]),
            [2f64, 10.0, 100.0].map(|odds| 10.0 * odds.ln().sqrt()),
            10.0 * half_rayleigh,
        ),
        // alpha 1 has no mean: bounds give it one
        (
            build("pareto", &[time("min", 1.0), time("p99", 100.0), time("max", 1e9)]),
            [2.0, 10.0, 100.0],
            1e9f64.ln() / (1.0 - 1e-9),
        ),
        (
            build("quantiles", &table),
            [4.0, 8.0, 8.0 * 8f64.powf(0.9)],
            0.5 * 3.0 / 4f64.ln() + 0.4 * 4.0 / 2f64.ln() + 0.1 * 56.0 / 8f64.ln(),
        ),
    ]
}

const GAMMA_HALF: [f64; 3] = [9.180_151_872_127_24, 16.701_957_670_639_66, 25.112_793_787_079_04];
const GAMMA_TWO: [f64; 3] = [1.746_952_094_114_936_4, 30.015_714_889_473_42, 97.355_416_887_881_3];

#[test]
fn draws_agree_with_theory() {
    for (distribution, quantiles, mean) in theory() {
        assert!((millis(distribution.mean().expect("finite")) / mean - 1.0).abs() < 1e-6, "{distribution:?}: {mean}");
        let draws = sorted_draws(&distribution, 200_000);
        for (p, expected) in [0.5, 0.9, 0.99].into_iter().zip(quantiles) {
            let quantile = millis(distribution.quantile(p));
            assert!((quantile / expected - 1.0).abs() < 1e-6, "{distribution:?} p{p}: {quantile} for {expected}");
            // five standard errors of a sample quantile, in probability
            let error = 5.0 * (p * (1.0 - p) / draws.len() as f64).sqrt();
            let at = |p: f64| draws[(p.clamp(0.0, 1.0) * (draws.len() - 1) as f64) as usize];
            assert!(
                at(p - error) <= expected * 1.000_001 && at(p + error) >= expected * 0.999_999,
                "{distribution:?} p{p}"
            );
        }
    }
}

/// Returns distributions with bounds, in milliseconds, that cut off a good part.
fn truncated() -> Vec<(Distribution, f64, f64)> {
    let bounds = |min, max| [time("min", min), time("max", max)];
    let with =
        |kind, params: &[Param<'static>], min, max| (build(kind, &[params, &bounds(min, max)].concat()), min, max);
    let mixed = parts(vec![
        (0.5, build("exponential", &[time("mean", 60.0)])),
        (0.5, build("normal", &[time("mean", 70.0), time("sd", 20.0)])),
    ]);
    vec![
        with("normal", &[time("mean", 5.0), time("sd", 10.0)], 0.0, 20.0),
        with("lognormal", &[time("median", 60.0), number("sigma", 0.8)], 50.0, 90.0),
        with("exponential", &[time("mean", 60.0)], 50.0, 90.0),
        // some 1e-6 of it is left
        with("exponential", &[time("mean", 1.0)], 13.0, 20.0),
        with("gamma", &[time("mean", 60.0), number("cv", 2.0)], 50.0, 90.0),
        with("weibull", &[time("scale", 60.0), number("shape", 0.5)], 50.0, 90.0),
        (build("pareto", &[time("min", 50.0), time("p99", 900.0), time("max", 90.0)]), 50.0, 90.0),
        with("quantiles", &[time("p0", 1.0), time("p50", 70.0), time("p100", 900.0)], 50.0, 90.0),
        with("mixture", &[mixed], 50.0, 90.0),
    ]
}

#[test]
fn bounds_truncate_and_nothing_piles_up_at_them() {
    for (distribution, min, max) in truncated() {
        assert!(millis(distribution.quantile(0.0)) >= min && millis(distribution.quantile(1.0)) <= max);
        let draws = sorted_draws(&distribution, 20_000);
        assert!(draws[0] >= min && draws[draws.len() - 1] <= max, "{distribution:?}");
        // on the bound itself, to the nanosecond, none; within a microsecond, as many as anywhere
        let at = |millis: f64| distribution.cdf(Duration::from_nanos((millis * 1e6).round() as u64));
        for (bound, share) in [(min, at(min + 1e-3)), (max, 1.0 - at(max - 1e-3))] {
            let near = |distance: f64| draws.iter().filter(|draw| (**draw - bound).abs() <= distance).count();
            let expected = share * draws.len() as f64;
            let (on, about) = (near(1e-7), near(1e-3));
            assert!(
                on == 0 && about as f64 <= expected + 5.0 * expected.sqrt() + 1.0,
                "{about} at {bound} of {distribution:?}"
            );
        }
        // five standard errors of the mean, for a spread that is at most half of the width
        let (mean, error) = (millis(distribution.mean().expect("finite")), 5.0 * (max - min) / 2.0 / 20_000f64.sqrt());
        let drawn = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!((drawn - mean).abs() < error, "{distribution:?}: {drawn} for {mean}");
        for p in [0.001, 0.2, 0.5, 0.9, 0.999] {
            assert!((distribution.cdf(distribution.quantile(p)) - p).abs() < 1e-5, "{distribution:?} at {p}");
        }
    }
}

#[test]
fn bounds_condition_and_do_not_move() {
    // what an exponential distribution has above a bound is itself again
    let bounded = build("exponential", &[time("mean", 10.0), time("min", 30.0)]);
    let free = build("exponential", &[time("mean", 10.0)]);
    for p in [0.1, 0.5, 0.9, 0.99] {
        assert!((millis(bounded.quantile(p)) - 30.0 - millis(free.quantile(p))).abs() < 1e-5);
    }
    assert_eq!(bounded.mean(), Some(Duration::from_millis(40)));
}

#[test]
fn a_mixture_draws_each_part_by_its_share() {
    let both = vec![
        (0.75, build("fixed", &[time("value", 1.0)])),
        (0.25, build("uniform", &[time("min", 10.0), time("max", 20.0)])),
        (0.0, build("fixed", &[time("value", 0.0)])),
    ];
    let mixture = build("mixture", &[parts(both.clone())]);
    let draws = sorted_draws(&mixture, 40_000);
    let fixed = draws.iter().filter(|draw| **draw < 2.0).count();
    assert!((29_600..30_400).contains(&fixed), "{fixed}");
    assert_eq!(mixture.quantile(0.0), Duration::from_millis(1));
    assert_eq!(mixture.quantile(0.875), Duration::from_millis(15));
    assert_eq!(mixture.quantile(1.0), Duration::from_millis(20));
    assert_eq!(mixture.mean(), Some(Duration::from_micros(4_500)));
    // half of the second part is left, an eighth of the whole, and the first part keeps its weight
    // against it
    let bounded = build("mixture", &[parts(both.clone()), time("max", 15.0)]);
    assert!((bounded.cdf(Duration::from_millis(1)) - 6.0 / 7.0).abs() < 1e-12);
    let upper = build("mixture", &[parts(both), time("min", 5.0)]);
    assert_eq!(upper.quantile(0.5), Duration::from_millis(15));
}

#[test]
fn a_step_of_a_quantile_table_is_kept_whole() {
    let table = [time("p0", 0.0), time("p50", 0.0), time("p80", 4.0), time("p90", 4.0), time("p100", 8.0)];
    let whole = build("quantiles", &table);
    assert_eq!((whole.cdf(Duration::ZERO), whole.quantile(0.3)), (0.5, Duration::ZERO));
    assert!((whole.cdf(Duration::from_millis(4)) - 0.9).abs() < 1e-12);
    let bounded = build("quantiles", &[&table[..], &[time("min", 4.0)]].concat());
    assert!((bounded.cdf(Duration::from_millis(4)) - 0.5).abs() < 1e-12);
    let at_zero = build("quantiles", &[&table[..], &[time("max", 0.0)]].concat());
    assert_eq!(at_zero.quantile(1.0), Duration::ZERO);
}

#[test]
fn wiremocks_spellings_are_known() {
    assert_eq!(build("fixed", &[time("milliseconds", 5.0)]), Distribution::fixed(Duration::from_millis(5)));
    assert_eq!(
        build("uniform", &[time("lower", 5.0), time("upper", 6.0)]),
        build("uniform", &[time("min", 5.0), time("max", 6.0)])
    );
    assert_eq!(
        build("lognormal", &[time("median", 5.0), number("sigma", 0.1), time("maxValue", 6.0)]),
        build("lognormal", &[time("median", 5.0), number("sigma", 0.1), time("max", 6.0)])
    );
    // both bounds are included, so they may be equal; and no sigma is no spread
    let five = Distribution::fixed(Duration::from_millis(5));
    assert_eq!(build("uniform", &[time("lower", 5.0), time("upper", 5.0)]), five);
    assert_eq!(build("lognormal", &[time("median", 5.0), number("sigma", 0.0)]), five);
}

/// Floats are coarser than a nanosecond at these values, so that a sum may round up over its bound.
#[test]
fn rounding_does_not_lead_over_a_bound() {
    let (min, max) = (1_534.417_516, 45_690_171_687.836_25);
    let wide = build("uniform", &[time("min", min), time("max", max)]);
    assert!(wide.quantile(1.0) <= Duration::from_nanos((max * 1e6) as u64), "{:?}", wide.quantile(1.0));
}

#[test]
fn what_has_no_end_has_no_mean_or_the_longest_duration() {
    let pareto = build("pareto", &[time("min", 1.0), time("p99", 1000.0)]);
    assert_eq!(pareto.mean(), None);
    assert_eq!(pareto.quantile(1.0), Duration::from_nanos(u64::MAX));
    assert_eq!(build("mixture", &[parts(vec![(1.0, pareto.clone())])]).quantile(1.0), Duration::from_nanos(u64::MAX));
    assert_eq!(pareto.quantile(f64::NAN), Duration::ZERO);
    // alpha 2
    let lighter = build("pareto", &[time("min", 1.0), time("p99", 10.0)]);
    assert_eq!(lighter.mean(), Some(Duration::from_millis(2)));
}

#[test]
fn errors_come_with_help() {
    let five = || build("fixed", &[time("value", 5.0)]);
    for (kind, params, param, message) in [
        ("logNormal", vec![], None, "`logNormal` is no distribution; help: did you mean `lognormal`?"),
        (
            "lognormal",
            vec![time("median", 5.0)],
            None,
            "a `lognormal` distribution needs `p99` or `sigma`; help: add `p99`",
        ),
        ("lognormal", vec![time("medain", 5.0)], Some("medain"), "has no `medain`; help: did you mean `median`?"),
        (
            "lognormal",
            vec![time("median", 5.0), time("p99", 4.0)],
            Some("p99"),
            "`p99` is not above `median`; help: raise it",
        ),
        (
            "lognormal",
            vec![time("median", 5.0), time("p99", 9.0), number("sigma", 1.0)],
            Some("sigma"),
            "both say how far a log-normal distribution spreads; help: remove one",
        ),
        (
            "lognormal",
            vec![time("median", 60.0), number("sigma", 0.1), time("maxValue", 1.0)],
            Some("maxValue"),
            "leave (almost) nothing",
        ),
        (
            "uniform",
            vec![time("lower", 5.0), time("upper", 4.0)],
            Some("upper"),
            "`upper` is less than `lower`; help: swap",
        ),
        ("uniform", vec![time("max", 4.0)], None, "needs `min`; help: add `min`"),
        ("fixed", vec![time("value", 5.0), time("p99", 5.0)], Some("p99"), "takes `value`, `min` and `max`"),
        ("fixed", vec![time("value", 5.0), time("max", 4.0)], Some("max"), "leave (almost) nothing"),
        ("fixed", vec![time("value", 5.0), time("milliseconds", 5.0)], Some("milliseconds"), "say the same"),
        ("fixed", vec![number("value", 5.0)], Some("value"), "not a time"),
        ("exponential", vec![time("mean", 0.0)], Some("mean"), "is zero"),
        ("exponential", vec![time("mean", -1.0)], Some("mean"), "is negative"),
        ("exponential", vec![time("mean", f64::NAN)], Some("mean"), "is no number"),
        ("exponential", vec![time("mean", f64::INFINITY)], Some("mean"), "is no number"),
        ("exponential", vec![time("mean", 1e300)], Some("mean"), "longer than 292 years"),
        ("exponential", vec![time("mean", 1.0), time("min", 4.0), time("max", 3.0)], Some("max"), "less than `min`"),
        ("exponential", vec![time("mean", 1.0), time("min", 100.0)], Some("min"), "leave (almost) nothing"),
        ("gamma", vec![time("mean", 1.0), number("cv", f64::NAN)], Some("cv"), "`cv` is NaN; help: use a number from"),
        ("gamma", vec![time("mean", 1.0), time("cv", 1.0)], Some("cv"), "not a plain number"),
        ("pareto", vec![time("min", 1.0), time("p99", 1.0)], Some("p99"), "not above `min`"),
        ("quantiles", vec![time("p50", 5.0), time("p100", 6.0)], None, "needs `p0`"),
        ("quantiles", vec![time("p0", 5.0), time("p99", 6.0)], None, "needs `p100`"),
        (
            "quantiles",
            vec![time("p0", 5.0), time("p50", 4.0), time("p100", 6.0)],
            Some("p50"),
            "`p50` is less than `p0`",
        ),
        (
            "quantiles",
            vec![time("p0", 1.0), time("p50", 2.0), time("p50.0", 3.0), time("p100", 6.0)],
            Some("p50.0"),
            "given twice",
        ),
        ("quantiles", vec![time("p101", 1.0)], Some("p101"), "no percentile"),
        ("quantiles", vec![time("pinf", 1.0)], Some("pinf"), "has no `pinf`"),
        ("mixture", vec![], None, "needs `parts`"),
        ("mixture", vec![parts(vec![])], Some("parts"), "has no parts"),
        ("mixture", vec![parts(vec![(0.5, five()), (0.499, five())])], Some("parts"), "add up to 99.9%"),
        ("mixture", vec![parts(vec![(f64::NAN, five())])], Some("parts"), "share of a part is NaN%"),
        ("mixture", vec![parts(vec![(-1.0, five()), (2.0, five())])], Some("parts"), "share of a part is -100%"),
        ("mixture", vec![parts(vec![(1.0, five())]), time("min", 6.0)], Some("min"), "leave (almost) nothing"),
    ] {
        let error = Distribution::build(kind, &params).expect_err(kind);
        assert_eq!(error.param.as_deref(), param, "{error}");
        assert!(error.to_string().contains(message), "{kind}: {error}");
    }
    let unlike = Distribution::build("zipf", &[]).expect_err("unknown");
    assert!(unlike.help.starts_with("use one of `fixed`, ") && unlike.help.ends_with(" and `quantiles`"), "{unlike}");
}

/// Generates a kind and its parameters, many of them valid.
fn anything() -> impl Strategy<Value = (&'static str, Vec<Param<'static>>)> {
    // nanoseconds over all scales, and what must be refused
    let nanos = prop_oneof![8 => (0.0f64..44.0).prop_map(f64::exp), 1 => Just(0.0), 1 => any::<f64>()];
    let plain = prop_oneof![8 => (-5.0f64..5.0).prop_map(f64::exp), 1 => any::<f64>()];
    (proptest::sample::select(Distribution::KINDS), proptest::collection::vec(nanos, 6), plain, any::<(bool, bool)>())
        .prop_map(|(kind, mut nanos, plain, (min, max))| {
            if min {
                nanos.sort_by(f64::total_cmp);
            }
            let time = |name, index: usize| Param { name, value: ParamValue::Time(nanos[index]) };
            let mut params = match kind {
                "fixed" => vec![time("value", 1)],
                "uniform" => vec![time("min", 1), time("max", 2)],
                "normal" => vec![time("mean", 1), time("sd", 2)],
                "lognormal" if max => vec![time("median", 1), time("p99", 2)],
                "lognormal" => vec![time("median", 1), number("sigma", plain)],
                "exponential" => vec![time("mean", 1)],
                "gamma" => vec![time("mean", 1), number("cv", plain)],
                "weibull" => vec![time("scale", 1), number("shape", plain)],
                "pareto" => vec![time("min", 1), time("p99", 2)],
                "quantiles" => vec![time("p0", 1), time("p50", 2), time("p99.9", 3), time("p100", 4)],
                _ => {
                    let fixed = |index: usize| Distribution::fixed(Duration::from_nanos(nanos[index] as u64));
                    let spread = Distribution::build("exponential", &[time("mean", 3)]).unwrap_or_else(|_| fixed(3));
                    vec![parts(vec![(0.25, fixed(1)), (0.75, spread)])]
                }
            };
            if min && !matches!(kind, "uniform" | "pareto") {
                params.push(time("min", 0));
            }
            if max && kind != "uniform" {
                params.push(time("max", 5));
            }
            (kind, params)
        })
}

fn bound(params: &[Param<'_>], name: &str) -> Option<Duration> {
    params.iter().find(|param| param.name == name).map(|param| match param.value {
        ParamValue::Time(nanos) => Duration::from_nanos(nanos.round() as u64),
        _ => unreachable!("bounds are times"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_is_built_can_be_drawn_from((kind, params) in anything(), seed: u64, p in 0.0f64..1.0) {
        let Ok(distribution) = Distribution::build(kind, &params) else { return Ok(()) };
        let (min, max) = (bound(&params, "min"), bound(&params, "max"));
        let mut rng = StdRng::seed_from_u64(seed);
        let extremes = [0, u64::MAX].map(|bits| distribution.shape.draw(&mut || uniform(bits)));
        let draws = (0..20).map(|_| distribution.sample(&mut rng)).chain(extremes.map(duration));
        for draw in draws.chain([0.0, p, 1.0].map(|p| distribution.quantile(p))) {
            prop_assert!(min.is_none_or(|min| draw >= min), "{draw:?} of {params:?}");
            prop_assert!(max.is_none_or(|max| draw <= max), "{draw:?} of {params:?}");
        }
        prop_assert!(extremes.iter().all(|draw| draw.is_finite() || kind == "lognormal" || kind == "weibull"), "{extremes:?}");
        if let Some(mean) = distribution.mean() {
            prop_assert!(min.is_none_or(|min| mean >= min) && max.is_none_or(|max| mean <= max), "{mean:?}");
        }
    }

    /// The quantile is the least value whose cdf reaches `p`, to the nanosecond that both are
    /// rounded to.
    #[test]
    fn the_cdf_is_the_inverse_of_the_quantile((kind, params) in anything(), p in 0.001f64..0.999) {
        let Ok(distribution) = Distribution::build(kind, &params) else { return Ok(()) };
        let nanos = distribution.shape.quantile(p);
        // beyond 2^53 floats are coarser than what is asked of them
        if nanos >= 9e15 {
            return Ok(());
        }
        let (below, above) = (nanos * (1.0 - 1e-9) - 1e-6, nanos * (1.0 + 1e-9) + 1e-6);
        prop_assert!(distribution.shape.cdf(above) >= p - 1e-6, "{} for {p} of {params:?}", distribution.shape.cdf(above));
        prop_assert!(distribution.shape.cdf(below) <= p + 1e-6, "{} for {p} of {params:?}", distribution.shape.cdf(below));
    }
}
