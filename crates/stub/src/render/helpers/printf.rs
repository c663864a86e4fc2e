//! The helper `stringFormat`: Java's `String.format` for texts, integers, decimals, booleans and
//! characters.

use std::sync::Arc;

use super::text::of_text;
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::value::TemplateValue;
use standin_text::group_digits;

/// A parsed format specifier such as `%-10.2f`.
#[derive(Debug, Default)]
struct FormatSpec {
    /// The 1-based index of the value, as in `2$`.
    place: Option<usize>,
    flags: String,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

pub(super) fn string_format<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    of_text(evaluator, args, |evaluator, format| {
        let mut out = String::with_capacity(format.len() + 16);
        let mut next = 0;
        let mut rest = format;
        while let Some((before, after)) = rest.split_once('%') {
            out.push_str(before);
            let (spec, after) = FormatSpec::parse(after).ok_or_else(|| {
                RenderError::failed(format!("`%{}` is not a format", after.chars().take(6).collect::<String>()))
            })?;
            rest = after;
            match spec.kind {
                '%' => out.push('%'),
                'n' => out.push('\n'),
                _ => {
                    let place = spec.place.map_or_else(
                        || {
                            next += 1;
                            next - 1
                        },
                        |place| place.saturating_sub(1),
                    );
                    let Some(value) = args.params.get(place) else {
                        return Err(RenderError::failed(format!("`stringFormat` has no value for `%{}`", spec.kind)));
                    };
                    evaluator.budget.spend(1 + spec.width / 16)?;
                    let text = spec.write(evaluator, value)?;
                    // a format may use a value many times
                    evaluator.budget.spend_bytes(text.len())?;
                    out.push_str(&text);
                }
            }
        }
        out.push_str(rest);
        Ok(TemplateValue::text(out))
    })
}

