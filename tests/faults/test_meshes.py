"""Many servers: they find each other, and are restarted one after the other under load."""

from __future__ import annotations

import threading
from contextlib import suppress

from tests.cluster.processes import Cluster
from tests.faults.ears import Ear, Ears
from tests.hostile.peers import Peer
from tests.patience import wait_for

#: connections between two servers: the pool, and one for the system account
CONNECTIONS = 4


def test_nine_servers_of_which_each_knows_one_form_a_mesh(cluster: Cluster, kind: str) -> None:
    """Each knows the one before it; how long that takes is a row of the benchmarks."""
    names = "abcdefghi"
    for name, before in zip(names, [None, *names], strict=False):
        cluster.join(name, kind, *([before] if before else []))
    for name in names:
        wait_for(lambda name=name: cluster.peers(name) == set(names) - {name}, f"{name} knows all")
    # and nobody twice
    for name in names:
        wait_for(
            lambda name=name: len(cluster.page(name, "routez")["routes"]) == 8 * CONNECTIONS,
            "all pools are full",
        )
        assert cluster.page(name, "varz")["remotes"] == 8


class Babble:
    """Clients of several servers that say numbers, until they are told to stop."""

    def __init__(self, talkers: dict[str, Peer]) -> None:
        self._talkers = talkers
        self.said = dict.fromkeys(talkers, 0)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def _talk(self) -> None:
        with suppress(OSError):
            while not self._done.wait(0.002):
                for name, talker in self._talkers.items():
                    number = b"%d" % self.said[name]
                    talker.send(b"PUB said.%b %d\r\n%b\r\n" % (name.encode(), len(number), number))
                    self.said[name] += 1

    def stop(self) -> None:
        """Say no more."""
        self._done.set()
        self._thread.join()
        for talker in self._talkers.values():
            talker.ping()


def test_a_rolling_restart_loses_nothing_between_the_others(
    cluster: Cluster, ears: Ears, kind: str
) -> None:
    """Five servers, each restarted in turn: by SIGTERM, and every other one by ``kill -9``."""
    names = "abcde"
    for name in names:
        cluster.join(name, kind, *[other for other in "ab" if other < name])
    wait_for(cluster.meshed)
    for turn, victim in enumerate(names):
        others = names.replace(victim, "")
        listeners = {name: ears.listen(cluster.servers[name], "said.*") for name in others}
        wait_for(lambda others=others: _informed(cluster, others), "all know who wants to hear")
        babble = Babble({name: ears.talker(cluster.servers[name]) for name in others})
        wait_for(lambda babble=babble: min(babble.said.values()) > 20)
        if turn % 2:
            cluster.servers[victim].kill()
            cluster.servers[victim].start()
        else:
            cluster.servers[victim].restart()
        wait_for(cluster.meshed, f"{victim} is back")
        babble.stop()
        for listener in listeners.values():
            _has_all(listener, babble.said)
            listener.hang_up()


def _informed(cluster: Cluster, names: str) -> bool:
    """Whether these know that somebody at each of the others wants to hear."""
    return all(
        cluster.heard(name)[other]["said.*", ""] == 1
        for name in names
        for other in names
        if other != name
    )


def _has_all(listener: Ear, said: dict[str, int]) -> None:
    """It hears all that was said, in its order, and nothing twice."""
    wait_for(lambda: len(listener.heard) >= sum(said.values()), "all came")
    for name, count in said.items():
        assert listener.payloads(f"said.{name}") == [b"%d" % number for number in range(count)]
