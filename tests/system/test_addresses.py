"""The addresses of this machine."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import pytest

from pubsub.system import addresses

INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 03 40 20 80     eth0
"""


def test_this_machine_has_addresses_and_each_is_one() -> None:
    found = addresses.local_addresses()
    assert found
    assert all(ipaddress.ip_address(each) for each in found)


def test_ipv6_addresses_are_read_from_the_kernels_table() -> None:
    assert [*addresses.ipv6_of(INET6)] == ["::1", "fe80::fc:ff:fe00:1"]


def test_ipv4_addresses_are_read_from_interface_requests() -> None:
    size = addresses._IFREQ_BYTES
    lo = b"lo".ljust(16, b"\0") + socket.AF_INET.to_bytes(2, "little") + b"\0\0\x7f\0\0\x01"
    other = b"x0".ljust(16, b"\0") + socket.AF_INET6.to_bytes(2, "little")
    requests = lo.ljust(size, b"\0") + other.ljust(size, b"\0") + b"cut off"
    assert [*addresses.ipv4_of(requests)] == ["127.0.0.1"]


def test_where_the_kernel_does_not_say_the_host_name_is_resolved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(addresses, "_INET6_FILE", tmp_path / "missing")
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [(socket.AF_INET, 1, 6, "", ("192.0.2.7", 0))] * 2,
    )
    assert addresses.local_addresses() == ["127.0.0.1", "192.0.2.7"]


def test_a_host_name_that_means_nothing_leaves_the_loopback_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def unknown(*arguments: object, **more: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(addresses, "_INET6_FILE", tmp_path / "missing")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert addresses.local_addresses() == ["127.0.0.1"]
