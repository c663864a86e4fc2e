//! A hundred planted secrets of twelve kinds, in every part of requests and responses: none is on
//! the disk after a recording, neither on the tape nor in the stubs.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::service::{Recording, Service, answer, everything};
use crate::support::Client;

/// Returns the secret of a kind, distinct for each number.
fn secret(kind: usize, number: usize) -> String {
    let letters = |count: usize| -> String {
        let mut state = (kind * 1_000 + number + 7) as u64;
        let all = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let drawn = (0..count).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(all[(state >> 33) as usize % all.len()])
        });
        drawn.collect()
    };
    match kind {
        0 => format!("pw-{}", letters(10)),
        1 => format!("-----BEGIN PRIVATE KEY-----{}-----END PRIVATE KEY-----", letters(64)),
        2 => format!("AKIA{}", letters(16)),
        3 => {
            let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
            let claims = format!("{{\"sub\":\"{}\"}}", letters(12));
            format!("{}.{}.{}", part("{\"alg\":\"HS256\"}"), part(&claims), letters(40))
        }
        4 => card(number),
        5 => format!("ghp_{}", letters(36)),
        6 => format!("xoxb-{}-{}", letters(12), letters(24)),
        7 => format!("AIza{}", letters(35)),
        8 => format!("sk_live_{}", letters(24)),
        9 => format!("session-{}", letters(20)),
        10 => format!("glpat-{}", letters(20)),
        _ => format!("npm_{}", letters(36)),
    }
}

/// Returns a card number with a valid checksum.
fn card(number: usize) -> String {
    let digits: Vec<u32> =
        format!("411122{:09}", 734_001 + number * 7).bytes().map(|byte| u32::from(byte - b'0')).collect();
    let doubled = |(place, digit): (usize, &u32)| if place % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { *digit };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    let digits: String = digits.iter().map(ToString::to_string).collect();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// Returns a request with a secret in one of its parts. Secrets without a look of their own stand
/// under a key.
fn request(place: usize, kind: usize, secret: &str) -> String {
    let key = if matches!(kind, 0 | 9) { "password" } else { "data" };
    let post = |kind: &str, body: &str| {
        format!(
            "POST /post HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let encoded = secret.replace(' ', "+");
    match place {
        0 => format!("GET /header HTTP/1.1\r\nHost: a\r\nX-Api-Key: {secret}\r\n\r\n"),
        1 => format!("GET /bearer HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {encoded}\r\n\r\n"),
        2 => format!("GET /query?{key}={encoded}&x=1 HTTP/1.1\r\nHost: a\r\n\r\n"),
        3 => format!("GET /cookie HTTP/1.1\r\nHost: a\r\nCookie: c={encoded}\r\n\r\n"),
        4 => post("application/json", &format!("{{\"{key}\":\"{secret}\",\"b\":1}}")),
        5 => post("text/xml", &format!("<a><{key}>{secret}</{key}></a>")),
        6 => post("text/xml", &format!("<a {key}=\"{secret}\"/>")),
        7 => post("application/x-www-form-urlencoded", &format!("a=1&{key}={encoded}")),
        8 => post(
            "multipart/form-data; boundary=b",
            &format!("--b\r\nContent-Disposition: form-data; name=\"{key}\"\r\n\r\n{secret}\r\n--b--\r\n"),
        ),
        // the answer has it
        _ => format!("GET /answer/{kind} HTTP/1.1\r\nHost: a\r\nX-Number: {}\r\n\r\n", 91 + place),
    }
}

#[test]
fn none_of_a_hundred_planted_secrets_is_on_the_disk() {
    let service = Service::saying(|heard| {
        let Some(kind) = heard.url.strip_prefix("/answer/").and_then(|kind| kind.parse().ok()) else {
            return answer(200, "", "fine");
        };
        let number =
            heard.head.to_lowercase().split("x-number: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        let secret = secret(kind, number.expect("a number"));
        match number {
            Some(101) => answer(200, &format!("Set-Cookie: s={secret}; Path=/\r\n"), "fine"),
            _ => answer(200, "Content-Type: application/json\r\n", &format!("{{\"token\":\"{secret}\"}}")),
        }
    });
    let recording = Recording::of(&service.url(), &[]);
    let mut client = Client::connect(recording.address);
    let mut planted = Vec::new();
    for kind in 0..12 {
        for place in 0..11 {
            let secret = secret(kind, if place < 9 { place } else { 91 + place });
            client.write(request(place, kind, &secret).as_bytes());
            assert_eq!(client.answer().status, 200);
            planted.push(secret);
        }
    }
    drop(client);
    let (told, code, _, folder) = recording.end("-INT");
    assert_eq!(code, Some(0), "{told}");
    assert!(planted.len() >= 100);
    let disk = everything(folder.path());
    let holds = |text: &str| disk.windows(text.len()).any(|window| window == text.as_bytes());
    let leaked: Vec<&String> = planted
        .iter()
        .filter(|secret| holds(secret) || holds(&secret.replace(' ', "+")) || holds(&STANDARD.encode(secret)))
        .collect();
    assert!(leaked.is_empty(), "{leaked:#?}\n{told}");
}
