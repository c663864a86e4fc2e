//! `standin tape`: tapes of what others have captured, logged or traced.

mod input;
mod report;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use self::input::{InputKind, SourceInput};
use self::report::TapeReport;
use super::{Exit, Failure, print_note, profile_file};
use standin_sources::access_log::{FieldRole, LogOptions, LogReader};
use standin_sources::capture::{CaptureReader, CaptureReport, ServiceChoice};
use standin_sources::spans::{SpanFormat, SpanOptions, SpanServices};
use standin_sources::timing::{CallLog, LeftOut, TapeFile, TapeOptions, TimedCall, unit_nanos};
use standin_tape::{RedactionRules, TapeHead, TapeSource};
use standin_text::list;

/// Make tapes of what you have: packet captures, access logs, spans of traces
#[derive(Args, Debug)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct TapeArgs {
    #[command(subcommand)]
    command: TapeCommand,
}

#[derive(Debug, Subcommand)]
enum TapeCommand {
    From(Box<TapeFromArgs>),
}

/// Make a tape of packet captures, access logs or server spans, without touching the service; the
/// content of the files tells which
///
/// Packet captures (pcap, pcapng): HTTP/1.1 and HTTP/2 without TLS, with the stamps of the wire and
/// with bodies. Access logs: nginx, Apache, Envoy, HAProxy, AWS ALB, JSON lines. Spans: OTLP,
/// Jaeger and Zipkin JSON. Files may be gzipped; several files become one tape.
///
/// Tapes of logs and spans have no bodies: `fit`, `gap` and `replay` take them, `draft` does not.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
struct TapeFromArgs {
    /// The files, in the order of their times; `-` is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The stub folder whose `tapes/` is written to; it is made if it is not there
    #[arg(long, value_name = "DIR", default_value = "stubs")]
    out: PathBuf,

    /// What the files are, if their content does not tell it
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(InputKind::names()))]
    kind: Option<String>,

    /// Base URL of the service, for the head of the tape [default: the captured address, or the name
    /// of the folder]
    #[arg(long, value_name = "URL")]
    target: Option<String>,

    /// Only calls to this service: HOST:PORT or :PORT of a capture, the service name of spans; may
    /// be given more than once for a capture
    #[arg(long, value_name = "SERVICE")]
    service: Vec<String>,

    /// All calls that the service gets are in the files, so that `fit` knows its whole load
    #[arg(long)]
    exclusive: bool,

    /// The format of log lines, in the syntax of nginx (`$request_time`) or Apache (`%D`)
    #[arg(long, value_name = "FORMAT", help_heading = "Access logs")]
    log_format: Option<String>,

    /// The field of a role, as in `start=ts` or `duration=latency_ms`; roles: start, end, duration,
    /// first-byte, request, method, path, status, bytes; may be given more than once
    #[arg(long, value_name = "ROLE=NAME", value_parser = field, help_heading = "Access logs")]
    field: Vec<(FieldRole, String)>,

    /// The unit of durations that have none: ns, us, ms or s
    #[arg(long, value_name = "UNIT", value_parser = unit, help_heading = "Access logs")]
    unit: Option<u64>,

    /// Keep no bodies of a capture: a tape for timing alone
    #[arg(long, help_heading = "Packet captures")]
    no_bodies: bool,

    /// The longest body that is kept of a capture
    #[arg(long, value_name = "BYTES", default_value_t = MAX_KEPT_BODY_BYTES, help_heading = "Packet captures")]
    keep_body: u64,

    /// Redact the value of this key as well; may be given more than once
    #[arg(long, value_name = "KEY", help_heading = "Secrets")]
    redact: Vec<String>,

    /// Do not redact this key
    #[arg(long, value_name = "KEY", help_heading = "Secrets")]
    keep: Vec<String>,

    /// Replace the values of this key by others of the same form; may be given more than once
    #[arg(long, value_name = "KEY", help_heading = "Secrets")]
    anonymise: Vec<String>,
}

impl TapeArgs {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        match &self.command {
            TapeCommand::From(from) => from.run(),
        }
    }
}

impl TapeFromArgs {
    fn run(&self) -> Result<Exit, Failure> {
        if self.out.exists() && !self.out.is_dir() {
            return Err(Failure::usage(format!("`{}` is no folder", self.out.display()))
                .help("name the stub folder with `--out`"));
        }
        let mut inputs = Vec::new();
        for path in &self.files {
            let input = SourceInput::open(path)?;
            let kind = match (&self.kind, &self.log_format) {
                (Some(kind), _) => InputKind::named(kind),
                (None, Some(_)) => InputKind::Log(None),
                (None, None) => InputKind::detect(&input.head),
            };
            inputs.push((input, kind));
        }
        let kind = inputs[0].1;
        if let Some((other, _)) = inputs.iter().find(|(_, other)| *other != kind) {
            let message = format!("`{}` is of another kind than `{}`", other.name, inputs[0].0.name);
            return Err(Failure::usage(message).help("make a tape of each"));
        }
        self.check_options(kind)?;
        let inputs: Vec<SourceInput> = inputs.into_iter().map(|(input, _)| input).collect();
        let report = match kind {
            InputKind::Capture => self.captures(inputs)?,
            InputKind::Log(_) => self.logs(inputs)?,
            InputKind::Spans(format) => self.spans(inputs, format)?,
        };
        report.print()?;
        print_note(&format!("next: standin fit {}", self.out.display()));
        Ok(Exit::Success)
    }

