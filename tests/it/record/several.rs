//! Several services in one run, each behind its own address, on a tape in its own folder.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Barrier};

use super::service::{Service, answer};
use crate::process::StandinProcess;
use crate::support::Client;

fn get(address: SocketAddr, url: &str) -> u16 {
    let mut client = Client::connect(address);
    client.write(format!("GET {url} HTTP/1.1\r\nHost: me\r\n\r\n").as_bytes());
    client.answer().status
}

#[test]
fn several_services_are_recorded_at_once() {
    let both = Arc::new(Barrier::new(2));
    let service = |name: &'static str| {
        let both = Arc::clone(&both);
        Service::saying(move |heard| {
            if heard.url == "/slow" {
                both.wait();
            }
            answer(200, "", name)
        })
    };
    let (shop, stock) = (service("shop"), service("stock"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().to_str().expect("UTF-8");
    let (first, second) = (format!("shop={}", shop.url()), format!("stock={}", stock.url()));
    let args =
        ["record", dir, "--target", &first, "--target", &second, "--max-in-flight", "1", "--queue-timeout", "0s"];
    let mut process = StandinProcess::start_listening(&[&args[..], &["--listen", "stock=127.0.0.1:0"]].concat());
    let addresses: Vec<SocketAddr> = ["shop", "stock"]
        .into_iter()
        .map(|name| {
            let line = process.read_line();
            let url = line.strip_prefix(&format!("standin: {name}: listening on http://")).expect("a ready line");
            url.split(' ').next().and_then(|address| address.parse().ok()).expect("an address")
        })
        .collect();
    // the limits hold for each service by itself
    let slow = addresses.iter().map(|address| {
        let address = *address;
        std::thread::spawn(move || get(address, "/slow"))
    });
    let slow: Vec<_> = slow.collect();
    assert_eq!(slow.into_iter().map(|call| call.join().expect("an answer")).collect::<Vec<_>>(), [200, 200]);
    assert_eq!((get(addresses[0], "/a"), get(addresses[0], "/b"), get(addresses[1], "/c")), (200, 200, 200));
    process.signal("-INT");
    let end = process.end();
    assert_eq!(end.code, Some(0), "{}{}", end.stdout, end.stderr);
    for (name, calls, stubs) in [("shop", 3, ["get-a", "get-b"]), ("stock", 2, ["get-c", "get-slow"])] {
        let own = folder.path().join(name);
        let tapes = standin_tape::tapes_of_folder(&own).expect("it has tapes");
        let tape = standin_tape::LoadedTape::open(&tapes[0]).expect("a tape");
        assert_eq!((tapes.len(), tape.exchanges.len()), (1, calls), "{name}");
        for stub in stubs {
            assert!(own.join(format!("mappings/recorded/{stub}.json")).exists(), "{name} {stub}");
        }
    }
    let name = folder.path().join("stock").display().to_string();
    let check = Command::new(env!("CARGO_BIN_EXE_standin")).args(["check", &name]).output().expect("it runs");
    let told = String::from_utf8_lossy(&[check.stdout, check.stderr].concat()).into_owned();
    assert_eq!(check.status.code(), Some(0), "{told}");
}

#[test]
fn names_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().to_str().expect("UTF-8");
    let (one, other) = ("a=http://127.0.0.1:9", "b=http://127.0.0.1:9");
    for (args, told) in [
        (&["--target", one, "--target", "http://127.0.0.1:9"][..], "needs a name"),
        (&["--target", one, "--target", one], "given twice"),
        (&["--target", "..=http://127.0.0.1:9"], "the name of a folder"),
        (&["--target", one, "--target", other, "--listen", "127.0.0.1:0"], "which of the services"),
        (&["--target", one, "--target", other, "--listen", "c=127.0.0.1:0"], "there is no --target c="),
        (&["--target", one, "--listen", "a=127.0.0.1:0", "--listen", "a=127.0.0.1:0"], "--listen a=… is given twice"),
        (&["--target", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"], "one address"),
        (&["--target", one, "--target", other, "--ramp", "--max-per-second", "9"], "give one --target"),
        (&["--target", one, "--target", "b=nowhere"], "http://HOST:PORT"),
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_standin")).args(["record", dir]).args(args).output().expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {errors}");
        assert!(errors.contains(told), "{args:?}: {errors}");
    }
    let left = super::service::everything(folder.path());
    assert!(!String::from_utf8_lossy(&left).contains(".jsonl"), "no tape is left");
}
