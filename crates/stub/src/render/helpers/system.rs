//! What the host says of itself.

use std::env;

use super::complaint;
use crate::render::template::budget::Stop;
use crate::render::template::eval::Evaluator;
use crate::render::template::given::Given;
use crate::render::template::value::Value;

pub(super) fn hostname<'t>(_: &mut Evaluator<'t>, _: &Given<'t, '_>) -> Result<Value, Stop> {
    Ok(Value::text(rustix::system::uname().nodename().to_string_lossy()))
}

/// A variable of the environment. Only those whose names begin with `wiremock` are given away, as is WireMock's default;
/// there are no Java properties here.
pub(super) fn system_value<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let key = match given.named("key") {
        Some(key) => evaluator.text_of(key)?,
        None => "".into(),
    };
    if key.is_empty() {
        return Ok(complaint("The key cannot be empty"));
    }
    if !key.get(..PERMITTED.len()).is_some_and(|start| start.eq_ignore_ascii_case(PERMITTED)) {
        return Ok(complaint(format!("Access to {key} is denied")));
    }
    let is_property = match given.named("type") {
        Some(kind) => &*evaluator.text_of(kind)? != "ENVIRONMENT",
        None => false,
    };
    let found = if is_property { None } else { env::var(&*key).ok() };
    Ok(found.map(Value::text).or_else(|| given.named("default").cloned()).unwrap_or(Value::Null))
}

const PERMITTED: &str = "wiremock";
