"""Tables, verdicts and figures of the lines that `run.py` wrote: what docs/FIDELITY.md shows.

python3 summary.py [RESULTS] [--figures FOLDER] [--json | --overview]
"""

import argparse
import glob
import json
import math
import os

import baselines
import figures
from latencies import ALL, CURVE

HERE = os.path.dirname(os.path.abspath(__file__))
JUDGED = ("p50", "p95", "p99")
WITHIN, FACTOR = 0.20, 3.0
FEWEST = 300  # good answers of a cell's run, below which its p99 is not judged


class Cell:
    """A percentile of an operation at a load: real runs, and how far the mock and the best baseline
    are from their geometric mean."""

    def __init__(self, load, operation, percentile, real, mocks, simple):
        self.load, self.operation, self.percentile = load, operation, percentile
        self.calls = sum(run["calls"] for run in real)
        self.real = geometric_mean([run[percentile] for run in real])
        # two real runs differ by so much: about what the means of three runs of the same service
        # differ by, once in twenty of one run nothing is known
        self.noise = (
            math.log(max(run[percentile] for run in real) / min(run[percentile] for run in real))
            if len(real) > 1
            else None
        )
        self.mock = self._off(geometric_mean([run[percentile] for run in mocks])) if mocks else None
        self.simple = {side: self._off(of[percentile]) for side, of in simple.items()}

    def _off(self, value):
        return math.log(value / self.real)

    def holds(self):
        """Within 20 % or the noise."""
        return abs(self.mock) <= max(math.log(1 + WITHIN), self.noise or 0.0)

    def best(self):
        return min(self.simple.values(), key=abs)

    def asked(self):
        """Whether the better baseline is off by more than 20 %."""
        return abs(math.expm1(self.best())) > WITHIN

    def closer(self):
        """How many times as close as the better baseline."""
        return abs(self.best()) / max(abs(self.mock), 1e-6)


class Service:
    """The lines of a service."""

    def __init__(self, path):
        self.name = os.path.basename(path).removesuffix(".jsonl")
        with open(path) as lines:
            self.lines = [json.loads(line) for line in lines]
        self.about, self.capacity, self.record = (
            self._last(kind) for kind in ("about", "capacity", "record")
        )
        mocked = {line["step"][4] for line in self.lines if line["step"][:2] == ["run", "mock"]}
        fits = [line for line in self.lines if line["step"][0] == "fit"]
        # a fit that nothing was served of yet tells less
        self.fit = next(
            (fit for fit in reversed(fits) if fit["step"][1] in mocked), fits[-1] if fits else None
        )
        self.simple = baselines.quantiles(self.record["operations"]) if self.record else {}
        runs = [line for line in self.lines if line["step"][0] == "run"]
        self.loads = sorted({line["load"] for line in runs})
        self.runs = {}
        for line in runs:
            side = line["step"][1]
            # mocks of another standin than the last one that fitted are of the past
            if side != "mock" or (self.fit and line["step"][4] == self.fit["step"][1]):
                self.runs.setdefault((side, line["load"]), []).append(line)
        self._pair()

    def _pair(self):
        """Leaves out what has no counterpart: the sides share their schedules turn by turn, and
        schedules differ."""
        for load in self.loads:
            real, mock = (self.runs.get((side, load), []) for side in ("real", "mock"))
            turns = (
                {run["turn"] for run in real} & {run["turn"] for run in mock}
                if mock
                else {run["turn"] for run in real}
            )
            for side in ("real", "mock"):
                if (side, load) in self.runs:
                    self.runs[side, load] = [
                        run for run in self.runs[side, load] if run["turn"] in turns
                    ]

    def of(self, side, load, operation=ALL):
        return [
            run["operations"][operation]
            for run in self.runs.get((side, load), [])
            if "p50" in run["operations"].get(operation, {})
        ]

    def operations(self):
        return list(self.about["mix"])

    def cells(self):
        return [
            Cell(
                load,
                operation,
                percentile,
                self.of("real", load, operation),
                self.of("mock", load, operation),
                self.simple[operation],
            )
            for load in self.loads
            for operation in self.operations()
            for percentile in JUDGED
            if self.of("real", load, operation)
            and (percentile != "p99" or min(self.good(load, operation)) >= FEWEST)
        ]

    def good(self, load, operation):
        return [one["statuses"].get("200", 0) for one in self.of("real", load, operation)]

    def refusals(self):
        """By load: percent of calls refused by a 429, of the real runs and of the mocks' runs, and
        of the recording."""
        if not any(
            "429" in run["operations"][ALL]["statuses"]
            for runs in self.runs.values()
            for run in runs
        ):
            return []
        return [
            (
                load,
                *(
                    sorted(
                        _refused(run["operations"][ALL]) for run in self.runs.get((side, load), [])
                    )
                    for side in ("real", "mock")
                ),
            )
            for load in self.loads
        ]

    def _last(self, kind):
        found = [line for line in self.lines if line["step"][0] == kind]
        return found[-1] if found else None


