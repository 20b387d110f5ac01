"""Whatever happens, each server knows what other clusters want, and messages arrive once.

A model of two clusters of two servers: clients subscribe, unsubscribe and go, connections break,
servers die and return, in any order; after a while what each server was told by the other cluster
is the truth, and a message reaches each subscription once, and one member of each queue group: one
of the cluster it comes from, if there is any. Also between servers as they were before 2.9.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.cluster.gateways.world import World
from tests.cluster.network import Client
from tests.router.recording import native_backend

CLUSTERS = {"A": "ab", "B": "xy"}
NAMES = "abxy"
#: subscriptions, and what is published on them
SUBJECTS = {"foo": "foo", "bar.*": "bar.1", "bar.1": "bar.1"}
PLACES = st.sampled_from(NAMES)
#: seconds in which whatever broke is whole again
HEALING = 6.0


def cluster_of(name: str) -> str:
    """The cluster a server is in."""
    return next(cluster for cluster, names in CLUSTERS.items() if name in names)


class Supercluster(RuleBasedStateMachine):
    """What may happen to a supercluster."""

    @initialize(old=st.sampled_from(["", "AB", "A"]))
    def begin(self, old: str) -> None:
        self.world = self.new_world()
        self.old = old
        self.clients: dict[str, list[tuple[Client, dict[str, tuple[str, str]]]]] = {}
        self.sids = 0
        for name in NAMES:
            self._start(name)
        self.world.settle(HEALING)

    def new_world(self) -> World:
        """Without servers."""
        return World()

    def _start(self, name: str) -> None:
        cluster = cluster_of(name)
        others = CLUSTERS[cluster].replace(name, "")
        to = {other: tuple(names) for other, names in CLUSTERS.items()}
        interest_only = cluster not in self.old
        self.world.server(name, cluster, others, to=to, interest_only=interest_only).start()
        self.clients[name] = []

    @rule(place=PLACES)
    def connect(self, place: str) -> None:
        self.clients[place].append((self.world.nodes[place].client(), {}))

    @rule(
        place=PLACES,
        subject=st.sampled_from(sorted(SUBJECTS)),
        queue=st.sampled_from(["", "q"]),
    )
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

    @rule(place=PLACES, subject=st.sampled_from(["foo", "bar.1"]))
    def publish(self, place: str, subject: str) -> None:
        """Old servers learn by it what nobody wants."""
        writer = self.world.nodes[place].client()
        writer.send(f"PUB {subject} 1", "x")
        self.world.settle(0.1)
        writer.close()

    @rule(data=st.data())
    def break_a_connection(self, data: st.DataObject) -> None:
        there = [cable for cable in self.world.cables if cable.connected]
        if there:
            data.draw(st.sampled_from(there)).abortConnection()

    @rule(place=PLACES)
    def die_and_return(self, place: str) -> None:
        self.world.kill(place)
        self._start(place)

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.5]))
    def wait(self, seconds: float) -> None:
        self.world.settle(seconds)

    def teardown(self) -> None:
        """In the end, too."""
        if hasattr(self, "world"):
            self.look()

    @rule()
    def look(self) -> None:
        """Each knows of the other cluster what is true, and sends what it has to."""
        self.world.settle(HEALING)
        for name, server in self.world.nodes.items():
            (other,) = set(CLUSTERS) - {cluster_of(name)}
            assert list(server.outbound()) == [other]
            wanted = {("$G", *each) for each in self._wanted(other)}
            told = server.wants(other)
            if cluster_of(name) in self.old or other in self.old:
                assert {each for each in told if each[2]} == {each for each in wanted if each[2]}
            else:
                assert told == wanted
        for name in NAMES:
            self._send_from(name)

    def _wanted(self, cluster: str) -> Counter[tuple[str, str]]:
        """How often each subject, in each queue group, is wanted in a cluster."""
        return Counter(
            subscription
            for name in CLUSTERS[cluster]
            for _, subscriptions in self.clients[name]
            for subscription in subscriptions.values()
        )

    def _send_from(self, name: str) -> None:
        writer = self.world.nodes[name].client()
        for each in self.clients.values():
            for client, _ in each:
                client.received()
        for subject in sorted(set(SUBJECTS.values())):
            writer.send(f"PUB {subject} 1", "x")
        self.world.settle(0.3)
        writer.close()
        plain: Counter[str] = Counter()
        queues: dict[str, Counter[str]] = {}
        for place, there in self.clients.items():
            for client, subscriptions in there:
                for line in client.received():
                    if line.startswith("MSG "):
                        _, subject, sid, _ = line.split(" ")
                        if subscriptions[sid][1]:
                            queues.setdefault(subject, Counter())[cluster_of(place)] += 1
                        else:
                            plain[sid] += 1
        expected = {
            sid
            for there in self.clients.values()
            for _, subscriptions in there
            for sid, (_, queue) in subscriptions.items()
            if not queue
        }
        assert plain == Counter(expected)
        self._one_of_each_group(cluster_of(name), queues)

    def _one_of_each_group(self, home: str, got: dict[str, Counter[str]]) -> None:
        """The members of one group on two subjects that both match are one group here."""
        for subject in set(SUBJECTS.values()):
            members = {
                cluster: sum(
                    number
                    for (pattern, queue), number in self._wanted(cluster).items()
                    if queue and SUBJECTS[pattern] == subject
                )
                for cluster in CLUSTERS
            }
            counts = got.get(subject, Counter())
            assert sum(counts.values()) == bool(sum(members.values())), (subject, members, counts)
            if members[home]:
                assert counts[home] == 1

    @invariant()
    def no_connection_is_left_over(self) -> None:
        if hasattr(self, "world"):
            for server in self.world.nodes.values():
                assert server.gateways.alive >= len(server.gateways.open)


class NativeSupercluster(Supercluster):
    """The same with the native router."""

    def new_world(self) -> World:
        """Without servers."""
        return World(native_backend())


TestSupercluster = Supercluster.TestCase
TestSupercluster.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestNativeSupercluster = NativeSupercluster.TestCase
TestNativeSupercluster.settings = TestSupercluster.settings
