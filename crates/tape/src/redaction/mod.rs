//! Redaction: replaces the secrets of an exchange before any of it is written to the disk.
//!
//! A secret is the value of a header with credentials or cookies, or the value of a secret key: a
//! header, a query or form parameter, a cookie, a member of a JSON body, or an element or attribute
//! of an XML body; or it is recognized by its look (`secret_patterns.rs`). A marker replaces the
//! value there and wherever it recurs, in this exchange and in later ones (`known_secrets.rs`).
//! Equal secrets get equal markers. A value that is anonymised gets a substitute of its form in
//! place of a marker (`substitute.rs`).

mod known_secrets;
mod marker;
mod rules;
mod secret_keys;
mod secret_markup;
mod secret_patterns;
mod substitute;

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasher as _;

use standin_coding::ContentCoding;

use self::known_secrets::KnownSecrets;
pub use self::marker::{REDACTED_PREFIX, is_redacted, redaction_marker, split_at_redactions, with_stand_ins};
pub use self::rules::{DEFAULT_SECRET_KEYS, RedactionRules};
use self::secret_keys::SecretValue;
pub use self::secret_patterns::{SecretLook, find_secret_looks};

/// The redaction of one recording, with the secrets seen so far.
#[derive(Debug)]
pub struct Redactor {
    rules: RedactionRules,
    /// Salt of the markers, so that a secret cannot be guessed from its marker.
    salt: foldhash::quality::RandomState,
    secrets: KnownSecrets,
    /// Substitutes of anonymised values, by their marker.
    substitutes: HashMap<u32, String, foldhash::fast::RandomState>,
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

impl Redactor {
    /// Creates a redactor that knows no secret yet.
    pub fn new(rules: RedactionRules) -> Self {
        Self {
            rules,
            salt: foldhash::quality::RandomState::default(),
            secrets: KnownSecrets::new(),
            substitutes: HashMap::default(),
        }
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
        let mut in_url = self.in_pairs(url, query);
        let kept = secret_keys::in_pairs(url, query, |key| self.rules.is_kept(key));
        add_looks(url.as_bytes(), &mut in_url, &kept);
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

    fn in_header(&mut self, name: &str, value: &str) -> Vec<SecretValue> {
        let mut found = self.in_header_by_key(name, value);
        if !self.rules.is_kept(name) {
            add_looks(value.as_bytes(), &mut found, &[]);
        }
        found
    }

    /// Finds the values of secret keys in `a=1&b=2`, and learns substitutes of anonymised ones.
    fn in_pairs(&mut self, text: &str, from: usize) -> Vec<SecretValue> {
        let found = secret_keys::in_pairs(text, from, |key| self.rules.is_secret(key));
        let anonymised = secret_keys::in_pairs(text, from, |key| self.rules.is_anonymised(key));
        self.with_substitutes(found, anonymised)
    }

    /// Joins secrets with anonymised values, of which it learns the substitutes.
    fn with_substitutes(&mut self, mut found: Vec<SecretValue>, anonymised: Vec<SecretValue>) -> Vec<SecretValue> {
        for mut value in anonymised {
            if found.iter().any(|secret| secret.at.start < value.at.end && value.at.start < secret.at.end) {
                continue;
            }
            let plain = &value.secrets[0];
            let substitute = substitute::of(plain, self.salt.hash_one(plain.as_bytes()));
            if self.substitutes.len() >= MAX_SUBSTITUTES {
                // values that recur from then on get a marker
                self.substitutes.clear();
            }
            // numbers stay numbers
            value.is_bare &= !plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
            self.substitutes.insert(self.marker(plain.as_bytes()), substitute);
            found.push(value);
        }
        found.sort_by_key(|value| value.at.start);
        found
    }

    fn in_header_by_key(&mut self, name: &str, value: &str) -> Vec<SecretValue> {
        if matches!(name, "authorization" | "proxy-authorization" | "cookie" | "set-cookie") && self.rules.is_kept(name)
        {
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
            if self.rules.is_anonymised(name) && !value.is_empty() {
                let all = SecretValue { at: 0..value.len(), secrets: vec![value.to_owned()], is_bare: false };
                return self.with_substitutes(Vec::new(), vec![all]);
            }
            self.in_pairs(value, query)
        }
    }

    fn in_body(&mut self, content_type: &str, body: &[u8]) -> Vec<SecretValue> {
        let by_key = |is_secret: &dyn Fn(&str) -> bool| {
            let text = std::str::from_utf8(body);
            match text {
                Ok(text) if content_type.contains("x-www-form-urlencoded") => secret_keys::in_pairs(text, 0, is_secret),
                Ok(text) if content_type.contains("multipart/") => secret_markup::in_multipart(text, is_secret),
                _ if secret_keys::is_json(body) => secret_keys::in_json(body, is_secret),
                Ok(text) if is_markup(content_type, text) => secret_markup::in_xml(text, is_secret),
                _ => Vec::new(),
            }
        };
        let found = by_key(&|key| self.rules.is_secret(key));
        let anonymised =
            if self.rules.anonymises() { by_key(&|key| self.rules.is_anonymised(key)) } else { Vec::new() };
        let kept = if self.rules.keeps() { by_key(&|key| self.rules.is_kept(key)) } else { Vec::new() };
        let mut found = self.with_substitutes(found, anonymised);
        add_looks(body, &mut found, &kept);
        found
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
                let value = self.substitutes.get(&marker).cloned().unwrap_or_else(|| redaction_marker(marker));
                out.extend_from_slice(if is_bare { format!("\"{value}\"") } else { value }.as_bytes());
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

/// Adds the texts that look like secrets, where no value of a secret key is, nor of a key that is
/// kept.
fn add_looks(text: &[u8], found: &mut Vec<SecretValue>, kept: &[SecretValue]) {
    for look in find_secret_looks(text) {
        let is_apart = |value: &SecretValue| value.at.end <= look.at.start || look.at.end <= value.at.start;
        if let Ok(secret) = std::str::from_utf8(&text[look.at.clone()])
            && found.iter().chain(kept).all(is_apart)
        {
            found.push(SecretValue {
                at: look.at.clone(),
                secrets: vec![secret.to_owned()],
                is_bare: is_number(text, &look.at),
            });
        }
    }
    found.sort_by_key(|value| value.at.start);
}

/// Returns true if a secret is a number of a JSON text, whose replacement needs quotes.
fn is_number(text: &[u8], at: &std::ops::Range<usize>) -> bool {
    let before = text[..at.start].iter().rev().find(|byte| !byte.is_ascii_whitespace());
    let after = text[at.end..].iter().find(|byte| !byte.is_ascii_whitespace());
    secret_keys::is_json(text)
        && text[at.clone()].iter().all(u8::is_ascii_digit)
        && matches!(before, Some(b':' | b',' | b'['))
        && matches!(after, Some(b',' | b'}' | b']'))
}

fn is_markup(content_type: &str, text: &str) -> bool {
    content_type.contains("xml") || content_type.contains("html") || text.trim_start().starts_with('<')
}

/// Returns the first value of a header, or an empty text.
fn header<'h>(headers: &'h [(&str, Cow<'_, str>)], name: &str) -> &'h str {
    headers.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| &**value)
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
        Some(ContentCoding::Identity) | None => body,
        Some(coding) => coding.encode(&body),
    }
}

/// Minimum length of a value that is searched for elsewhere. Shorter values recur by chance, so
/// they are replaced only at their key.
const MIN_RECURRING_BYTES: usize = 6;

/// Common values of cookies and flags, which are no secrets.
const COMMON_VALUES: [&str; 4] = ["accept", "accepted", "default", "enabled"];

/// Anonymised values whose substitutes are known, so that they are found where they recur.
const MAX_SUBSTITUTES: usize = 100_000;

/// Maximum decoded length of a body that is searched, in bytes.
const MAX_DECODED_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests;
