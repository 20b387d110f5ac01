"""Routes as part of a server."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from pubsub.assembly.cluster import client_urls
from pubsub.config.build import configure
from pubsub.config.options import Options
from pubsub.errors import ListenError, ReloadRefused
from pubsub.server import PubSubServer
from tests.patience import until


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(host="127.0.0.1"), ("127.0.0.1:4222",)),
        (Options(client_advertise="out:1"), ("out:1",)),
        (Options(), ("10.0.0.1:4222", "[2001:db8::1]:4222")),
    ],
)
def test_clients_are_told_addresses_they_can_reach(
    options: Options, expected: tuple[str, ...]
) -> None:
    """Neither loopback nor link-local ones."""
    machine = ["127.0.0.1", "10.0.0.1", "169.254.0.1", "::1", "fe80::1", "2001:db8::1"]
    assert client_urls(options, 4222, lambda: machine) == expected


def options_of(*routes: int, extra: str = "", name: str = "C") -> Options:
    """A member."""
    urls = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
    called = f"name: {name}," if name else ""
    return configure(
        text=f"""listen: "127.0.0.1:-1"
        cluster {{ {called} listen: "127.0.0.1:-1", routes: [{urls}] {extra} }}""",
        path="f",
    ).options


@pytest_twisted.inlineCallbacks
def test_servers_find_each_other_and_part() -> Any:
    """INFO names the cluster and, while it is there, the other server."""
    one = PubSubServer(options_of(), reactor)
    yield one.open()
    assert (one.info.cluster, one.info.connect_urls) == ("C", ())
    assert not one.info.cluster_dynamic
    two = PubSubServer(options_of(one.cluster.port), reactor)
    yield two.open()
    yield until(lambda: one.info.connect_urls and two.info.connect_urls)
    urls = {f"127.0.0.1:{server.port}" for server in (one, two)}
    assert set(one.info.connect_urls) == set(two.info.connect_urls) == urls
    two.send_lame_duck_info()
    yield until(lambda: len(one.info.connect_urls) == 1)
    assert two.info.connect_urls == (f"127.0.0.1:{one.port}",)
    yield two.close()
    yield until(lambda: not one.cluster.members.remotes)
    yield one.close()
    assert one.cluster.members.alive == two.cluster.members.alive == 0


@pytest_twisted.inlineCallbacks
def test_accounts_learn_the_name_of_the_cluster_with_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Of whom has none, as soon as it has the others': some mappings are for one cluster."""
    one = PubSubServer(options_of(), reactor)
    yield one.open()
    two = PubSubServer(options_of(one.cluster.port, name=""), reactor)
    told: list[str] = []
    monkeypatch.setattr(two.accounts, "in_cluster", told.append)
    yield two.open()
    yield until(lambda: "C" in told)
    assert two.info.cluster == told[-1] == "C"
    yield two.close()
    yield one.close()


@pytest_twisted.inlineCallbacks
def test_routes_come_and_go_with_a_reload() -> Any:
    """Without a restart; what needs one is refused."""
    one = PubSubServer(options_of(), reactor)
    yield one.open()
    wanted = [options_of()]
    two = PubSubServer(wanted[0], reactor, read_options=lambda: wanted[-1])
    yield two.open()
    wanted.append(options_of(one.cluster.port))
    two.reload()
    yield until(lambda: two.cluster.members.remotes)
    wanted.append(options_of())
    two.reload()
    yield until(lambda: not (two.cluster.members.remotes or one.cluster.members.remotes))
    wanted.append(options_of(name="D"))
    with pytest.raises(ReloadRefused):
        two.reload()
    yield two.close()
    yield one.close()


@pytest_twisted.inlineCallbacks
def test_a_port_that_is_taken_is_named() -> Any:
    """And the server does not start."""
    one = PubSubServer(options_of(), reactor)
    yield one.open()
    text = f'listen: "127.0.0.1:-1"\ncluster {{ listen: "127.0.0.1:{one.cluster.port}" }}'
    two = PubSubServer(configure(text=text, path="f").options, reactor)
    with pytest.raises(ListenError) as caught:
        yield two.open()
    assert "cluster" in str(caught.value)
    yield one.close()


def test_a_server_without_routes_may_have_a_cluster_name() -> None:
    """Leaf nodes say it."""
    server = PubSubServer(configure(text="cluster { name: C }", path="f").options, reactor)
    assert not server.cluster.enabled
    assert server.cluster.introduce(server.info).cluster == "C"
    plain = PubSubServer(Options(), reactor)
    assert plain.cluster.introduce(plain.info) == plain.info
