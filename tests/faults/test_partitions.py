"""A link that carries nothing any more, one way or both, and nobody is told: TCP connections stay.

Afterwards both ends know what the other wants to hear, no more and no less, and hear it once.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.cluster.processes import Cluster
from tests.cluster.proxies import Proxies
from tests.faults.ears import Ears, publish
from tests.patience import wait_for

#: how soon silence is noticed; and not by chance, on a busy machine, when it is over
SOON, NEVER = "ping_max: 2", "ping_max: 1000"
PINGS = f'ping_interval: "200ms", {SOON}'


@pytest.mark.parametrize("ways", ["forth back", "forth", "back"])
def test_a_partition_heals(
    cluster: Cluster, proxies: Proxies, ears: Ears, kind: str, ways: str
) -> None:
    b = cluster.join("b", kind, extra=PINGS)
    proxy = proxies.to(cluster.ports["b"])
    a = cluster.join("a", kind, proxy.port, extra=PINGS)
    far, near = ears.listen(b, "x.far", "x.old", "work q"), ears.listen(a, "x.near", "work q")
    gone = ears.listen(b, "x.gone")
    to_b = {("x.far", ""): 1, ("x.old", ""): 1, ("x.gone", ""): 1, ("work", "q"): 1}
    wait_for(lambda: cluster.heard("a").get("b") == Counter(to_b), "a knows b")
    wait_for(lambda: cluster.heard("b").get("a") == {("x.near", ""): 1, ("work", "q"): 1})

    directions = [getattr(proxy, way) for way in ways.split()]
    proxy.hold(*directions)
    # who hears nothing closes, and as long as the link carries nothing there is no member
    for name in "ab":
        wait_for(lambda name=name: not cluster.peers(name), f"{name} notices")
    far.unsubscribe(2)
    far.subscribe("x.new")
    gone.hang_up()
    near.subscribe("x.late", "x.late")
    alone = ears.talker(a)
    publish(alone, "x.near", b"during")

    for name in "ab":
        cluster.reload(name, SOON, NEVER)
    proxy.release(*directions)
    to_b = {("x.far", ""): 1, ("x.new", ""): 1, ("work", "q"): 1}
    to_a = {("x.near", ""): 1, ("x.late", ""): 1, ("work", "q"): 1}
    wait_for(lambda: cluster.heard("a").get("b") == Counter(to_b), "a knows b again")
    wait_for(lambda: cluster.heard("b").get("a") == Counter(to_a), "b knows a again")

    before = near.counts() + far.counts()
    here, there = ears.talker(a), ears.talker(b)
    for number in range(50):
        payload = b"%d" % number
        publish(here, "x.far", payload)
        publish(there, "x.late", payload)
        publish(there, "work", payload)
    numbers = [b"%d" % number for number in range(50)]
    wait_for(lambda: len(far.payloads("x.far")) == 50, "all came")
    wait_for(lambda: near.counts()["x.late"] == 100, "all came, to both subscriptions")
    wait_for(lambda: near.counts()["work"] + far.counts()["work"] == 50, "each was worked on")
    near.settle()
    far.settle()
    after = near.counts() + far.counts() - before
    assert after == {"x.far": 50, "x.late": 100, "work": 50}
    assert far.payloads("x.far") == numbers
    assert cluster.meshed()
    # what was there before is not there twice, nor is the connection
    for name in "ab":
        routes = cluster.page(name, "routez")["routes"]
        assert len(routes) == cluster.page(name, "varz")["routes"]
        wait_for(lambda name=name: len(cluster.page(name, "routez")["routes"]) == 4)
