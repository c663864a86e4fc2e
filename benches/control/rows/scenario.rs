//! Two clients race for one transition of a scenario, again and again: exactly one wins each race.

use std::io;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;

use serde_json::json;

use super::super::client::{Connection, get};
use super::super::options::Options;
use super::super::pairs::scratch;
use super::super::report::{Report, number};
use super::super::stubs;
use super::verdict;

/// Runs the races, a stretch of them on each pair of connections: which worker has which is chance.
pub fn row(options: &Options) -> io::Result<Report> {
    let (_folder, stub_folder) = scratch()?;
    stubs::race(&stub_folder)?;
    let server = options.start(&stub_folder, &[])?;
    let mut winners = Vec::new();
    while winners.len() < options.races {
        winners.extend(races(server.address(), STRETCH.min(options.races - winners.len()))?);
    }
    let mut races_by_winners = [0_usize; 3];
    for count in &winners {
        races_by_winners[usize::from(*count)] += 1;
    }
    let [none, one, both] = races_by_winners;
    let mut report = Report::default();
    report.say(&format!(
        "{} races: {} had one winner, {none} none, {both} two",
        number(winners.len() as f64, 0),
        number(one as f64, 0)
    ));
    report.figure("races", json!({"run": winners.len(), "one": one, "none": none, "both": both}));
    report.limit("each race has one winner", verdict(one == winners.len()));
    Ok(report)
}

/// How many won each race.
fn races(address: SocketAddr, count: usize) -> io::Result<Vec<u8>> {
    let barrier = Barrier::new(2);
    let run = |starts: bool| -> io::Result<Vec<u8>> {
        let mut connection = Connection::open(address);
        let mut wins = Vec::with_capacity(count);
        // both keep to the barriers whatever happens, or one would wait forever
        for _ in 0..count {
            barrier.wait();
            let reply = match &mut connection {
                Ok(connection) => connection.call(&get(stubs::RACE)),
                Err(error) => Err(io::Error::other(error.to_string())),
            };
            wins.push(reply.map(|reply| u8::from(reply.body == b"won")));
            barrier.wait();
            if starts && let Ok(connection) = &mut connection {
                connection.call(&get(stubs::AGAIN)).ok();
            }
        }
        wins.into_iter().collect()
    };
    let (one, other) = thread::scope(|scope| {
        let other = scope.spawn(|| run(false));
        (run(true), other.join())
    });
    let other = other.map_err(|_| io::Error::other("a client panicked"))??;
    Ok(one?.into_iter().zip(other).map(|(one, other)| one + other).collect())
}

/// Races on one pair of connections.
const STRETCH: usize = 500;
