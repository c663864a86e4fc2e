#!/usr/bin/env python3
"""A system under test before a real service and before its mocks, under one open load.

The service is `standin demo`: four workers, 10 and 30 ms a call, one queue. It is recorded at 20, 40 and 60 % of its
capacity and fitted. Then the same schedule goes through the system with each backend in turn: the service, standin
with the fitted profile, WireMock's log-normal delay, and a fixed delay, both fitted to the same recording.

  benches/system/run.py target/release/standin                      all systems that are installed, 50 to 120 %
  benches/system/run.py BINARY --system haproxy --loads 80,110 --seconds 20 --rounds 3

Each run is a JSON line in results/; the table is on stdout."""

import argparse
import json
import os
import random
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "fidelity"))

import baselines  # noqa: E402
import latencies  # noqa: E402
import processes  # noqa: E402
import schedule  # noqa: E402
import systems  # noqa: E402

WORKERS, DEMAND_SECONDS = 4, 0.010
# GET /items takes one demand, GET /search three
MIX = schedule.Mix(schedule.Operation(0.8, "items", [f"/items/{number}" for number in range(1, 21)]),
                   schedule.Operation(0.2, "search", [f"/search?q=word{number}" for number in range(1, 11)]))
CAPACITY = WORKERS / (DEMAND_SECONDS * (0.8 * 1 + 0.2 * 3))
RECORDED = (0.2, 0.4, 0.6)
BACKENDS = ("service", "standin", "log-normal", "fixed")
# the share of errors from which on a system is broken
BROKEN = 0.05


class Bench:
    def __init__(self, options, folder):
        self.binary, self.seconds, self.folder = os.path.abspath(options.binary), options.seconds, folder
        self.stubs = os.path.join(folder, "stubs")
        self.log = os.path.join(folder, "log")

    def demo(self, port):
        command = [self.binary, "demo", "--listen", f"127.0.0.1:{port}", "--workers", str(WORKERS), "--demand", f"{DEMAND_SECONDS * 1e3:g}ms"]
        return processes.Process("service", command, None, self.log).wait_for_port(port)

    def plan(self, name, stretches, seed):
        path = os.path.join(self.folder, f"{name}.jsonl")
        schedule.write(path, schedule.calls(MIX, stretches, seed))
        return path

    def learn(self):
        """Records the service, fits it, and writes the two simpler mocks."""
        service_port, port = processes.free_port(), processes.free_port()
        service = self.demo(service_port)
        recorder = processes.recorder(self.binary, service_port, self.stubs, port, self.log)
        plan = self.plan("recorded", [(share * CAPACITY, self.seconds) for share in RECORDED], 1)
        sent = os.path.join(self.folder, "recording-sent.jsonl")
        processes.send(self.binary, plan, port, sent)
        recorder.end()
        service.end()
        fit = processes.subprocess.run([self.binary, "fit", self.stubs, "--anyway"], capture_output=True, text=True)
        if not os.path.exists(os.path.join(self.stubs, "profiles", "recorded.yaml")):
            raise RuntimeError(f"nothing was fitted: {fit.stderr}{fit.stdout}")
        tape = next(os.path.join(self.stubs, "tapes", name) for name in os.listdir(os.path.join(self.stubs, "tapes")) if name.endswith(".jsonl"))
        recorded = latencies.told(latencies.by_operation(tape, MIX, True))
        for side, folder in (("log-normal", "log-normal"), ("constant", "fixed")):
            baselines.write(os.path.join(self.folder, folder), side, MIX, recorded)
        return fit.stdout.strip().splitlines()[0]

    def backend(self, name, port, seed):
        if name == "service":
            return self.demo(port)
        folder, profile = (self.stubs, "recorded") if name == "standin" else (os.path.join(self.folder, name), None)
        return processes.mock(self.binary, folder, profile, port, seed, self.log)

    def run(self, system, backend, load, seed):
        """One run; the figures are those of the client of the system."""
        backend_port, port = processes.free_port(), processes.free_port()
        below = self.backend(backend, backend_port, seed)
        command = systems.all_here()[system](port, backend_port, self.folder)
        under_test = processes.Process(system, command, None, self.log).wait_for_port(port)
        # the seed is of the round: all backends get one schedule
        plan = self.plan("plan", [(load * CAPACITY, self.seconds)], seed)
        sent = os.path.join(self.folder, "sent.jsonl")
        if os.path.exists(sent):
            os.remove(sent)
        try:
            processes.send(self.binary, plan, port, sent)
        finally:
            under_test.end()
            below.end()
        all_calls = latencies.by_operation(sent, MIX)[latencies.ALL]
        good = all_calls["good"]
        figures = {name: round(latencies.quantile(good, share), 2) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)) if good}
        return {"system": system, "backend": backend, "load": load, "seed": seed, "calls": all_calls["calls"],
                "goodPerSecond": round(len(good) / self.seconds, 1), "errors": round(1 - len(good) / all_calls["calls"], 4),
                **figures, "latenessP99Ms": latencies.lateness(sent)}


def breaking_load(rows, backend):
    """The lowest load at which the system is broken; None if it never was."""
    broken = [row["load"] for row in rows if row["backend"] == backend and row["errors"] > BROKEN]
    return min(broken) if broken else None


def tell(system, rows):
    print(f"\n{system}: at each load the means of the runs\n")
    print("| load | backend | p50 ms | p95 ms | p99 ms | errors | good/s |\n|---|---|---|---|---|---|---|")
    mean = lambda runs, key: sum(run[key] for run in runs if key in run) / max(1, sum(key in run for run in runs))
    for load in sorted({row["load"] for row in rows}):
        for backend in BACKENDS:
            runs = [row for row in rows if (row["load"], row["backend"]) == (load, backend)]
            if runs:
                p50, p95, p99 = (mean(runs, key) for key in ("p50", "p95", "p99"))
                print(f"| {load:.0%} | {backend} | {p50:.1f} | {p95:.1f} | {p99:.1f} | {mean(runs, 'errors'):.1%} | {mean(runs, 'goodPerSecond'):.1f} |")
    for backend in BACKENDS:
        at = breaking_load(rows, backend)
        print(f"breaking load before {backend}: {'none' if at is None else f'{at:.0%}'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--system", choices=sorted(systems.all_here()), action="append")
    parser.add_argument("--loads", default="50,80,95,110,120", help="percent of the capacity of the service")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--results", default=os.path.join(HERE, "results", "system.jsonl"))
    options = parser.parse_args()
    os.makedirs(os.path.dirname(os.path.abspath(options.results)), exist_ok=True)
    loads = [float(load) / 100 for load in options.loads.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        print(bench.learn())
        for system in options.system or sorted(systems.all_here()):
            rows = []
            for number in range(options.rounds):
                for load in loads:
                    # in another order each time, so that no backend has the calm of the machine to itself
                    order = random.Random(f"{number} {load}").sample(BACKENDS, len(BACKENDS))
                    for backend in order:
                        row = bench.run(system, backend, load, 100 + number)
                        row["at"] = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
                        rows.append(row)
                        with open(options.results, "a") as out:
                            out.write(json.dumps(row) + "\n")
            tell(system, rows)


if __name__ == "__main__":
    main()
