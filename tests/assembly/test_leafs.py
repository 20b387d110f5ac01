"""Leaf nodes as part of a server: real sockets, TLS, and what others hear of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from pubsub.config.build import configure
from pubsub.config.options import Options
from pubsub.errors import InvalidOption, ListenError, ReloadRefused
from pubsub.server import PubSubServer
from tests.certs import Authority
from tests.patience import until


def server(text: str) -> PubSubServer:
    """A server on free ports."""
    text = f'listen: "127.0.0.1:-1"\n{text}'
    return PubSubServer(configure(text=text, path="f").options, reactor)


@pytest_twisted.inlineCallbacks
def test_a_server_without_leaf_nodes_has_nothing_of_them() -> Any:
    one = server("")
    yield one.open()
    assert one.leafs.context is None
    assert not one.leafs.linked()
    assert not one.leafs.addresses()
    assert one.leafs.port == 0
    yield one.close()


@pytest_twisted.inlineCallbacks
def test_servers_are_linked_and_part() -> Any:
    """Everybody who looks at the account hears of it."""
    hub = server('leafnodes { listen: "127.0.0.1:-1" }')
    yield hub.open()
    assert hub.leafs.addresses() == [("127.0.0.1", hub.leafs.port)]
    events: list[Any] = []
    watcher = hub.security.access.internal_client("$SYS")
    watcher.subscribe(b"$SYS.ACCOUNT.$G.*", lambda message: events.append(message))
    port = hub.leafs.port
    spoke = server(f'server_name: leaf\nleafnodes {{ remotes [ {{ url: "127.0.0.1:{port}" }} ] }}')
    yield spoke.open()
    yield until(lambda: hub.leafs.linked() and spoke.leafs.linked())
    (leaf,) = hub.leafs.linked()
    assert (leaf.remote_server, leaf.remote_cluster) == ("leaf", b"leaf")
    assert leaf.transport.server.watched == 10.0
    assert (hub.info.cluster, spoke.info.cluster) == ("", "leaf")
    assert hub.accounts.leafnodes("$G") == 1
    assert hub.accounts.connections("$G") == 0
    hub.leafs.keep_house()
    yield spoke.close()
    yield until(lambda: not hub.leafs.linked())
    assert [event.subject.rpartition(b".")[2] for event in events] == [b"CONNECT", b"DISCONNECT"]
    client = json.loads(events[0].payload)["client"]
    assert (client["kind"], client["name"]) == ("Leafnode", "leaf")
    yield hub.close()


@pytest_twisted.inlineCallbacks
@pytest.mark.parametrize("first", ["false", "true"])
def test_links_are_encrypted(tmp_path: Path, first: str) -> Any:
    """With TLS before INFO and after it; the hub's certificate is checked."""
    authority = Authority(tmp_path)
    mine, theirs = authority.issue("localhost"), authority.issue("client", client=True)
    hub = server(
        f"""leafnodes {{ listen: "127.0.0.1:-1", tls {{
            cert_file: "{mine.cert_file}", key_file: "{mine.key_file}"
            ca_file: "{authority.cert_file}"
            verify: true, handshake_first: {first} }} }}"""
    )
    yield hub.open()
    spoke = server(
        f"""leafnodes {{ remotes [ {{ url: "tls://localhost:{hub.leafs.port}", tls {{
            cert_file: "{theirs.cert_file}", key_file: "{theirs.key_file}"
            ca_file: "{authority.cert_file}", handshake_first: {first} }} }} ] }}"""
    )
    yield spoke.open()
    yield until(lambda: hub.leafs.linked() and spoke.leafs.linked())
    assert hub.leafs.linked()[0].tls.version == spoke.leafs.linked()[0].tls.version != ""
    yield spoke.close()
    yield hub.close()


