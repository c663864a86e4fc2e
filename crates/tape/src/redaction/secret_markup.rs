//! Finds the values of secret keys in XML (elements and attributes) and in multipart forms.

use super::secret_keys::SecretValue;
use crate::markup::{MarkupKind, markup_values};

/// Finds the texts of secret elements and the values of secret attributes.
pub(super) fn in_xml(text: &str, is_secret: impl Fn(&str) -> bool) -> Vec<SecretValue> {
    let mut values: Vec<SecretValue> = Vec::new();
    for value in markup_values(text).into_iter().filter(|value| is_secret(value.local_name())) {
        // a CDATA section that is secret is so with all that stands in it
        if values.last().is_some_and(|last| value.at.start < last.at.end) {
            continue;
        }
        let inner = &text[value.at.clone()];
        let trimmed = if value.kind == MarkupKind::Attribute { inner } else { inner.trim() };
        if trimmed.is_empty() {
            continue;
        }
        let begin = value.at.start + inner.find(trimmed).unwrap_or_default();
        let secret = if value.kind == MarkupKind::CData { trimmed.to_owned() } else { unescaped(trimmed) };
        values.push(SecretValue::text(begin..begin + trimmed.len(), secret));
    }
    values
}

/// Finds the values of secret parts of a multipart form.
pub(super) fn in_multipart(text: &str, is_secret: impl Fn(&str) -> bool) -> Vec<SecretValue> {
    let mut values = Vec::new();
    let mut at = 0;
    while let Some(place) = text[at..].find("name=\"").map(|place| at + place + "name=\"".len()) {
        let name = text[place..].split('"').next().unwrap_or_default();
        at = place + name.len();
        let Some(begin) = text[at..].find("\r\n\r\n").map(|place| at + place + 4) else { break };
        let end = text[begin..].find("\r\n--").map_or(text.len(), |place| begin + place);
        if is_secret(name) && begin < end {
            values.push(SecretValue::text(begin..end, &text[begin..end]));
        }
        at = end;
    }
    values
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found<'t>(text: &'t str, values: &[SecretValue]) -> Vec<&'t str> {
        values.iter().map(|value| &text[value.at.clone()]).collect()
    }

    #[test]
    fn elements_and_attributes_are_found_by_their_local_name() {
        let text = "<w:Password type='x'> s&amp;1 </w:Password><a token=\"t2\"/><password><![CDATA[c<3]]></password><b>token</b>";
        let values = in_xml(text, |name| matches!(name, "Password" | "password" | "token"));
        assert_eq!(found(text, &values), ["s&amp;1", "t2", "c<3"]);
        assert_eq!(values[0].secrets, ["s&1"]);
    }

    #[test]
    fn parts_of_forms_are_found_by_their_name() {
        let text = "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nabc\r\n--b\r\n\
            Content-Disposition: form-data; name=\"x\"\r\n\r\ntoken\r\n--b--\r\n";
        assert_eq!(found(text, &in_multipart(text, |name| name == "token")), ["abc"]);
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in "[<>a'\"=/! \\[\\]CDAT&;\r\n:-]{0,60}") {
            in_xml(&text, |_| true);
            in_multipart(&text, |_| true);
        }
    }
}
