//! The gamma distribution, to about 1e-12.

use super::normal;
use super::special::{gamma_kernel, ln_gamma, regularized_gamma};

/// Returns P(shape, x), the distribution function of the gamma distribution of scale 1, for `shape`
/// above 0.
pub(super) fn cdf(shape: f64, x: f64) -> f64 {
    let (lower, _) = regularized_gamma(shape, x);
    lower
}

/// Returns the inverse of P(shape, x), by Halley's method from Wilson and Hilferty's approximation
/// (1931). Steps outside the bracket of the root are replaced by bisection, so that it converges
/// for every shape.
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
    for _ in 0..MAX_STEPS {
        let error = cdf(shape, x) - p;
        if error == 0.0 {
            return x;
        }
        if error > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let newton = error * x / (gamma_kernel(shape, x) * shape);
        let bend = (newton * ((shape - 1.0) / x - 1.0)).min(1.0);
        let mut next = x - newton / (1.0 - bend / 2.0);
        // negated, so that a NaN is replaced too
        if !(next >= low && next <= high) {
            next = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * x + 1.0 };
        }
        // each step triples the correct digits, so that a step this small reaches full precision
        let done = (next - x).abs() <= 1e-6 * x;
        x = next;
        if done {
            return x;
        }
    }
    x
}

/// Maximum number of steps; bisection alone converges within them.
const MAX_STEPS: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_the_inverse_for_every_shape() {
        for shape in [1e-4, 0.01, 0.1, 0.5, 0.999, 1.0, 2.0, 9.99, 10.0, 100.0, 1e4] {
            for p in [1e-15, 1e-6, 0.01, 0.3, 0.5, 0.9, 0.99, 0.999_999, 1.0 - 1e-12] {
                let x = quantile(shape, p);
                // below 1e-12, the series of small x is exact
                assert!(x < 1e-12 || (cdf(shape, x) - p).abs() < 1e-12, "{p} of {shape}: {x}, {}", cdf(shape, x));
            }
        }
        assert_eq!((quantile(2.0, 0.0), quantile(2.0, 1.0)), (0.0, f64::INFINITY));
    }
}
