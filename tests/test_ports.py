"""Ports for tests: free, each once, and none that the kernel gives to others."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.ports import free_port


def test_none_is_given_twice() -> None:
    found = [free_port() for _ in range(200)]
    assert len(set(found)) == 200
    kernels = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if kernels.exists():
        assert max(found) < max(int(kernels.read_text().split()[0]), 13_000)


def test_one_that_is_taken_is_not_given() -> None:
    taken = [socket.create_server(("127.0.0.1", free_port())) for _ in range(10)]
    ports = {each.getsockname()[1] for each in taken}
    assert not ports.intersection(free_port() for _ in range(100))
    for each in taken:
        each.close()
