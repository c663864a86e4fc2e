//! Redaction: replaces the secrets of an exchange before any of it is written to the disk.
//!
//! A secret is the value of a header with credentials or cookies, or the value of a secret key: a
//! header, a query or form parameter, a cookie, or a member of a JSON body. A marker replaces the
//! value there and wherever it recurs, in this exchange and in later ones (`known_secrets.rs`).
//! Equal secrets get equal markers.

mod known_secrets;
mod marker;
mod secret_keys;

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::BuildHasher as _;

use smallvec::SmallVec;
use standin_coding::ContentCoding;

use self::known_secrets::KnownSecrets;
pub use self::marker::{REDACTED_PREFIX, is_redacted, redaction_marker, split_at_redactions, with_stand_ins};
use self::secret_keys::SecretValue;

/// The set of keys whose values are secret. Case, `-` and `_` are ignored.
#[derive(Clone, Debug)]
pub struct RedactionRules {
    keys: HashSet<String, foldhash::fast::RandomState>,
    /// Headers and cookies that are kept, though they usually hold secrets.
    kept: HashSet<String, foldhash::fast::RandomState>,
}

/// The redaction of one recording, with the secrets seen so far.
#[derive(Debug)]
pub struct Redactor {
    rules: RedactionRules,
    /// Salt of the markers, so that a secret cannot be guessed from its marker.
    salt: foldhash::quality::RandomState,
    secrets: KnownSecrets,
}

/// A request or response with its secrets.
#[derive(Clone, Debug, Default)]
pub struct PlainMessage<'m> {
    /// Header names in lower case, and values.
    pub headers: Vec<(&'m str, Cow<'m, str>)>,
    /// Body as it came, with its content coding.
    pub body: &'m [u8],
}

/// A request or response without its secrets.
#[derive(Debug, Default)]
pub struct RedactedMessage<'m> {
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// Body with its content coding; `None` if the coding is not supported.
    pub body: Option<Cow<'m, [u8]>>,
}

impl Default for RedactionRules {
    fn default() -> Self {
        Self { keys: DEFAULT_SECRET_KEYS.iter().map(|key| normalized_key(key)).collect(), kept: HashSet::default() }
    }
}

impl RedactionRules {
    /// Adds a secret key: of a header, a query or form parameter, a cookie or a JSON member.
    pub fn add(&mut self, key: &str) {
        let key = normalized_key(key);
        self.kept.remove(&key);
        self.keys.insert(key);
    }

    /// Removes a key, so that its values are not redacted: also a cookie, or a header such as
    /// `Set-Cookie` or `Authorization`.
    pub fn remove(&mut self, key: &str) {
        let key = normalized_key(key);
        self.keys.remove(&key);
        self.kept.insert(key);
    }

    fn is_kept(&self, key: &str) -> bool {
        !self.kept.is_empty() && self.kept.contains(&normalized_key(key))
    }

    fn is_secret(&self, key: &str) -> bool {
        // called for every header and member, so it avoids an allocation
        let mut buffer = SmallVec::<[u8; 64]>::new();
        buffer.extend(normalized_bytes(key));
        std::str::from_utf8(&buffer).is_ok_and(|key| self.keys.contains(key))
    }
}

impl Redactor {
    /// Creates a redactor that knows no secret yet.
    pub fn new(rules: RedactionRules) -> Self {
        Self { rules, salt: foldhash::quality::RandomState::default(), secrets: KnownSecrets::new() }
    }

    /// Returns the number of secrets that were forgotten to bound the memory. Later exchanges may
    /// repeat them.
    pub fn forgotten_count(&self) -> u64 {
        self.secrets.forgotten
    }

