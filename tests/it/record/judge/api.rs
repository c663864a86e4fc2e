//! A service of forty operations with the shapes that real services have: ids of several kinds,
//! names, versions, states, variants by header, volatile fields.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Mutex;

use super::super::service::Heard;

/// The state of the service.
#[derive(Default)]
pub(super) struct Api {
    /// Number of requests for each job.
    polls: Mutex<HashMap<String, usize>>,
    cart: Mutex<Vec<String>>,
}

/// A request as the service reads it.
struct Asked<'h> {
    method: &'h str,
    path: &'h str,
    query: HashMap<String, String>,
    heard: &'h Heard,
}

impl Asked<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.heard.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard.body).into_owned()
    }
}

impl Api {
    /// Returns the bytes of the response.
    pub(super) fn answer(&self, heard: &Heard) -> Vec<u8> {
        let (path, query) = heard.url.split_once('?').unwrap_or((&heard.url, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let asked = Asked { method: &heard.method, path, query, heard };
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let found = match parts.as_slice() {
            ["api", version, rest @ ..] => resources(&asked, version, rest),
            ["jobs" | "cart"] | ["jobs" | "cart", _] => self.states(&asked, &parts),
            ["greeting" | "report" | "account" | "login" | "range" | "zipped"] => variants(&asked),
            ["echo" | "time" | "events" | "cache" | "nonce"] => volatile(&asked),
            _ => documents(&asked, &parts),
        };
        found.unwrap_or_else(|| reply("404 Not Found", "Content-Type: application/json\r\n", b"{\"error\":\"none\"}"))
    }

    fn states(&self, asked: &Asked<'_>, parts: &[&str]) -> Option<Vec<u8>> {
        Some(match (asked.method, parts) {
            ("POST", ["jobs"]) => reply("202 Accepted", "Location: /jobs/501\r\n", b""),
            ("GET", ["jobs", id]) if id.parse::<u32>().is_ok_and(|id| (501..=502).contains(&id)) => {
                let mut polls = self.polls.lock().expect("no panic");
                let count = polls.entry((*id).to_owned()).or_default();
                *count += 1;
                let state = ["pending", "running", "running", "done"][(*count - 1).min(3)];
                json(&format!("{{\"job\":{id},\"state\":\"{state}\"}}"))
            }
            ("GET", ["cart"]) => json(&format!("{{\"items\":{:?}}}", self.cart.lock().expect("no panic"))),
            ("POST", ["cart", item]) if item.starts_with("item") => {
                self.cart.lock().expect("no panic").push((*item).to_owned());
                reply("204 No Content", "", b"")
            }
            _ => return None,
        })
    }
}

fn resources(asked: &Asked<'_>, version: &str, rest: &[&str]) -> Option<Vec<u8>> {
    let number = |id: &str| id.parse::<u32>().ok().filter(|id| (1..10_000).contains(id) || *id > 90_000);
    let hex =
        |id: &str, length: usize| id.len() == length && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    Some(match (asked.method, version, rest) {
        ("GET", "v1", ["users"]) => {
            let page = asked.query.get("page").map_or("1", String::as_str);
            json(&format!("{{\n  \"page\": {page},\n  \"users\": [{{\"id\": 1.10}}]\n}}\n"))
        }
        ("POST", "v1", ["users"]) => {
            let name = asked.text();
            let name = name.split('"').nth(3)?;
            reply("201 Made", "Location: /api/v1/users/77\r\n", format!("{{\"name\":\"{name}\"}}").as_bytes())
        }
        ("GET" | "HEAD", "v1", ["users", id]) => {
            let tag = format!("\"u{}\"", number(id)?);
            let head = format!("ETag: {tag}\r\nCache-Control: private\r\nX-Trace: a\r\nX-Trace: b\r\n");
            if asked.header("if-none-match") == Some(&tag) {
                return Some(reply("304 Not Modified", &head, b""));
            }
            let body = format!("{{\"id\":{id},\"name\":\"user {id}\"}}");
            if asked.method == "HEAD" {
                let length = format!("{head}Content-Type: application/json\r\nContent-Length: {}", body.len());
                return Some(format!("HTTP/1.1 200 OK\r\n{length}\r\n\r\n").into_bytes());
            }
            reply("200 OK", &(head + "Content-Type: application/json\r\n"), body.as_bytes())
        }
        ("PUT" | "PATCH", "v1", ["users", id]) => {
            number(id)?;
            reply("200 Changed", "Content-Type: application/json\r\n", &asked.heard.body)
        }
        ("DELETE", "v1", ["users", id]) => {
            number(id)?;
            reply("204 No Content", "", b"")
        }
        ("OPTIONS", "v1", ["users"]) => reply("204 No Content", "Allow: GET, POST\r\n", b""),
        ("GET", "v2", ["users", id]) => json(&format!("{{\"v\":2,\"user\":{{\"id\":\"{}\"}}}}", number(id)?)),
        ("GET", "v1", ["orders"]) => json("[{\"total\":1},{\"total\":2}]"),
        ("POST", "v1", ["orders"]) => reply("201 Created", "", b"order taken"),
        ("GET", "v1", ["orders", id]) if hex(id, 36) => json(&format!("{{\"order\":\"{id}\",\"lines\":2}}")),
        ("GET", "v1", ["orders", id, "lines", line]) if hex(id, 36) => {
            json(&format!("{{\"line\":{},\"of\":\"{id}\"}}", number(line)?))
        }
        ("GET", "v1", ["products"]) => reply("200 OK", "Content-Type: text/html\r\n", b"<ul><li>mug</ul>\n"),
        ("GET", "v1", ["products", slug @ ("blue-mug" | "red-lamp" | "oak-table")]) => {
            json(&format!("{{\"slug\":\"{slug}\"}}"))
        }
        ("GET", "v1", ["days", day]) if day.starts_with("2026-") && day.len() == 10 => {
            json(&format!("{{\"day\":\"{day}\"}}"))
        }
        ("GET", "v1", ["commits", sha]) if hex(sha, 40) => json(&format!("{{\"sha\":\"{sha}\"}}")),
        ("GET", "v1", ["tenants", tenant]) if number(tenant.strip_prefix("tenant-")?).is_some() => {
            json(&format!("{{\"tenant\":\"{tenant}\"}}"))
        }
        ("GET", "v1", ["metrics"]) => reply("200 OK", "Content-Type: text/plain\r\n", b"up 1\n"),
        ("GET", "v1", ["status"]) => reply("200 OK", "Content-Type: text/html\r\n", b"<p>fine</p>"),
        ("GET", "v1", ["config"]) => json("{\"debug\":false}"),
        _ => return None,
    })
}

fn variants(asked: &Asked<'_>) -> Option<Vec<u8>> {
    Some(match (asked.method, asked.path) {
        ("GET", "/greeting") => {
            let (language, text) = match asked.header("accept-language") {
                Some(value) if value.starts_with("de") => ("de", "Guten Tag"),
                Some(value) if value.starts_with("fr") => ("fr", "Bonjour"),
                _ => ("en", "Good day"),
            };
            let head = format!("Content-Language: {language}\r\nVary: Accept-Language\r\nContent-Type: text/plain\r\n");
            reply("200 OK", &head, text.as_bytes())
        }
        // it does not say that it varies
        ("GET", "/report") => match asked.header("accept") {
            Some("application/xml") => reply("200 OK", "Content-Type: application/xml\r\n", b"<r>1</r>\n"),
            Some("text/csv") => reply("200 OK", "Content-Type: text/csv\r\n", b"a,b\r\n1,2\r\n"),
            _ => json("{\"r\": 1}"),
        },
        ("POST", "/login") if asked.text().contains("user=ann") => {
            let head = "Set-Cookie: sid=abcdef123456; Path=/; HttpOnly\r\nLocation: /account\r\n";
            reply("303 See Other", head, b"")
        }
        ("POST", "/login") => reply("403 Forbidden", "", b"no"),
        ("GET", "/account") if asked.header("cookie").is_some_and(|cookie| cookie.contains("sid=")) => {
            json("{\"account\":\"ann\"}")
        }
        ("GET", "/account") => reply("401 Unauthorized", "WWW-Authenticate: Cookie\r\n", b"log in"),
        ("GET", "/range") => match asked.header("range") {
            Some("bytes=0-3") => reply("206 Partial Content", "Content-Range: bytes 0-3/10\r\n", b"0123"),
            _ => reply("200 OK", "Accept-Ranges: bytes\r\n", b"0123456789"),
        },
        ("GET", "/zipped") if asked.header("accept-encoding").is_some_and(|accepted| accepted.contains("gzip")) => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            gzip.write_all(&b"{\"long\": \"text\"}\n".repeat(20)).expect("memory");
            let head = "Content-Encoding: gzip\r\nContent-Type: application/json\r\nVary: Accept-Encoding\r\n";
            reply("200 OK", head, &gzip.finish().expect("memory"))
        }
        ("GET", "/zipped") => {
            let head = "Content-Type: application/json\r\nVary: Accept-Encoding\r\n";
            reply("200 OK", head, &b"{\"long\": \"text\"}\n".repeat(20))
        }
        _ => return None,
    })
}

fn volatile(asked: &Asked<'_>) -> Option<Vec<u8>> {
    let now = humantime_now();
    Some(match (asked.method, asked.path) {
        ("GET", "/echo") => {
            let id = asked.header("x-request-id")?;
            let head = format!("X-Request-Id: {id}\r\nContent-Type: application/json\r\n");
            reply("200 OK", &head, format!("{{\"ok\": true, \"request\": \"{id}\"}}").as_bytes())
        }
        ("GET", "/time") => json(&format!("{{\"now\": \"{now}\", \"zone\": \"UTC\"}}")),
        ("POST", "/events") if asked.text().contains("\"kind\"") => {
            let kind = asked.text().split("\"kind\":\"").nth(1)?.split('"').next()?.to_owned();
            reply("202 Accepted", "", format!("took {kind}").as_bytes())
        }
        ("POST", "/events") => reply("400 Bad Request", "", b"no kind"),
        ("GET", "/cache") if asked.query.contains_key("_") => json("{\"cached\": false}"),
        ("GET", "/nonce") => {
            let (nonce, at) = (asked.query.get("nonce")?, asked.query.get("ts")?);
            json(&format!("{{\"nonce\":\"{nonce}\",\"old\":{}}}", at.len() != 13))
        }
        _ => return None,
    })
}

fn documents(asked: &Asked<'_>, parts: &[&str]) -> Option<Vec<u8>> {
    Some(match (asked.method, parts) {
        ("GET", [locale @ ("de" | "en" | "fr"), "start"]) => {
            reply("200 OK", "Content-Type: text/html\r\n", format!("<h1 lang={locale}>").as_bytes())
        }
        ("GET", ["search"]) => match asked.query.get("q").map(String::as_str) {
            Some(text @ ("mug" | "lamp" | "a%20b")) => json(&format!("{{\"hits\":[\"{text}\"]}}")),
            _ => reply("400 Bad Request", "", b"no query"),
        },
        ("GET", ["query"]) => match asked.query.get("action").map(String::as_str) {
            Some("list") => json("[1,2,3]"),
            Some("stop") => reply("200 OK", "Content-Type: text/plain\r\n", b"stopped"),
            _ => return None,
        },
        ("POST", ["soap"]) if asked.text().contains("GetStock") => {
            let item = asked.text().split("item>").nth(1)?.split('<').next()?.to_owned();
            reply("200 OK", "Content-Type: text/xml\r\n", format!("<stock of=\"{item}\">7</stock>").as_bytes())
        }
        ("POST", ["soap"]) if asked.text().contains("PutOrder") => {
            reply("200 OK", "Content-Type: text/xml\r\n", b"<order/>\r\n")
        }
        ("GET", ["files", "logo.png"]) => {
            let picture: Vec<u8> = (0..=255).cycle().take(3_000).collect();
            reply("200 OK", "Content-Type: image/png\r\n", &picture)
        }
        ("GET", ["files", "latin.txt"]) => {
            reply("200 OK", "Content-Type: text/plain; charset=iso-8859-1\r\n", b"caf\xe9\n")
        }
        ("GET", ["files", "data.csv"]) => reply("200 OK", "Content-Type: text/csv\r\n", b"\xef\xbb\xbfa;b\r\n"),
        ("GET", ["feed.xml"]) => {
            reply("200 OK", "Content-Type: application/atom+xml\r\n", b"<?xml version=\"1.0\"?>\n<f/>\n")
        }
        ("GET", ["old"]) => reply("301 Moved Permanently", "Location: /files/data.csv\r\n", b""),
        ("GET", ["health"]) => reply("200 All Well", "content-type: text/plain\r\nX-B: 1\r\nX-A: 2\r\n", b"ok\n"),
        ("GET", ["braces"]) => json("{\"template\": \"{{request.path}}\"}"),
        _ => return None,
    })
}

fn json(body: &str) -> Vec<u8> {
    reply("200 OK", "Content-Type: application/json\r\n", body.as_bytes())
}

fn reply(status: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let has_no_body = status.starts_with("204") || status.starts_with("304");
    let length = if has_no_body { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    [format!("HTTP/1.1 {status}\r\n{head}{length}\r\n").as_bytes(), body].concat()
}

/// Returns the time of day as ISO 8601 with milliseconds.
pub(super) fn humantime_now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let (seconds, millis) = (now.as_secs(), now.subsec_millis());
    let (day, second) = ((seconds / 86_400) as i64, seconds % 86_400);
    // civil from days: H. Hinnant, "chrono-compatible low-level date algorithms"
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let (date, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}
