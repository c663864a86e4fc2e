//! The helper `numberFormat`: numbers by a style or by a pattern of Java's DecimalFormat.

use super::as_integer;
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::value::TemplateValue;
use standin_dialect::java_decimal::plain_decimal_text;
use standin_dialect::java_text::double_text;
use standin_text::group_digits;

#[derive(Clone, Debug)]
struct NumberFormat {
    prefix: String,
    suffix: String,
    /// Prefix and suffix of negative numbers; by default a minus sign before the prefix.
    negative: Option<(String, String)>,
    least_whole: usize,
    most_whole: usize,
    least_fraction: usize,
    most_fraction: usize,
    /// Number of digits between two separators; 0 for no separators.
    group: usize,
    /// The power of ten by which the number is multiplied: 2 for percent.
    shift: usize,
    rounding: Rounding,
    symbols: Symbols,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rounding {
    Ceiling,
    Down,
    Floor,
    HalfDown,
    HalfEven,
    HalfUp,
    Up,
}

/// The separators of a locale.
#[derive(Clone, Copy, Debug)]
struct Symbols {
    decimal: char,
    group: &'static str,
}

pub(super) fn number_format<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let number = match &args.context {
        // the exact value, so that a half is recognized
        TemplateValue::Double(number) if !number.is_finite() => return Ok(TemplateValue::text(double_text(*number))),
        TemplateValue::Double(number) => format!("{number:.MAX_DECIMALS$}"),
        TemplateValue::Int(number) => number.to_string(),
        TemplateValue::Number(text) => plain_decimal_text(text)
            .ok_or_else(|| RenderError::failed(format!("the number `{text}` is too long to be formatted")))?,
        _ => {
            return args
                .params
                .first()
                .map_or(Ok(TemplateValue::Null), |value| evaluator.text_of(value).map(TemplateValue::Text));
        }
    };
    let style = match args.params.first() {
        Some(TemplateValue::Text(style)) => style.trim().to_owned(),
        None => String::new(),
        Some(other) => return Err(RenderError::failed(format!("the format is a text, not {}", other.kind_name()))),
    };
    let locale = match args.params.get(1) {
        Some(locale) => evaluator.text_of(locale)?.to_string(),
        None => "en_US".to_owned(),
    };
    let mut format = NumberFormat::of(&style, &locale)?;
    format.adjust(args)?;
    evaluator.budget.spend(20)?;
    evaluator.budget.spend_bytes(number.len() + format.least_whole + format.least_fraction)?;
    Ok(TemplateValue::text(format.write(&number)))
}

impl NumberFormat {
    fn of(style: &str, locale: &str) -> Result<Self, RenderError> {
        let symbols = symbols(locale);
        let plain = Self {
            prefix: String::new(),
            suffix: String::new(),
            negative: None,
            least_whole: 1,
            most_whole: usize::MAX,
            least_fraction: 0,
            most_fraction: 3,
            group: 3,
            shift: 0,
            rounding: Rounding::HalfEven,
            symbols,
        };
        Ok(match style.to_ascii_lowercase().as_str() {
            "" | "default" => plain,
            "integer" => Self { most_fraction: 0, ..plain },
            "percent" => {
                let suffix = if locale.starts_with("en") || locale.starts_with("ja") { "%" } else { "\u{a0}%" };
                Self { most_fraction: 0, shift: 2, suffix: suffix.to_owned(), ..plain }
            }
            "currency" => {
                let (sign, before, fraction) = currency(locale);
                let (prefix, suffix) =
                    if before { (sign.to_owned(), String::new()) } else { (String::new(), format!("\u{a0}{sign}")) };
                Self { prefix, suffix, least_fraction: fraction, most_fraction: fraction, ..plain }
            }
            _ => Self::by_pattern(style, symbols)?,
        })
    }

    /// Parses a pattern such as `#,##0.00;(#)`.
    fn by_pattern(pattern: &str, symbols: Symbols) -> Result<Self, RenderError> {
        let (positive, negative) = match pattern.split_once(';') {
            Some((positive, negative)) => (positive, Some(negative)),
            None => (pattern, None),
        };
        let (prefix, digits, suffix) = parts(positive)?;
        let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
        let count = |text: &str, wanted: char| text.chars().filter(|c| *c == wanted).count();
        let shift = match (format!("{prefix}{suffix}").contains('%'), format!("{prefix}{suffix}").contains('‰')) {
            (true, _) => 2,
            (_, true) => 3,
            _ => 0,
        };
        let negative = match negative {
            Some(negative) => {
                let (prefix, _, suffix) = parts(negative)?;
                Some((prefix, suffix))
            }
            None => None,
        };
        Ok(Self {
            prefix,
            suffix,
            negative,
            least_whole: count(whole, '0').min(MAX_DECIMALS),
            most_whole: usize::MAX,
            least_fraction: count(fraction, '0').min(MAX_DECIMALS),
            most_fraction: (count(fraction, '0') + count(fraction, '#')).min(MAX_DECIMALS),
            group: whole.rsplit_once(',').map_or(0, |(_, last)| last.len()),
            shift,
            rounding: Rounding::HalfEven,
            symbols,
        })
    }

