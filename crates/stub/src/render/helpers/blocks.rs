//! Block helpers: conditions, loops, variables and partials.

use super::error_text;
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::scope::Locals;
use crate::render::template::tree::NamePath;
use crate::render::template::value::TemplateValue;

pub(super) fn if_<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    choose(evaluator, args, !args.context.is_empty())
}

pub(super) fn unless<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    choose(evaluator, args, args.context.is_empty())
}

pub(super) fn each<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let base = super::integer_arg(args, "base", 0)?;
    evaluator.each(args, base)?;
    Ok(TemplateValue::Null)
}

pub(super) fn with<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    if args.context.is_empty() {
        evaluator.otherwise(args)?;
    } else {
        evaluator.inner_of(args, args.context.clone(), Locals::new(), &[&args.context])?;
    }
    Ok(TemplateValue::Null)
}

/// `{{lookup value name}}`: the property whose name is computed; `value` itself if there is none.
pub(super) fn lookup<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    if args.params.is_empty() {
        return Ok(args.context.clone());
    }
    let name = evaluator.text_of(args.param(0))?;
    if args.context.is_null() {
        return Ok(TemplateValue::Null);
    }
    if name.is_empty() {
        return Err(RenderError::failed("the name that `lookup` is given is missing or empty"));
    }
    let found = evaluator.lookup_in(&args.context, &NamePath::new(&name), args.frame)?;
    Ok(if found.is_null() { args.context.clone() } else { found })
}

/// `{{log …}}` writes nothing: the journal records the response.
pub(super) fn log<'t>(_: &mut Evaluator<'t>, _: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    Ok(TemplateValue::Null)
}

pub(super) fn assign<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let text = evaluator.capture(|evaluator| evaluator.inner(args))?;
    let name = evaluator.text_of(&args.context)?;
    evaluator.assign(&name, TemplateValue::text(text.trim()));
    Ok(TemplateValue::Null)
}

pub(super) fn val<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let value = if args.has_context() && !args.context.is_null() {
        args.context.clone()
    } else {
        args.named("or").or_else(|| args.named("default")).cloned().unwrap_or(TemplateValue::Null)
    };
    let Some(name) = args.named("assign") else { return Ok(value) };
    let name = evaluator.text_of(name)?;
    evaluator.assign(&name, value);
    Ok(TemplateValue::Null)
}

/// `{{#partial "name"}}…{{/partial}}` defines what a `block` of that name writes.
pub(super) fn partial<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let name = evaluator.text_of(&args.context)?;
    evaluator.define(&name, args);
    Ok(TemplateValue::Null)
}

/// `{{#block "name"}}…{{/block}}` writes the partial of that name, else its own body.
pub(super) fn block<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let name = evaluator.text_of(&args.context)?;
    if !evaluator.write_partial(&name, args.frame)? {
        evaluator.inner(args)?;
    }
    Ok(TemplateValue::Null)
}

pub(super) fn include<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let name = evaluator.text_of(&args.context)?;
    if evaluator.write_partial(&name, args.frame)? {
        return Ok(TemplateValue::Null);
    }
    Ok(error_text(format!("there is no partial {name}")))
}

fn choose<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
    holds: bool,
) -> Result<TemplateValue, RenderError> {
    if holds {
        evaluator.inner(args)?;
    } else {
        evaluator.otherwise(args)?;
    }
    Ok(TemplateValue::Null)
}
