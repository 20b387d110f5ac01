from __future__ import annotations

import pytest

from bench.metrics import format_value


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("rate", 7_210_000, "7.21 M/s"),
        ("rate", 48_571, "48.6 k/s"),
        ("rate", 812, "812/s"),
        ("rate", 2.5e10, "25.0 G/s"),
        ("cpu", 0.5512, "0.551 s"),
        ("cpu", 12.3456, "12.3 s"),
        ("p50", 139.06, "139 µs"),
        ("bytes_each", 800, "800 B"),
        ("bytes_each", 10_240, "10.0 KiB"),
        ("rss", 21_112 * 1024, "20.6 MiB"),
        ("rss", 5 * 2**40, "5120 GiB"),
        ("rss", 0, "0 B"),
        ("kept", 0.4701, "0.47"),
        ("ready", 1.0249, "1.02 s"),
        ("took", 12.34, "12.3 ms"),
        ("lost", 3.0, "3.00"),
    ],
)
def test_values_are_written_for_people(name: str, value: float, text: str) -> None:
    assert format_value(name, value) == text
