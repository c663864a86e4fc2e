//! Helpers that look into XML: `xPath` and `soapXPath`.

use std::sync::Arc;

use super::{error_text, text_of_param};
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::tree::Cached;
use crate::render::template::value::{ListKind, TemplateValue, XmlValue};
use standin_dialect::java_text::grouped_text;
use standin_dialect::xml::Document;
use standin_dialect::xml::xpath::{Namespaces, XPath, XPathValue};

pub(super) fn xpath<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    found(evaluator, args, "")
}

/// `soapXPath`: an XPath within the body of a SOAP message.
pub(super) fn soap_xpath<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    found(evaluator, args, "/Envelope/Body/")
}

/// Returns what the expression finds, as a list that prints as its first item.
fn found<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
    prefix: &str,
) -> Result<TemplateValue, RenderError> {
    if args.param(0).is_null() {
        return Ok(error_text("The XPath expression cannot be empty"));
    }
    let expression = text_of_param(args.param(0), "XPath")?;
    let text: Arc<str> = if args.context.is_null() { "null".into() } else { evaluator.text_of(&args.context)? };
    let Some(document) = evaluator.xml_document(&text)? else {
        return Ok(error_text(format!("{text} is not valid XML")));
    };
    let Some(path) = path(evaluator, args, expression, prefix)? else {
        return Ok(error_text(format!("{expression} is not a valid XPath expression")));
    };
    let items: Vec<TemplateValue> = match selected(evaluator, &path, &document)? {
        XPathValue::Nodes(nodes) => {
            let node = |place| TemplateValue::Xml(XmlValue { document: Arc::clone(&document), place });
            nodes.into_iter().map(node).collect()
        }
        XPathValue::Number(number) => vec![TemplateValue::Named(grouped_text(number).into())],
        value => vec![TemplateValue::Named(value.as_text(&document).into())],
    };
    if items.is_empty() {
        return Ok(TemplateValue::text(""));
    }
    evaluator.list(items, ListKind::Values)
}

/// Returns a compiled expression, cached if the template has it as a literal; `None` if it is
/// invalid.
fn path(
    evaluator: &mut Evaluator<'_>,
    args: &HelperArgs<'_, '_>,
    expression: &str,
    prefix: &str,
) -> Result<Option<Arc<XPath>>, RenderError> {
    let parse = || XPath::parse(&format!("{prefix}{expression}"), Namespaces::Ignored).ok().map(Arc::new);
    match args.cached(expression, evaluator.budget, || Cached::XPath(parse()))? {
        Cached::XPath(path) => Ok(path),
        Cached::JsonPath(_) | Cached::Regex(_) => evaluator.budget.spend_time(parse),
    }
}

/// Evaluates an expression and spends its steps.
fn selected(evaluator: &mut Evaluator<'_>, path: &XPath, document: &Document) -> Result<XPathValue, RenderError> {
    let limit = evaluator.budget.left().saturating_mul(XPATH_STEPS_PER_STEP);
    let (value, steps) = path.evaluate_within(document, limit);
    evaluator.budget.spend(steps / XPATH_STEPS_PER_STEP)?;
    value.map_err(|_| RenderError::Exhausted)
}

/// XPath steps per step of the budget.
const XPATH_STEPS_PER_STEP: usize = 4;
