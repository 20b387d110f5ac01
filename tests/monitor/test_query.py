"""Parameters of monitoring requests."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.errors import BadMonitorQuery
from pubsub.monitor.query import Query


def test_the_first_of_several_counts_and_blanks_and_escapes_are_decoded() -> None:
    query = Query(b"acc=%24G&acc=other&name=a+b%20c&empty=&&flag")
    assert query.text("acc") == "$G"
    assert query.text("name") == "a b c"
    assert query.text("empty") == query.text("flag") == query.text("missing") == ""


@pytest.mark.parametrize("raw", [b"limit=1%zz", b"limit=1;offset=2", b"limit=%", b"lim%it=1"])
def test_broken_pieces_are_as_if_they_were_not_there(raw: bytes) -> None:
    assert Query(raw + b"&cid=5").integer("limit") == 0
    assert Query(raw + b"&cid=5").unsigned("cid") == 5


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("t", True), ("T", True), ("TRUE", True), ("true", True), ("True", True),
     ("0", False), ("f", False), ("F", False), ("FALSE", False), ("false", False),
     ("False", False), ("", False)],
)  # fmt: skip
def test_truth_is_what_go_takes_for_it(text: str, value: bool) -> None:
    assert Query(f"auth={text}".encode()).boolean("auth") is value


def test_other_truths_are_refused_in_nats_servers_words() -> None:
    with pytest.raises(BadMonitorQuery) as caught:
        Query(b"auth=maybe").boolean("auth")
    assert str(caught.value) == (
        "Error decoding boolean for 'auth': strconv.ParseBool: parsing \"maybe\": invalid syntax"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("-5", -5), ("%2B5", 5), ("007", 7), (str(2**63 - 1), 2**63 - 1), ("", 0)],
)
def test_numbers_are_decimal(text: str, value: int) -> None:
    assert Query(f"limit={text}".encode()).integer("limit") == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("foo", '"foo": invalid syntax'),
        ("+5", '" 5": invalid syntax'),
        ("0x5", '"0x5": invalid syntax'),
        ("1_0", '"1_0": invalid syntax'),
        ("%D9%A5", '"\u0665": invalid syntax'),
        ("%ff%0a", '"\\xff\\n": invalid syntax'),
        (str(2**63), f'"{2**63}": value out of range'),
        ("9" * 5000, f'"{"9" * 5000}": value out of range'),
    ],
)
def test_other_numbers_are_refused_in_nats_servers_words(text: str, why: str) -> None:
    with pytest.raises(BadMonitorQuery) as caught:
        Query(f"limit={text}".encode()).integer("limit")
    assert str(caught.value) == f"Error decoding int for 'limit': strconv.Atoi: parsing {why}"


def test_ids_are_not_negative() -> None:
    assert Query(f"cid={2**64 - 1}".encode()).unsigned("cid") == 2**64 - 1
    assert Query(b"").unsigned("cid") == 0
    for text, why in (("-1", "invalid syntax"), (str(2**64), "value out of range")):
        with pytest.raises(BadMonitorQuery) as caught:
            Query(f"cid={text}".encode()).unsigned("cid")
        assert str(caught.value) == (
            f"Error decoding uint64 for 'cid': strconv.ParseUint: parsing \"{text}\": {why}"
        )


@given(st.binary(max_size=60))
def test_any_bytes_can_be_read_or_are_refused(raw: bytes) -> None:
    query = Query(raw)
    for read in (query.boolean, query.integer, query.unsigned):
        with contextlib.suppress(BadMonitorQuery):
            read("a")
