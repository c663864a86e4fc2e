//! Helpers for base64, percent-encoding, and forms.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::{Encoding, UTF_8};

use super::{is_set, require_context, text_or_block};
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::value::{ListKind, MapKind, TemplateValue};

pub(super) fn base64<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    if !args.is_block() {
        require_context(args, "base64")?;
    }
    let text = text_or_block(evaluator, args)?;
    evaluator.budget.spend_bytes(text.len())?;
    if is_set(args, "decode") {
        let bytes = LENIENT.decode(text.trim().as_bytes());
        let bytes = bytes.map_err(|error| RenderError::failed(format!("this is not base64: {error}")))?;
        return Ok(TemplateValue::text(String::from_utf8_lossy(&bytes)));
    }
    let padded = !matches!(args.named("padding"), Some(padding) if !matches!(padding, TemplateValue::Bool(true)));
    Ok(TemplateValue::text(if padded { STANDARD.encode(&*text) } else { STANDARD_NO_PAD.encode(&*text) }))
}

pub(super) fn url_encode<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    if !args.is_block() {
        require_context(args, "urlEncode")?;
    }
    let text = text_or_block(evaluator, args)?;
    evaluator.budget.spend_bytes(text.len() * 3)?;
    let charset = charset(evaluator, args)?;
    if is_set(args, "decode") {
        return decoded(&text, charset).map(TemplateValue::text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for byte in &*charset.encode(&text).0 {
        match byte {
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || b".-*_".contains(byte) => out.push(char::from(*byte)),
            byte => out.extend(['%', hex(byte >> 4), hex(byte & 15)]),
        }
    }
    Ok(TemplateValue::text(out))
}

/// `formData`: the fields of a form, each with its values; with a name, assigned to a variable.
pub(super) fn form_data<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    require_context(args, "formData")?;
    let text = evaluator.text_of(&args.context)?;
    evaluator.budget.spend_bytes(text.len() * 2)?;
    let charset = charset(evaluator, args)?;
    let mut fields: Vec<(Arc<str>, Vec<TemplateValue>)> = Vec::new();
    for field in text.split('&') {
        evaluator.budget.spend(1 + fields.len() / 16)?;
        // a value ends at a further `=`, and a field without a value is ignored
        let mut parts = field.split('=');
        let (key, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if value.is_empty() && parts.all(str::is_empty) {
            continue;
        }
        let value = if is_set(args, "urlDecode") { decoded(value.trim(), charset)? } else { value.trim().to_owned() };
        let value = TemplateValue::text(value);
        match fields.iter_mut().find(|(known, _)| **known == *key) {
            Some((_, values)) => values.push(value),
            None => fields.push((key.into(), vec![value])),
        }
    }
    let entries = fields.into_iter().map(|(key, values)| Ok((key, TemplateValue::list(values, ListKind::Values)?)));
    let form = TemplateValue::map(entries.collect::<Result<_, RenderError>>()?, MapKind::Plain)?;
    if args.param(0).is_null() {
        return Ok(form);
    }
    let name = evaluator.text_of(args.param(0))?;
    evaluator.assign(&name, form);
    Ok(TemplateValue::Null)
}

fn charset(evaluator: &mut Evaluator<'_>, args: &HelperArgs<'_, '_>) -> Result<&'static Encoding, RenderError> {
    let Some(name) = args.named("encoding") else { return Ok(UTF_8) };
    let name = evaluator.text_of(name)?;
    Encoding::for_label(name.as_bytes()).ok_or_else(|| RenderError::failed(format!("`{name}` is an unknown encoding")))
}

fn decoded(text: &str, charset: &'static Encoding) -> Result<String, RenderError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(byte) = byte else {
                    return Err(RenderError::failed("a `%` is not followed by two hexadecimal digits"));
                };
                bytes.push(byte);
                rest = &after[2..];
            }
            byte => bytes.push(*byte),
        }
    }
    Ok(charset.decode_without_bom_handling(&bytes).0.into_owned())
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase()
}

/// A base64 decoder for which padding is optional.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
