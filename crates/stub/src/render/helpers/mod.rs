//! The helpers of templates, one file per family: those of handlebars.java and those of WireMock.
//!
//! Each does what WireMock 3.13 does, including its quirks: most wrong uses print `[ERROR: …]`, and
//! some fail the whole response.

#![allow(clippy::unnecessary_wraps)] // all helpers are of one type

mod blocks;
mod collections;
mod conditions;
mod dates;
mod decimal;
mod encoding;
mod formatting;
mod json;
mod json_edit;
mod layout;
mod number_format;
mod numbers;
mod patterns;
mod printf;
mod random;
mod system;
mod text;
mod xpath;

use std::sync::Arc;

use super::template::budget::RenderError;
use super::template::eval::Evaluator;
use super::template::helper_args::HelperArgs;
use super::template::value::TemplateValue;

/// The function of a helper. It returns a value, or writes to the output.
pub(crate) type Helper = for<'t, 'f> fn(&mut Evaluator<'t>, &HelperArgs<'t, 'f>) -> Result<TemplateValue, RenderError>;

/// Returns the helper of this name.
pub(crate) fn find(name: &str) -> Option<Helper> {
    HELPERS.iter().find(|(known, _)| *known == name).map(|(_, helper)| *helper)
}

/// Returns the names of all helpers, for messages.
pub fn names() -> Vec<&'static str> {
    HELPERS.iter().map(|(name, _)| *name).collect()
}

/// Converts the parameters of a stub to a template value.
pub(crate) fn value_of(parameters: &serde_json::Value) -> TemplateValue {
    json::plain(parameters)
}

/// Returns the text that WireMock prints where a helper is used wrongly.
fn error_text(message: impl AsRef<str>) -> TemplateValue {
    TemplateValue::text(format!("[ERROR: {}]", message.as_ref()))
}

/// Returns the text of the first parameter, or of the body of a block.
fn text_or_block<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<Arc<str>, RenderError> {
    if args.is_block() {
        return evaluator.capture(|evaluator| evaluator.inner(args)).map(Arc::from);
    }
    evaluator.text_of(&args.context)
}

/// Returns an error if the first parameter is missing, for a helper that does nothing without it.
fn require_context(args: &HelperArgs<'_, '_>, helper: &str) -> Result<(), RenderError> {
    if args.context.is_null() {
        return Err(RenderError::failed(format!("the value that `{helper}` is given is missing")));
    }
    Ok(())
}

/// Returns a parameter that must be a text.
fn text_of_param<'a>(value: &'a TemplateValue, name: &str) -> Result<&'a Arc<str>, RenderError> {
    match value {
        TemplateValue::Text(text) => Ok(text),
        other => Err(RenderError::failed(format!("the {name} is a text, not {}", other.kind_name()))),
    }
}

/// Converts a number, or the text of an integer, to an integer.
fn as_integer(value: &TemplateValue) -> Option<i64> {
    match value {
        TemplateValue::Int(number) => Some(*number),
        TemplateValue::Double(_) | TemplateValue::Number(_) => value.as_f64().map(|number| number as i64),
        TemplateValue::Text(text) => text.trim().parse().ok(),
        TemplateValue::List(_) => value_of_field(value).and_then(as_integer),
        _ => None,
    }
}

/// Returns the first value of a parameter, header or cookie.
fn value_of_field(value: &TemplateValue) -> Option<&TemplateValue> {
    match value {
        TemplateValue::List(list) => list.items.first().filter(|item| matches!(item, TemplateValue::Text(_))),
        _ => None,
    }
}

/// Returns an integer argument, or its default.
///
/// # Errors
///
/// Fails if the argument is not an integer.
fn integer_arg(args: &HelperArgs<'_, '_>, key: &str, default: i64) -> Result<i64, RenderError> {
    match args.named(key) {
        None => Ok(default),
        Some(value) => as_integer(value)
            .ok_or_else(|| RenderError::failed(format!("`{key}` is a whole number, not {}", value.kind_name()))),
    }
}

/// Returns whether the argument `key=true` is given.
fn is_set(args: &HelperArgs<'_, '_>, key: &str) -> bool {
    matches!(args.named(key), Some(TemplateValue::Bool(true)))
}

const HELPERS: &[(&str, Helper)] = &[
    ("abbreviate", layout::abbreviate),
    ("and", conditions::and),
    ("array", collections::array),
    ("arrayAdd", collections::array_add),
    ("arrayJoin", collections::array_join),
    ("arrayRemove", collections::array_remove),
    ("assign", blocks::assign),
    ("base64", encoding::base64),
    ("block", blocks::block),
    ("capitalize", text::capitalize),
    ("capitalizeFirst", text::capitalize_first),
    ("center", layout::center),
    ("contains", patterns::contains),
    ("cut", text::cut),
    ("date", dates::date),
    ("dateFormat", dates::date_format),
    ("defaultIfEmpty", text::default_if_empty),
    ("each", blocks::each),
    ("eq", conditions::eq),
    ("formatJson", formatting::format_json),
    ("formatXml", formatting::format_xml),
    ("formData", encoding::form_data),
    ("gt", conditions::gt),
    ("gte", conditions::gte),
    ("hostname", system::hostname),
    ("if", blocks::if_),
    ("include", blocks::include),
    ("isEven", numbers::is_even),
    ("isOdd", numbers::is_odd),
    ("join", text::join),
    ("jsonArrayAdd", json_edit::json_array_add),
    ("jsonMerge", json_edit::json_merge),
    ("jsonPath", json::json_path),
    ("jsonRemove", json_edit::json_remove),
    ("ljust", layout::ljust),
    ("log", blocks::log),
    ("lookup", blocks::lookup),
    ("lower", text::lower),
    ("lt", conditions::lt),
    ("lte", conditions::lte),
    ("matches", patterns::matches),
    ("math", numbers::math),
    ("neq", conditions::neq),
    ("not", conditions::not),
    ("now", dates::now),
    ("numberFormat", number_format::number_format),
    ("or", conditions::or),
    ("parseDate", dates::parse_date),
    ("parseJson", json::parse_json),
    ("partial", blocks::partial),
    ("pickRandom", random::pick_random),
    ("randomDecimal", random::random_decimal),
    ("randomInt", random::random_int),
    ("randomValue", random::random_value),
    ("range", collections::range),
    ("regexExtract", patterns::regex_extract),
    ("replace", text::replace),
    ("rjust", layout::rjust),
    ("size", collections::size),
    ("slugify", text::slugify),
    ("soapXPath", xpath::soap_xpath),
    ("stringFormat", printf::string_format),
    ("stripes", numbers::stripes),
    ("stripTags", text::strip_tags),
    ("substring", text::substring),
    ("systemValue", system::system_value),
    ("toJson", json::to_json),
    ("trim", text::trim),
    ("truncateDate", dates::truncate_date),
    ("unless", blocks::unless),
    ("upper", text::upper),
    ("urlEncode", encoding::url_encode),
    ("val", blocks::val),
    ("with", blocks::with),
    ("wordWrap", layout::word_wrap),
    ("xPath", xpath::xpath),
    ("yesno", text::yesno),
];

#[cfg(test)]
mod tests;
