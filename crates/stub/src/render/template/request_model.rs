//! The request as templates see it: `request.path`, `request.headers.X`. Parts are decoded on first
//! use.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode_str;

use super::request_part::RequestPart;
use super::value::{ListKind, MapKind, TemplateValue};
use crate::call::{self, Call, header_text};
use crate::render::settings::SystemKeys;
use standin_dialect::PathTemplate;
use standin_dialect::java_text::sort_as_hash_map;

/// Values that the templates of a stub see besides the request.
#[derive(Debug)]
pub(crate) struct TemplateContext {
    /// The `transformerParameters` of the stub, or the parameters of the webhook.
    pub(crate) parameters: TemplateValue,
    /// The path template of the stub's URL.
    pub(crate) path: Option<PathTemplate>,
    /// The variables of the environment that may be read.
    pub(crate) system_keys: SystemKeys,
}

/// The data for the templates of one reply.
pub(crate) struct RequestModel<'c> {
    pub(crate) call: &'c Call,
    pub(crate) context: &'c TemplateContext,
    /// The random bytes of `request.id`.
    pub(crate) id: [u8; 16],
    body: OnceCell<Arc<str>>,
    /// The name of the request: `request`, or `originalRequest` in a webhook.
    name: &'static str,
    /// A value beside the request: the `chunk` of a stream, or the `message` of a channel.
    beside: Option<(&'static str, TemplateValue)>,
}

impl<'c> RequestModel<'c> {
    pub(crate) fn new(call: &'c Call, context: &'c TemplateContext) -> Self {
        Self { call, context, id: [0; 16], body: OnceCell::new(), name: "request", beside: None }
    }

    /// Sets the random bytes of `request.id`.
    pub(crate) fn with_id(self, id: [u8; 16]) -> Self {
        Self { id, ..self }
    }

    /// Adds an object beside the request.
    pub(crate) fn with_object(self, name: &'static str, members: Vec<(Arc<str>, TemplateValue)>) -> Self {
        let object = TemplateValue::map(members, MapKind::Plain).unwrap_or(TemplateValue::Null);
        Self { beside: Some((name, object)), ..self }
    }

    /// Creates the data for the templates of a webhook.
    pub(crate) fn of_webhook(call: &'c Call, context: &'c TemplateContext) -> Self {
        Self { name: "originalRequest", ..Self::new(call, context) }
    }

    /// Returns the value of a property; `None` if there is none.
    pub(crate) fn get(&self, part: RequestPart, name: &str) -> Option<TemplateValue> {
        let found = match part {
            RequestPart::Root => match name {
                "parameters" => self.context.parameters.clone(),
                name if name == self.name => TemplateValue::Part(RequestPart::Request),
                name => match &self.beside {
                    Some((known, value)) if *known == name => value.clone(),
                    _ => TemplateValue::Null,
                },
            },
            RequestPart::Request => self.request(name),
            RequestPart::RequestLine => match name {
                "path" => TemplateValue::text(&*self.decoded_path()),
                "method" | "pathSegments" | "url" | "query" | "scheme" | "host" | "port" | "baseUrl" | "clientIp" => {
                    self.request(name)
                }
                _ => TemplateValue::Null,
            },
            RequestPart::Headers => values_of_header(&self.call.headers, name)?,
            RequestPart::Query => values_of(self.call.query(), name),
            RequestPart::Cookies => values_of(self.call.cookies(), name),
            RequestPart::Pieces => match self.pieces().iter().position(|piece| name_of(piece) == name) {
                Some(place) => TemplateValue::Part(RequestPart::Piece(place)),
                None => TemplateValue::Null,
            },
            RequestPart::Piece(place) => self.piece(place, name)?,
            RequestPart::PieceHeaders(place) => values_of_header(&self.pieces().get(place)?.headers, name)?,
        };
        (!found.is_null()).then_some(found)
    }

    /// Returns all properties of a part with their values.
    pub(crate) fn entries(&self, part: RequestPart) -> Vec<(Arc<str>, TemplateValue)> {
        let known = |names: &[&str]| {
            let value = |name: &&str| Some((Arc::from(*name), self.get(part, name)?));
            names.iter().filter_map(value).collect()
        };
        match part {
            RequestPart::Root => match &self.beside {
                Some((beside, _)) => known(&["parameters", self.name, beside]),
                None => known(&["parameters", self.name]),
            },
            RequestPart::Request => known(&[
                "id",
                "url",
                "path",
                "pathSegments",
                "query",
                "method",
                "host",
                "port",
                "scheme",
                "baseUrl",
                "headers",
                "cookies",
                "body",
                "bodyAsBase64",
                "binary",
                "multipart",
                "parts",
                "clientIp",
            ]),
            RequestPart::RequestLine => {
                known(&["method", "scheme", "host", "port", "query", "url", "path", "pathSegments"])
            }
            RequestPart::Headers => {
                let mut entries = known(&header_names(&self.call.headers));
                for (name, _) in &mut entries {
                    *name = self.call.sent_name(name).into();
                }
                entries
            }
            RequestPart::Query => {
                let mut entries = grouped(self.call.query());
                sort_as_hash_map(&mut entries);
                entries
            }
            RequestPart::Cookies => grouped(self.call.cookies()),
            RequestPart::Pieces => {
                let pieces = self.pieces().iter().enumerate();
                pieces
                    .map(|(place, piece)| (Arc::from(name_of(piece)), TemplateValue::Part(RequestPart::Piece(place))))
                    .collect()
            }
            RequestPart::Piece(_) => known(&["name", "headers", "body", "bodyAsBase64", "binary"]),
            RequestPart::PieceHeaders(place) => {
                self.pieces().get(place).map_or_else(Vec::new, |piece| known(&header_names(&piece.headers)))
            }
        }
    }

