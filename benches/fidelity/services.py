"""The services: nobody here wrote them, but for Node's handlers and one more. How each is started,
what is asked of it, and at which loads."""

import getpass
import glob
import json
import math
import os
import random
import sqlite3
import subprocess
import sys
import urllib.parse

import processes
from schedule import Mix, Operation, log_normal_points

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ["httpbin==0.10.4", "gunicorn==27.0.1", "datasette==0.65.5"]

# Most of the time a worker sleeps, so that four of them need little of one core, and yet are held.
HTTPBIN = Mix(
    Operation(
        0.60, "GET /delay/{id}", [f"/delay/{s:.5f}" for s in log_normal_points(0.015, 0.4, 40)]
    ),
    Operation(0.15, "GET /bytes/1500", [f"/bytes/1500?seed={i}" for i in range(20)]),
    Operation(0.25, "GET /anything/{id}", [f"/anything/{1000 + i}" for i in range(20)]),
)

SHORT = Mix(Operation(1.0, "GET /short/{id}", [f"/short/{1000 + i}" for i in range(20)]))


# Short and long work of the one thread of an event loop: 1 to 10 ms.
NODE = Mix(
    Operation(0.50, "GET /items/{id}", [f"/items/{1000 + i}" for i in range(20)]),
    Operation(0.30, "GET /search", [f"/search?q={i}" for i in range(20)]),
    Operation(0.20, "GET /report", ["/report"]),
)

# Two awaits of 3 to 30 ms each, and little work.
NODE_AWAITING = Mix(
    Operation(0.60, "GET /slow/{id}", [f"/slow/{1000 + i}" for i in range(40)]),
    Operation(0.40, "GET /items/{id}", [f"/items/{1000 + i}" for i in range(20)]),
)

WIREMOCK = Mix(
    Operation(0.50, "GET /template/{id}", [f"/template/{1000 + i}" for i in range(20)]),
    Operation(0.50, "GET /held/{id}", [f"/held/{1000 + i}" for i in range(20)]),
)


def _sql(query):
    return "/d.json?sql=" + urllib.parse.quote_plus(query)


DATASETTE = Mix(
    Operation(0.25, "row of t", [f"/d/t/{777 + 911 * i}.json" for i in range(40)]),
    Operation(0.25, "row of cities", [f"/d/cities/{1 + i}.json" for i in range(20)]),
    Operation(0.25, "scan of names", [_sql("select count(*) from t where name like '%59%'")]),
    Operation(0.25, "averages by city", [_sql("select city, avg(v) from t group by city")]),
)

STATIC = Mix(
    Operation(0.50, "GET /small.json", ["/small.json"]),
    Operation(0.50, "GET /large.json", ["/large.json"]),
)


class Service:
    """What is asked (`mix`), and percent of its capacity (or of its limit): `recorded` and
    `predicted`."""

    limit = None
    good = (200,)
    # what is known of its structure from its configuration; None where that does not say
    truth = None
    warm_calls = 120
    # of the closed loop that measures the capacity
    clients = 16
    recorded = (20, 30, 40, 50, 60)
    predicted = (80, 90, 110)

    def __init__(self, name):
        self.name = name


class Httpbin(Service):
    """Sync workers: each serves one call at a time, the others wait in the listen queue. With
    `threads`, each worker process is a pool of threads behind one interpreter lock."""

    mix = HTTPBIN

    def __init__(self, name, workers, threads=None, core=processes.SERVICE_CORE):
        super().__init__(name)
        self.workers, self.threads, self.core = workers, threads, core
        kind = (
            f"gthread worker{'s' if workers > 1 else ''} of {threads} threads"
            if threads
            else "sync workers"
        )
        self.about = f"httpbin under gunicorn, {workers} {kind}, {_cores(core)}"
        # a kept connection stays with the process that accepted it
        self.truth = (
            f"{workers} pools of {threads}"
            if threads and workers > 1
            else f"a pool of {threads or workers}"
        )

    def start(self, house, port):
        kind = ["gthread", "--threads", str(self.threads)] if self.threads else ["sync"]
        command = [
            house.python,
            "-m",
            "gunicorn",
            "--bind",
            f"127.0.0.1:{port}",
            "--workers",
            str(self.workers),
            "--worker-class",
            *kind,
            "--timeout",
            "120",
            "--log-level",
            "warning",
            "httpbin:app",
        ]
        return [processes.Process("gunicorn", command, self.core, house.log).wait_for_port(port)]


