"""Every page of the dashboard, and every action on it."""

import http.server
import json
import threading
import unittest

from selenium.webdriver.common.keys import Keys

from support import FOREIGN_NAME, Load, Page


class Overview(Page):
    hash = "#/overview"

    def test_the_first_call_fills_the_page(self):
        self.one(".start", "No call has come yet")
        self.one(".connection", "live")
        with Load(self.standin, 100, ["/orders/1", "/search", "/nothing"]):
            self.one(".tile", "/s")
            self.eventually(
                lambda: "0 calls" not in self.one(".tile:nth-child(2)").text, "missed calls"
            )
            self.one(".latency table", "p99")
        self.eventually(lambda: not self.all(".start:not([hidden])"), "the hint is gone")
        drawn = self.one(".chart path.answered").get_attribute("d")
        self.assertGreater(len(drawn), 20)
        self.one(
            ".card",
            (
                "In no second"
                if not self.standin.admin("GET", "standin/audit")["flagged"]["count"]
                else "bottleneck"
            ),
        )

    def test_a_station_shows_its_distance_to_the_valid_range(self):
        self.one("main", "No profile is in force")
        self.standin.admin("PUT", "standin/profile", {"profile": "shop"})
        with Load(self.standin, 120, ["/orders/1"]):
            self.one(".station", "of 150")
            self.eventually(lambda: "0 of 150" not in self.one(".range .meter").text, "a rate")
            self.one(".station", "4 workers")
            self.picture("overview")
        meters = self.all(".station [role=meter]")
        self.assertEqual(len(meters), 4)
        self.assertTrue(all(meter.get_attribute("aria-valuetext") for meter in meters))

    def test_it_comes_back_after_a_restart(self):
        self.one(".connection", "live")
        self.standin.process.terminate()
        self.standin.process.wait()
        self.one(".connection", "no connection")
        # Chromium reports each try as an error, which it is
        self.browser.get("about:blank")
        self.browser.get_log("browser")


class Requests(Page):
    hash = "#/requests"

    def test_a_miss_becomes_a_hit(self):
        self.standin.call("POST", "/orders", '{"quantity": 2}')
        self.click(".row", "no stub")
        self.one(".answer.bad h3", "No stub answers this call")
        nearest = self.one("details[open] summary", "place an order")
        self.assertIn("1 of 4 clauses differ", self.text_of(nearest))
        differing = self.one(".clauses tr.bad")
        self.assertIn("$.sku", differing.text)
        self.picture("miss")
        self.click("a.primary", "Make a stub of this")
        self.one("#editor", '"quantity": 2')
        self.one("#defect-summary", "No errors.")
        self.click(".detail button.primary", "Save")
        self.one(".outcome .good", "Saved")
        self.click(".try-it button", "Send")
        self.one(".try-answer .badge", "200")
        status, _ = self.standin.call("POST", "/orders", '{"quantity": 2}')
        self.assertEqual(status, 200)

    def test_calls_are_filtered_and_come_live(self):
        for path in ["/orders/1", "/orders/2", "/search", "/nothing"]:
            self.standin.call("GET", path)
        self.one(".count", "4 calls")
        self.write("#filter-url", "ORDERS")
        self.one(".count", "2 calls")
        self.standin.call("GET", "/orders/3")
        self.standin.call("GET", "/search")
        self.one(".row", "/orders/3")
        self.one(".count", "3 calls")
        self.write("#filter-url", Keys.BACKSPACE)
        self.click("#filter-outcome option[value=missed]")
        self.one(".count", "1 call.")
        self.click("#filter-outcome option[value='']")
        self.click("#filter-method option[value=POST]")
        self.one(".count", "0 calls")

    def test_a_pause_keeps_the_list(self):
        self.standin.call("GET", "/orders/1")
        self.one(".row", "/orders/1")
        self.click(".toolbar button", "Pause")
        self.standin.call("GET", "/orders/2")
        self.click(".toolbar button", "Go on")
        self.one(".row", "/orders/2")
        self.click(".toolbar button", "Forget all")
        self.click("dialog .danger", "Remove")
        self.one(".count", "0 calls")
        self.assertEqual(self.standin.admin("GET", "requests")["meta"]["total"], 0)

    def test_an_answered_call_names_its_stub(self):
        self.standin.call("GET", "/search")
        self.click(".row", "/search")
        self.one(".detail a", "slow search")
        self.one(".facts", "40 ms")
        self.assertFalse(self.all(".clauses tr.bad"))
        self.click(".detail a", "slow search")
        self.one("#editor", "fixedDelayMilliseconds")

    def test_a_paced_call_shows_where_its_time_went(self):
        self.standin.admin("PUT", "standin/profile", {"profile": "shop"})
        self.standin.call("GET", "/orders/1")
        self.click(".row", "/orders/1")
        self.one(".detail .facts", "default of orders")
        self.one(".part-name.demand", "demand")
        self.assertEqual(len(self.all(".time-bar .part")), 2)
        self.picture("call")

    def test_a_thousand_calls_a_second_leave_it_usable(self):
        self.browser.execute_script(
            "window.longest = 0; let last = performance.now();"
            "const measure = (now) => { window.longest = Math.max(window.longest, now - last); last = now; requestAnimationFrame(measure); };"
            "requestAnimationFrame(measure);"
        )
        with Load(self.standin, 1000, ["/orders/1", "/nothing"], threads=8) as load:
            self.eventually(lambda: load.sent > 4000, "4000 calls")
            self.one(".count", "came too fast to be listed")
            self.click("#filter-outcome option[value=missed]")
            self.one(".row", "no stub")
        self.assertLess(len(self.all(".row")), 100)
        longest = self.browser.execute_script("return window.longest")
        self.assertLess(longest, 2000, "the longest time without a frame, in ms")


