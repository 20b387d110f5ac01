"""From path and query to an answer."""

from __future__ import annotations

import json

import pytest
from twisted.logger import Logger, formatEvent

from pubsub.monitor.pages import Answer, Pages, normal_base_path
from tests.monitor.fakes import FakeServer


@pytest.fixture
def pages(busy: FakeServer) -> Pages:
    return Pages(busy)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/varz", "config_digest"),
        ("/connz", "connections"),
        ("/subsz", "num_cache"),
        ("/subscriptionsz", "num_cache"),
        ("/gatewayz", "outbound_gateways"),
    ],
)
def test_pages_are_indented_json_anybody_may_read(pages: Pages, path: str, key: str) -> None:
    answer = pages.answer(path, b"")
    assert (answer.code, answer.content_type) == (200, "application/json")
    assert answer.headers == {"Access-Control-Allow-Origin": "*"}
    assert answer.body.startswith(b'{\n  "server_id": "NAB",\n')
    assert key in json.loads(answer.body)


def test_the_health_page_is_compact_and_has_the_status_code(
    pages: Pages, busy: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    log = Logger("pubsub.test", observer=lambda event: lines.append(formatEvent(event)))
    monkeypatch.setattr(Pages, "_log", log)
    assert pages.answer("/healthz", b"").body == b'{"status":"ok"}'
    assert lines == []
    busy.unreachable = "server"
    assert pages.answer("/healthz", b"").code == 500
    assert pages.answer("/healthz", b"details=1").code == 500
    assert pages.answer("/healthz", b"stream=s").code == 400
    assert lines == [
        'Healthcheck failed: "failed to be ready for connections after 1ms: server"',
        "Healthcheck failed: 1 errors",
        r'Healthcheck failed: "\"account\" must not be empty when checking stream health"',
    ]


def test_requests_are_counted_by_page(pages: Pages, busy: FakeServer) -> None:
    for path, query in (
        ("/", b""), ("/varz", b""), ("/connz", b""), ("/connz", b"limit=x"), ("/subsz", b""),
        ("/subscriptionsz", b"subs=x"), ("/healthz", b""), ("/nope", b""), ("/accountz", b""),
        ("/accountz", b"acc=nobody"), ("/accstatz", b""),
    ):  # fmt: skip
        pages.answer(path, query)
    assert busy.http_requests == {
        "/": 1, "/varz": 1, "/connz": 1, "/subsz": 2, "/healthz": 1, "/accountz": 2,
        "/accstatz": 1,
    }  # fmt: skip


def test_varz_counts_itself(pages: Pages) -> None:
    assert json.loads(pages.answer("/varz", b"").body)["http_req_stats"] == {"/varz": 1}


@pytest.mark.parametrize(
    "path", ["/nope", "/varz/", "/VARZ", "/connz/x", "//varz", "", "/jsz", "/%2e"]
)
def test_there_is_nothing_else(pages: Pages, path: str) -> None:
    assert pages.answer(path, b"") == Answer(
        404, b"404 page not found\n", "text/plain; charset=utf-8",
        {"X-Content-Type-Options": "nosniff"},
    )  # fmt: skip


def test_accounts_have_pages(pages: Pages) -> None:
    shown = json.loads(pages.answer("/accountz", b"acc=$SYS").body)
    assert shown["account_detail"]["account_name"] == "$SYS"
    assert pages.answer("/accountz", b"acc=zz").body == b"Account zz does not exist"
    assert json.loads(pages.answer("/accstatz", b"").body)["account_statz"][0]["acc"] == "$G"


def test_bad_parameters_are_answered_with_the_reason(pages: Pages) -> None:
    answer = pages.answer("/connz", b"sort=foo")
    assert answer == Answer(400, b"invalid sorting option: foo", "text/plain; charset=utf-8")
    assert pages.answer("/connz", b"sort=%ff").code == 400


def test_the_index_is_html_that_may_load_nothing(pages: Pages) -> None:
    answer = pages.answer("/", b"")
    assert (answer.code, answer.content_type) == (200, "text/html; charset=utf-8")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert b"edge" in answer.body
    assert b"nats-server 2.15.0" in answer.body


@pytest.mark.parametrize("base", ["/nats", "nats", "/nats/", "//nats"])
def test_a_base_path_is_a_prefix_of_all_paths(busy: FakeServer, base: str) -> None:
    pages = Pages(busy, base)
    assert pages.answer("/nats/varz", b"").code == 200
    assert pages.answer("/nats", b"").content_type.startswith("text/html")
    assert pages.answer("/varz", b"").code == 404
    assert pages.answer("/", b"").code == 404
    assert busy.http_requests == {"/varz": 1, "/": 1}


def test_base_paths_are_made_alike() -> None:
    assert [normal_base_path(path) for path in ("", "/", "a", "/a/", "//a//b/.")] == [
        "/", "/", "/a", "/a", "/a/b",
    ]  # fmt: skip


def test_a_callback_makes_it_a_script(pages: Pages) -> None:
    answer = pages.answer("/healthz", b"callback=jQuery_1.done")
    assert answer.body == b'jQuery_1.done({"status":"ok"})'
    assert answer.content_type == "application/javascript"
    assert answer.headers == {"X-Content-Type-Options": "nosniff"}


@pytest.mark.parametrize("name", [b"", b"alert(1)", b"a b", b"1a", b"%3Cscript%3E", b"a" * 200])
def test_a_callback_that_is_no_name_is_ignored(pages: Pages, name: bytes) -> None:
    assert pages.answer("/healthz", b"callback=" + name).body == b'{"status":"ok"}'
