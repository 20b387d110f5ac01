"""Several servers joined into one system: clusters, superclusters, hub and leaf node."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.servers import RunningServer, Server, free_ports, raise_file_limit

__all__ = ["SYSTEMS", "System", "cluster", "gateways", "leaf", "together"]


@dataclass(frozen=True)
class System:
    """How the servers of a row are joined; publishers and requesters are at the first.

    ``blocks`` makes, of a free port for each, what each one's configuration says.
    """

    members: int
    blocks: Callable[[Sequence[int]], list[str]]
    #: who is started first, for the others to find
    first: int = 0


def _block(name: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{name} {{", *[f"  {line}" for line in lines], "}", ""])


def cluster(ports: Sequence[int]) -> list[str]:
    """All are told of the first only."""
    lines = ["name: bench", 'host: "127.0.0.1"']
    seed = f'routes: ["nats://127.0.0.1:{ports[0]}"]'
    return [
        _block("cluster", [*lines, f"port: {port}", *([seed] if number else [])])
        for number, port in enumerate(ports)
    ]


def gateways(ports: Sequence[int]) -> list[str]:
    """A cluster each; all are told of the first only."""
    seed = f'gateways: [{{name: bench-0, url: "nats://127.0.0.1:{ports[0]}"}}]'
    return [
        _block(
            "gateway",
            [f"name: bench-{number}", 'host: "127.0.0.1"', f"port: {port}"]
            + ([seed] if number else []),
        )
        for number, port in enumerate(ports)
    ]


def leaf(ports: Sequence[int]) -> list[str]:
    """The first is the leaf node, the second its hub."""
    hub = ports[1]
    return [
        _block("leafnodes", [f'remotes: [{{url: "nats-leaf://127.0.0.1:{hub}"}}]']),
        _block("leafnodes", ['host: "127.0.0.1"', f"port: {hub}"]),
    ]


SYSTEMS = {
    "route": System(2, cluster),
    "cluster": System(3, cluster),
    "mesh": System(9, cluster),
    "gateway": System(2, gateways),
    "leaf": System(2, leaf, first=1),
}


@contextlib.contextmanager
def together(server: Server, system: System, directory: Path) -> Iterator[list[RunningServer]]:
    """Ready servers, the first one as soon as it can be found, then the others at once.

    They need not have found each other yet. All are killed at the end.

    :raises ServerFailed: if one does not start.
    """
    raise_file_limit()
    count = system.members
    ports = free_ports(2 * count)
    blocks = system.blocks(ports[count:])
    order = sorted(range(count), key=lambda number: number != system.first)
    members: dict[int, RunningServer] = {}

    def start(number: int) -> RunningServer:
        own = directory / str(number)
        own.mkdir(exist_ok=True)
        member = RunningServer(server.member(number), own, more=blocks[number], port=ports[number])
        members[number] = member
        return member

    try:
        start(order[0]).wait_ready()
        for member in [start(number) for number in order[1:]]:
            member.wait_ready()
        yield [members[number] for number in range(count)]
    finally:
        for member in members.values():
            member.kill()
