//! Named parameters as files give them: which a kind takes, what each must be, and how to say what is wrong with one.

use std::fmt;

use super::Distribution;

/// A named parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Param<'a> {
    /// Its name, as it was typed.
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
    /// The parameter that is wrong, as it was typed; none if it is missing or the kind is wrong.
    pub param: Option<String>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: String,
}

impl BuildError {
    pub(super) fn new(param: Option<&str>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { param: param.map(str::to_owned), message: message.into(), help: help.into() }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}", self.message, self.help)
    }
}

impl std::error::Error for BuildError {}

/// The parameters that were given: all of them known, none of them twice.
pub(super) struct Given<'a> {
    kind: &'a str,
    params: &'a [Param<'a>],
}

impl<'a> Given<'a> {
    /// Checks names; `known` are those that the kind takes beside `min` and `max`.
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

    /// A parameter's name as it was typed.
    pub(super) fn typed<'n>(&self, name: &'n str) -> &'n str
    where
        'a: 'n,
    {
        self.find(name).map_or(name, |param| param.name)
    }

    /// Whole nanoseconds, from 0 to [`LONGEST`].
    pub(super) fn time(&self, name: &str) -> Result<f64, BuildError> {
        self.optional_time(name)?.ok_or_else(|| self.missing(name))
    }

    /// A time of a nanosecond or more.
    pub(super) fn positive_time(&self, name: &str) -> Result<f64, BuildError> {
        let time = self.time(name)?;
        if time >= 1.0 {
            return Ok(time);
        }
        let name = self.typed(name);
        let message = format!("`{name}` is zero");
        Err(BuildError::new(Some(name), message, "use a time of a nanosecond or more, or a `fixed` distribution"))
    }

    /// A time that may be left out.
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
        if nanos > LONGEST {
            return Err(param.wrong("is longer than 292 years", "use a shorter time"));
        }
        // without the sign that a zero may have
        Ok(Some(nanos.round().abs()))
    }

    /// A plain number between two limits.
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

    /// The parts of a mixture.
    pub(super) fn parts(&self) -> Result<&'a [(f64, Distribution)], BuildError> {
        let param = self.find("parts").ok_or_else(|| self.missing("parts"))?;
        match &param.value {
            ParamValue::Parts(parts) => Ok(parts),
            _ => Err(param.wrong("is not a list of parts", "list a share and a distribution for each part")),
        }
    }

    /// The percentages that were given, with their names and times.
    pub(super) fn percentiles(&self) -> Result<Vec<(&'a str, f64, f64)>, BuildError> {
        self.params
            .iter()
            .filter_map(|param| Some((param.name, percent(param.name)?)))
            .map(|(name, percent)| Ok((name, percent, self.time(name)?)))
            .collect()
    }

    /// Says that a parameter is missing.
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

/// The name that is likest to an unknown one, if any is like it.
pub(super) fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let unknown = unknown.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(&unknown, name), *name))
        .filter(|(likeness, _)| *likeness >= LIKE_ENOUGH)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

/// Our name of a parameter that WireMock names otherwise.
fn canonical(name: &str) -> &str {
    match name {
        "lower" => "min",
        "maxValue" | "upper" => "max",
        "milliseconds" => "value",
        other => other,
    }
}

/// The 99.9 of `p99.9`.
fn percent(name: &str) -> Option<f64> {
    let digits = name.strip_prefix('p')?;
    // a float's own reading also takes signs, exponents and `inf`
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    digits.parse().ok()
}

const BOUNDS: &[&str] = &["min", "max"];

/// Likeness by Jaro and Winkler from which a name is taken for a slip of another.
const LIKE_ENOUGH: f64 = 0.84;

/// 2^63 nanoseconds, 292 years: longer than anyone waits, and far from where floats overflow.
const LONGEST: f64 = 9_223_372_036_854_775_808.0;
