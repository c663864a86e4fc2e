"""Records real services at low load, and predicts them at high load: the experiment behind
docs/FIDELITY.md.

    python3 run.py target/release/standin [--only SERVICE]... [--quick | --short] [--busy] [--nice N] [--service-alone]
                   [--work DIR] [--results DIR] [--lock FILE] [--list]

For each service: its capacity by a closed loop; a recording at the loads in services.py; `standin
fit`; then at loads that the recording does not have: runs against the service with the recorder in
its path, against `standin serve --profile recorded`, and against two simpler mocks, in turns (A B C
D, D C B A), everything started anew for each run. Every step is one line of RESULTS/SERVICE.jsonl
and is not done again if its line is there, so that a run that was cut off goes on where it was:
with another standin, fit and mock runs are made anew beside the old ones. `summary.py` makes tables
and figures of the lines.
"""

import argparse
import datetime
import fcntl
import hashlib
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import time

import baselines
import latencies
import processes
import schedule
import services

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
ATTEMPTS = 12
# a run in which the sender was later (p99, ms), or strangers took more of a core (percent), is made
# again
LATE, STRANGERS, REST = 3, 25, 10
# with --busy only a sender that hardly ran makes it again, and twice at most
BUSY_LATE, BUSY_ATTEMPTS = 20, 3


class Length:
    """Seconds of everything, and how often."""

    def __init__(self, quick, short=False):
        self.capacity, self.stretch = (4, 4) if quick else (8, 12) if short else (12, 18)
        self.run, self.turns, self.baseline_turns = (
            (6, 1, 1) if quick else (10, 2, 0) if short else (24, 3, 1)
        )


class Results:
    """The lines of a service: each step by its key."""

    def __init__(self, path):
        self.path, self.lines = path, {}
        if os.path.exists(path):
            with open(path) as lines:
                for line in lines:
                    one = json.loads(line)
                    self.lines[tuple(one["step"])] = one

    def once(self, step, work):
        """The line of a step, from the file or by doing the work."""
        if step not in self.lines:
            line = {"step": list(step), "ended": None, **work()}
            line["ended"] = datetime.datetime.now(datetime.timezone.utc).isoformat(
                timespec="seconds"
            )
            with open(self.path, "a") as out:
                out.write(json.dumps(line, separators=(",", ":")) + "\n")
            self.lines[step] = line
        return self.lines[step]


class Turns:
    """Others may want the machine: measures when they leave it alone, and, if there is a lock file,
    while holding it, for so long at a time, with rests between."""

    HOLD, REST = 240, 185

    def __init__(self, path, patient=True):
        self.path, self.held, self.since, self.left, self.patient = path, None, 0.0, -1e9, patient

    def __call__(self, seconds):
        """To be called before something that takes so many seconds: waits until the lock is held,
        and the machine idle."""
        if self.held and time.monotonic() + seconds > self.since + self.HOLD:
            self.leave()
        told = False
        while True:
            self._take()
            if not self.patient:
                return
            busy = processes.busy()
            if busy <= STRANGERS:
                return
            if not told:
                tell(f"waits: others take {busy} % of a core")
            told = True
            left = self.left
            self.leave()
            self.left = left
            time.sleep(REST)

    def _take(self):
        if self.path and not self.held:
            time.sleep(max(0.0, self.left + self.REST - time.monotonic()))
            self.held = open(self.path, "a")
            fcntl.flock(self.held, fcntl.LOCK_EX)
            self.since = time.monotonic()

    def leave(self):
        if self.held:
            self.held.close()
            self.held, self.left = None, time.monotonic()


