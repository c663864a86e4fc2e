//! A service that answers every request immediately, each with a body of its own.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A service whose bodies are the numbers of its requests.
pub(super) struct NumberedService {
    pub(super) url: String,
    pub(super) calls: Arc<AtomicU64>,
}

impl NumberedService {
    /// Starts a service with bodies of this length in bytes; no two are equal.
    pub(super) fn start(body_bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let calls = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || answer_all(stream, body_bytes, &counted));
            }
        });
        Self { url, calls }
    }
}

fn answer_all(mut stream: TcpStream, body_bytes: usize, calls: &AtomicU64) {
    let _ = stream.set_nodelay(true);
    let (mut unread, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        unread.extend_from_slice(&piece[..read]);
        while let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            unread.drain(..end + 4);
            let number = calls.fetch_add(1, Ordering::Relaxed);
            let body = format!("{number:0body_bytes$}");
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}
