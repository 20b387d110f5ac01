"""Whatever happens, each server knows what the others want to hear: on real sockets.

The same is done a thousand times on transports in memory, see ``tests/cluster/test_model.py``.
"""

from __future__ import annotations

import random
from collections import Counter

from tests.cluster.processes import Cluster
from tests.cluster.proxies import Proxies
from tests.faults.ears import Ear, Ears
from tests.patience import wait_for

NAMES = "abc"
SUBJECTS = ["foo", "foo.bar", "foo.*", "foo.>", "bar q", "bar p", "bar.* q"]
STEPS = 150
#: steps between one look and the next
LOOK = 50


class Run:
    """What clients want, and what is done to them and their servers."""

    def __init__(self, cluster: Cluster, proxies: Proxies, ears: Ears, router: str) -> None:
        self.cluster = cluster
        self.ears = ears
        self.random = random.Random(20261123)
        for name in NAMES:
            self._start(name, router, proxies)
        self.proxies = proxies.all
        #: by server: its clients, and what each wants to hear, by the number of the subscription
        self.clients: dict[str, list[tuple[Ear, dict[int, str]]]] = {name: [] for name in NAMES}

    def _start(self, name: str, router: str, proxies: Proxies) -> None:
        """``b`` and ``c`` reach those before them by links that can be broken."""
        others = [proxies.to(self.cluster.ports[other]).port for other in NAMES if other < name]
        self.cluster.join(name, router, *others)

    def step(self) -> None:
        """Something happens."""
        name = self.random.choice(NAMES)
        actions = {
            self.connect: 2, self.subscribe: 10, self.unsubscribe: 6, self.disconnect: 1,
            self.snap: 2, self.die: 0.2,
        }  # fmt: skip
        (action,) = self.random.choices(list(actions), list(actions.values()))
        action(name)

    def connect(self, name: str) -> None:
        self.clients[name].append((self.ears.listen(self.cluster.servers[name]), {}))

    def subscribe(self, name: str) -> None:
        if not self.clients[name]:
            self.connect(name)
        ear, wanted = self.random.choice(self.clients[name])
        subject = self.random.choice(SUBJECTS)
        wanted[ear.subscribe(subject)] = subject

    def unsubscribe(self, name: str) -> None:
        if self.clients[name]:
            ear, wanted = self.random.choice(self.clients[name])
            if wanted:
                sid = self.random.choice(sorted(wanted))
                ear.unsubscribe(sid)
                del wanted[sid]

    def disconnect(self, name: str) -> None:
        if self.clients[name]:
            ear, _ = self.clients[name].pop(self.random.randrange(len(self.clients[name])))
            ear.hang_up()

    def snap(self, name: str) -> None:
        self.random.choice(self.proxies).snap()

    def die(self, name: str) -> None:
        self.cluster.servers[name].kill()
        self.cluster.servers[name].start()
        self.clients[name] = []

    def wanted(self, name: str) -> list[str]:
        """What all clients there want to hear."""
        return [each for _, wanted in self.clients[name] for each in wanted.values()]

    def look(self) -> None:
        """Each knows of the others what is true, and has nothing else."""
        cluster = self.cluster
        truth = {
            name: Counter({(*subject.split(), "")[:2]: 1 for subject in self.wanted(name)})
            for name in NAMES
        }
        for name in NAMES:
            expected = {other: truth[other] for other in NAMES if other != name}
            wait_for(lambda name=name, expected=expected: cluster.heard(name) == expected)
            own = sorted(" ".join(each.split()) for each in self.wanted(name))
            wait_for(lambda name=name, own=own: self._own(name) == own)

    def _own(self, name: str) -> list[str]:
        """What it says its own clients want to hear."""
        page = self.cluster.page(name, "subsz?acc=$G&subs=1&limit=1000")
        rows = page.get("subscriptions_list", [])
        routes = {route["rid"] for route in self.cluster.page(name, "routez")["routes"]}
        return sorted(
            f"{row['subject']} {row.get('qgroup', '')}".strip()
            for row in rows
            if row["cid"] not in routes
        )


def test_each_server_knows_what_the_others_want(
    cluster: Cluster, proxies: Proxies, ears: Ears, kind: str
) -> None:
    run = Run(cluster, proxies, ears, kind)
    wait_for(cluster.meshed)
    for step in range(1, STEPS + 1):
        run.step()
        if step % LOOK == 0:
            run.look()
    for name in NAMES:
        while run.clients[name]:
            run.disconnect(name)
    run.look()
