"""The monitoring port, from bytes to bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import Logger, formatEvent

from pubsub.monitor.pages import Pages
from pubsub.monitor.server import MonitorSite, monitor_site
from tests.monitor.fakes import FakeServer


class Browser:
    """One connection to a site."""

    def __init__(self, site: MonitorSite) -> None:
        self.protocol: Any = site.buildProtocol(None)
        self.transport = StringTransport()
        self.transport.abortConnection = self.transport.loseConnection  # type: ignore[attr-defined]
        self.protocol.makeConnection(self.transport)

    def send(self, request: bytes, step: int = 0) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer."""
        step = step or len(request)
        for start in range(0, len(request), step):
            self.protocol.dataReceived(request[start : start + step])
        head, _, body = self.transport.value().partition(b"\r\n\r\n")
        self.transport.clear()
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return int(status.split()[1]), headers, body


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(busy: FakeServer, clock: Clock) -> MonitorSite:
    return monitor_site(busy, clock)


@pytest.fixture
def browser(site: MonitorSite) -> Browser:
    return Browser(site)


@pytest.mark.parametrize("step", [0, 1, 7])
def test_a_page_is_sent_with_its_length_and_without_a_banner(browser: Browser, step: int) -> None:
    code, headers, body = browser.send(b"GET /connz?cid=5 HTTP/1.1\r\nHost: x\r\n\r\n", step)
    assert code == 200
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == str(len(body))
    assert headers["access-control-allow-origin"] == "*"
    assert "server" not in headers
    assert json.loads(body)["connections"][0]["cid"] == 5


def test_several_requests_share_a_connection(browser: Browser) -> None:
    for _ in range(3):
        assert browser.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")[2] == b'{"status":"ok"}'
    assert not browser.transport.disconnecting


def test_head_has_the_headers_and_no_body(browser: Browser) -> None:
    code, headers, body = browser.send(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (code, headers["content-length"], body) == (200, "15", b"")


def test_escapes_in_the_path_are_decoded(browser: Browser) -> None:
    assert browser.send(b"GET /%76arz HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 200
    assert browser.send(b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 404


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"BREW"])
def test_other_methods_are_not_allowed(browser: Browser, method: bytes) -> None:
    request = method + b" /varz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    code, headers, _ = browser.send(request)
    assert (code, headers["allow"]) == (405, "get, head")
    assert "server" not in headers


def test_a_body_is_thrown_away_and_a_large_one_ends_the_connection(browser: Browser) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    assert browser.send(head % 1000 + b"x" * 1000)[0] == 200
    browser.protocol.dataReceived(head % 100_000_000)
    for _ in range(3):
        browser.protocol.dataReceived(b"x" * 60_000)
    assert browser.transport.disconnecting
    assert browser.transport.value() == b""


def test_headers_have_a_limit(browser: Browser) -> None:
    browser.protocol.dataReceived(b"GET / HTTP/1.1\r\n" + b"X-Y: " + b"z" * 20_000)
    assert browser.transport.disconnecting


def test_silence_ends_a_connection(browser: Browser, clock: Clock) -> None:
    clock.advance(76)
    assert browser.transport.disconnecting


def test_requests_are_logged_for_debugging(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Any] = []
    monkeypatch.setattr(MonitorSite, "_log", Logger("pubsub.test", observer=events.append))
    browser.send(b"GET /varz?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [(event["log_level"].name, formatEvent(event)) for event in events] == [
        ("debug", "monitoring: 192.168.1.1:54321 GET /varz?x=1 200")
    ]


def test_an_error_of_ours_is_answered_without_details(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, logged_failures: Any
) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(Pages, "answer", fail)
    code, headers, body = browser.send(b"GET /varz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (code, body) == (500, b"Internal Server Error\n")
    assert "server" not in headers
    assert len(logged_failures.flush(ZeroDivisionError)) == 1


def test_a_site_that_listens_keeps_no_clock_running(site: MonitorSite, clock: Clock) -> None:
    site.doStart()
    assert clock.getDelayedCalls() == []
    site.doStop()


def test_the_base_path_is_the_options(busy: FakeServer, clock: Clock) -> None:
    busy.options = replace(busy.options, http_base_path="/nats")
    browser = Browser(monitor_site(busy, clock))
    assert browser.send(b"GET /nats/varz HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 200
