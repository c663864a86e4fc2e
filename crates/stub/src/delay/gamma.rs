//! The gamma function and the distribution that is named after it, to about 1e-12.

use std::f64::consts::PI;

use super::normal;

/// P(shape, x), the distribution function of the gamma distribution of scale 1; `shape` is above 0.
pub(super) fn cdf(shape: f64, x: f64) -> f64 {
    let (lower, _) = regularised(shape, x);
    lower
}

/// The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P, each by what is exact where it is the smaller:
/// a series, and a continued fraction by Lentz's method (Press et al., *Numerical Recipes*, 3rd ed., 6.2).
pub(super) fn regularised(a: f64, x: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if x == f64::INFINITY {
        return (1.0, 0.0);
    }
    if x < a + 1.0 {
        let lower = (kernel(a, x) * series(a, x)).min(1.0);
        return (lower, 1.0 - lower);
    }
    let upper = (kernel(a, x) * a * fraction(a, x)).min(1.0);
    (1.0 - upper, upper)
}

/// The inverse of P(shape, x): Halley's method from Wilson and Hilferty's approximation (1931), kept between the ends that
/// are known, so that it ends for every shape.
pub(super) fn quantile(shape: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    // P(a, x) is at most x^a / Γ(a + 1), and about that for small x
    let mut low = ((p.ln() + ln_gamma(shape + 1.0)) / shape).exp();
    if low < 1e-12 {
        return low;
    }
    let mut high = f64::INFINITY;
    let cube = 1.0 - 1.0 / (9.0 * shape) + normal::quantile(p) / (3.0 * shape.sqrt());
    let mut x = (shape * cube.powi(3)).max(low);
    for _ in 0..MOST_STEPS {
        let error = cdf(shape, x) - p;
        if error == 0.0 {
            return x;
        }
        if error > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let newton = error * x / (kernel(shape, x) * shape);
        let bend = (newton * ((shape - 1.0) / x - 1.0)).min(1.0);
        let mut next = x - newton / (1.0 - bend / 2.0);
        // negated, so that a NaN is replaced too
        if !(next >= low && next <= high) {
            next = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * x + 1.0 };
        }
        // each step triples the digits: after one this small, nothing is left to gain
        let done = (next - x).abs() <= 1e-6 * x;
        x = next;
        if done {
            return x;
        }
    }
    x
}

/// The logarithm of Γ(x) for x from 1 up (Lanczos 1964, g = 7, n = 9).
pub fn ln_gamma(x: f64) -> f64 {
    let x = x - 1.0;
    let sum = LANCZOS.iter().zip(1u8..).fold(LANCZOS_FIRST, |sum, (c, i)| sum + c / (x + f64::from(i)));
    let t = x + 7.5;
    0.5 * (2.0 * PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// x^a e^-x / Γ(a + 1).
fn kernel(a: f64, x: f64) -> f64 {
    if a < 10.0 {
        return (a * x.ln() - x - ln_gamma(a + 1.0)).exp();
    }
    // Stirling's series (Abramowitz and Stegun 6.1.41): the large terms of the logarithm cancel before they are computed
    let way = (x - a) / a;
    let inverse = 1.0 / (a * a);
    let rest = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / a;
    (a * (way.ln_1p() - way) - rest).exp() / (2.0 * PI * a).sqrt()
}

/// The sum of x^n / ((a + 1) … (a + n)), for x below a + 1.
fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0, 1.0, a);
    for _ in 0..MOST_TERMS {
        n += 1.0;
        term *= x / n;
        sum += term;
        if term < sum * 1e-16 {
            break;
        }
    }
    sum
}

/// The continued fraction of Γ(a, x) / (x^a e^-x), for x from a + 1 up.
fn fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let mut c = 1e300;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for i in 1..MOST_TERMS {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        d = 1.0 / non_zero(an * d + b);
        c = non_zero(b + an / c);
        let step = d * c;
        fraction *= step;
        if (step - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    fraction
}

fn non_zero(x: f64) -> f64 {
    if x.abs() < 1e-300 { 1e-300 } else { x }
}

/// Some twelve times the square root of the largest shape in use, 1e4: the terms have vanished long before.
const MOST_TERMS: u32 = 1_200;

/// Bisection alone would be done by then.
const MOST_STEPS: u32 = 100;

const LANCZOS_FIRST: f64 = 0.999_999_999_999_809_9;
const LANCZOS: [f64; 8] = [
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference values by arithmetic of thirty digits.
    #[test]
    fn known_values_are_met() {
        for (x, expected) in [
            (1.0, 0.0),
            (1.5, -0.120_782_237_635_245_22),
            (3.7, 1.428_072_326_665_388),
            (10.0, 12.801_827_480_081_47),
            (101.0, 363.739_375_555_563_5),
        ] {
            assert!((ln_gamma(x) - expected).abs() < 1e-12, "{x}");
        }
        for (a, x, lower, upper) in [
            (1e-4, 1e-3, 0.999_367_038_254_165_5, 6.329_617_458_344_915e-4),
            (1e-4, 2.0, 0.999_995_109_185_046, 4.890_814_953_987_251e-6),
            (0.1, 0.01, 0.662_621_259_954_479_8, 0.337_378_740_045_520_2),
            (0.5, 4.0, 0.995_322_265_018_952_7, 0.004_677_734_981_047_266),
            (2.5, 1.0, 0.150_854_963_915_390_36, 0.849_145_036_084_609_6),
            (30.0, 60.0, 0.999_993_123_735_031_3, 6.876_264_968_731_697e-6),
            (1e4, 9_900.0, 0.158_651_192_193_564_66, 0.841_348_807_806_435_3),
            (1e4, 10_300.0, 0.998_529_505_103_614_3, 0.001_470_494_896_385_681_3),
        ] {
            let (p, q) = regularised(a, x);
            assert!((p - lower).abs() < 1e-12 && (q - upper).abs() < 1e-12, "P({a}, {x}) = {p}, Q = {q}");
        }
    }

    #[test]
    fn the_quantile_is_the_inverse_for_every_shape() {
        for shape in [1e-4, 0.01, 0.1, 0.5, 0.999, 1.0, 2.0, 9.99, 10.0, 100.0, 1e4] {
            for p in [1e-15, 1e-6, 0.01, 0.3, 0.5, 0.9, 0.99, 0.999_999, 1.0 - 1e-12] {
                let x = quantile(shape, p);
                // so small a value that it is zero, or its logarithm is known better than itself
                assert!(x < 1e-12 || (cdf(shape, x) - p).abs() < 1e-12, "{p} of {shape}: {x}, {}", cdf(shape, x));
            }
        }
        assert_eq!((quantile(2.0, 0.0), quantile(2.0, 1.0)), (0.0, f64::INFINITY));
    }
}
