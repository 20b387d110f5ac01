from __future__ import annotations

import datetime as dt

import pytest

from pubsub.auth.jwt.claims import TimeRange
from pubsub.auth.jwt.times import is_source_allowed, is_time, seconds_left, zone
from pubsub.errors import CredentialsError


def at(text, place="UTC", day="2026-06-01"):
    return dt.datetime.fromisoformat(f"{day}T{text}").replace(tzinfo=zone(place)).timestamp()


@pytest.mark.parametrize(
    ("start", "end", "now", "left"),
    [
        ("11:00:00", "22:00:00", "13:00:00", 9 * 3600),
        ("11:00:00", "22:00:00", "10:59:59", None),
        ("11:00:00", "22:00:00", "11:00:00", None),
        ("11:00:00", "22:00:00", "11:00:01", 11 * 3600 - 1),
        ("11:00:00", "22:00:00", "21:59:59", 1),
        ("11:00:00", "22:00:00", "22:00:00", None),
        ("22:00:00", "06:00:00", "05:00:00", 3600),
        ("22:00:00", "06:00:00", "23:30:00", 6.5 * 3600),
        ("22:00:00", "06:00:00", "12:00:00", None),
        ("22:00:00", "06:00:00", "06:00:00", None),
        ("12:00:00", "12:00:00", "12:00:00", None),
        ("9:00:00", "10:00:00.5", "09:30:00", 1800),
    ],
)
def test_a_range_of_the_day(start, end, now, left):
    assert seconds_left([TimeRange(start, end)], "UTC", at(now)) == left


def test_any_time_without_ranges():
    assert seconds_left([], "nowhere", 0.0) == 0.0


def test_the_range_that_lasts_longest_counts():
    ranges = [TimeRange("10:00:00", "11:00:00"), TimeRange("10:00:00", "12:00:00")]
    assert seconds_left(ranges, "UTC", at("10:30:00")) == 5400
    assert seconds_left(ranges[::-1], "UTC", at("10:30:00")) == 5400


def test_a_clock_on_the_wall_elsewhere():
    ranges = [TimeRange("09:00:00", "17:00:00")]
    assert seconds_left(ranges, "Asia/Tokyo", at("01:00:00")) == 7 * 3600
    assert seconds_left(ranges, "Asia/Tokyo", at("10:00:00")) is None


def test_the_night_in_which_an_hour_is_missing_is_shorter():
    ranges = [TimeRange("01:00:00", "04:00:00")]
    now = at("01:30:00", "Europe/Berlin", "2026-03-29")
    assert seconds_left(ranges, "Europe/Berlin", now) == 1.5 * 3600


@pytest.mark.parametrize("location", ["", "Local"])
def test_this_machines_time_zone(location):
    now = dt.datetime(2026, 6, 1, 12).timestamp()
    assert seconds_left([TimeRange("11:00:00", "13:00:00")], location, now) == 3600


@pytest.mark.parametrize("location", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "\0"])
def test_a_time_zone_that_is_nowhere_lets_nobody_in(location):
    with pytest.raises(CredentialsError):
        zone(location)
    assert seconds_left([TimeRange("00:00:00", "23:59:59")], location, 0.0) is None


@pytest.mark.parametrize(
    "text", ["", "1", "24:00:00", "12:60:00", "12:00", "12:0:0", "x", "١٢:00:00"]
)
def test_what_is_no_time_lets_nobody_in(text):
    assert not is_time(text)
    assert seconds_left([TimeRange(text, "23:59:59")], "UTC", 0.0) is None
    assert seconds_left([TimeRange("00:00:00", text)], "UTC", 0.0) is None


@pytest.mark.parametrize(
    ("sources", "host", "allowed"),
    [
        ((), "", True),
        ((), "192.0.2.1", True),
        (("192.0.2.0/24",), "192.0.2.1", True),
        (("192.0.2.0/24",), "192.0.3.1", False),
        (("192.0.2.77/24",), "192.0.2.1", True),
        (("192.0.2.0/24", "2001:db8::/32"), "2001:db8::1", True),
        (("192.0.2.0/24",), "2001:db8::1", False),
        (("192.0.2.0/24",), "::ffff:192.0.2.1", True),
        (("192.0.2.0/24",), "", False),
        (("192.0.2.0/24",), "example.com", False),
        (("0.0.0.0/0",), "203.0.113.9", True),
        (("nonsense",), "192.0.2.1", False),
    ],
)
def test_networks(sources, host, allowed):
    assert is_source_allowed(sources, host) == allowed
