//! From named parameters to a shape that is valid, or to what is wrong with them.

use super::Distribution;
use super::families::Family;
use super::normal;
use super::params::{BuildError, Given, Param, nearest};
use super::quantiles::{Fault, Point, Quantiles};
use super::shape::Shape;
use super::units;

/// The shape of a kind with its parameters.
pub(super) fn shape(kind: &str, params: &[Param<'_>]) -> Result<Shape, BuildError> {
    let Some((_, known)) = PARAMETERS.iter().find(|(name, _)| *name == kind) else {
        return Err(unknown(kind));
    };
    let given = Given::new(kind, known, params)?;
    let whole = match kind {
        "fixed" => Shape::Fixed(given.time("value")?),
        "mixture" => mixture(&given)?,
        "uniform" => return uniform(&given),
        "lognormal" if given.has("sigma") => with_sigma(&given)?,
        _ => Shape::of(family(kind, &given)?).ok_or_else(|| nothing_left(&given))?,
    };
    // the least value of a Pareto distribution is not a bound that cuts
    let min = if kind == "pareto" { None } else { given.optional_time("min")? };
    let max = given.optional_time("max")?;
    let (min, max) = ordered(&given, min.unwrap_or(0.0), max.unwrap_or(f64::INFINITY))?;
    let (_, shape) = whole.within(min, max).ok_or_else(|| nothing_left(&given))?;
    Ok(shape)
}

fn family(kind: &str, given: &Given<'_>) -> Result<Family, BuildError> {
    match kind {
        "normal" => Ok(Family::Normal { mean: given.time("mean")?, sd: given.positive_time("sd")? }),
        "lognormal" => {
            let median = given.positive_time("median")?;
            if !given.has("p99") {
                let message = "a `lognormal` distribution needs `p99` or `sigma`";
                return Err(BuildError::new(None, message, "add `p99`, the time that 99% of draws stay below"));
            }
            // the 99th percentile is z(0.99) sigmas from the median, in logarithms
            Ok(Family::LogNormal { median, sigma: logarithm(given, "median", median)? / normal::quantile(0.99) })
        }
        "exponential" => Ok(Family::Exponential { mean: given.positive_time("mean")? }),
        "gamma" => {
            let (mean, cv) = (given.positive_time("mean")?, given.number("cv", 0.01, 100.0)?);
            Ok(Family::Gamma { shape: 1.0 / (cv * cv), scale: mean * cv * cv })
        }
        "weibull" => {
            let (scale, shape) = (given.positive_time("scale")?, given.number("shape", 0.01, 100.0)?);
            Ok(Family::Weibull { scale, shape })
        }
        "pareto" => {
            let min = given.positive_time("min")?;
            // one in a hundred is above p99: (min / p99)^alpha = 1/100
            Ok(Family::Pareto { min, alpha: 100f64.ln() / logarithm(given, "min", min)? })
        }
        "quantiles" => quantiles(given),
        _ => Err(unknown(kind)),
    }
}

/// A log-normal distribution as WireMock gives it, where a sigma of 0 is no spread.
fn with_sigma(given: &Given<'_>) -> Result<Shape, BuildError> {
    if given.has("p99") {
        let message = "`sigma` and `p99` both say how far a log-normal distribution spreads";
        return Err(BuildError::new(Some("sigma"), message, "remove one of them"));
    }
    let median = given.positive_time("median")?;
    let sigma = given.number("sigma", 0.0, 20.0)?;
    if sigma < NO_SPREAD {
        return Ok(Shape::Fixed(median));
    }
    Shape::of(Family::LogNormal { median, sigma }).ok_or_else(|| nothing_left(given))
}

/// The logarithm of `p99` over a lesser parameter.
fn logarithm(given: &Given<'_>, name: &str, lesser: f64) -> Result<f64, BuildError> {
    let logarithm = (given.positive_time("p99")? / lesser).ln();
    if logarithm < NO_SPREAD {
        let message = format!("`p99` is not above `{}`", given.typed(name));
        return Err(BuildError::new(Some("p99"), message, "raise it, or use a `fixed` distribution"));
    }
    Ok(logarithm)
}

/// A uniform distribution's bounds are its parameters; WireMock includes both, so that they may be equal.
fn uniform(given: &Given<'_>) -> Result<Shape, BuildError> {
    let (min, max) = ordered(given, given.time("min")?, given.time("max")?)?;
    if min == max {
        return Ok(Shape::Fixed(min));
    }
    // its own bounds again, so that rounding cannot lead over them
    let (_, shape) = Shape::of(Family::Uniform { min, max })
        .and_then(|shape| shape.within(min, max))
        .ok_or_else(|| nothing_left(given))?;
    Ok(shape)
}

fn quantiles(given: &Given<'_>) -> Result<Family, BuildError> {
    let percentiles = given.percentiles()?;
    if let Some((name, ..)) = percentiles.iter().find(|(_, percent, _)| *percent > 100.0) {
        return Err(BuildError::new(Some(name), format!("`{name}` is no percentile"), "use `p0` to `p100`"));
    }
    let named = |point: Point| {
        let found =
            percentiles.iter().find(|(_, percent, value)| percent / 100.0 == point.share && *value == point.value);
        found.map_or("p100", |(name, ..)| *name)
    };
    let points =
        percentiles.iter().map(|(_, percent, value)| Point { share: percent / 100.0, value: *value }).collect();
    Quantiles::new(points).map(Family::Quantiles).map_err(|fault| match fault {
        Fault::NoEnd(name) => given.missing(name),
        Fault::Twice(point) => {
            let name = named(point);
            BuildError::new(Some(name), format!("`{name}` is given twice"), "remove one of them")
        }
        Fault::Falls(lower, upper) => {
            let message = format!("`{}` is less than `{}`", named(upper), named(lower));
            BuildError::new(Some(named(upper)), message, "give times that rise from `p0` to `p100`")
        }
    })
}

fn mixture(given: &Given<'_>) -> Result<Shape, BuildError> {
    let wrong = |message: &str, help: &str| BuildError::new(Some("parts"), message, help);
    let none = || wrong("a mixture has no parts", "list a share and a distribution for each part");
    let parts = given.parts()?;
    if parts.is_empty() {
        return Err(none());
    }
    if let Some((share, _)) = parts.iter().find(|(share, _)| !(0.0..=1.0).contains(share)) {
        return Err(wrong(&format!("the share of a part is {}", units::share(*share)), "use shares from 0% to 100%"));
    }
    let sum: f64 = parts.iter().map(|(share, _)| share).sum();
    if (sum - 1.0).abs() > SHARES_MAY_MISS {
        let message = format!("the shares of a mixture add up to {}, not 100%", units::share(sum));
        return Err(wrong(&message, "change them so that they do"));
    }
    let drawn = parts.iter().filter(|(share, _)| *share > 0.0);
    Shape::mixture(drawn.map(|(share, part)| (*share, part.shape.clone())).collect()).ok_or_else(none)
}

fn ordered(given: &Given<'_>, min: f64, max: f64) -> Result<(f64, f64), BuildError> {
    if min <= max {
        return Ok((min, max));
    }
    let (lower, upper) = (given.typed("min"), given.typed("max"));
    Err(BuildError::new(Some(upper), format!("`{upper}` is less than `{lower}`"), "swap them"))
}

fn nothing_left(given: &Given<'_>) -> BuildError {
    let bound = if given.has("max") { "max" } else { "min" };
    let message = "the bounds leave (almost) nothing of the distribution";
    BuildError::new(Some(given.typed(bound)), message, "widen them, or use a `fixed` or `uniform` distribution")
}

fn unknown(kind: &str) -> BuildError {
    let help = match nearest(kind, Distribution::KINDS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use one of {}", standin_text::list_quoted(Distribution::KINDS, "and")),
    };
    BuildError::new(None, format!("`{kind}` is no distribution"), help)
}

/// What each kind takes beside `min` and `max`.
const PARAMETERS: [(&str, &[&str]); 10] = [
    ("fixed", &["value"]),
    ("uniform", &[]),
    ("normal", &["mean", "sd"]),
    ("lognormal", &["median", "p99", "sigma"]),
    ("exponential", &["mean"]),
    ("gamma", &["mean", "cv"]),
    ("weibull", &["scale", "shape"]),
    ("pareto", &["p99"]),
    ("mixture", &["parts"]),
    ("quantiles", &["p0", "p100"]),
];

/// A spread, in logarithms, that no clock can tell from none.
const NO_SPREAD: f64 = 1e-9;

/// Room for rounding in shares that people or a fit wrote down.
const SHARES_MAY_MISS: f64 = 1e-6;
