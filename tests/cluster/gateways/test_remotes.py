"""Other clusters: where their servers are."""

from __future__ import annotations

from random import Random

import pytest

from pubsub.cluster.gateways.remotes import MOST_URLS, Remote
from pubsub.cluster.hashes import old_hash, short_hash
from pubsub.config.options import GatewayOptions, GatewayUrl, RemoteGatewayOptions, TlsOptions

ONE = RemoteGatewayOptions("B", (GatewayUrl("10.0.0.1", 7222, "u", "p"), GatewayUrl("b", 1)))


def test_a_cluster_is_where_it_was_configured_and_where_it_says() -> None:
    """What it says last counts, and never takes a user away."""
    remote = Remote("B", ONE)
    assert (remote.hash, remote.old_hash) == (short_hash("B"), old_hash("B"))
    remote.add(["c:2", "10.0.0.1:7222"])
    assert list(remote.urls) == ["10.0.0.1:7222", "b:1", "c:2"]
    assert remote.urls["10.0.0.1:7222"].user == "u"
    remote.replace(["[::1]:3"])
    assert list(remote.urls) == ["10.0.0.1:7222", "b:1", "[::1]:3"]
    assert not remote.implicit


@pytest.mark.parametrize(
    "address", ["", "c", "c:", ":1", "c:x", "c:99999", "u:p@c:1", "c:1/path", "[::1", "c:0"]
)
def test_what_is_no_address_is_left_out(address: str) -> None:
    """Another server said it."""
    remote = Remote("B")
    remote.add([address])
    assert not remote.urls
    assert remote.implicit


def test_a_list_has_an_end() -> None:
    """Nobody has that many servers."""
    remote = Remote("B")
    remote.add(f"c:{port}" for port in range(1, 3 * MOST_URLS))
    assert len(remote.urls) == MOST_URLS


def test_servers_are_tried_in_any_order() -> None:
    """Each of them."""
    remote = Remote("B", ONE)
    remote.add(["c:2", "d:3"])
    orders = {tuple(url.port for url in remote.shuffled(Random(seed))) for seed in range(50)}
    assert len(orders) > 10
    assert all(sorted(order) == [1, 2, 3, 7222] for order in orders)


def test_an_address_has_the_certificate_of_the_first_name() -> None:
    """As long as that helps; names have their own."""
    remote = Remote("B", ONE)
    assert remote.hostname(GatewayUrl("10.0.0.2", 1)) == "b"
    assert remote.hostname(GatewayUrl("c", 1)) == "c"
    remote.tls_name = ""
    assert remote.hostname(GatewayUrl("10.0.0.2", 1)) == "10.0.0.2"


def test_tls_is_its_own_or_that_of_the_block() -> None:
    """Also after a reload."""
    own, block, other = (TlsOptions(cert_file=name) for name in ("own", "block", "other"))
    remote = Remote("B", ONE)
    plain = GatewayOptions(name="A", port=1)
    assert remote.tls(plain) is None
    assert remote.tls(GatewayOptions(name="A", port=1, tls=block)) is block
    with_own = RemoteGatewayOptions("B", ONE.urls, own)
    assert remote.tls(GatewayOptions(name="A", tls=block, gateways=(with_own,))) is own
    changed = RemoteGatewayOptions("B", ONE.urls, other)
    assert remote.tls(GatewayOptions(name="A", tls=block, gateways=(changed,))) is other
    assert Remote("C").tls(GatewayOptions(name="A", tls=block, gateways=(changed,))) is block