class Datasette(Service):
    """An event loop, a pool of three SQLite threads, one interpreter lock."""

    mix = DATASETTE

    def __init__(self, name, core, cores, fixed=None):
        super().__init__(name)
        self.core, self.fixed = core, fixed
        self.about = f"datasette on a file of 40,000 rows, {cores}"

    def start(self, house, port):
        file = os.path.join(house.folder, "d.db")
        if not os.path.exists(file):
            _rows(file)
        command = [
            house.python,
            "-m",
            "datasette",
            "serve",
            file,
            "--port",
            str(port),
            "--host",
            "127.0.0.1",
            "--setting",
            "suggest_facets",
            "off",
            "--setting",
            "default_page_size",
            "20",
        ]
        return [processes.Process("datasette", command, self.core, house.log).wait_for_port(port)]


class Nginx(Service):
    """`limit_req` in front of another service, or of files. Its loads are percent of the limit."""

    good = (200, 429)

    def __init__(self, name, per_second, burst, behind, recorded, predicted):
        super().__init__(name)
        self.limit, self.burst, self.behind = per_second, burst, behind
        self.recorded, self.predicted = recorded, predicted
        self.mix = behind.mix if behind else STATIC
        self.about = f"nginx, rate={per_second}r/s burst={burst}, in front of {behind.about if behind else 'two files'}"

    def start(self, house, port):
        folder = os.path.join(house.folder, self.name)
        os.makedirs(os.path.join(folder, "files"), exist_ok=True)
        rng, started = random.Random(3), []
        for name, rows in (("small", 8), ("large", 200)):
            with open(os.path.join(folder, "files", f"{name}.json"), "w") as out:
                out.write(
                    "[" + ",".join(f'{{"id":{i},"v":{rng.random()}}}' for i in range(rows)) + "]"
                )
        place = f"root {folder}/files;"
        if self.behind:
            inner = processes.free_port()
            started = self.behind.start(house, inner)
            place = f"proxy_pass http://127.0.0.1:{inner};"
        zone = (
            f"limit_req_zone $server_name zone=all:1m rate={self.limit}r/s; limit_req_status 429;"
        )
        return [
            *started,
            start_nginx(
                house, self.name, port, zone, f"limit_req zone=all burst={self.burst}; {place}"
            ),
        ]


class Proxied(Service):
    """nginx without a limit in front of another service; a connection to it is kept, those behind
    it are not."""

    def __init__(self, name, behind):
        super().__init__(name)
        self.behind, self.mix, self.truth, self.warm_calls = (
            behind,
            behind.mix,
            behind.truth,
            behind.warm_calls,
        )
        self.about = f"nginx in front of {behind.about}"

    def start(self, house, port):
        inner = processes.free_port()
        return [
            *self.behind.start(house, inner),
            start_nginx(house, self.name, port, "", f"proxy_pass http://127.0.0.1:{inner};"),
        ]


class Node(Service):
    """An event loop: one thread does all work; what is awaited passes beside it."""

    warm_calls = 1000
    clients = 48

    def __init__(self, name, mix, truth, kind):
        super().__init__(name)
        self.mix, self.truth = mix, truth
        self.about = f"Node's own HTTP server, {kind}, {_cores(processes.SERVICE_CORE)}"

    def start(self, house, port):
        command = ["node", os.path.join(HERE, "node_service.js"), str(port)]
        return [
            processes.Process("node", command, processes.SERVICE_CORE, house.log).wait_for_port(
                port
            )
        ]


