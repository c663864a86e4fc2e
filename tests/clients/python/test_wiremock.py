"""What people do with python-wiremock, and what it must find: each test says what the server
answered.

`WIREMOCK_URL` names the server; tests/clients/run sets it. All that is asserted holds for WireMock
3.13.2. Left out is what the library cannot do there: `Requests.reset_request_journal` (a path that
WireMock 3 does not have).
"""

import datetime
import http.server
import os
import threading
import time
import unittest

import requests

from wiremock.client import (
    BasicAuthCredentials,
    CommonHeaders,
    DelayDistribution,
    DelayDistributionMethods,
    GlobalSetting,
    GlobalSettings,
    HttpMethods,
    Mapping,
    MappingRequest,
    MappingResponse,
    Mappings,
    NearMisses,
    NearMissMatchPatternRequest,
    NearMissMatchRequest,
    Requests,
    ResponseFaultType,
    Scenarios,
    WireMockMatchers,
)
from wiremock.constants import Config
from wiremock.exceptions import InvalidInputException, NotFoundException

URL = os.environ["WIREMOCK_URL"].rstrip("/")
Config.base_url = f"{URL}/__admin"

UNKNOWN = "11111111-2222-4333-8444-555555555555"


class ClientTest(unittest.TestCase):
    def setUp(self):
        Mappings.delete_all_mappings()
        # no call of the library resets everything
        requests.post(f"{URL}/__admin/reset", timeout=10).raise_for_status()

    def call(self, path, method="GET", **options):
        return requests.request(method, f"{URL}{path}", timeout=10, **options)

    def assertAnswers(self, path, status, body=None, method="GET", **options):
        answer = self.call(path, method, **options)
        self.assertEqual(answer.status_code, status, f"{method} {path} {options}: {answer.text}")
        if body is not None:
            self.assertEqual(answer.text, body, f"{method} {path} {options}")


def stub(response="", request=None, **fields):
    """A stub for what `request` says, beside the method."""
    request = {"method": HttpMethods.GET, **(request or {})}
    if not isinstance(response, MappingResponse):
        response = MappingResponse(status=200, body=response)
    return Mapping(request=MappingRequest(**request), response=response, **fields)


def create(response="", request=None, **fields):
    return Mappings.create_mapping(stub(response, request, **fields))


def listed():
    return [mapping.request.url for mapping in Mappings.retrieve_all_mappings().mappings]