class Experiment:
    def __init__(self, service, house, binary, length, results, turns, alone, commit=None):
        self.service, self.house, self.length, self.results, self.turns, self.alone = (
            service,
            house,
            length,
            results,
            turns,
            alone,
        )
        self.binary, self.commit = os.path.abspath(binary), commit
        self.folder = os.path.join(
            house.folder, service.name + (".quick" if length.turns == 1 else "")
        )
        os.makedirs(self.folder, exist_ok=True)
        with open(self.binary, "rb") as program:
            self.identity = hashlib.sha256(program.read()).hexdigest()[:12]

    def all(self):
        service, length, once = self.service, self.length, self.results.once
        once(("about",), self.about)
        capacity = once(("capacity",), self.capacity)["perSecond"]
        recorded = once(("record",), lambda: self.record(capacity))
        predicts = not self.alone and not once(("fit", self.identity), self.fit)["failed"]
        for turn in range(1, length.turns + 1):
            for load in service.predicted:
                # what does not depend on the load needs fewer runs
                simple = (
                    baselines.SIDES
                    if turn <= length.baseline_turns
                    and load == service.predicted[0]
                    and not self.alone
                    else ()
                )
                sides = ["real", *(["mock"] if predicts else []), *simple]
                for side in sides if turn % 2 else reversed(sides):
                    step = ("run", side, load, turn, *([self.identity] if side == "mock" else []))
                    once(
                        step,
                        lambda side=side, load=load, turn=turn: self.run(
                            side, load, turn, capacity, recorded["operations"]
                        ),
                    )

    def about(self):
        with open("/proc/cpuinfo") as info:
            models = [
                line.partition(":")[2].strip() for line in info if line.startswith("model name")
            ]
        mix = {operation.name: operation.share for operation in self.service.mix.operations}
        return {
            "service": self.service.about,
            "cores": os.cpu_count(),
            "cpu": models[0] if models else platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
            "packages": self.house.versions(),
            "mix": mix,
            "runSeconds": self.length.run,
            "truth": self.service.truth,
            "niceness": processes.niceness,
            "patient": self.turns.patient,
        }

    def capacity(self):
        """Calls a second that the service answers when all its workers are always busy; or the
        limit that it is told to keep."""
        if self.service.limit:
            return {"perSecond": self.service.limit, "by": "its configuration"}
        self.turns(self.length.capacity + 5)
        port, rng = processes.free_port(), random.Random(1)
        parties = self.service.start(self.house, port)
        try:
            self.warm(port, self.service.warm_calls)
            urls = [self.service.mix.draw(rng) for _ in range(60_000)]
            meter = processes.Meter(*parties)
            found = processes.closed_loop(port, urls, self.service.clients, self.length.capacity, 2)
            shares = meter.shares()
        finally:
            end(parties)
        tell(f"{self.service.name}: {found:.1f} calls a second are its capacity")
        return {
            "perSecond": round(found, 2),
            "by": f"a closed loop of {self.service.clients} clients",
            "cpu": shares,
        }

    def record(self, capacity):
        # the loads in an order by chance, so that what drifts with time does not look like load
        loads = random.Random(2).sample(self.service.recorded, len(self.service.recorded))
        planned = schedule.calls(
            self.service.mix,
            [(capacity * load / 100, self.length.stretch) for load in loads],
            seed=11,
        )
        found = self.believed(
            "record",
            planned,
            len(loads) * self.length.stretch,
            self.recorder_before_service(self.recorded()),
        )
        return {"loads": loads, "secondsEach": self.length.stretch, **found}

    def fit(self):
        if not os.path.isdir(self.recorded()):
            sys.exit(
                f"`{self.recorded()}` is gone, and with it the recording of {self.results.path}; begin anew without that file"
            )
        ran = subprocess.run([self.binary, "fit", self.recorded()], capture_output=True, text=True)
        again = subprocess.run(
            [self.binary, "fit", self.recorded(), "--json"], capture_output=True, text=True
        )
        said = ran.stdout + ran.stderr.replace(self.house.folder + os.sep, "")
        tell(f"{self.service.name}: fit:\n{said}")
        # a profile that does not explain the recording is written too, with exit code 1
        failed = not os.path.exists(os.path.join(self.recorded(), "profiles", "recorded.yaml"))
        report = {} if failed else json.loads(again.stdout)
        return {
            "failed": failed,
            "exit": ran.returncode,
            "standin": self.standin(),
            "said": said,
            "report": {key: value for key, value in report.items() if key != "operations"},
        }

    def run(self, side, load, turn, capacity, recorded):
        planned = schedule.calls(
            self.service.mix, [(capacity * load / 100, self.length.run)], seed=1000 * turn + load
        )
        name = f"{side}-{load}-{turn}"
        if side == "real":
            parties = self.recorder_before_service(os.path.join(self.folder, "again"))
        elif side == "mock":
            parties = self.mock_of(self.recorded(), "recorded", turn)
        else:
            stubs = os.path.join(self.folder, side)
            baselines.write(stubs, side, self.service.mix, recorded)
            parties = self.mock_of(stubs, None, turn)
        return {
            "load": load,
            "turn": turn,
            "perSecond": round(capacity * load / 100, 2),
            **self.believed(name, planned, self.length.run, parties),
        }

    def recorder_before_service(self, folder):
        def start():
            shutil.rmtree(folder, ignore_errors=True)
            target, port = processes.free_port(), processes.free_port()
            parties = self.service.start(self.house, target)
            self.warm(target, self.service.warm_calls)
            return port, [
                *parties,
                processes.recorder(self.binary, target, folder, port, self.house.log),
            ]

        return start

    def mock_of(self, folder, profile, seed):
        def start():
            port = processes.free_port()
            parties = [processes.mock(self.binary, folder, profile, port, seed, self.house.log)]
            self.warm(port)
            return port, parties

        return start

    def warm(self, port, calls=120):
        """Some calls, so that every worker has imported what it needs; then time for queues and
        limits to be as new."""
        rng = random.Random(0)
        processes.closed_loop(
            port, [self.service.mix.draw(rng) for _ in range(calls)], 6, 30, 0, self.service.good
        )
        time.sleep(1)

    def believed(self, name, planned, seconds, start):
        """A run, again after a rest if the sender was late or strangers had the machine: then it
        says nothing."""
        tape, out = os.path.join(self.folder, f"{name}.schedule.jsonl"), os.path.join(
            self.folder, f"{name}.jsonl"
        )
        schedule.write(tape, planned)
        refused = []
        while True:
            if os.path.exists(out):
                os.remove(out)
            self.turns(seconds + 4)
            port, parties = start()
            meter = processes.Meter(*parties)
            try:
                processes.send(self.binary, tape, port, out)
            finally:
                shares = meter.shares()
                end(parties)
            late, why = latencies.lateness(out), None
            if late > (LATE if self.turns.patient else BUSY_LATE):
                why = f"one call in a hundred was sent {late} ms late"
            elif shares["strangers"] > STRANGERS and self.turns.patient:
                why = f"strangers took {shares['strangers']} % of a core"
            if not why:
                break
            refused.append(why)
            if not self.turns.patient and len(refused) == BUSY_ATTEMPTS:
                break
            if len(refused) == ATTEMPTS:
                sys.exit(
                    f"{self.service.name}: {name}: {why}, and so {ATTEMPTS} times; free the machine, and start this again: it goes on from here"
                )
            tell(f"{self.service.name}: {name}: {why}; again")
        found = latencies.told(
            latencies.by_operation(out, self.service.mix, from_sending=not self.turns.patient)
        )
        whole = found[latencies.ALL]
        tell(
            f"{self.service.name}: {name}: {whole['calls']} calls {whole['statuses']}, p50 {whole.get('p50')} p99 {whole.get('p99')} ms"
        )
        return {
            "operations": found,
            "sentLateP99Ms": late,
            "cpu": shares,
            "busy": not self.turns.patient,
            "refused": refused,
        }

    def recorded(self):
        return os.path.join(self.folder, "recorded")

    def standin(self):
        version = subprocess.run(
            [self.binary, "--version"], capture_output=True, text=True
        ).stdout.strip()
        return f"{version}, commit {self.commit}" if self.commit else version


