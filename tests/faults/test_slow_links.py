"""A route that is slow, or takes nothing at all, beside others that are not."""

from __future__ import annotations

import pytest

from pubsub.testing.child import ChildServer
from tests.cluster.processes import Cluster, resident
from tests.cluster.proxies import Proxies
from tests.faults.ears import Ear, Ears
from tests.hostile.peers import Peer
from tests.hostile.servers import needs_proc
from tests.patience import wait_for

pytestmark = needs_proc

MEBIBYTE = 1 << 20
PAYLOAD = b"PUB load 65536\r\n" + b"x" * 65536 + b"\r\n"
#: messages that are under way at a time, so that who keeps up is never behind
BATCH = 8
#: What any server may grow by while it works: pools of output blocks, the read buffer.
WORK = 28 * MEBIBYTE


def load(talker: Peer, batches: int, *fast: Ear) -> None:
    """Publish ``batches`` times 512 KiB; each batch waits for all of ``fast`` to have the last."""
    heard = [len(ear.heard) for ear in fast]
    for batch in range(1, batches + 1):
        talker.send(PAYLOAD * BATCH)
        for ear, before in zip(fast, heard, strict=True):
            wanted = before + batch * BATCH
            wait_for(lambda ear=ear, wanted=wanted: len(ear.heard) == wanted, "who is fast hears")


def knows(cluster: Cluster, name: str, other: str, *subjects: str) -> bool:
    """Whether ``name`` knows what is wanted at ``other``."""
    return set(cluster.heard(name).get(other, ())) >= {(subject, "") for subject in subjects}


def slow_beside_fast(
    cluster: Cluster, proxies: Proxies, router: str, window: int
) -> tuple[ChildServer, ChildServer, ChildServer]:
    """``a`` has a slow link to ``c`` and a fast one to ``b``; all know each other."""
    c = cluster.join("c", router)
    proxy = proxies.to(cluster.ports["c"], window)
    extra = 'pool_size: 1, ping_interval: "29s", write_deadline: "60s"'
    a = cluster.join("a", router, proxy.port, extra=extra, top="max_pending: 2MB")
    wait_for(lambda: cluster.meshed("a", "c"))
    b = cluster.join("b", router, "a")
    wait_for(cluster.meshed)
    return a, b, c


@pytest.mark.parametrize("router", ["native", "python"])
def test_a_slow_route_costs_its_bound_and_holds_nobody_up(
    cluster: Cluster, proxies: Proxies, ears: Ears, router: str
) -> None:
    """160 MiB for all, of which one link carries 64 KiB a second: at most 8 MiB wait for it."""
    a, b, c = slow_beside_fast(cluster, proxies, router, 4096)
    (proxy,) = proxies.all
    fast = [ears.listen(a, "load"), ears.listen(b, "load")]
    slow = ears.listen(c, "load", "after")
    wait_for(lambda: knows(cluster, "a", "b", "load") and knows(cluster, "a", "c", "after"))
    talker = ears.talker(a)
    load(talker, 4, *fast)
    before = resident(a)
    proxy.forth.rate, proxy.forth.delay = 65536, 0.02
    load(talker, 320, *fast)
    grown = resident(a) - before
    assert grown < 4 * 2 * MEBIBYTE + WORK
    assert "Slow Consumer Detected: " in a.log
    assert cluster.page("a", "varz")["slow_consumer_stats"]["routes"] > 0
    # who keeps up was not taken for somebody who does not
    assert f"{cluster.peers('a') & {'b'}}" == "{'b'}"
    proxy.forth.rate, proxy.forth.delay = 0.0, 0.0
    wait_for(cluster.meshed, "the slow one is back")
    wait_for(lambda: knows(cluster, "a", "c", "load", "after"))
    talker.send(b"PUB after 3\r\nend\r\n")
    wait_for(lambda: slow.payloads("after") == [b"end"])


def test_a_slow_link_delivers_all_if_it_is_given_the_time(
    cluster: Cluster, proxies: Proxies, ears: Ears, kind: str
) -> None:
    """Latency and tiny windows alone: everything comes, in its order; nobody waits for it."""
    a, b, c = slow_beside_fast(cluster, proxies, kind, 4096)
    (proxy,) = proxies.all
    for direction in (proxy.forth, proxy.back):
        direction.delay = 0.05
    far, near = ears.listen(c, "x"), [ears.listen(a, "x"), ears.listen(b, "x")]
    wait_for(lambda: knows(cluster, "a", "b", "x") and knows(cluster, "a", "c", "x"))
    talker = ears.talker(a)
    numbers = [b"%d" % number for number in range(2000)]
    talker.send(b"".join(b"PUB x %d\r\n%b\r\n" % (len(each), each) for each in numbers))
    for ear in near:
        wait_for(lambda ear=ear: ear.payloads("x") == numbers, "near by")
    wait_for(lambda: far.payloads("x") == numbers, "far away")
    assert cluster.meshed()


@pytest.mark.parametrize("router", ["native", "python"])
def test_a_route_that_takes_nothing_is_closed_when_its_deadline_is_over(
    cluster: Cluster, proxies: Proxies, ears: Ears, router: str
) -> None:
    """Not when the next PING is due, half a minute later; and it comes back."""
    b = cluster.join("b", router)
    proxy = proxies.to(cluster.ports["b"], 4096)
    extra = 'ping_interval: "29s", write_deadline: "400ms"'
    a = cluster.join("a", router, proxy.port, extra=extra)
    here, there = ears.listen(a, "load"), ears.listen(b, "load", "after")
    wait_for(lambda: knows(cluster, "a", "b", "load", "after"))
    proxy.hold(proxy.forth, proxy.back)
    talker = ears.talker(a)
    load(talker, 40, here)
    text = "Slow Consumer Detected: WriteDeadline of 0.4s exceeded with "
    wait_for(lambda: text in a.log, "it is closed")
    wait_for(lambda: "Slow Consumer (Write Deadline)" in a.log)
    assert "Stale Connection" not in a.log
    proxy.release(proxy.forth, proxy.back)
    wait_for(lambda: knows(cluster, "a", "b", "load", "after"), "it is back")
    talker.send(b"PUB after 3\r\nend\r\n")
    wait_for(lambda: there.payloads("after") == [b"end"])