class MappingTest(ClientTest):
    def test_a_created_stub_answers(self):
        created = create(
            MappingResponse(
                status=201,
                status_message="Made",
                headers={"Content-Type": "application/json", "X-Kind": "stub"},
                json_body={"id": 7, "tags": ["a", "b"]},
            ),
            {"method": HttpMethods.POST, "url": "/items?kind=a"},
            priority=3,
            metadata={"owner": "py"},
        )
        self.assertRegex(created.id, r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        self.assertEqual(created.priority, 3)
        self.assertEqual(created.metadata, {"owner": "py"})
        self.assertEqual(
            created.request.get_json_data(), {"method": "POST", "url": "/items?kind=a"}
        )
        self.assertEqual(created.response.json_body, {"id": 7, "tags": ["a", "b"]})

        answer = self.call("/items?kind=a", "POST")
        self.assertEqual((answer.status_code, answer.reason), (201, "Made"))
        self.assertEqual(answer.json(), {"id": 7, "tags": ["a", "b"]})
        self.assertEqual(answer.headers["x-kind"], "stub")
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertAnswers("/items?kind=b", 404, method="POST")
        self.assertAnswers("/items?kind=a", 404)

    def test_an_id_of_ones_own_is_kept(self):
        created = create("mine", {"url": "/mine"}, id=UNKNOWN)
        self.assertEqual(created.id, UNKNOWN)
        self.assertEqual(Mappings.retrieve_mapping(UNKNOWN).request.url, "/mine")

    def test_bodies_of_bytes(self):
        create(MappingResponse(status=200, base64_body="AAEC/w=="), {"url": "/bytes"})
        self.assertEqual(self.call("/bytes").content, b"\x00\x01\x02\xff")

    def test_url_matchers(self):
        create("url", {"url": "/a?x=1"}, priority=1)
        create("path", {"url_path": "/a"}, priority=2)
        create("path pattern", {"url_path_pattern": "/a/[0-9]+"}, priority=3)
        create("url pattern", {"url_pattern": r"/b/.*\?x=[0-9]+"}, priority=4)
        self.assertAnswers("/a?x=1", 200, "url")
        self.assertAnswers("/a?x=2", 200, "path")
        self.assertAnswers("/a/12?y=1", 200, "path pattern")
        self.assertAnswers("/a/12a", 404)
        self.assertAnswers("/b/c?x=12", 200, "url pattern")
        self.assertAnswers("/b/c?x=", 404)

    def test_methods(self):
        create("any", {"method": HttpMethods.ANY, "url": "/any"})
        create("", {"method": HttpMethods.HEAD, "url": "/head"})
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]:
            self.assertAnswers("/any", 200, "any", method=method)
        self.assertAnswers("/head", 200, "", method="HEAD")
        self.assertAnswers("/head", 404, method="POST")

    def test_header_matchers(self):
        matchers = {
            "X-Exact": {WireMockMatchers.EQUAL_TO: "Yes", WireMockMatchers.CASE_INSENSITIVE: True},
            "X-Part": {WireMockMatchers.CONTAINS: "part"},
            "X-Form": {WireMockMatchers.MATCHES: "[a-z]+-[0-9]+"},
            "X-Other": {WireMockMatchers.DOES_NOT_MATCH: "no.*"},
            "X-Never": {WireMockMatchers.ABSENT: True},
        }
        create("matched", {"url": "/headers", "headers": matchers})
        good = {"X-Exact": "yES", "X-Part": "a part of it", "X-Form": "ab-12", "X-Other": "yes"}
        self.assertAnswers("/headers", 200, "matched", headers=good)
        for name, value in [
            ("X-Exact", "yes!"),
            ("X-Part", "whole"),
            ("X-Form", "ab-"),
            ("X-Other", "none"),
            ("X-Never", ""),
        ]:
            with self.subTest(name):
                self.assertAnswers("/headers", 404, headers={**good, name: value})

    def test_query_and_cookie_matchers(self):
        create(
            "matched",
            {
                "url_path": "/query",
                "query_parameters": {"page": {"matches": "[0-9]+"}, "debug": {"absent": True}},
                "cookies": {"session": {"contains": "abc"}},
            },
        )
        cookies = {"session": "xabcx", "other": "1"}
        self.assertAnswers("/query?page=12&sort=up", 200, "matched", cookies=cookies)
        self.assertAnswers("/query?page=two", 404, cookies=cookies)
        self.assertAnswers("/query?page=12&debug=1", 404, cookies=cookies)
        self.assertAnswers("/query?page=12", 404, cookies={"session": "ab"})
        self.assertAnswers("/query?page=12", 404)

    def test_basic_credentials(self):
        credentials = BasicAuthCredentials(username="ann", password="s3:cret")
        create("welcome", {"url": "/private", "basic_auth_credentials": credentials})
        self.assertAnswers("/private", 200, "welcome", auth=("ann", "s3:cret"))
        self.assertAnswers("/private", 404, auth=("ann", "other"))
        self.assertAnswers("/private", 404)

    def test_json_body_matchers(self):
        loose = {
            "equalToJson": '{"a": [1, 2]}',
            "ignoreArrayOrder": True,
            "ignoreExtraElements": True,
        }
        create("loose", {"method": HttpMethods.POST, "url": "/loose", "body_patterns": [loose]})
        create(
            "strict",
            {
                "method": HttpMethods.POST,
                "url": "/strict",
                "body_patterns": [{"equalToJson": '{"a": [1, 2]}'}],
            },
        )
        path = [
            {"matchesJsonPath": "$.items[?(@.price > 10)]"},
            {"matchesJsonPath": {"expression": "$.name", "contains": "bo"}},
        ]
        create("path", {"method": HttpMethods.POST, "url": "/path", "body_patterns": path})

        self.assertAnswers("/loose", 200, "loose", method="POST", json={"b": 1, "a": [2, 1]})
        self.assertAnswers("/loose", 404, method="POST", json={"a": [3]})
        self.assertAnswers("/strict", 200, "strict", method="POST", json={"a": [1, 2]})
        self.assertAnswers("/strict", 404, method="POST", json={"a": [2, 1]})
        self.assertAnswers("/strict", 404, method="POST", json={"a": [1, 2], "b": 1})
        self.assertAnswers(
            "/path", 200, "path", method="POST", json={"items": [{"price": 11}], "name": "book"}
        )
        self.assertAnswers(
            "/path", 404, method="POST", json={"items": [{"price": 10}], "name": "book"}
        )
        self.assertAnswers(
            "/path", 404, method="POST", json={"items": [{"price": 11}], "name": "pen"}
        )

    def test_text_body_matchers(self):
        create(
            "part",
            {
                "method": HttpMethods.PUT,
                "url": "/text",
                "body_patterns": [{"contains": "one"}, {"matches": ".*two$"}],
            },
        )
        self.assertAnswers("/text", 200, "part", method="PUT", data="one and two")
        self.assertAnswers("/text", 404, method="PUT", data="two and one")

    def test_the_lower_priority_and_then_the_newer_stub_wins(self):
        create("first", {"url": "/p"})
        self.assertAnswers("/p", 200, "first")
        create("second", {"url": "/p"})
        self.assertAnswers("/p", 200, "second")
        create("urgent", {"url": "/p"}, priority=1)
        create("late", {"url": "/p"}, priority=9)
        self.assertAnswers("/p", 200, "urgent")

    def test_a_fixed_delay(self):
        create(
            MappingResponse(status=200, body="slow", fixed_delay_milliseconds=300), {"url": "/slow"}
        )
        start = time.monotonic()
        self.assertAnswers("/slow", 200, "slow")
        self.assertGreaterEqual(time.monotonic() - start, 0.3)

    def test_drawn_delays(self):
        uniform = DelayDistribution(
            distribution_type=DelayDistributionMethods.UNIFORM, lower=150, upper=160
        )
        lognormal = DelayDistribution(
            distribution_type=DelayDistributionMethods.LOG_NORMAL, median=200, sigma=0.01
        )
        create(MappingResponse(status=200, delay_distribution=uniform), {"url": "/uniform"})
        created = create(
            MappingResponse(status=200, delay_distribution=lognormal), {"url": "/lognormal"}
        )
        self.assertEqual(
            created.response.delay_distribution.get_json_data(),
            {"type": "lognormal", "median": 200, "sigma": 0.01},
        )
        for path, least in [("/uniform", 0.15), ("/lognormal", 0.18)]:
            start = time.monotonic()
            self.assertAnswers(path, 200)
            self.assertGreaterEqual(time.monotonic() - start, least, path)

    def test_faults_break_the_connection(self):
        for fault in [
            ResponseFaultType.EMPTY_RESPONSE,
            ResponseFaultType.RANDOM_DATA_THEN_CLOSE,
            ResponseFaultType.MALFORMED_RESPONSE_CHUNK,
        ]:
            with self.subTest(fault):
                created = create(MappingResponse(fault=fault), {"url": f"/{fault}"})
                self.assertEqual(created.response.fault, fault)
                with self.assertRaises(requests.RequestException):
                    self.call(f"/{fault}")

    def test_stubs_are_listed_newest_first(self):
        self.assertEqual(Mappings.retrieve_all_mappings().meta.total, 0)
        for url in ["/1", "/2", "/3"]:
            create("", {"url": url})
        everything = Mappings.retrieve_all_mappings()
        self.assertEqual(everything.meta.total, 3)
        self.assertEqual(listed(), ["/3", "/2", "/1"])

        page = Mappings.retrieve_all_mappings(parameters={"limit": 1, "offset": 1})
        self.assertEqual([mapping.request.url for mapping in page.mappings], ["/2"])
        self.assertEqual(page.meta.total, 3)

    def test_one_stub_is_got_by_its_id(self):
        created = create(
            "body", {"url": "/one", "headers": {"Accept": {"equalTo": "a/b"}}}, priority=4
        )
        got = Mappings.retrieve_mapping(created)
        self.assertEqual(got.get_json_data(), created.get_json_data())
        self.assertEqual(got.request.headers, {"Accept": {"equalTo": "a/b"}})
        with self.assertRaises(NotFoundException):
            Mappings.retrieve_mapping(UNKNOWN)

    def test_an_updated_stub_answers_anew(self):
        created = create("before", {"url": "/edited"})
        created.response.body = "after"
        created.request.url = "/moved"
        updated = Mappings.update_mapping(created)
        self.assertEqual(
            (updated.id, updated.request.url, updated.response.body),
            (created.id, "/moved", "after"),
        )
        self.assertAnswers("/moved", 200, "after")
        self.assertAnswers("/edited", 404)
        self.assertEqual(listed(), ["/moved"])
        with self.assertRaises(NotFoundException):
            Mappings.update_mapping(stub("", {"url": "/nobody"}, id=UNKNOWN))

    def test_a_deleted_stub_answers_no_more(self):
        kept, gone = create("kept", {"url": "/kept"}), create("gone", {"url": "/gone"})
        Mappings.delete_mapping(gone.id)
        self.assertAnswers("/gone", 404)
        self.assertAnswers("/kept", 200, "kept")
        with self.assertRaises(NotFoundException):
            Mappings.retrieve_mapping(gone.id)
        with self.assertRaises(NotFoundException):
            Mappings.delete_mapping(gone.id)
        self.assertEqual(Mappings.retrieve_mapping(kept.id).request.url, "/kept")

    def test_stubs_are_deleted_by_what_is_said_of_them(self):
        create("", {"url": "/ann"}, metadata={"owner": "ann", "tags": ["x"]})
        create("", {"url": "/bob"}, metadata={"owner": "bob"})
        create("", {"url": "/nobody"})
        Mappings.delete_mapping_by_metadata(
            {"matchesJsonPath": {"expression": "$.owner", "equalTo": "ann"}}
        )
        self.assertEqual(listed(), ["/nobody", "/bob"])
        Mappings.delete_mapping_by_metadata({"equalToJson": '{"owner": "bob"}'})
        self.assertEqual(listed(), ["/nobody"])

    def test_persisted_stubs_outlive_a_reset(self):
        create("kept", {"url": "/kept"}, metadata={"a": 1})
        Mappings.persist_mappings()
        create("lost", {"url": "/lost"})
        Mappings.reset_mappings()
        self.assertEqual(listed(), ["/kept"])
        self.assertAnswers("/kept", 200, "kept")
        self.assertAnswers("/lost", 404)

        Mappings.delete_all_mappings()
        Mappings.reset_mappings()
        self.assertEqual(listed(), [])

    def test_a_persistent_stub_outlives_a_reset(self):
        created = create("kept", {"url": "/kept"}, persistent=True)
        self.assertIs(created.persistent, True)
        create("lost", {"url": "/lost"})
        Mappings.reset_mappings()
        self.assertEqual(listed(), ["/kept"])
        Mappings.delete_mapping(created.id)
        Mappings.reset_mappings()
        self.assertEqual(listed(), [])

    def test_all_stubs_are_deleted(self):
        create("", {"url": "/1"})
        create("", {"url": "/2"})
        Mappings.delete_all_mappings()
        self.assertEqual(listed(), [])
        self.assertAnswers("/1", 404)

    def test_a_stub_that_is_wrong_is_refused(self):
        with self.assertRaises(InvalidInputException) as refused:
            create("", {"url": "/wrong", "headers": {"X": {"equalToo": "1"}}})
        self.assertEqual(refused.exception.status_code, 422)
        self.assertIn("equalToo", str(refused.exception))
        self.assertEqual(listed(), [])


