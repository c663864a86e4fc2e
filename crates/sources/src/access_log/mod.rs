//! Access logs: a call for each line, with its stamp and its duration.

mod format;
mod json;
mod meaning;
mod presets;
mod record;
pub(crate) mod values;

use std::io::{self, BufRead, Read as _};

use self::format::LineFormat;
use self::json::JsonFields;
use self::meaning::{FieldMeaning, meaning};
use self::presets::{LogPreset, PRESETS};
use self::record::{LineProblem, LogRecord, LoggedCall};
use self::values::StampForm;
use crate::timing::{CallLog, LogOrigin};

/// The role of a field that a user names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldRole {
    /// Stamp of the begin of a call.
    Start,
    /// Stamp of the end of a call.
    End,
    /// Time of a call.
    Duration,
    /// Time to the first byte of the response.
    FirstByte,
    /// Request line.
    Request,
    /// Method.
    Method,
    /// Path, with or without a query.
    Path,
    /// Status.
    Status,
    /// Length of the response in bytes.
    Bytes,
}

impl FieldRole {
    /// The roles with the names that are typed.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("start", Self::Start),
        ("end", Self::End),
        ("duration", Self::Duration),
        ("first-byte", Self::FirstByte),
        ("request", Self::Request),
        ("method", Self::Method),
        ("path", Self::Path),
        ("status", Self::Status),
        ("bytes", Self::Bytes),
    ];
}

/// Options of reading logs.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    /// Name of a format that is built in, or `json`; `None` detects it.
    pub kind: Option<String>,
    /// Format in the syntax of nginx or Apache.
    pub format: Option<String>,
    /// Names of fields by role.
    pub fields: Vec<(FieldRole, String)>,
    /// Unit of durations that have none, in nanoseconds.
    pub unit: Option<u64>,
}

/// A reader of the lines of a log.
#[derive(Debug)]
pub struct LogReader {
    lines: LineReader,
    /// Name of the format, for people.
    words: String,
}

#[derive(Debug)]
enum LineReader {
    Text { format: LineFormat, preset: Option<LogPreset>, meanings: Vec<FieldMeaning> },
    Json(JsonFields),
}

impl LogReader {
    /// Returns the names of the formats that are built in.
    pub fn kinds() -> Vec<&'static str> {
        let mut names: Vec<&'static str> = PRESETS.iter().map(|preset| preset.name).collect();
        names.dedup();
        names.push("json");
        names
    }

    /// Chooses the format by the options, or by the first lines of a log. The error says what to
    /// do.
    pub fn new(options: &LogOptions, head: &str) -> Result<Self, String> {
        if let Some(text) = &options.format {
            let format = LineFormat::parse(text).map_err(|why| format!("the log format is wrong: {why}"))?;
            let lines = Self::text(format, None, &options.fields, options.unit)?;
            return Ok(Self { lines, words: "log format given".to_owned() });
        }
        let first = head.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let is_json = options.kind.as_deref().map_or(first.trim_start().starts_with('{'), |kind| kind == "json");
        if is_json {
            let fields = JsonFields::new(options.fields.clone(), options.unit);
            return Ok(Self { lines: LineReader::Json(fields), words: "JSON lines".to_owned() });
        }
        let wanted = PRESETS.iter().filter(|preset| options.kind.as_deref().is_none_or(|kind| kind == preset.name));
        let count = |preset: &LogPreset| {
            let reader = Self::text(preset.line_format(), Some(*preset), &options.fields, options.unit).ok();
            let reads = |line: &str| reader.as_ref().is_some_and(|reader| reader.call(line).is_ok());
            head.lines().take(DETECTING_LINES).filter(|line| reads(line)).count()
        };
        let best = wanted.map(|preset| (count(preset), preset)).max_by_key(|(count, _)| *count);
        let Some((_, preset)) = best.filter(|(count, _)| *count > 0 || options.kind.is_some()) else {
            return Err(no_format(head));
        };
        let lines = Self::text(preset.line_format(), Some(*preset), &options.fields, options.unit)?;
        Ok(Self { lines, words: preset.words.to_owned() })
    }

    fn text(
        format: LineFormat,
        preset: Option<LogPreset>,
        fields: &[(FieldRole, String)],
        unit: Option<u64>,
    ) -> Result<LineReader, String> {
        let mut meanings: Vec<FieldMeaning> = format.names().map(meaning).collect();
        for (role, wanted) in fields {
            let wanted = wanted.trim_start_matches('$');
            let Some(place) = format.names().position(|name| name == wanted) else {
                let names: Vec<&str> = format.names().collect();
                return Err(format!("the log format has no field `{wanted}`; it has {}", names.join(", ")));
            };
            meanings[place] = given_meaning(*role, meanings[place], unit);
        }
        let has = |is: fn(&FieldMeaning) -> bool| meanings.iter().any(is);
        if !has(|one| matches!(one, FieldMeaning::Start(_) | FieldMeaning::End(_))) {
            return Err("the log format has no stamp, such as `$time_local` or `%t`".to_owned());
        }
        if !has(|one| matches!(one, FieldMeaning::Duration { .. } | FieldMeaning::Total { .. } | FieldMeaning::Tail)) {
            return Err("the log format has no duration: log `$request_time` (nginx) or `%D` (Apache)".to_owned());
        }
        Ok(LineReader::Text { format, preset, meanings })
    }

    /// Returns the name of the format, for people.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Reads all lines of a log named `file`.
    pub fn read(&self, mut input: impl BufRead, file: &str, log: &mut CallLog) -> io::Result<()> {
        let mut line = Vec::new();
        for number in 1u64.. {
            line.clear();
            let read = (&mut input).take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            let place = || if file.is_empty() { format!("line {number}") } else { format!("{file}:{number}") };
            if read as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
                log.left_out.add("lines longer than 1 MiB", place);
                while skip_to_end(&mut input)? {}
                continue;
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            match self.lines.call(text) {
                Ok(logged) => {
                    log.set_origin(LogOrigin {
                        stamp_resolution: logged.stamp.resolution,
                        duration_resolution: logged.duration.resolution,
                    });
                    log.add(logged.call, logged.stamp.nanos, logged.duration.nanos);
                }
                Err(why) => log.left_out.add(why, place),
            }
        }
        Ok(())
    }
}