def geometric_mean(values):
    return math.exp(sum(math.log(value) for value in values) / len(values))


def verdicts(cells):
    judged = [cell for cell in cells if cell.mock is not None]
    asked = [cell for cell in judged if cell.asked()]
    return {
        "cells": len(judged),
        "within": sum(cell.holds() for cell in judged),
        "asked": len(asked),
        "closer": sum(cell.closer() >= FACTOR for cell in asked),
        # as factors: 1.10 is 10 % too high or the same too low
        "off": _factors([abs(cell.mock) for cell in judged]),
        "better baseline off": _factors([abs(cell.best()) for cell in judged]),
        "noise": _factors([cell.noise for cell in judged if cell.noise is not None]),
    }


def _factors(logs):
    return (
        {"median": round(math.exp(median(logs)), 2), "worst": round(math.exp(max(logs)), 2)}
        if logs
        else None
    )


def median(values):
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def percent(log_ratio):
    return round(100 * math.expm1(log_ratio))


def table(service):
    """A line a load and operation; a cell is: the service's ms (how far apart its runs are),
    standin's error, the better baseline's."""
    lines = [
        "| load | operation | " + " | ".join(JUDGED) + " |",
        "|---|---|" + "---|" * len(JUDGED),
    ]
    rows = {}
    for cell in service.cells():
        rows.setdefault((cell.load, cell.operation), {})[cell.percentile] = _told(cell)
    for (load, operation), cells in rows.items():
        lines.append(
            f"| {load} % | `{operation}` | "
            + " | ".join(cells.get(percentile, "too few") for percentile in JUDGED)
            + " |"
        )
    return "\n".join(lines)


def _told(cell):
    mock = (
        ""
        if cell.mock is None
        else f", **{percent(cell.mock):+d} %**{'' if cell.holds() else ' ✗'}"
    )
    noise = "one run" if cell.noise is None else f"{percent(cell.noise)} %"
    return (
        f"{cell.real:.{0 if cell.real >= 100 else 1}f} ({noise}){mock}, {percent(cell.best()):+d} %"
    )


def served_baselines(service):
    """How far the baselines that were served were from what they were counted as: the median of
    |ln|, over cells."""
    found = [
        abs(math.log(run[percentile] / service.simple[operation][side][percentile]))
        for side in baselines.SIDES
        for load in service.loads
        for operation in service.operations()
        for run in service.of(side, load, operation)
        for percentile in JUDGED
    ]
    return percent(median(found)) if found else None


def refusal_table(service):
    lines = ["| load | 429s of the service, runs | of standin, runs |", "|---|---|---|"]
    for load, real, mock in service.refusals():
        lines.append(f"| {load} % | {_shares(real)} | {_shares(mock)} |")
    return "\n".join(lines)


def _shares(shares):
    return ", ".join(f"{100 * share:.1f}" for share in shares) + " %" if shares else ""


def _refused(one):
    return one["statuses"].get("429", 0) / one["calls"]