    fn adjust(&mut self, args: &HelperArgs<'_, '_>) -> Result<(), RenderError> {
        if let Some(TemplateValue::Bool(false)) = args.named("groupingUsed") {
            self.group = 0;
        }
        let size = |key: &str| match args.named(key) {
            None => Ok(None),
            Some(value) => match as_integer(value).and_then(|size| usize::try_from(size).ok()) {
                Some(size) => Ok(Some(size.min(MAX_DECIMALS))),
                None => Err(RenderError::failed(format!("`{key}` is a whole number, not {}", value.kind_name()))),
            },
        };
        if let Some(most) = size("maximumFractionDigits")? {
            (self.most_fraction, self.least_fraction) = (most, self.least_fraction.min(most));
        }
        if let Some(most) = size("maximumIntegerDigits")? {
            (self.most_whole, self.least_whole) = (most, self.least_whole.min(most));
        }
        if let Some(least) = size("minimumFractionDigits")? {
            (self.least_fraction, self.most_fraction) = (least, self.most_fraction.max(least));
        }
        if let Some(least) = size("minimumIntegerDigits")? {
            (self.least_whole, self.most_whole) = (least, self.most_whole.max(least));
        }
        if let Some(TemplateValue::Text(mode)) = args.named("roundingMode") {
            self.rounding = match mode.trim().to_ascii_uppercase().as_str() {
                "CEILING" => Rounding::Ceiling,
                "DOWN" => Rounding::Down,
                "FLOOR" => Rounding::Floor,
                "HALF_DOWN" => Rounding::HalfDown,
                "HALF_EVEN" => Rounding::HalfEven,
                "HALF_UP" => Rounding::HalfUp,
                "UP" => Rounding::Up,
                _ => return Err(RenderError::failed(format!("`{mode}` is not a rounding mode"))),
            };
        }
        Ok(())
    }