    /// Refuses options that the kind of the files has no use for.
    fn check_options(&self, kind: InputKind) -> Result<(), Failure> {
        let (is_capture, is_log) = (kind == InputKind::Capture, matches!(kind, InputKind::Log(_)));
        let unused = [
            (!is_capture && self.no_bodies, "--no-bodies", "packet captures"),
            (!is_capture && self.keep_body != MAX_KEPT_BODY_BYTES, "--keep-body", "packet captures"),
            (!is_log && self.log_format.is_some(), "--log-format", "access logs"),
            (!is_log && !self.field.is_empty(), "--field", "access logs"),
            (!is_log && self.unit.is_some(), "--unit", "access logs"),
            (is_log && !self.service.is_empty(), "--service", "packet captures and spans"),
        ];
        if let Some((_, option, of)) = unused.into_iter().find(|(is_unused, ..)| *is_unused) {
            return Err(Failure::usage(format!("`{option}` is for {of}")));
        }
        if matches!(kind, InputKind::Spans(_)) && self.service.len() > 1 {
            return Err(Failure::usage("spans of one service make a tape; give `--service` once"));
        }
        Ok(())
    }

    /// Returns the options of a tape of these files.
    fn options(&self, kind: String, inputs: &[SourceInput]) -> TapeOptions {
        let mut redaction = RedactionRules::default();
        self.keep.iter().for_each(|key| redaction.remove(key));
        self.redact.iter().for_each(|key| redaction.add(key));
        self.anonymise.iter().for_each(|key| redaction.anonymise(key));
        let files = inputs.iter().map(|input| input.name.clone()).collect();
        let target = self.target.clone();
        let head = TapeHead {
            target: target.unwrap_or_else(|| format!("http://{}", profile_file::service(&self.out))),
            clock: "of the source".to_owned(),
            exclusive: self.exclusive,
            source: Some(TapeSource { kind, files, ..TapeSource::default() }),
            ..TapeHead::default()
        };
        TapeOptions { folder: self.out.clone(), head, redaction }
    }

    fn captures(&self, inputs: Vec<SourceInput>) -> Result<TapeReport, Failure> {
        let mut services = ServiceChoice::default();
        for service in &self.service {
            services.add(service).map_err(|why| Failure::usage(format!("--service: {why}")))?;
        }
        let mut options = self.options("packet capture".to_owned(), &inputs);
        options.head.bodies = !self.no_bodies;
        let mut sink = CaptureSink { options: Some(options), target: self.target.is_some(), tape: None, failed: None };
        let mut reader = CaptureReader::new(services, (!self.no_bodies).then_some(self.keep_body));
        let mut left_out = LeftOut::default();
        for input in inputs {
            let name = input.name.clone();
            let end = reader.read(input.reader, |call, service, start, resolution| {
                sink.write(call, &service.to_string(), start, resolution);
            });
            let end = end.map_err(|why| Failure::broken(format!("`{name}` {why}")))?;
            if let Some(why) = end.broken {
                left_out.add(&format!("end of a file: {why}"), || name.clone());
            }
        }
        let counts = reader.finish();
        self.capture_report(sink, &counts, left_out)
    }

    fn capture_report(
        &self,
        sink: CaptureSink,
        counts: &CaptureReport,
        mut left_out: LeftOut,
    ) -> Result<TapeReport, Failure> {
        if let Some(error) = sink.failed {
            return Err(Failure::broken(format!("cannot write below `{}`: {error}", self.out.display())));
        }
        report::count_capture(counts, &mut left_out);
        let Some(tape) = sink.tape else {
            return Err(report::nothing("the capture has no HTTP exchange", &left_out).help(
                "capture without TLS, from before the connections begin, with whole packets: `tcpdump -s 0 -w FILE`",
            ));
        };
        if counts.services.len() > 1 && self.service.is_empty() {
            tape.discard();
            let named: Vec<String> =
                counts.services.iter().map(|(service, calls)| format!("{service} ({calls})")).collect();
            return Err(Failure::usage(format!("the capture has calls to {}", list(&named, "and")))
                .help("choose one by `--service HOST:PORT`; give it again for further instances of one service"));
        }
        let written = self.finished(tape.finish(counts.lost))?;
        Ok(TapeReport::new(written, left_out))
    }

