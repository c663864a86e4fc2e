//! [`RedactionRules`]: the keys whose values are secret, kept or anonymised.

use std::collections::HashSet;

use smallvec::SmallVec;

/// The set of keys whose values are secret. Case, `-` and `_` are ignored.
#[derive(Clone, Debug)]
pub struct RedactionRules {
    keys: HashSet<String, foldhash::fast::RandomState>,
    /// Headers and cookies that are kept, though they usually hold secrets.
    kept: HashSet<String, foldhash::fast::RandomState>,
    /// Keys whose values get a substitute.
    anonymised: HashSet<String, foldhash::fast::RandomState>,
}

impl Default for RedactionRules {
    fn default() -> Self {
        Self {
            keys: DEFAULT_SECRET_KEYS.iter().map(|key| normalized_key(key)).collect(),
            kept: HashSet::default(),
            anonymised: HashSet::default(),
        }
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

    /// Adds a key whose values are replaced by others of the same form: equal ones by equal ones.
    pub fn anonymise(&mut self, key: &str) {
        self.anonymised.insert(normalized_key(key));
    }

    pub(super) fn is_anonymised(&self, key: &str) -> bool {
        !self.anonymised.is_empty() && self.anonymised.contains(&normalized_key(key))
    }

    /// Returns true if values of some keys are anonymised.
    pub(super) fn anonymises(&self) -> bool {
        !self.anonymised.is_empty()
    }

    /// Returns true if values of some keys are kept.
    pub(super) fn keeps(&self) -> bool {
        !self.kept.is_empty()
    }

    pub(super) fn is_kept(&self, key: &str) -> bool {
        !self.kept.is_empty() && self.kept.contains(&normalized_key(key))
    }

    pub(super) fn is_secret(&self, key: &str) -> bool {
        // called for every header and member, so it avoids an allocation
        let mut buffer = SmallVec::<[u8; 64]>::new();
        buffer.extend(normalized_bytes(key));
        std::str::from_utf8(&buffer).is_ok_and(|key| self.keys.contains(key))
    }
}

/// Returns a key in lower case, without `-` and `_`.
fn normalized_key(key: &str) -> String {
    String::from_utf8(normalized_bytes(key).collect()).expect("ASCII alone was changed")
}

fn normalized_bytes(key: &str) -> impl Iterator<Item = u8> {
    key.bytes().filter(|byte| !matches!(byte, b'-' | b'_')).map(|byte| byte.to_ascii_lowercase())
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
