//! What decides which text is written, and what gives values names.

use super::complaint;
use crate::render::template::budget::Stop;
use crate::render::template::eval::{Evaluator, Locals};
use crate::render::template::given::Given;
use crate::render::template::tree::Path;
use crate::render::template::value::Value;

pub(super) fn if_<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    choose(evaluator, given, !given.context.is_empty())
}

pub(super) fn unless<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    choose(evaluator, given, given.context.is_empty())
}

pub(super) fn each<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let base = super::whole_named(given, "base", 0)?;
    evaluator.each(given, base)?;
    Ok(Value::Null)
}

pub(super) fn with<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    if given.context.is_empty() {
        evaluator.otherwise(given)?;
    } else {
        evaluator.inner_of(given, given.context.clone(), Locals::new(), &[&given.context])?;
    }
    Ok(Value::Null)
}

/// A value by a name that is a value itself; the whole where there is nothing of the name.
pub(super) fn lookup<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    if given.params.is_empty() {
        return Ok(given.context.clone());
    }
    let name = evaluator.text_of(given.param(0))?;
    let found = evaluator.lookup_in(&given.context, &Path::new(&name), given.frame)?;
    Ok(if found.is_null() { given.context.clone() } else { found })
}

/// Nobody would read it: the journal says what a call was answered.
pub(super) fn log<'t>(_: &mut Evaluator<'t>, _: &Given<'t, '_>) -> Result<Value, Stop> {
    Ok(Value::Null)
}

pub(super) fn assign<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let text = evaluator.capture(|evaluator| evaluator.inner(given))?;
    let name = evaluator.text_of(&given.context)?;
    evaluator.assign(&name, Value::text(text.trim()));
    Ok(Value::Null)
}

pub(super) fn val<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let value = if given.has_context() && !given.context.is_null() {
        given.context.clone()
    } else {
        given.named("or").or_else(|| given.named("default")).cloned().unwrap_or(Value::Null)
    };
    let Some(name) = given.named("assign") else { return Ok(value) };
    let name = evaluator.text_of(name)?;
    evaluator.assign(&name, value);
    Ok(Value::Null)
}

/// `{{#partial "name"}}…{{/partial}}` says what a `block` of that name writes.
pub(super) fn partial<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let name = evaluator.text_of(&given.context)?;
    evaluator.define(&name, given);
    Ok(Value::Null)
}

/// `{{#block "name"}}…{{/block}}` writes the partial of that name, or else its own text.
pub(super) fn block<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let name = evaluator.text_of(&given.context)?;
    if !evaluator.write_partial(&name, given.frame)? {
        evaluator.inner(given)?;
    }
    Ok(Value::Null)
}

pub(super) fn include<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let name = evaluator.text_of(&given.context)?;
    if evaluator.write_partial(&name, given.frame)? {
        return Ok(Value::Null);
    }
    Ok(complaint(format!("there is no partial {name}")))
}

fn choose<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>, holds: bool) -> Result<Value, Stop> {
    if holds {
        evaluator.inner(given)?;
    } else {
        evaluator.otherwise(given)?;
    }
    Ok(Value::Null)
}
