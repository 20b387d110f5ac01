"""User and password of other servers; with routes and gateways around it there is more."""

from __future__ import annotations

from typing import Any

import bcrypt
import pytest
from twisted.internet.defer import Deferred, fail

from pubsub.cluster.admitting import admit
from pubsub.errors import ClosedState
from tests.cluster.network import Network
from tests.cluster.raw import Raw, accepted

RIGHT = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()


@pytest.fixture
def raw() -> Raw:
    """Somebody came."""
    return accepted(Network().node("a"))


def ask(raw: Raw, wanted: tuple[str, str], said: tuple[str, str]) -> bool:
    """Whether it is let in, at once."""
    known: list[bool] = []
    admit(raw.protocol, wanted, said, "password", lambda: known.append(True))
    return bool(known)


@pytest.mark.parametrize(
    ("wanted", "said", "admitted"),
    [
        (("", ""), ("", ""), True),
        (("", ""), ("u", "p"), True),
        (("u", "p"), ("u", "p"), True),
        (("u", "p"), ("u", "q"), False),
        (("u", "p"), ("v", "p"), False),
        (("u", "p"), ("", ""), False),
    ],
)
def test_user_and_password_have_to_be_right(
    raw: Raw, wanted: tuple[str, str], said: tuple[str, str], admitted: bool
) -> None:
    """If there have to be any."""
    assert ask(raw, wanted, said) == admitted
    assert raw.state is (None if admitted else ClosedState.AUTHENTICATION_VIOLATION)


def test_a_wrong_user_is_not_asked_for_its_password(raw: Raw) -> None:
    """A hash is not computed for nothing."""
    raw.node.context.defer_to_thread = lambda *call: pytest.fail("it was")
    assert not ask(raw, ("u", RIGHT), ("v", "right"))


def test_a_thread_that_fails_admits_nobody(raw: Raw) -> None:
    """What it does not know it does not let in."""
    raw.node.context.defer_to_thread = lambda *call: fail(RuntimeError())
    assert not ask(raw, ("u", RIGHT), ("u", "right"))
    assert raw.state is ClosedState.AUTHENTICATION_VIOLATION


def test_who_is_gone_is_not_admitted(raw: Raw) -> None:
    """A hash takes its time."""
    asked: Deferred[Any] = Deferred()
    raw.node.context.defer_to_thread = lambda *call: asked
    known: list[bool] = []
    admit(raw.protocol, ("u", RIGHT), ("u", "right"), "password", lambda: known.append(True))
    raw.protocol.close(ClosedState.CLIENT_CLOSED)
    asked.callback(True)
    assert known == []
