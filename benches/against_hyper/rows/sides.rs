//! standin and the floor, measured in turn by the same load.

use std::io;

use super::super::client::{Connection, Reply};
use super::super::options::Options;
use super::super::pairs::{self, Side};
use super::super::process::Server;
use super::super::report::Report;
use super::super::wrk::Load;

/// Both servers, started and warm.
#[derive(Debug)]
pub struct Sides {
    pub standin: Server,
    pub hyper: Server,
}

impl Sides {
    /// Runs the pairs of the options and reports what disturbed them. Returns standin's side and
    /// hyper's.
    pub fn measure(&self, options: &Options, load: &Load, report: &mut Report) -> io::Result<(Side, Side)> {
        pairs::measure([&self.standin, &self.hyper], options.pairs, load, report)
    }

    /// Checks that both answer `request` with 200 and the same bytes, the id of the stub aside.
    pub fn agree(&self, request: &[u8], report: &mut Report) -> io::Result<()> {
        let ours = Connection::open(self.standin.address())?.call(request)?;
        let floor = Connection::open(self.hyper.address())?.call(request)?;
        if ours.status != 200 || ours.body != floor.body {
            return Err(io::Error::other(format!(
                "standin answered {} with another body than bare hyper: {}",
                ours.status,
                String::from_utf8_lossy(&ours.body).chars().take(200).collect::<String>()
            )));
        }
        if skeleton(&ours) != skeleton(&floor) {
            report.say(&format!("the heads differ: standin sends {:?}, hyper {:?}", ours.head, floor.head));
        }
        Ok(())
    }
}

/// The head with the value of `Matched-Stub-Id` blotted out and names in lower case.
fn skeleton(reply: &Reply) -> Vec<String> {
    reply
        .head
        .lines()
        .map(|line| match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("matched-stub-id") => {
                format!("matched-stub-id: {} bytes", value.trim().len())
            }
            Some((name, value)) => format!("{}:{value}", name.to_ascii_lowercase()),
            None => line.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_that_differ_in_the_id_alone_are_the_same() {
        let reply = |head: &str| Reply { status: 200, head: head.to_owned(), body: Vec::new() };
        let ours = reply("HTTP/1.1 200 OK\r\nMatched-Stub-Id: abcd\r\ncontent-length: 3");
        let floor = reply("HTTP/1.1 200 OK\r\nmatched-stub-id: 0000\r\nContent-Length: 3");
        assert_eq!(skeleton(&ours), skeleton(&floor));
        assert_ne!(skeleton(&ours), skeleton(&reply("HTTP/1.1 200 OK\r\nmatched-stub-id: 00000\r\ncontent-length: 3")));
    }
}
