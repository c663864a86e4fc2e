use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

fn percent(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Header names in lower case, and values.
type Headers = Vec<(&'static str, String)>;

fn headers(pairs: &[(&'static str, &str)]) -> Headers {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn message<'m>(headers: &'m Headers, body: &'m [u8]) -> PlainMessage<'m> {
    let headers = headers.iter().map(|(name, value)| (*name, Cow::Borrowed(value.as_str()))).collect();
    PlainMessage { headers, body }
}

fn redactor(keys: &[&str]) -> Redactor {
    let mut rules = RedactionRules::default();
    for key in keys {
        rules.add(key);
    }
    Redactor::new(rules)
}

fn redact(redactor: &mut Redactor, url: &str, call: (&Headers, &str), answer: (&Headers, &str)) -> [String; 5] {
    let messages = [call, answer].map(|(headers, body)| message(headers, body.as_bytes()));
    let (url, redacted) = redactor.redact(url, messages.into());
    let shown = |place: usize| format!("{:?}", redacted[place].headers);
    let body = |place: usize| String::from_utf8(redacted[place].body.clone().unwrap().into_owned()).unwrap();
    [url, shown(0), body(0), shown(1), body(1)]
}

#[test]
fn a_secret_goes_wherever_it_recurs() {
    let call = headers(&[("authorization", "Bearer abc123xyz"), ("x-plain", "kept")]);
    let answer = headers(&[("set-cookie", "sid=s3cr3t-id; Path=/; HttpOnly"), ("location", "/next?t=abc123xyz")]);
    let all = redact(
        &mut redactor(&[]),
        "/me/abc123xyz?x=1",
        (&call, "token is abc123xyz"),
        (&answer, r#"{"echo": "abc123xyz", "sid": "s3cr3t-id"}"#),
    );
    let shown = all.join("\n");
    assert!(!shown.contains("abc123xyz") && !shown.contains("s3cr3t-id"), "{shown}");
    for kept in [
        "/me/~redacted:",
        "?x=1",
        "Bearer ~redacted:",
        "kept",
        "Path=/; HttpOnly",
        "/next?t=~redacted:",
        "{\"echo\": \"~",
    ] {
        assert!(shown.contains(kept), "`{kept}` is not in\n{shown}");
    }
}

#[test]
fn the_same_secret_has_the_same_marker_and_later_exchanges_know_it() {
    let mut redactor = redactor(&[]);
    let none = headers(&[]);
    let login = redact(
        &mut redactor,
        "/login",
        (&none, r#"{"password":"hunter22"}"#),
        (&none, r#"{"access_token":"t0ken-t0ken"}"#),
    );
    let call = headers(&[("authorization", "Bearer t0ken-t0ken")]);
    let later = redact(&mut redactor, "/who", (&call, ""), (&none, "you are hunter22 by t0ken-t0ken"));
    let marker = |text: &str| text[text.find("~redacted:").unwrap()..][..19].to_owned();
    assert_eq!(marker(&login[4]), marker(&later[1]));
    assert_eq!(marker(&login[2]), marker(&later[4]));
    assert_eq!(split_at_redactions(&later[4]), ["you are ", " by ", ""]);
}

#[test]
fn keys_are_named_in_any_spelling_and_values_of_any_kind_go() {
    let mut redactor = redactor(&["X-Pin-Code"]);
    let call = headers(&[("x-pin-code", "12"), ("content-type", "application/x-www-form-urlencoded")]);
    let answer = headers(&[("content-type", "application/json")]);
    let [url, head, form, _, json] = redact(
        &mut redactor,
        "/?xPinCode=34&a=12",
        (&call, "a=b&x_pin_code=56"),
        (&answer, r#"{"xpincode": 78, "n": 78}"#),
    );
    assert!(url.starts_with("/?xPinCode=~redacted:") && url.ends_with("&a=12"), "{url}");
    assert!(head.contains("(\"x-pin-code\", \"~redacted:"), "{head}");
    assert!(form.starts_with("a=b&x_pin_code=~redacted:"), "{form}");
    assert!(json.starts_with("{\"xpincode\": \"~redacted:") && json.ends_with("\", \"n\": 78}"), "{json}");
}

#[test]
fn a_key_that_is_kept_stays() {
    let mut rules = RedactionRules::default();
    rules.remove("Token");
    let none = headers(&[]);
    let [url, ..] = redact(&mut Redactor::new(rules), "/?token=abcdefgh", (&none, ""), (&none, ""));
    assert_eq!(url, "/?token=abcdefgh");
}

#[test]
fn codings_are_looked_into_and_come_out_as_they_were() {
    let packed = |text: &str, coding: &str| encode(text.as_bytes().to_vec(), coding);
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let mut redactor = redactor(&[]);
        let coded = headers(&[("content-encoding", coding)]);
        let (plain, secret) = (packed("nothing to hide", coding), packed(r#"{"secret":"abcdefgh","k":1}"#, coding));
        let (_, left) = redactor.redact("/", vec![message(&coded, &plain), message(&coded, &secret)]);
        assert_eq!(left[0].body.as_deref(), Some(&plain[..]), "byte for byte");
        let redacted = left[1].body.clone().unwrap();
        let shown = String::from_utf8(decode(&redacted, coding).unwrap().into_owned()).unwrap();
        assert!(is_redacted(&shown) && shown.ends_with(",\"k\":1}"), "{shown}");
    }
    let unknown = headers(&[("content-encoding", "compress")]);
    let (_, left) = redactor(&[]).redact("/", vec![message(&unknown, b"\x0b\x02")]);
    assert_eq!(left[0].body, None);
}

proptest! {
    /// No secret is left of random secrets in every place that the service echoes in every
    /// encoding.
    #[test]
    fn no_secret_is_left(secrets in prop::collection::vec("[a-zA-Z0-9+/=_.~-]{8,40}", 6)) {
        let [header, query, member, form, cookie, basic] = &secrets[..] else { unreachable!() };
        let credentials = format!("Basic {}", STANDARD.encode(format!("user:{basic}")));
        let mut redactor = redactor(&["X-Key", "q", "pin", "f"]);
        let call = headers(&[
            ("x-key", header),
            ("cookie", &format!("sid={cookie}")),
            ("authorization", &credentials),
            ("content-type", "application/x-www-form-urlencoded"),
        ]);
        let json = serde_json::json!({"pin": member}).to_string();
        let echo = secrets.iter().fold(String::new(), |echo, secret| {
            echo + &format!("{secret} {} {} {}\n", STANDARD.encode(format!("x{secret}yz")), percent(secret), serde_json::json!(secret))
        });
        let url = format!("/a?q={}&x={}", percent(query), percent(header));
        let form = format!("f={}&g=1", percent(form));
        let none = headers(&[]);
        let messages = [(&call, &form), (&none, &json), (&none, &echo)];
        let messages = messages.map(|(headers, body)| message(headers, body.as_bytes()));
        let (url, redacted) = redactor.redact(&url, messages.into());
        let shown = format!("{url} {:?} {}", redacted[0].headers,
            redacted.iter().map(|one| String::from_utf8(one.body.clone().unwrap().into_owned()).unwrap()).collect::<Vec<_>>().join("\n"));
        for secret in &secrets {
            let encoded = STANDARD.encode(secret);
            for shape in [secret.as_str(), &percent(secret), &encoded[..encoded.len() - 4]] {
                prop_assert!(!shown.contains(shape), "`{shape}` is left in\n{shown}");
            }
        }
    }
}

#[test]
fn looks_and_markup_are_redacted_and_kept_keys_are_not() {
    let card = "4111111111111111";
    let body = format!("<a><pan>{card}</pan><Password>hunter22</Password><n>{card}</n></a>");
    let redact = |rules: RedactionRules| {
        let message = PlainMessage { headers: vec![("content-type", "text/xml".into())], body: body.as_bytes() };
        let (url, messages) = Redactor::new(rules).redact("/pay?pan=5500005555555559", vec![message]);
        let body = messages[0].body.clone().expect("it can be read");
        (url, String::from_utf8(body.into_owned()).expect("text"))
    };
    let (url, text) = redact(RedactionRules::default());
    assert!(!url.contains("5500") && !text.contains("4111") && !text.contains("hunter22"), "{url} {text}");
    assert!(text.starts_with("<a><pan>~redacted:"), "{text}");
    let mut rules = RedactionRules::default();
    rules.remove("pan");
    let (url, text) = redact(rules);
    assert!(url.ends_with("=5500005555555559") && !text.contains("hunter22"), "{url} {text}");
}
