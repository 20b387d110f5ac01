"""Durations as Go writes and reads them: ``"1h30m"``, ``"100ms"``, ``"2m0s"``."""

from __future__ import annotations

import re

__all__ = ["format_duration", "parse_duration"]

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, the micro sign
    "μs": 1_000,  # U+03BC, the Greek letter
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_SECOND = _NANOSECONDS["s"]
#: Go counts nanoseconds in 64 bits: about 292 years.
_LONGEST = 2**63 - 1
#: Longer than any duration that means something; keeps int() from being slow.
_MAX_LENGTH = 100

_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")


def parse_duration(text: str) -> float:
    """Seconds.

    :raises ValueError: in the words of Go's ``time.ParseDuration``.
    """
    unsigned = text[1:] if text[:1] in ("-", "+") else text
    if unsigned == "0":
        return 0.0
    if not unsigned or len(text) > _MAX_LENGTH:
        raise ValueError(f'time: invalid duration "{text[:_MAX_LENGTH]}"')
    total = at = 0
    while at < len(unsigned):
        match = _PART.match(unsigned, at)
        assert match is not None, "every group may be empty"
        at = match.end()
        whole, fraction, unit = match[1], match[2] or "", match[3]
        if not whole and not fraction:
            raise ValueError(f'time: invalid duration "{text}"')
        if not unit:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit not in _NANOSECONDS:
            raise ValueError(f'time: unknown unit "{unit}" in duration "{text}"')
        total += int(whole or "0") * _NANOSECONDS[unit]
        total += int(fraction or "0") * _NANOSECONDS[unit] // 10 ** len(fraction)
        if total > _LONGEST:
            raise ValueError(f'time: invalid duration "{text}"')
    return (-total if text.startswith("-") else total) / _SECOND


def format_duration(seconds: float) -> str:
    """What Go prints for it: ``"2m0s"``, ``"1.5s"``, ``"50ms"``, ``"0s"``."""
    total = round(seconds * _SECOND)
    sign = "-" if total < 0 else ""
    total = abs(total)
    if total < _SECOND:
        for unit in ("ms", "µs", "ns"):
            if total >= _NANOSECONDS[unit]:
                return f"{sign}{_decimal(total, _NANOSECONDS[unit])}{unit}"
        return "0s"
    minutes, rest = divmod(total, _NANOSECONDS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, _SECOND)}s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    return f"{sign}{hours}h{text}" if hours else f"{sign}{text}"


def _decimal(total: int, unit: int) -> str:
    """``total / unit`` exactly, without needless zeros."""
    whole, rest = divmod(total, unit)
    return f"{whole}.{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else str(whole)
