//! Keys of an operation: its demands, classes, autocorrelation and transfer rate.

use std::time::Duration;

use super::distribution::DISTRIBUTION;
use super::keys::{
    Codec, Schema, SchemaKey, Style, Usage, key, nested, nested_list, no_check, optional_key, read_items, read_node,
};
use super::values::{BYTE_RATE, DURATION, NAME, NAME_HELP, REQUEST_PATTERN, SHARE, SIZE, STATUS};
use super::yaml::Yaml;
use crate::profile::model::{Autocorrelation, DemandClass, DistributionSpec, OperationTiming, ProfileOperation};
use crate::station::Contention;
use standin_stub::delay::units;
use standin_stub::source::{Node, Reader};

/// An item of `operations`.
pub(super) static OPERATION_KEYS: Schema<ProfileOperation> = Schema {
    name: "an operation",
    subject: "the operation",
    style: Style::Block,
    blank: blank_operation,
    keys: KEYS,
    check: no_check,
};

/// `default` of a service: an operation without a name and a pattern.
pub(super) static DEFAULT_KEYS: Schema<ProfileOperation> = Schema {
    name: "`default`",
    subject: "the operation",
    style: Style::Block,
    blank: blank_operation,
    keys: KEYS.split_at(2).1,
    check: no_check,
};

/// The name and the pattern come first: `default` has the others alone.
const KEYS: &[SchemaKey<ProfileOperation>] = &[
    key!(ProfileOperation, "name", name, NAME).required(NAME_HELP),
    optional_key!(ProfileOperation, "match", pattern, REQUEST_PATTERN),
    key!(ProfileOperation, "demand", timing.demand, DISTRIBUTION)
        .required("add the time that a call holds a worker, such as `demand: {lognormal: {median: 3ms, p99: 30ms}}`"),
    SchemaKey::<ProfileOperation>::new(
        "cpu",
        |operation, object, reader| {
            let share = SHARE.read("cpu", object, reader);
            share.map(|share| operation.timing.contention = Some(Contention::Cpu(share))).is_some()
        },
        |operation| match operation.timing.contention {
            Some(Contention::Cpu(share)) => Some(SHARE.write(&share)),
            _ => None,
        },
    )
    .comment("of the demand: it needs one of the cores"),
    SchemaKey::<ProfileOperation>::new(
        "slowdown",
        |operation, object, reader| {
            let share = SHARE.read("slowdown", object, reader);
            share.map(|share| operation.timing.contention = Some(Contention::Slowdown(share))).is_some()
        },
        |operation| match operation.timing.contention {
            Some(Contention::Slowdown(share)) => Some(SHARE.write(&share)),
            _ => None,
        },
    )
    .comment("what each other call in service takes from this one")
    .used(|object| match object.node("cpu") {
        None => Usage::Read,
        Some(_) => {
            Usage::Conflict("`slowdown` beside `cpu`", "remove one of them: both say how other calls disturb it")
        }
    }),
    optional_key!(ProfileOperation, "outside", timing.outside_latency, DISTRIBUTION)
        .comment("before a worker is asked for, independent of load"),
    optional_key!(ProfileOperation, "front", timing.front_demand, DISTRIBUTION).comment("demand at the front station"),
    optional_key!(ProfileOperation, "order", timing.autocorrelation, nested!(AUTOCORRELATION_KEYS))
        .comment("slow spells stay together"),
    optional_key!(ProfileOperation, "transfer", timing.transfer_rate, TRANSFER),
    SchemaKey::<ProfileOperation>::new(
        "classes",
        |operation, object, reader| {
            let classes = CLASSES.read("classes", object, reader);
            classes.map(|classes| operation.timing.classes = classes).is_some()
        },
        |operation| {
            let classes = &operation.timing.classes;
            (!classes.is_empty()).then(|| CLASSES.write(classes))
        },
    ),
];

/// `default` of a service.
pub(super) const DEFAULT_OPERATION: Codec<OperationTiming> = Codec::new(
    |key, object, reader| read_node(key, object, reader, |node, reader| Some(DEFAULT_KEYS.read(node, reader)?.timing)),
    |timing| DEFAULT_KEYS.write(&ProfileOperation { timing: timing.clone(), ..blank_operation() }),
);

