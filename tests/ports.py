"""Ports that are free, for what has to know its port before it listens.

Prefer port 0. One that the kernel gave a moment ago may be given to any connection of any process
before it is used; these are never given unasked.
"""

from __future__ import annotations

import itertools
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

__all__ = ["free_port"]

_LOWEST, _HIGHEST = 12_000, 32_000
_KERNELS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def _candidates() -> Iterator[int]:
    """Each once, then again; other processes of this test-suite begin elsewhere."""
    highest = _HIGHEST
    if _KERNELS.exists():
        highest = min(highest, int(_KERNELS.read_text().split()[0]))
    ports = range(_LOWEST, max(highest, _LOWEST + 1000))
    first = random.Random(os.getpid()).randrange(len(ports))
    return itertools.cycle([*ports[first:], *ports[:first]])


_ports = _candidates()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses."""
    while True:
        port = next(_ports)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