    fn logs(&self, inputs: Vec<SourceInput>) -> Result<TapeReport, Failure> {
        let options = LogOptions {
            kind: self.kind.clone(),
            format: self.log_format.clone(),
            fields: self.field.clone(),
            unit: self.unit,
        };
        let several = inputs.len() > 1;
        let mut log = CallLog::new(self.options("access log".to_owned(), &inputs));
        for (number, input) in inputs.into_iter().enumerate() {
            let head = String::from_utf8_lossy(&input.head).into_owned();
            let reader = LogReader::new(&options, &head).map_err(|why| {
                Failure::broken(format!("`{}`: {why}", input.name)).help("see `standin tape from --help`")
            })?;
            if number == 0 {
                log.set_kind(format!("access log ({})", reader.words()));
            }
            let file = if several { input.name.as_str() } else { "" };
            let unreadable = |error| Failure::broken(format!("cannot read `{}`: {error}", input.name));
            reader.read(input.reader, file, &mut log).map_err(unreadable)?;
        }
        self.log_report(log, "no line of the log gives a call")
    }

    fn spans(&self, inputs: Vec<SourceInput>, format: SpanFormat) -> Result<TapeReport, Failure> {
        let options = SpanOptions { service: self.service.first().cloned() };
        let mut services = SpanServices::new();
        let mut log = CallLog::new(self.options(format!("spans ({})", format.words()), &inputs));
        for input in inputs {
            let broken = |why| Failure::broken(format!("`{}`: {why}", input.name));
            format.read(input.reader, &options, &mut services, &mut log).map_err(broken)?;
        }
        if services.len() > 1 && options.service.is_none() {
            log.discard();
            let named: Vec<String> = services.iter().map(|(service, calls)| format!("{service} ({calls})")).collect();
            return Err(Failure::usage(format!("the spans are of {}", list(&named, "and")))
                .help("choose one by `--service NAME`"));
        }
        self.log_report(log, "no server span gives a call")
    }

    fn log_report(&self, log: CallLog, nothing: &str) -> Result<TapeReport, Failure> {
        let mut left_out = log.left_out.clone();
        match self.finished(log.finish())? {
            Some(written) => {
                left_out.add_count(report::TOO_EARLY, written.too_early);
                Ok(TapeReport::new(written, left_out))
            }
            None => Err(report::nothing(nothing, &left_out)),
        }
    }

    fn finished<T>(&self, finished: std::io::Result<T>) -> Result<T, Failure> {
        finished.map_err(|error| Failure::broken(format!("cannot write below `{}`: {error}", self.out.display())))
    }
}

/// The tape of a capture, which begins with the first call.
struct CaptureSink {
    options: Option<TapeOptions>,
    /// True if the user named the target.
    target: bool,
    tape: Option<TapeFile>,
    failed: Option<std::io::Error>,
}

impl CaptureSink {
    fn write(&mut self, call: TimedCall, service: &str, start: u64, resolution: u64) {
        if self.failed.is_some() {
            return;
        }
        if let Some(mut options) = self.options.take() {
            if !self.target {
                options.head.target = format!("http://{service}");
            }
            if let Some(source) = &mut options.head.source {
                (source.stamp_resolution, source.duration_resolution) = (resolution, resolution);
            }
            match TapeFile::create(options, start) {
                Ok(tape) => self.tape = Some(tape),
                Err(error) => self.failed = Some(error),
            }
        }
        self.failed = self.tape.as_mut().and_then(|tape| tape.write(call).err());
    }
}

fn field(text: &str) -> Result<(FieldRole, String), String> {
    let (role, name) = text.split_once('=').ok_or("write it as `duration=latency_ms`")?;
    let known = FieldRole::NAMES.iter().find(|(known, _)| *known == role);
    let names = || FieldRole::NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    known.map(|(_, role)| (*role, name.to_owned())).ok_or_else(|| format!("`{role}` is no role; roles are {}", names()))
}

fn unit(text: &str) -> Result<u64, String> {
    unit_nanos(text).ok_or_else(|| "use ns, us, ms or s".to_owned())
}

/// Bytes of the longest body that is kept unless the user says otherwise.
const MAX_KEPT_BODY_BYTES: u64 = 16 << 20;

const EXAMPLES: &str = "\
Examples:
  tcpdump -i any -s 0 -B 65536 -w calls.pcap tcp port 9000
  standin tape from calls.pcap --service :9000 --out stubs/inventory --exclusive
  standin tape from access.log --out stubs/inventory              nginx combined + $request_time, Envoy, HAProxy, ALB
  standin tape from access.log --log-format '%h %l %u %t \"%r\" %>s %b %D'        Apache
  standin tape from app.log --kind json --field start=ts --field duration=took --unit ms
  standin tape from spans.json --service inventory                OTLP, Jaeger or Zipkin JSON
  standin fit stubs/inventory

Docs: docs/TAPES_FROM.md";
