//! From named parameters, as files give them, to a distribution that is valid, or to what is wrong with them.

use super::families::Family;
use super::quantiles::Quantiles;

use super::{Distribution, Shape, normal};

/// Probability that bounds must leave, so that what lies within is drawn from more than rounding errors.
const LEAST_SHARE: f64 = 1e-9;

/// A named parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Param<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: ParamValue,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamValue {
    /// A plain number.
    Number(f64),
    /// Shares (0 to 1) and distributions.
    Parts(Vec<(f64, Distribution)>),
    /// Nanoseconds.
    Time(f64),
}

/// What is wrong with a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    /// The parameter that is wrong, if it is one.
    pub param: Option<String>,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl Distribution {
    /// Builds a distribution of a kind. Each takes `min` and `max`; beyond these:
    ///
    /// `fixed {value}`, `uniform {min, max}`, `normal {mean, sd}`, `lognormal {median, p99 or sigma}`, `exponential {mean}`,
    /// `gamma {mean, cv}`, `weibull {scale, shape}`, `pareto {min, p99}`, `mixture {parts}`, `quantiles {p0, …, p100}`.
    /// WireMock's `milliseconds`, `lower`, `upper` and `maxValue` are other names of `value`, `min` and `max`.
    pub fn build(kind: &str, params: &[Param<'_>]) -> Result<Self, BuildError> {
        let mut given = Given { kind, params, used: Vec::new() };
        if kind == "fixed" {
            let value = given.time(&["value", "milliseconds"])?;
            given.finish()?;
            return Ok(Self { shape: Shape::Fixed(value) });
        }
        if kind == "mixture" {
            let parts = given.parts()?;
            given.finish()?;
            return Self::mixture(parts);
        }
        // a uniform distribution and a Pareto one have bounds of their own
        let own_bounds = matches!(kind, "uniform" | "pareto");
        let family = family(kind, &mut given)?;
        let min = if own_bounds { None } else { given.optional(&["min", "lower"])? };
        let max = if kind == "uniform" { None } else { given.optional(&["max", "upper", "maxValue"])? };
        given.finish()?;
        Self::truncated(family, min.unwrap_or(0.0), max.unwrap_or(f64::INFINITY))
    }

    fn truncated(family: Family, min: f64, max: f64) -> Result<Self, BuildError> {
        if max < min {
            return Err(wrong(Some("max"), "`max` is less than `min`", "swap them"));
        }
        let (from, to) = (family.cdf(min), if max.is_finite() { family.cdf(max) } else { 1.0 });
        // below the least value nothing is cut off
        let from = if min == 0.0 && family.cdf(0.0) <= 0.0 { 0.0 } else { from };
        if to - from < LEAST_SHARE {
            let what = "the bounds leave nothing of the distribution";
            return Err(wrong(Some("max"), what, "widen them, or use `fixed` or `uniform`"));
        }
        Ok(Self { shape: Shape::Truncated { family, from, to, min, max } })
    }

    fn mixture(parts: Vec<(f64, Self)>) -> Result<Self, BuildError> {
        let sum: f64 = parts.iter().map(|(share, _)| share).sum();
        if parts.is_empty() || (sum - 1.0).abs() > 1e-6 {
            let what = format!("the shares of a mixture add up to {}%, not 100%", (sum * 1e8).round() / 1e6);
            return Err(wrong(Some("parts"), &what, "change one of them"));
        }
        let mut before = 0.0;
        let mut cumulated: Vec<_> = parts
            .into_iter()
            .map(|(share, part)| {
                before += share;
                (before, part)
            })
            .collect();
        if let Some(last) = cumulated.last_mut() {
            last.0 = 1.0;
        }
        Ok(Self { shape: Shape::Mixture(cumulated) })
    }
}

fn family(kind: &str, given: &mut Given<'_>) -> Result<Family, BuildError> {
    Ok(match kind {
        "uniform" => {
            let (min, max) = (given.time(&["min", "lower"])?, given.time(&["max", "upper"])?);
            if max < min {
                return Err(wrong(Some("max"), "`max` is less than `min`", "swap them"));
            }
            // WireMock's bounds are inclusive and may be equal
            Family::Uniform { min, max: if max > min { max } else { min + 1.0 } }
        }
        "normal" => Family::Normal { mean: given.time(&["mean"])?, sd: given.positive(&["sd"])? },
        "lognormal" => log_normal(given)?,
        "exponential" => Family::Exponential { mean: given.positive(&["mean"])? },
        "gamma" => {
            let (mean, cv) = (given.positive(&["mean"])?, given.number("cv")?);
            Family::Gamma { shape: 1.0 / (cv * cv), scale: mean * cv * cv }
        }
        "weibull" => Family::Weibull { scale: given.positive(&["scale"])?, shape: given.number("shape")? },
        "pareto" => {
            let (min, p99) = (given.positive(&["min"])?, given.positive(&["p99"])?);
            if p99 <= min {
                return Err(wrong(Some("p99"), "`p99` is not above `min`", "raise it"));
            }
            Family::Pareto { min, alpha: 100f64.ln() / (p99 / min).ln() }
        }
        "quantiles" => given.quantiles()?,
        unknown => {
            let mend = match crate_nearest(unknown) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("use one of: {}", Distribution::KINDS.join(", ")),
            };
            return Err(wrong(None, &format!("`{unknown}` is no distribution"), &mend));
        }
    })
}

