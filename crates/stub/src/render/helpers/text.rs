//! Helpers for texts: letter case, parts and replacements.

use std::sync::Arc;

use super::{as_integer, is_set, require_context, text_or_block};
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::value::TemplateValue;

pub(super) fn capitalize<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    of_text(evaluator, args, |_, text| {
        let text = if is_set(args, "fully") { text.to_lowercase() } else { text.to_owned() };
        let mut out = String::with_capacity(text.len());
        let mut begins = true;
        for c in text.chars() {
            if begins {
                out.push(title_case(c));
            } else {
                out.push(c);
            }
            begins = c.is_whitespace();
        }
        Ok(TemplateValue::text(out))
    })
}

pub(super) fn capitalize_first<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    of_text(evaluator, args, |_, text| {
        let mut chars = text.chars();
        let first = chars.next().into_iter().map(title_case);
        Ok(TemplateValue::text(first.chain(chars).collect::<String>()))
    })
}

pub(super) fn cut<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    if args.context.is_empty() {
        return Ok(TemplateValue::text(""));
    }
    of_text(evaluator, args, |evaluator, text| {
        let message = if args.params.is_empty() { " ".into() } else { evaluator.text_of(args.param(0))? };
        Ok(TemplateValue::text(text.replace(&*message, "")))
    })
}

pub(super) fn default_if_empty<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    if !args.context.is_empty() {
        return evaluator.text_of(&args.context).map(TemplateValue::Text);
    }
    Ok(args.params.iter().find(|value| !value.is_empty()).cloned().unwrap_or_else(|| TemplateValue::text("")))
}

pub(super) fn join<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    if args.context.is_empty() {
        return Ok(TemplateValue::text(""));
    }
    let Some((TemplateValue::Text(separator), others)) = args.params.split_last() else {
        return Err(RenderError::failed("the last parameter of `join` is the text between the items"));
    };
    let items = match args.context.items() {
        Some(items) => items,
        None => [&args.context].into_iter().chain(others).cloned().collect(),
    };
    let mut out = match args.named("prefix") {
        Some(prefix) => evaluator.text_of(prefix)?.to_string(),
        None => String::new(),
    };
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push_str(separator);
        }
        let text = evaluator.text_of(item)?;
        evaluator.budget.spend(1)?;
        evaluator.budget.spend_bytes(text.len() + separator.len())?;
        out.push_str(&text);
    }
    if let Some(suffix) = args.named("suffix") {
        out.push_str(&evaluator.text_of(suffix)?);
    }
    Ok(TemplateValue::text(out))
}

pub(super) fn lower<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    of_text(evaluator, args, |_, text| Ok(TemplateValue::text(text.to_lowercase())))
}

pub(super) fn upper<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    of_text(evaluator, args, |_, text| Ok(TemplateValue::text(text.to_uppercase())))
}

pub(super) fn replace<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    of_text(evaluator, args, |evaluator, text| {
        let [TemplateValue::Text(target), TemplateValue::Text(replacement), ..] = args.params.as_slice() else {
            return Err(RenderError::failed("`replace` takes a text, what to replace, and what to put in its place"));
        };
        // an empty target occurs before every character and at the end
        let places = if target.is_empty() { text.len() + 1 } else { text.len() / target.len() };
        evaluator.budget.spend_bytes(text.len().saturating_add(places.saturating_mul(replacement.len())))?;
        Ok(TemplateValue::text(text.replace(&**target, replacement)))
    })
}

/// `slugify`: letters in lower case, white space as hyphens, and nothing else, not even digits.
pub(super) fn slugify<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    of_text(evaluator, args, |_, text| {
        let mut out = String::with_capacity(text.len());
        for c in text.trim().chars() {
            if c.is_alphabetic() {
                out.extend(c.to_lowercase());
            } else if c.is_whitespace() {
                out.push('-');
            }
        }
        Ok(TemplateValue::text(out))
    })
}

pub(super) fn strip_tags<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    of_text(evaluator, args, |_, text| {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('<') {
            let Some(length) = rest[start..].find('>') else { break };
            out.push_str(&rest[..start]);
            rest = &rest[start + length + 1..];
        }
        out.push_str(rest);
        Ok(TemplateValue::text(out))
    })
}

/// `substring`: by 0-based indexes of UTF-16 units, as in Java.
pub(super) fn substring<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    of_text(evaluator, args, |_, text| {
        let Some(start) = as_integer(args.param(0)) else {
            return Err(RenderError::failed("`substring` takes a text and the place where the part begins"));
        };
        let units: Vec<u16> = text.encode_utf16().collect();
        let end = as_integer(args.param(1)).unwrap_or(units.len() as i64);
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let part = range.and_then(|(start, end)| units.get(start..end)).ok_or_else(|| {
            RenderError::failed(format!("a text of {} characters has no part from {start} to {end}", units.len()))
        })?;
        Ok(TemplateValue::text(String::from_utf16_lossy(part)))
    })
}

pub(super) fn trim<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    if !args.is_block() {
        require_context(args, "trim")?;
    }
    let text = text_or_block(evaluator, args)?;
    Ok(TemplateValue::text(text.trim_matches(|c| c <= ' ')))
}

pub(super) fn yesno<'t>(_: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let key = match &args.context {
        TemplateValue::Null => "maybe",
        TemplateValue::Bool(true) => "yes",
        TemplateValue::Bool(false) => "no",
        other => return Err(RenderError::failed(format!("`yesno` takes a boolean, not {}", other.kind_name()))),
    };
    Ok(args.named(key).cloned().unwrap_or_else(|| TemplateValue::text(key)))
}

/// Returns the capital letter of a character; the character itself if that takes several, as of
/// `ß`.
fn title_case(c: char) -> char {
    let mut upper = c.to_uppercase();
    upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
}

/// Applies `make` to the text of the context. As in handlebars.java, an empty context gives the
/// first parameter instead.
pub(super) fn of_text<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
    make: impl FnOnce(&mut Evaluator<'t>, &str) -> Result<TemplateValue, RenderError>,
) -> Result<TemplateValue, RenderError> {
    if args.context.is_empty() {
        return match args.param(0) {
            TemplateValue::Null => Ok(TemplateValue::Null),
            value => evaluator.text_of(value).map(TemplateValue::Text),
        };
    }
    let text: Arc<str> = evaluator.text_of(&args.context)?;
    make(evaluator, &text)
}
