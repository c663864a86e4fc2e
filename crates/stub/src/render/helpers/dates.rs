//! Dates: now, read from a text, shifted, cut down and formatted.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::complaint;
use crate::render::template::budget::Stop;
use crate::render::template::eval::Evaluator;
use crate::render::template::given::Given;
use crate::render::template::value::{Moment, Value};
use standin_dialect::dates::{self, Shift, Truncation};

pub(super) fn now<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    shown(evaluator, given, None)
}

pub(super) fn date<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let moment = match &given.context {
        Value::Date(moment) => Some(&**moment),
        _ => None,
    };
    shown(evaluator, given, moment)
}

pub(super) fn parse_date<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let text = evaluator.text_of(&given.context)?;
    let format = named_text(evaluator, given, "format")?;
    evaluator.budget.spend(READING)?;
    let read = dates::read(&text, format.as_deref()).map_err(Stop::failed)?;
    Ok(read.map_or(Value::Null, |read| moment(read.at, None, read.zone)))
}

pub(super) fn truncate_date<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    if given.params.is_empty() {
        return Ok(complaint("Truncation type must be specified as the first parameter to truncateDate"));
    }
    let Value::Date(date) = &given.context else {
        return Ok(complaint("A date object must be passed to the truncateDate helper"));
    };
    let phrase = evaluator.text_of(given.param(0))?;
    let zone = date.zone.clone().unwrap_or_else(TimeZone::system);
    let cut = Truncation::parse(&phrase).and_then(|truncation| truncation.apply(date.at, &zone));
    Ok(moment(cut.map_err(Stop::failed)?, None, Some(zone)))
}

/// A date by a pattern or a style, as handlebars.java brings it; names are those of en-US whatever locale is asked for.
pub(super) fn date_format<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let Value::Date(date) = &given.context else {
        if given.context.is_empty() {
            return Ok(given.params.first().cloned().unwrap_or(Value::Null));
        }
        return Err(Stop::failed(format!("`dateFormat` takes a date, not {}", given.context.kind_name())));
    };
    let format = match given.params.first().or_else(|| given.named("format")) {
        Some(format) => evaluator.text_of(format)?,
        None => "medium".into(),
    };
    let pattern = match (style(&format), named_text(evaluator, given, "time")?) {
        (Some(date), Some(time)) => match (clock(&time), &*format) {
            (Some(clock), "full" | "long") => format!("{date} 'at' {clock}").into(),
            (Some(clock), _) => format!("{date}, {clock}").into(),
            (None, _) => return Err(Stop::failed(format!("`{time}` is no style; use full, long, medium or short"))),
        },
        (Some(date), None) => Arc::from(date),
        (None, _) => format,
    };
    // Java takes what it does not know for GMT
    let zone = named_text(evaluator, given, "tz")?.map(|name| dates::zone(&name).unwrap_or(TimeZone::UTC));
    dates::write(date.at, Some(&pattern), zone.as_ref()).map(Value::text).map_err(Stop::failed)
}

fn shown(evaluator: &mut Evaluator<'_>, given: &Given<'_, '_>, of: Option<&Moment>) -> Result<Value, Stop> {
    let format = named_text(evaluator, given, "format")?;
    let (mut at, zone) = match (of, named_text(evaluator, given, "timezone")?) {
        // a date has its zone, and takes no other
        (Some(moment), _) => (moment.at, moment.zone.clone()),
        (None, None) => (Timestamp::now(), None),
        (None, Some(name)) => {
            let zone = dates::zone(&name).ok_or_else(|| Stop::failed(format!("Unknown time-zone ID: {name}")))?;
            (Timestamp::now(), Some(zone))
        }
    };
    if let Some(offset) = named_text(evaluator, given, "offset")? {
        at = Shift::parse(&offset).and_then(|shift| shift.apply(at)).map_err(Stop::failed)?;
    }
    Ok(moment(at, format, zone))
}

fn moment(at: Timestamp, format: Option<Arc<str>>, zone: Option<TimeZone>) -> Value {
    Value::Date(Arc::new(Moment { at, format, zone }))
}

fn named_text(evaluator: &mut Evaluator<'_>, given: &Given<'_, '_>, key: &str) -> Result<Option<Arc<str>>, Stop> {
    given.named(key).map(|value| evaluator.text_of(value)).transpose()
}

fn style(name: &str) -> Option<&'static str> {
    match name {
        "full" => Some("EEEE, MMMM d, yyyy"),
        "long" => Some("MMMM d, yyyy"),
        "medium" => Some("MMM d, yyyy"),
        "short" => Some("M/d/yy"),
        _ => None,
    }
}

fn clock(name: &str) -> Option<&'static str> {
    match name {
        "full" | "long" => Some("h:mm:ss a z"),
        "medium" => Some("h:mm:ss a"),
        "short" => Some("h:mm a"),
        _ => None,
    }
}

/// Steps that reading a date counts for.
const READING: usize = 20;
