"""Whatever happens, each server knows what the others want to hear.

A model of a cluster of three: clients subscribe, unsubscribe and go, links break, servers die and
return, in any order; after a while each server's view of the others is the truth.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.cluster.network import Client, Network

NAMES = "abc"
SUBJECTS = st.sampled_from(["foo", "bar.*"])
QUEUES = st.sampled_from(["", "q"])
PLACES = st.sampled_from(NAMES)
#: seconds in which whatever broke is whole again
HEALING = 4.0


class Cluster(RuleBasedStateMachine):
    """What may happen to a cluster."""

    @initialize(pool_size=st.sampled_from([-1, 1, 3]))
    def begin(self, pool_size: int) -> None:
        self.network = Network()
        self.pool_size = pool_size
        self.clients: dict[str, list[tuple[Client, dict[str, tuple[str, str]]]]] = {}
        self.sids = 0
        self.settled = False
        for name in NAMES:
            self._start(name)
        self.network.settle(HEALING)

    def _start(self, name: str) -> None:
        others = NAMES.replace(name, "")
        self.network.node(name, *others, pool_size=self.pool_size).start()
        self.clients[name] = []

    @rule(place=PLACES)
    def connect(self, place: str) -> None:
        self.clients[place].append((self.network.nodes[place].client(), {}))

    @rule(place=PLACES, subject=SUBJECTS, queue=QUEUES)
    def subscribe(self, place: str, subject: str, queue: str) -> None:
        if not self.clients[place]:
            self.connect(place)
        client, subscriptions = self.clients[place][-1]
        self.sids += 1
        client.send(f"SUB {subject} {queue} {self.sids}")
        subscriptions[str(self.sids)] = subject, queue

    @rule(place=PLACES, data=st.data())
    def unsubscribe(self, place: str, data: st.DataObject) -> None:
        for client, subscriptions in self.clients[place]:
            if subscriptions:
                sid = data.draw(st.sampled_from(sorted(subscriptions)))
                client.send(f"UNSUB {sid}")
                del subscriptions[sid]

    @rule(place=PLACES)
    def disconnect(self, place: str) -> None:
        if self.clients[place]:
            client, _ = self.clients[place].pop()
            client.close()

    @rule(data=st.data())
    def break_a_link(self, data: st.DataObject) -> None:
        there = [cable for cable in self.network.cables if cable.connected]
        if there:
            data.draw(st.sampled_from(there)).abortConnection()

    @rule(place=PLACES)
    def die_and_return(self, place: str) -> None:
        self.network.kill(place)
        self._start(place)

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.5]))
    def wait(self, seconds: float) -> None:
        self.network.settle(seconds)

    def teardown(self) -> None:
        """In the end, too."""
        if hasattr(self, "network"):
            self.look()

    @rule()
    def look(self) -> None:
        """Each knows of the others what is true."""
        self.network.settle(HEALING)
        for name, node in self.network.nodes.items():
            assert node.peers() == sorted(NAMES.replace(name, ""))
            for other in NAMES.replace(name, ""):
                assert self._heard(name, other) == self._wanted(other)

    def _wanted(self, name: str) -> dict[tuple[str, str], int]:
        counts = Counter(
            subscription
            for _, subscriptions in self.clients[name]
            for subscription in subscriptions.values()
        )
        return {key: count if key[1] else 1 for key, count in counts.items()}

    def _heard(self, name: str, other: str) -> dict[tuple[str, str], int]:
        """What ``name`` was told; the weights are those its lines said last."""
        found: dict[tuple[str, str], int] = {}
        for route in self.network.nodes[name].members.routes():
            if route.remote_name != other or route.link is None:
                continue
            for heard in route.link.subscriptions():
                key = heard.subject.decode(), heard.queue.decode()
                assert key not in found, "told on two connections"
                found[key] = self.network.nodes[name].weights.get((route.cid, *key), 1)
        return found

    @invariant()
    def no_connection_is_left_over(self) -> None:
        if hasattr(self, "network"):
            for node in self.network.nodes.values():
                assert node.members.alive >= len(node.members.open)


TestCluster = Cluster.TestCase
TestCluster.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("pool_size", [-1, 3])
def test_messages_arrive_once_wherever_they_come_from(pool_size: int) -> None:
    """Plain subscriptions everywhere and a queue group across: each message counted."""
    network = Network()
    for name in NAMES:
        network.node(name, *NAMES.replace(name, ""), pool_size=pool_size)
    network.start()
    network.settle(HEALING)
    readers = [node.client() for node in network.nodes.values()]
    for reader in readers:
        reader.send("SUB foo 1", "SUB work q 2")
    network.settle(0.2)
    for node in network.nodes.values():
        writer = node.client()
        for _ in range(30):
            writer.send("PUB foo 1", "x", "PUB work 1", "y")
    network.settle(0.5)
    plain, work = [], []
    for reader in readers:
        lines = reader.received()
        plain.append(sum(line.startswith("MSG foo 1 ") for line in lines))
        work.append(sum(line.startswith("MSG work 2 ") for line in lines))
    assert plain == [90, 90, 90]
    assert sum(work) == 90
    assert all(work)