fn blank_operation() -> ProfileOperation {
    let timing = OperationTiming::new(DistributionSpec::fixed(Duration::ZERO), Vec::new());
    ProfileOperation { name: String::new(), pattern: None, timing }
}

pub(super) static CLASS_KEYS: Schema<DemandClass> = Schema {
    name: "a class",
    subject: "the class",
    style: Style::Flow,
    blank: || DemandClass {
        share: 0.0,
        min_body_bytes: None,
        status: None,
        demand: DistributionSpec::fixed(Duration::ZERO),
    },
    keys: &[
        key!(DemandClass, "share", share, SHARE).required("add one, such as `share: 0.4%`"),
        optional_key!(DemandClass, "from", min_body_bytes, SIZE),
        optional_key!(DemandClass, "status", status, STATUS),
        key!(DemandClass, "demand", demand, DISTRIBUTION).required("add one, such as `demand: {fixed: 2ms}`"),
    ],
    check: no_check,
};

const CLASSES: Codec<Vec<DemandClass>> = nested_list!(CLASS_KEYS).checked(|classes, node, reader| {
    let sum: f64 = classes.iter().map(|class| class.share).sum();
    if sum > 1.0 + SHARE_TOLERANCE {
        let message = format!("the shares of the classes add up to {}", units::share(sum));
        reader.error(node, message, "lower them to 100% at most; what is left demands as `demand` says");
    }
    // with two classes of one length, the class of a call would be ambiguous
    let mut lengths: Vec<u64> = classes.iter().filter_map(|class| class.min_body_bytes).collect();
    lengths.sort_unstable();
    if let Some(pair) = lengths.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = format!("two classes are of bodies from {} on", units::size(pair[0]));
        reader.error(node, message, "give each another `from`, or make them one");
    }
});

/// `order`: slow spells stay together.
pub(super) static AUTOCORRELATION_KEYS: Schema<Autocorrelation> = Schema {
    name: "an order",
    subject: "the order",
    style: Style::Flow,
    blank: || Autocorrelation { block: Duration::ZERO, correlation: 0.0 },
    keys: &[
        key!(Autocorrelation, "blocks", block, DURATION.checked(check_block))
            .required("add how long a slow spell lasts, such as `blocks: 200ms`"),
        key!(
            Autocorrelation,
            "correlation",
            correlation,
            SHARE.checked(|value, node, reader| check_correlation(*value, node, reader))
        )
        .required(
            "add the rank correlation of calls of one operation that come right after each other, such as \
             `correlation: 40%`; `standin fit` measures it from a tape",
        ),
    ],
    check: no_check,
};

fn check_block(block: &Duration, node: &Node, reader: &mut Reader) {
    if block.is_zero() {
        reader.error(node, "the length of a block is zero", "write how long a slow spell lasts, such as `200ms`");
    }
}

fn check_correlation(correlation: f64, node: &Node, reader: &mut Reader) {
    if correlation == 0.0 {
        reader.error(node, "a correlation of 0% has no effect", "remove the `order`");
    }
}

/// `transfer`, kept as its rate in bytes a second.
const TRANSFER: Codec<f64> = nested!(TRANSFER_KEYS);

pub(super) static TRANSFER_KEYS: Schema<f64> = Schema {
    name: "a transfer",
    subject: "the transfer",
    style: Style::Flow,
    blank: || MIN_BYTES_PER_SECOND,
    keys: &[SchemaKey::<f64>::new(
        "rate",
        |transfer, object, reader| {
            let rate = BYTE_RATE
                .checked(|value, node, reader| check_byte_rate(*value, node, reader))
                .read("rate", object, reader);
            rate.map(|rate| *transfer = rate).is_some()
        },
        |transfer| Some(BYTE_RATE.write(transfer)),
    )
    .required("add the bytes that leave a second, such as `rate: 20MB/s`")],
    check: no_check,
};

fn check_byte_rate(rate: f64, node: &Node, reader: &mut Reader) {
    if rate < MIN_BYTES_PER_SECOND {
        reader.error(node, "the rate is below one byte a second", "use at least `1B/s`");
    }
}

/// At less, no answer would ever end.
const MIN_BYTES_PER_SECOND: f64 = 1.0;

/// Shares are written in decimals: their sum may miss 1 by as much.
const SHARE_TOLERANCE: f64 = 1e-9;
