"""Times of day and networks a user may come at and from (nats-server: ``jwt.go``)."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Iterable

from pubsub.auth.jwt.claims import TimeRange
from pubsub.errors import CredentialsError

__all__ = ["is_source_allowed", "is_time", "seconds_left", "zone"]

#: Go's ``15:04:05``: the hour may have one digit, a fraction may follow
_TIME = re.compile(r"(\d{1,2}):(\d\d):(\d\d)(?:[.,]\d{1,9})?", re.ASCII)


def is_source_allowed(sources: Iterable[str], host: str) -> bool:
    """Whether a client at the address ``host`` may come, if only these networks may.

    Without networks anybody may; with some, nobody whose address is unknown (Unix sockets).
    """
    networks = tuple(sources)
    if not networks:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    try:
        return any(
            (mapped or address) in ipaddress.ip_network(network, strict=False)
            for network in networks
        )
    except ValueError:
        return False


def is_time(text: str) -> bool:
    """Whether it is a time of day, ``"15:04:05"``."""
    return _time(text) is not None


def _time(text: str) -> dt.time | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        return dt.time(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def zone(name: str) -> dt.tzinfo | None:
    """The IANA time zone of that name, ``None`` (this machine's) for ``""`` and ``"Local"``.

    :raises pubsub.errors.CredentialsError: there is none.
    """
    from zoneinfo import ZoneInfo  # reads files: only for users with times

    if name in ("", "Local"):
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # the last: ZoneInfoNotFoundError
        raise CredentialsError(f"unknown time zone {name[:64]!r}") from None


def seconds_left(ranges: Iterable[TimeRange], location: str, now: float) -> float | None:
    """How long a user may stay that comes at ``now`` (epoch seconds).

    :return: seconds until the range ends that ends last; 0.0 for any time; ``None``: it may
        not come now.
    """
    spans = tuple(ranges)
    if not spans:
        return 0.0
    try:
        place = zone(location)
    except CredentialsError:
        return None
    here = dt.datetime.fromtimestamp(now, place)
    best: float | None = None
    for span in spans:
        start, end = _time(span.start), _time(span.end)
        if start is None or end is None:
            return None
        left = _left(here, start, end)
        if left is not None and (best is None or left > best):
            best = left
    return best


def _left(now: dt.datetime, start: dt.time, end: dt.time) -> float | None:
    """Seconds until ``end`` if ``now`` is between; an end before the start is tomorrow's."""
    begins = dt.datetime.combine(now.date(), start, now.tzinfo)
    ends = dt.datetime.combine(now.date(), end, now.tzinfo)
    if begins < now < ends or (ends < begins and now < ends):
        return _seconds(now, ends)
    if ends < begins < now:
        return _seconds(now, ends + dt.timedelta(days=1))
    return None


def _seconds(now: dt.datetime, then: dt.datetime) -> float:
    # by way of the epoch: between two walls of a clock an hour may be missing
    return max(0.0, then.timestamp() - now.timestamp())
