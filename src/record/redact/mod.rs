//! Takes secrets out of an exchange before any of it touches the disk.
//!
//! A secret is the value of a header that carries credentials or cookies, or of a key that is known for it or was named: of a
//! header, a query or form parameter, a cookie, or a member of a JSON body. It goes there, and wherever else it recurs, in this
//! exchange and in later ones: see [`secrets`]. In its place stands a marker, the same for the same secret.

mod keyed;
mod secrets;

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::BuildHasher as _;

use smallvec::SmallVec;

use self::keyed::Value;
use self::secrets::Secrets;
use super::heads::HeaderBlock;
use standin_coding::ContentCoding;
use standin_tape::redaction;

/// What is redacted of a recording.
#[derive(Clone, Debug)]
pub struct Redaction {
    keys: HashSet<String, foldhash::fast::RandomState>,
}

/// The secrets of one recording.
#[derive(Debug)]
pub(super) struct Redactor {
    redaction: Redaction,
    /// Salted, so that a marker does not tell what it stands for.
    salt: foldhash::quality::RandomState,
    secrets: Secrets,
}

/// A message whose secrets are known.
pub(super) struct Message<'m> {
    pub(super) headers: &'m HeaderBlock,
    /// As it came, with its coding.
    pub(super) body: &'m [u8],
}

/// What is left of a message.
#[derive(Debug, Default)]
pub(super) struct Redacted<'m> {
    pub(super) headers: Vec<(String, String)>,
    /// None if its coding cannot be looked into.
    pub(super) body: Option<Cow<'m, [u8]>>,
}

impl Default for Redaction {
    fn default() -> Self {
        Self { keys: KNOWN.iter().map(|key| normal(key)).collect() }
    }
}

impl Redaction {
    /// Names another key: of a header, a query or form parameter, a cookie or a JSON member. Case, `-` and `_` do not count.
    pub fn add(&mut self, key: &str) {
        self.keys.insert(normal(key));
    }

    /// Lets a key stay that is redacted otherwise.
    pub fn remove(&mut self, key: &str) {
        self.keys.remove(&normal(key));
    }

    fn is_secret(&self, key: &str) -> bool {
        // asked for every header and member: without an allocation where that is possible
        let mut buffer = SmallVec::<[u8; 64]>::new();
        buffer.extend(letters(key));
        std::str::from_utf8(&buffer).is_ok_and(|key| self.keys.contains(key))
    }
}

impl Redactor {
    pub(super) fn new(redaction: Redaction) -> Self {
        Self { redaction, salt: foldhash::quality::RandomState::default(), secrets: Secrets::new() }
    }

    /// How many secrets were forgotten to bound the memory: later exchanges may repeat them.
    pub(super) fn forgotten(&self) -> u64 {
        self.secrets.forgotten
    }

