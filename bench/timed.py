"""What is timed without the load generator: start-up, meshes, deaths."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import procfs
from bench.clients import Client, wait_for
from bench.servers import RunningServer, Server, running
from bench.systems import SYSTEMS, together

__all__ = ["TIMED", "death", "mesh", "startup"]

#: Starts per round in the start-up row, of which the median counts.
STARTS = 3
#: Far more than any server takes for what it is timed for.
PATIENCE = 20.0
#: What the one that dies has subscribed to, besides being a member of a queue group.
SUBSCRIPTIONS = 10_000
#: Between two requests.
INTERVAL = 0.001
#: Requests have to be answered that long before a member dies, and again afterwards.
QUIET = 0.25
#: An answer that takes longer is not on its way.
LATE = 0.1


def _memory(servers: Sequence[RunningServer]) -> dict[str, float]:
    samples = [procfs.sample(server.pid) for server in servers]
    return {
        "rss": float(sum(sample.rss for sample in samples)),
        "hwm": float(sum(sample.hwm for sample in samples)),
    }


def startup(server: Server, directory: Path) -> dict[str, float]:
    """From the start of the process to its first INFO."""
    times = []
    for _ in range(STARTS):
        with running(server, directory) as instance:
            times.append(instance.ready_after)
            memory = _memory([instance])
    return {"ready": statistics.median(times), **memory}


@contextlib.contextmanager
def _clients(servers: Sequence[RunningServer]) -> Iterator[list[Client]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(contextlib.closing(Client(server.port, f"member {number}")))
            for number, server in enumerate(servers)
        ]


def _wait_for_members(clients: Sequence[Client]) -> None:
    """Until each has told its client where all the members are."""
    wait_for(
        clients,
        lambda: all(len(client.urls) == len(clients) for client in clients),
        PATIENCE,
        "not every member had told of all members",
    )


def _say_and_hear(clients: Sequence[Client]) -> None:
    """Until what is said at each member was heard at each."""
    everybody = {f"mesh.{number}" for number in range(len(clients))}

    def missing() -> set[str]:
        return {
            subject
            for client in clients
            for subject in everybody - {message.subject for message in client.messages}
        }

    def again() -> None:
        for subject in missing():
            clients[int(subject.split(".")[1])].send(f"PUB {subject} 0\r\n\r\n".encode())

    complaint = "not everything that was said at one member was heard at all"
    wait_for(clients, lambda: not missing(), PATIENCE, complaint, again, 5 * INTERVAL)


def mesh(server: Server, directory: Path) -> dict[str, float]:
    """From the start of all but the first of nine, who know the first only, to the full mesh:
    every member has told its clients of every other, and what is said at one is heard at all.
    """
    with together(server, SYSTEMS["mesh"], directory) as members:
        with _clients(members) as clients:
            for client in clients:
                client.send(b"SUB mesh.* 1\r\n")
            _wait_for_members(clients)
            _say_and_hear(clients)
            formed = time.monotonic()
        started = min(member.started for member in members[1:])
        ready = max(member.started + member.ready_after for member in members)
        return {
            "took": 1000 * (formed - started),
            "settled": 1000 * (formed - ready),
            **_memory(members),
        }


@dataclass
class _Requests:
    """Requests to a queue group, one every :data:`INTERVAL`."""

    asking: Client
    workers: Sequence[Client]
    count: int = 0
    #: when those without an answer were sent, by reply subject
    unanswered: dict[str, float] = field(default_factory=dict)
    #: numbers of the workers who answered
    by: set[bytes] = field(default_factory=set)
    more: bool = True

    def subscribe(self) -> None:
        """Let the workers be known, last of all they have subscribed to."""
        self.asking.send(b"SUB bench.answers.* 1\r\n")
        for worker in self.workers:
            worker.send(b"SUB bench.work workers 1\r\n")

    def _step(self) -> None:
        for number, worker in enumerate(self.workers):
            for message in worker.messages:
                worker.send(f"PUB {message.reply} 1\r\n{number}\r\n".encode())
            worker.messages.clear()
        for message in self.asking.messages:
            # what has no payload says that there is nobody to ask
            if message.payload:
                self.unanswered.pop(message.subject, None)
                self.by.add(message.payload)
        self.asking.messages.clear()
        if self.more:
            reply = f"bench.answers.{self.count}"
            self.count += 1
            self.unanswered[reply] = time.monotonic()
            self.asking.send(f"PUB bench.work {reply} 0\r\n\r\n".encode())

    def run(self, condition: Callable[[], bool], complaint: str) -> None:
        """Ask and answer until the condition is true."""
        clients = [self.asking, *self.workers]
        wait_for(clients, condition, PATIENCE, complaint, self._step, INTERVAL)

    def run_for(self, seconds: float) -> None:
        """Ask and answer for a time."""
        end = time.monotonic() + seconds
        self.run(lambda: time.monotonic() > end, "time stood still")

    def finish(self, since: float) -> None:
        """Ask no more; all that was asked since then must be answered."""
        self.more = False
        self.run(
            lambda: not any(when > since for when in self.unanswered.values()),
            "requests were without an answer",
        )
        self.more = True


def _begin(clients: Sequence[Client]) -> _Requests:
    """Requests at the first member, all of which are answered by the others."""
    requests = _Requests(clients[0], clients[1:])
    requests.subscribe()
    for client in clients:
        client.sync()
    requests.run(lambda: len(requests.by) == len(clients) - 1, "not every worker was asked")
    # what was asked when nobody was known yet
    requests.unanswered.clear()
    requests.run_for(QUIET)
    requests.finish(0.0)
    return requests


def _await_clean(requests: _Requests, survivors: Sequence[Client], killed: float) -> float:
    """When the survivors had told their clients, and the last unanswered request was asked."""
    gone = 0.0
    clean = killed

    def is_clean() -> bool:
        nonlocal gone, clean
        now = time.monotonic()
        if not gone and all(len(client.urls) == len(survivors) for client in survivors):
            gone = now
        lost = [when for when in requests.unanswered.values() if now - when > LATE]
        clean = max(gone, killed, *lost) if lost else max(gone, killed)
        return bool(gone) and now - clean > QUIET + LATE

    requests.run(is_clean, "routing was not clean")
    requests.finish(clean)
    return clean


def death(server: Server, directory: Path) -> dict[str, float]:
    """From ``kill -9`` of one of three to clean routing at the others: they have told their
    clients of it, and from then on all requests are answered, those to a queue group with
    members at the dead one and at a survivor.
    """
    with together(server, SYSTEMS["cluster"], directory) as members, _clients(members) as clients:
        _wait_for_members(clients)
        victim, survivors = clients[1], [clients[0], clients[2]]
        victim.send(
            b"".join(b"SUB bench.dying.%d %d\r\n" % (n, n + 2) for n in range(SUBSCRIPTIONS))
        )
        requests = _begin(clients)
        requests.run_for(LATE)
        killed = time.monotonic()
        members[1].kill()
        clean = _await_clean(requests, survivors, killed)
        return {
            "took": 1000 * (clean - killed),
            "lost": float(len(requests.unanswered)),
            **_memory([members[0], members[2]]),
        }


#: By ``Row.kind``.
TIMED: Mapping[str, Callable[[Server, Path], dict[str, float]]] = {
    "startup": startup,
    "mesh": mesh,
    "death": death,
}
