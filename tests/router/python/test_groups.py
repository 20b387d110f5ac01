"""The choice among members of a queue group, as it is drawn."""

from __future__ import annotations

from collections import Counter

import pytest

from pubsub.interfaces import PeerKind
from pubsub.router.python.backend import PythonBackend
from pubsub.router.python.draw import Draw
from pubsub.router.python.groups import MOST_WEIGHT, _round
from pubsub.router.python.subscription import Entry
from tests.router.recording import World
from tests.router.serving import hears, leaf, route


@pytest.fixture
def python() -> World:
    """Its router can be looked into."""
    return World(PythonBackend())


def members(world: World) -> tuple[Entry, ...]:
    home = world.router.home("$G")  # type: ignore[attr-defined]
    (group,) = home.find(b"a").groups
    return tuple(group)


def test_the_round_begins_at_each_member_as_often_as_its_weight_says(python: World) -> None:
    for name, weight in (("r", 1), ("s", 3), ("t", 6)):
        hears(route(python, name), b"a", b"q", weight)
    group, draw, check = members(python), Draw(7), Draw(7)
    begun = Counter(next(_round(group, draw)) for _ in range(200))
    places = Counter([0, 1, 1, 1, 2, 2, 2, 2, 2, 2][check.next() % 10] for _ in range(200))
    assert [begun[member] for member in group] == [places[at] for at in range(3)]


def test_the_round_comes_by_everybody_once(python: World) -> None:
    for name in "rst":
        hears(route(python, name), b"a", b"q", 2)
    group = members(python)
    for seed in range(1, 9):
        assert sorted(_round(group, Draw(seed)), key=group.index) == list(group)


def test_weights_have_an_end(python: World) -> None:
    for name in "rs":
        hears(route(python, name), b"a", b"q", MOST_WEIGHT * 1000)
    group, draw, check = members(python), Draw(7), Draw(7)
    for _ in range(20):
        first = check.next() % (2 * MOST_WEIGHT) < MOST_WEIGHT
        assert next(_round(group, draw)) is group[0 if first else 1]


def test_a_coin_is_flipped_for_each_leaf_as_often_as_its_weight_says(python: World) -> None:
    route(python, "r")
    for name, weight in (("l", 2), ("m", 3)):
        hears(leaf(python, name), b"a", b"q", weight)
    check = Draw(1)
    for _ in range(20):
        chosen = "l"
        for name in "lmmm":
            chosen = name if check.next() % 2 else chosen
        python.feed("r", b"RMSG $G a | q 0\r\n\r\n")
        assert [name for name in "lm" if python.output(name)] == [chosen]
    assert python.peers["r"].link.kind == PeerKind.ROUTE
