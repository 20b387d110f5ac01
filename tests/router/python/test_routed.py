"""Lines in front of routed messages, as messages."""

from __future__ import annotations

import pytest

from pubsub.interfaces import PeerKind, RouterSettings, ServerPeer
from pubsub.router.python.link import PythonLink
from pubsub.router.python.routed import parse_routed
from pubsub.router.python.router import PythonRouter
from tests.router.recording import Recorder


def peer(kind: PeerKind) -> PythonLink:
    router = PythonRouter(RouterSettings(seed=1))
    return PythonLink(router, Recorder("r", []), kind, 1, router.home("$G"))


@pytest.mark.parametrize(
    ("verb", "argument", "origin", "reply", "queues", "header_size", "size"),
    [
        (b"RMSG", b"X a 5", b"", b"", (), 0, 5),
        (b"RMSG", b"X a r 5", b"", b"r", (), 0, 5),
        (b"RMSG", b"X a + r 5", b"", b"r", (), 0, 5),
        (b"RMSG", b"X a + r q 5", b"", b"r", (b"q",), 0, 5),
        (b"RMSG", b"X a | q p 5", b"", b"", (b"q", b"p"), 0, 5),
        (b"HMSG", b"X a | q p 3 5", b"", b"", (b"q", b"p"), 3, 5),
        (b"HMSG", b"X a + 3 5", b"", b"+", (), 3, 5),
        (b"LMSG", b"L X a r 0 5", b"L", b"r", (), 0, 5),
        (b"LMSG", b"L X a + r q 4 5", b"L", b"r", (b"q",), 4, 5),
    ],
)
def test_lines_of_routes(
    verb: bytes, argument: bytes, origin: bytes, reply: bytes, queues: tuple[bytes, ...],
    header_size: int, size: int,
) -> None:  # fmt: skip
    link = peer(PeerKind.ROUTE)
    known = link.router.home("X")
    message = parse_routed(link, verb, argument)
    assert message.account is known
    assert (message.subject, message.reply, message.queues) == (b"a", reply, queues)
    assert (message.header_size, message.size, message.origin) == (header_size, size, origin)


def test_a_route_for_one_account_may_have_a_name_that_is_no_text() -> None:
    link = peer(PeerKind.ROUTE)
    link.peer = ServerPeer(account="\udcff")
    assert parse_routed(link, b"RMSG", b"a 0").account is link.pinned
    link.peer = ServerPeer()
    named = parse_routed(link, b"RMSG", b"\xff a 0").account
    assert named is not None
    assert (named.name, named.wire_name) == ("\udcff", b"\xff")


def test_a_leaf_names_neither_account_nor_origin() -> None:
    link = peer(PeerKind.LEAF)
    message = parse_routed(link, b"LMSG", b"a | q 5")
    assert (message.account, message.origin, message.queues) == (None, b"", (b"q",))
    link.peer = ServerPeer(account="$G")
    assert parse_routed(link, b"HMSG", b"a 0 5").account is link.home
