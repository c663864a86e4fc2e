//! Helpers for the host: its name and environment.

use std::env;

use super::error_text;
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::value::TemplateValue;

pub(super) fn hostname<'t>(_: &mut Evaluator<'t>, _: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    Ok(TemplateValue::text(rustix::system::uname().nodename().to_string_lossy()))
}

/// `systemValue`: an environment variable that the server permits. There are no Java properties.
pub(super) fn system_value<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let key = match args.named("key") {
        Some(key) => evaluator.text_of(key)?,
        None => "".into(),
    };
    if key.is_empty() {
        return Ok(error_text("The key cannot be empty"));
    }
    if !evaluator.model.context.system_keys.permits(&key) {
        return Ok(error_text(format!("Access to {key} is denied")));
    }
    let is_property = match args.named("type") {
        Some(kind) => &*evaluator.text_of(kind)? != "ENVIRONMENT",
        None => false,
    };
    let found = if is_property { None } else { env::var(&*key).ok() };
    Ok(found.map(TemplateValue::text).or_else(|| args.named("default").cloned()).unwrap_or(TemplateValue::Null))
}
