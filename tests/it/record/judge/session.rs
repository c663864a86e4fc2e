//! The session of a client of the service: each operation, with what belongs to it, and requests
//! that the service refuses.

use super::api::humantime_now;

/// A request of the session.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    fn get(url: impl Into<String>) -> Self {
        Self { method: "GET", url: url.into(), head: String::new(), body: Vec::new() }
    }

    fn with(method: &'static str, url: impl Into<String>, kind: &str, body: &str) -> Self {
        let head = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        Self { method, url: url.into(), head, body: body.as_bytes().to_vec() }
    }

    fn head(mut self, line: &str) -> Self {
        self.head.push_str(line);
        self.head.push_str("\r\n");
        self
    }

    /// Returns the bytes of the request.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self { method, url, head, body } = self;
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        [format!("{method} {url} HTTP/1.1\r\nHost: api\r\n{head}{length}\r\n").as_bytes(), body].concat()
    }
}

/// Operations with their calls. Of an operation with ids, the name has `{id}` for them.
pub(super) type Operations = Vec<(&'static str, Vec<Request>)>;

/// Returns the calls of a session by operation. `round` makes volatile values differ.
pub(super) fn operations(round: u32) -> Operations {
    let mut all = resources();
    all.extend(documents());
    all.extend(variants());
    all.extend(volatile(round));
    all
}

fn resources() -> Operations {
    const JSON: &str = "application/json";
    let many = |method: &'static str, urls: &[&str]| -> Vec<Request> {
        urls.iter().map(|url| Request::with(method, *url, "", "")).collect()
    };
    let orders = ["9f1c3a52-7b1e-4c55-9e0f-1a2b3c4d5e6f", "0b7e1c11-2a3b-4c4d-8e5f-a1b2c3d4e5f6"];
    let order = |rest: &str| orders.map(|id| Request::get(format!("/api/v1/orders/{id}{rest}"))).to_vec();
    let shas = ["4b825dc642cb6eb9a060e54bf8d69288fbee4904", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"];
    vec![
        ("GET /api/v1/users", many("GET", &["/api/v1/users", "/api/v1/users?page=2", "/api/v1/users?page=3"])),
        (
            "POST /api/v1/users",
            ["ann", "bob"]
                .map(|name| Request::with("POST", "/api/v1/users", JSON, &format!("{{\"name\":\"{name}\"}}")))
                .to_vec(),
        ),
        (
            "GET /api/v1/users/{id}",
            [
                many("GET", &["/api/v1/users/7", "/api/v1/users/81", "/api/v1/users/9", "/api/v1/users/10000"]),
                vec![Request::get("/api/v1/users/7").head("If-None-Match: \"u7\"")],
            ]
            .concat(),
        ),
        ("HEAD /api/v1/users/{id}", many("HEAD", &["/api/v1/users/7", "/api/v1/users/81"])),
        (
            "PUT /api/v1/users/{id}",
            [7, 81].map(|id| Request::with("PUT", format!("/api/v1/users/{id}"), JSON, "{\"name\": \"new\"}")).to_vec(),
        ),
        (
            "PATCH /api/v1/users/{id}",
            [7, 81].map(|id| Request::with("PATCH", format!("/api/v1/users/{id}"), JSON, "{\"a\": [2, 1]}")).to_vec(),
        ),
        ("DELETE /api/v1/users/{id}", many("DELETE", &["/api/v1/users/7", "/api/v1/users/81"])),
        ("OPTIONS /api/v1/users", many("OPTIONS", &["/api/v1/users"])),
        ("GET /api/v2/users/{id}", many("GET", &["/api/v2/users/7", "/api/v2/users/81", "/api/v2/users/12"])),
        ("GET /api/v1/orders", many("GET", &["/api/v1/orders"])),
        ("POST /api/v1/orders", vec![Request::with("POST", "/api/v1/orders", JSON, "{\"lines\":[{\"n\":1}]}")]),
        ("GET /api/v1/orders/{id}", order("")),
        ("GET /api/v1/orders/{id}/lines/{id2}", [order("/lines/1"), order("/lines/2")].concat()),
        ("GET /api/v1/products", many("GET", &["/api/v1/products", "/api/v1/products"])),
        ("GET /api/v1/products/blue-mug", many("GET", &["/api/v1/products/blue-mug"])),
        ("GET /api/v1/products/red-lamp", many("GET", &["/api/v1/products/red-lamp"])),
        ("GET /api/v1/days/{id}", many("GET", &["/api/v1/days/2026-11-02", "/api/v1/days/2026-11-03"])),
        ("GET /api/v1/commits/{id}", shas.map(|sha| Request::get(format!("/api/v1/commits/{sha}"))).to_vec()),
        (
            "GET /api/v1/tenants/{id}",
            [3, 14, 15].map(|id| Request::get(format!("/api/v1/tenants/tenant-{id}"))).to_vec(),
        ),
        ("GET /api/v1/metrics", many("GET", &["/api/v1/metrics"])),
        ("GET /api/v1/status", many("GET", &["/api/v1/status"])),
        ("GET /api/v1/config", many("GET", &["/api/v1/config", "/api/v1/config"])),
    ]
}

fn documents() -> Operations {
    let soap = |body: &str| Request::with("POST", "/soap", "text/xml; charset=utf-8", body);
    let one = |url: &str| vec![Request::get(url)];
    vec![
        ("GET /de/start", one("/de/start")),
        ("GET /en/start", one("/en/start")),
        ("GET /search", ["mug", "lamp", "a%20b", ""].map(|text| Request::get(format!("/search?q={text}"))).to_vec()),
        ("GET /query", [one("/query?action=list"), one("/query?action=stop")].concat()),
        (
            "POST /soap",
            vec![
                soap("<e:Envelope xmlns:e=\"urn:e\"><GetStock><item>7</item></GetStock></e:Envelope>"),
                soap("<e:Envelope xmlns:e=\"urn:e\"><GetStock><item>8</item></GetStock></e:Envelope>"),
                soap("<e:Envelope xmlns:e=\"urn:e\"><PutOrder><n>1</n></PutOrder></e:Envelope>"),
            ],
        ),
        ("GET /files/logo.png", one("/files/logo.png")),
        ("GET /files/latin.txt", one("/files/latin.txt")),
        ("GET /files/data.csv", one("/files/data.csv")),
        ("GET /feed.xml", one("/feed.xml")),
        ("GET /old", one("/old")),
        ("GET /health", [one("/health"), one("/health")].concat()),
        ("GET /braces", one("/braces")),
    ]
}

fn variants() -> Operations {
    let accepting = |kind: &str| Request::get("/report").head(&format!("Accept: {kind}"));
    let speaking = |language: &str| Request::get("/greeting").head(&format!("Accept-Language: {language}"));
    let form = |body: &str| Request::with("POST", "/login", "application/x-www-form-urlencoded", body);
    vec![
        ("GET /greeting", ["de", "fr", "en", "de"].map(speaking).to_vec()),
        (
            "GET /report",
            ["application/json", "application/xml", "text/csv", "application/xml", "application/json", "text/csv"]
                .map(accepting)
                .to_vec(),
        ),
        ("POST /login", vec![form("user=ann&password=hunter2secret"), form("user=eve&password=hunter2secret")]),
        ("GET /account", vec![Request::get("/account"), Request::get("/account").head("Cookie: sid=abcdef123456")]),
        ("GET /range", vec![Request::get("/range"), Request::get("/range").head("Range: bytes=0-3")]),
        ("GET /zipped", vec![Request::get("/zipped").head("Accept-Encoding: gzip"), Request::get("/zipped")]),
        (
            "GET /jobs/{id}",
            [501, 501, 502, 501, 501, 502, 501].map(|job| Request::get(format!("/jobs/{job}"))).to_vec(),
        ),
        ("POST /jobs", vec![Request::with("POST", "/jobs", "application/json", "{\"run\": \"report\"}")]),
        ("GET /cart", vec![Request::get("/cart")]),
        ("POST /cart/{id}", [1, 2, 3].map(|item| Request::with("POST", format!("/cart/item-{item}"), "", "")).to_vec()),
        ("GET /cart (after)", vec![Request::get("/cart"), Request::get("/cart")]),
    ]
}

fn volatile(round: u32) -> Operations {
    let now = humantime_now();
    let id = |call: u32| format!("9f1c3a52-7b1e-4c55-9e0f-{round:06}{call:06}");
    let millis = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis();
    let event = |kind: &str, call: u32| {
        let body = format!("{{\"kind\":\"{kind}\",\"ts\":\"{now}\",\"id\":\"{}\"}}", id(call));
        Request::with("POST", "/events", "application/json", &body)
    };
    vec![
        ("GET /echo", (0..3).map(|call| Request::get("/echo").head(&format!("X-Request-Id: {}", id(call)))).collect()),
        ("GET /time", vec![Request::get("/time"), Request::get("/time"), Request::get("/time")]),
        ("POST /events", vec![event("start", 4), event("stop", 5), event("start", 6)]),
        ("GET /cache", (0..3).map(|call| Request::get(format!("/cache?_={}{call}", millis()))).collect()),
        (
            "GET /nonce",
            (0..3)
                .map(|call| {
                    Request::get(format!(
                        "/nonce?nonce={round}a{}&ts={}",
                        id(call).replace('-', ""),
                        millis() + u128::from(call)
                    ))
                })
                .collect(),
        ),
    ]
}

/// Returns requests that were not recorded and that the service refuses.
pub(super) fn refused() -> Vec<Request> {
    let post = |url: &str, body: &str| Request::with("POST", url, "application/json", body);
    vec![
        Request::get("/api/v1/payments"),
        Request::get("/api/v3/users/7"),
        Request::get("/api/v1/users/nobody"),
        Request::get("/api/v1/users/7/x"),
        Request::get("/api/v1/orders/77"),
        Request::get("/api/v1/products/green-sofa"),
        Request::get("/api/v1/days/today"),
        Request::get("/api/v1/commits/main"),
        Request::get("/api/v1/tenants/acme"),
        Request::get("/xx/start"),
        Request::get("/search?q=nothing"),
        Request::get("/search"),
        Request::get("/query?action=kill"),
        Request::get("/files/other.png"),
        Request::get("/jobs/next"),
        Request::get("/cache"),
        Request::get("/nothing"),
        Request::get("/"),
        post("/events", "{\"other\":1}"),
        post("/soap", "<Unknown/>"),
        post("/cart/nothing", ""),
        Request::with("POST", "/login", "application/x-www-form-urlencoded", "user=mallory&password=wrongwrong"),
        Request::with("DELETE", "/api/v1/products/blue-mug", "", ""),
    ]
}
