"""/subsz."""

from __future__ import annotations

import pytest

from pubsub.errors import BadMonitorQuery
from pubsub.monitor.query import Query
from pubsub.monitor.subsz import SubszOptions, subsz
from tests.monitor.fakes import FakeServer, fields, sub

#: What nats-server 2.15.2 shows, in its order.
KEYS = fields("""
server_id now num_subscriptions num_cache num_inserts num_removes num_matches cache_hit_rate
max_fanout avg_fanout total offset limit
""")


def ask(query: bytes) -> SubszOptions:
    return SubszOptions.from_query(Query(query))


def test_the_fields_are_nats_servers_in_its_order(busy: FakeServer) -> None:
    page = subsz(busy, ask(b""))
    assert list(page) == KEYS
    assert page["num_subscriptions"] == 2
    assert page["cache_hit_rate"] == 2 / 7
    assert repr(page["avg_fanout"]) == "1"
    assert (page["total"], page["offset"], page["limit"]) == (0, 0, 1024)


def test_subscriptions_are_listed_when_asked_for(busy: FakeServer) -> None:
    page = subsz(busy, ask(b"subs=1"))
    assert list(page) == [*KEYS, "subscriptions_list"]
    assert page["total"] == 2
    assert [list(row.items()) for row in page["subscriptions_list"]] == [
        [("account", "$G"), ("account_tag", "$G"), ("subject", "foo.*"), ("qgroup", "q"),
         ("sid", "1"), ("msgs", 0), ("cid", 5)],
        [("account", "$G"), ("account_tag", "$G"), ("subject", "bar"), ("sid", "2"), ("msgs", 1),
         ("max", 3), ("cid", 5)],
    ]  # fmt: skip


def test_a_list_without_entries_is_left_out(server: FakeServer) -> None:
    assert list(subsz(server, ask(b"subs=1"))) == KEYS


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        (b"subs=1&test=foo.x", ["foo.*"]),
        (b"subs=1&test=bar", ["bar"]),
        (b"subs=1&test=none", []),
        (b"subs=1&offset=1", ["bar"]),
        (b"subs=1&limit=1", ["foo.*"]),
        (b"subs=1&offset=5", []),
        (b"subs=1&offset=-2&limit=-2", ["foo.*", "bar"]),
        (b"subs=1&acc=other", []),
    ],
)
def test_the_list_can_be_narrowed(busy: FakeServer, query: bytes, subjects: list[str]) -> None:
    page = subsz(busy, ask(query))
    assert [row["subject"] for row in page.get("subscriptions_list", [])] == subjects


def test_one_account_has_its_own_subscriptions(busy: FakeServer) -> None:
    busy.router.names.append("APP")
    busy.connect(7, sub(7, b"1", b"x\xff", account="APP"), account="APP")
    page = subsz(busy, ask(b"subs=1&acc=APP"))
    assert (page["num_subscriptions"], page["total"]) == (1, 1)
    assert page["subscriptions_list"][0]["subject"] == "x\ufffd"


def test_an_account_nobody_has_heard_of_has_nothing(busy: FakeServer) -> None:
    page = subsz(busy, ask(b"acc=nope"))
    assert (page["num_subscriptions"], page["num_matches"]) == (0, 0)


@pytest.mark.parametrize("subject", ["foo.*", ">", "foo..bar", ".", "a."])
def test_only_a_subject_one_could_publish_to_can_be_tested(subject: str) -> None:
    with pytest.raises(BadMonitorQuery) as caught:
        ask(f"test={subject}".encode())
    assert str(caught.value) == (f"invalid test subject, must be valid publish subject: {subject}")


@pytest.mark.parametrize("query", [b"subs=detail", b"offset=x", b"limit=x"])
def test_bad_parameters_are_refused(query: bytes) -> None:
    with pytest.raises(BadMonitorQuery):
        ask(query)


def test_what_other_servers_hear_is_not_listed(busy: FakeServer) -> None:
    """The server's own subscriptions are; their connection has no number."""
    busy.router.rows += [sub(0, b"1", b"own"), sub(99, b"", b"theirs")]
    page = subsz(busy, ask(b"subs=1"))
    assert [row["subject"] for row in page["subscriptions_list"]] == ["foo.*", "bar", "own"]
