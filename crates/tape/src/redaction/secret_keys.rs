//! Finds the values of secret keys in a URL, a form, cookies, credentials or a JSON text.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

/// A value that has to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretValue {
    /// Byte range in the text.
    pub(super) at: Range<usize>,
    /// Decoded value, and parts of it that are secret on their own.
    pub(super) secrets: Vec<String>,
    /// True if the replacement needs quotes (a JSON number or `true`).
    pub(super) is_bare: bool,
}

impl SecretValue {
    pub(super) fn text(at: Range<usize>, secret: impl Into<String>) -> Self {
        Self { at, secrets: vec![secret.into()], is_bare: false }
    }
}

/// Finds the values of secret names in `a=1&b=2`. The pairs begin at the byte `from`.
pub(super) fn in_pairs(text: &str, from: usize, is_secret: impl Fn(&str) -> bool) -> Vec<SecretValue> {
    let mut values = Vec::new();
    let mut at = from;
    for pair in text[from..].split('&') {
        if let Some((name, value)) = pair.split_once('=')
            && !value.is_empty()
            && is_secret(&decode(name))
        {
            let begin = at + name.len() + 1;
            values.push(SecretValue::text(begin..begin + value.len(), decode(value)));
        }
        at += pair.len() + 1;
    }
    values
}

/// Finds the values of the secret cookies of a `Cookie` header.
pub(super) fn in_cookies(text: &str, is_secret: impl Fn(&str) -> bool) -> Vec<SecretValue> {
    parts(text, ';').filter_map(|(at, part)| cookie(at, part, &is_secret)).collect()
}

/// Finds the value of a `Set-Cookie` header, if the cookie is secret; its attributes stay.
pub(super) fn in_set_cookie(text: &str, is_secret: impl Fn(&str) -> bool) -> Vec<SecretValue> {
    parts(text, ';').take(1).filter_map(|(at, part)| cookie(at, part, &is_secret)).collect()
}

/// Finds the credentials of an `Authorization` header: the part after the scheme, or all of it
/// without a scheme.
pub(super) fn in_credentials(text: &str) -> Vec<SecretValue> {
    let (scheme, credentials) = text.split_once(' ').unwrap_or(("", text));
    let credentials = credentials.trim();
    if credentials.is_empty() {
        return Vec::new();
    }
    let end = text.trim_end().len();
    let mut value = SecretValue::text(end - credentials.len()..end, credentials);
    if scheme.eq_ignore_ascii_case("basic")
        && let Some(decoded) = STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok())
    {
        value.secrets.extend(decoded.split_once(':').map(|(_, password)| password.to_owned()));
        value.secrets.push(decoded);
    }
    vec![value]
}

/// Finds the values of secret keys in a JSON text, at any depth. Of an array or object, all scalars
/// in it are secret. The text may be cut off, and several JSON texts may follow each other.
pub(super) fn in_json(text: &[u8], is_secret: impl Fn(&str) -> bool) -> Vec<SecretValue> {
    let mut values = Vec::new();
    // current depth, and depth of the secret key whose value is being read
    let (mut depth, mut secret_at): (usize, Option<usize>) = (0, None);
    let mut at = 0;
    while let Some(token) = token(text, at) {
        let next = token.at.end;
        match text[token.at.start] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if secret_at.is_some_and(|secret| depth <= secret) {
                    secret_at = None;
                }
            }
            b',' => {
                if secret_at == Some(depth) {
                    secret_at = None;
                }
            }
            b':' => {}
            b'"' => {
                let inside = token.at.start + 1..token.at.end - usize::from(token.is_closed);
                let says = || {
                    let quoted = &text[token.at.clone()];
                    serde_json::from_slice(quoted)
                        .unwrap_or_else(|_| String::from_utf8_lossy(&text[inside.clone()]).into_owned())
                };
                if is_key(text, next) {
                    if secret_at.is_none() && is_secret(&says()) {
                        secret_at = Some(depth);
                    }
                } else if secret_at.is_some() && !inside.is_empty() {
                    values.push(SecretValue::text(inside.clone(), says()));
                }
            }
            _ => {
                let says = String::from_utf8_lossy(&text[token.at.clone()]).into_owned();
                if secret_at.is_some() && says != "null" {
                    values.push(SecretValue { at: token.at.clone(), secrets: vec![says], is_bare: true });
                }
            }
        }
        at = next;
    }
    values
}

/// Returns true if a text begins like a JSON object or array.
pub(super) fn is_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
}
struct JsonToken {
    at: Range<usize>,
    /// True for a string with its closing quote.
    is_closed: bool,
}

