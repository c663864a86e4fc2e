//! Packet captures as exchanges: formats, links, framing of bodies, lost and shuffled packets.

#[path = "../../../../tests/it/tape/capture_file.rs"]
mod capture_file;

use capture_file::{CLIENT, SERVICE, TestConnection, TestPacket, on_link, pcap};
use proptest::prelude::*;
use standin_sources::capture::{CaptureReader, CaptureReport, ServiceChoice, UnreadReason};
use standin_sources::timing::TimedCall;
use standin_tape::exchange::FailureReason;

const START: u64 = 1_796_000_000_000_000_000;
const MS: u64 = 1_000_000;

fn read(file: &[u8], services: &[&str]) -> (Vec<TimedCall>, CaptureReport) {
    let mut choice = ServiceChoice::default();
    for service in services {
        choice.add(service).expect("a service");
    }
    let mut reader = CaptureReader::new(choice, Some(1 << 20));
    let mut calls = Vec::new();
    let end = reader.read(file, |call, _, _, _| calls.push(call)).expect("a capture");
    assert_eq!(end.broken, None);
    (calls, reader.finish())
}

fn read_packets(packets: &[TestPacket]) -> (Vec<TimedCall>, CaptureReport) {
    read(&pcap(packets, 1, true), &[])
}

/// A connection with keep-alive and pipelining, and bodies in all framings.
fn conversation(client: &str, service: &str, segment: usize) -> TestConnection {
    let mut tcp = TestConnection::new(client, service);
    tcp.open(START);
    tcp.send(START + MS, CLIENT, b"GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n", segment);
    tcp.send(START + 5 * MS, SERVICE, b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world", segment);
    tcp.send(
        START + 10 * MS,
        CLIENT,
        b"POST /orders HTTP/1.1\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n",
        segment,
    );
    tcp.send(START + 11 * MS, SERVICE, b"HTTP/1.1 100 Continue\r\n\r\n", segment);
    tcp.send(START + 12 * MS, CLIENT, b"{\"a\":1", segment);
    let chunked = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nfour\r\n3\r\nend\r\n0\r\nTrailer: t\r\n\r\n";
    tcp.send(START + 20 * MS, SERVICE, chunked, segment);
    tcp.send(START + 30 * MS, CLIENT, b"HEAD /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n", segment);
    tcp.send(START + 40 * MS, SERVICE, b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", segment);
    tcp.send(START + 41 * MS, SERVICE, b"HTTP/1.1 304 Not Modified\r\n\r\n", segment);
    tcp
}

/// Returns a pcapng file with stamps in nanoseconds.
fn pcapng(packets: &[TestPacket], link: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let section = [0x1a2b_3c4d_u32.to_le_bytes().to_vec(), vec![1, 0, 0, 0], vec![0xff; 8]].concat();
    block(&mut file, 0x0a0d_0d0a, &section);
    // option 9: the resolution is 10^-9 s
    let mut interface = [(link as u16).to_le_bytes().to_vec(), vec![0; 6]].concat();
    interface.extend([9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    block(&mut file, 1, &interface);
    for packet in packets {
        let data = on_link(&packet.frame, link);
        let mut body = vec![0; 4];
        body.extend(((packet.stamp >> 32) as u32).to_le_bytes());
        body.extend((packet.stamp as u32).to_le_bytes());
        body.extend((data.len() as u32).to_le_bytes().repeat(2));
        body.extend(&data);
        body.resize(body.len().next_multiple_of(4), 0);
        block(&mut file, 6, &body);
    }
    file
}

fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let length = (body.len() as u32 + 12).to_le_bytes();
    file.extend(kind.to_le_bytes());
    file.extend(length);
    file.extend(body);
    file.extend(length);
}

fn words(calls: &[TimedCall]) -> Vec<String> {
    let word = |call: &TimedCall| {
        let body = call.response_body.bytes.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        format!("{} {} {} {body}", call.method, call.url, call.status.unwrap_or(0))
    };
    calls.iter().map(word).collect()
}

#[test]
fn every_format_and_link_gives_the_same_exchanges() {
    let expected = ["GET /items/1 200 hello world", "POST /orders 201 fourend", "HEAD /a 200 ", "GET /b 304 "];
    for (client, service) in [("10.0.0.1:4000", "10.0.0.2:80"), ("[fd00::1]:4000", "[fd00::2]:80")] {
        let tcp = conversation(client, service, 7);
        for link in [0, 1, 101, 113, 276] {
            for file in [pcap(&tcp.packets, link, true), pcap(&tcp.packets, link, false), pcapng(&tcp.packets, link)] {
                let (calls, report) = read(&file, &[]);
                assert_eq!(words(&calls), expected, "{client}, link {link}");
                assert_eq!((report.lost, report.unfinished, report.services.len()), (0, 0, 1));
            }
        }
    }
}

#[test]
fn times_are_those_of_the_wire() {
    let (calls, _) = read_packets(&conversation("10.0.0.1:4000", "10.0.0.2:80", 1_000).packets);
    let at = |time: Option<u64>| (time.expect("a time") - START) / 1_000;
    let times: Vec<_> =
        calls.iter().map(|call| [at(Some(call.sent)), at(call.first_byte), at(call.last_byte)]).collect();
    assert_eq!(
        times,
        [[1_000, 5_000, 5_000], [12_000, 20_000, 20_000], [30_000, 40_000, 40_000], [30_000, 41_000, 41_000]]
    );
    // in pieces: the last byte of the request, the first and the last one of the response
    let (calls, _) = read_packets(&conversation("10.0.0.1:4000", "10.0.0.2:80", 10).packets);
    assert_eq!([at(Some(calls[0].sent)), at(calls[0].first_byte), at(calls[0].last_byte)], [1_003, 5_000, 5_004]);
    assert_eq!(
        calls.iter().map(|call| (call.in_flight, call.reused)).collect::<Vec<_>>(),
        [(1, false), (1, true), (1, true), (2, true)]
    );
    assert_eq!(calls[1].request_body.bytes.as_deref(), Some(&b"{\"a\":1"[..]));
}

#[test]
fn a_response_until_the_close_ends_with_it_and_a_broken_one_fails() {
    let mut tcp = TestConnection::new("10.0.0.1:4000", "10.0.0.2:80");
    tcp.open(START);
    tcp.send(START + MS, CLIENT, b"GET /old HTTP/1.0\r\n\r\n", 99);
    tcp.send(START + 2 * MS, SERVICE, b"HTTP/1.0 200 OK\r\n\r\nall of it", 99);
    tcp.packet(START + 9 * MS, SERVICE, b"", "FA");
    let (calls, _) = read_packets(&tcp.packets);
    assert_eq!((words(&calls), calls[0].last_byte), (vec!["GET /old 200 all of it".to_owned()], Some(START + 9 * MS)));

    for (flags, from, reason) in [
        ("FA", SERVICE, FailureReason::Closed),
        ("R", SERVICE, FailureReason::Closed),
        ("R", CLIENT, FailureReason::ClientGone),
    ] {
        let mut tcp = TestConnection::new("10.0.0.1:4000", "10.0.0.2:80");
        tcp.open(START);
        tcp.send(START + MS, CLIENT, b"GET /half HTTP/1.1\r\n\r\n", 99);
        tcp.send(START + 2 * MS, SERVICE, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 99);
        tcp.packet(START + 3 * MS, from, b"", flags);
        let (calls, _) = read_packets(&tcp.packets);
        assert_eq!(calls[0].failure.as_ref().map(|failure| failure.reason), Some(reason), "{flags}");
    }
}

#[test]
fn a_lost_packet_costs_its_exchange_only_and_is_counted() {
    let mut tcp = TestConnection::new("10.0.0.1:4000", "10.0.0.2:80");
    tcp.open(START);
    let mut lost = None;
    for number in 0..100u64 {
        let at = START + (number + 1) * 10 * MS;
        tcp.send(at, CLIENT, format!("GET /items/{number} HTTP/1.1\r\n\r\n").as_bytes(), 99);
        if number == 10 {
            lost = Some(tcp.packets.len());
        }
        tcp.send(at + MS, SERVICE, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 99);
        tcp.packet(at + 2 * MS, CLIENT, b"", "A");
    }
    tcp.packets.remove(lost.expect("it was sent"));
    let (calls, report) = read_packets(&tcp.packets);
    assert_eq!((calls.len() as u64 + report.lost, calls.iter().any(|call| call.url == "/items/10")), (100, false));
    assert!(report.lost < 70, "the exchanges after it are read: {}", report.lost);
    assert!(calls.iter().all(|call| call.last_byte.expect("complete") - call.sent == MS));
}

#[test]
fn what_cannot_be_read_is_counted_by_its_reason() {
    let mut tls = TestConnection::new("10.0.0.1:4000", "10.0.0.2:443");
    tls.open(START);
    tls.send(START + MS, CLIENT, &[22, 3, 1, 0, 200, 1], 99);
    let mut other = TestConnection::new("10.0.0.1:4001", "10.0.0.2:6379");
    other.open(START);
    other.send(START + MS, CLIENT, b"*1\r\n$4\r\nPING\r\n", 99);
    let mut socket = TestConnection::new("10.0.0.1:4002", "10.0.0.2:80");
    socket.open(START);
    socket.send(START + MS, CLIENT, b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", 99);
    socket.send(START + 2 * MS, SERVICE, b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05Hello", 99);
    let mut half = TestConnection::new("10.0.0.1:4003", "10.0.0.2:80");
    half.open(START);
    half.send(START + MS, CLIENT, b"GET /never HTTP/1.1\r\n\r\n", 99);
    let packets = [tls.packets, other.packets, socket.packets, half.packets].concat();
    let (calls, report) = read_packets(&packets);
    assert_eq!(calls, []);
    let unread: Vec<_> = report.unread.into_iter().collect();
    assert_eq!(unread, [(UnreadReason::Tls, 1), (UnreadReason::NotHttp, 1), (UnreadReason::Upgraded, 1)]);
    assert_eq!(report.unfinished, 1);
}

#[test]
fn a_connection_without_its_begin_is_read_from_the_next_request_on() {
    let mut tcp = conversation("10.0.0.1:4000", "10.0.0.2:80", 2_000);
    // from the middle of the first response
    tcp.packets.drain(..4);
    let (calls, report) = read_packets(&tcp.packets);
    assert_eq!(words(&calls)[0], "POST /orders 201 fourend");
    assert_eq!((calls.len(), calls[0].reused, report.services.len()), (3, true, 1));
}

#[test]
fn a_service_is_chosen_by_its_address_or_port() {
    let one = conversation("10.0.0.1:4000", "10.0.0.2:80", 99);
    let other = conversation("10.0.0.1:4000", "10.0.0.3:81", 99);
    let file = pcap(&[one.packets, other.packets].concat(), 1, true);
    assert_eq!(read(&file, &[]).1.services.len(), 2);
    for (services, count) in [(&["10.0.0.3:81"][..], 4), (&[":80"], 4), (&["80", "81"], 8), (&["10.0.0.3:80"], 0)] {
        let (calls, report) = read(&file, services);
        assert_eq!(calls.len(), count, "{services:?}");
        let others = report.unread.get(&UnreadReason::OtherService).copied().unwrap_or(0);
        assert_eq!(others as usize, 2 - count / 4, "{services:?}");
    }
    assert!(ServiceChoice::default().add("inventory").unwrap_err().contains("no port"));
}

#[test]
fn http_2_without_tls_is_read_stream_by_stream() {
    let mut encoder = fluke_hpack::Encoder::new();
    let mut request = |path: &'static str| {
        let fields = [(&b":method"[..], &b"GET"[..]), (b":path", path.as_bytes()), (b":authority", b"x"), (b"a", b"b")];
        encoder.encode(fields)
    };
    let (first, second) = (request("/items/1"), request("/items/2"));
    let mut answers = fluke_hpack::Encoder::new();
    let mut answer = |status: &'static [u8]| answers.encode([(&b":status"[..], status)]);
    let (ok, interim, missing) = (answer(b"200"), answer(b"103"), answer(b"404"));
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    };
    let mut tcp = TestConnection::new("10.0.0.1:4000", "10.0.0.2:80");
    tcp.open(START);
    let begin = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[]), frame(1, 5, 1, &first)].concat();
    tcp.send(START + MS, CLIENT, &begin, 11);
    tcp.send(START + 2 * MS, CLIENT, &[frame(1, 0, 3, &second[..2]), frame(9, 4, 3, &second[2..])].concat(), 99);
    tcp.send(START + 3 * MS, CLIENT, &frame(0, 1 | 8, 3, b"\x02body\0\0"), 99);
    tcp.send(
        START + 5 * MS,
        SERVICE,
        &[frame(4, 0, 0, &[]), frame(1, 4, 3, &ok), frame(1, 4, 1, &interim)].concat(),
        99,
    );
    tcp.send(START + 6 * MS, SERVICE, &[frame(0, 0, 3, b"two"), frame(1, 5, 1, &missing)].concat(), 99);
    tcp.send(START + 7 * MS, SERVICE, &frame(0, 1, 3, b" parts"), 99);
    let (calls, report) = read_packets(&tcp.packets);
    assert_eq!(words(&calls), ["GET /items/1 404 ", "GET /items/2 200 two parts"]);
    let times =
        |call: &TimedCall| [Some(call.sent), call.first_byte, call.last_byte].map(|at| (at.unwrap_or(0) - START) / MS);
    assert_eq!((times(&calls[0]), times(&calls[1])), ([1, 6, 6], [3, 5, 7]));
    assert_eq!(calls[1].request_body.bytes.as_deref(), Some(&b"body"[..]));
    assert_eq!((report.lost, calls[1].in_flight), (0, 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Packets in any order behind the handshake, some of them twice, give the same exchanges.
    #[test]
    fn any_order_of_packets_gives_the_same_exchanges(
        keys in proptest::collection::vec(any::<u64>(), 80),
        segment in 12usize..60,
    ) {
        let tcp = conversation("10.0.0.1:4000", "10.0.0.2:80", segment);
        let (expected, _) = read_packets(&tcp.packets);
        let mut rest = tcp.packets[3..].to_vec();
        rest.extend(tcp.packets[3..].iter().step_by(5).cloned());
        let mut keyed: Vec<_> = keys.iter().cycle().zip(0..).zip(rest).collect();
        keyed.sort_by_key(|((key, number), _)| (**key, *number));
        let shuffled = keyed.into_iter().map(|(_, packet): (_, TestPacket)| packet);
        let packets: Vec<_> = tcp.packets[..3].iter().cloned().chain(shuffled).collect();
        let (calls, report) = read_packets(&packets);
        let without_population = |calls: Vec<TimedCall>| -> Vec<TimedCall> {
            calls.into_iter().map(|call| TimedCall { in_flight: 0, ..call }).collect()
        };
        prop_assert_eq!(without_population(calls), without_population(expected));
        prop_assert_eq!(report.lost, 0);
    }

    /// Bytes that are no capture, or packets of nonsense, never panic.
    #[test]
    fn nonsense_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600), cut in 0usize..4_000) {
        let mut reader = CaptureReader::new(ServiceChoice::default(), None);
        let _ = reader.read(&bytes[..], |_, _, _, _| {});
        let mut file = pcap(&conversation("10.0.0.1:4000", "10.0.0.2:80", 9).packets, 1, true);
        file.truncate(cut);
        for (place, byte) in bytes.iter().enumerate() {
            if let Some(at) = file.get_mut(24 + place * 7) { *at ^= byte & 1; }
        }
        let _ = reader.read(&file[..], |_, _, _, _| {});
        reader.finish();
    }
}
