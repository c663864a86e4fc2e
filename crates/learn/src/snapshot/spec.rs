//! [`RecordSpec`], the body of `recordings/start` and `recordings/snapshot`.

use standin_stub::format;
use standin_stub::matcher::RequestPattern;
use standin_stub::source::{Node, Object, Reader, Strictness, Value};
use uuid::Uuid;

/// The specification of a recording.
#[derive(Debug)]
pub struct RecordSpec {
    /// Base URL of the service to record; `None` records what stubs proxy.
    pub target_base_url: Option<String>,
    /// Pattern of the requests that become stubs; `None` for all.
    pub filter: Option<RequestPattern>,
    /// Ids of the journal entries that become stubs; `None` for all.
    pub ids: Option<Vec<Uuid>>,
    /// True if calls that were not proxied become stubs too.
    pub allow_non_proxied: bool,
    /// True if the stubs are saved to disk.
    pub persist: bool,
    /// True if equal requests become scenarios.
    pub repeats_as_scenarios: bool,
    /// Form of the answer.
    pub output_format: OutputFormat,
    /// Names of the stub transformers that were asked for; there are none.
    pub transformers: Vec<String>,
    pub(super) capture_headers: Vec<CapturedHeader>,
    pub(super) body_rule: BodyRule,
    /// Length in characters from which a text body has a file of its own; `None` for never.
    pub(super) text_threshold: Option<u64>,
    /// Length in bytes from which another body has a file of its own; `None` for never.
    pub(super) binary_threshold: Option<u64>,
}

/// The form of the answer to a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// The stubs in full.
    Full,
    /// The ids of the stubs.
    Ids,
}

/// A header that a recorded stub requires.
#[derive(Debug)]
pub(super) struct CapturedHeader {
    pub(super) name: String,
    pub(super) case_insensitive: Option<bool>,
}

/// The comparison of a body in a recorded stub.
#[derive(Debug)]
pub(super) enum BodyRule {
    /// Chosen by the media type of the body.
    Automatic {
        case_insensitive: bool,
        ignore_array_order: bool,
        ignore_extra_elements: bool,
    },
    EqualTo {
        case_insensitive: Option<bool>,
    },
    EqualToJson {
        ignore_array_order: Option<bool>,
        ignore_extra_elements: Option<bool>,
    },
    EqualToXml,
}

const KEYS: &[&str] = &[
    "captureHeaders",
    "extractBodyCriteria",
    "filters",
    "outputFormat",
    "persist",
    "repeatsAsScenarios",
    "requestBodyPattern",
    "targetBaseUrl",
    "transformerParameters",
    "transformers",
];

impl Default for RecordSpec {
    fn default() -> Self {
        Self {
            target_base_url: None,
            filter: None,
            ids: None,
            allow_non_proxied: false,
            persist: true,
            repeats_as_scenarios: true,
            output_format: OutputFormat::Full,
            transformers: Vec::new(),
            capture_headers: Vec::new(),
            body_rule: AUTOMATIC,
            text_threshold: None,
            binary_threshold: None,
        }
    }
}

impl RecordSpec {
    /// Reads a specification. Defects are reported to the reader.
    pub fn read(node: &Node, reader: &mut Reader) -> Self {
        let mut spec = Self::default();
        let Some(mut object) = Object::open(node, "a recording", reader) else { return spec };
        spec.target_base_url = object.text("targetBaseUrl", reader).filter(|url| !url.is_empty());
        if let Some(node) = object.node("filters") {
            reader.within("filters", |reader| spec.read_filters(node, reader));
        }
        if let Some(node) = object.node("captureHeaders") {
            reader.within("captureHeaders", |reader| spec.capture_headers = captured_headers(node, reader));
        }
        if let Some(node) = object.node("requestBodyPattern") {
            reader.within("requestBodyPattern", |reader| spec.body_rule = body_rule(node, reader));
        }
        if let Some(node) = object.node("extractBodyCriteria") {
            spec.read_thresholds(node, reader);
        }
        spec.persist = object.boolean("persist", reader).unwrap_or(true);
        spec.repeats_as_scenarios = object.boolean("repeatsAsScenarios", reader).unwrap_or(true);
        if let Some(format) = object.text("outputFormat", reader) {
            spec.output_format = match format.to_ascii_lowercase().as_str() {
                "full" => OutputFormat::Full,
                "ids" => OutputFormat::Ids,
                _ => {
                    let node = object.node("outputFormat").unwrap_or(object.whole());
                    reader.error_at(node, "outputFormat", "Invalid output format", "write `FULL` or `IDS`");
                    OutputFormat::Full
                }
            };
        }
        if let Some(node) = object.node("transformers") {
            spec.transformers = texts(node, "transformers", reader);
        }
        object.close(KEYS, Strictness::Strict, reader);
        spec
    }

    /// Keeps the stubs and their bodies in memory. Returns true if the specification wanted files.
    pub fn keep_in_memory(&mut self) -> bool {
        self.text_threshold = None;
        self.binary_threshold = None;
        std::mem::take(&mut self.persist)
    }