    /// Returns the URL and the messages of an exchange without secrets. All of them are searched
    /// before any is rewritten, because one may repeat a secret of another.
    pub fn redact<'m>(&mut self, url: &str, messages: Vec<PlainMessage<'m>>) -> (String, Vec<RedactedMessage<'m>>) {
        let query = url.find('?').map_or(url.len(), |mark| mark + 1);
        let in_url = secret_keys::in_pairs(url, query, |key| self.rules.is_secret(key));
        self.learn(&in_url);
        let read: Vec<_> = messages.into_iter().map(|message| self.find_secrets(message)).collect();
        let url = self.rewrite(url.as_bytes(), &in_url);
        let messages = read.into_iter().map(|read| self.replace_secrets(read)).collect();
        (lossy_text(url.into_owned()), messages)
    }

    /// Finds and remembers the secrets of a message.
    fn find_secrets<'m>(&mut self, message: PlainMessage<'m>) -> SearchedMessage<'m> {
        let coding = header(&message.headers, "content-encoding").trim().to_ascii_lowercase();
        let content_type = header(&message.headers, "content-type").to_ascii_lowercase();
        let headers = message.headers.into_iter().map(|(name, value)| {
            let found = self.in_header(name, &value);
            self.learn(&found);
            (name, value, found)
        });
        let headers: Vec<_> = headers.collect();
        let plain = decode(message.body, &coding);
        let found = plain.as_deref().map_or_else(Vec::new, |body| self.in_body(&content_type, body));
        self.learn(&found);
        SearchedMessage { headers, raw: message.body, coding, plain, found }
    }

    fn replace_secrets<'m>(&self, read: SearchedMessage<'m>) -> RedactedMessage<'m> {
        let header = |(name, value, found): (&str, Cow<'_, str>, Vec<SecretValue>)| {
            (name.to_owned(), lossy_text(self.rewrite(value.as_bytes(), &found).into_owned()))
        };
        let headers = read.headers.into_iter().map(header).collect();
        let body = read.plain.map(|plain| match self.rewrite(&plain, &read.found) {
            // unchanged bodies keep their bytes
            Cow::Borrowed(_) => Cow::Borrowed(read.raw),
            Cow::Owned(redacted) => Cow::Owned(encode(redacted, &read.coding)),
        });
        RedactedMessage { headers, body }
    }

    fn in_header(&self, name: &str, value: &str) -> Vec<SecretValue> {
        if matches!(name, "authorization" | "proxy-authorization" | "cookie" | "set-cookie") && self.rules.is_kept(name) {
            Vec::new()
        } else if matches!(name, "authorization" | "proxy-authorization") {
            secret_keys::in_credentials(value)
        } else if name == "cookie" {
            secret_keys::in_cookies(value, |cookie| !self.rules.is_kept(cookie))
        } else if name == "set-cookie" {
            secret_keys::in_set_cookie(value, |cookie| !self.rules.is_kept(cookie))
        } else if self.rules.is_secret(name) && !value.is_empty() {
            vec![SecretValue { at: 0..value.len(), secrets: vec![value.to_owned()], is_bare: false }]
        } else {
            // the value may be a URL: `Location`, `Referer`
            let query = value.find('?').map_or(value.len(), |mark| mark + 1);
            secret_keys::in_pairs(value, query, |key| self.rules.is_secret(key))
        }
    }

    fn in_body(&self, content_type: &str, body: &[u8]) -> Vec<SecretValue> {
        let is_secret = |key: &str| self.rules.is_secret(key);
        if content_type.contains("x-www-form-urlencoded") {
            return std::str::from_utf8(body)
                .map_or_else(|_| Vec::new(), |body| secret_keys::in_pairs(body, 0, is_secret));
        }
        if secret_keys::is_json(body) { secret_keys::in_json(body, is_secret) } else { Vec::new() }
    }

    fn learn(&mut self, found: &[SecretValue]) {
        for secret in found.iter().flat_map(|value| &value.secrets) {
            let marker = self.marker(secret.as_bytes());
            if secret.len() >= MIN_RECURRING_BYTES && !COMMON_VALUES.contains(&secret.as_str()) {
                self.secrets.add(secret.as_bytes(), marker);
            }
        }
    }

    fn marker(&self, secret: &[u8]) -> u32 {
        self.salt.hash_one(secret) as u32
    }

    /// Replaces these values and all known secrets in a text by markers. A text without any is
    /// borrowed.
    fn rewrite<'t>(&self, text: &'t [u8], values: &[SecretValue]) -> Cow<'t, [u8]> {
        let mut places: Vec<(std::ops::Range<usize>, u32, bool)> = values
            .iter()
            .map(|value| (value.at.clone(), self.marker(value.secrets[0].as_bytes()), value.is_bare))
            .collect();
        let keyed = places.len();
        for found in self.secrets.find(text) {
            let inside =
                |(at, ..): &(std::ops::Range<usize>, u32, bool)| found.at.start < at.end && at.start < found.at.end;
            match places[..keyed].iter_mut().find(|place| inside(place)) {
                // a value of a secret key is replaced as a whole, with a known secret that overlaps
                // it
                Some((at, ..)) => *at = at.start.min(found.at.start)..at.end.max(found.at.end),
                None => places.push((found.at, found.marker, false)),
            }
        }
        if places.is_empty() {
            return Cow::Borrowed(text);
        }
        places.sort_by_key(|(at, ..)| at.start);
        let mut out = Vec::with_capacity(text.len() + places.len() * 20);
        let mut from = 0;
        for (at, marker, is_bare) in places {
            if at.end <= from {
                continue;
            }
            out.extend_from_slice(&text[from..at.start.max(from)]);
            if at.start >= from {
                let marker = redaction_marker(marker);
                out.extend_from_slice(if is_bare { format!("\"{marker}\"") } else { marker }.as_bytes());
            }
            from = at.end;
        }
        out.extend_from_slice(&text[from..]);
        Cow::Owned(out)
    }
}

