from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bench import systems
from bench.servers import Server, ServerFailed
from bench.systems import System, cluster, gateways, leaf, together

ONE = Server("one", "one", ("one",), "1")
OTHER = Server("other", "other", ("other",), "1")
MIXED = Server("one+other", "one → other", (), "", members=(ONE, OTHER))


class FakeServer:
    """Remembers what was done with all of them."""

    done: list[tuple[str, int]]
    broken = 0

    def __init__(self, server: Server, directory: Path, more: str = "", port: int = 0) -> None:
        self.server = server
        self.number = int(directory.name)
        self.more = more
        self.port = port
        self.done.append(("start", self.number))

    def wait_ready(self) -> None:
        self.done.append(("ready", self.number))
        if self.number == self.broken:
            raise ServerFailed("port taken")

    def kill(self) -> None:
        self.done.append(("kill", self.number))


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    FakeServer.done = []
    FakeServer.broken = -1
    monkeypatch.setattr(systems, "RunningServer", FakeServer)
    return FakeServer.done


def test_all_members_of_a_cluster_are_told_of_the_first_only() -> None:
    first, second, third = cluster([7, 8, 9])
    assert "routes" not in first
    assert all('routes: ["nats://127.0.0.1:7"]' in text for text in (second, third))
    assert "port: 9" in third


def test_every_gateway_has_a_cluster_of_its_own_name() -> None:
    first, second = gateways([7, 8])
    assert "name: bench-0" in first
    assert "gateways" not in first
    assert 'gateways: [{name: bench-0, url: "nats://127.0.0.1:7"}]' in second
    assert "name: bench-1" in second


def test_a_leaf_node_knows_its_hub() -> None:
    device, hub = leaf([7, 8])
    assert 'remotes: [{url: "nats-leaf://127.0.0.1:8"}]' in device
    assert "port: 8" in hub


def test_the_first_is_ready_before_the_others_start_and_all_are_killed(
    done: list[tuple[str, int]], tmp_path: Path
) -> None:
    with together(MIXED, System(3, cluster, first=1), tmp_path) as found:
        members: list[Any] = list(found)
    assert [member.number for member in members] == [0, 1, 2]
    assert [member.server for member in members] == [ONE, OTHER, ONE]
    assert len({member.port for member in members}) == 3
    assert done[:4] == [("start", 1), ("ready", 1), ("start", 0), ("start", 2)]
    assert sorted(done[-3:]) == [("kill", 0), ("kill", 1), ("kill", 2)]


def test_when_one_does_not_start_the_others_are_killed(
    done: list[tuple[str, int]], tmp_path: Path
) -> None:
    FakeServer.broken = 1
    with suppress(ServerFailed), together(ONE, System(2, cluster), tmp_path):
        raise AssertionError("one is not ready")
    assert sorted(done[-2:]) == [("kill", 0), ("kill", 1)]