def text(service):
    recorded = service.record
    parts = [
        f"## {service.name}",
        f"{service.about['service']}. {', '.join(service.about['packages'])}; {service.about['cpu']}, {service.about['cores']} cores.",
        f"Capacity {service.capacity['perSecond']}/s ({service.capacity['by']}). Recorded at {sorted(recorded['loads'])} %, "
        f"{recorded['secondsEach']} s each: {recorded['operations'][ALL]['calls']} calls, {recorded['operations'][ALL]['statuses']}.",
        "```\n" + (service.fit["said"].strip() if service.fit else "not fitted yet") + "\n```",
        table(service),
    ]
    if service.refusals():
        parts.append(refusal_table(service))
    parts.append(
        json.dumps(
            {
                **verdicts(service.cells()),
                "served baselines off their count, %": served_baselines(service),
            }
        )
    )
    return "\n\n".join(parts)


def overview(found):
    """A line a service: what `fit` said, and how many cells hold at each load."""
    lines = [
        "| service | `fit` says | exit | "
        + " | ".join(("80 %", "90 %", "110 %"))
        + " | within 25 % | off, median (worst) | better mock off | noise |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for service in found:
        cells = service.cells()
        shares = [
            _holding([cell for cell in cells if cell.load == load and cell.mock is not None])
            for load in (80, 90, 110)
        ]
        off = verdicts(cells)
        near = sum(abs(cell.mock) <= math.log(1.25) for cell in cells if cell.mock is not None)
        lines.append(
            f"| `{service.name}` | {said(service.fit)} | {service.fit.get('exit', '') if service.fit else ''} | {' | '.join(shares)} | {near} of {off['cells']} | "
            f"{_factor(off['off'])} | {_factor(off['better baseline off'])} | {_factor(off['noise'])} |"
        )
    return "\n".join(lines)


def _holding(cells):
    return f"{sum(cell.holds() for cell in cells)} of {len(cells)}" if cells else ""


def _factor(of):
    return f"×{of['median']:.2f} (×{of['worst']:.3g})" if of else "unknown"


def said(fit):
    """The model in the words of the report's first lines."""
    lines = [line.strip() for line in fit["said"].splitlines()] if fit else []
    model = next(
        (
            line.partition(": ")[2]
            for line in lines
            if line.startswith(("recorded: ", "the closest model: "))
        ),
        "nothing",
    )
    if model.startswith("do not trust"):
        model = "not trusted: " + next(
            line.partition(": ")[2] for line in lines if line.startswith("the closest model: ")
        )
    return model


def draw(service, folder):
    curves = {}
    for load in service.loads:
        # the baselines are the same at every load, and may have been served at one
        curves[load] = {
            side: [
                run["curve"]
                for at in ([load] if side in ("real", "mock") else service.loads)
                for run in service.of(side, at)
            ]
            for side in ("real", "mock", *baselines.SIDES)
        }
    figures.distributions(
        os.path.join(folder, f"{service.name}.svg"),
        f"{service.name}: calls that took longer",
        CURVE,
        curves,
    )


def main():
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("results", nargs="?", default=os.path.join(HERE, "results"))
    asked.add_argument("--figures", metavar="FOLDER")
    asked.add_argument("--json", action="store_true", help="the verdicts alone")
    asked.add_argument("--overview", action="store_true", help="one table of all services")
    options = asked.parse_args()
    found = [Service(path) for path in sorted(glob.glob(os.path.join(options.results, "*.jsonl")))]
    found = [service for service in found if service.record and service.loads]
    every = [cell for service in found for cell in service.cells()]
    if options.json:
        print(
            json.dumps(
                {
                    **{service.name: verdicts(service.cells()) for service in found},
                    "all": verdicts(every),
                },
                indent=1,
            )
        )
        return
    if options.overview:
        print(overview(found))
        return
    for service in found:
        print(text(service) + "\n")
        if options.figures:
            draw(service, options.figures)
    print(f"## All\n\n{json.dumps(verdicts(every))}")


if __name__ == "__main__":
    main()
