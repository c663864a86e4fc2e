//! Stub folders whose bodies tell of which set they are, so that an answer shows what was in force.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A GET of one path.
pub const ONE: &str = "/hello";

/// Stubs in files that are written again and again, each time as another set.
#[derive(Clone, Debug)]
pub struct Sets {
    mappings: PathBuf,
    /// How many stubs there are.
    pub count: usize,
    /// How many of them are in one file.
    pub per_file: usize,
}

/// One stub at [`ONE`].
pub fn one(folder: &Path) -> io::Result<()> {
    write(folder, &[stub(0, &json!({"method": "GET", "url": ONE}), &json!({"body": BODY}))])
}

/// A scenario: whoever calls [`RACE`] first is told `won`, all others `lost`, until [`AGAIN`] is
/// called.
pub fn race(folder: &Path) -> io::Result<()> {
    let part = |number, url: &str, required: &str, body: &str, next: Option<&str>| {
        let mut stub = stub(number, &json!({"method": "GET", "url": url}), &json!({"body": body}));
        stub["scenarioName"] = json!("race");
        stub["requiredScenarioState"] = json!(required);
        if let Some(next) = next {
            stub["newScenarioState"] = json!(next);
        }
        stub
    };
    write(
        folder,
        &[
            part(0, RACE, "Started", "won", Some("Over")),
            part(1, RACE, "Over", "lost", None),
            part(2, AGAIN, "Over", "ready", Some("Started")),
        ],
    )
}

/// Where a race is run.
pub const RACE: &str = "/race";

/// Where the next race begins.
pub const AGAIN: &str = "/again";

impl Sets {
    /// Stubs below this folder; none is written yet.
    pub fn new(folder: &Path, count: usize, per_file: usize) -> io::Result<Self> {
        Ok(Self { mappings: mappings(folder)?, count, per_file })
    }

    /// Writes all files as this set.
    pub fn write(&self, set: u64) -> io::Result<()> {
        (0..self.files()).try_for_each(|file| self.write_file(file, set))
    }

    /// Writes one file as this set.
    pub fn write_file(&self, file: usize, set: u64) -> io::Result<()> {
        let first = file * self.per_file;
        let stubs: Vec<_> = (first..(first + self.per_file).min(self.count))
            .map(|number| {
                let request = json!({"method": "GET", "url": Self::url(number)});
                stub(number, &request, &json!({"body": format!("set {set} of stub {number}; {BODY}")}))
            })
            .collect();
        let text = match &stubs[..] {
            [single] => serde_json::to_vec(single)?,
            several => serde_json::to_vec(&json!({"mappings": several}))?,
        };
        fs::write(self.mappings.join(format!("stubs-{file:06}.json")), text)
    }

    /// How many files there are.
    pub fn files(&self) -> usize {
        self.count.div_ceil(self.per_file)
    }

    /// The url of a stub.
    pub fn url(number: usize) -> String {
        format!("/stubs/{number}")
    }

    /// Lua that makes the request of stub `i`, for wrk.
    pub fn lua() -> &'static str {
        "wrk.format('GET', '/stubs/' .. i)"
    }
}

/// The set and the stub that an answer tells of.
pub fn told(answer: &[u8]) -> Option<(u64, usize)> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    let (set, rest) = body.strip_prefix("set ")?.split_once(" of stub ")?;
    let (number, _) = rest.split_once(';')?;
    Some((set.parse().ok()?, number.parse().ok()?))
}

/// A stub as it is posted to the admin API.
pub fn posted(number: usize) -> Value {
    stub(number, &json!({"method": "GET", "url": Sets::url(number)}), &json!({"body": BODY}))
}

fn stub(number: usize, request: &Value, answer: &Value) -> Value {
    let mut response = json!({"status": 200, "headers": {"Content-Type": "application/json"}});
    response["body"] = answer["body"].clone();
    json!({"id": format!("{number:08x}-0000-4000-8000-000000000000"), "request": request, "response": response})
}

fn write(folder: &Path, stubs: &[Value]) -> io::Result<()> {
    fs::write(mappings(folder)?.join("stubs.json"), serde_json::to_vec(&json!({"mappings": stubs}))?)
}

fn mappings(folder: &Path) -> io::Result<PathBuf> {
    let mappings = folder.join("mappings");
    fs::create_dir_all(&mappings)?;
    Ok(mappings)
}

/// Some two hundred bytes.
const BODY: &str = concat!(
    r#"{"orderId":"ord-000001","customer":{"id":7001,"name":"Ada E","tier":"gold"},"items":[{"sku":"bolt-8","#,
    r#""quantity":2,"price":19.9},{"sku":"nut-8","quantity":12,"price":0.25}],"currency":"EUR"}"#
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_its_set_and_its_stub() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\nset 12 of stub 34; {\"a\":1}";
        assert_eq!(told(answer), Some((12, 34)));
        assert_eq!(told(b"HTTP/1.1 404 Not Found\r\n\r\nRequest was not matched"), None);
        assert_eq!(told(b"set 1 of stub 2;"), None);
    }

    #[test]
    fn files_hold_their_part_of_the_stubs() {
        let folder = tempfile::tempdir().unwrap();
        let sets = Sets::new(folder.path(), 200, 100).unwrap();
        sets.write(7).unwrap();
        let text = fs::read_to_string(folder.path().join("mappings/stubs-000001.json")).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(file["mappings"].as_array().map(Vec::len), Some(100));
        assert_eq!(file["mappings"][0]["request"]["url"], "/stubs/100");
        assert!(text.contains("set 7 of stub 199;"));
        assert_eq!(sets.files(), 2);
    }
}
