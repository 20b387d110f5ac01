"""A leaf node whose link to its hub breaks all the time, as that of a small device does."""

from __future__ import annotations

import os

from tests.cluster.processes import Processes, free_port, resident
from tests.cluster.proxies import Proxies, Proxy
from tests.faults.ears import Ears, publish
from tests.hostile.peers import Peer
from tests.hostile.servers import needs_proc
from tests.patience import wait_for

pytestmark = needs_proc

BREAKS = 200
#: after so many, caches and pools are what they will be
WARM = 50
#: What 150 breaks may cost: 40 KiB each would be a leak of one connection.
MOST_GROWTH = 3 << 20


def linked(processes: Processes, name: str) -> bool:
    """Whether there is a link."""
    return len(processes.page(name, "leafz").get("leafs") or []) == 1


def figures(processes: Processes, name: str) -> dict[str, object]:
    """What must be the same after all the breaks."""
    return {
        "subscriptions": processes.page(name, "subsz")["num_subscriptions"],
        "leafs": len(processes.page(name, "leafz")["leafs"]),
        "heard": sorted(
            subject
            for leaf in processes.page(name, "leafz?subs=1")["leafs"]
            for subject in leaf.get("subscriptions_list", [])
            if not subject.startswith("$LDS.")
        ),
        "clients": processes.page(name, "connz")["num_connections"],
        "open": len(os.listdir(f"/proc/{processes.servers[name].pid}/fd")),
    }


def said(talker: Peer, subject: str, payload: bytes) -> bool:
    """Say it."""
    publish(talker, subject, payload)
    return True


def break_it(processes: Processes, proxy: Proxy, turn: int) -> None:
    """Once; some links break before they are any."""
    accepted = proxy.accepted
    proxy.snap()
    wait_for(lambda: proxy.accepted > accepted, "it tries to come back")
    if turn % 4:
        wait_for(lambda: linked(processes, "spoke"), "it is back")


def test_two_hundred_breaks_leave_nothing_behind(
    cluster: Processes, proxies: Proxies, ears: Ears, kind: str
) -> None:
    """No subscriptions, connections, descriptors or memory; in between, messages get across."""
    port = free_port()
    hub = cluster.start("hub", kind, f'leafnodes {{ listen: "127.0.0.1:{port}" }}')
    proxy = proxies.to(port)
    remote = f'{{ url: "127.0.0.1:{proxy.port}", ignore_discovered_servers: true }}'
    spoke = cluster.start("spoke", kind, f"leafnodes {{ reconnect: 20ms, remotes [ {remote} ] }}\n")
    up, down = ears.listen(hub, "a.>", "work q"), ears.listen(spoke, "b", "work q", "c.*.d")
    at_hub, at_spoke = ears.talker(hub), ears.talker(spoke)
    wait_for(lambda: linked(cluster, "spoke") and linked(cluster, "hub"))

    def get_across(turn: int) -> None:
        payload = b"%d" % turn
        for _ in ("until interest is there", "and once more"):
            wait_for(lambda: said(at_spoke, "a.x", payload) and payload in up.payloads("a.x"))
            wait_for(lambda: said(at_hub, "b", payload) and payload in down.payloads("b"))

    get_across(-1)
    before = {name: figures(cluster, name) for name in ("hub", "spoke")}
    memory = {}
    for turn in range(BREAKS):
        break_it(cluster, proxy, turn)
        if turn % 40 == 39:
            get_across(turn)
        if turn == WARM:
            memory = {name: resident(cluster.servers[name]) for name in before}
    get_across(BREAKS)
    for name, expected in before.items():
        wait_for(lambda name=name, expected=expected: figures(cluster, name) == expected)
    grown = {name: resident(cluster.servers[name]) - was for name, was in memory.items()}
    assert max(grown.values()) < MOST_GROWTH, grown
