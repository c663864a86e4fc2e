//! Targets that are refused: metadata services, what the operator denies, and standin itself.

use serde_json::json;
use standin::Config;

use super::{proxying, proxying_with};
use crate::record::service::{Service, answer};
use crate::support::{Answer, Mock};

const DENIED: &str = "The target proxy address is denied in WireMock's configuration.";

fn assert_refused(got: &Answer, why: &str) {
    assert_eq!((got.status, got.header("content-type")), (500, Some("text/plain")));
    assert!(got.text().contains(why), "{}", got.text());
}

#[test]
fn metadata_services_are_refused_by_default() {
    for host in ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "2852039166", "0xa9fea9fe"] {
        let mock = proxying(&json!({"proxyBaseUrl": format!("http://{host}/latest")}));
        assert_refused(&mock.get("/meta-data"), "metadata service");
    }
}

#[test]
fn the_operator_says_which_targets_are_allowed() {
    let service = Service::saying(|_| answer(200, "", "ok"));
    let url = |host: &str| format!("http://{host}:{}", service.address.port());
    let answered =
        |host: &str, change: fn(&mut Config)| proxying_with(&json!({"proxyBaseUrl": url(host)}), change).get("/");
    let patterns = |text: &str| text.split(',').map(|one| one.parse().expect("a pattern")).collect::<Vec<_>>();
    for (host, allow, deny, is_allowed) in [
        ("127.0.0.1", "", "127.0.0.1", false),
        ("127.0.0.1", "", "10.0.0.1,127.0.0.0-127.0.0.9", false),
        ("127.0.0.1", "", "127.0.0.0/8", false),
        ("localhost", "", "127.0.0.1", false),
        ("localhost", "", "local*", false),
        ("localhost", "other", "", false),
        ("127.0.0.1", "10.0.0.0/8", "", false),
        ("localhost", "localhost,127.0.0.1,::1", "", true),
        ("127.0.0.1", "", "10.0.0.1", true),
    ] {
        let got = proxying_with(&json!({"proxyBaseUrl": url(host)}), |config| {
            if !allow.is_empty() {
                config.proxy.allowed_targets = patterns(allow);
            }
            if !deny.is_empty() {
                config.proxy.denied_targets = patterns(deny);
            }
        })
        .get("/");
        if is_allowed {
            assert_eq!(got.text(), "ok", "{host} {allow} {deny}");
        } else {
            assert_refused(&got, DENIED);
        }
    }
    assert_eq!(answered("127.0.0.1", |_| {}).text(), "ok");
}

#[test]
fn a_proxy_to_itself_is_refused() {
    let mock = Mock::with("{\"mappings\": []}");
    let port = mock.address.port();
    for host in ["127.0.0.1", "localhost"] {
        let stub = json!({
            "priority": 1,
            "request": {"urlPattern": "/.*"},
            "response": {"proxyBaseUrl": format!("http://{host}:{port}/__admin")},
        });
        assert_eq!(mock.post("/__admin/mappings", &stub.to_string()).status, 201);
        assert_refused(&mock.get("/mappings"), "does not proxy to itself");
    }
}

#[test]
fn circles_are_refused() {
    let [first, second] = [0, 1].map(|_| Mock::with("{\"mappings\": []}"));
    for (from, to) in [(&first, &second), (&second, &first)] {
        let response = json!({"proxyBaseUrl": format!("http://{}", to.address)});
        let stub = json!({"request": {"urlPattern": ".*"}, "response": response});
        assert_eq!(from.post("/__admin/mappings", &stub.to_string()).status, 201);
    }
    assert_refused(&first.get("/"), "does not proxy in a circle");
}

#[test]
fn the_admin_api_is_not_reached_through_another_listener() {
    // a service of the same standin may be a target, but not its admin API
    let to_other = |port: u16| {
        let response = json!({"proxyBaseUrl": format!("http://127.0.0.1:{port}")});
        json!({"request": {"urlPattern": "/.*"}, "response": response}).to_string()
    };
    let other = json!({"request": {"urlPattern": "/ok"}, "response": {"body": "other"}}).to_string();
    let files = [("a/mappings/none.json", "{\"mappings\": []}"), ("b/mappings/ok.json", other.as_str())];
    let mock = Mock::configured(&files, |config| {
        config.listeners = ["a=127.0.0.1:0", "b=127.0.0.1:0"].map(|text| text.parse().expect("a listener")).to_vec();
    });
    let through = to_other(mock.addresses()[1].port());
    assert_eq!(mock.post("/__admin/mappings", &through).status, 201);
    assert_eq!(mock.get("/ok").text(), "other");
    let removing = json!({
        "request": {"urlPattern": "/through.*"},
        "response": {
            "proxyBaseUrl": format!("http://127.0.0.1:{}/__admin", mock.addresses()[1].port()),
            "proxyUrlPrefixToRemove": "/through",
        },
    });
    assert_eq!(mock.post("/__admin/mappings", &removing.to_string()).status, 201);
    let refused = mock.get("/through/mappings");
    assert!(refused.status == 403 && refused.text().contains("own admin API"), "{}", refused.text());
}
