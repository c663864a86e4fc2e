//! Bytes of a client, sent to a server on loopback: it answers or closes, and still answers the
//! next client.

#![no_main]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use standin::{Config, Server};

static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();

fn start() -> SocketAddr {
    let folder = tempfile::tempdir().expect("a folder").keep();
    std::fs::create_dir(folder.join("mappings")).expect("an empty folder");
    let stub = r#"{"request": {"urlPath": "/ok"}, "response": {"status": 204}}"#;
    std::fs::write(folder.join("mappings/ok.json"), stub).expect("writable");
    let config = Config::new(folder);
    let handle = Server::bind(config).expect("a free port").start().expect("threads");
    let address = handle.addresses()[0].listener.address;
    std::mem::forget(handle);
    address
}

fn send(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    // the server may close before it has read everything
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fuzz_target!(|bytes: &[u8]| {
    let address = *ADDRESS.get_or_init(start);
    send(address, bytes);
    let answer = send(address, b"GET /ok HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&answer));
});