@pytest_twisted.inlineCallbacks
def test_a_hub_with_another_certificate_is_no_hub(tmp_path: Path) -> Any:
    authority = Authority(tmp_path)
    mine = authority.issue("elsewhere", names=("elsewhere.test",), addresses=())
    hub = server(
        f"""leafnodes {{ listen: "127.0.0.1:-1", tls {{
            cert_file: "{mine.cert_file}", key_file: "{mine.key_file}" }} }}"""
    )
    yield hub.open()
    spoke = server(
        f"""leafnodes {{ reconnect: 50ms, remotes [ {{ url: "localhost:{hub.leafs.port}"
            tls {{ ca_file: "{authority.cert_file}" }} }} ] }}"""
    )
    yield spoke.open()
    yield until(lambda: hub.registry.next_cid() > 4)
    assert not spoke.leafs.linked()
    yield spoke.close()
    yield hub.close()


@pytest_twisted.inlineCallbacks
def test_a_port_that_is_taken_is_told(tmp_path: Path) -> Any:
    one = server('leafnodes { listen: "127.0.0.1:-1" }')
    yield one.open()
    two = server(f'leafnodes {{ listen: "127.0.0.1:{one.leafs.port}" }}')
    with pytest.raises(ListenError, match="leafnodes"):
        yield two.open()
    yield one.close()


@pytest_twisted.inlineCallbacks
def test_a_user_that_is_dropped_takes_its_leaf_nodes_along() -> Any:
    hub = server(
        'leafnodes { listen: "127.0.0.1:-1" }\n'
        "accounts { A { users [ { user: a, password: a } ] } }"
    )
    yield hub.open()
    spoke = server(
        f'leafnodes {{ remotes [ {{ url: "nats://a:a@127.0.0.1:{hub.leafs.port}" }} ] }}'
    )
    yield spoke.open()
    yield until(lambda: hub.leafs.linked() and spoke.leafs.linked())
    hub.live.drop_user("a")
    assert not hub.leafs.linked()
    yield spoke.close()
    yield hub.close()


@pytest_twisted.inlineCallbacks
def test_leaf_nodes_are_told_of_other_members_of_the_cluster() -> Any:
    """Also those that are linked already."""
    text = 'cluster {{ name: C, listen: "127.0.0.1:-1", routes: [{}] }}'
    leafnodes = 'leafnodes { listen: "127.0.0.1:-1" }'
    one = server(f"{text.format('')}\n{leafnodes}")
    yield one.open()
    spoke = server(f'leafnodes {{ remotes [ {{ url: "127.0.0.1:{one.leafs.port}" }} ] }}')
    yield spoke.open()
    yield until(spoke.leafs.linked)
    (leaf,) = spoke.leafs.linked()
    assert leaf.remote is not None
    assert len(leaf.remote.urls) == 1
    route = f'"nats://127.0.0.1:{one.cluster.port}"'
    two = server(f"{text.format(route)}\n{leafnodes}")
    yield two.open()
    remote = leaf.remote
    yield until(lambda: len(remote.urls) == 2)
    assert {url.port for url in remote.urls} == {one.leafs.port, two.leafs.port}
    yield two.close()
    yield until(lambda: len(remote.urls) == 1)
    yield spoke.close()
    yield one.close()


