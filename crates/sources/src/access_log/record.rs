//! A line of a log as a call: what its fields say together.

use standin_tape::exchange::{ExchangeFailure, FailureReason};

use super::meaning::FieldMeaning;
use super::values::{ReadTime, decimal, duration};
use crate::timing::{TimedBody, TimedCall};

/// The reason that a line gives no call.
pub(super) type LineProblem = &'static str;

/// The fields of a line.
#[derive(Clone, Debug, Default)]
pub(super) struct LogRecord<'l> {
    start: Option<ReadTime>,
    end: Option<ReadTime>,
    /// The duration with the highest precedence so far.
    duration: Option<(u8, ReadTime)>,
    first_byte: Option<u64>,
    before: u64,
    after: u64,
    total: Option<ReadTime>,
    request: Option<&'l str>,
    method: Option<&'l str>,
    url: Option<&'l str>,
    path: Option<&'l str>,
    query: Option<&'l str>,
    status: Option<u16>,
    bytes: Option<u64>,
}

/// A call of a line, with its times as the line has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoggedCall {
    pub(super) call: TimedCall,
    pub(super) stamp: ReadTime,
    pub(super) duration: ReadTime,
}

impl<'l> LogRecord<'l> {
    /// Takes the value of a field.
    pub(super) fn set(&mut self, meaning: FieldMeaning, value: &'l str) -> Result<(), LineProblem> {
        let time = |unit| decimal(value, unit).map(|time| time.nanos);
        match meaning {
            FieldMeaning::Start(form) => self.start = Some(form.read(value).ok_or(NO_STAMP)?),
            FieldMeaning::End(form) => self.end = Some(form.read(value).ok_or(NO_STAMP)?),
            FieldMeaning::Duration { unit, precedence } => self.set_duration(value, unit, precedence)?,
            FieldMeaning::FirstByte { unit } => self.first_byte = duration(value, unit).map(|time| time.nanos),
            FieldMeaning::Before { unit } => self.before += time(unit).ok_or(NOT_SERVED)?,
            FieldMeaning::After { unit } => self.after = time(unit).ok_or(NOT_SERVED)?,
            // `+` marks lines that are written before the end
            FieldMeaning::Total { unit } => {
                self.total = Some(decimal(value, unit).ok_or("lines without the time of a whole response")?);
            }
            FieldMeaning::Request => self.request = Some(value),
            FieldMeaning::Method => self.method = Some(value),
            FieldMeaning::Url => self.url = Some(value),
            FieldMeaning::Path => self.path = Some(value),
            FieldMeaning::Query => self.query = Some(value.trim_start_matches('?')),
            FieldMeaning::Status => {
                let status = value.parse().ok().filter(|status| (100..600).contains(status));
                self.status = Some(status.ok_or("lines without a status")?);
            }
            FieldMeaning::Bytes => self.bytes = value.parse().ok(),
            FieldMeaning::Tail => self.set_tail(value)?,
            FieldMeaning::Ignored => {}
        }
        Ok(())
    }

    fn set_duration(&mut self, value: &str, unit: Option<u64>, precedence: u8) -> Result<(), LineProblem> {
        if matches!(value.trim(), "-" | "") {
            return Ok(());
        }
        // nginx lists the times of several upstreams
        let mut sum: Option<ReadTime> = None;
        for part in value.split([',', ' ']).filter(|part| !matches!(*part, "" | "-" | ":")) {
            let time = duration(part, unit).ok_or("lines whose duration is no time")?;
            let before = sum.map_or(0, |sum| sum.nanos);
            sum = Some(ReadTime { nanos: before.saturating_add(time.nanos), resolution: time.resolution });
        }
        if let Some(sum) = sum.filter(|_| self.duration.is_none_or(|(known, _)| known <= precedence)) {
            self.duration = Some((precedence, sum));
        }
        Ok(())
    }

