//! The limits that protect the service hold for any load of the clients.

use std::time::Duration;

use super::service::{Recording, Service, answer};
use crate::support::Client;

/// Sends requests from concurrent clients, and returns the statuses of the responses.
fn press(recording: &Recording, clients: usize, calls: usize) -> Vec<u16> {
    let address = recording.address;
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                let call = |_| {
                    client.write(b"GET /busy HTTP/1.1\r\nHost: me\r\n\r\n");
                    client.answer().status
                };
                (0..calls).map(call).collect::<Vec<_>>()
            })
        })
        .collect();
    clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
}

#[test]
fn no_fifth_call_and_no_burst_reach_the_service() {
    let service = Service::saying(|_| {
        std::thread::sleep(Duration::from_millis(8));
        answer(200, "", "ok")
    });
    let recording = Recording::of(&service.url(), &["--max-in-flight", "4", "--max-per-second", "100"]);
    // five hundred clients press for some seconds; those that wait too long are refused
    let statuses = press(&recording, 500, 1);
    assert!(statuses.iter().all(|status| *status == 200), "all came through in time");
    assert!(service.most_at_once() <= 4, "{} at once", service.most_at_once());
    let (_, _, tape, _folder) = recording.end("-INT");
    // at most 11 pass the rate limit in 100 ms; the four with a permit may have passed it before,
    // when their thread had to wait for a core
    let mut sent: Vec<u64> = tape.exchanges.iter().filter_map(|one| one.times.sent).collect();
    sent.sort_unstable();
    let most =
        (0..sent.len()).map(|place| sent[place..].iter().take_while(|at| **at < sent[place] + 100_000_000).count());
    let most = most.max().expect("calls came");
    assert!(most <= 11 + 4, "{most} calls in 100 ms");
    let took = Duration::from_nanos(sent[sent.len() - 1] - sent[0]);
    assert!(took < Duration::from_secs(10), "the rate is used: {took:?} for 500 calls at 100 a second");
    assert!(tape.exchanges.iter().all(|one| one.in_flight <= 4));
    assert!(
        tape.exchanges.iter().any(|one| one.times.permit_wait > 1_000_000_000),
        "waiting is no part of the service"
    );
    assert_eq!((tape.head.limits.in_flight, tape.head.limits.per_second), (Some(4), Some(100.0)));
}

#[test]
fn who_waits_too_long_is_refused_and_counted() {
    let service = Service::saying(|_| {
        std::thread::sleep(Duration::from_millis(300));
        answer(200, "", "ok")
    });
    let recording = Recording::of(&service.url(), &["--max-in-flight", "1", "--queue-timeout", "0s"]);
    let mut first = Client::connect(recording.address);
    first.write(b"GET /one HTTP/1.1\r\nHost: me\r\n\r\n");
    crate::support::eventually("the first is at work", || service.heard().len() == 1);
    let refused = recording.get("/two");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.text().contains("--max-in-flight"), "{}", refused.text());
    assert_eq!(first.answer().status, 200);
    assert_eq!(service.heard().len(), 1);
    let (told, _, tape, _folder) = recording.end("-INT");
    assert!(told.contains("1 call was refused"), "{told}");
    assert_eq!(tape.condition.foot.map(|foot| foot.refused), Some(1));
}

#[test]
fn connections_are_bounded_and_shared_by_the_workers() {
    let service = Service::saying(|_| {
        std::thread::sleep(Duration::from_millis(5));
        answer(200, "", "ok")
    });
    let recording = Recording::of(&service.url(), &["--max-connections", "2", "--workers", "2"]);
    let statuses = press(&recording, 16, 10);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(service.connections(), 2);
    assert!(service.most_at_once() <= 2);
}
