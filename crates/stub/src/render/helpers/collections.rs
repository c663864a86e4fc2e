//! Helpers for lists: create, add, remove, join, and sizes.

use super::{as_integer, error_text, require_context};
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::scope::Locals;
use crate::render::template::value::{ListKind, TemplateValue};

/// A position in a list.
enum ListPosition {
    At(usize),
    End,
    Negative,
    /// The argument is not a position.
    None,
}

pub(super) fn array<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let first = args.has_context().then_some(&args.context);
    if first.is_some_and(TemplateValue::is_null) {
        // without its first value the list is empty
        return evaluator.list(Vec::new(), ListKind::Plain);
    }
    evaluator.list(first.into_iter().chain(&args.params).cloned().collect(), ListKind::Plain)
}

pub(super) fn array_add<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    if args.context.is_null() {
        return evaluator.list(Vec::new(), ListKind::Plain);
    }
    let mut items = items_of(evaluator, args)?;
    let Some(added) = args.params.first() else {
        return Ok(error_text("Missing required parameter: additional value to add to list"));
    };
    match place(evaluator, args)? {
        ListPosition::None => return Ok(error_text("position must be 'start', 'end' or an integer")),
        ListPosition::End => items.push(added.clone()),
        ListPosition::At(place) if place <= items.len() => items.insert(place, added.clone()),
        ListPosition::At(_) | ListPosition::Negative => return Ok(error_text(OUTSIDE)),
    }
    evaluator.list(items, ListKind::Plain)
}

pub(super) fn array_remove<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let mut items = items_of(evaluator, args)?;
    let place = match place(evaluator, args)? {
        ListPosition::None => return Ok(error_text("position must be 'start', 'end' or an integer")),
        ListPosition::End => items.len().saturating_sub(1),
        ListPosition::At(place) if place <= items.len() => place,
        ListPosition::At(_) | ListPosition::Negative => return Ok(error_text(OUTSIDE)),
    };
    if place >= items.len() {
        return Err(outside(place, items.len()));
    }
    items.remove(place);
    evaluator.list(items, ListKind::Plain)
}

pub(super) fn array_join<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let TemplateValue::Text(separator) = &args.context else {
        return Ok(error_text("Separator parameter must be a String"));
    };
    let items = match args.params.as_slice() {
        [] | [TemplateValue::Null] => return Ok(error_text("The parameter must be list")),
        // a list is joined alone, whatever comes after it
        [first, ..] => first.items().unwrap_or_else(|| args.params.to_vec()),
    };
    if items.is_empty() {
        return Ok(TemplateValue::text(""));
    }
    let mut out = named_text(evaluator, args, "prefix")?;
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push_str(separator);
        }
        let text = if args.is_block() {
            evaluator.capture(|evaluator| evaluator.inner_of(args, item.clone(), Locals::new(), &[&item]))?.into()
        } else {
            evaluator.text_of(&item)?
        };
        evaluator.budget.spend(1)?;
        evaluator.budget.spend_bytes(separator.len() + text.len())?;
        out.push_str(&text);
    }
    out.push_str(&named_text(evaluator, args, "suffix")?);
    Ok(TemplateValue::text(out))
}

pub(super) fn range<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let (Some(low), Some(high)) = (bound(&args.context)?, bound(args.param(0))?) else {
        return Ok(error_text("The range helper requires both lower and upper bounds as integer parameters"));
    };
    let count = usize::try_from(high.saturating_sub(low).saturating_add(1))
        .map_err(|_| RenderError::failed(format!("the range from {low} to {high} has no items")))?;
    // the steps are spent first, since a template may ask for any number of items
    evaluator.budget.spend(count)?;
    evaluator.list((low..=high).map(TemplateValue::Int).collect(), ListKind::Plain)
}

/// Returns a bound of a range; `None` for a value that is neither a number nor a text.
fn bound(value: &TemplateValue) -> Result<Option<i64>, RenderError> {
    match value {
        TemplateValue::Text(text) => match text.parse::<i32>() {
            Ok(number) => Ok(Some(number.into())),
            Err(_) => Err(RenderError::failed(format!("`{text}` is not a whole number"))),
        },
        value if value.is_number() => Ok(as_integer(value)),
        _ => Ok(None),
    }
}

pub(super) fn size<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    require_context(args, "size")?;
    Ok(match &args.context {
        TemplateValue::Text(text) => TemplateValue::from_usize(text.encode_utf16().count()),
        TemplateValue::List(list) => TemplateValue::from_usize(list.items.len()),
        TemplateValue::Map(map) => TemplateValue::from_usize(map.entries.len()),
        part @ TemplateValue::Part(_) => TemplateValue::from_usize(evaluator.entries(part).unwrap_or_default().len()),
        _ => TemplateValue::Null,
    })
}

fn items_of(evaluator: &mut Evaluator<'_>, args: &HelperArgs<'_, '_>) -> Result<Vec<TemplateValue>, RenderError> {
    match args.context.items() {
        Some(items) => {
            evaluator.budget.spend(items.len() / 4)?;
            Ok(items)
        }
        None => Err(RenderError::failed(format!("a list is needed here, not {}", args.context.kind_name()))),
    }
}

/// Reads the argument `position=`.
fn place(evaluator: &mut Evaluator<'_>, args: &HelperArgs<'_, '_>) -> Result<ListPosition, RenderError> {
    let Some(position) = args.named("position") else { return Ok(ListPosition::End) };
    let text = evaluator.text_of(position)?;
    Ok(match text.to_ascii_lowercase().as_str() {
        "start" => ListPosition::At(0),
        "end" => ListPosition::End,
        number => match number.parse::<i32>() {
            Ok(number) => usize::try_from(number).map_or(ListPosition::Negative, ListPosition::At),
            Err(_) => ListPosition::None,
        },
    })
}

fn named_text(evaluator: &mut Evaluator<'_>, args: &HelperArgs<'_, '_>, key: &str) -> Result<String, RenderError> {
    args.named(key).map_or(Ok(String::new()), |value| evaluator.text_of(value).map(|text| text.to_string()))
}

/// Message of WireMock for a position that is not in the list.
const OUTSIDE: &str = "position must be greater than or equal to 0 and less than or equal to the size of the list";

fn outside(place: usize, length: usize) -> RenderError {
    RenderError::failed(format!("position {place} is outside of a list of {length}"))
}
