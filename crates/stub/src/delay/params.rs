//! Named parameters of distributions, and the checks of their values.

use std::fmt;

use super::Distribution;
use crate::defect::nearest;

/// A named parameter of a distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Param<'a> {
    /// Name as it was typed.
    pub name: &'a str,
    /// Value with its unit.
    pub value: ParamValue,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamValue {
    /// A number without a unit.
    Number(f64),
    /// Parts of a mixture: share (0 to 1) and distribution.
    Parts(Vec<(f64, Distribution)>),
    /// A time in nanoseconds.
    Time(f64),
}

/// An error in the parameters of a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    /// Name of the invalid parameter as it was typed; `None` if a parameter is missing or the kind
    /// is unknown.
    pub param: Option<String>,
    /// Message, a sentence without a full stop.
    pub message: String,
    /// Way to correct it.
    pub help: String,
}

impl BuildError {
    pub(super) fn new(param: Option<&str>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { param: param.map(str::to_owned), message: message.into(), help: help.into() }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; help: {}", self.message, self.help)
    }
}

impl std::error::Error for BuildError {}

/// Parameters with known names, each given once.
pub(super) struct GivenParams<'a> {
    kind: &'a str,
    params: &'a [Param<'a>],
}

impl<'a> GivenParams<'a> {
    /// Checks the names; `known` are those of the kind, apart from `min` and `max`.
    pub(super) fn new(kind: &'a str, known: &[&str], params: &'a [Param<'a>]) -> Result<Self, BuildError> {
        let known: Vec<_> = known.iter().chain(BOUNDS).copied().collect();
        for (index, param) in params.iter().enumerate() {
            let name = canonical(param.name);
            let is_known = known.contains(&name) || kind == "quantiles" && percent(name).is_some();
            if !is_known {
                let message = format!("a `{kind}` distribution has no `{}`", param.name);
                let help = match nearest(name, &known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("remove it; `{kind}` takes {}", standin_text::list_quoted(&known, "and")),
                };
                return Err(BuildError::new(Some(param.name), message, help));
            }
            if let Some(first) = params[..index].iter().find(|first| canonical(first.name) == name) {
                let message = format!("`{}` and `{}` say the same", first.name, param.name);
                return Err(BuildError::new(Some(param.name), message, "remove one of them"));
            }
        }
        Ok(Self { kind, params })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Returns a parameter's name as it was typed.
    pub(super) fn typed<'n>(&self, name: &'n str) -> &'n str
    where
        'a: 'n,
    {
        self.find(name).map_or(name, |param| param.name)
    }

    /// Returns a time in whole nanoseconds, from 0 to [`MAX_NANOSECONDS`].
    pub(super) fn time(&self, name: &str) -> Result<f64, BuildError> {
        self.optional_time(name)?.ok_or_else(|| self.missing(name))
    }

    /// Returns a time of 1 ns or more.
    pub(super) fn positive_time(&self, name: &str) -> Result<f64, BuildError> {
        let time = self.time(name)?;
        if time >= 1.0 {
            return Ok(time);
        }
        let name = self.typed(name);
        let message = format!("`{name}` is zero");
        Err(BuildError::new(Some(name), message, "use a time of a nanosecond or more, or a `fixed` distribution"))
    }

    /// Returns a time that may be absent.
    pub(super) fn optional_time(&self, name: &str) -> Result<Option<f64>, BuildError> {
        let Some(param) = self.find(name) else { return Ok(None) };
        let ParamValue::Time(nanos) = param.value else {
            return Err(param.wrong("is not a time", "give it as a time"));
        };
        if !nanos.is_finite() {
            return Err(param.wrong("is no number", "use a time from 0 up"));
        }
        if nanos < 0.0 {
            return Err(param.wrong("is negative", "use a time from 0 up"));
        }
        if nanos > MAX_NANOSECONDS {
            return Err(param.wrong("is longer than 292 years", "use a shorter time"));
        }
        // `abs` removes the sign of a negative zero
        Ok(Some(nanos.round().abs()))
    }

    /// Returns a number without a unit between two limits.
    pub(super) fn number(&self, name: &str, least: f64, most: f64) -> Result<f64, BuildError> {
        let param = self.find(name).ok_or_else(|| self.missing(name))?;
        match param.value {
            ParamValue::Number(number) if (least..=most).contains(&number) => Ok(number),
            ParamValue::Number(number) => {
                Err(param.wrong(&format!("is {number}"), &format!("use a number from {least} to {most}")))
            }
            _ => Err(param.wrong("is not a plain number", "give it without a unit")),
        }
    }

    /// Returns the parts of a mixture.
    pub(super) fn parts(&self) -> Result<&'a [(f64, Distribution)], BuildError> {
        let param = self.find("parts").ok_or_else(|| self.missing("parts"))?;
        match &param.value {
            ParamValue::Parts(parts) => Ok(parts),
            _ => Err(param.wrong("is not a list of parts", "list a share and a distribution for each part")),
        }
    }

    /// Returns the percentiles that were given: name, percentage and time in nanoseconds.
    pub(super) fn percentiles(&self) -> Result<Vec<(&'a str, f64, f64)>, BuildError> {
        self.params
            .iter()
            .filter_map(|param| Some((param.name, percent(param.name)?)))
            .map(|(name, percent)| Ok((name, percent, self.time(name)?)))
            .collect()
    }

    /// Returns the error of a missing parameter.
    pub(super) fn missing(&self, name: &str) -> BuildError {
        let message = format!("a `{}` distribution needs `{name}`", self.kind);
        BuildError::new(None, message, format!("add `{name}`"))
    }

    fn find(&self, name: &str) -> Option<&'a Param<'a>> {
        self.params.iter().find(|param| canonical(param.name) == name)
    }
}

impl Param<'_> {
    fn wrong(&self, message: &str, help: &str) -> BuildError {
        BuildError::new(Some(self.name), format!("`{}` {message}", self.name), help)
    }
}

/// Returns the name of a parameter here for its name in WireMock.
fn canonical(name: &str) -> &str {
    match name {
        "lower" => "min",
        "maxValue" | "upper" => "max",
        "milliseconds" => "value",
        other => other,
    }
}

/// Parses the percentage of a percentile's name: 99.9 of `p99.9`.
fn percent(name: &str) -> Option<f64> {
    let digits = name.strip_prefix('p')?;
    // the float parser also accepts signs, exponents and `inf`
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    digits.parse().ok()
}

/// Parameters that all kinds take.
const BOUNDS: &[&str] = &["min", "max"];

/// Maximum time: 2^63 ns, which is 292 years.
const MAX_NANOSECONDS: f64 = 9_223_372_036_854_775_808.0;
