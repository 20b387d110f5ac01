"""Header blocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.wire.headers import HeaderBlock, build_headers, get_header, parse_headers


@pytest.mark.parametrize(
    ("block", "read"),
    [
        (b"NATS/1.0\r\n\r\n", HeaderBlock(0, b"", ())),
        (b"NATS/1.0 503\r\n\r\n", HeaderBlock(503, b"", ())),
        (b"NATS/1.0 404 No Messages\r\n\r\n", HeaderBlock(404, b"No Messages", ())),
        (
            b"NATS/1.0\r\nA: 1\r\nb:2\r\nA: 3\r\n\r\n",
            HeaderBlock(0, b"", ((b"A", b"1"), (b"b", b"2"), (b"A", b"3"))),
        ),
        (b"NATS/1.0\r\nA: \r\n\r\n", HeaderBlock(0, b"", ((b"A", b""),))),
        (b"NATS/1.0\r\nA: b:c\r\n\r\n", HeaderBlock(0, b"", ((b"A", b"b:c"),))),
    ],
)
def test_parsing(block, read):
    assert parse_headers(block) == read


@pytest.mark.parametrize(
    "block", [b"", b"HTTP/1.1\r\n\r\n", b"NATS/1.0 x\r\n\r\n", b"NATS/1.0\r\nA\r\n\r\n"]
)
def test_what_is_no_header_block(block):
    with pytest.raises(ValueError, match=r"header|status"):
        parse_headers(block)


@pytest.mark.parametrize(
    ("fields", "status", "description", "block"),
    [
        ((), 0, b"", b"NATS/1.0\r\n\r\n"),
        ((), 503, b"", b"NATS/1.0 503\r\n\r\n"),
        ((), 404, b"No Messages", b"NATS/1.0 404 No Messages\r\n\r\n"),
        (((b"A", b"1"), (b"B", b"2")), 0, b"", b"NATS/1.0\r\nA: 1\r\nB: 2\r\n\r\n"),
    ],
)
def test_building(fields, status, description, block):
    assert build_headers(fields, status, description) == block


@pytest.mark.parametrize(
    "fields", [[(b"", b"x")], [(b"A:", b"x")], [(b"A\n", b"x")], [(b"A", b"x\r\nB: y")]]
)
def test_what_cannot_be_built(fields):
    with pytest.raises(ValueError, match="header"):
        build_headers(fields)


@pytest.mark.parametrize(
    ("key", "value"),
    [(b"A", b"1"), (b"B", b"2"), (b"a", None), (b"C", None), (b"NATS/1.0", None)],
)
def test_the_first_of_equal_keys_and_exactly_that_key(key, value):
    assert get_header(b"NATS/1.0\r\nA: 1\r\nB:2\r\nA: 3\r\n\r\n", key) == value


def test_a_value_without_an_end():
    assert get_header(b"NATS/1.0\r\nA: 1", b"A") == b"1"


_KEY = st.text("abcXYZ-09", min_size=1).map(str.encode)
_VALUE = st.text("abc :/=é").map(lambda text: text.strip().encode())


@given(st.lists(st.tuples(_KEY, _VALUE)), st.sampled_from([0, 100, 503]))
def test_what_was_built_can_be_read(fields, status):
    block = build_headers(fields, status)
    assert parse_headers(block) == HeaderBlock(status, b"", tuple(fields))
    for key, value in reversed(dict(reversed(fields)).items()):
        assert get_header(block, key) == value
