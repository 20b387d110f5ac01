"""Times, durations and JSON as Go writes them: tools that read /varz parse these texts."""

from __future__ import annotations

import json
import math
from typing import Any

from pubsub.wire.gotime import nanoseconds, rfc3339

__all__ = [
    "compact",
    "duration",
    "indented",
    "nanoseconds",
    "number",
    "rfc3339",
    "rtt",
    "uptime",
]

_SECOND = 1_000_000_000
#: Go's encoding/json escapes these in strings, for the sake of HTML.
_HTML = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def number(value: float) -> float | int:
    """A ``float64`` as Go's JSON has it: whole ones without a fraction."""
    return int(value) if math.isfinite(value) and value == int(value) else value


def duration(nanos: int) -> str:
    """Go's ``time.Duration.String``: ``1.5µs``, ``1.2ms``, ``1h0m0.5s``, ``0s``."""
    if nanos < 0:
        return "-" + duration(-nanos)
    if nanos == 0:
        return "0s"
    if nanos < 1_000:
        return f"{nanos}ns"
    if nanos < 1_000_000:
        return f"{_decimal(nanos, 3)}µs"
    if nanos < _SECOND:
        return f"{_decimal(nanos, 6)}ms"
    minutes, rest = divmod(nanos, 60 * _SECOND)
    text = f"{_decimal(rest, 9)}s"
    if not minutes:
        return text
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"


def rtt(seconds: float) -> str:
    """A round trip time as /connz shows it: below a millisecond without nanoseconds."""
    nanos = nanoseconds(seconds)
    if 1_000 < nanos < 1_000_000:
        nanos -= nanos % 1_000
    return duration(nanos)


def uptime(seconds: float) -> str:
    """nats-server's own format for long times: ``1y2d3h4m5s``, ``4m5s``, ``0s``."""
    minutes, secs = divmod(max(0, int(seconds)), 60)
    hours, mins = divmod(minutes, 60)
    days, hrs = divmod(hours, 24)
    years, ds = divmod(days, 365)
    if years:
        return f"{years}y{ds}d{hrs}h{mins}m{secs}s"
    if days:
        return f"{days}d{hrs}h{mins}m{secs}s"
    if hours:
        return f"{hrs}h{mins}m{secs}s"
    return f"{mins}m{secs}s" if minutes else f"{secs}s"


def indented(value: Any) -> bytes:
    """``json.MarshalIndent`` with two spaces: how the pages look."""
    return _encode(json.dumps(value, ensure_ascii=False, indent=2))


def compact(value: Any) -> bytes:
    """``json.Marshal``."""
    return _encode(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _encode(text: str) -> bytes:
    return text.translate(_HTML).encode("utf-8", "replace")


def _decimal(value: int, places: int) -> str:
    """``value / 10**places`` without needless zeros."""
    whole, fraction = divmod(value, 10**places)
    return f"{whole}.{fraction:0{places}d}".rstrip("0").rstrip(".") if fraction else str(whole)
