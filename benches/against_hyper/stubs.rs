//! Writes the stub folders of the rows, and the requests that hit their stubs.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::server_hyper::BODY;

/// A GET of one path.
pub const ONE: &str = "/hello";

/// One stub at [`ONE`].
pub fn one(folder: &Path) -> io::Result<()> {
    write(folder, &[stub(0, &json!({"method": "GET", "url": ONE}))])
}

/// A stub that proxies everything to a service.
pub fn proxied(folder: &Path, service: &str) -> io::Result<()> {
    write(folder, &[json!({"request": {"method": "ANY"}, "response": {"proxyBaseUrl": service}})])
}

/// `count` stubs with exact urls, in one file.
pub fn exact(folder: &Path, count: usize) -> io::Result<()> {
    write(folder, &exact_stubs(count).collect::<Vec<_>>())
}

/// `count` stubs with exact urls, a file each.
pub fn exact_files(folder: &Path, count: usize) -> io::Result<()> {
    let mappings = mappings(folder)?;
    for (number, stub) in exact_stubs(count).enumerate() {
        fs::write(mappings.join(format!("item-{number:06}.json")), serde_json::to_vec_pretty(&stub)?)?;
    }
    Ok(())
}

/// The url of the stub `number` of [`exact`].
pub fn exact_url(number: usize) -> String {
    format!("{ITEMS}{number}")
}

/// The same in Lua, as a request of wrk.
pub fn exact_lua() -> String {
    format!("wrk.format('GET', '{ITEMS}' .. i)")
}

/// `count` stubs on one url, told apart by `equalToJson`.
pub fn orders(folder: &Path, count: usize) -> io::Result<()> {
    let stubs = (0..count)
        .map(|number| {
            let patterns = json!([{"equalToJson": expected(number)}]);
            stub(number, &json!({"method": "POST", "url": ORDERS, "bodyPatterns": patterns}))
        })
        .collect::<Vec<_>>();
    write(folder, &stubs)
}

/// The url of [`orders`].
pub const ORDERS: &str = "/orders";

/// The body that hits the stub `number` of [`orders`]: 218 bytes, its keys in another order than
/// the stub's.
pub fn order(number: usize) -> String {
    ORDER.replace("%06d", &format!("{number:06}"))
}

/// The same in Lua, as a request of wrk.
pub fn order_lua() -> String {
    format!("wrk.format('POST', '{ORDERS}', {{['Content-Type'] = 'application/json'}}, string.format('{ORDER}', i))")
}

/// `count` stubs with patterns of urls that begin with anything and demand a text each.
pub fn patterns(folder: &Path, count: usize) -> io::Result<()> {
    by_pattern(folder, count, |number| format!(".*/thing-{number:04}/[0-9]+/end"))
}

/// A url that only the stub `number` of [`patterns`] matches.
pub fn thing(number: usize) -> String {
    format!("/api/v1/thing-{number:04}/77/end")
}

/// The same in Lua, as a request of wrk.
pub const THING_LUA: &str = "wrk.format('GET', string.format('/api/v1/thing-%04d/77/end', i))";

/// `count` stubs, 10,000 at most, with patterns of urls that leave each letter a choice.
pub fn bare_patterns(folder: &Path, count: usize) -> io::Result<()> {
    by_pattern(folder, count, |number| {
        let choices = letters(number).map(|letter| format!("[{letter}{}]", char::from(letter as u8 + 10)));
        format!(".*/{}", choices.concat())
    })
}

/// A url that only the stub `number` of [`bare_patterns`] matches.
pub fn bare_thing(number: usize) -> String {
    format!("/api/v1/{}", letters(number).iter().collect::<String>())
}

/// The same in Lua, as a request of wrk.
pub const BARE_THING_LUA: &str = "wrk.format('GET', '/api/v1/' .. string.gsub(string.format('%04d', i), '.', function(d) return string.char(97 + d) end))";

/// A number's last four digits as `a` to `j`.
fn letters(number: usize) -> [char; 4] {
    [1_000, 100, 10, 1].map(|place| char::from(b'a' + (number / place % 10) as u8))
}

fn by_pattern(folder: &Path, count: usize, pattern: impl Fn(usize) -> String) -> io::Result<()> {
    let stubs = (0..count)
        .map(|number| stub(number, &json!({"method": "GET", "urlPattern": pattern(number)})))
        .collect::<Vec<_>>();
    write(folder, &stubs)
}

