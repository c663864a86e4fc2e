"""What common mocks would answer, fitted to the same recording: stubs with a constant delay, or
with WireMock's log-normal."""

import json
import math
import os
from statistics import NormalDist

from latencies import ALL, QUANTILES

SIDES = ("constant", "log-normal")


def write(folder, side, mix, recorded):
    """A stub folder: every URL of an operation with its median of the recording, or with a
    log-normal of its logarithms."""
    stubs = []
    for operation in mix.operations:
        median, sigma = _parameters(side, recorded[operation.name])
        delay = {"type": "lognormal", "median": round(median, 4), "sigma": round(sigma, 5)}
        stubs += [
            {
                "request": {"method": "GET", "url": url},
                "response": {"status": 200, "body": "{}", "delayDistribution": delay},
            }
            for url in operation.urls
        ]
    os.makedirs(os.path.join(folder, "mappings"), exist_ok=True)
    with open(os.path.join(folder, "mappings", "all.json"), "w") as out:
        json.dump({"mappings": stubs}, out)


def quantiles(recorded):
    """The quantiles that they would have if nothing came on top, by operation: they don't depend on
    the load."""
    normal, found = NormalDist(), {}
    for name, one in recorded.items():
        if name != ALL and "p50" in one:
            found[name] = {}
            for side in SIDES:
                median, sigma = _parameters(side, one)
                found[name][side] = {
                    quantile: median * math.exp(sigma * normal.inv_cdf(share))
                    for quantile, share in QUANTILES.items()
                }
    return found


def _parameters(side, recorded):
    return (
        (recorded["p50"], 0.0)
        if side == "constant"
        else (math.exp(recorded["log"][0]), recorded["log"][1])
    )
