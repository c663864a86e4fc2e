"""The systems under test: what stands between the load and the backend."""

import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

HAPROXY = """defaults
  mode http
  timeout connect 200ms
  timeout client 5s
  timeout server 400ms
  timeout queue 150ms
  option redispatch 0
frontend system
  bind 127.0.0.1:{port}
  default_backend service
backend service
  server one 127.0.0.1:{backend} maxconn {maxconn}
"""
# connections to the backend at a time; more requests wait in the queue of the proxy
MAXCONN = 16


def worker_pool(port, backend, _folder):
    return [sys.executable, os.path.join(HERE, "worker_pool.py"), str(port), str(backend)]


def haproxy(port, backend, folder):
    config = os.path.join(folder, "haproxy.cfg")
    with open(config, "w") as out:
        out.write(HAPROXY.format(port=port, backend=backend, maxconn=MAXCONN))
    return [shutil.which("haproxy"), "-db", "-f", config]


def all_here():
    """The systems whose programs are installed, by name."""
    found = {"worker-pool": worker_pool}
    if shutil.which("haproxy"):
        found["haproxy"] = haproxy
    return found
