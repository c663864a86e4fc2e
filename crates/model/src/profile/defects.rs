//! All defects of profiles, with the place and the help text of each.

use super::read_all;
use super::tests::{files, shown};

/// Texts of profile files, and the begin of each of their defects, from its line and column on.
type Cases<'a> = &'a [(String, Vec<&'a str>)];

fn check(cases: Cases<'_>) {
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let loaded = read_all(&files(&[("p", text)]));
        let shown = shown(&loaded);
        let is_right = |(defect, expected): (&String, &&str)| {
            // each has a help text
            defect.starts_with(&format!("profiles/p.yaml:{expected}")) && defect.contains("; ")
        };
        if shown.len() != expected.len() || !shown.iter().zip(expected).all(is_right) {
            wrong.push(format!("{text}\n{shown:#?}\n{expected:#?}"));
        }
        assert!(!loaded.has_errors() || loaded.profiles.is_empty());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn service(capacity: &str, rest: &str) -> String {
    format!("services:\n- name: s\n  capacity: {capacity}\n  default: {{demand: {{fixed: 1ms}}}}\n{rest}")
}

fn work(work: &str) -> String {
    format!("services:\n- name: s\n  capacity: {UNLIMITED}\n  operations:\n  - name: o\n    {work}\n")
}

const UNLIMITED: &str = "{discipline: unlimited}";

#[test]
fn a_profile_needs_services() {
    check(&[
        ("[1]".to_owned(), vec!["1:1: a profile is an object, not a list; help: write `{…}` here"]),
        (
            "a: [".to_owned(),
            vec!["1:4: a value is missing here; help: write one, such as `null`, or put the text in quotes"],
        ),
        ("servces: []".to_owned(), vec!["1:1: unknown field `servces`; help: did you mean `services`?"]),
        (
            "services: {}".to_owned(),
            vec!["1:11: `services` is a list, not an object; help: write `-` before each item"],
        ),
        (
            "services: []\nrepeat: 1h".to_owned(),
            vec!["2:9: `repeat` needs a `timeline`, and there is none; help: remove it, or add a `timeline`"],
        ),
        (
            "services: [{}]".to_owned(),
            vec![
                "1:12: the service has no `name`; help: give it one: draws, metrics and `extends` go by it",
                "1:12: the service has no `capacity`; help: add `capacity: {discipline: unlimited}`, or its workers",
                "1:12: the service has no operation, so it paces no call; help: add `operations`, or a `default` for all its calls",
            ],
        ),
        (
            "extends: other\nservices: []".to_owned(),
            vec!["1:10: there is no profile `other` to extend; help: remove it: there is no other profile here"],
        ),
    ]);
}

#[test]
fn a_discipline_is_one_of_four() {
    check(&[
        (
            service("{discipline: fif, workers: 1}", ""),
            vec!["3:26: `fif` is no discipline; help: did you mean `fifo`?"],
        ),
        (
            service("{discipline: lifo9}", ""),
            vec!["3:26: `lifo9` is no discipline; help: use one of curve, fifo, sharing, unlimited"],
        ),
    ]);
}

#[test]
fn a_curve_has_rates_that_rise_less_than_the_population() {
    check(&[
        (
            service("{discipline: curve, rates: [1]}", ""),
            vec![
                "3:40: a curve is an object, not a list; help: write `{…}` here",
                "3:13: the capacity has no `queue`; help: write how many calls may wait, or `queue: unbounded`",
            ],
        ),
        (
            service("{discipline: curve, workers: 2, queue: 1}", ""),
            vec![
                "3:13: the capacity has no `rates`; help: add completions a second by how many calls are inside, such as `rates: {1: 40/s, 2: 78/s, 4: 130/s}`",
                "3:33: unknown field `workers`; help: known here: discipline, overflow, queue, rates",
            ],
        ),
        (
            service("{discipline: curve, queue: 1, rates: {one: 1/s, 2: 3, 3: 0/s}}", ""),
            vec![
                "3:51: `one` is no number of calls; help: write how many calls are inside, from 1 to 1000000",
                "3:64: 3 is no rate; help: write completions a second, such as `40/s`, from 0.001/s to 1000000000/s",
                "3:70: \"0/s\" is no rate; help: write completions a second, such as `40/s`",
            ],
        ),
        (
            service("{discipline: curve, queue: 1, rates: {2: 4/s}}", ""),
            vec!["3:50: the rates do not begin with a population of 1; help: begin with"],
        ),
        (
            service("{discipline: curve, queue: 1, rates: {1: 4/s, 3: 5/s, 2: 5/s}}", ""),
            vec!["3:70: the populations do not rise; help: put them in order, each once"],
        ),
        (
            service("{discipline: curve, queue: 1, rates: {1: 4/s, 2: 9/s}}", ""),
            vec![
                "3:62: each of 2 calls would be faster than each of 1; help: lower it to at most 2 times the rate of 1, or measure both again",
            ],
        ),
    ]);
}

#[test]
fn a_limited_station_has_workers_and_a_queue() {
    check(&[
        (
            service("{}", ""),
            vec![
                "3:13: there are no `workers` and no `cores`; help: add `workers: 4` for how many calls are worked on at once, `cores: 1` for what they share, or a `discipline`: `fifo`, `sharing`, `curve` or `unlimited`",
            ],
        ),
        (service("{queue: 3}", ""), vec!["3:13: there are no `workers` and no `cores`; help: add `workers: 4`"]),
        (
            service("{worker: 3, core: 1, queu: 3}", ""),
            vec![
                "3:13: there are no `workers` and no `cores`; help: add `workers: 4`",
                "3:14: unknown field `worker`; help: did you mean `workers`?",
                "3:25: unknown field `core`; help: did you mean `cores`?",
                "3:34: unknown field `queu`; help: did you mean `queue`?",
            ],
        ),
        (
            service("{workers: 0, cores: 0}", ""),
            vec![
                "3:23: 0 is no number of workers; help: use a number from 1 to 1000000",
                "3:33: 0 is no number of cores; help: use a number from 0.001 to 1000000, such as `4`, or `0.5` for half of one",
                "3:13: the capacity has no `queue`; help: write how many calls may wait, or `queue: unbounded`",
            ],
        ),
        (
            service("{workers: 6, cores: two, queue: 3, rates: {1: 2/s}}", ""),
            vec![
                "3:33: a plain number is needed here, not `two`; help: write digits without a unit",
                "3:48: unknown field `rates`; help: known here: cores, discipline, overflow, queue, workers",
            ],
        ),
        (
            service("{discipline: fifo, workers: 6, cores: 1, queue: 3}", ""),
            vec!["3:51: `cores` beside `discipline`; help: remove one of them: without a `discipline`"],
        ),
        (
            service("{disciplin: fifo, workers: 2, queue: 3}", ""),
            vec!["3:14: unknown field `disciplin`; help: did you mean `discipline`?"],
        ),
        (
            service("{discipline: fifo}", ""),
            vec![
                "3:13: the capacity has no `workers`; help: add how many calls are worked on at once",
                "3:13: the capacity has no `queue`; help: write how many calls may wait, or `queue: unbounded`",
            ],
        ),
        (
            service("{discipline: sharing, workers: 0, queue: -1}", ""),
            vec![
                "3:44: 0 is no number of workers; help: use a number from 1 to 1000000, or `discipline: unlimited`",
                "3:54: -1 is no length of a queue; help: write how many calls may wait, or `queue: unbounded`",
            ],
        ),
        (
            service("{discipline: fifo, workers: 1.5, queue: 1s}", ""),
            vec![
                "3:41: `workers` is a whole number, not 1.5; help: write digits",
                "3:53: \"1s\" is no length of a queue; help: write how many calls may wait, or `queue: unbounded`",
            ],
        ),
        (
            service("{discipline: fifo, workers: 1, queue: 1, overflow: {}}", ""),
            vec!["3:64: the overflow has no `status`; help: add one such as `status: 503`, or a `fault`"],
        ),
        (
            service("{discipline: fifo, workers: 1, queue: 1, overflow: {fault: RESET}}", ""),
            vec![
                "3:72: `RESET` is not a fault; help: use EMPTY_RESPONSE, CONNECTION_RESET_BY_PEER, MALFORMED_RESPONSE_CHUNK or RANDOM_DATA_THEN_CLOSE",
            ],
        ),
        (
            service("{discipline: fifo, workers: 1, queue: unbounded, overflow: {status: 429}}", ""),
            vec!["3:72: an unbounded queue never overflows; help: give `queue` a number, or remove `overflow`"],
        ),
        (
            service("{discipline: unlimited, workers: 1}", ""),
            vec!["3:37: unknown field `workers`; help: known here: discipline"],
        ),
    ]);
}

#[test]
fn a_service_says_nothing_that_is_not_served() {
    check(&[
        (
            service(UNLIMITED, "  stalls: {}\n  abandon: freee\n"),
            vec![
                "5:11: `stalls` has no `every`; help: add the time between two, such as `every: {exponential: {mean: 30s}}`",
                "5:11: `stalls` has no `last`; help: add the time that one takes, such as `last: {lognormal: {median: 120ms, p99: 400ms}}`",
                "6:12: `freee` is no value of `abandon`; help: did you mean `free`?",
            ],
        ),
        (
            service(UNLIMITED, "  rateLimit: {perSecond: 0, burst: 0, overflow: {status: 1000}}\n"),
            vec![
                "5:26: 0 is no rate to limit to; help: use a number from 0.001 to 1000000000",
                "5:36: a burst has at least one call; help: use a number from 1 up, or remove it",
                "5:58: 1000 cannot be the status of an answer; help: use a number from 200 to 999",
            ],
        ),
        (
            service(UNLIMITED, "  stalls: {evry: {fixed: 1s}, every: {fixed: 1us}, last: 3}\n"),
            vec![
                "5:38: the mean time between stalls is too short; help: use a mean of 1ms or more; for a slower service use `scale`",
                "5:58: a distribution is an object, not a number; help: write `{fixed: 3}`",
                "5:12: unknown field `evry`; help: did you mean `every`?",
            ],
        ),
        (
            service(UNLIMITED, "  abandon: free\n"),
            vec![
                "5:12: `abandon: free` has no effect where the capacity is unlimited; help: remove it, or give the service workers",
            ],
        ),
        (
            service(UNLIMITED, "  rateLimit: {rate: 5}\n"),
            vec![
                "5:14: the rate limit has no `perSecond`; help: add how many calls may come a second",
                "5:15: unknown field `rate`; help: known here: burst, overflow, perSecond",
            ],
        ),
        (
            service(UNLIMITED, "  scale: {latency: 0, capacity: 2, speed: 1}\n"),
            vec![
                "5:20: 0 is no scale factor; help: use a number from 0.001 to 1000",
                "5:36: unknown field `speed`; help: known here: capacity, latency",
                "5:10: `scale.capacity` has no effect where the capacity is unlimited; help: remove it, or give the service workers",
            ],
        ),
        (
            service(UNLIMITED, "  valid: {utilization: 0.6, inFlight: many, perSecond: -1, samples: 1}\n"),
            vec![
                "5:24: `0.6` has no unit; help: write it as a percentage, such as `0.6%`",
                "5:39: `inFlight` is a whole number, not \"many\"; help: write digits",
                "5:56: a rate is not negative; help: use a number from 0 up",
            ],
        ),
        (service(UNLIMITED, "  match: {urlPattern: '('}\n"), vec!["5:23: "]),
        (
            service(UNLIMITED, "- name: s\n  capacity: {discipline: unlimited}\n  default: {demand: {fixed: 1ms}}\n"),
            vec!["5:9: there is another service of this name; help: give each a name of its own"],
        ),
    ]);
}

#[test]
fn an_operation_demands_something() {
    check(&[
        (
            work("match: {methd: GET}"),
            vec![
                "6:13: unknown field `methd`; help: did you mean `method`?",
                "5:5: the operation has no `demand`; help: add the time that a call holds a worker, such as `demand: {lognormal: {median: 3ms, p99: 30ms}}`",
            ],
        ),
        (
            work("demand: 3ms\n    order: {blocks: 1s}\n    transfer: {rate: 1MB/s}"),
            vec![
                "6:13: a distribution is an object, not a string; help: write `{fixed: 3ms}`",
                "7:12: the order has no `correlation`; help: add the rank correlation of calls of one operation that come right after each other, such as `correlation: 40%`; `standin fit` measures it from a tape",
            ],
        ),
        (
            work("demand: {fixed: 3ms}\n    order: {block: 1s, correlation: 0.4}\n    transfer: {rate: 20}"),
            vec![
                "7:37: `0.4` has no unit; help: write it as a percentage, such as `0.4%`",
                "7:13: unknown field `block`; help: did you mean `blocks`?",
                "8:22: `20` has no unit; help: use B/s, kB/s, MB/s, GB/s, KiB/s, MiB/s or GiB/s",
            ],
        ),
        (
            work("demand: {fixed: 3ms}\n    order: {blocks: 0s, correlation: 0%}\n    transfer: {rate: 0.5B/s}"),
            vec![
                "7:21: the length of a block is zero; help: write how long a slow spell lasts, such as `200ms`",
                "7:38: a correlation of 0% has no effect; help: remove the `order`",
                "8:22: the rate is below one byte a second; help: use at least `1B/s`",
            ],
        ),
        (
            work("demand: {fixed: 3ms}\n    order: 200ms\n    transfer: {speed: 1MB/s}"),
            vec![
                "7:12: an order is an object, not a string; help: write `{…}` here",
                "8:15: the transfer has no `rate`; help: add the bytes that leave a second, such as `rate: 20MB/s`",
                "8:16: unknown field `speed`; help: known here: rate",
            ],
        ),
    ]);
}

#[test]
fn how_calls_disturb_each_other_is_said_once_and_where_it_counts() {
    let pool = |capacity: &str, more: &str| {
        let text = work(&format!("demand: {{fixed: 1ms}}\n    {more}"));
        text.replace(UNLIMITED, capacity)
    };
    check(&[
        (pool("{workers: 6, cores: 1, queue: 9}", "cpu: 90%"), vec![]),
        (pool("{workers: 6, queue: 9}", "slowdown: 13%"), vec![]),
        (
            pool("{workers: 6, cores: 1, queue: 9}", "cpu: 90%\n    slowdown: 13%"),
            vec!["8:15: `slowdown` beside `cpu`; help: remove one of them: both say how other calls disturb it"],
        ),
        (
            pool("{workers: 6, cores: 1, queue: 9}", "cpu: 0.9\n    slowdown: 1"),
            vec![
                "7:10: `0.9` has no unit; help: write it as a percentage, such as `0.9%`",
                "8:15: `slowdown` beside `cpu`; help: remove one of them",
            ],
        ),
        (
            pool("{workers: 6, cores: 1, queue: 9}", "slowdwn: 13%"),
            vec!["7:5: unknown field `slowdwn`; help: did you mean `slowdown`?"],
        ),
        (pool("{workers: 6, cores: 1, queue: 9}", "cpu: 120%"), vec!["7:10: "]),
        (
            pool("{workers: 6, queue: 9}", "cpu: 90%"),
            vec![
                "7:10: `cpu` has no effect where no `cores` are shared; help: add `cores: 1` to the `capacity`, or remove it",
            ],
        ),
        (
            pool(UNLIMITED, "slowdown: 9%"),
            vec![
                "7:15: `slowdown` has no effect where the capacity is unlimited; help: remove it, or give the service `workers` or `cores`",
            ],
        ),
        (
            pool("{discipline: fifo, workers: 6, queue: 9}", "cpu: 90%"),
            vec![
                "7:10: `cpu` does not go with the `discipline` of the capacity; help: remove it, or write the capacity as `{workers: 4, cores: 1, queue: 256}`, without a `discipline`",
            ],
        ),
    ]);
}

#[test]
fn a_distribution_has_one_kind_and_its_parameters() {
    check(&[
        (work("demand: {fixed: 3}"), vec!["6:21: `3` has no unit; help: write `3ms` or `3s`"]),
        (
            work("demand: {lognormal: {median: 3ms, p9: 4ms, p99: 1ms}}"),
            vec!["6:43: a `lognormal` distribution has no `p9`"],
        ),
        (work("demand: {lognormal: {median: 3ms, p99: 1ms}}"), vec!["6:44: `p99` is not above `median`"]),
        (
            work("demand: {lognormal: {median: 3ms, sigma: 1ms}}"),
            vec!["6:46: a plain number is needed here, not `1ms`"],
        ),
        (
            work("demand: {lognorml: {median: 3ms}}"),
            vec!["6:14: `lognorml` is no distribution; help: did you mean `lognormal`?"],
        ),
        (
            work("demand: {fixed: 1ms, uniform: {}}"),
            vec!["6:26: `uniform` beside `fixed`: a distribution has one kind"],
        ),
        (work("demand: {max: 1ms}"), vec!["6:13: the distribution has no kind; help: use one of fixed, "]),
        (
            work("demand: {mixture: [{share: 10%, fixed: 1ms}, {fixed: 1}]}"),
            vec![
                "6:50: a part of a mixture has no `share`; help: add one, such as `share: 10%`",
                "6:58: `1` has no unit; help: write `1ms` or `1s`",
            ],
        ),
        (
            work("demand: {mixture: [{share: 10%, fixed: 1ms}]}"),
            vec!["6:23: the shares of a mixture add up to 10%, not 100%; help: change them so that they do"],
        ),
    ]);
}

#[test]
fn classes_are_shares_with_lengths_of_their_own() {
    check(&[
        (
            work(
                "demand: {fixed: 1ms}\n    classes:\n    - {share: 60%, demand: {fixed: 1ms}}\n    - {share: 60%, status: 99, demand: {fixed: 1ms}}\n    - {}",
            ),
            vec![
                "9:28: 99 cannot be the status of an answer; help: use a number from 200 to 999",
                "10:7: the class has no `share`; help: add one, such as `share: 0.4%`",
                "10:7: the class has no `demand`; help: add one, such as `demand: {fixed: 2ms}`",
                "8:7: the shares of the classes add up to 120%; help: lower them to 100% at most; what is left demands as `demand` says",
            ],
        ),
        (
            work(
                "demand: {fixed: 1ms}\n    classes:\n    - {share: 1%, from: 32kB, demand: {fixed: 1ms}}\n    - {share: 1%, from: 32000, demand: {fixed: 1ms}}\n    - {share: 1%, from: 3 acres, demand: {fixed: 1ms}}\n    - {share: 1%, from: 0, demand: {fixed: 1ms}}",
            ),
            vec![
                "10:25: `acres` is no unit of length; help: use B, kB, MB, GB, KiB, MiB or GiB",
                "11:25: `0` is no number of bytes; help: use a whole number from 1 up",
                "8:7: two classes are of bodies from 32kB on; help: give each another `from`, or make them one",
            ],
        ),
        (
            work("demand: {fixed: 1ms}\n  - name: o\n    demand: {fixed: 1ms}"),
            vec!["7:11: there is another operation of this name; help: give each a name of its own"],
        ),
    ]);
}

#[test]
fn a_timeline_rises_and_points_to_profiles() {
    check(&[
        (
            "timeline: []\nservices: []\nspeed: 0".to_owned(),
            vec![
                "1:11: the timeline has no steps; help: write `[{at: 0s, profile: recorded}, {at: 10m, profile: peak}]`",
                "3:8: 0 is no speed of a timeline; help: use a number from 0.001 to 1000000",
                "2:11: a timeline has no services of its own; help: put the services into a profile of their own, and point to it with a step",
            ],
        ),
        (
            "timeline: {}".to_owned(),
            vec!["1:11: `timeline` is a list, not an object; help: write `-` before each item"],
        ),
        (
            "timeline:\n- {at: 1s, scale: {latency: 2}}\n- {at: 5, profil: p}\n- {profile: 1, scale: {latency: 0}}"
                .to_owned(),
            vec![
                "3:8: `5` has no unit; help: write `5ms` or `5s`",
                "3:3: the step changes nothing; help: add a `profile`, or a `scale` for the one before it",
                "3:11: unknown field `profil`; help: did you mean `profile`?",
                "4:3: the step has no `at`; help: add when it begins, such as `at: 10m`",
                "4:33: 0 is no scale factor; help: use a number from 0.001 to 1000",
                "2:8: the first step begins at 0s; help: write `at: 0s`",
                "2:3: the first step has no `profile`; help: add `profile: …`; steps after it may leave it out to keep it",
                "4:13: there is no profile `1`; help: put a profile with services beside it, and point to that",
            ],
        ),
        (
            "timeline: [{at: 0s, profile: p}, {at: 2m, scale: {latency: 2}}, {at: 2m, profile: q}]\nrepeat: 60s"
                .to_owned(),
            vec![
                "1:70: a step begins after the one before it; help: put the steps in order",
                "2:9: the timeline repeats before its last step begins; help: use the length of a whole round, such as `24h`",
                "1:30: `p` is a timeline, and a timeline may not point to one; help: point to profiles that have services",
                "1:83: there is no profile `q`; help: put a profile with services beside it, and point to that",
            ],
        ),
    ]);
    let peak = service(UNLIMITED, "");
    let day = "timeline: [{at: 0s, profile: peek}]\nextends: peak";
    let loaded = read_all(&files(&[("day", day), ("peak", &peak)]));
    assert_eq!(
        shown(&loaded),
        [
            "profiles/day.yaml:2:10: a timeline has no services of its own, so it extends nothing; help: remove it, and point to that profile with a step",
            "profiles/day.yaml:1:30: there is no profile `peek`; help: did you mean `peak`?",
        ]
    );
    assert_eq!(loaded.defects[1].pointer, "/timeline/0/profile");
}

#[test]
fn a_front_and_what_is_demanded_of_it_need_each_other() {
    check(&[
        (
            work("demand: {fixed: 1ms}\n    front: {fixed: 1ms}"),
            vec![
                "7:12: the service has no `front`; help: give the service one: `front: {discipline: fifo, workers: 1, queue: unbounded}`",
            ],
        ),
        (
            service(UNLIMITED, "  front: {discipline: fifo, workers: 1, queue: 1}\n"),
            vec![
                "5:10: no operation demands anything of the front; help: add `front: {fixed: 1ms}` to an operation, or remove it here",
            ],
        ),
        (
            service(UNLIMITED, "  front: {discipline: fifo, workers: 0, queu: 1}\n"),
            vec![
                "5:38: 0 is no number of workers; help: use a number from 1 to 1000000, or `discipline: unlimited`",
                "5:41: unknown field `queu`; help: did you mean `queue`?",
                "5:10: no operation demands anything of the front; help: add `front: {fixed: 1ms}` to an operation, or remove it here",
            ],
        ),
    ]);
}

#[test]
fn a_defect_is_drawn_under_its_line() {
    let text = "services:\n- name: s\n  capacity: {discipline: unlimited}\n  default: {demand: {fixed: 3}}\n";
    let loaded = read_all(&files(&[("p", text)]));
    let expected = "\
error: `3` has no unit
 --> profiles/p.yaml:4:29
  |
4 |   default: {demand: {fixed: 3}}
  |                             ^
  |
  = help: write `3ms` or `3s`";
    assert_eq!(loaded.defects[0].draw(false), expected);
    assert_eq!(loaded.defects[0].pointer, "/services/0/default/demand/fixed");
}

#[test]
fn what_is_wrong_across_files_is_said_once_and_in_the_right_one() {
    let base = "services: [{name: s, capacity: {discipline: unlimited}, default: {demand: {fixed: 3}}}]";
    let loaded = read_all(&files(&[("base", base), ("one", "extends: base"), ("two", "extends: bas")]));
    assert_eq!(
        shown(&loaded),
        [
            "profiles/base.yaml:1:83: `3` has no unit; help: write `3ms` or `3s`",
            "profiles/two.yaml:1:10: there is no profile `bas` to extend; help: did you mean `base`?",
        ]
    );
    assert!(loaded.profiles.is_empty());
    let loaded =
        read_all(&files(&[("a", "extends: b"), ("b", "extends: c"), ("c", "extends: b"), ("d", "extends: d")]));
    assert_eq!(
        shown(&loaded),
        [
            "profiles/c.yaml:1:10: the profiles extend each other in a circle: `b`, `c`, `b`; help: remove one `extends`",
            "profiles/d.yaml:1:10: the profiles extend each other in a circle: `d`, `d`; help: remove one `extends`",
        ]
    );
}
