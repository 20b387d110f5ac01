"""Random conversations, cut at random places, through both backends: everything is equal.

The Python backend is the oracle: whatever the native one does differently is a bug in
one of them. By default the same few conversations are tried at each run;
``PUBSUB_AGREE_EXAMPLES=5000`` tries so many new ones.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pubsub.interfaces import IRouterBackend, RouterSettings, ServiceRoute
from tests.router.conversations import (
    CALM_MEMBERS,
    CALM_SERVERS,
    CALM_SETTINGS,
    MEMBERS,
    ROUTES,
    SETTINGS,
    STEPS,
    STEPS_BETWEEN_ACCOUNTS,
    STEPS_BETWEEN_SERVERS,
    STREAMS,
    Step,
)
from tests.router.conversations_abroad import MEMBERS_ABROAD, STEPS_ABROAD
from tests.router.player import Player

EXAMPLES = int(os.environ.get("PUBSUB_AGREE_EXAMPLES", "150"))


def agree(
    backends: tuple[IRouterBackend, IRouterBackend],
    router: RouterSettings,
    members: list[Any],
    steps: list[Step],
    timed: bool = False,
) -> None:
    """Take both through the same conversation."""
    oracle, other = (Player(backend, router, members, timed) for backend in backends)
    for number, step in enumerate(steps):
        oracle.step(step)
        other.step(step)
        assert other.state() == oracle.state(), f"after step {number}: {step!r}"
    oracle.do_flush()
    other.do_flush()
    assert other.state() == oracle.state()
    assert other.matching() == oracle.matching()


CONVERSATIONS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PUBSUB_AGREE_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.usefixtures("both_backends")
@CONVERSATIONS
@given(
    router=SETTINGS,
    members=st.lists(MEMBERS, min_size=3, max_size=3),
    steps=st.lists(STEPS, min_size=10, max_size=40),
)
def test_both_backends_do_the_same(
    both_backends: tuple[IRouterBackend, IRouterBackend],
    router: RouterSettings,
    members: list[Any],
    steps: list[Step],
) -> None:
    agree(both_backends, router, members, steps)


@pytest.mark.usefixtures("both_backends")
@CONVERSATIONS
@given(
    router=CALM_SETTINGS,
    members=st.lists(CALM_MEMBERS, min_size=3, max_size=3),
    streams=STREAMS,
    routes=st.tuples(ROUTES, ROUTES),
    steps=st.lists(STEPS_BETWEEN_ACCOUNTS, min_size=10, max_size=30),
)
def test_both_backends_do_the_same_between_accounts(
    both_backends: tuple[IRouterBackend, IRouterBackend],
    router: RouterSettings,
    members: list[Any],
    streams: list[Any],
    routes: tuple[list[ServiceRoute], list[ServiceRoute]],
    steps: list[Step],
) -> None:
    """Each peer begins in an account of its own, and two of them import."""
    accounts = ("$G", "A", "B")
    rows = [
        (kind, account, options) for (kind, options), account in zip(members, accounts, strict=True)
    ]
    importing: list[Step] = [
        ("streams", "$G", streams),
        ("services", "$G", routes[0], True),
        ("services", "A", routes[1], True),
    ]
    agree(both_backends, router, rows, importing + steps)


@pytest.mark.usefixtures("both_backends")
@CONVERSATIONS
@given(
    router=CALM_SETTINGS,
    members=CALM_SERVERS,
    streams=STREAMS,
    routes=ROUTES,
    steps=st.lists(STEPS_BETWEEN_SERVERS, min_size=10, max_size=30),
)
def test_both_backends_do_the_same_between_servers(
    both_backends: tuple[IRouterBackend, IRouterBackend],
    router: RouterSettings,
    members: list[Any],
    streams: list[Any],
    routes: list[ServiceRoute],
    steps: list[Step],
) -> None:
    """Clients, routes and leafs, some of which import."""
    beginning: list[Step] = [
        ("peer", name, row[3]) for name, row in zip("abc", members, strict=True)
    ]
    for name in "abc":
        beginning += [
            ("hear", name, "$G", b"a.>", b"", 1, b""),
            ("hear", name, "$G", b"a", b"q", 2, b""),
        ]
        beginning += [("feed", name, b"SUB a q 1\r\nSUB a.b q 7\r\nSUB _INBOX.x.1 8\r\n", [])]
    beginning += [("streams", "$G", streams), ("services", "$G", routes, True)]
    agree(both_backends, router, [row[:3] for row in members], beginning + steps)


@pytest.mark.usefixtures("both_backends")
@CONVERSATIONS
@given(
    router=CALM_SETTINGS,
    members=MEMBERS_ABROAD,
    streams=STREAMS,
    routes=ROUTES,
    gateways=st.sampled_from([["d"], ["d", "e"], ["e", "d"]]),
    steps=st.lists(STEPS_ABROAD, min_size=10, max_size=30),
)
def test_both_backends_do_the_same_between_clusters(
    both_backends: tuple[IRouterBackend, IRouterBackend],
    router: RouterSettings,
    members: list[Any],
    streams: list[Any],
    routes: list[ServiceRoute],
    gateways: list[str],
    steps: list[Step],
) -> None:
    """Clients, servers of this cluster and of others."""
    beginning: list[Step] = [
        ("peer", name, row[3]) for name, row in zip("abcde", members, strict=True)
    ]
    beginning += [
        ("gateways", gateways),
        ("hear", "c", "$G", b"a.>", b"", 1, b""),
        ("hear", "d", "$G", b"a", b"", 1, b""),
        ("hear", "d", "$G", b"a.b", b"q", 1, b""),
        ("hear", "e", "$G", b"a.*", b"r", 1, b""),
        ("feed", "a", b"SUB _INBOX.x.1 7\r\n", []),
        ("streams", "$G", streams),
        ("services", "$G", routes, True),
    ]
    agree(both_backends, router, [row[:3] for row in members], beginning + steps, timed=True)
