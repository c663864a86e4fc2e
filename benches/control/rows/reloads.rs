//! Sets of stubs change under full load: no answer fails, and nobody sees an older set after a
//! newer one.
//!
//! Every stub tells its set. Clients call two stubs in one write; each answer must be of a set no
//! older than the newest that any client has seen before the write, or than the last that was asked
//! for and confirmed. A set that came into force by halves would break this: its other half still
//! tells of the set before.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use super::super::client::{Connection, Random, get, post};
use super::super::options::Options;
use super::super::pairs::scratch;
use super::super::report::{Report, number};
use super::super::statistics::Spread;
use super::super::stubs::{self, Sets};
use super::verdict;

/// Rewrites the files and asks for a reload, again and again.
pub fn row(options: &Options) -> io::Result<Report> {
    let (_folder, stub_folder) = scratch()?;
    let sets = Sets::new(&stub_folder, STUBS, PER_FILE)?;
    sets.write(0)?;
    let server = options.start(&stub_folder, &[])?;
    let newest = Arc::new(Newest::default());
    let clients: Vec<_> = (0..CLIENTS).map(|number| newest.client(server.address(), number)).collect();
    let began = Instant::now();
    let times = change(options, &sets, &server.address(), &newest);
    newest.ended.store(true, SeqCst);
    let mut seen = Seen::default();
    for client in clients {
        seen.add(&client.join().map_err(|_| io::Error::other("a client panicked"))?);
    }
    let (times, elapsed) = (times?, began.elapsed());
    let mut report = Report::default();
    let Spread { median, least, most } = Spread::of(&times);
    let rate = number(seen.answers as f64 / elapsed.as_secs_f64(), 0);
    report.say(&format!(
        "{} reloads of {STUBS} stubs in {} files; median {median:.0} ms ({least:.0}-{most:.0})",
        times.len(),
        sets.files()
    ));
    report.say(&format!("{} answers checked, {rate} a second", number(seen.answers as f64, 0)));
    report.say(&format!(
        "failed: {}; of the wrong stub: {}; of an older set than was seen before: {}",
        seen.failed, seen.strange, seen.old
    ));
    report.figure("reloads", json!(times.len()));
    report.figure("reload ms", json!(times));
    report.figure(
        "answers",
        json!({"checked": seen.answers, "failed": seen.failed, "strange": seen.strange, "old": seen.old}),
    );
    report.limit("no answer is wrong", verdict(seen.failed + seen.strange + seen.old == 0 && seen.answers > 0));
    Ok(report)
}

/// How long each reload took from the question to the answer, in milliseconds.
fn change(options: &Options, sets: &Sets, address: &SocketAddr, newest: &Newest) -> io::Result<Vec<f64>> {
    let mut admin = Connection::open(*address)?;
    let mut times = Vec::new();
    for set in 1..=options.reloads as u64 {
        sets.write(set)?;
        let begin = Instant::now();
        let reply = admin.call(&post("/__admin/standin/reload", ""))?;
        if reply.status != 200 {
            let body = String::from_utf8_lossy(&reply.body).into_owned();
            return Err(io::Error::other(format!("reload {set} was answered with {}: {body}", reply.status)));
        }
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        newest.set.fetch_max(set, SeqCst);
        // now and then the watcher is faster than the question
        if set % 10 == 0 {
            thread::sleep(Duration::from_millis(120));
        }
    }
    Ok(times)
}

/// The newest set that anyone has seen, or that was confirmed.
#[derive(Debug, Default)]
struct Newest {
    set: AtomicU64,
    ended: AtomicBool,
}

/// What a client saw.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Seen {
    answers: u64,
    /// No answer, or another status than 200.
    failed: u64,
    /// Of a stub that was not called.
    strange: u64,
    /// Of an older set than was in force before.
    old: u64,
}

impl Newest {
    /// Calls pairs of stubs until it ends.
    fn client(self: &Arc<Self>, address: SocketAddr, number: usize) -> JoinHandle<Seen> {
        let newest = Arc::clone(self);
        thread::spawn(move || {
            let (mut seen, mut random) = (Seen::default(), Random(number as u64 + 1));
            while !newest.ended.load(SeqCst) {
                if newest.pairs(address, &mut random, &mut seen).is_err() {
                    seen.failed += 1;
                    thread::sleep(Duration::from_millis(10));
                }
            }
            seen
        })
    }

    fn pairs(&self, address: SocketAddr, random: &mut Random, seen: &mut Seen) -> io::Result<()> {
        let mut connection = Connection::open(address)?;
        while !self.ended.load(SeqCst) {
            let called = [random.next() as usize % STUBS, random.next() as usize % STUBS];
            let mut floor = self.set.load(SeqCst);
            connection.send(&called.map(|number| get(&Sets::url(number))).concat())?;
            for number in called {
                let (status, answer) = connection.receive()?;
                let told = stubs::told(answer).filter(|_| status == 200);
                floor = seen.judge(told, number, floor);
            }
            self.set.fetch_max(floor, SeqCst);
        }
        Ok(())
    }
}

impl Seen {
    /// Counts an answer. Returns the oldest set that the next one may be of.
    fn judge(&mut self, told: Option<(u64, usize)>, called: usize, floor: u64) -> u64 {
        self.answers += 1;
        let Some((set, stub)) = told else {
            self.failed += 1;
            return floor;
        };
        self.strange += u64::from(stub != called);
        self.old += u64::from(set < floor);
        floor.max(set)
    }

    fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.failed += other.failed;
        self.strange += other.strange;
        self.old += other.old;
    }
}

const STUBS: usize = 100;
const PER_FILE: usize = 10;

/// Connections; each has a pair of calls under way all the time.
const CLIENTS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_set_after_a_newer_one_is_wrong() {
        let mut seen = Seen::default();
        assert_eq!(seen.judge(Some((5, 1)), 1, 4), 5);
        assert_eq!(seen.judge(Some((4, 2)), 2, 5), 5);
        assert_eq!(seen.judge(Some((5, 3)), 2, 5), 5);
        assert_eq!(seen.judge(None, 2, 5), 5);
        assert_eq!(seen, Seen { answers: 4, failed: 1, strange: 1, old: 1 });
    }
}
