"""What is fed to a router: subscriptions first, then a stream of operations again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["CHUNK", "SCENARIOS", "Scenario", "cut"]

#: What one read of a socket brings.
CHUNK = 64 * 1024
_MESSAGES = 8192
_WILDCARDS = 10_000


@dataclass(frozen=True)
class Scenario:
    """One stream, and who listens to it.

    ``stream`` ends with a whole operation and leaves the router as it found it, so that it
    can be fed any number of times.
    """

    name: str
    #: for each subscriber the SUB lines it sends
    subscribers: tuple[bytes, ...]
    stream: bytes
    #: operations in the stream: what the time is divided by
    operations: int
    #: messages all subscribers together get out of it
    deliveries: int


def cut(stream: bytes, size: int = CHUNK) -> list[bytes]:
    """The stream in pieces of ``size`` bytes, wherever that falls."""
    return [stream[start : start + size] for start in range(0, len(stream), size)]


def _messages(subjects: Iterable[bytes], size: int, reply: bytes = b"") -> bytes:
    tail = b"%s %d\r\n%s\r\n" % (b" " + reply if reply else b"", size, b"x" * size)
    return b"".join(b"PUB " + subject + tail for subject in subjects)


def _publish(size: int) -> Scenario:
    stream = _messages([b"bench.flow"] * _MESSAGES, size)
    return Scenario(f"publish-{size}", (), stream, _MESSAGES, 0)


def _flow(subscribers: int, size: int) -> Scenario:
    lines = tuple(b"SUB bench.flow %d\r\n" % (n + 1) for n in range(subscribers))
    stream = _messages([b"bench.flow"] * _MESSAGES, size)
    name = f"flow-1-{subscribers}-{size}"
    return Scenario(name, lines, stream, _MESSAGES, _MESSAGES * subscribers)


def _queue() -> Scenario:
    lines = tuple(b"SUB bench.flow workers %d\r\n" % (n + 1) for n in range(4))
    stream = _messages([b"bench.flow"] * _MESSAGES, 128)
    return Scenario("queue-1-4", lines, stream, _MESSAGES, _MESSAGES)


def _wildcards() -> Scenario:
    lines = b"".join(b"SUB wild.%05d.* %d\r\n" % (n, n) for n in range(_WILDCARDS))
    stream = _messages((b"wild.%05d.v" % n for n in range(_WILDCARDS)), 128)
    return Scenario("wildcard", (lines,), stream, _WILDCARDS, _WILDCARDS)


def _replies() -> Scenario:
    """Each message on a subject of its own below one wildcard: no cache helps."""
    many = 200_000
    stream = _messages((b"_INBOX.me.%06d" % n for n in range(many)), 16)
    return Scenario("replies", (b"SUB _INBOX.me.* 1\r\n",), stream, many, many)


def _churn() -> Scenario:
    """Inboxes made and dropped beside one subscription that stays; every fourth a wildcard."""
    lines = []
    for n in range(_MESSAGES):
        subject = b"_INBOX.%06d%s" % (n, b"" if n % 4 else b".*")
        lines.append(b"SUB %s %d\r\nUNSUB %d\r\n" % (subject, n + 10, n + 10))
    return Scenario("churn", (b"SUB bench.flow 1\r\n",), b"".join(lines), 2 * _MESSAGES, 0)


_MAKERS: tuple[Callable[[], Scenario], ...] = (
    lambda: _publish(16),
    lambda: _flow(1, 128),
    lambda: _flow(4, 128),
    lambda: _flow(1, 4096),
    _queue,
    _wildcards,
    _replies,
    _churn,
)

#: All of them, by name.
SCENARIOS = {scenario.name: scenario for scenario in (make() for make in _MAKERS)}