impl LineReader {
    fn call(&self, line: &str) -> Result<LoggedCall, LineProblem> {
        match self {
            Self::Json(fields) => fields.call(line),
            Self::Text { format, preset, meanings } => {
                let line = preset.map_or(line, |preset| preset.trim(line));
                let values = format.split(line).ok_or("lines of another format")?;
                let mut record = LogRecord::default();
                for (meaning, value) in meanings.iter().zip(values) {
                    record.set(*meaning, value)?;
                }
                record.call()
            }
        }
    }
}

/// Returns the meaning of a field whose role a user has stated. Its unit stays that of its name.
fn given_meaning(role: FieldRole, known: FieldMeaning, unit: Option<u64>) -> FieldMeaning {
    let form = match known {
        FieldMeaning::Start(form) | FieldMeaning::End(form) => form,
        _ => StampForm::Any,
    };
    let unit = unit.or(match known {
        FieldMeaning::Duration { unit, .. } | FieldMeaning::FirstByte { unit } => unit,
        _ => None,
    });
    match role {
        FieldRole::Start => FieldMeaning::Start(form),
        FieldRole::End => FieldMeaning::End(form),
        FieldRole::Duration => FieldMeaning::Duration { unit, precedence: u8::MAX },
        FieldRole::FirstByte => FieldMeaning::FirstByte { unit },
        FieldRole::Request => FieldMeaning::Request,
        FieldRole::Method => FieldMeaning::Method,
        FieldRole::Path => FieldMeaning::Url,
        FieldRole::Status => FieldMeaning::Status,
        FieldRole::Bytes => FieldMeaning::Bytes,
    }
}

/// Skips what is buffered of a line. Returns false at its end.
fn skip_to_end(input: &mut impl BufRead) -> io::Result<bool> {
    let buffer = input.fill_buf()?;
    let end = memchr::memchr(b'\n', buffer);
    let (length, is_empty) = (buffer.len(), buffer.is_empty());
    input.consume(end.map_or(length, |end| end + 1));
    Ok(end.is_none() && !is_empty)
}

fn no_format(head: &str) -> String {
    let first = head.lines().next().unwrap_or_default();
    let shown: String = first.chars().take(120).collect();
    if first.contains("HTTP/1") || first.contains("HTTP/2") {
        return format!(
            "no line has a duration of a known format; the first line is `{shown}`. Give the format with \
             `--log-format`, as it is in the server's configuration; a log without durations cannot be used"
        );
    }
    format!("it is of no known format; the first line is `{shown}`. Give the format with `--log-format`")
}

/// Lines by which a format is detected.
const DETECTING_LINES: usize = 100;
/// Longest line that is read.
const MAX_LINE_BYTES: u64 = 1 << 20;