/// A message whose secrets are found.
struct SearchedMessage<'m> {
    headers: Vec<(&'m str, Cow<'m, str>, Vec<SecretValue>)>,
    raw: &'m [u8],
    coding: String,
    plain: Option<Cow<'m, [u8]>>,
    found: Vec<SecretValue>,
}

/// Returns the first value of a header, or an empty text.
fn header<'h>(headers: &'h [(&str, Cow<'_, str>)], name: &str) -> &'h str {
    headers.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| &**value)
}

/// Returns a key in lower case, without `-` and `_`.
fn normalized_key(key: &str) -> String {
    String::from_utf8(normalized_bytes(key).collect()).expect("ASCII alone was changed")
}

fn normalized_bytes(key: &str) -> impl Iterator<Item = u8> {
    key.bytes().filter(|byte| !matches!(byte, b'-' | b'_')).map(|byte| byte.to_ascii_lowercase())
}

fn lossy_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Decodes a body, or returns `None` if the coding is unknown, the body is broken, or its decoded
/// length exceeds [`MAX_DECODED_BYTES`].
fn decode<'b>(body: &'b [u8], coding: &str) -> Option<Cow<'b, [u8]>> {
    if body.is_empty() {
        return Some(Cow::Borrowed(body));
    }
    ContentCoding::parse(coding)?.decode(body, MAX_DECODED_BYTES)
}

fn encode(body: Vec<u8>, coding: &str) -> Vec<u8> {
    match ContentCoding::parse(coding) {
        Some(coding @ (ContentCoding::Gzip | ContentCoding::Deflate)) => coding.encode(&body),
        _ => body,
    }
}

/// Keys whose values are redacted by default, besides the headers with credentials and cookies.
pub const DEFAULT_SECRET_KEYS: [&str; 15] = [
    "access_token",
    "api_key",
    "client_secret",
    "id_token",
    "passwd",
    "password",
    "private_key",
    "refresh_token",
    "secret",
    "session_token",
    "token",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
];

/// Minimum length of a value that is searched for elsewhere. Shorter values recur by chance, so
/// they are replaced only at their key.
const MIN_RECURRING_BYTES: usize = 6;

/// Common values of cookies and flags, which are no secrets.
const COMMON_VALUES: [&str; 4] = ["accept", "accepted", "default", "enabled"];

/// Maximum decoded length of a body that is searched, in bytes.
const MAX_DECODED_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests;
