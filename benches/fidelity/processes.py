"""Starting, pinning and ending what takes part in a run, and counting the CPU that it took."""

import http.client
import os
import signal
import socket
import subprocess
import threading
import time

SERVICE_CORE, CLIENT_CORE = 1, 0
TICK = os.sysconf("SC_CLK_TCK")
# a shell starts what runs in its background with SIGINT ignored, which children inherit;
# `Process.end` needs it
signal.signal(signal.SIGINT, signal.default_int_handler)
# set by `prefer`: the niceness of all that takes part in a run
niceness = None


class Process:
    """A child on one core (or any), in a session of its own. It runs in the folder of its log, so
    that it imports nothing from ours."""

    def __init__(self, name, command, core, log):
        self.name = name
        self.log = open(log, "ab")
        pinned = command if core is None else ["taskset", "-c", str(core), *command]
        self.child = subprocess.Popen(
            pinned,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            cwd=os.path.dirname(log),
        )
        _prefer_session(self.child.pid)

    def wait_for_port(self, port, limit=30):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.child.poll() is not None:
                raise RuntimeError(
                    f"{self.name} ended with {self.child.returncode}; see {self.log.name}"
                )
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not listen; see {self.log.name}")

    def cpu(self):
        """Seconds of CPU that it and its living children took."""
        return sum(_cpu(pid) for pid in [self.child.pid, *_children(self.child.pid)])

    def end(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
            try:
                self.child.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self.child.pid, signal.SIGKILL)
                self.child.wait()
        self.log.close()
        return self.child.returncode


class Meter:
    """The CPU shares of a stretch of time: of each process, of each core, and of strangers."""

    def __init__(self, *processes):
        self.processes = processes
        self.begin = time.monotonic()
        self.before = [process.cpu() for process in processes]
        self.cores = _busy()
        self.reaped = os.times()

    def shares(self):
        """Percent of one core. `strangers` is all that none of the processes, nor children that
        have ended, took."""
        seconds = time.monotonic() - self.begin
        shares = {
            process.name: process.cpu() - before
            for process, before in zip(self.processes, self.before)
        }
        now = os.times()
        shares["sender"] = (
            now.children_user
            + now.children_system
            - self.reaped.children_user
            - self.reaped.children_system
        )
        cores = {core: busy - self.cores[core] for core, busy in _busy().items()}
        own = now.user + now.system - self.reaped.user - self.reaped.system
        shares["strangers"] = max(0.0, sum(cores.values()) - sum(shares.values()) - own)
        shares.update(
            {
                f"core {core}": busy
                for core, busy in cores.items()
                if core in (SERVICE_CORE, CLIENT_CORE)
            }
        )
        return {name: round(100 * cpu / seconds, 1) for name, cpu in shares.items()}


def prefer(nice):
    """Puts this process and all that it starts before (below 0) or behind other programs; below 0
    needs root."""
    global niceness
    niceness = nice
    if os.getpid() != os.getsid(0):
        os.setpgid(0, os.getpgid(os.getppid()))
        os.setsid()
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    _prefer_session("self")


def _prefer_session(pid):
    """Linux shares cores between sessions first (autogroups), each of which has a niceness of its
    own."""
    try:
        if niceness is not None:
            with open(f"/proc/{pid}/autogroup", "w") as group:
                group.write(str(niceness))
    except FileNotFoundError:
        pass  # a system without autogroups: the processes' own niceness is all


def busy(seconds=2):
    """Percent of a core that all processes take now."""
    before = sum(_busy().values())
    time.sleep(seconds)
    return round(100 * (sum(_busy().values()) - before) / seconds, 1)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def recorder(binary, target, folder, port, log):
    command = [
        binary,
        "record",
        "--target",
        f"http://127.0.0.1:{target}",
        folder,
        "--listen",
        f"127.0.0.1:{port}",
        "--exclusive",
        "--max-in-flight",
        "2000",
        "--workers",
        "1",
    ]
    return Process("recorder", command, CLIENT_CORE, log).wait_for_port(port)


def mock(binary, folder, profile, port, seed, log):
    command = [
        binary,
        "serve",
        folder,
        "--listen",
        f"127.0.0.1:{port}",
        "--seed",
        str(seed),
        "--workers",
        "1",
        "--no-watch",
        *(["--profile", profile] if profile else []),
    ]
    return Process("mock", command, SERVICE_CORE, log).wait_for_port(port)


def send(binary, tape, port, out):
    """Sends a schedule, and leaves the sender's tape at `out`."""
    command = [
        "taskset",
        "-c",
        str(CLIENT_CORE),
        binary,
        "replay",
        tape,
        "--target",
        f"http://127.0.0.1:{port}",
        "--max-per-second",
        "100000",
        "--beyond-recorded",
        "--stop",
        "errors=100%,p95=100000x",
        "--out",
        out,
    ]
    ran = subprocess.run(command, capture_output=True, text=True)
    # 2: the sender doubts its run for its lateness or for the answers' statuses; both are judged by
    # who reads its tape
    if ran.returncode not in (0, 2) or not os.path.exists(out):
        raise RuntimeError(
            f"the replay of {tape} failed ({ran.returncode}): {ran.stderr}{ran.stdout}"
        )


def closed_loop(port, urls, clients, seconds, warm_up, good=(200,)):
    """Calls a second that `clients` get answered, each sending its next call when it has the last
    answer."""
    done, wrong, end = [], [], time.monotonic() + warm_up + seconds
    begin = end - seconds

    def client(urls):
        for url in urls:
            if time.monotonic() >= end:
                return
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", url)
            answer = connection.getresponse()
            answer.read()
            connection.close()
            if answer.status not in good:
                wrong.append(f"{url}: {answer.status}")
                return
            done.append(time.monotonic())

    threads = [
        threading.Thread(target=client, args=(urls[one::clients],)) for one in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise RuntimeError(wrong[0])
    return sum(begin <= at < end for at in done) / seconds


def _cpu(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def _children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            return [int(child) for child in children.read().split()]
    except OSError:
        return []


def _busy():
    cores = {}
    with open("/proc/stat") as stat:
        for line in stat:
            name, *ticks = line.split()
            if name.startswith("cpu") and name != "cpu":
                ticks = [int(tick) for tick in ticks]
                # all but idle and waiting for a disk; guests are counted in user already
                cores[int(name[3:])] = (sum(ticks[:8]) - ticks[3] - ticks[4]) / TICK
    return cores
