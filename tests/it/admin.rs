//! The control plane: the next request sees a change, and refusals state the cause.

use std::fs;

use crate::support::{Client, Mock};

fn stub(url: &str, body: &str) -> String {
    format!(r#"{{"request": {{"url": "{url}"}}, "response": {{"body": "{body}"}}}}"#)
}

#[test]
fn an_edit_is_seen_by_the_next_call() {
    let mock = Mock::with(&stub("/file", "from a file"));
    for round in 0..100 {
        let created = mock.post("/__admin/mappings", &stub("/api", &round.to_string()));
        assert_eq!(created.status, 201);
        assert_eq!(mock.get("/api").text(), round.to_string());
    }
    assert_eq!(mock.get("/__admin/mappings").json()["meta"]["total"], 101);
    assert_eq!(mock.post("/__admin/mappings/reset", "").status, 200);
    assert_eq!(mock.get("/api").status, 404);
    assert_eq!(mock.get("/file").text(), "from a file");
}

#[test]
fn stubs_of_the_api_come_before_those_of_files() {
    let mock = Mock::with(&stub("/a", "file"));
    mock.post("/__admin/mappings", &stub("/a", "api"));
    assert_eq!(mock.get("/a").text(), "api");
}

#[test]
fn a_reset_with_a_broken_file_keeps_its_last_good_stubs() {
    let mock = Mock::with(&stub("/a", "good"));
    fs::write(mock.root.path().join("mappings/stubs.json"), "{\"request\": {\"url\": \"/a\"},}").expect("writable");
    assert_eq!(mock.post("/__admin/mappings/reset", "").status, 200);
    let reload = mock.get("/__admin/standin/reload");
    assert!(reload.text().contains("trailing comma"), "{}", reload.text());
    assert_eq!(mock.get("/a").text(), "good");
}

#[test]
fn a_refusal_says_where_and_how_to_mend_it() {
    let mock = Mock::with(&stub("/a", "a"));
    let refused = mock.post("/__admin/mappings", r#"{"request": {"headers": {"A": {"equal": "1"}}}, "respnse": {}}"#);
    assert_eq!(refused.status, 422);
    let errors = refused.json()["errors"].clone();
    assert_eq!(errors[0]["source"]["pointer"], "/request/headers/A");
    assert!(errors[0]["detail"].as_str().expect("text").contains("`equalTo`"), "{errors}");
    assert_eq!(errors[1]["source"]["pointer"], "/respnse");
}

#[test]
fn a_page_of_another_site_may_not_call() {
    let mock = Mock::with(&stub("/a", "a"));
    let call = |headers: &str| {
        let mut client = Client::connect(mock.address);
        client.write(format!("GET /__admin/mappings HTTP/1.1\r\n{headers}\r\n").as_bytes());
        client.answer()
    };
    assert_eq!(call(&format!("Host: {}\r\n", mock.address)).status, 200);
    let foreign = call(&format!("Host: {}\r\nOrigin: https://elsewhere.example\r\n", mock.address));
    assert_eq!(foreign.status, 403);
    assert!(foreign.text().contains("--admin-token"), "{}", foreign.text());
    assert_eq!(call("Host: rebound.example\r\n").status, 403);
    let with_token = Mock::configured(&[], |config| config.access.token = Some("secret".to_owned()));
    let mut client = Client::connect(with_token.address);
    client.write(b"GET /__admin/mappings HTTP/1.1\r\nHost: rebound.example\r\nAuthorization: Bearer secret\r\n\r\n");
    assert_eq!(client.answer().status, 200);
}

#[test]
fn the_admin_api_answers_on_a_port_of_its_own() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let mock =
        Mock::configured(&[("mappings/s.json", &stub("/a", "a"))], |config| config.admin_listener = Some(address));
    let mut client = Client::connect(address);
    client.write(b"GET /__admin/mappings HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    assert_eq!(client.answer().json()["meta"]["total"], 1);
    client.write(b"GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    assert_eq!(client.answer().status, 404, "it serves no stubs");
    assert!(mock.shut_down());
}

#[test]
fn files_that_standin_did_not_write_stay() {
    let id = "00000003-0000-4000-8000-000000000000";
    let with_id = format!(r#"{{"id": "{id}", "request": {{"url": "/a"}}, "response": {{}}}}"#);
    for allowed in [false, true] {
        let mock = Mock::configured(&[("mappings/mine.json", &with_id)], |config| config.allows_disk_delete = allowed);
        let deleted = mock.send(&format!("DELETE /__admin/mappings/{id} HTTP/1.1\r\nHost: {}\r\n\r\n", mock.address));
        assert_eq!(deleted.status, 200);
        assert_eq!(mock.get("/a").status, 404);
        assert_eq!(mock.root.path().join("mappings/mine.json").exists(), !allowed);
    }
}

#[test]
fn a_persistent_stub_is_written_and_removed() {
    let mock = Mock::configured(&[], |_| {});
    let files = || fs::read_dir(mock.root.path().join("mappings")).expect("a folder").count();
    let created = mock.post("/__admin/mappings", r#"{"persistent": true, "request": {"url": "/p"}, "response": {}}"#);
    assert_eq!((created.status, files()), (201, 1));
    mock.post("/__admin/mappings/reset", "");
    assert_eq!(mock.get("/p").status, 200);
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    mock.send(&format!("DELETE /__admin/mappings/{id} HTTP/1.1\r\nHost: {}\r\n\r\n", mock.address));
    assert_eq!(files(), 0);
}

#[test]
fn a_long_import_is_taken_up_to_a_limit_that_is_told() {
    let stubs: Vec<String> = (0..20_000).map(|n| stub(&format!("/{n}"), &"x".repeat(100))).collect();
    let import = format!(r#"{{"mappings": [{}]}}"#, stubs.join(","));
    assert!(import.len() > 2 << 20, "{}", import.len());
    let mock = Mock::with(&stub("/a", "a"));
    assert_eq!(mock.post("/__admin/mappings/import", &import).status, 200);
    assert_eq!(mock.get("/19999").status, 200);
    let files = &[("mappings/a.json", &*stub("/a", "a"))];
    let mock = Mock::configured(files, |config| config.max_admin_body = 1 << 20);
    let refused = mock.post("/__admin/mappings/import", &import);
    assert_eq!(refused.status, 413);
    assert!(refused.text().contains("--max-admin-body"), "{}", refused.text());
}