/// From the median and either sigma or, as people have it, the 99th percentile.
fn log_normal(given: &mut Given<'_>) -> Result<Family, BuildError> {
    let median = given.positive(&["median"])?;
    if given.has("sigma") {
        if given.has("p99") {
            return Err(wrong(Some("sigma"), "`sigma` and `p99` say the same", "remove one of them"));
        }
        let sigma = given.number("sigma")?;
        return Ok(Family::LogNormal { median, sigma });
    }
    let p99 = given.positive(&["p99"])?;
    if p99 <= median {
        return Err(wrong(Some("p99"), "`p99` is not above `median`", "raise it, or use `fixed`"));
    }
    Ok(Family::LogNormal { median, sigma: (p99 / median).ln() / normal::quantile(0.99) })
}

fn crate_nearest(unknown: &str) -> Option<&'static str> {
    Distribution::KINDS
        .iter()
        .map(|kind| (strsim::jaro_winkler(unknown, kind), *kind))
        .filter(|(likeness, _)| *likeness > 0.84)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, kind)| kind)
}

/// The parameters that were given, and which of them were asked for.
struct Given<'a> {
    kind: &'a str,
    params: &'a [Param<'a>],
    used: Vec<&'a str>,
}

impl<'a> Given<'a> {
    fn has(&self, name: &str) -> bool {
        self.params.iter().any(|param| param.name == name)
    }

    fn find(&mut self, names: &[&str]) -> Option<&'a Param<'a>> {
        let param = self.params.iter().find(|param| names.contains(&param.name))?;
        self.used.push(param.name);
        Some(param)
    }

    fn optional(&mut self, names: &[&str]) -> Result<Option<f64>, BuildError> {
        let Some(param) = self.find(names) else { return Ok(None) };
        match param.value {
            ParamValue::Time(nanos) if nanos.is_finite() && nanos >= 0.0 => Ok(Some(nanos)),
            ParamValue::Time(_) => {
                Err(wrong(Some(param.name), &format!("`{}` is negative", param.name), "use a time from 0 up"))
            }
            _ => Err(wrong(Some(param.name), &format!("`{}` is a time", param.name), "give it as a time")),
        }
    }

    fn time(&mut self, names: &[&str]) -> Result<f64, BuildError> {
        self.optional(names)?.ok_or_else(|| {
            let what = format!("a `{}` distribution needs `{}`", self.kind, names[0]);
            wrong(None, &what, &format!("add `{}`", names[0]))
        })
    }

    fn positive(&mut self, names: &[&str]) -> Result<f64, BuildError> {
        let time = self.time(names)?;
        if time > 0.0 {
            Ok(time)
        } else {
            Err(wrong(Some(names[0]), &format!("`{}` is zero", names[0]), "use a time above 0"))
        }
    }

    fn number(&mut self, name: &'static str) -> Result<f64, BuildError> {
        let Some(param) = self.find(&[name]) else {
            return Err(wrong(
                None,
                &format!("a `{}` distribution needs `{name}`", self.kind),
                &format!("add `{name}`"),
            ));
        };
        match param.value {
            // the limits keep powers and exponentials within what a float can hold
            ParamValue::Number(number) if (1e-3..=1e3).contains(&number) => Ok(number),
            ParamValue::Number(number) => {
                Err(wrong(Some(name), &format!("`{name}` is {number}"), "use a number between 0.001 and 1000"))
            }
            _ => Err(wrong(Some(name), &format!("`{name}` is a plain number"), "give it without a unit")),
        }
    }

    fn parts(&mut self) -> Result<Vec<(f64, Distribution)>, BuildError> {
        match self.find(&["parts"]).map(|param| &param.value) {
            Some(ParamValue::Parts(parts)) => Ok(parts.clone()),
            _ => Err(wrong(Some("parts"), "a mixture needs parts", "list a share and a distribution each")),
        }
    }

    fn quantiles(&mut self) -> Result<Family, BuildError> {
        let mut points = Vec::new();
        for param in self.params {
            let Some(percent) = param.name.strip_prefix('p').and_then(|digits| digits.parse::<f64>().ok()) else {
                continue;
            };
            if !(0.0..=100.0).contains(&percent) {
                return Err(wrong(Some(param.name), &format!("`{}` is no percentile", param.name), "use p0 to p100"));
            }
            points.push((percent / 100.0, self.time(&[param.name])?));
        }
        Quantiles::new(points)
            .map(Family::Quantiles)
            .map_err(|what| wrong(None, &what, "give rising times from p0 to p100"))
    }

    /// Every parameter must have been asked for.
    fn finish(self) -> Result<(), BuildError> {
        match self.params.iter().find(|param| !self.used.contains(&param.name)) {
            None => Ok(()),
            Some(param) => {
                let what = format!("a `{}` distribution has no `{}`", self.kind, param.name);
                Err(wrong(Some(param.name), &what, "remove it; docs/STUBS.md lists what each takes"))
            }
        }
    }
}

fn wrong(param: Option<&str>, what: &str, mend: &str) -> BuildError {
    BuildError { param: param.map(str::to_owned), what: what.to_owned(), mend: mend.to_owned() }
}
