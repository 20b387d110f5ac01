"""Times, durations and JSON as Go writes them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.monitor import goformat


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1100, "1.1µs"),
        (387_000, "387µs"),
        (1_339_580, "1.33958ms"),
        (2_200_000, "2.2ms"),
        (1_000_000_000, "1s"),
        (3_300_000_000, "3.3s"),
        (245_000_000_000, "4m5s"),
        (245_001_000_000, "4m5.001s"),
        (18_367_001_000_000, "5h6m7.001s"),
        (480_000_000_001, "8m0.000000001s"),
        (3_600_000_000_000, "1h0m0s"),
        (-1_100, "-1.1µs"),
    ],
)
def test_durations_are_written_as_go_does(nanos: int, text: str) -> None:
    assert goformat.duration(nanos) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.0003871, "387µs"),
        (0.000001, "1µs"),
        (0.0000005, "500ns"),
        (0.00133958, "1.33958ms"),
    ],
)
def test_short_round_trips_are_cut_to_microseconds(seconds: float, text: str) -> None:
    assert goformat.rtt(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.9, "0s"),
        (-3.0, "0s"),
        (59, "59s"),
        (60, "1m0s"),
        (3725.9, "1h2m5s"),
        (93784, "1d2h3m4s"),
        (31536000 + 93784, "1y1d2h3m4s"),
    ],
)
def test_long_times_are_written_as_nats_server_does(seconds: float, text: str) -> None:
    assert goformat.uptime(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1787323811, "2026-08-21T14:50:11Z"),
        (1787323811.5, "2026-08-21T14:50:11.5Z"),
        (1787323811.000001, "2026-08-21T14:50:11.000001Z"),
        (1787323811.9999999, "2026-08-21T14:50:12Z"),
    ],
)
def test_times_are_rfc_3339_with_as_many_decimals_as_needed(seconds: float, text: str) -> None:
    assert goformat.rfc3339(seconds) == text


def test_durations_in_json_are_nanoseconds() -> None:
    assert goformat.nanoseconds(120.0) == 120_000_000_000
    assert goformat.nanoseconds(0.05) == 50_000_000


def test_whole_floats_have_no_fraction() -> None:
    assert repr(goformat.number(2.0)) == "2"
    assert repr(goformat.number(2.5)) == "2.5"
    assert repr(goformat.number(float("inf"))) == "inf"


def test_pages_are_indented_as_go_indents() -> None:
    page = {"a": 1, "b": [], "c": {}, "d": [{"e": "<&>"}], "f": None}
    assert goformat.indented(page) == (
        b'{\n  "a": 1,\n  "b": [],\n  "c": {},\n  "d": [\n    {\n'
        b'      "e": "\\u003c\\u0026\\u003e"\n    }\n  ],\n  "f": null\n}'
    )


def test_compact_json_has_no_blanks() -> None:
    assert goformat.compact({"status": "ok", "n": [1, 2]}) == b'{"status":"ok","n":[1,2]}'


@given(st.text())
def test_any_text_survives(text: str) -> None:
    assert json.loads(goformat.indented([text])) == [text.encode("utf-8", "replace").decode()]