class ProxyTest(ClientTest):
    def setUp(self):
        super().setUp()
        heard = self.heard = []

        class Service(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                heard.append((self.path, dict(self.headers)))
                self.send_response(202)
                self.send_header("X-Real", "yes")
                self.end_headers()
                self.wfile.write(b"real")

            def log_message(self, *_):
                pass

        service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        self.base_url = f"http://127.0.0.1:{service.server_address[1]}"

    def test_a_real_service_answers(self):
        response = MappingResponse(
            proxy_base_url=f"{self.base_url}/base",
            additional_proxy_request_headers={"X-Own": "added"},
            headers={"X-Stub": "too"},
        )
        created = create(response, {"url_pattern": "/real/.*"})
        self.assertEqual(created.response.proxy_base_url, f"{self.base_url}/base")
        answer = self.call("/real/a?b=1")
        self.assertEqual((answer.status_code, answer.text), (202, "real"))
        self.assertEqual((answer.headers["x-real"], answer.headers["x-stub"]), ("yes", "too"))
        path, headers = self.heard[0]
        self.assertEqual(
            (path, {name.lower(): value for name, value in headers.items()}["x-own"]),
            ("/base/real/a?b=1", "added"),
        )
        logged = Requests.get_all_received_requests(parameters={}).requests[0]
        self.assertEqual(logged.request.url, "/real/a?b=1")
        self.assertAnswers("/other", 404)


class ScenarioTest(ClientTest):
    def test_a_scenario_goes_on_and_back(self):
        steps = [("Started", "paid", "open"), ("paid", "sent", "paid"), ("sent", None, "sent")]
        for required, new, body in steps:
            create(
                body,
                {"url": "/order"},
                scenario_name="order",
                required_scenario_state=required,
                new_scenario_state=new,
            )
        for body in ["open", "paid", "sent", "sent"]:
            self.assertAnswers("/order", 200, body)
        Scenarios.reset_all_scenarios()
        self.assertAnswers("/order", 200, "open")

    def test_a_stub_says_its_scenario(self):
        created = create(
            "",
            {"url": "/s"},
            scenario_name="s",
            required_scenario_state="Started",
            new_scenario_state="next",
        )
        got = Mappings.retrieve_mapping(created.id)
        self.assertEqual(
            (got.scenario_name, got.required_scenario_state, got.new_scenario_state),
            ("s", "Started", "next"),
        )


class SettingsTest(ClientTest):
    def set_delay(self, milliseconds):
        try:
            GlobalSettings.update_global_settings(GlobalSetting(fixed_delay=milliseconds))
        except requests.exceptions.JSONDecodeError:
            # the library reads settings from the answer, which is empty
            pass

    def test_a_global_delay_holds_until_it_is_taken_back(self):
        create("quick", {"url": "/quick"})
        self.addCleanup(self.set_delay, 0)
        self.set_delay(300)
        start = time.monotonic()
        self.assertAnswers("/quick", 200, "quick")
        self.assertGreaterEqual(time.monotonic() - start, 0.3)

        self.set_delay(0)
        start = time.monotonic()
        self.assertAnswers("/quick", 200, "quick")
        self.assertLess(time.monotonic() - start, 0.3)


class RequestTest(ClientTest):
    def setUp(self):
        super().setUp()
        create("matched", {"method": HttpMethods.ANY, "url_path": "/matched"})

    def test_requests_are_listed_newest_first(self):
        self.assertEqual(Requests.get_all_received_requests(parameters={}).requests, [])
        before = time.time() * 1000
        self.call("/matched?a=1&a=2", headers={"X-One": "1", "Cookie": "c=d"})
        self.call("/matched", "POST", data="text", headers={"Content-Type": "text/plain"})
        self.call("/unknown")
        journal = Requests.get_all_received_requests(parameters={})

        self.assertEqual(journal.meta.total, 3)
        self.assertIs(journal.request_journal_disabled, False)
        unknown, post, get = journal.requests
        self.assertEqual(
            [event.request.url for event in (unknown, post, get)],
            ["/unknown", "/matched", "/matched?a=1&a=2"],
        )
        self.assertEqual(get.request.absolute_url, f"{URL}/matched?a=1&a=2")
        self.assertEqual(get.request.method, "GET")
        self.assertEqual(get.request.client_ip, "127.0.0.1")
        self.assertEqual(
            {name.lower(): value for name, value in get.request.headers.items()}["x-one"], "1"
        )
        self.assertEqual(get.request.cookies, {"c": "d"})
        self.assertIs(get.request.browser_proxy_request, False)
        self.assertEqual((post.request.body, post.request.body_as_base64), ("text", "dGV4dA=="))
        self.assertAlmostEqual(get.request.logged_date, before, delta=10_000)
        self.assertRegex(get.request.logged_date_string, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
        self.assertEqual(
            (get.response_definition.status, unknown.response_definition.status), (200, 404)
        )

    def test_requests_are_limited_in_number_and_age(self):
        for path in ["/1", "/2", "/3"]:
            self.call(path)
        urls = lambda journal: [event.request.url for event in journal.requests]
        self.assertEqual(
            urls(Requests.get_all_received_requests(limit=2, parameters={})), ["/3", "/2"]
        )
        since = lambda seconds: (
            datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        ).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.assertEqual(
            urls(Requests.get_all_received_requests(since=since(3600), parameters={})), []
        )
        self.assertEqual(
            urls(Requests.get_all_received_requests(since=since(-3600), parameters={})),
            ["/3", "/2", "/1"],
        )

    def test_only_unmatched_requests_or_those_of_a_stub_are_listed(self):
        mapping = Mappings.retrieve_all_mappings().mappings[0]
        self.call("/matched")
        self.call("/unknown")
        urls = lambda **parameters: [
            event.request.url
            for event in Requests.get_all_received_requests(parameters=parameters).requests
        ]
        self.assertEqual(urls(unmatched="true"), ["/unknown"])
        self.assertEqual(urls(matchingStub=mapping.id), ["/matched"])

    def test_one_request_is_got_by_its_id(self):
        self.call("/matched", "PUT", json={"a": 1})
        event = Requests.get_all_received_requests(parameters={}).requests[0]
        got = Requests.get_request(event.id)
        self.assertEqual(got.id, event.id)
        self.assertEqual(got.request.get_json_data(), event.request.get_json_data())
        self.assertEqual(got.request.body, '{"a": 1}')
        with self.assertRaises(NotFoundException):
            Requests.get_request(UNKNOWN)

    def test_requests_are_counted(self):
        self.call("/matched?x=1", "POST", json={"name": "ann"}, headers={"X-Kind": "a"})
        self.call("/matched?x=2", "POST", json={"name": "bob"})
        self.call("/unknown")
        count = lambda **pattern: Requests.get_matching_request_count(
            NearMissMatchPatternRequest(**pattern)
        ).count
        self.assertEqual(count(), 3)
        self.assertEqual(count(method="POST"), 2)
        self.assertEqual(count(url="/matched?x=2"), 1)
        self.assertEqual(count(url_path="/matched", query_parameters={"x": {"matches": "[12]"}}), 2)
        self.assertEqual(count(method="ANY", url_path_pattern="/u.*"), 1)
        self.assertEqual(count(url_pattern="/matched.*", headers={"X-Kind": {"equalTo": "a"}}), 1)
        self.assertEqual(
            count(method="POST", body_patterns=[{"matchesJsonPath": "$[?(@.name == 'bob')]"}]), 1
        )
        self.assertEqual(count(url="/never"), 0)

    def test_requests_are_found(self):
        self.call("/matched?x=1")
        self.call("/matched?x=2", headers={"Accept": "text/plain"})
        self.call("/unknown")
        found = Requests.get_matching_requests(
            NearMissMatchPatternRequest(method="GET", url_path="/matched")
        )
        self.assertEqual(
            [request.url for request in found.requests], ["/matched?x=1", "/matched?x=2"]
        )
        self.assertEqual(found.requests[1].method, "GET")
        headers = {name.lower(): value for name, value in found.requests[1].headers.items()}
        self.assertEqual(headers[CommonHeaders.ACCEPT.lower()], "text/plain")
        self.assertEqual(
            Requests.get_matching_requests(NearMissMatchPatternRequest(url="/never")).requests, []
        )

    def test_a_pattern_that_is_wrong_is_refused(self):
        with self.assertRaises(InvalidInputException):
            Requests.get_matching_request_count(
                NearMissMatchPatternRequest(url="/a", headers={"X": {"equalToo": "1"}})
            )

    def test_unmatched_requests(self):
        self.call("/matched")
        self.call("/unknown/1")
        self.call("/unknown/2", "DELETE")
        unmatched = Requests.get_unmatched_requests().requests
        self.assertEqual(
            [(request.method, request.url) for request in unmatched],
            [("DELETE", "/unknown/2"), ("GET", "/unknown/1")],
        )

    def test_a_reset_of_the_stubs_empties_the_journal(self):
        self.call("/matched")
        Mappings.reset_mappings()
        self.assertEqual(Requests.get_all_received_requests(parameters={}).meta.total, 0)


class NearMissTest(ClientTest):
    def setUp(self):
        super().setUp()
        create("near", {"url": "/near/1", "headers": {"X-Kind": {"equalTo": "a"}}})
        create("far", {"method": HttpMethods.POST, "url": "/something/else/entirely"})

    def test_the_stubs_nearest_to_unmatched_requests(self):
        self.call("/near/2", headers={"X-Kind": "a"})
        misses = Requests.get_unmatched_requests_near_misses().near_misses
        self.assertEqual(misses[0].request.url, "/near/2")
        self.assertTrue(0 < misses[0].match_result.distance < 0.5, misses[0].match_result.distance)

    def test_the_stubs_nearest_to_a_request(self):
        asked = NearMissMatchRequest(
            url="/near/2", absolute_url=f"{URL}/near/2", method="GET", headers={"X-Kind": "a"}
        )
        misses = NearMisses.find_nearest_misses_by_request(asked).near_misses
        self.assertEqual(misses[0].request.url, "/near/2")
        distances = [miss.match_result.distance for miss in misses]
        self.assertEqual(len(distances), 2)
        self.assertEqual(distances, sorted(distances))
        self.assertTrue(0 < distances[0] < distances[1] < 1, distances)

    def test_the_requests_nearest_to_a_pattern(self):
        self.call("/near/2", headers={"X-Kind": "a"})
        self.call("/very/different", "PUT")
        pattern = NearMissMatchPatternRequest(
            url="/near/1", method="GET", headers={"X-Kind": {"equalTo": "a"}}
        )
        misses = NearMisses.find_nearest_misses_by_request_pattern(pattern).near_misses
        self.assertEqual([miss.request.url for miss in misses], ["/near/2", "/very/different"])
        self.assertEqual(misses[0].request_pattern.url, "/near/1")
        self.assertLess(misses[0].match_result.distance, misses[1].match_result.distance)


if __name__ == "__main__":
    unittest.main()
