"""The services: nobody here wrote them, but for one. How each is started, what is asked of it, and at which loads."""

import getpass
import math
import os
import random
import sqlite3
import subprocess
import sys
import urllib.parse

import processes
from schedule import Mix, Operation, log_normal_points

PACKAGES = ["httpbin==0.10.4", "gunicorn==27.0.1", "datasette==0.65.5"]

# Most of the time a worker sleeps, so that four of them need little of one core, and yet are held.
HTTPBIN = Mix(
    Operation(0.60, "GET /delay/{id}", [f"/delay/{s:.5f}" for s in log_normal_points(0.015, 0.4, 40)]),
    Operation(0.15, "GET /bytes/1500", [f"/bytes/1500?seed={i}" for i in range(20)]),
    Operation(0.25, "GET /anything/{id}", [f"/anything/{1000 + i}" for i in range(20)]),
)

SHORT = Mix(Operation(1.0, "GET /short/{id}", [f"/short/{1000 + i}" for i in range(20)]))


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
    """What is asked (`mix`), and percent of its capacity (or of its limit): `recorded` and `predicted`."""

    limit = None
    good = (200,)
    recorded = (20, 30, 40, 50, 60)
    predicted = (80, 90)

    def __init__(self, name):
        self.name = name


class Httpbin(Service):
    """Sync workers: each serves one call at a time, the others wait in the listen queue."""

    mix = HTTPBIN

    def __init__(self, name, workers):
        super().__init__(name)
        self.workers = workers
        self.about = f"httpbin under gunicorn, {workers} sync workers, on one core"

    def start(self, house, port):
        command = [house.python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(self.workers), "--worker-class", "sync",
                   "--timeout", "120", "--log-level", "warning", "httpbin:app"]
        return [processes.Process("gunicorn", command, processes.SERVICE_CORE, house.log).wait_for_port(port)]


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
        command = [house.python, "-m", "datasette", "serve", file, "--port", str(port), "--host", "127.0.0.1", "--setting", "suggest_facets", "off",
                   "--setting", "default_page_size", "20"]
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
                out.write("[" + ",".join(f'{{"id":{i},"v":{rng.random()}}}' for i in range(rows)) + "]")
        place = f"root {folder}/files;"
        if self.behind:
            inner = processes.free_port()
            started = self.behind.start(house, inner)
            place = f"proxy_pass http://127.0.0.1:{inner};"
        with open(os.path.join(folder, "nginx.conf"), "w") as out:
            out.write(NGINX.format(folder=folder, user=getpass.getuser(), rate=self.limit, burst=self.burst, port=port, place=place))
        nginx = processes.Process("nginx", ["nginx", "-p", folder, "-c", os.path.join(folder, "nginx.conf")], processes.SERVICE_CORE, house.log)
        return [*started, nginx.wait_for_port(port)]


class Short(Service):
    """standin itself, as no other service here answers so fast and queues as well: four workers, held for 300 us by the median call."""

    mix = SHORT
    recorded, predicted = (10, 15, 20, 25, 30), (42,)
    # 4 workers by the mean of a log-normal: median x exp(sigma^2 / 2), where sigma = ln(p99 / median) / 2.326
    limit = round(4 / (300e-6 * math.exp((math.log(3) / 2.326) ** 2 / 2)))

    def __init__(self, name):
        super().__init__(name)
        self.about = "standin itself: fifo(4), log-normal demands of 300 us (median), 900 us (p99); 42 % of its capacity are 5,000 calls/s"

    def start(self, house, port):
        folder = os.path.join(house.folder, self.name + ".service")
        for part, name, text in (("mappings", "short.json", SHORT_STUB), ("profiles", "truth.yaml", SHORT_PROFILE)):
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
  limit_req_zone $server_name zone=all:1m rate={rate}r/s; limit_req_status 429;
  server {{ listen 127.0.0.1:{port} backlog=2048; server_name limited; location / {{ limit_req zone=all burst={burst}; {place} }} }}
}}
"""

SERVICES = {service.name: service for service in (
    Httpbin("httpbin-4", 4),
    Httpbin("httpbin-2", 2),
    Datasette("datasette", processes.SERVICE_CORE, "on one core"),
    Datasette("datasette-2-cores", None, "on both cores, which the sender and the recorder share"),
    Nginx("nginx-limit-req", 100, "20 nodelay", Httpbin("behind", 4), (50, 75, 100, 125, 150), (115, 200)),
    Nginx("nginx-limit-req-delay", 100, "20", None, (40, 60, 80, 110, 140), (90, 180)),
    Short("short"),
)}


class House:
    """Where services live: a venv with the packages, files, a log, standin."""

    def __init__(self, folder, binary):
        self.folder, self.binary = os.path.abspath(folder), os.path.abspath(binary)
        os.makedirs(self.folder, exist_ok=True)
        self.log = os.path.join(self.folder, "processes.log")
        self.python = os.path.join(self.folder, "venv", "bin", "python")
        if not os.path.exists(os.path.join(self.folder, "venv", "bin", "datasette")):
            subprocess.run([sys.executable, "-m", "venv", os.path.join(self.folder, "venv")], check=True)
            subprocess.run([self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True)

    def versions(self):
        frozen = subprocess.run([self.python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout.split()
        names = {"gunicorn", "httpbin", "flask", "werkzeug", "datasette", "uvicorn"}
        found = [version for version in frozen if version.split("==")[0].lower() in names]
        nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip() if _has("nginx") else "no nginx"
        return [*found, nginx.removeprefix("nginx version: "), f"SQLite {sqlite3.sqlite_version}"]


def _has(program):
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in os.environ.get("PATH", "").split(os.pathsep))


def _rows(file):
    """40,000 rows of people and 200 of cities, always the same."""
    rng = random.Random(7)
    with sqlite3.connect(file) as db:
        db.execute("create table t (id integer primary key, name text, city text, v real)")
        db.execute("create table cities (id integer primary key, name text)")
        db.executemany("insert into cities values (?, ?)", ((i, f"city {i}") for i in range(1, 201)))
        db.executemany("insert into t values (?, ?, ?, ?)", ((i, f"name {rng.randrange(10**6)}", f"city {rng.randint(1, 200)}", rng.random())
                                                             for i in range(1, 40_001)))
