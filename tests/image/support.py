"""The image, built once, and the containers that run it."""

import json
import os
import pathlib
import subprocess
import time
import unittest
import urllib.error
import urllib.request

# reached only where a test fails, so that it may be long
TIMEOUT = 60
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
SCRATCH = pathlib.Path(os.environ["SCRATCH"])
# storage that needs no kernel support, and containers that need no runtime
BUILDAH = [
    "buildah",
    "--root", str(SCRATCH / "storage"),
    "--runroot", str(SCRATCH / "state"),
    "--storage-driver", "vfs",
]
IMAGE = "localhost/standin:test"
USER = 65532


def buildah(*args):
    """Runs buildah, and returns what it prints."""
    done = subprocess.run([*BUILDAH, *args], check=True, stdout=subprocess.PIPE, timeout=5 * TIMEOUT)
    return done.stdout.decode().strip()


def eventually(what, condition):
    """Waits until a condition holds, and returns its value."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {TIMEOUT} s: {what}")
        time.sleep(0.02)


def request(url, body=None, headers=None, method=None):
    """Sends a request; returns the status and the text of the response, 0 if there is none."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **(headers or {})}
    call = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(call, timeout=TIMEOUT) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def answers(url, status=200):
    """Returns a condition: a GET has this status."""
    return lambda: request(url)[0] == status


class Image(unittest.TestCase):
    """A test with the image. The first one builds it."""

    built = False

    @classmethod
    def setUpClass(cls):
        """Builds the image, unless it is built."""
        if not Image.built:
            build = [DEPLOY / "image/build", "--binary", os.environ["STANDIN"], "--tag", IMAGE]
            environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
            subprocess.run([*build, *BUILDAH], check=True, env=environment, timeout=5 * TIMEOUT)
            Image.built = True

    def run_image(self, args, volumes=(), environment=None):
        """Starts a container with the image's entry point, and returns it."""
        container = Container(args, volumes, environment or {})
        self.addCleanup(container.remove)
        return container

    def folder(self, name):
        """Makes a folder that the user of the image may read."""
        folder = SCRATCH / f"{self.id()}-{name}"
        folder.mkdir(mode=0o755)
        return folder


class Container:
    """A container of the image that runs."""

    def __init__(self, args, volumes, environment):
        self.name = buildah("from", "--pull-never", IMAGE)
        self.config = json.loads(buildah("inspect", self.name))["Docker"]["config"]
        command = [*BUILDAH, "run", "--isolation", "chroot"]
        for key, value in environment.items():
            command += ["--env", f"{key}={value}"]
        for volume in volumes:
            command += ["--volume", volume]
        self.log = open(SCRATCH / f"{self.name}.log", "w+b")  # noqa: SIM115 (closed by remove)
        self.process = subprocess.Popen(
            [*command, self.name, "--", *self.config["Entrypoint"], *args], stdout=self.log, stderr=self.log
        )

    def standin(self):
        """Returns the process id of standin in the container."""
        return eventually(f"standin runs: {self.output()}", lambda: descendant(self.process.pid, "standin"))

    def run(self, *args):
        """Runs a second command in the container; returns its exit code."""
        done = subprocess.run(
            [*BUILDAH, "run", "--isolation", "chroot", self.name, "--", *args], check=False, timeout=TIMEOUT
        )
        return done.returncode

    def output(self):
        """Returns what the container has printed."""
        return pathlib.Path(self.log.name).read_text(encoding="utf-8")

    def remove(self):
        """Ends and removes the container."""
        if self.process.poll() is None:
            standin = descendant(self.process.pid, "standin")
            if standin:
                os.kill(standin, 9)
            else:
                self.process.kill()
        self.process.wait(TIMEOUT)
        self.log.close()
        buildah("rm", self.name)


def descendant(pid, name):
    """Returns the process with this name among those that a process has started, else None."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        tasks = [int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
        for task in tasks:
            path = pathlib.Path(f"/proc/{pid}/task/{task}/children")
            children += path.read_text(encoding="ascii").split()
    except OSError:
        return None
    for child in map(int, dict.fromkeys(children)):
        try:
            exe = os.readlink(f"/proc/{child}/exe")
        except OSError:
            continue
        found = child if pathlib.PurePath(exe).name == name else descendant(child, name)
        if found:
            return found
    return None