class WireMock(Service):
    """The WireMock jar: threads of a JVM; one stub renders a template, the other holds its thread
    for 15 ms."""

    mix = WIREMOCK
    warm_calls = 1200
    clients = 20

    def __init__(self, name, core):
        super().__init__(name)
        self.core = core
        self.about = f"WireMock 3.13.2 with a template and a delay, {_cores(core)}"

    def start(self, house, port):
        folder = os.path.join(house.folder, self.name + ".service")
        os.makedirs(os.path.join(folder, "mappings"), exist_ok=True)
        with open(os.path.join(folder, "mappings", "all.json"), "w") as out:
            json.dump({"mappings": WIREMOCK_STUBS}, out)
        command = [
            "java",
            "-Xmx512m",
            "-jar",
            house.wiremock(),
            "--port",
            str(port),
            "--bind-address",
            "127.0.0.1",
            "--root-dir",
            folder,
            "--container-threads",
            "20",
            "--no-request-journal",
            "--disable-banner",
        ]
        return [processes.Process("wiremock", command, self.core, house.log).wait_for_port(port)]


class Short(Service):
    """standin itself, as no other service here answers so fast and queues as well: four workers,
    held for 300 us by the median call."""

    mix = SHORT
    recorded, predicted = (10, 15, 20, 25, 30), (42,)
    # 4 workers by the mean of a log-normal: median x exp(sigma^2 / 2), where sigma = ln(p99 /
    # median) / 2.326
    limit = round(4 / (300e-6 * math.exp((math.log(3) / 2.326) ** 2 / 2)))

    def __init__(self, name):
        super().__init__(name)
        self.about = "standin itself: fifo(4), log-normal demands of 300 us (median), 900 us (p99); 42 % of its capacity are 5,000 calls/s"

    def start(self, house, port):
        folder = os.path.join(house.folder, self.name + ".service")
        for part, name, text in (
            ("mappings", "short.json", SHORT_STUB),
            ("profiles", "truth.yaml", SHORT_PROFILE),
        ):
            os.makedirs(os.path.join(folder, part), exist_ok=True)
            with open(os.path.join(folder, part, name), "w") as out:
                out.write(text)
        return [processes.mock(house.binary, folder, "truth", port, 1, house.log)]


SHORT_STUB = '{"request": {"method": "GET", "urlPathPattern": "/short/.*"}, "response": {"jsonBody": {"found": true}}}'
SHORT_PROFILE = """services:
  - name: short
    capacity: {discipline: fifo, workers: 4, queue: unbounded}
    default: {demand: {lognormal: {median: 300us, p99: 900us}}}
"""

NGINX = """daemon off; user {user}; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; keepalive_requests 1000000;
  {top}
  server {{ listen 127.0.0.1:{port} backlog=2048; server_name limited; location / {{ {place} }} }}
}}
"""


def start_nginx(house, name, port, top, place):
    """Starts nginx with directives of its `http` part and of its location."""
    folder = os.path.join(house.folder, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "nginx.conf"), "w") as out:
        out.write(
            NGINX.format(folder=folder, user=getpass.getuser(), port=port, top=top, place=place)
        )
    command = ["nginx", "-p", folder, "-c", os.path.join(folder, "nginx.conf")]
    return processes.Process("nginx", command, processes.SERVICE_CORE, house.log).wait_for_port(
        port
    )


def _cores(core):
    return (
        "on both cores, which the sender and the recorder share" if core is None else "on one core"
    )


# Some milliseconds of a core, once the JVM has compiled it.
WIREMOCK_TEMPLATE = (
    "{{#each (range 1 700) as |i|}}{\"n\":{{i}},\"of\":\"{{request.pathSegments.[1]}}\",\"v\":\"{{randomValue length=12 "
    "type='ALPHANUMERIC'}}\"},{{/each}}"
)
WIREMOCK_STUBS = [
    {
        "request": {"urlPathPattern": "/template/.*"},
        "response": {"body": WIREMOCK_TEMPLATE, "transformers": ["response-template"]},
    },
    {
        "request": {"urlPathPattern": "/held/.*"},
        "response": {"body": "held", "fixedDelayMilliseconds": 15},
    },
]

