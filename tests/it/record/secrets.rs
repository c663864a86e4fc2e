//! Secrets in every place of a request, which the service echoes in every encoding, do not reach
//! the disk.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::service::{Recording, Service, answer, everything};

fn random() -> String {
    let bytes: [u8; 18] = rand::random();
    STANDARD.encode(bytes)
}

fn percent(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Returns the encodings of a secret.
fn shapes(secret: &str) -> [String; 5] {
    let within = STANDARD.encode(format!("id:{secret}"));
    [
        secret.to_owned(),
        percent(secret),
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        within[4..within.len() - 4].to_owned(),
    ]
}

#[test]
fn no_secret_is_on_the_disk() {
    let service = Service::saying(|heard| {
        // everything that was said, again: in a header, in the body, decoded and coded anew
        let said = format!("{}{}", heard.head, String::from_utf8_lossy(&heard.body));
        let plain = percent_encoding::percent_decode_str(&said).decode_utf8_lossy().into_owned();
        let header = plain.split("x-key: ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or("none").to_owned();
        let body = format!("{said}\n{plain}\n{}\n{}", percent(&plain), STANDARD.encode(&plain));
        answer(200, &format!("X-Echo: {header}\r\nSet-Cookie: again={header}; Path=/\r\n"), &body)
    });
    let recording =
        Recording::of(&service.url(), &["--redact", "X-Key", "--redact", "q", "--redact", "pin", "--redact", "f"]);
    let [header, query, member, form, cookie, token, password] = std::array::from_fn(|_| random());
    let json = serde_json::json!({"deep": [{"pin": member}], "password": password}).to_string();
    let text = format!("f={}&g=1", percent(&form));
    let heads = format!("x-key: {header}\r\nCookie: a=1; sid={cookie}\r\nAuthorization: Bearer {token}\r\n");
    for (kind, body) in [("application/json", &json), ("application/x-www-form-urlencoded", &text)] {
        let got = recording.send(&format!(
            "POST /a/{}?q={}&b=1 HTTP/1.1\r\nHost: me\r\n{heads}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            percent(&token),
            percent(&query),
            body.len()
        ));
        assert!(got.text().contains(&token) && got.text().contains(&query), "the client gets it all");
    }
    let (_, _, tape, folder) = recording.end("-INT");
    let disk = String::from_utf8_lossy(&everything(folder.path())).into_owned();
    for (name, secret) in [
        ("header", header),
        ("query", query),
        ("JSON", member),
        ("form", form),
        ("cookie", cookie),
        ("token", token),
        ("password", password),
    ] {
        for shape in shapes(&secret) {
            assert!(!disk.contains(&shape), "the secret of the {name} is on the disk as {shape}");
        }
    }
    let url = &tape.exchanges[0].request.url;
    assert!(url.starts_with("/a/~redacted:") && url.ends_with("~&b=1"), "{url}");
    let header = |name: &str| {
        let headers = &tape.exchanges[0].request.headers;
        headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).expect("it is there")
    };
    assert!(header("authorization").starts_with("Bearer ~redacted:"), "{}", header("authorization"));
    assert!(disk.contains("Path=/"), "what is no secret stays");
}

#[test]
fn a_key_may_be_kept() {
    let service = Service::saying(|_| answer(200, "", "ok"));
    let recording = Recording::of(&service.url(), &["--keep", "token"]);
    recording.get("/?token=abcdefghij");
    recording.get("/?password=abcdefghik");
    let (_, _, tape, _folder) = recording.end("-INT");
    assert_eq!(tape.exchanges[0].request.url, "/?token=abcdefghij");
    assert!(tape.exchanges[1].request.url.contains("~redacted:"));
}

#[test]
fn a_cookie_may_be_kept_and_stays_in_the_stub() {
    let cookies = "Set-Cookie: a=1; Path=/\r\nSet-Cookie: sid=abcdef123456; HttpOnly\r\n";
    for (key, kept) in [("Set-Cookie", true), ("sid", true), ("other", false)] {
        let service = Service::saying(move |_| answer(200, cookies, "in"));
        let recording = Recording::of(&service.url(), &["--keep", key]);
        recording.get("/login");
        let (told, _, _, folder) = recording.end("-INT");
        let drafts = String::from_utf8_lossy(&everything(&folder.path().join("mappings"))).into_owned();
        assert_eq!(drafts.contains("sid=abcdef123456; HttpOnly"), kept, "{key}: {drafts}\n{told}");
        assert!(drafts.contains("HttpOnly"), "{drafts}");
    }
}

#[test]
fn anonymised_values_are_replaced_by_others_of_their_form() {
    let service = Service::saying(|heard| {
        let email = heard.url.split("email=").nth(1).unwrap_or_default().replace("%40", "@");
        let body = format!("{{\"email\":\"{email}\",\"note\":\"mail to {email}\"}}");
        answer(200, "Content-Type: application/json\r\n", &body)
    });
    let recording = Recording::of(&service.url(), &["--anonymise", "email"]);
    for email in ["ann.lee@example.org", "bob@example.org", "ann.lee%40example.org"] {
        recording.get(&format!("/who?email={email}"));
    }
    let (told, _, tape, folder) = recording.end("-INT");
    let disk = String::from_utf8_lossy(&everything(folder.path())).into_owned();
    assert!(!disk.contains("ann.lee@example.org") && !disk.contains("bob@example.org"), "{disk}");
    let value = |place: usize| tape.exchanges[place].request.url.split("email=").nth(1).unwrap_or_default().to_owned();
    assert_eq!((value(0).len(), value(0)), (19, value(2)), "equal values stay equal");
    assert!(value(0).contains('@') && value(0) != value(1), "{} {}", value(0), value(1));
    assert!(disk.matches(&value(0)).count() > 2, "the answer repeats it: {disk}");
    assert!(told.contains("replayed: 3 of 3 calls"), "{told}");
}
