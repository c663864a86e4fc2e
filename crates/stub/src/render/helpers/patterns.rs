//! Helpers for Java regular expressions: `contains`, `matches` and `regexExtract`.

use std::sync::Arc;

use super::{error_text, require_context, text_of_param};
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::tree::Cached;
use crate::render::template::value::{ListKind, TemplateValue};
use standin_dialect::cpu_time::thread_cpu_time;
use standin_dialect::java_regex::{Captures, Flags, JavaRegex, MatchOutcome};

pub(super) fn contains<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let Some(expected) = args.params.first() else {
        return Ok(error_text("You must specify the string or array to be matched and the regular expression"));
    };
    let holds = match (&args.context, expected) {
        (TemplateValue::Null, _) | (_, TemplateValue::Null) => false,
        (TemplateValue::List(list), expected) => {
            let mut found = false;
            for item in &list.items {
                found = found || item.equals(expected, evaluator.budget)?;
            }
            found
        }
        (context, expected) => {
            let (text, part) = (evaluator.text_of(context)?, evaluator.text_of(expected)?);
            evaluator.budget.spend_bytes(text.len())?;
            text.contains(&*part)
        }
    };
    told(evaluator, args, holds)
}

pub(super) fn matches<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    if args.params.is_empty() {
        return Ok(error_text("You must specify the string to be matched and the regular expression"));
    }
    require_context(args, "matches")?;
    let (text, pattern) = (evaluator.text_of(&args.context)?, evaluator.text_of(args.param(0))?);
    let Some(regex) = regex(evaluator, args, &pattern)? else {
        return Err(RenderError::failed(format!("`{pattern}` is not a Java regular expression")));
    };
    match worked(evaluator, &regex, &text, || regex.matches(&text))? {
        MatchOutcome::LimitExceeded => Err(gave_up(&pattern)),
        outcome => told(evaluator, args, outcome == MatchOutcome::Match),
    }
}

/// `regexExtract`: without a name, the first match; with one, assigns the groups of all matches to
/// a variable.
pub(super) fn regex_extract<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    require_context(args, "regexExtract")?;
    let text = evaluator.text_of(&args.context)?;
    let pattern = Arc::clone(text_of_param(args.param(0), "pattern")?);
    let Some(regex) = regex(evaluator, args, &pattern)? else {
        return Ok(error_text(format!("Invalid regex string {pattern}")));
    };
    let nothing = || args.named("default").cloned().unwrap_or_else(|| error_text(format!("Nothing matched {pattern}")));
    if args.params.len() < 2 {
        let first = worked(evaluator, &regex, &text, || regex.captures(&text))?.map_err(|_| gave_up(&pattern))?;
        return Ok(first.map_or_else(nothing, |found| TemplateValue::text(&text[found.range()])));
    }
    // the time of a match is spent before the next match begins
    let (mut paid, mut begin) = (Ok(()), thread_cpu_time());
    evaluator.budget.spend(cost(&text))?;
    refuse_on_worker(evaluator, &regex)?;
    let all = regex.captures_all(&text, || {
        let now = thread_cpu_time();
        let spent = now.saturating_sub(std::mem::replace(&mut begin, now));
        paid = evaluator.budget.spend(1).and_then(|()| evaluator.budget.spend_cpu_time(spent));
        paid.is_ok()
    });
    paid?;
    let all = all.map_err(|_| gave_up(&pattern))?;
    let groups = |found: &Captures| -> Vec<TemplateValue> {
        let group = |number| found.group(number).map_or(TemplateValue::Null, |range| TemplateValue::text(&text[range]));
        (1..=found.group_count()).map(group).collect()
    };
    let groups: Vec<TemplateValue> = all.iter().flat_map(groups).collect();
    if groups.is_empty() {
        return Ok(nothing());
    }
    let name = evaluator.text_of(args.param(1))?;
    let groups = evaluator.list(groups, ListKind::Values)?;
    evaluator.assign(&name, groups);
    Ok(TemplateValue::Null)
}

/// Returns a compiled pattern, cached if the template has it as a literal; `None` if it is invalid.
fn regex(
    evaluator: &mut Evaluator<'_>,
    args: &HelperArgs<'_, '_>,
    pattern: &str,
) -> Result<Option<JavaRegex>, RenderError> {
    let mut compiled = false;
    let cached = args.cached(pattern, evaluator.budget, || {
        compiled = true;
        Cached::Regex(JavaRegex::with_flags(pattern, Flags::NONE).ok())
    })?;
    if compiled {
        evaluator.budget.spend(COMPILING_STEPS)?;
    }
    Ok(match cached {
        Cached::Regex(regex) => regex,
        Cached::JsonPath(_) | Cached::XPath(_) => None,
    })
}

fn told<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
    holds: bool,
) -> Result<TemplateValue, RenderError> {
    if !args.is_block() {
        return Ok(TemplateValue::Bool(holds));
    }
    // these two helpers have no `else`
    if holds {
        evaluator.inner(args)?;
    }
    Ok(TemplateValue::Null)
}

fn gave_up(pattern: &str) -> RenderError {
    RenderError::failed(format!("matching `{pattern}` takes more steps than allowed"))
}

/// Runs a match and spends its steps: by the length of the text for linear matching, by CPU time
/// for backtracking.
fn worked<T>(
    evaluator: &mut Evaluator<'_>,
    regex: &JavaRegex,
    text: &str,
    work: impl FnOnce() -> T,
) -> Result<T, RenderError> {
    evaluator.budget.spend(cost(text))?;
    if !regex.backtracks() {
        return Ok(work());
    }
    refuse_on_worker(evaluator, regex)?;
    evaluator.budget.spend_time(work)
}

/// Moves the rendering off the worker before it backtracks, which may take long for any text.
fn refuse_on_worker(evaluator: &Evaluator<'_>, regex: &JavaRegex) -> Result<(), RenderError> {
    if regex.backtracks() && evaluator.budget.is_quick() { Err(RenderError::Exhausted) } else { Ok(()) }
}

/// Returns the number of steps of one match.
fn cost(text: &str) -> usize {
    1 + text.len() / BYTES_PER_STEP
}

/// Number of bytes that are matched per step.
const BYTES_PER_STEP: usize = 8;

/// Steps that compiling a pattern costs.
const COMPILING_STEPS: usize = 500;
