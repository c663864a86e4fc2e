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

fn build(kind: &str, params: &[Param<'_>]) -> Distribution {
    Distribution::build(kind, params).expect("valid")
}

fn sorted_draws(distribution: &Distribution, count: usize) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(7);
    let mut draws: Vec<f64> = (0..count).map(|_| distribution.sample(&mut rng).as_secs_f64() * 1e3).collect();
    draws.sort_by(f64::total_cmp);
    draws
}

/// The theory of each kind at p50, p90 and p99, in milliseconds, from textbooks' formulas.
#[test]
fn draws_agree_with_theory() {
    let z90 = 1.281_551_565_544_600_4;
    let z99 = 2.326_347_874_040_841;
    let cases: Vec<(Distribution, [f64; 3])> = vec![
        (build("fixed", &[time("value", 5.0)]), [5.0; 3]),
        (build("uniform", &[time("lower", 10.0), time("upper", 20.0)]), [15.0, 19.0, 19.9]),
        (build("normal", &[time("mean", 50.0), time("sd", 5.0)]), [50.0, 50.0 + 5.0 * z90, 50.0 + 5.0 * z99]),
        (
            build("lognormal", &[time("median", 80.0), number("sigma", 0.4)]),
            [80.0, 80.0 * (0.4 * z90).exp(), 80.0 * (0.4 * z99).exp()],
        ),
        (
            build("lognormal", &[time("median", 80.0), time("p99", 200.0)]),
            [80.0, 80.0 * (2.5f64.ln() / z99 * z90).exp(), 200.0],
        ),
        (build("exponential", &[time("mean", 10.0)]), [10.0 * 2f64.ln(), 10.0 * 10f64.ln(), 10.0 * 100f64.ln()]),
        // cv 1 is the exponential distribution
        (
            build("gamma", &[time("mean", 10.0), number("cv", 1.0)]),
            [10.0 * 2f64.ln(), 10.0 * 10f64.ln(), 10.0 * 100f64.ln()],
        ),
        (
            build("weibull", &[time("scale", 10.0), number("shape", 2.0)]),
            [10.0 * 2f64.ln().sqrt(), 10.0 * 10f64.ln().sqrt(), 10.0 * 100f64.ln().sqrt()],
        ),
        (build("pareto", &[time("min", 1.0), time("p99", 100.0)]), [2.0, 10.0, 100.0]),
        (
            build("quantiles", &[time("p0", 1.0), time("p50", 4.0), time("p90", 8.0), time("p100", 64.0)]),
            [4.0, 8.0, 8.0 * 8f64.powf(0.9)],
        ),
    ];
    for (distribution, theory) in cases {
        let draws = sorted_draws(&distribution, 200_000);
        for (p, expected) in [0.5, 0.9, 0.99].into_iter().zip(theory) {
            let quantile = distribution.quantile(p).as_secs_f64() * 1e3;
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

#[test]
fn bounds_truncate_and_nothing_piles_up_at_them() {
    for distribution in [
        build("lognormal", &[time("median", 60.0), number("sigma", 0.8), time("maxValue", 90.0)]),
        build("normal", &[time("mean", 5.0), time("sd", 10.0)]),
        build("gamma", &[time("mean", 60.0), number("cv", 2.0), time("min", 50.0), time("max", 90.0)]),
        build("exponential", &[time("mean", 60.0), time("min", 50.0), time("max", 90.0)]),
    ] {
        let draws = sorted_draws(&distribution, 20_000);
        let (low, high) =
            (distribution.quantile(0.0).as_secs_f64() * 1e3, distribution.quantile(1.0).as_secs_f64() * 1e3);
        assert!(draws[0] >= low && draws[draws.len() - 1] <= high, "{distribution:?}");
        for bound in [low, high] {
            let near = draws.iter().filter(|draw| (**draw - bound).abs() < 1e-3).count();
            assert!(near < 20, "{near} draws at a bound of {distribution:?}");
        }
    }
}

#[test]
fn a_mixture_draws_each_part_by_its_share() {
    let parts = vec![
        (0.75, build("fixed", &[time("value", 1.0)])),
        (0.25, build("uniform", &[time("min", 10.0), time("max", 20.0)])),
    ];
    let mixture =
        Distribution::build("mixture", &[Param { name: "parts", value: ParamValue::Parts(parts) }]).expect("valid");
    let draws = sorted_draws(&mixture, 40_000);
    let fixed = draws.iter().filter(|draw| **draw < 2.0).count();
    assert!((29_600..30_400).contains(&fixed), "{fixed}");
    assert!((mixture.quantile(0.875).as_secs_f64() * 1e3 - 15.0).abs() < 1e-3);
}

#[test]
fn what_is_wrong_is_told() {
    for (kind, params, what) in [
        ("logNormal", vec![], "no distribution"),
        ("lognormal", vec![time("median", 5.0)], "needs `p99`"),
        ("lognormal", vec![time("median", 5.0), time("p99", 4.0)], "not above"),
        ("lognormal", vec![time("median", 5.0), time("p99", 9.0), number("sigma", 1.0)], "say the same"),
        ("lognormal", vec![time("median", 60.0), number("sigma", 0.1), time("max", 1.0)], "leave nothing"),
        ("uniform", vec![time("lower", 5.0), time("upper", 4.0)], "less than"),
        ("fixed", vec![time("value", 5.0), time("p99", 5.0)], "has no `p99`"),
        ("exponential", vec![time("mean", 0.0)], "is zero"),
        ("exponential", vec![time("mean", -1.0)], "negative"),
        ("gamma", vec![time("mean", 1.0), number("cv", f64::NAN)], "NaN"),
        ("quantiles", vec![time("p50", 5.0), time("p100", 6.0)], "p0"),
        ("quantiles", vec![time("p0", 5.0), time("p50", 4.0), time("p100", 6.0)], "less than p0"),
        ("mixture", vec![], "parts"),
    ] {
        let error = Distribution::build(kind, &params).expect_err(kind);
        assert!(error.what.contains(what), "{kind}: {}", error.what);
    }
    assert!(Distribution::build("lognormall", &[]).expect_err("near").mend.contains("`lognormal`"));
}

proptest! {
    #[test]
    fn whatever_is_built_can_be_drawn_from(
        kind in proptest::sample::select(&Distribution::KINDS[..8]),
        a in 0.0f64..1e5, b in 0.0f64..1e5, n in 0.001f64..20.0, min in 0.0f64..1e3, width in 0.0f64..1e5, seed: u64, p in 0.0f64..1.0,
    ) {
        let names: &[&str] = match kind {
            "fixed" => &["value"],
            "uniform" => &["min", "max"],
            "normal" => &["mean", "sd"],
            "lognormal" => &["median", "p99"],
            "exponential" | "gamma" => &["mean"],
            "weibull" => &["scale"],
            _ => &["min", "p99"],
        };
        let mut params: Vec<_> = names.iter().zip([a, b]).map(|(name, value)| time(name, value)).collect();
        match kind {
            "gamma" => params.push(number("cv", n)),
            "weibull" => params.push(number("shape", n)),
            _ => {}
        }
        if !matches!(kind, "fixed" | "uniform" | "pareto") {
            params.push(time("min", min));
            params.push(time("max", min + width));
        }
        if let Ok(distribution) = Distribution::build(kind, &params) {
            let draw = distribution.sample(&mut StdRng::seed_from_u64(seed));
            prop_assert!(draw >= distribution.quantile(0.0) && draw <= distribution.quantile(1.0));
            if !matches!(kind, "fixed" | "uniform" | "pareto") {
                prop_assert!(draw.as_secs_f64() * 1e3 >= min - 1e-3 && draw.as_secs_f64() * 1e3 <= min + width + 1e-3);
            }
            let there = distribution.cdf(distribution.quantile(p));
            prop_assert!(kind == "fixed" || width < 1.0 || (there - p).abs() < 1e-3 || a < 0.1 || b < 0.1, "{there} for {p} of {distribution:?}");
        }
    }
}
