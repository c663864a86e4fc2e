"""Records httpbin as a new user does, twenty times, and asks whether `fit` finds its queue and its
workers.

    python3 recordings.py target/release/standin [--count 20] [--refit] [--work DIR] [--results FILE]

Nothing is pinned, and nothing waits for an idle machine: run it while other programs use the cores.
Each recording follows README.md and docs/RECORDING.md: `standin record` in front of the service and
some calls by hand, then `standin record --ramp` up to 60 % of the capacity, then `standin fit`.
Workers are 2 and 4 in turns. Every recording is one line of RESULTS and is not made again if its
line is there. `--refit` fits the recordings that are there with another standin, and adds lines.
"""

import argparse
import datetime
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys

import processes
import services

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
WORKERS = (2, 4)
# percent of the capacity: the steps of `--ramp` go to 95 % of its `--max-per-second`
TOP, STEP_SECONDS = 63, 10
BY_HAND = 150


class Recordings:
    """The folder with the recordings, and the file with their lines."""

    def __init__(self, house, results):
        self.house, self.results = house, results
        with open(house.binary, "rb") as program:
            self.identity = hashlib.sha256(program.read()).hexdigest()[:12]
        self.lines = []
        if os.path.exists(results):
            with open(results) as lines:
                self.lines = [json.loads(line) for line in lines]

    def folder(self, number):
        return os.path.join(self.house.folder, "recordings", f"httpbin-{number:02}")

    def record(self, number):
        """One recording and its fit."""
        workers = WORKERS[number % 2]
        service = services.Httpbin(f"httpbin-{workers}", workers, core=None)
        capacity = self.capacity(workers, service)
        folder, port = self.folder(number), processes.free_port()
        shutil.rmtree(folder, ignore_errors=True)
        parties = service.start(self.house, port)
        try:
            meter = processes.Meter(*parties)
            exits = {"record": self.by_hand(service, port, folder, number), "ramp": None}
            ramp = self.ramp(port, folder, capacity * TOP / 100, number)
            exits["ramp"] = ramp.returncode
            shares = meter.shares()
        finally:
            for party in parties:
                party.end()
        load = {"cpu": shares, "load": round(os.getloadavg()[0], 1)}
        self.add(
            {
                "recording": number,
                "truth": {"discipline": "fifo", "workers": workers},
                "capacity": capacity,
                "seed": number,
                "exits": exits,
                "ramp": steps(ramp.stderr + ramp.stdout),
                **load,
                **self.fit(number),
            }
        )

    def capacity(self, workers, service):
        """Calls a second of a closed loop of 16 clients, measured once."""
        known = [line["capacity"] for line in self.lines if line["truth"]["workers"] == workers]
        if known:
            return known[0]
        port = processes.free_port()
        parties = service.start(self.house, port)
        try:
            rng = random.Random(1)
            return round(
                processes.closed_loop(
                    port, [service.mix.draw(rng) for _ in range(20_000)], 16, 8, 2
                ),
                1,
            )
        finally:
            for party in parties:
                party.end()

    def by_hand(self, service, target, folder, seed):
        """A first recording of a few calls, one after the other; returns the exit code."""
        port, rng = processes.free_port(), random.Random(seed)
        command = [
            self.house.binary,
            "record",
            "--target",
            f"http://127.0.0.1:{target}",
            folder,
            "--listen",
            f"127.0.0.1:{port}",
        ]
        recorder = processes.Process("recorder", command, None, self.house.log).wait_for_port(port)
        try:
            processes.closed_loop(port, [service.mix.draw(rng) for _ in range(BY_HAND)], 1, 60, 0)
        finally:
            code = recorder.end()
        return code

    def ramp(self, target, folder, per_second, seed):
        command = [
            self.house.binary,
            "record",
            "--target",
            f"http://127.0.0.1:{target}",
            folder,
            "--listen",
            f"127.0.0.1:{processes.free_port()}",
            "--ramp",
            "--max-per-second",
            f"{per_second:.0f}",
            "--beyond-recorded",
            "--step",
            f"{STEP_SECONDS}s",
            "--exclusive",
            "--seed",
            str(seed),
        ]
        return subprocess.run(command, capture_output=True, text=True)

    def fit(self, number):
        """What `fit` says about a recording, by this standin."""
        command = [self.house.binary, "fit", self.folder(number)]
        ran = subprocess.run(command, capture_output=True, text=True)
        told = subprocess.run([*command, "--json"], capture_output=True, text=True).stdout
        report = json.loads(told) if told.startswith("{") else {}
        found = {
            name: report.get(name)
            for name in ("discipline", "workers", "cores", "accepted", "effect", "outside")
        }
        head = [line.strip() for line in (ran.stdout or ran.stderr).splitlines()[:2]]
        return {
            "standin": self.identity,
            "exit": ran.returncode,
            "said": head,
            "found": found,
            "calls": (report.get("valid") or {}).get("samples"),
        }

    def add(self, line):
        line["ended"] = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        self.lines.append(line)
        with open(self.results, "a") as out:
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
        print(
            f"{line['recording']:>3}: {line['truth']['workers']} workers: {line['said']}",
            flush=True,
        )

    def refit(self):
        """Fits each recording again, unless this standin has done so."""
        recorded = {line["recording"]: line for line in self.lines if "exits" in line}
        done = {line["recording"] for line in self.lines if line["standin"] == self.identity}
        for number, line in sorted(recorded.items()):
            if number not in done and os.path.isdir(self.folder(number)):
                kept = {name: line[name] for name in ("recording", "truth", "capacity")}
                self.add({**kept, **self.fit(number)})

    def verdict(self):
        """How many recordings this standin gets right; `wrong` are those that are not exactly
        right."""
        mine = [line for line in self.lines if line["standin"] == self.identity]
        exact = [line for line in mine if is_right(line) and not line["found"]["cores"]]
        return {
            "recordings": len(mine),
            "disciplineAndWorkers": sum(map(is_right, mine)),
            "withoutSharedCores": len(exact),
            "explained": sum(line["exit"] == 0 for line in mine),
            "wrong": {line["recording"]: line["said"] for line in mine if line not in exact},
        }


def is_right(line):
    """Returns whether discipline and workers are the truth's."""
    return all(line["found"][name] == value for name, value in line["truth"].items())


def steps(text):
    """The lines of the recorder's report about the steps of the ramp."""
    return [
        line.strip() for line in text.splitlines() if "calls a second:" in line or "stopped" in line
    ]


def main():
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("binary")
    asked.add_argument("--count", type=int, default=20)
    asked.add_argument(
        "--refit", action="store_true", help="fit the recordings that are there, with this standin"
    )
    asked.add_argument(
        "--work",
        default=os.path.join(REPOSITORY, "target", "fidelity"),
        help="where recordings and packages go",
    )
    asked.add_argument(
        "--results", default=os.path.join(HERE, "results", "recordings", "httpbin.jsonl")
    )
    options = asked.parse_args()
    if not os.path.exists(options.binary):
        sys.exit(f"`{options.binary}` does not exist; build it with `cargo build --release`")
    recordings = Recordings(services.House(options.work, options.binary), options.results)
    if options.refit:
        recordings.refit()
    else:
        done = {line["recording"] for line in recordings.lines}
        for number in range(options.count):
            if number not in done:
                recordings.record(number)
    print(json.dumps(recordings.verdict(), indent=1))


if __name__ == "__main__":
    main()
