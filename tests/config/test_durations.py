"""Durations; the expected texts were printed by Go 1.26."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.config.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("2m", 120.0),
        ("1h30m", 5400.0),
        ("-1.5s", -1.5),
        ("+5s", 5.0),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("100ms", 0.1),
        ("1us", 1e-6),
        ("1µs", 1e-6),
        ("1μs", 1e-6),
        ("5ns", 5e-9),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("abc", 'time: invalid duration "abc"'),
        (".s", 'time: invalid duration ".s"'),
        ("5", 'time: missing unit in duration "5"'),
        ("1.5", 'time: missing unit in duration "1.5"'),
        ("1.", 'time: missing unit in duration "1."'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("1h-2m", 'time: unknown unit "h-" in duration "1h-2m"'),
        ("3000000h", 'time: invalid duration "3000000h"'),
        ("1" * 101, f'time: invalid duration "{"1" * 100}"'),
    ],
)
def test_what_is_no_duration_is_refused_in_the_words_of_go(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="duration") as caught:
        parse_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (1e-9, "1ns"),
        (1.5e-6, "1.5µs"),
        (0.0015, "1.5ms"),
        (0.05, "50ms"),
        (2.0, "2s"),
        (1.5, "1.5s"),
        (90.0, "1m30s"),
        (120.0, "2m0s"),
        (3600.0, "1h0m0s"),
        (5400.5, "1h30m0.5s"),
        (-5.0, "-5s"),
    ],
)
def test_durations_are_written_as_go_writes_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, 10**13).map(lambda microseconds: microseconds / 1e6))
def test_what_is_written_is_read(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-9)


@given(st.text(max_size=20) | st.text("0123456789.hmsnu+-µ", max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        assert isinstance(parse_duration(text), float)
    except ValueError as error:
        assert str(error).startswith("time: ")  # noqa: PT017 - one of two good outcomes
