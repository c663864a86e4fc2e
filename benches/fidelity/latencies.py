"""Latencies of tapes, and what they come to by operation: calls, answers by status, quantiles."""

import json
import math

ALL = "all operations"
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
CURVE = [
    0.01,
    0.02,
    0.05,
    *(step / 20 for step in range(2, 19)),
    0.92,
    0.94,
    0.95,
    0.96,
    0.97,
    0.98,
    0.985,
    0.99,
    0.993,
    0.996,
    0.998,
]


def exchanges(path, mix, from_sending=False):
    """(arrival in seconds, operation, status or None, latency in ms); of what `replay` wrote: from
    when a call was due, of a recording: from when the recorder had it. `from_sending`: from when
    the sender had time for the call, so that a sender that waits for a core does not count, but one
    that waits for a connection does."""
    with open(path) as tape:
        next(tape)
        for line in tape:
            one = json.loads(line)
            if "request" not in one:
                continue
            times, response = one["times"], one.get("response") or {}
            status = (
                None
                if one.get("failure") or times.get("lastByte") is None
                else response.get("status")
            )
            at = times["received"]
            if from_sending and times.get("sent") is not None:
                at = times["sent"] - _awaited(times)
            yield at / 1e9, mix.operation_of(one["request"]["url"]), status, (
                (times.get("lastByte") or at) - at
            ) / 1e6


def lateness(path):
    """How late the sender itself was, in ms: the p99 over calls, the waits for a permit and a
    connection aside."""
    late = []
    with open(path) as tape:
        for line in tape:
            times = json.loads(line).get("times") or {}
            if times.get("sent") is not None:
                late.append((times["sent"] - times["received"] - _awaited(times)) / 1e6)
    return round(quantile(sorted(late), 0.99), 3)


def _awaited(times):
    """The nanoseconds that a call waited because of those before it: for a permit, and to connect.
    """
    return times.get("permitWait", 0) + times.get("connect", 0)


def by_operation(path, mix, from_sending=False):
    """Of each operation and of all: calls, how often each status, and the sorted latencies of good
    answers in ms."""
    found = {}
    for _, operation, status, latency in exchanges(path, mix, from_sending):
        for name in (operation, ALL):
            one = found.setdefault(name, {"calls": 0, "statuses": {}, "good": []})
            one["calls"] += 1
            key = str(status or "failed")
            one["statuses"][key] = one["statuses"].get(key, 0) + 1
            if status == 200:
                one["good"].append(latency)
    for one in found.values():
        one["good"].sort()
    return found


def told(found):
    """The same without its samples: quantiles, a curve of quantiles, and of the logarithms mean and
    deviation."""
    return {
        name: {"calls": one["calls"], "statuses": one["statuses"], **_shape(one["good"])}
        for name, one in found.items()
    }


def quantile(ordered, share):
    """Linear between order statistics."""
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def _shape(good):
    if not good:
        return {}
    logs = [math.log(max(latency, 1e-3)) for latency in good]
    mean = sum(logs) / len(logs)
    return {
        **{name: round(quantile(good, share), 3) for name, share in QUANTILES.items()},
        "log": [
            round(mean, 5),
            round(math.sqrt(sum((log - mean) ** 2 for log in logs) / len(logs)), 5),
        ],
        "curve": [round(quantile(good, share), 3) for share in CURVE],
    }