    /// The url, the call and the answer without secrets. All are looked through before any is rewritten, for one may repeat
    /// what is secret in another.
    pub(super) fn redact<'m>(&mut self, url: &str, messages: &[Message<'m>]) -> (String, Vec<Redacted<'m>>) {
        let query = url.find('?').map_or(url.len(), |mark| mark + 1);
        let in_url = keyed::in_pairs(url, query, |key| self.redaction.is_secret(key));
        self.learn(&in_url);
        let read: Vec<_> = messages.iter().map(|message| self.read(message)).collect();
        let url = self.rewrite(url.as_bytes(), &in_url);
        let messages = read.into_iter().map(|read| self.write(read)).collect();
        (text(url.into_owned()), messages)
    }

    /// Learns the secrets of a message.
    fn read<'m>(&mut self, message: &Message<'m>) -> Read<'m> {
        let headers = message.headers.iter().map(|(name, value)| {
            let found = self.in_header(name, &value);
            self.learn(&found);
            (name, value, found)
        });
        let headers: Vec<_> = headers.collect();
        let coding = message.headers.get("content-encoding").unwrap_or_default().trim().to_ascii_lowercase();
        let plain = decode(message.body, &coding);
        let found = plain.as_deref().map_or_else(Vec::new, |body| self.in_body(message.headers, body));
        self.learn(&found);
        Read { headers, raw: message.body, coding, plain, found }
    }

    fn write<'m>(&self, read: Read<'m>) -> Redacted<'m> {
        let header = |(name, value, found): (&str, Cow<'_, str>, Vec<Value>)| {
            (name.to_owned(), text(self.rewrite(value.as_bytes(), &found).into_owned()))
        };
        let headers = read.headers.into_iter().map(header).collect();
        let body = read.plain.and_then(|plain| match self.rewrite(&plain, &read.found) {
            // as it came, byte for byte
            Cow::Borrowed(_) => Some(Cow::Borrowed(read.raw)),
            Cow::Owned(redacted) => Some(Cow::Owned(encode(redacted, &read.coding))),
        });
        Redacted { headers, body }
    }

    fn in_header(&self, name: &str, value: &str) -> Vec<Value> {
        if matches!(name, "authorization" | "proxy-authorization") {
            keyed::in_credentials(value)
        } else if name == "cookie" {
            keyed::in_cookies(value)
        } else if name == "set-cookie" {
            keyed::in_set_cookie(value)
        } else if self.redaction.is_secret(name) && !value.is_empty() {
            vec![Value { at: 0..value.len(), secrets: vec![value.to_owned()], is_bare: false }]
        } else {
            // a url, perhaps: of a redirect, or of the page before
            let query = value.find('?').map_or(value.len(), |mark| mark + 1);
            keyed::in_pairs(value, query, |key| self.redaction.is_secret(key))
        }
    }

    fn in_body(&self, headers: &HeaderBlock, body: &[u8]) -> Vec<Value> {
        let is_secret = |key: &str| self.redaction.is_secret(key);
        let kind = headers.get("content-type").unwrap_or_default().to_ascii_lowercase();
        if kind.contains("x-www-form-urlencoded") {
            return std::str::from_utf8(body).map_or_else(|_| Vec::new(), |body| keyed::in_pairs(body, 0, is_secret));
        }
        if keyed::is_json(body) { keyed::in_json(body, is_secret) } else { Vec::new() }
    }

    fn learn(&mut self, found: &[Value]) {
        for secret in found.iter().flat_map(|value| &value.secrets) {
            let marker = self.marker(secret.as_bytes());
            if secret.len() >= SHORTEST && !COMMON.contains(&secret.as_str()) {
                self.secrets.add(secret.as_bytes(), marker);
            }
        }
    }

    fn marker(&self, secret: &[u8]) -> u32 {
        self.salt.hash_one(secret) as u32
    }

    /// The text with markers in place of these values and of all that is known to be secret; itself if it has none.
    fn rewrite<'t>(&self, text: &'t [u8], values: &[Value]) -> Cow<'t, [u8]> {
        let mut places: Vec<(std::ops::Range<usize>, u32, bool)> = values
            .iter()
            .map(|value| (value.at.clone(), self.marker(value.secrets[0].as_bytes()), value.is_bare))
            .collect();
        let keyed = places.len();
        for found in self.secrets.find(text) {
            let inside =
                |(at, ..): &(std::ops::Range<usize>, u32, bool)| found.at.start < at.end && at.start < found.at.end;
            match places[..keyed].iter_mut().find(|place| inside(place)) {
                // what is known by its key goes whole, and what reaches beyond it as well
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
                let marker = redaction(marker);
                out.extend_from_slice(if is_bare { format!("\"{marker}\"") } else { marker }.as_bytes());
            }
            from = at.end;
        }
        out.extend_from_slice(&text[from..]);
        Cow::Owned(out)
    }
}

/// A message whose secrets have been learned.
struct Read<'m> {
    headers: Vec<(&'m str, Cow<'m, str>, Vec<Value>)>,
    raw: &'m [u8],
    coding: String,
    plain: Option<Cow<'m, [u8]>>,
    found: Vec<Value>,
}

/// Keys by which people know each other's secrets: without case, `-` and `_`.
fn normal(key: &str) -> String {
    String::from_utf8(letters(key).collect()).expect("ASCII alone was changed")
}

fn letters(key: &str) -> impl Iterator<Item = u8> {
    key.bytes().filter(|byte| !matches!(byte, b'-' | b'_')).map(|byte| byte.to_ascii_lowercase())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Returns a body without its content coding; `None` if the coding is unknown, or if the body
/// unpacks to more than [`MAX_UNPACKED_BYTES`].
fn decode<'b>(body: &'b [u8], coding: &str) -> Option<Cow<'b, [u8]>> {
    if body.is_empty() {
        return Some(Cow::Borrowed(body));
    }
    ContentCoding::parse(coding)?.decode(body, MAX_UNPACKED_BYTES)
}

fn encode(body: Vec<u8>, coding: &str) -> Vec<u8> {
    match ContentCoding::parse(coding) {
        Some(coding @ (ContentCoding::Gzip | ContentCoding::Deflate)) => coding.encode(&body),
        _ => body,
    }
}

/// Keys that are redacted unless somebody says otherwise, besides the headers of credentials and cookies.
pub const KNOWN: [&str; 15] = [
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

/// Shorter values go where their key is, but are not looked for elsewhere: they stand there by chance.
const SHORTEST: usize = 6;

/// Values that cookies and flags have, and that say nothing.
const COMMON: [&str; 4] = ["accept", "accepted", "default", "enabled"];

/// Maximum size, in bytes, of an unpacked body that is searched for secrets.
const MAX_UNPACKED_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests;
