//! Construction of a valid distribution from named parameters.

use super::Distribution;
use super::families::Family;
use super::normal;
use super::params::{BuildError, GivenParams, Param};
use super::quantiles::{QuantileError, QuantilePoint, Quantiles};
use super::shape::DistributionShape;
use super::units;
use crate::defect::nearest;

/// Builds the shape of a kind with its parameters.
pub(super) fn shape(kind: &str, params: &[Param<'_>]) -> Result<DistributionShape, BuildError> {
    let Some((_, known)) = PARAMETERS.iter().find(|(name, _)| *name == kind) else {
        return Err(unknown(kind));
    };
    let given = GivenParams::new(kind, known, params)?;
    let whole = match kind {
        "fixed" => DistributionShape::Fixed(given.time("value")?),
        "mixture" => mixture(&given)?,
        "uniform" => return uniform(&given),
        "lognormal" if given.has("sigma") => with_sigma(&given)?,
        _ => DistributionShape::of(family(kind, &given)?).ok_or_else(|| nothing_left(&given))?,
    };
    // `min` of a Pareto distribution is a parameter of the family, not a bound
    let min = if kind == "pareto" { None } else { given.optional_time("min")? };
    let max = given.optional_time("max")?;
    let (min, max) = ordered(&given, min.unwrap_or(0.0), max.unwrap_or(f64::INFINITY))?;
    let (_, shape) = whole.within(min, max).ok_or_else(|| nothing_left(&given))?;
    Ok(shape)
}

fn family(kind: &str, given: &GivenParams<'_>) -> Result<Family, BuildError> {
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

/// Builds a log-normal distribution from WireMock's parameters, where a `sigma` of 0 means a
/// constant.
fn with_sigma(given: &GivenParams<'_>) -> Result<DistributionShape, BuildError> {
    if given.has("p99") {
        let message = "`sigma` and `p99` both say how far a log-normal distribution spreads";
        return Err(BuildError::new(Some("sigma"), message, "remove one of them"));
    }
    let median = given.positive_time("median")?;
    let sigma = given.number("sigma", 0.0, 20.0)?;
    if sigma < MIN_LOG_SPREAD {
        return Ok(DistributionShape::Fixed(median));
    }
    DistributionShape::of(Family::LogNormal { median, sigma }).ok_or_else(|| nothing_left(given))
}

/// Returns ln(`p99` / `lesser`), where `lesser` is the value of the parameter `name`.
fn logarithm(given: &GivenParams<'_>, name: &str, lesser: f64) -> Result<f64, BuildError> {
    let logarithm = (given.positive_time("p99")? / lesser).ln();
    if logarithm < MIN_LOG_SPREAD {
        let message = format!("`p99` is not above `{}`", given.typed(name));
        return Err(BuildError::new(Some("p99"), message, "raise it, or use a `fixed` distribution"));
    }
    Ok(logarithm)
}

/// Builds a uniform distribution, whose parameters are its bounds. As in WireMock, both are
/// included and may be equal.
fn uniform(given: &GivenParams<'_>) -> Result<DistributionShape, BuildError> {
    let (min, max) = ordered(given, given.time("min")?, given.time("max")?)?;
    if min == max {
        return Ok(DistributionShape::Fixed(min));
    }
    // truncation at its own bounds keeps rounding within them
    let (_, shape) = DistributionShape::of(Family::Uniform { min, max })
        .and_then(|shape| shape.within(min, max))
        .ok_or_else(|| nothing_left(given))?;
    Ok(shape)
}

fn quantiles(given: &GivenParams<'_>) -> Result<Family, BuildError> {
    let percentiles = given.percentiles()?;
    if let Some((name, ..)) = percentiles.iter().find(|(_, percent, _)| *percent > 100.0) {
        return Err(BuildError::new(Some(name), format!("`{name}` is no percentile"), "use `p0` to `p100`"));
    }
    let named = |point: QuantilePoint| {
        let found =
            percentiles.iter().find(|(_, percent, value)| percent / 100.0 == point.share && *value == point.value);
        found.map_or("p100", |(name, ..)| *name)
    };
    let points =
        percentiles.iter().map(|(_, percent, value)| QuantilePoint { share: percent / 100.0, value: *value }).collect();
    Quantiles::new(points).map(Family::Quantiles).map_err(|error| match error {
        QuantileError::MissingEnd(name) => given.missing(name),
        QuantileError::Repeated(point) => {
            let name = named(point);
            BuildError::new(Some(name), format!("`{name}` is given twice"), "remove one of them")
        }
        QuantileError::Decreasing(lower, upper) => {
            let message = format!("`{}` is less than `{}`", named(upper), named(lower));
            BuildError::new(Some(named(upper)), message, "give times that rise from `p0` to `p100`")
        }
    })
}

fn mixture(given: &GivenParams<'_>) -> Result<DistributionShape, BuildError> {
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
    if (sum - 1.0).abs() > SHARE_SUM_TOLERANCE {
        let message = format!("the shares of a mixture add up to {}, not 100%", units::share(sum));
        return Err(wrong(&message, "change them so that they do"));
    }
    let drawn = parts.iter().filter(|(share, _)| *share > 0.0);
    DistributionShape::mixture(drawn.map(|(share, part)| (*share, part.shape.clone())).collect()).ok_or_else(none)
}

fn ordered(given: &GivenParams<'_>, min: f64, max: f64) -> Result<(f64, f64), BuildError> {
    if min <= max {
        return Ok((min, max));
    }
    let (lower, upper) = (given.typed("min"), given.typed("max"));
    Err(BuildError::new(Some(upper), format!("`{upper}` is less than `{lower}`"), "swap them"))
}

fn nothing_left(given: &GivenParams<'_>) -> BuildError {
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

/// Names of the parameters of each kind, apart from `min` and `max`.
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

/// Logarithmic spread below which a distribution is a constant: less than the resolution of any
/// clock.
const MIN_LOG_SPREAD: f64 = 1e-9;

/// Tolerance for the sum of shares, which may be rounded.
const SHARE_SUM_TOLERANCE: f64 = 1e-6;
