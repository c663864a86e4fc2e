//! Helpers for dates: now, parse, shift, truncate and format.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{error_text, require_context, text_of_param};
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::value::{DateValue, TemplateValue};
use standin_dialect::dates::{DateOffset, DateParser, Truncation, print_date, zone_by_id};

pub(super) fn now<'t>(_: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    shown(args, None)
}

pub(super) fn date<'t>(_: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let moment = match &args.context {
        TemplateValue::Date(moment) => Some(&**moment),
        _ => None,
    };
    shown(args, moment)
}

pub(super) fn parse_date<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    require_context(args, "parseDate")?;
    let text = evaluator.text_of(&args.context)?;
    let format = named_text(args, "format")?;
    evaluator.budget.spend(PARSING_STEPS)?;
    let parser = match format {
        Some(format) => DateParser::for_format(&format)?,
        None => DateParser::Instant,
    };
    let read = parser.parse_incomplete(&text).and_then(|date| Some((date.instant()?, date.zone().cloned())));
    if read.is_none() && matches!(parser, DateParser::Epoch | DateParser::Unix) {
        return Err(RenderError::failed(format!("`{text}` is not a count of seconds or milliseconds")));
    }
    Ok(read.map_or(TemplateValue::Null, |(at, zone)| moment(at, None, zone)))
}

pub(super) fn truncate_date<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    if args.params.is_empty() {
        return Ok(error_text("Truncation type must be specified as the first parameter to truncateDate"));
    }
    let TemplateValue::Date(date) = &args.context else {
        return Ok(error_text("A date object must be passed to the truncateDate helper"));
    };
    let phrase = evaluator.text_of(args.param(0))?;
    let zone = date.zone.clone().unwrap_or_else(TimeZone::system);
    let truncated = Truncation::parse(&phrase)?.apply(&date.at.to_zoned(zone.clone())).ok_or_else(out_of_range)?;
    Ok(moment(truncated.timestamp(), None, Some(zone)))
}

/// `dateFormat` of handlebars.java: a date by a pattern or a style. Names are those of en-US,
/// whatever the locale.
pub(super) fn date_format<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let TemplateValue::Date(date) = &args.context else {
        if args.context.is_empty() {
            return Ok(args.params.first().cloned().unwrap_or(TemplateValue::Null));
        }
        return Err(RenderError::failed(format!("`dateFormat` takes a date, not {}", args.context.kind_name())));
    };
    let format = match args.params.first().or_else(|| args.named("format")) {
        Some(format) => evaluator.text_of(format)?,
        None => "medium".into(),
    };
    let pattern = match (style(&format), named_text(args, "time")?) {
        (Some(date), Some(time)) => match (clock(&time), &*format) {
            (Some(clock), "full" | "long") => format!("{date} 'at' {clock}").into(),
            (Some(clock), _) => format!("{date}, {clock}").into(),
            (None, _) => {
                return Err(RenderError::failed(format!("`{time}` is not a style; use full, long, medium or short")));
            }
        },
        (Some(date), None) => Arc::from(date),
        (None, _) => format,
    };
    // Java treats an unknown zone as GMT
    let zone = named_text(args, "tz")?.map(|name| zone_by_id(&name).unwrap_or(TimeZone::UTC));
    Ok(TemplateValue::text(print_date(date.at, Some(&pattern), zone.as_ref())?))
}

fn shown(args: &HelperArgs<'_, '_>, of: Option<&DateValue>) -> Result<TemplateValue, RenderError> {
    let format = named_text(args, "format")?;
    let (mut at, zone) = match (of, named_text(args, "timezone")?) {
        // a date keeps its zone, whatever `timezone=` says
        (Some(moment), _) => (moment.at, moment.zone.clone()),
        (None, None) => (Timestamp::now(), None),
        (None, Some(name)) => {
            let zone = zone_by_id(&name).ok_or_else(|| RenderError::failed(format!("Unknown time-zone ID: {name}")))?;
            (Timestamp::now(), Some(zone))
        }
    };
    if let Some(offset) = named_text(args, "offset")? {
        // as in WireMock, days and months are those of UTC
        at = DateOffset::parse(&offset)?.apply(&at.to_zoned(TimeZone::UTC)).ok_or_else(out_of_range)?.timestamp();
    }
    Ok(moment(at, format, zone))
}

fn moment(at: Timestamp, format: Option<Arc<str>>, zone: Option<TimeZone>) -> TemplateValue {
    TemplateValue::Date(Arc::new(DateValue { at, format, zone }))
}

fn out_of_range() -> RenderError {
    RenderError::failed("the date is beyond the years -9999 to 9999")
}

fn named_text(args: &HelperArgs<'_, '_>, key: &str) -> Result<Option<Arc<str>>, RenderError> {
    args.named(key).map(|value| text_of_param(value, &format!("argument `{key}`")).cloned()).transpose()
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

/// Steps that parsing a date costs.
const PARSING_STEPS: usize = 20;
