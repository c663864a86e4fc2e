"""A standin with stubs of its own, and a Chromium that keeps everything it complains about."""

import http.client
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import time
import unittest
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

# reached only where a test fails, so that it may be long
TIMEOUT = 30
DESKTOP = (1280, 860)
# a name that standin does not know as its own
FOREIGN_NAME = "mocks.example"

STUBS = {
    "mappings": [
        {
            "name": "read an order",
            "request": {"method": "GET", "urlPathTemplate": "/orders/{id}"},
            "response": {"jsonBody": {"state": "paid"}},
        },
        {
            "name": "place an order",
            "request": {
                "method": "POST",
                "urlPath": "/orders",
                "bodyPatterns": [{"matchesJsonPath": "$.sku"}],
                "headers": {"Content-Type": {"contains": "json"}},
            },
            "response": {"status": 201, "jsonBody": {"id": 17}},
        },
        {
            "name": "slow search",
            "request": {"method": "GET", "urlPath": "/search"},
            "response": {"body": "[]", "fixedDelayMilliseconds": 40},
        },
        {
            "name": "never asked for",
            "request": {"method": "DELETE", "urlPath": "/orders"},
            "response": {"status": 204},
        },
    ]
}
PROFILE = """
services:
  - name: orders
    match: {urlPathPattern: "/orders.*"}
    capacity: {discipline: fifo, workers: 4, queue: 50}
    default: {demand: {lognormal: {median: 12ms, sigma: 0.4}}, outside: {fixed: 2ms}}
    valid: {utilization: 60%, inFlight: 8, perSecond: 150}
"""
DAY = """
timeline:
  - {at: 0s, profile: shop}
  - {at: 1h, scale: {capacity: 0.5}}
"""


# elements beyond the right edge of a page that can be scrolled to the side
WIDE_ELEMENTS = """
const root = document.documentElement;
if (root.scrollWidth <= root.clientWidth) return [];
const isWide = (element) => element.getBoundingClientRect().right > root.clientWidth + 1;
return [...document.querySelectorAll("body *")].filter(isWide).map((element) => element.outerHTML.slice(0, 120));
"""


