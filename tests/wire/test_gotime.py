"""Times in Go's words."""

from __future__ import annotations

import pytest

from pubsub.wire.gotime import nanoseconds, rfc3339


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00Z"),
        (1787323811.0, "2026-08-21T14:50:11Z"),
        (1787323811.25, "2026-08-21T14:50:11.25Z"),
        (1787323811.000001, "2026-08-21T14:50:11.000001Z"),
        (1787323811.9999999, "2026-08-21T14:50:12Z"),
    ],
)
def test_times_show_as_many_decimals_as_they_need(seconds: float, text: str) -> None:
    assert rfc3339(seconds) == text


def test_durations_in_json_are_nanoseconds() -> None:
    assert nanoseconds(0.000467) == 467_000
    assert nanoseconds(120.0) == 120_000_000_000
