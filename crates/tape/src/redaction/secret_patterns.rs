//! Secrets that are recognized by their look, whatever their key: private keys, keys of cloud and
//! code services, JSON Web Tokens, card numbers with a valid checksum, and credentials in URLs.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

/// A text that looks like a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretLook {
    /// Byte range in the text.
    pub at: Range<usize>,
    /// Kind of the secret, for people: `a private key`.
    pub kind: &'static str,
}

/// Finds all texts that look like secrets, in their order, without overlaps.
pub fn find_secret_looks(text: &[u8]) -> Vec<SecretLook> {
    let mut found = Vec::new();
    if text.len() < MIN_SECRET_BYTES {
        return found;
    }
    // most texts have none of the beginnings, which one pass finds out
    let patterns = if BEGINNINGS.is_match(text) { &PATTERNS[..] } else { &[] };
    for (kind, pattern) in patterns {
        found.extend(pattern.captures_iter(text).filter_map(|captures| {
            let whole = captures.get(1).or_else(|| captures.get(0))?;
            Some(SecretLook { at: whole.range(), kind })
        }));
    }
    card_numbers(text, &mut found);
    found.sort_by_key(|look| (look.at.start, std::cmp::Reverse(look.at.end)));
    let mut end = 0;
    found.retain(|look| {
        let is_apart = look.at.start >= end;
        end = end.max(look.at.end);
        is_apart
    });
    found
}

/// Finds numbers of 13 to 19 digits, in groups or not, that a card may have.
fn card_numbers(text: &[u8], found: &mut Vec<SecretLook>) {
    let mut at = 0;
    while let Some(start) = text[at..].iter().position(u8::is_ascii_digit).map(|place| at + place) {
        let mut end = start;
        let mut digits = Vec::new();
        let mut place = start;
        // groups are apart by one space or dash, or by the plus of a form
        while place < text.len() {
            match text[place] {
                digit @ b'0'..=b'9' => {
                    digits.push(digit - b'0');
                    end = place + 1;
                }
                b' ' | b'-' | b'+' if place == end => {}
                _ => break,
            }
            place += 1;
        }
        at = end.max(start + 1);
        let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.');
        let is_alone = !is_part(start.checked_sub(1).and_then(|before| text.get(before)))
            && !text.get(end).is_some_and(u8::is_ascii_alphabetic);
        if is_alone && is_card(&digits) && has_card_groups(&text[start..end]) {
            found.push(SecretLook { at: start..end, kind: "a card number" });
        }
    }
}

/// Returns true if a number has the length, the first digits and the checksum of a card (ISO/IEC
/// 7812: the Luhn algorithm).
fn is_card(digits: &[u8]) -> bool {
    let has_issuer = match digits {
        [4, ..] => matches!(digits.len(), 13 | 16 | 19),
        [5, 1..=5, ..] | [2, 2..=7, ..] => digits.len() == 16,
        [3, 4 | 7, ..] => digits.len() == 15,
        [3, 0 | 6 | 8, ..] => digits.len() == 14,
        [3, 5, ..] | [6, 0 | 2 | 4 | 5, ..] => matches!(digits.len(), 16..=19),
        _ => false,
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let doubled = u32::from(*digit) * if place % 2 == 1 { 2 } else { 1 };
            doubled / 10 + doubled % 10
        })
        .sum();
    // a number of one digit alone has a valid checksum by chance
    has_issuer && sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != digits[0])
}

/// Returns true if a number is written in one piece, or in groups of four and more digits.
fn has_card_groups(text: &[u8]) -> bool {
    let groups: Vec<usize> = text.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len).collect();
    groups.len() == 1 || groups.iter().all(|length| (3..=6).contains(length))
}

/// The shortest text that is searched, in bytes: a password in a URL.
const MIN_SECRET_BYTES: usize = 8;

/// Texts of which every secret of [`PATTERNS`] has one.
static BEGINNINGS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"-----BEGIN|eyJ|AKIA|ASIA|AROA|AIDA|AIza|ya29\.|gh[pousr]_|github_pat_|glpat-|gldt-|glrt-|glptt-|xox|hooks\.slack|k_live_|k_test_|npm_|pypi-|SG\.|do[opr]_v1_|sk-|AccountKey=|://",
    )
    .expect("a constant")
});