    /// Reads the times behind nginx' combined format: by name, or the time of the request and then
    /// that of the upstream.
    fn set_tail(&mut self, value: &str) -> Result<(), LineProblem> {
        let (mut found, mut has_names) = (0, false);
        for word in value.split_whitespace() {
            if let Some((name, value)) = word.split_once('=') {
                has_names = true;
                let value = value.trim_matches(['"', ',']);
                match name {
                    "rt" | "request_time" => self.set_duration(value, Some(SECOND_NANOS), 1)?,
                    "urt" | "ut" | "upstream_response_time" => self.set_duration(value, Some(SECOND_NANOS), 2)?,
                    "uht" | "upstream_header_time" => {
                        self.first_byte = decimal(value, SECOND_NANOS).map(|time| time.nanos);
                    }
                    _ => {}
                }
                continue;
            }
            let is_time = word.len() >= 5 && word.split('.').nth(1).is_some_and(|part| part.len() == 3);
            if !has_names && found < 2 && is_time && decimal(word, SECOND_NANOS).is_some() {
                found += 1;
                self.set_duration(word, Some(SECOND_NANOS), found)?;
            }
        }
        Ok(())
    }

    /// Returns the call of the line.
    pub(super) fn call(&self) -> Result<LoggedCall, LineProblem> {
        let (method, url) = self.target()?;
        let stamp = self.start.or(self.end).ok_or(NO_STAMP)?;
        let given = self.duration.map(|(_, time)| time).or(self.total).ok_or("lines without a duration")?;
        let (sent, last_byte) = if let Some(start) = self.start {
            let sent = start.nanos.saturating_add(self.before);
            let end = match (self.total, self.duration, self.end) {
                (Some(total), _, _) => start.nanos.saturating_add(total.nanos),
                (None, Some((_, time)), _) => sent.saturating_add(time.nanos),
                (None, None, Some(end)) => end.nanos,
                (None, None, None) => sent,
            };
            (sent, end.max(sent))
        } else {
            let end = stamp.nanos.saturating_sub(self.after);
            (end.saturating_sub(given.nanos), end)
        };
        let first_byte = self.first_byte.map_or(last_byte, |first| sent.saturating_add(first).min(last_byte));
        let status = self.status.ok_or("lines without a status")?;
        let is_abandoned = status == CLIENT_CLOSED_REQUEST;
        let reason = FailureReason::ClientGone;
        let call = TimedCall {
            method,
            url,
            status: Some(status),
            failure: is_abandoned.then_some(ExchangeFailure { reason, detail: String::new() }),
            response_body: TimedBody::of_size(self.bytes.unwrap_or(0)),
            sent,
            first_byte: Some(first_byte),
            last_byte: Some(last_byte),
            ..TimedCall::default()
        };
        Ok(LoggedCall { call, stamp, duration: given })
    }

    fn target(&self) -> Result<(String, String), LineProblem> {
        const NO_REQUEST: LineProblem = "lines whose request is no HTTP request";
        let mut line = self.request.unwrap_or_default().split(' ');
        let method = self.method.or_else(|| line.next()).unwrap_or_default();
        let url = self.url.or_else(|| line.next());
        let is_token = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
        let url = match (url, self.path) {
            (Some(url), _) => url.to_owned(),
            (None, Some(path)) => match self.query.filter(|query| !matches!(*query, "" | "-")) {
                Some(query) => format!("{path}?{query}"),
                None => path.to_owned(),
            },
            (None, None) => return Err(NO_REQUEST),
        };
        let url = match url.split_once("://") {
            Some((_, rest)) if !url.starts_with('/') => rest.find('/').map_or("/", |at| &rest[at..]).to_owned(),
            _ => url,
        };
        let is_path = url.starts_with('/') || url == "*";
        if is_token && is_path { Ok((method.to_owned(), url)) } else { Err(NO_REQUEST) }
    }
}

/// Status of nginx for a call whose client has gone.
const CLIENT_CLOSED_REQUEST: u16 = 499;
const NO_STAMP: LineProblem = "lines whose stamp is no time";
const NOT_SERVED: LineProblem = "calls that did not reach the service";
const SECOND_NANOS: u64 = 1_000_000_000;