class Standin:
    """A standin on a free port, with a folder of its own."""

    def __init__(self, *options, files=None):
        self.folder = tempfile.TemporaryDirectory()
        root = pathlib.Path(self.folder.name)
        files = files or {
            "mappings/orders.json": json.dumps(STUBS, indent=2),
            "profiles/shop.yaml": PROFILE,
            "profiles/day.yaml": DAY,
        }
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "__files").mkdir(exist_ok=True)
        self.root = root
        command = [os.environ["STANDIN"], "serve", str(root), "--listen", "127.0.0.1:0", *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if not found:
            raise AssertionError(f"standin did not say where it listens: {line!r}")
        self.port = urlsplit(found.group()).port

    def close(self):
        self.process.terminate()
        self.process.wait(TIMEOUT)
        self.process.stdout.close()
        self.folder.cleanup()

    def call(self, method, path, body=None, headers=None):
        """Sends a request; returns the status and the text of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        kind = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, body, kind | (headers or {}))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def admin(self, method, path, value=None):
        """Calls the admin API, and returns its JSON."""
        status, text = self.call(
            method, f"/__admin/{path}", None if value is None else json.dumps(value)
        )
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {text}")
        return json.loads(text) if text else None


class Load:
    """Calls at a rate from threads, until the block ends."""

    def __init__(self, standin, per_second, paths, threads=4):
        self.standin, self.paths, self.pause = standin, paths, threads / per_second
        self.ending = threading.Event()
        self.threads = [
            threading.Thread(target=self.run, args=(number,)) for number in range(threads)
        ]
        self.sent = 0

    def run(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.standin.port, timeout=TIMEOUT)
        due = time.monotonic()
        while not self.ending.is_set():
            connection.request("GET", self.paths[(number + self.sent) % len(self.paths)])
            connection.getresponse().read()
            self.sent += 1
            due += self.pause
            time.sleep(max(0, due - time.monotonic()))
        connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()


def open_browser(dark=False):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    # root has no sandbox, and a container little shared memory
    for flag in [
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        f"--host-resolver-rules=MAP {FOREIGN_NAME} 127.0.0.1",
    ]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(
        options=options, service=webdriver.ChromeService("/usr/bin/chromedriver")
    )
    scheme = "dark" if dark else "light"
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    return browser


class Page(unittest.TestCase):
    """Tests of a page of the dashboard; what the browser complains about fails them."""

    hash = ""
    dark = False
    options = ()
    host = "127.0.0.1"

    @classmethod
    def setUpClass(cls):
        cls.browser = open_browser(cls.dark)

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()

    def setUp(self):
        self.standin = Standin(*self.options)
        self.addCleanup(self.standin.close)
        self.addCleanup(self.check_complaints)
        # statuses of answers that the test means to get; Chromium logs each as an error
        self.expected_statuses = set()
        self.resize(*DESKTOP)
        self.open(self.hash)

    def check_complaints(self):
        """Fails if the page wrote to the console, asked another host, or broke its own policy."""
        wanted = [f"status of {status} " for status in self.expected_statuses]
        complaints = [
            entry["message"]
            for entry in self.browser.get_log("browser")
            if not any(part in entry["message"] for part in wanted)
        ]
        hosts = set()
        for entry in self.browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                hosts.add(urlsplit(message["params"]["request"]["url"]).netloc)
        self.browser.get("about:blank")
        self.assertEqual(complaints, [], "messages in the console")
        self.assertEqual(
            hosts - {f"{self.host}:{self.standin.port}", ""}, set(), "requests to other hosts"
        )

    def resize(self, width, height):
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def open(self, place):
        self.browser.get("about:blank")
        self.browser.get(f"http://{self.host}:{self.standin.port}/__admin/ui{place}")

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector, containing=""):
        """Waits for an element that is shown and contains a text; returns it."""
        found = []

        def is_there():
            # one by one, as a live list may be drawn again before all have been looked at
            for element in self.all(selector):
                if element.is_displayed() and containing in self.text_of(element):
                    found[:] = [element]
                    return True
            return False

        self.eventually(is_there, f"{selector} with {containing!r}")
        return found[0]

    def text_of(self, element):
        # what is written in a field is its text too; thin spaces are spaces
        text = element.text or element.get_attribute("value") or ""
        return text.replace("\u202f", " ")

    def eventually(self, holds, what):
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                if holds():
                    return
            except StaleElementReferenceException:
                pass
            if time.monotonic() > deadline:
                body = self.browser.find_element(By.TAG_NAME, "body").text
                self.fail(f"not within {TIMEOUT} s: {what}; the page says:\n{body}")
            time.sleep(0.05)

    def click(self, selector, containing=""):
        """Clicks on an element, again if it was replaced or covered meanwhile."""

        def has_clicked():
            try:
                self.one(selector, containing).click()
                return True
            except StaleElementReferenceException:
                return False
            except WebDriverException as error:
                if "click intercepted" in str(error):
                    return False
                raise

        self.eventually(has_clicked, f"a click on {selector}")

    def press(self, *keys):
        actions = webdriver.ActionChains(self.browser)
        for key in keys:
            actions.send_keys(key)
        actions.perform()

    def press_with_control(self, key):
        webdriver.ActionChains(self.browser).key_down(Keys.CONTROL).send_keys(key).key_up(
            Keys.CONTROL
        ).perform()

    def write(self, selector, text):
        """Replaces the text of a field, as a person does."""
        element = self.one(selector)
        element.send_keys(Keys.CONTROL, "a")
        element.send_keys(text)

    def set_text(self, selector, text):
        """Puts a long text into a field, as pasting does."""
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
        self.browser.execute_script(script, self.one(selector), text)

    def focused(self):
        return self.browser.switch_to.active_element

    def picture(self, name):
        if os.environ.get("SCREENSHOTS"):
            self.browser.save_screenshot(os.path.join(os.environ["SCREENSHOTS"], f"{name}.png"))

    def assert_fits(self):
        """Fails if the page is wider than the window."""
        self.assertEqual(
            self.browser.execute_script(WIDE_ELEMENTS), [], "elements beyond the right edge"
        )
