"""What the leaf node links of a server share: accounts, and interest that stands."""

from __future__ import annotations

from dataclasses import replace

from pubsub.values.accounts import AccountLimits, AccountOptions, ServiceImport
from tests.cluster.leafs.world import Wire, World, a_hub, connect

USERS = """
authorization { users [
    { user: a, password: pa, account: A }
    { user: b, password: pb }
] }
"""


def test_imported_services_and_mappings_are_told_as_interest(world: World) -> None:
    server = a_hub(
        world,
        "authorization { users [ { user: a, password: a, account: A } ] }",
        """
        accounts {
            A {
                imports [ { service: { account: B, subject: svc }, to: "my.svc" } ]
                mappings { "old.*": "new.$1" }
            }
            B { exports [ { service: svc } ] }
        }
        """,
    )
    wire = Wire(server)
    wire.received()
    answer = wire.send(connect(user="a", **{"pass": "a"}))
    assert b"LS+ my.svc\r\n" in answer
    assert b"LS+ old.*\r\n" in answer
    server.client("B").answer("svc", b"served")
    wire.received()
    assert b"served" in wire.send(b"LS+ _INBOX.1\r\nLMSG my.svc _INBOX.1 1\r\n?\r\n")


def test_placeholders_of_imported_services_are_told_as_wildcards(world: World) -> None:
    server = a_hub(
        world,
        "authorization { users [ { user: a, password: a, account: A } ] }",
        """
        accounts {
            A { imports [ { service: { account: B, subject: "s.*.*" }, to: "my.$2.$1.s" } ] }
            B { exports [ { service: "s.*.*" } ] }
        }
        """,
    )
    wire = Wire(server)
    wire.received()
    assert b"LS+ my.*.*.s\r\n" in wire.send(connect(user="a", **{"pass": "a"}))
    server.client("B").answer("s.x.y", b"served")
    wire.received()
    assert b"served" in wire.send(b"LS+ _INBOX.1\r\nLMSG my.y.x.s _INBOX.1 1\r\n?\r\n")


def test_an_import_that_means_nothing_is_not_told(world: World) -> None:
    server = a_hub(world, USERS, "accounts { A { } }")
    account = AccountOptions(
        "A", imports=(ServiceImport("B", "s.*", "my"), ServiceImport("B", "t", "mine"))
    )
    server.clients.accounts.find = {"A": account}.get  # type: ignore[method-assign]
    wire = Wire(server)
    wire.received()
    answer = wire.send(connect(user="a", **{"pass": "pa"}))
    assert b"LS+ mine\r\n" in answer
    assert b"LS+ my\r\n" not in answer


def test_an_account_has_room_for_so_many_leafs(world: World) -> None:
    server = a_hub(world, USERS, "accounts { A { } }")
    limited = AccountOptions("A", limits=AccountLimits(max_leafnodes=1))
    server.clients.accounts.update(limited)
    wires = []
    for name in ("one", "two"):
        wire = Wire(server)
        wire.received()
        wires.append(wire)
        answer = wire.send(connect(user="a", name=name, **{"pass": "pa"}))
    assert answer == b"-ERR 'maximum account active connections exceeded'\r\n"
    assert [wire.closed for wire in wires] == [False, True]
    server.clients.accounts.update(replace(limited, limits=AccountLimits(max_leafnodes=0)))
    world.settle()
    assert wires[0].closed


def test_what_every_account_may_ask_the_system_account_is_told(world: World) -> None:
    """So that a request to all servers reaches those at the other end."""
    server = world.server("hub", "leafnodes { port: 7422 }", system="$SYS")
    wire = Wire(server)
    wire.received()
    answer = wire.send(connect())
    for subject in (
        b"$SYS.REQ.ACCOUNT.PING.CONNZ",
        b"$SYS.REQ.SERVER.PING.CONNZ",
        b"$SYS.REQ.ACCOUNT.PING.STATZ",
        b"$SYS.REQ.USER.INFO",
    ):
        assert b"LS+ %b\r\n" % subject in answer


def test_with_gateways_mapped_replies_are_asked_for(world: World) -> None:
    """Whatever the user may hear."""
    users = "accounts { A { users [ { user: a, permissions { subscribe: none } } ] } }"
    text = "leafnodes { port: 7422 }\n" + users + "\nno_auth_user: a"
    for gateways in (True, False):
        wire = Wire(world.server("hub", text, gateways=gateways))
        wire.received()
        answer = wire.send(connect())
        assert (b"LS+ _GR_.>\r\n" in answer) is gateways
        assert (b"LS+ $GR.*.>\r\n" in answer) is gateways


def test_a_server_that_leaves_names_others(world: World) -> None:
    context = a_hub(world).context
    context.other_urls = ("other:1",)
    assert context.urls() == ["127.0.0.1:7422", "other:1"]
    context.leaving = True
    assert context.urls() == ["other:1"]