impl FormatSpec {
    /// Parses a specifier after its `%`; returns it with the rest of the text.
    fn parse(text: &str) -> Option<(Self, &str)> {
        let mut spec = Self::default();
        let mut rest = text;
        if let Some((digits, after)) = text.split_once('$')
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            spec.place = Some(digits.parse().ok()?);
            rest = after;
        }
        let flags = rest.len() - rest.trim_start_matches(['-', '#', '+', ' ', '0', ',', '(']).len();
        (spec.flags, rest) = (rest[..flags].to_owned(), &rest[flags..]);
        let number = |text: &str| -> Option<(usize, usize)> {
            let length = text.bytes().take_while(u8::is_ascii_digit).count();
            if length == 0 { Some((0, 0)) } else { Some((text[..length].parse().ok()?, length)) }
        };
        let (width, length) = number(rest)?;
        (spec.width, rest) = (width, &rest[length..]);
        if let Some(after) = rest.strip_prefix('.') {
            let (precision, length) = number(after)?;
            (spec.precision, rest) = (Some(precision), &after[length..]);
        }
        spec.kind = rest.chars().next()?;
        let known = "bBcCdeEfgGhHnosSxX%".contains(spec.kind);
        let bounded = spec.width <= MAX_WIDTH && spec.precision.is_none_or(|precision| precision <= MAX_DECIMALS);
        (known && bounded).then(|| (spec, &rest[1..]))
    }

    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn write(&self, evaluator: &mut Evaluator<'_>, value: &TemplateValue) -> Result<String, RenderError> {
        let text: Arc<str> = match (self.kind.to_ascii_lowercase(), value) {
            ('s' | 'b' | 'c' | 'h', _) => match (self.kind.to_ascii_lowercase(), value) {
                ('b', TemplateValue::Null) => "false".into(),
                ('b', TemplateValue::Bool(_)) => evaluator.text_of(value)?,
                ('b', _) => "true".into(),
                (_, TemplateValue::Null) => "null".into(),
                ('c', TemplateValue::Int(code)) => match u32::try_from(*code).ok().and_then(char::from_u32) {
                    Some(c) => c.to_string().into(),
                    None => return Err(self.unfit(value)),
                },
                ('c' | 'h', _) => return Err(self.unfit(value)),
                _ => evaluator.text_of(value)?,
            },
            (_, TemplateValue::Null) => "null".into(),
            ('d', TemplateValue::Int(number)) => {
                return Ok(self.number(&number.unsigned_abs().to_string(), *number < 0));
            }
            ('d', TemplateValue::Number(text)) if !text.contains(['.', 'E']) => {
                return Ok(self.number(text.trim_start_matches('-'), text.starts_with('-')));
            }
            ('x', TemplateValue::Int(number)) => format!("{number:x}").into(),
            ('o', TemplateValue::Int(number)) => format!("{number:o}").into(),
            ('f' | 'e' | 'g', TemplateValue::Number(_)) => {
                let Some(number) = value.as_f64() else { return Err(self.unfit(value)) };
                return self.write(evaluator, &TemplateValue::Double(number));
            }
            ('f', TemplateValue::Double(number)) => {
                let digits = format!("{:.*}", self.precision.unwrap_or(6), rounded(*number, self.precision));
                return Ok(self.number(digits.trim_start_matches('-'), number.is_sign_negative()));
            }
            ('e', TemplateValue::Double(number)) => scientific(*number, self.precision.unwrap_or(6)).into(),
            ('g', TemplateValue::Double(number)) => {
                format!("{:.*}", self.precision.unwrap_or(6).min(12), number).into()
            }
            _ => return Err(self.unfit(value)),
        };
        let is_text = matches!(self.kind.to_ascii_lowercase(), 's' | 'b');
        let cut: String = match self.precision {
            Some(most) if is_text => text.chars().take(most).collect(),
            _ => text.to_string(),
        };
        let text = if self.kind.is_ascii_uppercase() { cut.to_uppercase() } else { cut };
        let fill = if self.has('0') && !is_text { '0' } else { ' ' };
        Ok(self.padded(text, fill))
    }

    /// Formats the digits of a number with sign, separators and zeros by the flags.
    fn number(&self, digits: &str, is_negative: bool) -> String {
        let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
        let mut out = group_digits(whole, if self.has(',') { 3 } else { 0 }, ",");
        if let Some(fraction) = fraction {
            out.push('.');
            out.push_str(fraction);
        }
        let (before, behind) = match (is_negative, self.has('(')) {
            (true, true) => ("(", ")"),
            (true, false) => ("-", ""),
            (false, _) if self.has('+') => ("+", ""),
            (false, _) if self.has(' ') => (" ", ""),
            _ => ("", ""),
        };
        if self.has('0') {
            let missing = self.width.saturating_sub(before.len() + behind.len() + out.len());
            out.insert_str(0, &"0".repeat(missing));
        }
        self.padded(format!("{before}{out}{behind}"), ' ')
    }

    fn padded(&self, text: String, fill: char) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        let fill = fill.to_string().repeat(missing);
        if self.has('-') { text + &fill } else { fill + &text }
    }

    fn unfit(&self, value: &TemplateValue) -> RenderError {
        RenderError::failed(format!("`%{}` does not take {}", self.kind, value.kind_name()))
    }
}

/// Rounds as Java does: the shortest decimal of the number, halves up.
fn rounded(number: f64, precision: Option<usize>) -> f64 {
    let digits = precision.unwrap_or(6);
    let text = number.to_string();
    match text.split_once('.') {
        Some((_, fraction)) if fraction.len() == digits + 1 && fraction.ends_with('5') => {
            // one step further from zero: the tie rounds up, and nothing else changes
            number + number.signum() * number.abs() * f64::EPSILON
        }
        _ => number,
    }
}

/// Formats a number such as `1.500000e+03`.
fn scientific(number: f64, precision: usize) -> String {
    let text = format!("{number:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// Maximum width of a field in characters.
const MAX_WIDTH: usize = 10_000;

/// Maximum number of decimals.
const MAX_DECIMALS: usize = 300;