class Stubs(Page):
    hash = "#/stubs"

    def test_the_tree_is_searched_and_filtered(self):
        self.one("[role=treeitem]", "orders.json")
        self.assertEqual(len(self.all("[role=treeitem][data-kind=stub]")), 4)
        self.write("#stub-search", "place order")
        self.one(".count", "1 of 4 stubs")
        self.write("#stub-search", Keys.BACKSPACE)
        self.standin.call("GET", "/orders/1")
        self.standin.call("GET", "/search")
        self.open(self.hash)
        self.click("#stub-shown option[value=never]")
        self.one(".count", "2 of 4 stubs")
        self.picture("stubs")

    def test_a_broken_stub_is_shown_where_it_is_broken(self):
        self.click("[data-kind=stub]", "/orders/{id}")
        broken = '{\n  "request": {"method": "GET", "urlPaht": "/x"},\n  "response": {"status": "many"}\n}'
        self.one("#editor", "urlPathTemplate")
        self.set_text("#editor", broken)
        self.one("#defect-summary", "2 errors")
        self.one(".defects .help", "urlPath")
        self.assertEqual([line.text for line in self.all(".gutter .error")], ["2", "3"])
        self.assertEqual(len(self.all(".underlay mark.error")), 2)
        self.picture("defects")
        self.click(".defects button", "line 3")
        self.assertEqual(self.focused().get_attribute("id"), "editor")
        selected = self.browser.execute_script(
            "const e = arguments[0]; return e.value.slice(e.selectionStart, e.selectionEnd)",
            self.focused(),
        )
        self.assertIn("many", selected)
        self.expected_statuses.add(422)
        self.click(".detail button.primary", "Save")
        self.one(".outcome .bad", "Not saved")
        self.set_text("#editor", broken.replace("urlPaht", "urlPath").replace('"many"', "299"))
        self.one("#defect-summary", "No errors.")
        self.one("#editor").click()
        self.press_with_control("s")
        self.one(".outcome .good", "Saved")
        self.assertEqual(self.standin.call("GET", "/x")[0], 299)

    def test_a_stub_is_made_tried_saved_and_deleted(self):
        self.click("a.primary", "New stub")
        self.one("#editor", "urlPath")
        self.set_text(
            "#editor",
            '{"name": "fresh", "request": {"urlPath": "/fresh"}, "response": {"body": "{\\"a\\": 1}"}}',
        )
        self.one("#defect-summary", "No errors.")
        self.click(".detail button.primary", "Save")
        self.click(".outcome a", "Open it")
        self.one("[role=treeitem]", "from the API")
        self.click(".try-it button", "Send")
        self.one(".try-answer pre", '"a": 1')
        self.one(".try-answer", "Stub ")
        self.set_text(
            "#editor",
            '{"name": "fresh", "request": {"urlPath": "/fresh"}, "response": {"status": 202}}',
        )
        self.click(".detail button.primary", "Save")
        self.click(".outcome button", "Save all stubs to files")
        self.one(".outcome", "in files now")
        self.assertTrue(list((self.standin.root / "mappings").glob("*fresh*")))
        self.click(".detail button", "Delete")
        self.click("dialog .danger", "Delete")
        self.eventually(
            lambda: not self.all("[data-kind=service] ~ [data-key*=fresh]"), "it is gone"
        )
        self.expected_statuses.add(404)
        self.assertEqual(self.standin.call("GET", "/fresh")[0], 404)

    def test_a_file_with_an_error_is_named(self):
        (self.standin.root / "mappings" / "broken.json").write_text('{"request": {"url": "/a"},}')
        self.one(".answer.bad", "broken.json")
        self.one(".answer.bad", "trailing comma")
        (self.standin.root / "mappings" / "broken.json").unlink()
        self.eventually(lambda: not self.all(".answer.bad:not([hidden])"), "the file is gone")

    def test_ten_thousand_stubs_are_a_list_as_quick(self):
        many = [
            {"name": f"stub {n}", "request": {"urlPath": f"/many/{n}"}, "response": {}}
            for n in range(10_000)
        ]
        for begin in range(0, len(many), 2000):
            self.standin.admin("POST", "mappings/import", {"mappings": many[begin : begin + 2000]})
        self.open(self.hash)
        self.one(".count", "10 004 stubs")
        self.assertLess(len(self.all(".row")), 100)
        self.write("#stub-search", "many/9999")
        self.one(".count", "1 of 10 004 stubs")
        self.one(".row", "/many/9999")


