"""Queue groups with members on other servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from pubsub.interfaces import PeerKind
from pubsub.router.python.draw import Draw
from tests.router.recording import QUIET, World
from tests.router.serving import hears, leaf, route

PUB = b"PUB a 2\r\nhi\r\n"


def member(world: World, name: str, queue: bytes = b"q") -> None:
    """A client here that is in the group."""
    world.attach(name)
    world.feed(name, b"SUB a %b 1\r\n" % queue)


def served(world: World, times: int, say: bytes = PUB, by: str = "a") -> Counter[str]:
    """Who got how many of so many messages: one of all peers each time."""
    counts: Counter[str] = Counter()
    for _ in range(times):
        world.feed(by, say)
        got = [name for name in world.peers if world.output(name)]
        assert len(got) == 1, got
        counts.update(got)
    return counts


# --- messages of clients ----------------------------------------------------------------


def test_a_server_stands_in_a_group_once_for_each_member_it_has(world: World) -> None:
    world.attach("a")
    member(world, "b")
    hears(route(world, "r"), b"a", b"q", 3)
    hears(route(world, "s"), b"a", b"q", 1)
    draw, entries = Draw(1), ["b", "r", "r", "r", "s"]
    expected = Counter(entries[draw.next() % 5] for _ in range(50))
    assert served(world, 50) == expected


def test_a_new_weight_counts_from_now_on(world: World) -> None:
    world.attach("a")
    hears(route(world, "r"), b"a", b"q", 1)
    hears(route(world, "s"), b"a", b"q", 1)
    world.feed("a", PUB)
    world.peers["r"].link.hear("$G", b"a", b"q", 9, b"")
    world.output("r"), world.output("s")
    draw, entries = Draw(1), ["r"] * 9 + ["s"]
    draw.next()
    assert served(world, 30) == Counter(entries[draw.next() % 10] for _ in range(30))


@pytest.mark.parametrize("weight", [-1, 0, 1])
def test_a_weight_is_at_least_one(world: World, weight: int) -> None:
    world.attach("a")
    hears(route(world, "r"), b"a", b"q", weight)
    assert served(world, 3) == {"r": 3}


def test_a_huge_weight_costs_nothing(world: World) -> None:
    world.attach("a")
    hears(route(world, "r"), b"a", b"q", 999_999_999)
    hears(route(world, "s"), b"a", b"q", 999_999_999)
    assert set(served(world, 20)) == {"r", "s"}


def test_whoever_cannot_take_it_is_passed_over(world: World) -> None:
    """The publisher does not want its own echo: the server gets all."""
    world.attach("a", replace(QUIET, echo=False))
    world.feed("a", b"SUB a q 1\r\nSUB a q 2\r\n")
    hears(route(world, "r"), b"a", b"q")
    assert served(world, 10) == {"r": 10}


def test_members_here_and_in_the_cluster_come_before_leafs(world: World) -> None:
    world.attach("a")
    hears(leaf(world, "l"), b"a", b"q", 50)
    hears(route(world, "r"), b"a", b"q", 50, origin=b"L")
    member(world, "b")
    assert served(world, 20) == {"b": 20}
    world.peers["b"].link.close()
    hears(route(world, "s"), b"a", b"q")
    assert served(world, 20) == {"s": 20}
    world.peers["s"].link.close()
    assert set(served(world, 20)) == {"l", "r"}


def test_of_several_groups_each_is_served_once_and_each_server_gets_one_frame(
    world: World,
) -> None:
    world.attach("a")
    link = route(world, "r")
    hears(link, b"a", b"q")
    hears(link, b"a", b"p")
    hears(link, b"*", b"o")
    hears(link, b">")
    member(world, "b", b"n")
    world.feed("a", PUB)
    assert world.output("r") == b"RMSG $G a | q p o 2\r\nhi\r\n"
    assert world.output("b") == b"MSG a 1 2\r\nhi\r\n"


def test_internal_messages_are_for_everybody(world: World) -> None:
    hears(leaf(world, "l"), b"a", b"q")
    assert world.router.publish("$G", b"a", b"", b"", b"hi") == 1
    assert world.output("l") == b"LMSG a | q 2\r\nhi\r\n"
    hears(route(world, "r"), b"a", b"q")
    internal = world.attach("i", kind=PeerKind.INTERNAL)
    assert internal.publish(b"a", b"", b"", b"hi") == 1
    assert world.output("r") == b"RMSG $G a | q 2\r\nhi\r\n"


def test_groups_without_other_servers_are_chosen_from_as_ever(world: World) -> None:
    world.attach("a")
    for name in "bcd":
        member(world, name)
    draw = Draw(1)
    assert served(world, 30) == Counter("bcd"[draw.next() % 3] for _ in range(30))
    route(world, "r").hear("$G", b"a", b"other", 1, b"")
    world.peers["r"].link.unhear("$G", b"a", b"other", b"")
    assert served(world, 30) == Counter("bcd"[draw.next() % 3] for _ in range(30))


# --- messages of routes -----------------------------------------------------------------


def routed(world: World) -> None:
    """A route, and who might get what comes over it."""
    for name in ("r", "s"):
        hears(route(world, name), b"a", b"q", 5)


def test_without_a_list_no_group_is_served(world: World) -> None:
    routed(world)
    member(world, "b")
    hears(leaf(world, "l"), b"a", b"q")
    world.feed("r", b"RMSG $G a 2\r\nhi\r\nRMSG $G a + r 2\r\nhi\r\n")
    assert not any(world.output(name) for name in world.peers)


def test_only_groups_on_the_list_are_served(world: World) -> None:
    route(world, "r")
    for name, queue in (("b", b"q"), ("c", b"p"), ("d", b"qq")):
        member(world, name, queue)
    world.feed("r", b"RMSG $G a + x q qq n 2\r\nhi\r\n")
    assert world.output("b") == world.output("d") == b"MSG a 1 x 2\r\nhi\r\n"
    assert world.output("c") == b""


def test_members_here_are_chosen_from_whoever_else_there_is(world: World) -> None:
    routed(world)
    for name in "bcd":
        member(world, name)
    draw = Draw(1)
    expected = Counter("bcd"[draw.next() % 3] for _ in range(30))
    assert served(world, 30, b"RMSG $G a | q 2\r\nhi\r\n", "r") == expected


def test_if_nobody_is_here_any_more_another_server_gets_it(world: World) -> None:
    route(world, "r")
    hears(route(world, "s"), b"a", b"q")
    assert served(world, 3, b"RMSG $G a | q 2\r\nhi\r\n", "r") == {"s": 3}
    world.feed("r", b"RMSG $G a + x q 2\r\nhi\r\n")
    assert world.output("s") == b"RMSG $G a + x q 2\r\nhi\r\n"


def test_then_leafs_come_first_and_a_coin_is_flipped_between_them(world: World) -> None:
    routed(world)
    for name in "lm":
        hears(leaf(world, name, origin=name.upper()), b"a", b"q")
    draw = Draw(1)
    expected = Counter("lm"[draw.next() % 2] for _ in range(30))
    assert served(world, 30, b"RMSG $G a | q 2\r\nhi\r\n", "r") == expected
    assert served(world, 5, b"LMSG L $G a | q 0 2\r\nhi\r\n", "r") == {"m": 5}


def test_the_route_it_came_from_may_get_it_back(world: World) -> None:
    """That server has heard by then that nobody is here any more."""
    hears(route(world, "r"), b"a", b"q")
    assert served(world, 3, b"RMSG $G a | q 2\r\nhi\r\n", "r") == {"r": 3}


def internal(world: World, name: str, react: Callable[[], None]) -> None:
    """Somebody here who hears what is said first, and does that then."""
    world.attach(name, kind=PeerKind.INTERNAL).subscribe(b"a", b"", b"1")
    world.peers[name].on["message_received"] = lambda *message: react()


def test_who_goes_while_a_message_is_delivered_is_passed_over(world: World) -> None:
    route(world, "r")
    internal(world, "i", lambda: world.peers["b"].link.close())
    for name in "bc":
        member(world, name)
    assert served(world, 10, b"RMSG $G a | q 2\r\nhi\r\n", "r") == {"c": 10}
    internal(world, "j", lambda: world.peers["c"].link.close())
    hears(route(world, "s"), b"a", b"q")
    assert served(world, 3, b"RMSG $G a | q 2\r\nhi\r\n", "r") == {"s": 3}


def test_what_a_server_hears_no_more_while_a_message_is_delivered(world: World) -> None:
    """What else it hears is enough; what went with its link is not."""
    world.attach("a")
    world.attach("b")
    internal(world, "i", lambda: world.peers["r"].link.unhear("$G", b"a", b"", b""))
    internal(world, "j", lambda: world.peers["s"].link.close())
    for name in "rs":
        link = route(world, name)
        for subject in (b"a", b"*"):
            hears(link, subject)
        hears(link, b"a", b"q")
    world.feed("a", PUB)
    assert world.output("r") == b"RMSG $G a | q 2\r\nhi\r\n"
    assert world.output("s") == b""


# --- messages of leafs ------------------------------------------------------------------


def test_messages_of_a_leaf_serve_the_groups_they_name(world: World) -> None:
    leaf(world, "l", origin="L")
    member(world, "b")
    assert world.feed("l", b"LMSG a 2\r\nhi\r\n") == b""
    assert world.output("b") == b""
    assert served(world, 3, b"LMSG a | q 2\r\nhi\r\n", "l") == {"b": 3}


def test_a_leaf_and_its_cluster_do_not_get_their_own_back(world: World) -> None:
    for name, origin in (("l", "L"), ("m", "L"), ("n", "N")):
        hears(leaf(world, name, origin=origin), b"a", b"q")
    hears(route(world, "r"), b"a", b"q", 3, origin=b"L")
    assert served(world, 10, b"LMSG a | q 2\r\nhi\r\n", "l") == {"n": 10}
    hears(leaf(world, "o"), b"a", b"q")
    assert served(world, 10, b"LMSG a | q 2\r\nhi\r\n", "o").keys() <= set("lmnr")


def test_what_comes_from_the_hub_goes_over_no_route(world: World) -> None:
    leaf(world, "h", spoke=True)
    link = route(world, "r")
    hears(link, b"a", b"q")
    hears(link, b"a")
    world.feed("h", b"LMSG a | q 2\r\nhi\r\n")
    assert world.output("r") == b""
    hears(leaf(world, "l"), b"a", b"q")
    assert served(world, 3, b"LMSG a | q 2\r\nhi\r\n", "h") == {"l": 3}
