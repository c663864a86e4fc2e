//! A client that tells latencies to the microsecond: blocking sockets, a thread per connection.
//!
//! A blocked thread is woken by the kernel as soon as the last byte is there; no event loop of its
//! own stands between the reply and the second time stamp. A run has a fixed number of calls, not a
//! fixed time, because cutting off the calls in flight would drop long ones more often than short
//! ones.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// A keep-alive connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes of the buffer that came.
    filled: usize,
    /// Bytes of it that were handed out.
    taken: usize,
}

/// A reply as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024], filled: 0, taken: 0 })
    }

    /// Sends a request without waiting for its reply.
    pub fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)
    }

    /// Reads a reply to its end; only its status and length are looked at. Returns the status and
    /// its bytes. What came behind it is the beginning of the next one.
    pub fn receive(&mut self) -> io::Result<(u16, &[u8])> {
        self.buffer.copy_within(self.taken..self.filled, 0);
        self.filled -= std::mem::take(&mut self.taken);
        loop {
            if let Some((status, length)) = measure(&self.buffer[..self.filled])
                && self.filled >= length
            {
                self.taken = length;
                return Ok((status, &self.buffer[..length]));
            }
            if self.filled == self.buffer.len() {
                self.buffer.resize(2 * self.filled, 0);
            }
            let count = self.stream.read(&mut self.buffer[self.filled..])?;
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
            }
            self.filled += count;
        }
    }

    /// How long a call takes, from before its first byte is written to after the last byte of its
    /// reply is read.
    pub fn time(&mut self, request: &[u8]) -> io::Result<Duration> {
        let begin = Instant::now();
        self.send(request)?;
        let (status, _) = self.receive()?;
        let latency = begin.elapsed();
        if status == 200 { Ok(latency) } else { Err(io::Error::other(format!("a call was answered with {status}"))) }
    }

    /// A call with its whole reply.
    pub fn call(&mut self, request: &[u8]) -> io::Result<Reply> {
        self.send(request)?;
        let (status, bytes) = self.receive()?;
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Ok(Reply { status, head: head.to_owned(), body: body.as_bytes().to_vec() })
    }
}

/// What a run of the client does.
#[derive(Clone, Debug)]
pub struct Calls {
    pub connections: usize,
    /// Calls of one connection.
    pub each: usize,
    /// Drawn from uniformly, one path a call; the latencies are told apart by path.
    pub paths: Vec<String>,
    /// Rest before a call: uniform between zero and twice this.
    pub rest: Duration,
}

/// What a call took, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    pub latency: f64,
    /// The part in which the client's thread could have run and had no CPU.
    pub waited: f64,
}

impl Calls {
    /// Latencies in microseconds, a list a path, unsorted. The connections begin spread over 0.2 s.
    pub fn run(&self, address: SocketAddr) -> io::Result<Vec<Vec<f64>>> {
        let lists = self.run_with_waits(address)?;
        Ok(lists.iter().map(|list| list.iter().map(|took| took.latency).collect()).collect())
    }

    /// The same with the client's own waits.
    pub fn run_with_waits(&self, address: SocketAddr) -> io::Result<Vec<Vec<Took>>> {
        let threads: Vec<_> = (0..self.connections)
            .map(|number| {
                let calls = self.clone();
                thread::Builder::new()
                    .stack_size(128 * 1024)
                    .spawn(move || calls.connection(address, number))
                    .expect("the machine has threads left")
            })
            .collect();
        let mut all = vec![Vec::new(); self.paths.len()];
        for thread in threads {
            let lists = thread.join().map_err(|_| io::Error::other("a client thread panicked"))??;
            for (all, list) in all.iter_mut().zip(lists) {
                all.extend(list);
            }
        }
        Ok(all)
    }

    fn connection(&self, address: SocketAddr, number: usize) -> io::Result<Vec<Vec<Took>>> {
        let requests: Vec<_> = self.paths.iter().map(|path| get(path)).collect();
        let mut random = Random(number as u64 + 1);
        let mut lists = vec![Vec::with_capacity(self.each / requests.len() + 1); requests.len()];
        thread::sleep(Duration::from_millis(200).mul_f64(random.share()));
        let mut connection = Connection::open(address)?;
        connection.time(&requests[0])?;
        for _ in 0..self.each {
            if !self.rest.is_zero() {
                thread::sleep(self.rest.mul_f64(2.0 * random.share()));
            }
            let path = random.next() as usize % requests.len();
            let before = own_waits()?;
            let latency = connection.time(&requests[path])?.as_secs_f64() * 1e6;
            lists[path].push(Took { latency, waited: own_waits()?.saturating_sub(before).as_secs_f64() * 1e6 });
        }
        Ok(lists)
    }
}

/// How long this thread waited for a CPU since it began, by the kernel's account.
fn own_waits() -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let waited = text.split_whitespace().nth(1).and_then(|nanos| nanos.parse().ok());
    waited.map(Duration::from_nanos).ok_or_else(|| io::Error::other("cannot read /proc/thread-self/schedstat"))
}

/// The bytes of a GET, as short as wrk's.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// The bytes of a POST with a JSON body.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    post_as(path, "application/json", body)
}

/// The bytes of a POST with a body of this type.
pub fn post_as(path: &str, content_type: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Status and whole length of a reply, once its head is there. A reply without Content-Length has
/// no body.
fn measure(bytes: &[u8]) -> Option<(u16, usize)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Some(0), |(_, value)| value.trim().parse::<usize>().ok())?;
    Some((status, head + 4 + length))
}

/// Sebastiano Vigna's SplitMix64: rests need no better randomness.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between zero and one.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_measured_once_its_head_is_there() {
        assert_eq!(measure(b"HTTP/1.1 200 OK\r\ncontent-le"), None);
        assert_eq!(measure(b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc"), Some((404, 48)));
        assert_eq!(measure(b"HTTP/1.1 204 No Content\r\n\r\n"), Some((204, 27)));
        assert_eq!(measure(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n"), None);
    }

    #[test]
    fn shares_lie_between_zero_and_one_and_differ() {
        let mut random = Random(1);
        let shares: Vec<_> = (0..1000).map(|_| random.share()).collect();
        assert!(shares.iter().all(|share| (0.0..1.0).contains(share)));
        assert!((shares.iter().sum::<f64>() / 1000.0 - 0.5).abs() < 0.05);
    }
}