def end(parties):
    for party in reversed(parties):
        party.end()


def tell(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def main():
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("binary", nargs="?")
    asked.add_argument(
        "--only",
        action="append",
        metavar="SERVICE",
        choices=services.SERVICES,
        help="may be given more than once",
    )
    asked.add_argument(
        "--quick",
        action="store_true",
        help="a minute a service, to see that all works; its numbers say little",
    )
    asked.add_argument(
        "--short",
        action="store_true",
        help="five minutes a service: shorter runs, two a side, no other mocks",
    )
    asked.add_argument(
        "--busy",
        action="store_true",
        help="take runs as they come, whatever else uses the machine; latency counts from sending",
    )
    asked.add_argument(
        "--nice",
        type=int,
        metavar="N",
        help="the niceness of services, recorder, mock and sender; below 0 needs root",
    )
    asked.add_argument(
        "--service-alone",
        action="store_true",
        help="record it and measure it, without predicting it: that can follow",
    )
    asked.add_argument(
        "--work",
        default=os.path.join(REPOSITORY, "target", "fidelity"),
        help="where tapes and the services' packages go",
    )
    asked.add_argument(
        "--results",
        help="where the lines go [default: results/ beside this file, with --quick WORK]",
    )
    asked.add_argument(
        "--lock",
        help="a file to lock while measuring, at most four minutes at a time, with three between",
    )
    asked.add_argument(
        "--commit", help="the commit that the binary was built from, for the results"
    )
    asked.add_argument("--list", action="store_true", help="the services")
    options = asked.parse_args()
    if options.list or not options.binary:
        sys.exit(
            "\n".join(f"{name:<24} {service.about}" for name, service in services.SERVICES.items())
        )
    results = options.results or (options.work if options.quick else os.path.join(HERE, "results"))
    if options.nice is not None:
        processes.prefer(options.nice)
    house, turns = services.House(options.work, options.binary), Turns(
        options.lock, patient=not options.busy
    )
    os.makedirs(results, exist_ok=True)
    for name in options.only or services.SERVICES:
        lines = Results(os.path.join(results, f"{name}{'.quick' if options.quick else ''}.jsonl"))
        Experiment(
            services.SERVICES[name],
            house,
            options.binary,
            Length(options.quick, options.short),
            lines,
            turns,
            options.service_alone,
            options.commit,
        ).all()
    turns.leave()


if __name__ == "__main__":
    main()
