//! Comparison helpers. Inline they return `true` or `false`, or the arguments `yes=` and `no=`; as
//! blocks they select a body.

use std::cmp::Ordering;

use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::value::TemplateValue;

pub(super) fn eq<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let holds = equal(evaluator, args)?;
    tell(evaluator, args, holds)
}

pub(super) fn neq<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let holds = !equal(evaluator, args)?;
    tell(evaluator, args, holds)
}

pub(super) fn gt<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let holds = order(args)?.is_gt();
    tell(evaluator, args, holds)
}

pub(super) fn gte<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let holds = order(args)?.is_ge();
    tell(evaluator, args, holds)
}

pub(super) fn lt<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let holds = order(args)?.is_lt();
    tell(evaluator, args, holds)
}

pub(super) fn lte<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let holds = order(args)?.is_le();
    tell(evaluator, args, holds)
}

pub(super) fn and<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let holds = !args.context.is_empty() && args.params.iter().all(|value| !value.is_empty());
    tell(evaluator, args, holds)
}

pub(super) fn or<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let holds = !args.context.is_empty() || args.params.iter().any(|value| !value.is_empty());
    tell(evaluator, args, holds)
}

pub(super) fn not<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    tell(evaluator, args, args.context.is_empty())
}

/// Returns whether both arguments are equal, numbers by their value as a double.
fn equal(evaluator: &mut Evaluator<'_>, args: &HelperArgs<'_, '_>) -> Result<bool, RenderError> {
    let (one, other) = (&args.context, args.param(0));
    if one.equals(other, evaluator.budget)? {
        return Ok(true);
    }
    Ok(one.as_f64().zip(other.as_f64()).is_some_and(|(one, other)| one == other))
}

fn order(args: &HelperArgs<'_, '_>) -> Result<Ordering, RenderError> {
    let other = args.param(0);
    args.context.compare(other).ok_or_else(|| {
        let (one, other) = (args.context.kind_name(), other.kind_name());
        RenderError::failed(format!("{one} cannot be compared with {other}"))
    })
}

fn tell<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
    holds: bool,
) -> Result<TemplateValue, RenderError> {
    if !args.is_block() {
        let said = args.named(if holds { "yes" } else { "no" });
        return Ok(said.cloned().unwrap_or(TemplateValue::Bool(holds)));
    }
    if holds {
        evaluator.inner(args)?;
    } else {
        evaluator.otherwise(args)?;
    }
    Ok(TemplateValue::Null)
}