class Changing:
    """A server whose configuration may be another at the next reload."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.server = PubSubServer(self._read(), reactor, read_options=self._read)

    def _read(self) -> Options:
        return configure(text=f'listen: "127.0.0.1:-1"\n{self.text}', path="f").options

    def reload(self, text: str) -> None:
        """Read another one."""
        self.text = text
        self.server.reload()


@pytest_twisted.inlineCallbacks
def test_a_reload_adds_and_removes_hubs() -> Any:
    hub = server('leafnodes { listen: "127.0.0.1:-1" }')
    yield hub.open()
    one = Changing("leafnodes { }")
    yield one.server.open()
    remotes = f'leafnodes {{ remotes [ {{ url: "127.0.0.1:{hub.leafs.port}", disabled: {{}} }} ] }}'
    with pytest.raises(ReloadRefused, match=r"LeafNode\.Port"):
        one.reload("leafnodes { port: 7422 }")
    one.reload(remotes.replace("{}", "false"))
    yield until(lambda: hub.leafs.linked() and one.server.leafs.linked())
    one.reload(remotes.replace("{}", "true"))
    yield until(lambda: not hub.leafs.linked() and not one.server.leafs.linked())
    one.reload(remotes.replace("{}", "false"))
    yield until(lambda: hub.leafs.linked() and one.server.leafs.linked())
    one.reload("")
    yield until(lambda: not hub.leafs.linked())
    yield one.server.close()
    yield hub.close()


@pytest_twisted.inlineCallbacks
def test_certificates_may_be_reloaded_at_both_ends(tmp_path: Path) -> Any:
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    listener = 'leafnodes {{ listen: "127.0.0.1:-1", tls {{ cert_file: "{}", key_file: "{}" }} }}'
    first, second = old.issue("one"), new.issue("two")
    hub = Changing(listener.format(first.cert_file, first.key_file))
    yield hub.server.open()
    remote = (
        f'leafnodes {{ reconnect: 50ms, remotes [ {{ url: "localhost:{hub.server.leafs.port}"'
        ', tls { ca_file: "%s" } } ] }'
    )
    spoke = Changing(remote % old.cert_file)
    yield spoke.server.open()
    yield until(lambda: hub.server.leafs.linked() and spoke.server.leafs.linked())
    with pytest.raises(InvalidOption):
        hub.reload(listener.format(first.cert_file, second.key_file))
    with pytest.raises(InvalidOption):
        spoke.reload(remote % (tmp_path / "missing"))
    hub.reload(listener.format(second.cert_file, second.key_file))
    assert hub.server.leafs.tls_not_after == second.not_after
    spoke.reload(remote % new.cert_file)
    (before,) = spoke.server.leafs.linked()
    before.transport.abortConnection()
    yield until(lambda: spoke.server.leafs.linked() and spoke.server.leafs.linked() != [before])
    yield spoke.server.close()
    yield hub.server.close()


@pytest_twisted.inlineCallbacks
def test_a_leaving_hub_takes_no_leaf_nodes_and_names_others() -> Any:
    hub = server('leafnodes { listen: "127.0.0.1:-1" }')
    yield hub.open()
    spoke = server(f'leafnodes {{ remotes [ {{ url: "127.0.0.1:{hub.leafs.port}" }} ] }}')
    yield spoke.open()
    yield until(lambda: hub.leafs.linked() and spoke.leafs.linked())
    (leaf,) = spoke.leafs.linked()
    assert leaf.remote is not None
    remote, context = leaf.remote, hub.leafs.context
    assert context is not None
    context.other_urls = ("127.0.0.1:1",)
    hub.leafs.say_leaving()
    yield until(lambda: len(remote.urls) == 2)
    assert remote.urls[0].port == 1
    assert leaf.closed_state is None
    late = server(
        f'leafnodes {{ reconnect: 20ms, remotes [ {{ url: "127.0.0.1:{hub.leafs.port}" }} ] }}'
    )
    yield late.open()
    assert len(hub.leafs.linked()) == 1
    yield late.close()
    yield spoke.close()
    yield hub.close()


@pytest_twisted.inlineCallbacks
def test_other_clusters_are_told_of_accounts_with_leaf_nodes() -> Any:
    hub = server(
        'gateway { name: A, listen: "127.0.0.1:-1" }\nleafnodes { listen: "127.0.0.1:-1" }'
    )
    yield hub.open()
    told: list[Any] = []
    watcher = hub.security.access.internal_client("$SYS")
    watcher.subscribe(b"$SYS.ACCOUNT.*.LEAFNODE.CONNECT", told.append)
    spoke = server(f'leafnodes {{ remotes [ {{ url: "127.0.0.1:{hub.leafs.port}" }} ] }}')
    yield spoke.open()
    yield until(lambda: told)
    assert told[0].subject == b"$SYS.ACCOUNT.$G.LEAFNODE.CONNECT"
    event = json.loads(told[0].payload)
    assert (event["acc"], event["server"]["id"]) == ("$G", hub.server_id)
    yield spoke.close()
    yield hub.close()
