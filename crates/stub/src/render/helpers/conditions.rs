//! Comparisons: inline they are `true` or `false`, or what `yes=` and `no=` say; as a block they choose.

use std::cmp::Ordering;

use crate::render::template::budget::Stop;
use crate::render::template::eval::Evaluator;
use crate::render::template::given::Given;
use crate::render::template::value::Value;

pub(super) fn eq<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let holds = given.context.equals(given.param(0), evaluator.budget)?;
    tell(evaluator, given, holds)
}

pub(super) fn neq<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let holds = !given.context.equals(given.param(0), evaluator.budget)?;
    tell(evaluator, given, holds)
}

pub(super) fn gt<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let holds = order(given)?.is_gt();
    tell(evaluator, given, holds)
}

pub(super) fn gte<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let holds = order(given)?.is_ge();
    tell(evaluator, given, holds)
}

pub(super) fn lt<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let holds = order(given)?.is_lt();
    tell(evaluator, given, holds)
}

pub(super) fn lte<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let holds = order(given)?.is_le();
    tell(evaluator, given, holds)
}

pub(super) fn and<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let holds = !given.context.is_empty() && given.params.iter().all(|value| !value.is_empty());
    tell(evaluator, given, holds)
}

pub(super) fn or<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let holds = !given.context.is_empty() || given.params.iter().any(|value| !value.is_empty());
    tell(evaluator, given, holds)
}

pub(super) fn not<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    tell(evaluator, given, given.context.is_empty())
}

fn order(given: &Given<'_, '_>) -> Result<Ordering, Stop> {
    let other = given.param(0);
    given.context.compare(other).ok_or_else(|| {
        let (one, other) = (given.context.kind_name(), other.kind_name());
        Stop::failed(format!("{one} cannot be compared with {other}"))
    })
}

fn tell<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>, holds: bool) -> Result<Value, Stop> {
    if !given.is_block() {
        let said = given.named(if holds { "yes" } else { "no" });
        return Ok(said.cloned().unwrap_or(Value::Bool(holds)));
    }
    if holds {
        evaluator.inner(given)?;
    } else {
        evaluator.otherwise(given)?;
    }
    Ok(Value::Null)
}
