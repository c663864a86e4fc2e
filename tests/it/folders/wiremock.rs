//! WireMock's command line.

use std::process::{Command, Output};

use base64::Engine as _;
use serde_json::json;

use super::{folder, stub};
use crate::process::StandinProcess;

fn standin(args: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(args)
        .env_remove("WIREMOCK_OPTIONS")
        .envs(variables.iter().copied())
        .output()
        .expect("it runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts it with WireMock's options, which come behind a free port.
fn start(args: &[&str], variables: &[(&str, &str)]) -> StandinProcess {
    StandinProcess::start_with(args, variables)
}

const TEMPLATE: &str = r#"{"request": {"url": "/t"}, "response": {"body": "{{request.method}}"}}"#;

#[test]
fn options_and_their_variable_take_effect() {
    let root = folder(&[("mappings/a.json", &stub("/a", "A")), ("mappings/t.json", TEMPLATE)]);
    let dir = root.path().to_str().expect("UTF-8");
    let joined = format!("--root-dir={dir}");
    for args in [&["--root-dir", dir][..], &["wiremock", &joined, "--disable-banner", "--container-threads", "50"]] {
        let process = start(args, &[]);
        assert_eq!((process.get("/a").text(), process.get("/t").text()), ("A", "{{request.method}}"));
        assert_eq!(process.get("/__admin/requests").json()["meta"]["total"], 2);
    }
    let options = format!("--root-dir {dir} --global-response-templating --no-request-journal");
    let process = start(&["--verbose"], &[("WIREMOCK_OPTIONS", &options)]);
    assert_eq!(process.get("/t").text(), "GET");
    assert_eq!(process.get("/__admin/requests").json()["requestJournalDisabled"], true);
    let process = start(&["--root-dir", dir, "--enable-stub-cors"], &[]);
    let answer = process.send("GET /a HTTP/1.1\r\nHost: me\r\nOrigin: http://page.example\r\n\r\n");
    assert_eq!((answer.text(), answer.header("access-control-allow-origin")), ("A", Some("http://page.example")));
    // options of `serve`, and the last of two values
    let process = start(&["--root-dir", "/nowhere", "--root-dir", dir, "--no-static", "--seed", "7"], &[]);
    assert_eq!(process.get("/a").text(), "A");
}

#[test]
fn the_journal_gzip_and_the_environment_have_options() {
    let body = "{{systemValue key='PATH' default='none'}} {{systemValue key='WIREMOCK_X' default='none'}}";
    let template = json!({"request": {"url": "/t"}, "response": {"body": body, "transformers": ["response-template"]}});
    let root = folder(&[("mappings/a.json", &stub("/a", "A")), ("mappings/t.json", &template.to_string())]);
    let dir = root.path().to_str().expect("UTF-8");
    let zipped = "GET /a HTTP/1.1\r\nHost: me\r\nAccept-Encoding: gzip\r\n\r\n";
    let path = std::env::var("PATH").expect("there is a PATH");
    let denied = "[ERROR: Access to PATH is denied] none".to_owned();
    let asks = ["--max-request-journal-entries", "2", "--disable-gzip", "--permitted-system-keys", "home,pa.h"];
    let permitted = format!("{path} [ERROR: Access to WIREMOCK_X is denied]");
    for (more, coding, text, shown) in [
        (&[][..], Some("gzip"), denied.clone(), 3),
        (&["--permitted-system-keys"][..], Some("gzip"), denied, 3),
        (&asks[..], None, permitted, 2),
    ] {
        let process = start(&[&["--root-dir", dir], more].concat(), &[]);
        assert_eq!(process.send(zipped).header("content-encoding"), coding, "{more:?}");
        assert_eq!(process.get("/t").text(), text, "{more:?}");
        process.get("/last");
        let journal = process.get("/__admin/requests").json();
        assert_eq!(
            (&journal["meta"]["total"], &journal["requests"][0]["request"]["url"]),
            (&shown.into(), &"/last".into())
        );
        assert_eq!(journal["meta"]["evicted"].as_u64().unwrap_or(0), 3 - shown, "{more:?}");
    }
    let refused = standin(&["--root-dir", dir, "--permitted-system-keys", "("], &[]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(stderr(&refused).contains("`(` is no Java regular expression"), "{}", stderr(&refused));
}

#[test]
fn ports_and_addresses_are_those_of_wiremock() {
    let root = folder(&[("mappings/a.json", &stub("/a", "A"))]);
    let dir = root.path().to_str().expect("UTF-8");
    let mut child = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["--root-dir", dir, "--port", "0", "--https-port", "0", "--bind-address", "localhost"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it runs");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("piped")));
    let listening: Vec<String> = lines.by_ref().take(2).map(|line| line.expect("a line")).collect();
    let _ = child.kill();
    let _ = child.wait();
    assert!(listening[0].contains("on http://127.0.0.1:"), "{listening:?}");
    assert!(listening[1].contains("on https://127.0.0.1:"), "{listening:?}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let refused = standin(&["--root-dir", dir, "--port", &port], &[]);
    assert!(stderr(&refused).contains("it is taken") && stderr(&refused).contains(&port), "{}", stderr(&refused));
}

#[test]
fn an_image_sets_defaults_that_let_other_hosts_in() {
    let root = folder(&[("mappings/a.json", &stub("/a", "A"))]);
    let dir = root.path().to_str().expect("UTF-8");
    let defaults = format!("--bind-address 0.0.0.0 --admin-open --root-dir {dir}");
    let process = start(&["--verbose"], &[("STANDIN_WIREMOCK_DEFAULTS", &defaults)]);
    let answer = process.send("GET /__admin/mappings HTTP/1.1\r\nHost: wiremock:8080\r\n\r\n");
    assert_eq!((answer.status, &answer.json()["meta"]["total"]), (200, &1.into()));
    // without them the binary is safe
    let process = start(&["--root-dir", dir], &[]);
    assert_eq!(process.send("GET /__admin/mappings HTTP/1.1\r\nHost: wiremock:8080\r\n\r\n").status, 403);
}

#[test]
fn the_admin_api_can_need_credentials_or_https() {
    let root = folder(&[("mappings/a.json", &stub("/a", "A"))]);
    let dir = root.path().to_str().expect("UTF-8");
    let process = start(&["--root-dir", dir, "--admin-api-basic-auth", "ada:secret"], &[]);
    let get = |credentials: &str| {
        let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
        process.send(&format!(
            "GET /__admin/mappings HTTP/1.1\r\nHost: wiremock\r\nAuthorization: Basic {encoded}\r\n\r\n"
        ))
    };
    assert_eq!((get("ada:secret").status, get("ada:secre").status), (200, 401));
    let without = process.get("/__admin/mappings");
    assert_eq!(without.status, 401);
    assert!(
        without
            .headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("www-authenticate") && value.starts_with("Basic"))
    );
    assert_eq!(process.get("/a").text(), "A");
    let process = start(&["--root-dir", dir, "--admin-api-require-https"], &[]);
    assert_eq!((process.get("/__admin/mappings").status, process.get("/a").status), (403, 200));
}

#[test]
fn what_has_no_effect_or_is_unknown_is_said() {
    let root = folder(&[]);
    let dir = root.path().to_str().expect("UTF-8");
    let mut process = start(
        &[
            "--root-dir",
            dir,
            "--https-keystore",
            "a.jks",
            "--extensions",
            "com.acme.Transformer",
            "--use-chunked-encoding=never",
        ],
        &[],
    );
    let said = process.read_stderr_until("--use-chunked-encoding");
    for expected in ["--https-keystore has no effect", "PEM", "com.acme.Transformer has no effect"] {
        assert!(said.contains(expected), "`{expected}` is missing in:\n{said}");
    }
    for (args, expected) in [
        (&["--prot", "8080"][..], "did you mean --port?"),
        (&["--port", "x"], "--port: `x` is no number"),
        (&["--port"], "--port needs a value"),
        (&["--read-only-mappings"], "no option of WireMock or of standin"),
        (&["--disable-http"], "add --https-port"),
        (&["--load-resources-from-classpath", "x"], "--root-dir"),
        (&["--https-require-client-cert"], "client certificates"),
        (&["--bind-address", "256.1.1.1"], "0.0.0.0"),
        (&["--admin-api-basic-auth", "nobody"], "user:password"),
        (&["serve", dir, "--port", "8080"], "--listen 127.0.0.1:PORT"),
        (&["serve", dir, "--root-dir", "x"], "standin serve DIR"),
        (&["serve", dir, "--disable-banner"], "standin wiremock"),
    ] {
        let output = standin(args, &[]);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{args:?}: {}", stderr(&output));
    }
    let help = standin(&["wiremock", "--help"], &[]);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.contains("--async-response-enabled") && help.contains("no effect: a call that waits holds no thread"));
    assert!(String::from_utf8_lossy(&standin(&["--port", "1", "--version"], &[]).stdout).starts_with("standin "));
}

#[test]
fn the_table_of_the_documentation_names_every_option() {
    let page = include_str!("../../../docs/FROM_WIREMOCK.md");
    let help = standin(&["wiremock", "--help"], &[]);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let names: Vec<&str> =
        help.lines().filter_map(|line| line.strip_prefix("  --")?.split_whitespace().next()).collect();
    assert!(names.len() > 60, "{help}");
    for name in names {
        assert!(page.contains(&format!("`--{name}`")), "{name} is not in docs/FROM_WIREMOCK.md");
    }
}