/// Stubs at `/after/MICROSECONDS` that wait that long, and one at [`ONE`].
pub fn delays(folder: &Path, microseconds: &[u32]) -> io::Result<()> {
    let mut stubs = vec![stub(0, &json!({"method": "GET", "url": ONE}))];
    for (number, delay) in (1..).zip(microseconds) {
        let mut delayed = stub(number, &json!({"method": "GET", "url": after(*delay)}));
        if delay % 1000 == 0 {
            delayed["response"]["fixedDelayMilliseconds"] = json!(delay / 1000);
        } else {
            let milliseconds = f64::from(*delay) / 1e3;
            delayed["response"]["delayDistribution"] = json!({"type": "fixed", "milliseconds": milliseconds});
        }
        stubs.push(delayed);
    }
    write(folder, &stubs)
}

/// The path of a delay of [`delays`].
pub fn after(microseconds: u32) -> String {
    format!("/after/{microseconds}")
}

/// A log-normal delay at `/lognormal`, and a stub at [`ONE`]. `median` is in milliseconds.
pub fn lognormal(folder: &Path, median: f64, sigma: f64) -> io::Result<()> {
    let mut delayed = stub(1, &json!({"method": "GET", "url": "/lognormal"}));
    delayed["response"]["delayDistribution"] = json!({"type": "lognormal", "median": median, "sigma": sigma});
    write(folder, &[stub(0, &json!({"method": "GET", "url": ONE})), delayed])
}

fn exact_stubs(count: usize) -> impl Iterator<Item = Value> {
    (0..count).map(|number| stub(number, &json!({"method": "GET", "url": exact_url(number)})))
}

fn stub(number: usize, request: &Value) -> Value {
    json!({
        "id": format!("{number:08x}-0000-4000-8000-000000000000"),
        "request": request,
        "response": {"status": 200, "headers": {"Content-Type": "application/json"}, "body": BODY}
    })
}

/// Writes stubs as one mapping file of a folder.
pub fn write(folder: &Path, stubs: &[Value]) -> io::Result<()> {
    let file = mappings(folder)?.join("stubs.json");
    fs::write(file, serde_json::to_vec_pretty(&json!({"mappings": stubs}))?)
}

fn mappings(folder: &Path) -> io::Result<std::path::PathBuf> {
    let mappings = folder.join("mappings");
    fs::create_dir_all(&mappings)?;
    Ok(mappings)
}

/// The content of [`order`] with every key elsewhere.
fn expected(number: usize) -> Value {
    let mut order: Value = serde_json::from_str(&order(number)).expect("the template is JSON");
    reverse(&mut order);
    order
}

fn reverse(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let mut turned: Vec<_> = std::mem::take(members).into_iter().collect();
            turned.reverse();
            *members = turned.into_iter().collect();
            members.values_mut().for_each(reverse);
        }
        Value::Array(items) => items.iter_mut().for_each(reverse),
        _ => {}
    }
}

const ITEMS: &str = "/api/v1/items/";
const ORDER: &str = concat!(
    r#"{"orderId":"ord-%06d","customer":{"id":7001,"name":"Ada E","tier":"gold"},"items":[{"sku":"bolt-8","#,
    r#""quantity":2,"price":19.9},{"sku":"nut-8","quantity":12,"price":0.25}],"currency":"EUR","express":true,"#,
    r#""note":"ring"}"#
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_have_the_length_that_the_rows_speak_of() {
        assert_eq!(order(0).len(), 218);
        assert_eq!(order(99_999).len(), 218);
    }

    #[test]
    fn a_stub_expects_the_same_content_in_another_order() {
        let (sent, expected) = (order(42), expected(42));
        assert_eq!(serde_json::from_str::<Value>(&sent).unwrap(), expected);
        assert!(expected.to_string().starts_with(r#"{"note":"ring""#));
    }

    #[test]
    fn letters_stand_for_digits() {
        assert_eq!(bare_thing(1_305), "/api/v1/bdaf");
    }

    #[test]
    fn a_delay_below_a_millisecond_needs_a_distribution() {
        let folder = tempfile::tempdir().unwrap();
        delays(folder.path(), &[300, 5000]).unwrap();
        let text = fs::read_to_string(folder.path().join("mappings/stubs.json")).unwrap();
        let stubs: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(stubs["mappings"][1]["response"]["delayDistribution"]["milliseconds"].as_f64(), Some(0.3));
        assert_eq!(stubs["mappings"][2]["response"]["fixedDelayMilliseconds"].as_u64(), Some(5));
    }
}
