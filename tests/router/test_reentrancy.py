"""Handlers that call back into the router while it is delivering."""

from __future__ import annotations

from typing import Any

from pubsub.interfaces import ILink, PeerKind
from tests.router.recording import World

HELLO = b"PUB foo 2\r\nhi\r\n"


def internal(world: World, name: str, react: Any, subject: bytes = b"foo") -> ILink:
    """An internal reader of ``subject`` that calls ``react`` for each message."""
    link = world.attach(name, kind=PeerKind.INTERNAL)
    link.subscribe(subject, b"", b"1")
    world.peers[name].on["message_received"] = react
    return link


def test_a_reader_may_publish(world: World) -> None:
    world.attach("a")
    link = internal(world, "i", lambda *_: link.publish(b"bar", b"", b"", b"yes"))
    world.feed("a", b"SUB foo 1\r\nSUB bar 2\r\n" + HELLO * 2)
    assert world.output("a") == (b"MSG bar 2 3\r\nyes\r\nMSG foo 1 2\r\nhi\r\n" * 2)


def test_a_reader_may_answer_itself_for_a_while(world: World) -> None:
    world.attach("a")
    seen: list[int] = []

    def react(*_: bytes) -> None:
        seen.append(len(seen))
        if len(seen) < 50:
            link.publish(b"foo", b"", b"", b"again")

    link = internal(world, "i", react)
    world.feed("a", HELLO)
    assert len(seen) == 50


def test_a_reader_may_subscribe_for_the_next_message(world: World) -> None:
    world.attach("a")

    def react(sid: bytes, *_: bytes) -> None:
        link.subscribe(b"foo", b"", sid + b"1")

    link = internal(world, "i", react)
    world.feed("a", HELLO)
    assert [call[2] for call in world.calls()] == [b"1"]
    world.feed("a", HELLO)
    assert [call[2] for call in world.calls()] == [b"1", b"11"]
    assert len(link.subscriptions()) == 3


def test_a_reader_may_unsubscribe_itself_and_those_after_it(world: World) -> None:
    world.attach("a")

    def react(sid: bytes, *_: bytes) -> None:
        for other in (b"1", b"2", b"3"):
            link.unsubscribe(other)

    link = internal(world, "i", react)
    link.subscribe(b"*", b"", b"2")
    link.subscribe(b">", b"", b"3")
    world.feed("a", HELLO)
    assert [call[2] for call in world.calls()] == [b"1"]
    assert list(link.subscriptions()) == []


def test_a_reader_may_close_links_that_were_to_hear_it_too(world: World) -> None:
    world.attach("a")
    internal(world, "i", lambda *_: world.peers["b"].link.close())
    world.attach("b")
    world.feed("b", b"SUB foo 1\r\n")
    world.attach("c")
    world.feed("c", b"SUB foo 1\r\n")
    world.feed("a", HELLO)
    assert world.output("b") == b""
    assert world.output("c") == b"MSG foo 1 2\r\nhi\r\n"


def test_a_reader_may_close_the_publisher(world: World) -> None:
    a = world.attach("a")
    internal(world, "i", lambda *_: a.close())
    world.attach("b")
    world.feed("b", b"SUB foo 1\r\n")
    world.feed("a", b"SUB foo 1\r\n" + HELLO * 3 + b"PING\r\n")
    assert world.output("a") == b""
    assert world.output("b") == b"MSG foo 1 2\r\nhi\r\n"
    assert a.counters().in_msgs == 1


def test_a_reader_may_close_itself(world: World) -> None:
    world.attach("a")
    link = internal(world, "i", lambda *_: link.close())
    world.feed("a", HELLO * 2)
    assert len(world.calls()) == 1
    assert link.closed


def test_a_reader_that_ends_after_one_message_hears_one_even_if_it_publishes(
    world: World,
) -> None:
    world.attach("a")
    link = internal(world, "i", lambda *_: link.publish(b"foo", b"", b"", b"again"))
    link.unsubscribe(b"1", 1)
    world.feed("a", HELLO)
    assert len(world.calls()) == 1
    assert list(link.subscriptions()) == []


def test_a_reader_may_flush(world: World) -> None:
    world.attach("a")
    internal(world, "i", lambda *_: world.router.flush())
    world.feed("a", b"SUB > 1\r\n" + HELLO * 2)
    assert world.output("a") == b"MSG foo 1 2\r\nhi\r\n" * 2


def test_a_write_may_cause_output_for_others(world: World) -> None:
    a, b = world.attach("a"), world.attach("b")
    world.peers["a"].on["transmit"] = lambda data: b.write(b"too")
    a.write(b"one")
    world.router.flush()
    assert (world.peers["a"].writes, world.peers["b"].writes) == ([b"one"], [b"too"])


def test_a_write_may_close_others(world: World) -> None:
    a, b = world.attach("a"), world.attach("b")
    world.peers["a"].on["transmit"] = lambda data: b.close()
    a.write(b"one")
    b.write(b"two")
    world.router.flush()
    assert world.peers["b"].writes == [b"two"]


def test_a_slow_consumer_found_in_the_middle_does_not_stop_the_delivery(world: World) -> None:
    world.router.settings = type(world.router.settings)(seed=1, max_pending=20)
    world.attach("a")
    for name in ("b", "c"):
        world.attach(name)
        world.feed(name, b"SUB foo 1\r\n")
    world.peers["b"].link.pause_output()
    world.feed("a", HELLO)
    world.feed("a", HELLO)
    assert world.peers["b"].link.closed
    assert world.output("c") == b"MSG foo 1 2\r\nhi\r\n" * 2


def test_permissions_may_be_changed_by_who_is_asked(world: World) -> None:
    a = world.attach("a")

    def once(subject: bytes) -> bool:
        a.set_permissions(lambda subject: False, None, None)
        return True

    a.set_permissions(once, None, None)
    world.feed("a", b"SUB foo 1\r\n" + HELLO * 2)
    assert world.output("a") == (
        b"MSG foo 1 2\r\nhi\r\n-ERR 'Permissions Violation for Publish to \"foo\"'\r\n"
    )


def test_a_hook_may_close_the_publisher_whose_message_then_goes_nowhere(world: World) -> None:
    a = world.attach("a")

    class Hook:
        def publishing(self, link: ILink, *message: bytes) -> bool:
            link.close()
            return True

    world.router.set_hook(Hook())  # type: ignore[arg-type]
    world.attach("b")
    world.feed("b", b"SUB foo 1\r\n")
    world.feed("a", HELLO * 2)
    assert world.output("b") == b""
    assert a.counters().in_msgs == 1


def test_who_asks_before_connect_may_be_closed_although_it_was_let_pass(world: World) -> None:
    a = world.attach("a")
    a.awaiting_connect = True

    def close() -> bool:
        a.close()
        return True

    world.peers["a"].on["operation_before_connect"] = close
    assert world.feed("a", b"PING\r\nPING\r\n") == b""
    assert world.calls() == [("a", "operation_before_connect")]


def test_a_flush_within_a_flush_keeps_the_order_of_bytes(world: World) -> None:
    a = world.attach("a")

    def transmit(data: bytes) -> None:
        if data == b"one":
            a.write(b"two")
            world.router.flush()

    world.peers["a"].on["transmit"] = transmit
    a.write(b"one")
    world.router.flush()
    assert world.peers["a"].writes == [b"one", b"two"]
