"""The JSON of events: names, order, and what is left out."""

from __future__ import annotations

import random

from pubsub.config.options import Options
from pubsub.interfaces import Identity, Permissions, ResponsePermission
from pubsub.system.advisories import (
    EventIds,
    client_block,
    permissions_block,
    present,
    server_block,
    traffic,
    typed,
)
from pubsub.wire.info import ServerInfo
from tests.system.fakes import NOW, FakeClient

INFO = ServerInfo("NAB", "edge", "2.15.0", "CPython", "127.0.0.1", 4222, 1048576)


def test_ids_are_22_letters_and_digits_and_differ() -> None:
    ids = EventIds()
    made = [ids.next() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(len(each) == 22 and each.isalnum() for each in made)
    assert len({each[:12] for each in made}) == 1


def test_ids_of_two_servers_have_little_in_common() -> None:
    assert EventIds().next()[:12] != EventIds().next()[:12]


def test_a_counter_at_its_end_begins_anew() -> None:
    """The highest counter a source can give runs over soon, and ids go on being good."""

    class Highest(random.Random):
        def randrange(self, start: int, *more: int) -> int:  # type: ignore[override]
            return start - 1

    made = [EventIds(Highest(1)).next() for _ in range(3)]
    assert all(len(each) == 22 for each in made)


def test_the_server_comes_without_what_is_empty() -> None:
    assert list(server_block(INFO, Options())) == [
        "name",
        "host",
        "id",
        "ver",
        "jetstream",
        "flags",
    ]


def test_the_server_tells_its_tags_and_metadata() -> None:
    options = Options(server_tags=("a:b",), server_metadata={"z": "1", "a": "2"})
    assert server_block(INFO, options) == {
        "name": "edge", "host": "127.0.0.1", "id": "NAB", "ver": "2.15.0", "tags": ["a:b"],
        "metadata": {"a": "2", "z": "1"}, "jetstream": False, "flags": 0,
    }  # fmt: skip


def test_every_advisory_begins_with_type_id_and_time() -> None:
    assert list(typed("t", "i", NOW).items()) == [
        ("type", "t"),
        ("id", "i"),
        ("timestamp", "2026-08-21T14:50:11Z"),
    ]


def test_a_client_that_came() -> None:
    """No round trip time yet, and no key that signed for it."""
    client = FakeClient(7, "A")
    assert list(client_block(client, client.describe(), account="A", name_tag="A").items()) == [  # type: ignore[arg-type]
        ("start", "2026-08-21T14:50:06Z"),
        ("host", "127.0.0.1"),
        ("id", 7),
        ("acc", "A"),
        ("user", "ann"),
        ("name", "app"),
        ("lang", "python3"),
        ("ver", "2.11.0"),
        ("name_tag", "A"),
        ("kind", "Client"),
        ("client_type", "nats"),
    ]


def test_a_client_that_went_has_a_stop_and_a_round_trip_time() -> None:
    client = FakeClient(7, "A")
    block = client_block(client, client.describe(), account="A", name_tag="A", stop=NOW)  # type: ignore[arg-type]
    assert block["rtt"] == 467000
    assert block["stop"] == "2026-08-21T14:50:11Z"


def test_users_with_keys_have_an_issuer() -> None:
    """Of a static key it is the account; a JWT's signing key is named as it is."""
    static = FakeClient(7, "A", Identity(nkey="UKEY", account="A"))
    block = client_block(static, static.describe(), account="A", name_tag="A")  # type: ignore[arg-type]
    assert block["issuer_key"] == "A"
    signed = FakeClient(8, "A", Identity(issuer_key="ASIGN", account="A", tags=("x",)))
    block = client_block(signed, signed.describe(), account="A", name_tag="A")  # type: ignore[arg-type]
    assert block["issuer_key"] == "ASIGN"
    assert block["tags"] == ["x"]


def test_traffic_is_all_of_it_and_what_went_through_other_servers() -> None:
    assert list(traffic((2, 20), {"gateways": (1, 5), "routes": (0, 0)}).items()) == [
        ("msgs", 3),
        ("bytes", 25),
        ("gateways", {"msgs": 1, "bytes": 5}),
        ("routes", {"msgs": 0, "bytes": 0}),
    ]


def test_permissions_are_shown_as_they_are_configured() -> None:
    permissions = Permissions(
        publish_allow=("foo.>",), publish_deny=("foo.bar",), subscribe_allow=("q.* grp",),
        responses=ResponsePermission(3, 120.0),
    )  # fmt: skip
    assert permissions_block(permissions) == {
        "publish": {"allow": ["foo.>"], "deny": ["foo.bar"]},
        "subscribe": {"allow": ["q.* grp"]},
        "responses": {"max": 3, "ttl": 120_000_000_000},
    }
    assert permissions_block(Permissions()) == {"publish": {}, "subscribe": {}}


def test_present_keeps_what_is_there() -> None:
    assert present(a=0, b="", c=[], d=False, e="x") == {"e": "x"}
