//! Texts of a width: padded, shortened, or wrapped. Widths are in characters.

use super::text::of_text;
use super::whole;
use crate::render::template::budget::Stop;
use crate::render::template::eval::Evaluator;
use crate::render::template::given::Given;
use crate::render::template::value::Value;

pub(super) fn abbreviate<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    of_text(evaluator, given, |_, text| {
        let width = whole(given.param(0)).ok_or_else(|| Stop::failed("`abbreviate` takes a text and a width"))?;
        let Some(kept) = usize::try_from(width).ok().filter(|width| *width >= 4).map(|width| width - 3) else {
            return Err(Stop::failed(format!("the least width of `abbreviate` is 4, not {width}")));
        };
        if text.chars().count() <= kept + 3 {
            return Ok(Value::text(text));
        }
        Ok(Value::text(text.chars().take(kept).chain("...".chars()).collect::<String>()))
    })
}

pub(super) fn center<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    padded(evaluator, given, |missing| (missing / 2, missing - missing / 2))
}

pub(super) fn ljust<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    padded(evaluator, given, |missing| (0, missing))
}

pub(super) fn rjust<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    padded(evaluator, given, |missing| (missing, 0))
}

pub(super) fn word_wrap<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    of_text(evaluator, given, |_, text| {
        let width = whole(given.param(0)).ok_or_else(|| Stop::failed("`wordWrap` takes a text and a width"))?;
        Ok(Value::text(wrapped(text, usize::try_from(width).unwrap_or(0).max(1))))
    })
}

/// Breaks at the last blank that fits; a longer word stays whole.
fn wrapped(text: &str, width: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    let blank = |from: usize, to: usize| (from..to.min(chars.len())).rev().find(|&at| chars[at] == ' ');
    let mut out = String::with_capacity(text.len() + 8);
    let mut at = 0;
    while at < chars.len() {
        if chars[at] == ' ' {
            at += 1;
            continue;
        }
        if chars.len() - at <= width {
            break;
        }
        let fits = blank(at, at + width + 1);
        let Some(end) = fits.or_else(|| (at + width..chars.len()).find(|&at| chars[at] == ' ')) else { break };
        out.extend(&chars[at..end]);
        out.push('\n');
        at = end + 1;
    }
    out.extend(&chars[at.min(chars.len())..]);
    out
}

/// Pads a text to `size=` with `pad=`; `share` says how much of what is missing goes before it and behind it.
fn padded<'t>(
    evaluator: &mut Evaluator<'t>,
    given: &Given<'t, '_>,
    share: impl Fn(usize) -> (usize, usize),
) -> Result<Value, Stop> {
    of_text(evaluator, given, |evaluator, text| {
        let size = given.named("size").and_then(whole).ok_or_else(|| Stop::failed("`size=` is missing"))?;
        let pad = match given.named("pad") {
            Some(pad) => evaluator.text_of(pad)?,
            None => " ".into(),
        };
        let pad = if pad.is_empty() { " ".into() } else { pad };
        let missing = usize::try_from(size).unwrap_or(0).saturating_sub(text.chars().count());
        evaluator.budget.spend_bytes(missing.saturating_mul(4))?;
        let (before, behind) = share(missing);
        let pads = |count| pad.chars().cycle().take(count);
        Ok(Value::text(pads(before).chain(text.chars()).chain(pads(behind)).collect::<String>()))
    })
}
