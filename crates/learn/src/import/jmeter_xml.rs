//! JMeter's results as XML (`.jtl`): an element for each sample, in milliseconds.

use std::io::BufRead;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::collect::{CallKey, Collected};
use super::import_error::{ImportError, ImportErrors};
use super::status;
use super::units::TimeUnit;

/// Reads samples. The time is that of the whole call less the time to connect.
pub(super) fn read(input: impl BufRead, read: &mut Collected) -> Result<(), ImportErrors> {
    let mut reader = Reader::from_reader(input);
    let mut state = SampleReader::default();
    let mut buffer = Vec::new();
    let mut errors = ImportErrors::default();
    loop {
        buffer.clear();
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(error) => {
                let message = format!("is broken XML at byte {}: {error}", reader.error_position());
                errors.add(ImportError::new(0, message, "if the test was stopped, end it with `</testResults>`"));
                break;
            }
        };
        let ended = match event {
            Event::Start(start) => {
                state.start(&start, read);
                None
            }
            Event::Empty(start) => {
                state.start(&start, read);
                state.end()
            }
            Event::End(_) => state.end(),
            Event::Text(text) => {
                state.text(&text.into_inner());
                None
            }
            Event::CData(text) => {
                state.text(&text.into_inner());
                None
            }
            Event::GeneralRef(reference) => {
                state.reference(&reference.into_inner());
                None
            }
            Event::Eof => break,
            _ => None,
        };
        if let Some(sample) = ended {
            state.number += 1;
            if let Err(error) = add(sample, state.number, read) {
                errors.add(error);
                break;
            }
        }
    }
    if state.number == 0 && errors.count == 0 {
        let help = "give JMeter's results, with `httpSample` elements";
        errors.add(ImportError::new(0, "is XML without a sample of JMeter", help));
    }
    errors.none()
}

/// A sample, as its attributes and children have it.
#[derive(Default)]
struct XmlSample {
    elapsed: Option<f64>,
    connect: f64,
    stamp_ms: Option<f64>,
    label: String,
    code: String,
    threads: Option<f64>,
    url: String,
    method: String,
}

/// The state of reading: the elements that are open, and the sample.
#[derive(Default)]
struct SampleReader {
    open: Vec<OpenElement>,
    sample: Option<XmlSample>,
    number: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OpenElement {
    /// The sample that counts.
    Sample,
    /// A sample inside another, whose time the outer one has.
    Inner,
    Url,
    Method,
    Other,
}

impl SampleReader {
    fn start(&mut self, start: &BytesStart<'_>, read: &mut Collected) {
        let name = start.name();
        let element = match name.into_inner() {
            "httpSample" if self.sample.is_some() => {
                read.skipped.add("samples inside others, whose time the outer ones have", &attribute(start, "lb"));
                OpenElement::Inner
            }
            "httpSample" => {
                self.sample = Some(sample(start));
                OpenElement::Sample
            }
            "sample" => {
                read.skipped.add("transactions and samples that are not of HTTP", &attribute(start, "lb"));
                OpenElement::Other
            }
            "java.net.URL" if self.open.last() == Some(&OpenElement::Sample) => OpenElement::Url,
            "method" if self.open.last() == Some(&OpenElement::Sample) => OpenElement::Method,
            _ => OpenElement::Other,
        };
        self.open.push(element);
    }

    fn end(&mut self) -> Option<XmlSample> {
        if self.open.pop() == Some(OpenElement::Sample) { self.sample.take() } else { None }
    }

    fn text(&mut self, text: &str) {
        let Some(sample) = &mut self.sample else { return };
        match self.open.last() {
            Some(OpenElement::Url) => sample.url.push_str(text.trim()),
            Some(OpenElement::Method) => sample.method.push_str(text.trim()),
            _ => {}
        }
    }

    fn reference(&mut self, name: &str) {
        if name == "amp" {
            self.text("&");
        }
    }
}

fn sample(start: &BytesStart<'_>) -> XmlSample {
    let number = |name: &str| attribute(start, name).parse::<f64>().ok();
    XmlSample {
        elapsed: number("t"),
        connect: number("ct").unwrap_or(0.0),
        stamp_ms: number("ts"),
        label: attribute(start, "lb"),
        code: attribute(start, "rc"),
        threads: number("na"),
        url: String::new(),
        method: String::new(),
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> String {
    let found = start.try_get_attribute(name).ok().flatten();
    found
        .and_then(|found| found.normalized_value(XmlVersion::Implicit1_0).ok())
        .map(std::borrow::Cow::into_owned)
        .unwrap_or_default()
}

fn add(sample: XmlSample, number: u64, read: &mut Collected) -> Result<(), ImportError> {
    let Some(taken) = sample.elapsed.and_then(|ms| TimeUnit::Milliseconds.nanos(ms)) else {
        read.skipped.add("samples without a time (`t`)", &sample.label);
        return Ok(());
    };
    let Some(status) = status(&sample.code) else {
        let example = if sample.code.is_empty() { &sample.label } else { &sample.code };
        read.skipped.add("samples without an answer's status", example);
        return Ok(());
    };
    let connect = TimeUnit::Milliseconds.nanos(sample.connect).unwrap_or(0.0);
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let key = CallKey { method: some(sample.method), url: some(sample.url), label: some(sample.label) };
    if read.call(key, Some(status), (taken - connect).max(0.0), number)? {
        if let Some(ms) = sample.stamp_ms {
            read.load.arrival(ms / 1e3);
        }
        if let Some(count) = sample.threads {
            read.load.users(count as u64);
        }
    }
    Ok(())
}
