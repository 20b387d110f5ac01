"""``allow_responses``: publishing where one was asked to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pubsub.errors import PublishPermissionViolation
from pubsub.interfaces import ILink, PeerKind, ResponsePermission, ServiceRoute
from tests.router.importing import Prefix, Streams
from tests.router.recording import World

ASK = b"PUB help _INBOX.1 3\r\nwhy\r\n"
ANSWER = b"PUB _INBOX.1 2\r\nok\r\n"
ANSWERED = b"MSG _INBOX.1 1 2\r\nok\r\n"
FOR_EVER = ResponsePermission(max_messages=0, expires=0.0)


def nothing(subject: bytes) -> bool:
    """Nobody may publish anything."""
    return False


@pytest.fixture
def asking(world: World) -> World:
    """``a`` asks and listens to its inbox; ``b`` serves and may publish nothing of its own."""
    world.attach("a")
    world.attach("b")
    world.feed("a", b"SUB _INBOX.* 1\r\n")
    world.feed("b", b"SUB help 1\r\n")
    return world


def allow(world: World, most: int = 1, expires: float = 120.0, name: str = "b") -> ILink:
    link = world.peers[name].link
    link.set_permissions(nothing, None, None, ResponsePermission(most, expires))
    return link


def refused(subject: bytes = b"_INBOX.1") -> bytes:
    return PublishPermissionViolation(subject).to_bytes()


def test_who_was_asked_may_answer(asking: World) -> None:
    allow(asking)
    assert asking.feed("b", ANSWER) == refused()
    asking.feed("a", ASK)
    asking.output("b")
    assert asking.feed("b", ANSWER) == b""
    assert asking.output("a") == ANSWERED


def test_answers_are_counted(asking: World) -> None:
    allow(asking, most=2)
    asking.feed("a", ASK)
    asking.output("b")
    assert asking.feed("b", ANSWER * 4) == refused() * 2
    assert asking.output("a") == ANSWERED * 2


def test_to_be_asked_again_begins_anew(asking: World) -> None:
    allow(asking)
    for _ in range(3):
        asking.feed("a", ASK * 2)
        asking.output("b")
        assert asking.feed("b", ANSWER * 2) == refused()
    assert asking.output("a") == ANSWERED * 3


def test_an_answer_may_come_too_late(asking: World) -> None:
    allow(asking, most=0, expires=1e-9)
    asking.feed("a", ASK)
    asking.output("b")
    assert asking.feed("b", ANSWER * 2) == refused() * 2


@pytest.mark.parametrize("most", [0, -1])
@pytest.mark.parametrize("expires", [0.0, -1.0])
def test_there_may_be_no_limits(asking: World, most: int, expires: float) -> None:
    allow(asking, most, expires)
    asking.feed("a", ASK)
    asking.output("b")
    assert asking.feed("b", ANSWER * 50) == b""
    assert asking.output("a") == ANSWERED * 50


def test_only_who_was_asked_may_answer(asking: World) -> None:
    asking.attach("c")
    allow(asking)
    allow(asking, name="c")
    asking.feed("a", ASK)
    assert asking.feed("c", ANSWER) == refused()
    asking.output("b")
    assert asking.feed("b", ANSWER) == b""


def test_of_a_group_only_the_member_that_was_asked_may_answer(asking: World) -> None:
    asking.attach("c")
    asking.feed("b", b"UNSUB 1\r\nSUB help q 2\r\n")
    asking.feed("c", b"SUB help q 2\r\n")
    for name in ("b", "c"):
        allow(asking, name=name)
    asking.feed("a", ASK)
    (got,) = [name for name in ("b", "c") if asking.output(name)]
    (other,) = {"b", "c"} - {got}
    assert asking.feed(other, ANSWER) == refused()
    assert asking.feed(got, ANSWER) == b""


def test_a_message_without_reply_asks_for_nothing(asking: World) -> None:
    allow(asking)
    asking.feed("a", b"PUB help 0\r\n\r\n" * 2)
    asking.output("b")
    assert asking.feed("b", ANSWER) == refused()


def test_what_may_be_published_anyway_is_not_counted(asking: World) -> None:
    link = asking.peers["b"].link
    may = {b"_INBOX.1"}
    link.set_permissions(lambda subject: subject in may, None, None, ResponsePermission(1))
    asking.feed("a", ASK)
    asking.output("b")
    assert asking.feed("b", ANSWER * 3) == b""
    assert asking.feed("b", b"PUB other 0\r\n\r\n") == refused(b"other")


def test_who_may_publish_anything_needs_no_permission_to_answer(asking: World) -> None:
    asking.peers["b"].link.set_permissions(None, None, None, ResponsePermission(1))
    asking.feed("a", ASK)
    asking.output("b")
    assert asking.feed("b", ANSWER * 3) == b""


def test_new_permissions_forget_what_was_asked(asking: World) -> None:
    allow(asking)
    asking.feed("a", ASK)
    asking.output("b")
    allow(asking)
    assert asking.feed("b", ANSWER) == refused()
    asking.feed("a", ASK)
    asking.peers["b"].link.set_permissions(nothing, None, None)
    asking.output("b")
    assert asking.feed("b", ANSWER) == refused()


def test_only_what_is_delivered_asks(asking: World) -> None:
    link = asking.peers["b"].link
    link.set_permissions(nothing, None, lambda subject, queue: False, FOR_EVER)
    asking.feed("a", ASK * 2)
    assert asking.feed("b", ANSWER) == refused()


def test_reserved_subjects_stay_reserved(asking: World) -> None:
    """The reply of a message a server passes on may be anything."""
    allow(asking, most=0)
    for reply in (b"_GR_.x", b"$NRG.x"):
        asking.router.publish("$G", b"help", reply, b"", b"")
        asking.output("b")
        assert asking.feed("b", b"PUB %b 0\r\n\r\n" % reply) == refused(reply)


def test_peers_within_the_server_may_answer_too(asking: World) -> None:
    link = asking.attach("s", kind=PeerKind.INTERNAL)
    link.subscribe(b"help", b"", b"1")
    allow(asking, name="s")
    answers: list[int] = []
    asking.peers["s"].on["message_received"] = lambda sid, subject, reply, headers, payload: (
        answers.extend(link.publish(reply, b"", b"", b"ok") for _ in range(2))
    )
    assert asking.feed("a", ASK) == ANSWERED
    assert answers == [1, 0]


@pytest.mark.parametrize("kind", [PeerKind.SINK, PeerKind.LEAF, PeerKind.ROUTE])
def test_other_kinds_of_peer_may_answer_too(asking: World, kind: PeerKind) -> None:
    link = asking.attach("s", kind=kind)
    link.subscribe(b"help", b"", b"1")
    allow(asking, name="s")
    asking.feed("a", ASK)
    assert link.publish(b"_INBOX.1", b"", b"", b"ok") == 1


def test_a_mapped_answer_must_be_allowed_as_it_is_mapped(asking: World) -> None:
    allow(asking, most=0)
    asking.router.set_mapper("$G", Prefix(b"x."))
    asking.feed("a", b"SUB > 3\r\n")
    asking.feed("b", b"SUB > 3\r\n")
    asking.feed("a", ASK)
    asking.output("b")
    assert asking.feed("b", ANSWER) == refused(b"x._INBOX.1")


def test_many_askers(asking: World) -> None:
    """More than are remembered before the used ones are looked for."""
    allow(asking)
    for number in range(5000):
        asking.feed("a", b"PUB help _INBOX.%d 0\r\n\r\n" % number)
        if number % 2:
            assert asking.peers["b"].link.publish(b"_INBOX.%d" % number, b"", b"", b"ok") == 1
    asking.output("b")
    late = b"".join(b"PUB _INBOX.%d 0\r\n\r\n" % number for number in range(0, 5000, 2))
    assert asking.feed("b", late) == b"", "what waits is not forgotten"
    assert asking.feed("b", b"PUB _INBOX.1 0\r\n\r\n") == refused()


# --- with imports -----------------------------------------------------------------------


def test_a_service_answers_on_the_reply_it_was_given(asking: World) -> None:
    service = asking.attach("s", account="B")
    asking.router.set_service_imports("$G", [ServiceRoute(b"help", "B")])
    asking.feed("s", b"SUB help 1\r\n")
    allow(asking, name="s")
    asking.feed("a", ASK)
    reply = asking.output("s").split(b" ")[3]
    assert reply.startswith(b"_R_.")
    assert service.publish(b"_INBOX.1", b"", b"", b"no") == 0
    asking.output("s")
    assert asking.feed("s", b"PUB %b 2\r\nok\r\n" % reply) == b""
    assert asking.output("a") == ANSWERED


def test_a_stream_of_another_account_asks_too(asking: World) -> None:
    """The reply leads nowhere from here, unless it is imported; but it may be published to."""
    asking.attach("x", account="X")
    asking.router.set_stream_imports("$G", Streams({b"events": [("X", b"events")]}))
    asking.feed("b", b"SUB events 2\r\n")
    allow(asking)
    asking.feed("x", b"PUB events _INBOX.1 0\r\n\r\n")
    asking.output("b")
    assert asking.feed("b", ANSWER * 2) == refused()
    assert asking.output("a") == ANSWERED


def counted(asked: list[bytes], may: Callable[[bytes], bool] = nothing) -> Callable[[bytes], bool]:
    def predicate(subject: bytes) -> bool:
        asked.append(subject)
        return may(subject)

    return predicate


def test_subjects_in_steady_use_are_asked_once_whatever_replies_come(asking: World) -> None:
    asked: list[bytes] = []
    link = asking.peers["b"].link
    link.set_permissions(counted(asked, lambda subject: subject == b"steady"), None, None, FOR_EVER)
    for number in range(3000):
        asking.feed("a", b"PUB help _INBOX.%d 0\r\n\r\n" % number)
        asking.peers["b"].link.publish(b"steady", b"", b"", b"")
    assert asked.count(b"steady") == 1