    /// Returns the body as text, decoded once.
    pub(crate) fn body(&self) -> &Arc<str> {
        self.body.get_or_init(|| match self.call.text() {
            Some(text) => text.into(),
            None => String::from_utf8_lossy(self.call.body()).into(),
        })
    }

    fn request(&self, name: &str) -> TemplateValue {
        let call = self.call;
        match name {
            "id" => TemplateValue::text(uuid::Builder::from_random_bytes(self.id).into_uuid().to_string()),
            "url" => TemplateValue::text(call.url()),
            "path" | "pathSegments" => self.path_value(),
            "query" => TemplateValue::Part(RequestPart::Query),
            "method" => TemplateValue::Named(call.method.as_str().into()),
            "host" => TemplateValue::text(&*call.host()),
            "port" => TemplateValue::Int(call.port().into()),
            "scheme" => TemplateValue::text(call.peers.scheme.as_str()),
            "baseUrl" => TemplateValue::text(self.base_url()),
            "headers" => TemplateValue::Part(RequestPart::Headers),
            "cookies" => TemplateValue::Part(RequestPart::Cookies),
            "body" => TemplateValue::Text(Arc::clone(self.body())),
            "bodyAsBase64" => TemplateValue::text(STANDARD.encode(call.body())),
            "binary" | "isBinary" => TemplateValue::Bool(!is_text(call.header(&CONTENT_TYPE).next().as_deref())),
            "multipart" | "isMultipart" => TemplateValue::Bool(self.call.parts().is_some()),
            "parts" => TemplateValue::Part(RequestPart::Pieces),
            "clientIp" => TemplateValue::text(&*call.client_ip()),
            "requestLine" => TemplateValue::Part(RequestPart::RequestLine),
            _ => TemplateValue::Null,
        }
    }

    /// Returns the path with its segments by number, and the variables of the stub's path template.
    fn path_value(&self) -> TemplateValue {
        let Some(template) = self.context.path.as_ref().filter(|template| !template.names().is_empty()) else {
            let path = self.decoded_path();
            let segments = path.split('/').filter(|segment| !segment.is_empty()).map(TemplateValue::text).collect();
            return TemplateValue::list(segments, ListKind::Path(path.as_ref().into())).unwrap_or(TemplateValue::Null);
        };
        let path = self.call.path();
        let segments = path.split('/').filter(|segment| !segment.is_empty()).enumerate();
        let mut entries: Vec<(Arc<str>, TemplateValue)> =
            segments.map(|(place, segment)| (place.to_string().into(), TemplateValue::text(segment))).collect();
        for name in template.names() {
            let Some(value) = template.variable(name, path) else { continue };
            match entries.iter_mut().find(|(known, _)| **known == **name) {
                Some((_, known)) => *known = TemplateValue::text(value),
                None => entries.push((name.as_str().into(), TemplateValue::text(value))),
            }
        }
        TemplateValue::map(entries, MapKind::Path(path.into())).unwrap_or(TemplateValue::Null)
    }

    fn decoded_path(&self) -> Cow<'_, str> {
        percent_decode_str(self.call.path()).decode_utf8_lossy()
    }

    fn base_url(&self) -> String {
        let (scheme, host, port) = (self.call.peers.scheme, self.call.host(), self.call.port());
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.into_owned() };
        if port == scheme.default_port() {
            return format!("{}://{host}", scheme.as_str());
        }
        format!("{}://{host}:{port}", scheme.as_str())
    }

    fn pieces(&self) -> &[call::BodyPart] {
        self.call.parts().unwrap_or_default()
    }

    fn piece(&self, place: usize, name: &str) -> Option<TemplateValue> {
        let piece = self.pieces().get(place)?;
        Some(match name {
            "name" => TemplateValue::text(name_of(piece)),
            "headers" => TemplateValue::Part(RequestPart::PieceHeaders(place)),
            "body" => TemplateValue::text(piece.text()),
            "bodyAsBase64" => TemplateValue::text(STANDARD.encode(&piece.body)),
            "binary" | "isBinary" => {
                let kind = piece.header(&CONTENT_TYPE).next();
                TemplateValue::Bool(!is_text(kind.as_deref()))
            }
            _ => TemplateValue::Null,
        })
    }
}

fn name_of(piece: &call::BodyPart) -> &str {
    piece.name.as_deref().unwrap_or_default()
}

fn values_of_header(headers: &HeaderMap, name: &str) -> Option<TemplateValue> {
    let name = http::HeaderName::from_bytes(name.as_bytes()).ok()?;
    Some(TemplateValue::values(headers.get_all(name).iter().map(header_text).map(Arc::<str>::from)))
}

/// Returns the names in order; case does not count, as in WireMock's model.
fn header_names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

fn values_of(pairs: &[(String, String)], name: &str) -> TemplateValue {
    TemplateValue::values(pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()))
}

/// Returns each name once, in order of first occurrence, with all of its values.
fn grouped(pairs: &[(String, String)]) -> Vec<(Arc<str>, TemplateValue)> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, value) in pairs {
        let place = *places.entry(name).or_insert_with(|| {
            groups.push((name, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(value);
    }
    groups.into_iter().map(|(name, values)| (Arc::from(name), TemplateValue::values(values))).collect()
}

/// Returns whether a Content-Type is textual. WireMock treats a body without one as binary.
fn is_text(kind: Option<&str>) -> bool {
    let Some(kind) = kind else { return false };
    let kind = kind.split(';').next().unwrap_or_default().to_ascii_lowercase();
    ["text", "json", "xml", "html", "yaml", "csv", "x-www-form-urlencoded"].iter().any(|word| kind.contains(word))
}