/// Reads the next token: a string with its quotes, a punctuation mark, or a bare word.
fn token(text: &[u8], from: usize) -> Option<JsonToken> {
    let begin = from + text[from..].iter().position(|byte| !byte.is_ascii_whitespace())?;
    let rest = &text[begin..];
    let mut is_closed = false;
    let length = match rest[0] {
        b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
        b'"' => {
            let mut escaped = false;
            let end = rest[1..].iter().position(|byte| {
                let ends = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                ends
            });
            is_closed = end.is_some();
            end.map_or(rest.len(), |end| end + 2)
        }
        _ => {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || b"{}[],:\"".contains(byte);
            rest.iter().position(ends).unwrap_or(rest.len())
        }
    };
    Some(JsonToken { at: begin..begin + length, is_closed })
}

fn is_key(text: &[u8], after: usize) -> bool {
    text[after..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

/// Splits a text at a separator; each part has its byte offset.
fn parts(text: &str, separator: char) -> impl Iterator<Item = (usize, &str)> {
    text.split(separator).scan(0, move |at, part| {
        let begin = *at;
        *at += part.len() + separator.len_utf8();
        Some((begin, part))
    })
}

fn cookie(at: usize, part: &str, is_secret: &impl Fn(&str) -> bool) -> Option<SecretValue> {
    let (name, value) = part.split_once('=').filter(|(name, _)| is_secret(name.trim()))?;
    let begin = at + name.len() + 1;
    let value = value.trim_end();
    let inner = value.trim_matches('"');
    (!value.is_empty()).then(|| SecretValue::text(begin..begin + value.len(), inner))
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found<'t>(text: &'t str, values: &[SecretValue]) -> Vec<&'t str> {
        values.iter().map(|value| &text[value.at.clone()]).collect()
    }

    #[test]
    fn pairs_and_cookies_are_found() {
        let url = "/a?token=x%20y&b=1&to%6ben=z&token=";
        let values = in_pairs(url, 3, |name| name == "token");
        assert_eq!(found(url, &values), ["x%20y", "z"]);
        assert_eq!(values[0].secrets, ["x y"]);
        let cookies = "a=1; b=\"two\" ;c";
        assert_eq!(found(cookies, &in_cookies(cookies, |_| true)), ["1", "\"two\""]);
        let set = "id=abc; Path=/; Max-Age=3";
        assert_eq!(found(set, &in_set_cookie(set, |_| true)), ["abc"]);
        assert!(in_set_cookie(set, |name| name != "id").is_empty());
    }

    #[test]
    fn credentials_keep_their_scheme() {
        let basic = "Basic dXNlcjpzM2NyZXQ=";
        let values = in_credentials(basic);
        assert_eq!(found(basic, &values), ["dXNlcjpzM2NyZXQ="]);
        assert_eq!(values[0].secrets, ["dXNlcjpzM2NyZXQ=", "s3cret", "user:s3cret"]);
        assert_eq!(found("abc", &in_credentials("abc")), ["abc"]);
        assert_eq!(found("Bearer  abc ", &in_credentials("Bearer  abc ")), ["abc"]);
        assert!(in_credentials("Bearer ").is_empty());
    }

    #[test]
    fn json_values_of_secret_keys_are_found_at_any_depth() {
        let text = r#"{"pin": 1234, "a": {"token" : "x\"y", "b": [1]}, "pin": null, "deep": {"token": {"k": ["v", 2, true]}, "c": "d"}} {"pin":"5"}"#;
        let values = in_json(text.as_bytes(), |key| key == "pin" || key == "token");
        assert_eq!(found(text, &values), ["1234", "x\\\"y", "v", "2", "true", "5"]);
        assert_eq!(values[1].secrets, ["x\"y"]);
        let bare: Vec<bool> = values.iter().map(|value| value.is_bare).collect();
        assert_eq!(bare, [true, false, false, true, true, false]);
        let torn = r#"{"token": "never en"#;
        assert_eq!(found(torn, &in_json(torn.as_bytes(), |key| key == "token")), ["never en"]);
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in "\\PC{0,60}", from in 0_usize..2) {
            let values = in_json(text.as_bytes(), |_| true);
            prop_assert!(values.iter().all(|value| value.at.end <= text.len()));
            in_cookies(&text, |_| true);
            in_set_cookie(&text, |_| true);
            in_credentials(&text);
            if text.is_char_boundary(from) && from <= text.len() {
                in_pairs(&text, from, |_| true);
            }
        }
    }
}
