//! Finds the values of secret keys in XML (elements and attributes) and in multipart forms.

use super::secret_keys::SecretValue;

/// Finds the texts of secret elements and the values of secret attributes.
pub(super) fn in_xml(text: &str, is_secret: impl Fn(&str) -> bool) -> Vec<SecretValue> {
    let mut values = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('<').map(|place| at + place) {
        let Some(close) = text[open..].find('>').map(|place| open + place) else { break };
        let tag = &text[open + 1..close];
        at = close + 1;
        if tag.starts_with(['?', '!', '/']) {
            continue;
        }
        let name = tag.split(|c: char| c.is_ascii_whitespace() || c == '/').next().unwrap_or_default();
        attributes(text, open + 1 + name.len()..close, &is_secret, &mut values);
        let end = text[at..].find('<').map_or(text.len(), |place| at + place);
        let inner = text[at..end].trim();
        if is_secret(local(name)) && !tag.ends_with('/') && !inner.is_empty() {
            let begin = at + text[at..end].find(inner).unwrap_or_default();
            values.push(SecretValue::text(begin..begin + inner.len(), unescaped(inner)));
        } else if is_secret(local(name)) && text[end..].starts_with("<![CDATA[") {
            let begin = end + "<![CDATA[".len();
            let stop = text[begin..].find("]]>").map_or(text.len(), |place| begin + place);
            if begin < stop {
                values.push(SecretValue::text(begin..stop, &text[begin..stop]));
            }
            at = stop;
        }
    }
    values
}

fn attributes(
    text: &str,
    tag: std::ops::Range<usize>,
    is_secret: &impl Fn(&str) -> bool,
    values: &mut Vec<SecretValue>,
) {
    let mut from = tag.start;
    while let Some(quote) = text[from..tag.end].find(['"', '\'']).map(|place| from + place) {
        let mark = &text[quote..=quote];
        let Some(end) = text[quote + 1..tag.end].find(mark).map(|place| quote + 1 + place) else { break };
        let name = text[from..quote].trim().trim_end_matches('=').trim();
        if is_secret(local(name)) && quote + 1 < end {
            values.push(SecretValue::text(quote + 1..end, unescaped(&text[quote + 1..end])));
        }
        from = end + 1;
    }
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

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or_default()
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
