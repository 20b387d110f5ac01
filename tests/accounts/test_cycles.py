"""Imports that lead back to where they come from."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pubsub.accounts.cycles import MAX_DEPTH, Edge, check_service_cycle, check_stream_cycle
from pubsub.errors import ImportCycle


def having(**imports: list[Edge]):
    def edges(account: str) -> Sequence[Edge]:
        return imports.get(account, ())

    return edges


def everything(account: str, subject: bytes) -> bool:
    return True


def test_two_accounts_that_ask_each_other() -> None:
    """The chain is named."""
    edges = having(B=[Edge("A", b"foo", b"foo")])
    with pytest.raises(ImportCycle, match="import forms a cycle: A -> B -> A"):
        check_service_cycle("A", "B", b"foo", edges)


def test_a_longer_chain() -> None:
    """Through wildcards, too."""
    edges = having(
        B=[Edge("X", b"other", b"other"), Edge("C", b"foo.*", b"foo.*")],
        C=[Edge("D", b"foo.bar", b"foo.bar")],
        D=[Edge("A", b">", b">")],
    )
    with pytest.raises(ImportCycle, match="A -> B -> C -> D -> A"):
        check_service_cycle("A", "B", b"foo.>", edges)


def test_other_subjects_are_no_cycle() -> None:
    """Two accounts may well serve each other."""
    check_service_cycle("A", "B", b"foo", having(B=[Edge("A", b"bar", b"bar")]))


def test_two_ways_to_the_same_account_are_no_cycle() -> None:
    """A diamond."""
    edges = having(
        B=[Edge("C", b"foo", b"foo"), Edge("D", b"foo", b"foo")],
        C=[Edge("E", b"foo", b"foo")],
        D=[Edge("E", b"foo", b"foo")],
    )
    check_service_cycle("A", "B", b"foo", edges)


def test_a_cycle_further_on() -> None:
    """It need not include the one who asks."""
    edges = having(
        B=[Edge("C", b"foo", b"foo")],
        C=[Edge("B", b"foo", b"foo")],
    )
    with pytest.raises(ImportCycle, match="A -> B -> C -> B"):
        check_service_cycle("A", "B", b"foo", edges)


def test_streams_go_by_what_they_are_called_here() -> None:
    """And only through accounts that export them."""
    edges = having(B=[Edge("A", b"in.>", b"out.>")])
    with pytest.raises(ImportCycle, match="A -> B -> A"):
        check_stream_cycle("A", "B", b"in.x", edges, everything)
    check_stream_cycle("A", "B", b"out.x", edges, everything)
    check_stream_cycle("A", "B", b"in.x", edges, lambda account, subject: False)


def test_very_long_chains_are_given_up() -> None:
    """Somebody may have made them for us to be busy with."""

    def edges(account: str) -> Sequence[Edge]:
        return [Edge(str(int(account) + 1), b"foo", b"foo")]

    with pytest.raises(ImportCycle, match="search cycle depth exhausted"):
        check_service_cycle("A", "1", b"foo", edges)
    assert MAX_DEPTH == 1024


def test_many_ways_do_not_take_for_ever() -> None:
    """Forty layers of diamonds have 2 to the 40 ways through them."""

    def edges(account: str) -> Sequence[Edge]:
        layer = int(account[1:])
        if layer == 40:
            return ()
        return [Edge(f"{side}{layer + 1}", b"foo", b"foo") for side in "LR"]

    check_service_cycle("A", "L0", b"foo", edges)