    fn read_filters(&mut self, node: &Node, reader: &mut Reader) {
        let Some(mut object) = Object::open(node, "`filters`", reader) else { return };
        self.allow_non_proxied = object.boolean("allowNonProxied", reader).unwrap_or(false);
        if let Some(node) = object.node("ids") {
            let texts = texts(node, "ids", reader);
            let id = |(place, text): (usize, &String)| {
                let id = text.parse().ok();
                if id.is_none() {
                    let message = format!("`{text}` is not a valid UUID");
                    reader.error_at(node, &format!("ids/{place}"), message, "take the `id` of a request");
                }
                id
            };
            self.ids = Some(texts.iter().enumerate().filter_map(id).collect());
        }
        // the other members are a request pattern
        let own = |key: &str| matches!(key, "ids" | "allowNonProxied");
        let members: Vec<_> = object.members().iter().filter(|member| !own(&member.key)).cloned().collect();
        if !members.is_empty() {
            let pattern = Node { span: node.span.clone(), value: Value::Object(members) };
            self.filter = Some(format::request_pattern(&pattern, reader));
        }
    }

    fn read_thresholds(&mut self, node: &Node, reader: &mut Reader) {
        let key = "extractBodyCriteria";
        reader.within(key, |reader| {
            let Some(mut object) = Object::open(node, "`extractBodyCriteria`", reader) else { return };
            let mut threshold = |key: &str| {
                let text = object.text(key, reader)?;
                let size = file_size(&text);
                if size.is_none() {
                    let node = object.node(key).unwrap_or(node);
                    let message = format!("`{text}` is not a size");
                    reader.error_at(node, key, message, "write bytes, or a size such as `2 kb` or `1.5 MB`");
                }
                size
            };
            (self.text_threshold, self.binary_threshold) =
                (threshold("textSizeThreshold"), threshold("binarySizeThreshold"));
            object.close(&["textSizeThreshold", "binarySizeThreshold"], Strictness::Strict, reader);
        });
    }
}

fn captured_headers(node: &Node, reader: &mut Reader) -> Vec<CapturedHeader> {
    let Some(object) = Object::open(node, "`captureHeaders`", reader) else { return Vec::new() };
    let header = |member: &standin_stub::source::Member| {
        let case_insensitive = reader.within(member.key.clone(), |reader| {
            if matches!(member.value.value, Value::Null) {
                return None;
            }
            let mut options = Object::open(&member.value, "the options of a captured header", reader)?;
            let case_insensitive = options.boolean("caseInsensitive", reader);
            options.close(&["caseInsensitive"], Strictness::Strict, reader);
            case_insensitive
        });
        CapturedHeader { name: member.key.clone(), case_insensitive }
    };
    object.members().iter().map(header).collect()
}

fn body_rule(node: &Node, reader: &mut Reader) -> BodyRule {
    let Some(mut object) = Object::open(node, "`requestBodyPattern`", reader) else { return AUTOMATIC };
    let matcher = object.text("matcher", reader);
    let case_insensitive = object.boolean("caseInsensitive", reader);
    let ignore_array_order = object.boolean("ignoreArrayOrder", reader);
    let ignore_extra_elements = object.boolean("ignoreExtraElements", reader);
    let (rule, known): (_, &[&str]) = match matcher.as_deref() {
        None | Some("auto") => (
            BodyRule::Automatic {
                case_insensitive: case_insensitive.unwrap_or(false),
                ignore_array_order: ignore_array_order.unwrap_or(true),
                ignore_extra_elements: ignore_extra_elements.unwrap_or(true),
            },
            &["matcher", "caseInsensitive", "ignoreArrayOrder", "ignoreExtraElements"],
        ),
        Some("equalTo") => (BodyRule::EqualTo { case_insensitive }, &["matcher", "caseInsensitive"]),
        Some("equalToJson") => (
            BodyRule::EqualToJson { ignore_array_order, ignore_extra_elements },
            &["matcher", "ignoreArrayOrder", "ignoreExtraElements"],
        ),
        Some("equalToXml") => (BodyRule::EqualToXml, &["matcher"]),
        Some(other) => {
            let node = object.node("matcher").unwrap_or(node);
            let help = "use auto, equalTo, equalToJson or equalToXml";
            reader.error_at(node, "matcher", format!("`{other}` is not a matcher of recorded bodies"), help);
            return AUTOMATIC;
        }
    };
    object.close(known, Strictness::Strict, reader);
    rule
}

fn texts(node: &Node, key: &str, reader: &mut Reader) -> Vec<String> {
    match &node.value {
        Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => {
            reader.error_at(node, key, format!("`{key}` is a list, not {}", node.kind_name()), "write `[\"…\"]`");
            Vec::new()
        }
    }
}

/// Parses a size such as `2048`, `2 kb` or `1.5M`; `None` if it is none.
fn file_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase().replace(',', ".");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit.trim_start() {
        "" | "b" => 1.0,
        "k" | "kb" => 1024.0,
        "m" | "mb" => 1024.0 * 1024.0,
        "g" | "gb" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| (number * scale).round() as u64)
}

const AUTOMATIC: BodyRule =
    BodyRule::Automatic { case_insensitive: false, ignore_array_order: true, ignore_extra_elements: true };

#[cfg(test)]
mod tests {
    use super::file_size;

    #[test]
    fn sizes_have_units() {
        for (text, size) in [
            ("100", Some(100)),
            ("2 kb", Some(2048)),
            ("1.5M", Some(1_572_864)),
            ("0,5 GB", Some(536_870_912)),
            ("7b", Some(7)),
            ("10 zb", None),
            ("kb", None),
            ("1.2.3", None),
        ] {
            assert_eq!(file_size(text), size, "{text}");
        }
    }
}