SERVICES = {
    service.name: service
    for service in (
        Httpbin("httpbin-4", 4),
        Httpbin("httpbin-2", 2),
        Datasette("datasette", processes.SERVICE_CORE, "on one core"),
        Datasette(
            "datasette-2-cores", None, "on both cores, which the sender and the recorder share"
        ),
        Httpbin("httpbin-2-unpinned", 2, core=None),
        Httpbin("httpbin-4-unpinned", 4, core=None),
        Httpbin("gthread-1x4", 1, threads=4),
        Httpbin("gthread-2x4", 2, threads=4),
        Httpbin("gthread-2x4-unpinned", 2, threads=4, core=None),
        Node("node-cpu", NODE, "one event loop, CPU-bound", "CPU-bound"),
        Node(
            "node-await",
            NODE_AWAITING,
            "one event loop, hardly used, and awaited delays",
            "awaiting",
        ),
        WireMock("wiremock", processes.SERVICE_CORE),
        Proxied("nginx-gthread-1x4", Httpbin("behind", 1, threads=4)),
        Nginx(
            "nginx-limit-req",
            100,
            "20 nodelay",
            Httpbin("behind", 4),
            (50, 75, 100, 125, 150),
            (115, 200),
        ),
        Nginx("nginx-limit-req-delay", 100, "20", None, (40, 60, 80, 110, 140), (90, 180)),
        Short("short"),
    )
}


class House:
    """Where services live: a venv with the packages, files, a log, standin."""

    def __init__(self, folder, binary):
        self.folder, self.binary = os.path.abspath(folder), os.path.abspath(binary)
        os.makedirs(self.folder, exist_ok=True)
        self.log = os.path.join(self.folder, "processes.log")
        self.python = os.path.join(self.folder, "venv", "bin", "python")
        if not os.path.exists(os.path.join(self.folder, "venv", "bin", "datasette")):
            subprocess.run(
                [sys.executable, "-m", "venv", os.path.join(self.folder, "venv")], check=True
            )
            subprocess.run(
                [
                    self.python,
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    *PACKAGES,
                ],
                check=True,
            )

    def wiremock(self):
        """The jar, which the package `wiremock` of npm contains."""
        found = glob.glob(os.path.join(self.folder, "node_modules", "wiremock", "build", "*.jar"))
        if not found:
            subprocess.run(
                ["npm", "install", "--silent", "--prefix", self.folder, "wiremock@3.13.2"],
                check=True,
            )
            return self.wiremock()
        return found[0]

    def versions(self):
        frozen = subprocess.run(
            [self.python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True
        ).stdout.split()
        names = {"gunicorn", "httpbin", "flask", "werkzeug", "datasette", "uvicorn"}
        found = [version for version in frozen if version.split("==")[0].lower() in names]
        nginx = (
            subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip()
            if _has("nginx")
            else "no nginx"
        )
        node = (
            subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
            if _has("node")
            else ""
        )
        return [
            *found,
            f"Node {node or 'none'}",
            nginx.removeprefix("nginx version: "),
            f"SQLite {sqlite3.sqlite_version}",
        ]


def _has(program):
    return any(
        os.access(os.path.join(folder, program), os.X_OK)
        for folder in os.environ.get("PATH", "").split(os.pathsep)
    )


def _rows(file):
    """40,000 rows of people and 200 of cities, always the same."""
    rng = random.Random(7)
    with sqlite3.connect(file) as db:
        db.execute("create table t (id integer primary key, name text, city text, v real)")
        db.execute("create table cities (id integer primary key, name text)")
        db.executemany(
            "insert into cities values (?, ?)", ((i, f"city {i}") for i in range(1, 201))
        )
        db.executemany(
            "insert into t values (?, ?, ?, ?)",
            (
                (i, f"name {rng.randrange(10**6)}", f"city {rng.randint(1, 200)}", rng.random())
                for i in range(1, 40_001)
            ),
        )
