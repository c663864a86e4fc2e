//! Lists: making them, adding to them, joining them, and how large things are.

use super::{complaint, whole};
use crate::render::template::budget::Stop;
use crate::render::template::eval::{Evaluator, Locals};
use crate::render::template::given::Given;
use crate::render::template::value::{ListKind, Value};

/// Where in a list.
enum Place {
    At(usize),
    End,
    /// What is given is no place.
    None,
}

pub(super) fn array<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let first = given.has_context().then_some(&given.context);
    evaluator.list(first.into_iter().chain(&given.params).cloned().collect(), ListKind::Plain)
}

pub(super) fn array_add<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    if given.context.is_null() {
        return evaluator.list(Vec::new(), ListKind::Plain);
    }
    let mut items = items_of(evaluator, given)?;
    let Some(added) = given.params.first() else {
        return Ok(complaint("Missing required parameter: additional value to add to list"));
    };
    match place(evaluator, given)? {
        Place::None => return Ok(complaint("position must be 'start', 'end' or an integer")),
        Place::End => items.push(added.clone()),
        Place::At(place) if place <= items.len() => items.insert(place, added.clone()),
        Place::At(place) => return Err(outside(place, items.len())),
    }
    evaluator.list(items, ListKind::Plain)
}

pub(super) fn array_remove<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    if given.context.is_null() {
        return evaluator.list(Vec::new(), ListKind::Plain);
    }
    let mut items = items_of(evaluator, given)?;
    let place = match place(evaluator, given)? {
        Place::None => return Ok(complaint("position must be 'start', 'end' or an integer")),
        Place::End => items.len().saturating_sub(1),
        Place::At(place) if place > items.len() => {
            let what = "position must be greater than or equal to 0 and less than or equal to the size of the list";
            return Ok(complaint(what));
        }
        Place::At(place) => place,
    };
    if place >= items.len() {
        return Err(outside(place, items.len()));
    }
    items.remove(place);
    evaluator.list(items, ListKind::Plain)
}

pub(super) fn array_join<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let Value::Text(separator) = &given.context else {
        return Ok(complaint("Separator parameter must be a String"));
    };
    let items = match given.params.as_slice() {
        [] | [Value::Null] => return Ok(complaint("The parameter must be list")),
        [one] => one.items().unwrap_or_else(|| vec![one.clone()]),
        several => several.to_vec(),
    };
    if items.is_empty() {
        return Ok(Value::text(""));
    }
    let mut out = named_text(evaluator, given, "prefix")?;
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push_str(separator);
        }
        let text = if given.is_block() {
            evaluator.capture(|evaluator| evaluator.inner_of(given, item.clone(), Locals::new(), &[&item]))?.into()
        } else {
            evaluator.text_of(&item)?
        };
        evaluator.budget.spend(1)?;
        evaluator.budget.spend_bytes(separator.len() + text.len())?;
        out.push_str(&text);
    }
    out.push_str(&named_text(evaluator, given, "suffix")?);
    Ok(Value::text(out))
}

pub(super) fn range<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let (Some(low), Some(high)) = (whole(&given.context), whole(given.param(0))) else {
        return Ok(complaint("The range helper requires both lower and upper bounds as integer parameters"));
    };
    let count = usize::try_from(high.saturating_sub(low).saturating_add(1)).unwrap_or(0);
    // before they are made: a template may ask for any number of them
    evaluator.budget.spend(count)?;
    evaluator.list((low..=high).map(Value::Int).collect(), ListKind::Plain)
}

pub(super) fn size<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    Ok(match &given.context {
        Value::Text(text) => Value::whole(text.encode_utf16().count()),
        Value::List(list) => Value::whole(list.items.len()),
        Value::Map(map) => Value::whole(map.entries.len()),
        part @ Value::Part(_) => Value::whole(evaluator.entries(part).unwrap_or_default().len()),
        _ => Value::Null,
    })
}

fn items_of(evaluator: &mut Evaluator<'_>, given: &Given<'_, '_>) -> Result<Vec<Value>, Stop> {
    match given.context.items() {
        Some(items) => {
            evaluator.budget.spend(items.len() / 4)?;
            Ok(items)
        }
        None => Err(Stop::failed(format!("a list is needed here, not {}", given.context.kind_name()))),
    }
}

/// The `position=` that is given.
fn place(evaluator: &mut Evaluator<'_>, given: &Given<'_, '_>) -> Result<Place, Stop> {
    let Some(position) = given.named("position") else { return Ok(Place::End) };
    let text = evaluator.text_of(position)?;
    Ok(match text.to_ascii_lowercase().as_str() {
        "start" => Place::At(0),
        "end" => Place::End,
        number => match number.parse::<i32>() {
            Ok(number) => Place::At(usize::try_from(number).unwrap_or(usize::MAX)),
            Err(_) => Place::None,
        },
    })
}

fn named_text(evaluator: &mut Evaluator<'_>, given: &Given<'_, '_>, key: &str) -> Result<String, Stop> {
    given.named(key).map_or(Ok(String::new()), |value| evaluator.text_of(value).map(|text| text.to_string()))
}

fn outside(place: usize, length: usize) -> Stop {
    Stop::failed(format!("position {place} is outside of a list of {length}"))
}