class Performance(Page):
    hash = "#/performance"

    def test_a_profile_is_put_in_force(self):
        self.one(".what-if", "Put a profile in force first")
        self.click(".choice", "shop")
        self.one(".station", "4 workers")
        self.assertEqual(self.standin.admin("GET", "standin/profile")["profile"], "shop")
        self.click(".choice", "day")
        self.one("main", "Step 1 of 2")
        self.click(".choice", "none")
        self.one(".what-if", "Put a profile in force first")

    def test_a_knob_acts_at_once_and_goes_back(self):
        self.click(".choice", "shop")
        self.one(".what-if", "served as it is")
        self.click("#what-if-time option[value='10']")
        with Load(self.standin, 60, ["/orders/1"]):
            capacity = self.one("#what-if-capacity")
            capacity.send_keys(*[Keys.ARROW_LEFT] * 4)
            self.one(".what-if.on", "capacity × 0.5")
            self.one(".station", "2 workers")
            self.one(".operating-point")
            self.picture("performance")
            self.one(".what-if", "served as it is")
        self.assertEqual(capacity.get_attribute("value"), "0")
        self.one(".station", "4 workers")

    def test_a_knob_is_ended_by_hand(self):
        self.click(".choice", "shop")
        self.one(".what-if", "served as it is")
        self.one("#what-if-latency").send_keys(Keys.END)
        self.one(".what-if.on", "Latency × 8")
        status, _ = self.standin.call("GET", "/orders/1")
        self.assertEqual(status, 200)
        self.click(".what-if button", "End now")
        self.one(".what-if", "served as it is")


class Record(Page):
    hash = "#/record"

    def setUp(self):
        super().setUp()
        self.service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
        threading.Thread(target=self.service.serve_forever, daemon=True).start()
        self.addCleanup(self.service.server_close)
        self.addCleanup(self.service.shutdown)

    def test_a_service_is_recorded(self):
        self.write("#record-target", f"http://127.0.0.1:{self.service.server_port}")
        self.write("#record-url", "/stock/.*")
        self.click("button.primary", "Start")
        self.one(".count", "Recording")
        self.assertEqual(self.standin.call("GET", "/stock/7")[1], '{"path": "/stock/7"}')
        self.one(".row", "/stock/7")
        self.picture("record")
        self.click("button.primary", "Stop and make stubs")
        self.one("main", "1 stub made")
        self.click("main ul a")
        self.one("#editor", "/stock/7")
        self.assertEqual(self.standin.call("GET", "/stock/7")[1], '{"path": "/stock/7"}')

    def test_a_wrong_target_is_not_sent(self):
        self.write("#record-target", "ftp://nowhere")
        self.click("button.primary", "Start")
        self.one("#record-target:invalid")
        self.one(".count", "Not recording")


class Reports(Page):
    hash = "#/reports"

    def test_a_report_of_the_folder_is_read(self):
        self.one("main", "There are no reports yet")
        folder = self.standin.root / "reports"
        folder.mkdir()
        (folder / "fit-recorded.txt").write_text("orders: fifo, 4 workers <b>")
        (folder / "fit-recorded.html").write_text("<p>orders</p><script>document.body.textContent = 'ran'</script>")
        self.click("button", "Read again")
        self.click("nav .reports a", "fit-recorded")
        self.one("pre.report", "orders: fifo, 4 workers <b>")
        self.one("nav .reports a[aria-current=page]")
        self.picture("reports")
        # in this tab, so that what the page says is seen
        link = self.one("section.card a", "Open as a page")
        self.browser.get(link.get_attribute("href"))
        self.assertEqual(self.browser.find_element("css selector", "body").text, "orders")
        # that the script is blocked is written to the console
        self.browser.get_log("browser")


class Service(http.server.BaseHTTPRequestHandler):
    """A real service."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({"path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class SignIn(Page):
    hash = "#/stubs"
    options = ("--admin-token", "s3cret")
    host = FOREIGN_NAME

    def test_the_token_is_asked_for_and_kept_for_the_tab(self):
        self.expected_statuses.add(403)
        self.one(".sign-in", "--admin-token")
        self.write("#token", "wrong")
        self.click(".sign-in button")
        self.one(".sign-in .bad", "not accepted")
        self.write("#token", "s3cret")
        self.press(Keys.ENTER)
        self.one("[data-kind=stub]")
        self.browser.refresh()
        self.one("[data-kind=stub]")


if __name__ == "__main__":
    unittest.main()
