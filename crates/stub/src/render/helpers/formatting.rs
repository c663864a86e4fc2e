//! Helpers that lay out JSON and XML: `formatJson` and `formatXml`.

use std::sync::Arc;

use super::json::{self, JsonLibrary};
use super::{error_text, text_or_block};
use crate::render::template::budget::{MAX_OUTPUT_BYTES, RenderError};
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::print::Layout;
use crate::render::template::value::TemplateValue;
use standin_dialect::xml::{NodeId, XmlLayout};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextFormat {
    Compact,
    Pretty,
}

pub(super) fn format_json<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let (text, format) = match arguments(evaluator, args, "formatJson", "JSON")? {
        Ok(arguments) => arguments,
        Err(message) => return Ok(message),
    };
    let Some(document) = evaluator.document(&text)? else {
        let message = "There was an error parsing the json. Please make sure the json is valid";
        return match format {
            TextFormat::Compact => Ok(error_text(message)),
            TextFormat::Pretty => Err(RenderError::failed("the argument of `formatJson` is not JSON")),
        };
    };
    let value = json::value(evaluator, &*document, JsonLibrary::Jackson)?;
    let layout = if format == TextFormat::Pretty { Layout::Pretty } else { Layout::Compact };
    evaluator.json_of(&value, layout).map(TemplateValue::text)
}

pub(super) fn format_xml<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let (text, format) = match arguments(evaluator, args, "formatXml", "XML")? {
        Ok(arguments) => arguments,
        Err(message) => return Ok(message),
    };
    let Some(document) = evaluator.xml_document(&text)? else {
        return Ok(error_text("Input is not valid XML"));
    };
    let layout = if format == TextFormat::Pretty { XmlLayout::Pretty } else { XmlLayout::Compact };
    // one byte more, so that a text that was cut exceeds the limit
    let written = document.to_text(NodeId::DOCUMENT, layout, MAX_OUTPUT_BYTES + 1);
    evaluator.budget.spend_bytes(written.len())?;
    if written.len() > MAX_OUTPUT_BYTES {
        return Err(RenderError::failed(format!("the XML is longer than {} MiB", MAX_OUTPUT_BYTES >> 20)));
    }
    Ok(TemplateValue::text(written))
}

/// Returns the text to format and its format, or the text that WireMock prints for wrong arguments.
fn arguments<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
    helper: &str,
    language: &str,
) -> Result<Result<(Arc<str>, TextFormat), TemplateValue>, RenderError> {
    let text = match &args.context {
        _ if args.is_block() => text_or_block(evaluator, args)?,
        TemplateValue::Text(text) => Arc::clone(text),
        _ => "".into(),
    };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        let message =
            format!("{helper} should take a block of {language} to format or a single parameter of type String");
        return Ok(Err(error_text(message)));
    }
    let format = match args.named("format") {
        None => TextFormat::Pretty,
        Some(TemplateValue::Text(name)) => match &**name {
            "pretty" => TextFormat::Pretty,
            "compact" => TextFormat::Compact,
            other => {
                let message = format!("{helper}: format [{other}] should be one of [pretty, compact]");
                return Ok(Err(error_text(message)));
            }
        },
        Some(other) => {
            let (shown, kind) = (evaluator.text_of(other)?, java_class(other));
            let message = format!(
                "{helper}: format [{shown}] of type [{kind} should be a Format or a String and one of [pretty, compact]]"
            );
            return Ok(Err(error_text(message)));
        }
    };
    let text = if trimmed.len() == text.len() { text } else { trimmed.into() };
    Ok(Ok((text, format)))
}

/// Returns the Java class of a value that is no text, for WireMock's messages.
fn java_class(value: &TemplateValue) -> &'static str {
    match value {
        TemplateValue::Bool(_) => "java.lang.Boolean",
        TemplateValue::Double(_) => "java.lang.Double",
        TemplateValue::Int(_) => "java.lang.Integer",
        TemplateValue::Number(_) => "java.math.BigDecimal",
        _ => "java.lang.Object",
    }
}