    /// Formats a number that is written without an exponent.
    fn write(&self, number: &str) -> String {
        let (is_negative, digits) = number.strip_prefix('-').map_or((false, number), |digits| (true, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let padded = format!("{fraction:0<width$}", width = self.shift);
        let whole = format!("{whole}{}", &padded[..self.shift]);
        let (mut whole, mut fraction) = self.rounded(&whole, &padded[self.shift..], is_negative);
        while fraction.len() > self.least_fraction && fraction.ends_with('0') {
            fraction.pop();
        }
        fraction = format!("{fraction:0<width$}", width = self.least_fraction);
        whole = whole.trim_start_matches('0').to_owned();
        if whole.len() > self.most_whole {
            whole = whole[whole.len() - self.most_whole..].to_owned();
        }
        whole = format!("{whole:0>width$}", width = self.least_whole);
        if whole.is_empty() && fraction.is_empty() {
            whole.push('0');
        }
        let is_zero = whole.bytes().chain(fraction.bytes()).all(|byte| byte == b'0');
        let mut out = String::new();
        let (prefix, suffix) = match &self.negative {
            Some((prefix, suffix)) if is_negative && !is_zero => (prefix, suffix),
            _ => {
                // Java prints `-0` if a negative number is rounded to zero
                out.push_str(if is_negative { "-" } else { "" });
                (&self.prefix, &self.suffix)
            }
        };
        out.push_str(prefix);
        out.push_str(&group_digits(&whole, self.group, self.symbols.group));
        if !fraction.is_empty() {
            out.push(self.symbols.decimal);
            out.push_str(&fraction);
        }
        out.push_str(suffix);
        out
    }

    /// Rounds to the maximum number of decimals; returns integer part and fraction.
    fn rounded(&self, whole: &str, fraction: &str, is_negative: bool) -> (String, String) {
        let kept = &fraction[..self.most_fraction.min(fraction.len())];
        let rest = &fraction[kept.len()..];
        let mut digits: Vec<u8> = whole.bytes().chain(kept.bytes()).collect();
        let is_odd = digits.last().is_some_and(|digit| digit % 2 == 1);
        let exact = rest.bytes().all(|byte| byte == b'0');
        let half = rest.bytes().next().unwrap_or(b'0').cmp(&b'5');
        let tie = half.is_eq() && rest.bytes().skip(1).all(|byte| byte == b'0');
        let up = !exact
            && match self.rounding {
                Rounding::Up => true,
                Rounding::Down => false,
                Rounding::Ceiling => !is_negative,
                Rounding::Floor => is_negative,
                Rounding::HalfUp => half.is_ge(),
                Rounding::HalfDown => half.is_ge() && !tie,
                Rounding::HalfEven => half.is_ge() && (!tie || is_odd),
            };
        if up {
            let mut place = digits.len();
            loop {
                let Some(before) = place.checked_sub(1) else {
                    digits.insert(0, b'1');
                    break;
                };
                place = before;
                if digits[place] < b'9' {
                    digits[place] += 1;
                    break;
                }
                digits[place] = b'0';
            }
        }
        let text: String = digits.into_iter().map(char::from).collect();
        let (whole, fraction) = text.split_at(text.len() - kept.len());
        (whole.to_owned(), fraction.to_owned())
    }
}

/// Splits a pattern into the text before the digits, the digits, and the text after them.
fn parts(pattern: &str) -> Result<(String, String, String), RenderError> {
    let is_digit = |c: char| matches!(c, '0' | '#' | ',' | '.');
    let mut found = [String::new(), String::new(), String::new()];
    let mut part = 0;
    let mut quoted = false;
    for c in pattern.chars() {
        if c == '\'' {
            quoted = !quoted;
            continue;
        }
        if !quoted && is_digit(c) {
            if part == 2 {
                return Err(RenderError::failed(format!(
                    "`{pattern}` is not a number format: `{c}` follows the digits"
                )));
            }
            part = 1;
        } else if part == 1 {
            part = 2;
        }
        found[part].push(c);
    }
    if found[1].is_empty() {
        return Err(RenderError::failed(format!(
            "`{pattern}` is not a number format: it has no digits such as `#,##0.00`"
        )));
    }
    if found[1].matches('.').count() > 1 || found[2].starts_with('E') {
        return Err(RenderError::failed(format!("`{pattern}` is not a supported number format")));
    }
    let [prefix, digits, suffix] = found;
    Ok((prefix, digits, suffix))
}

fn symbols(locale: &str) -> Symbols {
    let (decimal, group) = match (locale.get(..2).unwrap_or(locale), locale) {
        (_, "de_CH" | "de_LI") => ('.', "’"),
        (_, "es_MX") => ('.', ","),
        (_, "pt_PT") | ("pl" | "cs" | "sk" | "sv" | "fi" | "no" | "nb" | "ru" | "uk" | "hu" | "bg", _) => {
            (',', "\u{a0}")
        }
        ("fr", _) => (',', "\u{202f}"),
        ("de" | "es" | "it" | "nl" | "pt" | "da" | "id" | "tr" | "el" | "ro", _) => (',', "."),
        _ => ('.', ","),
    };
    Symbols { decimal, group }
}

/// Returns the currency symbol of a locale, whether it precedes the number, and the number of
/// decimals.
fn currency(locale: &str) -> (&'static str, bool, usize) {
    match locale.split_once('_').map_or("", |(_, country)| country) {
        "US" | "AU" | "NZ" | "MX" => ("$", true, 2),
        "GB" => ("£", true, 2),
        "CA" if locale.starts_with("en") => ("$", true, 2),
        "IN" => ("₹", true, 2),
        "IE" => ("€", true, 2),
        "JP" => ("￥", true, 0),
        "CN" => ("¥", true, 2),
        "KR" => ("₩", true, 0),
        "BR" => ("R$\u{a0}", true, 2),
        "NL" => ("€\u{a0}", true, 2),
        "CH" => ("CHF\u{a0}", true, 2),
        "DE" | "FR" | "ES" | "IT" | "AT" | "BE" | "FI" | "PT" | "GR" => ("€", false, 2),
        "PL" => ("zł", false, 2),
        "SE" => ("kr", false, 2),
        "CZ" => ("Kč", false, 2),
        "RU" => ("₽", false, 2),
        _ => ("¤", true, 2),
    }
}

/// Maximum number of decimals.
const MAX_DECIMALS: usize = 60;
