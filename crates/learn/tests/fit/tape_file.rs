//! Tape files of simulated services, as the recorder would have written them.

use std::path::Path;

use standin_learn::fit::{Observation, Trace};
use standin_tape::exchange::{Exchange, ExchangeRequest, ExchangeResponse, ExchangeTimes};
use standin_tape::operations::OperationTree;
use standin_tape::{TapeHead, TapeReader, TapeWriter, VERSION};

/// Writes calls of operations named by method and path, and the number of calls that the recorder
/// dropped.
pub(crate) fn write(path: &Path, target: &str, names: &[&str], calls: &[Observation], dropped: u64) {
    let head = TapeHead { version: VERSION, target: target.to_owned(), exclusive: true, ..TapeHead::default() };
    let mut writer = TapeWriter::create(path, &head).expect("writable");
    for (call, number) in calls.iter().zip(1..) {
        let (method, path) = names[call.operation as usize].split_once(' ').expect("a method and a path");
        let url = path.replace("{id}", &u64::to_string(&number));
        let (sent, finish) = (Some(call.arrival), Some(call.finish));
        let times = ExchangeTimes {
            received: call.arrival,
            sent,
            first_byte: finish,
            last_byte: finish,
            ..ExchangeTimes::default()
        };
        let exchange = Exchange {
            number,
            operation: None,
            request: ExchangeRequest { method: method.to_owned(), url, headers: Vec::new(), body: None },
            response: Some(ExchangeResponse { status: call.status, reason: None, headers: Vec::new(), body: None }),
            failure: None,
            times,
            in_flight: 0,
            reused: true,
        };
        writer.write(&exchange).expect("writable");
    }
    writer.finish(dropped, 0).expect("writable");
}

/// Reads a tape as `fit` does: in two passes that hold no exchanges.
pub(crate) fn read(path: &Path) -> Trace {
    let open = || TapeReader::open(path).expect("a tape");
    let requests = open().map(|exchange| exchange.expect("readable").request);
    let operations = OperationTree::learn(requests.map(|request| (request.method, request.url)));
    let mut reader = open();
    let head = reader.head().clone();
    let exchanges = reader.by_ref().map(|exchange| exchange.expect("readable"));
    Trace::new(&head, &operations, exchanges).with_condition(reader.condition())
}
