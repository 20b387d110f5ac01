"""Times as Go's JSON has them; clients and tools parse these texts."""

from __future__ import annotations

import time

__all__ = ["nanoseconds", "rfc3339"]

_SECOND = 1_000_000_000


def nanoseconds(seconds: float) -> int:
    """A duration as ``time.Duration`` has it in JSON."""
    return round(seconds * _SECOND)


def rfc3339(seconds: float) -> str:
    """RFC 3339 in UTC with as many decimals as are needed: Go's ``RFC3339Nano``.

    :param seconds: since the epoch. A float of today's times holds microseconds, no more,
        so that is what is shown.
    """
    micros = round(seconds * 1_000_000)
    whole, fraction = divmod(micros, 1_000_000)
    decimals = f".{fraction:06d}".rstrip("0") if fraction else ""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}{decimals}Z"
