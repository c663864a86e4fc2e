//! Helpers for the width of texts: pad, shorten and wrap. Widths are in characters.

use super::as_integer;
use super::text::of_text;
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::value::TemplateValue;
use standin_dialect::java_text::wrap_words;

pub(super) fn abbreviate<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    of_text(evaluator, args, |_, text| {
        let width =
            as_integer(args.param(0)).ok_or_else(|| RenderError::failed("`abbreviate` takes a text and a width"))?;
        let Some(kept) = usize::try_from(width).ok().filter(|width| *width >= 4).map(|width| width - 3) else {
            return Err(RenderError::failed(format!("the least width of `abbreviate` is 4, not {width}")));
        };
        if text.chars().count() <= kept + 3 {
            return Ok(TemplateValue::text(text));
        }
        Ok(TemplateValue::text(text.chars().take(kept).chain("...".chars()).collect::<String>()))
    })
}

pub(super) fn center<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    padded(evaluator, args, |missing| (missing / 2, missing - missing / 2))
}

pub(super) fn ljust<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    padded(evaluator, args, |missing| (0, missing))
}

pub(super) fn rjust<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    padded(evaluator, args, |missing| (missing, 0))
}

pub(super) fn word_wrap<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    of_text(evaluator, args, |_, text| {
        let width =
            as_integer(args.param(0)).ok_or_else(|| RenderError::failed("`wordWrap` takes a text and a width"))?;
        Ok(TemplateValue::text(wrap_words(text, usize::try_from(width).unwrap_or(0), false)))
    })
}

/// Pads a text to `size=` with `pad=`. `share` splits the missing characters into those before and
/// after the text.
fn padded<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
    share: impl Fn(usize) -> (usize, usize),
) -> Result<TemplateValue, RenderError> {
    of_text(evaluator, args, |evaluator, text| {
        let size = args.named("size").and_then(as_integer).ok_or_else(|| RenderError::failed("`size=` is missing"))?;
        let pad = match args.named("pad") {
            Some(pad) => evaluator.text_of(pad)?,
            None => " ".into(),
        };
        let pad = if pad.is_empty() { " ".into() } else { pad };
        let missing = usize::try_from(size).unwrap_or(0).saturating_sub(text.chars().count());
        evaluator.budget.spend_bytes(missing.saturating_mul(4))?;
        let (before, behind) = share(missing);
        let pads = |count| pad.chars().cycle().take(count);
        Ok(TemplateValue::text(pads(before).chain(text.chars()).chain(pads(behind)).collect::<String>()))
    })
}
