"""What is asked of a service, and when: mixes of calls at Poisson times, written as tapes that
`standin replay` sends."""

import json
import math
import random
from statistics import NormalDist


class Operation:
    """Calls of one kind: a share of all calls, and the URLs that they draw from."""

    def __init__(self, share, name, urls):
        self.share, self.name, self.urls = share, name, urls


class Mix:
    """All that is asked of a service."""

    def __init__(self, *operations):
        self.operations = operations
        self._of = {url: operation.name for operation in operations for url in operation.urls}

    def names(self):
        return [operation.name for operation in self.operations]

    def operation_of(self, url):
        return self._of[url]

    def draw(self, rng):
        operation = rng.choices(self.operations, [each.share for each in self.operations])[0]
        return rng.choice(operation.urls)


def log_normal_points(median, sigma, count):
    """The middles of `count` equally likely parts of a log-normal distribution."""
    normal = NormalDist(math.log(median), sigma)
    return [math.exp(normal.inv_cdf((i + 0.5) / count)) for i in range(count)]


def calls(mix, stretches, seed):
    """(nanoseconds, url) of each call: Poisson arrivals; `stretches` are (calls a second, seconds),
    one after the other."""
    rng = random.Random(seed)
    begin, found = 0.0, []
    for per_second, seconds in stretches:
        at = begin + rng.expovariate(per_second)
        while at < begin + seconds:
            found.append((round(at * 1e9), mix.draw(rng)))
            at += rng.expovariate(per_second)
        begin += seconds
    return found


def write(path, planned):
    """A tape of planned calls, as `standin replay` reads it."""
    with open(path, "w") as out:

        def line(value):
            out.write(json.dumps(value, separators=(",", ":")) + "\n")

        line(
            {
                "standinTape": 1,
                "target": "http://127.0.0.1",
                "startedUnixMs": 0,
                "clock": "a plan: no service was asked",
            }
        )
        for number, (at, url) in enumerate(planned, 1):
            line(
                {
                    "number": number,
                    "request": {"method": "GET", "url": url, "headers": [["Accept", "*/*"]]},
                    "response": {"status": 200},
                    "times": {
                        "received": at,
                        "sent": at,
                        "firstByte": at + 10**7,
                        "lastByte": at + 10**7,
                    },
                }
            )
        line({"end": {"exchanges": len(planned)}})
