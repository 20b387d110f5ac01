"""The header that tells a service who asks."""

from __future__ import annotations

import pytest

from pubsub.router.introduction import describe_requester, introduce
from pubsub.wire.headers import get_header, parse_headers

LINE = b'Nats-Request-Info: {"acc":"A"}\r\n\r\n'
INFO = b'{"acc":"A"}'


@pytest.mark.parametrize(
    ("headers", "introduced"),
    [
        (b"", b"NATS/1.0\r\n" + LINE),
        (b"NATS/1.0\r\n\r\n", b"NATS/1.0\r\n" + LINE),
        (b"NATS/1.0\r\nA: b\r\nC: d\r\n\r\n", b"NATS/1.0\r\nA: b\r\nC: d\r\n" + LINE),
        (b"NATS/1.0 503 No\r\n\r\n", b"NATS/1.0 503 No\r\n" + LINE),
        (
            b"NATS/1.0\r\nX: y\r\nx: z\r\nX: y\r\n\r\n",
            b"NATS/1.0\r\nX: y\r\nx: z\r\nX: y\r\n" + LINE,
        ),
    ],
)
def test_it_becomes_the_last_header(headers: bytes, introduced: bytes) -> None:
    assert introduce(headers, INFO) == introduced


@pytest.mark.parametrize(
    "headers",
    [
        b"NATS/1.0\r\nNats-Request-Info: evil\r\n\r\n",
        b"NATS/1.0\r\nnats-request-info: evil\r\n\r\n",
        b"NATS/1.0\r\nNats-Request-Info : evil\r\n\r\n",
        b"NATS/1.0\r\nNats-Request-Info: evil\r\nNats-Request-Info: worse\r\n\r\n",
        b"NATS/1.0\nNats-Request-Info: evil\n\n",
        b"Nats-Request-Info: evil\r\n\r\n",
    ],
)
def test_nobody_introduces_himself(headers: bytes) -> None:
    assert introduce(headers, INFO) == b"NATS/1.0\r\n" + LINE


@pytest.mark.parametrize(
    "headers",
    [
        b"NATS/1.0\r\nA: b",
        b"NATS/1.0\r\nA: b\r\n",
        b"NATS/1.0\r\nA: b\r\n\r\nHidden: c\r\n\r\n",
        b"NATS/1.0\r\nA: b\n\nHidden: c\r\n\r\n",
        b"NATS/1.0\r\nA: b\r\n\r\n\r\n\r\n",
    ],
)
def test_it_is_read_whatever_stood_there(headers: bytes) -> None:
    assert introduce(headers, INFO) == b"NATS/1.0\r\nA: b\r\n" + LINE


@pytest.mark.parametrize("headers", [b"x", b"\r", b"\r\n", b"\r\n\r\n", b"\x00\xff"])
def test_rubbish_stays_in_front(headers: bytes) -> None:
    introduced = introduce(headers, INFO)
    assert introduced.endswith(b"\r\n" + LINE)
    assert get_header(introduced, b"Nats-Request-Info") == INFO


def test_the_result_can_be_introduced_again() -> None:
    twice = introduce(introduce(b"NATS/1.0\r\nA: b\r\n\r\n", INFO), b'{"acc":"B"}')
    assert parse_headers(twice).fields == ((b"A", b"b"), (b"Nats-Request-Info", b'{"acc":"B"}'))


BRIEF = b'{"acc":"A","rtt":5}'
FULL = (
    b'{"start":"x","acc":"A","user":"u","rtt":5,"server":"S","cluster":"C","alts":["D"],'
    b'"kind":"Client"}'
)


@pytest.mark.parametrize(
    ("detailed", "located", "service", "told"),
    [
        (False, False, "", BRIEF),
        (True, False, "", FULL),
        (True, True, "", FULL),
        (False, False, "B", b'{"acc":"A","svc":"B","rtt":5}'),
        (
            False,
            True,
            "",
            b'{"acc":"A","rtt":5,"server":"S","cluster":"C","alts":["D"]}',
        ),
        (
            False,
            True,
            "<B>",
            rb'{"acc":"A","svc":"\u003cB\u003e","rtt":5,"server":"S","cluster":"C","alts":["D"]}',
        ),
        (True, False, "B", FULL.replace(b'"user"', b'"svc":"B","user"')),
        (True, True, "B", FULL.replace(b'"user"', b'"svc":"B","user"')),
    ],
)
def test_how_much_is_told(detailed: bool, located: bool, service: str, told: bytes) -> None:
    """In nats-server's order."""
    described = describe_requester(lambda much: FULL if much else BRIEF, detailed, located, service)
    assert described == told


def test_what_is_nowhere_has_no_place() -> None:
    assert describe_requester(lambda much: BRIEF, False, True, "") == BRIEF


def test_who_says_nothing_is_nobody() -> None:
    assert describe_requester(lambda much: b"", False, True, "B") == b""
