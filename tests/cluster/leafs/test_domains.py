"""Which subjects of JetStream cross a link."""

from __future__ import annotations

import pytest

from pubsub.cluster.leafs.domains import Denied, JetStreamSide, denied, domain_mappings
from tests.cluster.leafs.test_soliciting import info, second
from tests.cluster.leafs.world import Hub, Wire, World, a_hub, connect, infos

CLIENTS = ("$JS.API.>", "$KV.>", "$OBJ.>")
SYSTEM = ("$JSC.>", "$NRG.>", *CLIENTS)
NONE = JetStreamSide()
HERE = JetStreamSide(enabled=True, domain="here")


@pytest.mark.parametrize(
    ("side", "domain", "account", "system", "expected"),
    [
        # no JetStream at all, or on one end
        (NONE, "", "A", "$SYS", Denied(CLIENTS)),
        (NONE, "", "$SYS", "$SYS", Denied(SYSTEM)),
        (NONE, "hub", "A", "$SYS", Denied(CLIENTS)),
        # two domains: each asks the other by its name, and nobody asks this one over there
        (HERE, "hub", "A", "$SYS", Denied(CLIENTS, ("$JS.here.API.>",))),
        (HERE, "hub", "$SYS", "$SYS", Denied(SYSTEM, ("$JS.here.API.>",))),
        # one domain: its requests take the way of the system account
        (HERE, "here", "A", "$SYS", Denied(CLIENTS)),
        (HERE, "here", "$SYS", "$SYS", Denied()),
        (JetStreamSide(will_extend=True), "", "$SYS", "$SYS", Denied()),
        (JetStreamSide(domain="here"), "here", "$SYS", "$SYS", Denied()),
        # nothing to extend it by
        (HERE, "here", "A", "", Denied(CLIENTS, ("$JS.here.API.>",))),
        # default_js_domain
        (JetStreamSide(default_domains={"A": ""}), "", "A", "$SYS", Denied()),
        (JetStreamSide(default_domains={"A": "x"}), "", "A", "$SYS", Denied(CLIENTS)),
        (
            JetStreamSide(enabled=True, domain="here", default_domains={"A": ""}),
            "here",
            "$SYS",
            "$SYS",
            Denied(SYSTEM, ("$JS.here.API.>",)),
        ),
    ],
)
def test_what_is_denied(
    side: JetStreamSide, domain: str, account: str, system: str, expected: Denied
) -> None:
    assert denied(side, domain, account, system) == expected


def test_a_domain_has_nine_mappings() -> None:
    mappings = domain_mappings("hub")
    assert len(mappings) == 9
    assert mappings["$JS.hub.API.STREAM.>"] == "$JS.API.STREAM.>"
    assert mappings["$JS.hub.API.INFO"] == "$JS.API.INFO"
    assert mappings["$JS.hub.API.$KV.>"] == "$KV.>"


def test_both_ends_say_their_domain(world: World) -> None:
    hub = world.server("hub", "leafnodes { port: 7422 }", jetstream=lambda: HERE)
    wire = Wire(hub)
    for said in infos(wire.received() + wire.send(connect())):
        assert (said["jetstream"], said["domain"]) == (True, "here")
    other = Hub(world, 7500)
    text = 'leafnodes { remotes [ { url: "127.0.0.1:7500" } ] }'
    world.server("spoke", text, jetstream=lambda: HERE).start()
    assert b'"domain":"here"' in (said := other.send(info()))
    assert b'"jetstream":true' in said


def test_jetstream_of_the_other_domain_is_asked_by_its_name(world: World) -> None:
    hub = Hub(world, 7422)
    text = 'leafnodes { remotes [ { url: "127.0.0.1:7422" } ] }'
    spoke = world.server("spoke", text, jetstream=lambda: HERE).start()
    hub.send(info(domain="hub") + second())
    hub.send(b"LS+ $JS.hub.API.>\r\nLS+ $JS.API.>\r\nLS+ $JS.here.API.>\r\n")
    client = spoke.client()
    for subject in ("$JS.API.INFO", "$JS.here.API.INFO", "$JS.hub.API.INFO"):
        client.publish(subject, b"")
    assert hub.received() == b"LMSG $JS.hub.API.INFO 0\r\n\r\n"


def test_a_server_without_jetstream_says_nothing_of_it(world: World) -> None:
    (said,) = infos(Wire(a_hub(world)).received())
    assert not {"jetstream", "domain"} & set(said)