/// Kinds of secrets with their patterns. The first group is the secret, if there is one.
static PATTERNS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let patterns = [
        (
            "a private key",
            r"(?s)-----BEGIN(?:[ +]|%20)[A-Z0-9 +%]*PRIVATE(?:[ +]|%20)KEY(?:%20BLOCK|[ +]BLOCK)?-----.*?-----END(?:[ +]|%20)[A-Z0-9 +%]*PRIVATE(?:[ +]|%20)KEY(?:%20BLOCK|[ +]BLOCK)?-----",
        ),
        ("a JSON Web Token", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
        ("an AWS access key", r"\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b"),
        ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
        ("a Google OAuth token", r"\bya29\.[0-9A-Za-z_-]{20,}"),
        ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
        ("a GitLab token", r"\bgl(?:pat|dt|rt|ptt)-[0-9A-Za-z_-]{20,}"),
        ("a Slack token", r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}"),
        ("a Slack webhook", r"hooks\.slack\.com/services/(T[0-9A-Z]+/B[0-9A-Z]+/[0-9A-Za-z]+)"),
        ("a Stripe key", r"\b[rs]k_(?:live|test)_[0-9A-Za-z]{16,}"),
        ("an npm token", r"\bnpm_[A-Za-z0-9]{36}"),
        ("a PyPI token", r"\bpypi-[A-Za-z0-9_-]{32,}"),
        ("a SendGrid key", r"\bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}"),
        ("a DigitalOcean token", r"\bdo[opr]_v1_[0-9a-f]{64}"),
        ("an OpenAI or Anthropic key", r"\bsk-(?:proj-|ant-)?[0-9A-Za-z_-]{32,}"),
        ("an Azure storage key", r"AccountKey=([0-9A-Za-z+/]{40,}={0,2})"),
        ("a credential in a URL", r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@'\x22<>]{0,64}:([^\s/:@'\x22<>]{3,128})@"),
    ];
    patterns.into_iter().map(|(kind, pattern)| (kind, Regex::new(pattern).expect("a constant"))).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&'static str, &str)> {
        find_secret_looks(text.as_bytes()).into_iter().map(|look| (look.kind, &text[look.at])).collect()
    }

    #[test]
    fn secrets_are_recognized_by_their_look() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----";
        assert_eq!(found(&format!("{{\"k\":\"{key}\"}}")), [("a private key", key)]);
        let of_form = key.replace(' ', "+");
        assert_eq!(found(&format!("k={of_form}&x=1")), [("a private key", of_form.as_str())]);
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
        assert_eq!(found(&format!("t={jwt}&x=1")), [("a JSON Web Token", jwt)]);
        assert_eq!(found("id: AKIAIOSFODNN7EXAMPLE."), [("an AWS access key", "AKIAIOSFODNN7EXAMPLE")]);
        assert_eq!(found("postgres://app:s3cret-pw@db:5432/x"), [("a credential in a URL", "s3cret-pw")]);
        let github = format!("ghp_{}", "a1B2".repeat(9));
        assert_eq!(found(&format!("<t>{github}</t>")), [("a GitHub token", github.as_str())]);
    }

    #[test]
    fn card_numbers_need_a_checksum() {
        for (text, expected) in [
            ("{\"card\":\"4111111111111111\"}", Some("4111111111111111")),
            ("n=4111+1111+1111+1111&x", Some("4111+1111+1111+1111")),
            ("5500-0055-5555-5559", Some("5500-0055-5555-5559")),
            ("378282246310005", Some("378282246310005")),
            ("4111111111111112", None),
            ("1793613600000", None),
            ("0.4111111111111111", None),
            ("a4111111111111111", None),
            ("4111111111111111111111111", None),
            ("4444444444444444", None),
        ] {
            assert_eq!(found(text).first().map(|(_, text)| *text), expected, "{text}");
        }
    }

    #[test]
    fn usual_texts_have_no_secret() {
        for text in [
            "{\"id\": \"550e8400-e29b-41d4-a716-446655440000\", \"at\": 1793613600000}",
            "https://user@host/path?time=12:30:45",
            "a sk-learn model, the task-list of the risk-team",
            "http://localhost:8080/a@b",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
