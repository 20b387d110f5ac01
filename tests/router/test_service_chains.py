"""Services of services, requests that go in circles, and who measures them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from zope.interface import implementer

from pubsub.interfaces import ILink, IServiceObserver, PeerKind, ResponseType, ServiceRoute
from tests.router.importing import Observer, Prefix
from tests.router.recording import QUIET, World

ASK = b"PUB help _INBOX.1 3\r\nwhy\r\n"
REPLY = re.compile(rb"_R_\.\w{6}\.\w{8}")


@pytest.fixture
def chain(world: World) -> World:
    """A imports ``help`` from B as ``b.help``, B that from C as ``c.b.help``: ``c`` serves."""
    for name in "abc":
        world.attach(name, account=name.upper())
    world.feed("a", b"SUB _INBOX.* 1\r\n")
    world.feed("c", b"SUB c.b.help 1\r\n")
    one = ServiceRoute(b"help", "B", mapper=Prefix(b"b."), export="B's")
    two = ServiceRoute(b"b.help", "C", mapper=Prefix(b"c."), export="C's")
    world.router.set_service_imports("A", [one])
    world.router.set_service_imports("B", [two])
    return world


def set_routes(world: World, account: str, *routes: ServiceRoute) -> None:
    world.router.set_service_imports(account, routes)


def replies(world: World, name: str) -> list[bytes]:
    return REPLY.findall(world.output(name))


def told_of(world: World, name: str) -> list[bytes]:
    """What ``name`` was told of who asks."""
    return re.findall(rb"Nats-Request-Info: (.*)\r\n", world.output(name))


# --- chains -----------------------------------------------------------------------------


def test_a_request_crosses_twice_and_so_does_its_answer(chain: World) -> None:
    chain.feed("b", b"SUB b.help 9\r\n")
    chain.feed("a", ASK)
    (first,), (second,) = replies(chain, "b"), replies(chain, "c")
    assert first[:11] != second[:11], "each account on the way gave a reply of its own"
    chain.feed("c", b"PUB %b 2\r\nok\r\n" % second)
    assert chain.output("a") == b"MSG _INBOX.1 1 2\r\nok\r\n"
    assert chain.router.expire_responses() == 0


def test_the_first_import_says_how_much_is_told(chain: World) -> None:
    """B shares with C what A does not share with B: only where A is, is B's to share."""
    set_routes(chain, "B", ServiceRoute(b"b.help", "C", mapper=Prefix(b"c."), share=True))
    chain.feed("a", b"PUB help 0\r\n\r\n" * 2)
    assert told_of(chain, "c") == [b'{"who":"a","svc":"B","server":"here"}'] * 2
    asked = [("a", "request_info", False), ("a", "request_info", True)]
    assert [call for call in chain.calls() if call[2]] == asked[1:], "it is asked once"
    set_routes(chain, "A", ServiceRoute(b"help", "B", mapper=Prefix(b"b."), share=True))
    set_routes(chain, "B", ServiceRoute(b"b.help", "C", mapper=Prefix(b"c.")))
    chain.feed("a", b"PUB help 0\r\n\r\n")
    assert told_of(chain, "c") == [b'{"who":"a","more":true,"server":"here","svc":"B"}']


def test_each_service_is_told_which_one_asks_it(chain: World) -> None:
    """For whom it does is the same to all of them."""
    set_routes(chain, "C", ServiceRoute(b"c.b.help", "D", mapper=Prefix(b"d.")))
    chain.attach("d", account="D")
    chain.feed("b", b"SUB b.help 1\r\n")
    chain.feed("d", b"SUB d.c.b.help 1\r\n")
    chain.feed("a", b"PUB help 0\r\n\r\n")
    heard = [told_of(chain, name) for name in "bcd"]
    assert heard == [[b'{"who":"a"}'], [b'{"who":"a","svc":"B"}'], [b'{"who":"a","svc":"C"}']]


def test_what_was_told_of_its_place_is_told_to_all_behind(chain: World) -> None:
    """C is the system account, so to say."""
    set_routes(chain, "B", ServiceRoute(b"b.help", "C", mapper=Prefix(b"c."), located=True))
    set_routes(chain, "C", ServiceRoute(b"c.b.help", "D", mapper=Prefix(b"d.")))
    chain.attach("d", account="D")
    chain.feed("d", b"SUB d.c.b.help 1\r\n")
    chain.feed("a", b"PUB help 0\r\n\r\n")
    assert told_of(chain, "c") == [b'{"who":"a","svc":"B","server":"here"}']
    assert told_of(chain, "d") == [b'{"who":"a","svc":"C","server":"here"}']


def test_what_the_second_service_is_told_goes_out_of_date(chain: World) -> None:
    chain.feed("a", b"PUB help 0\r\n\r\n" * 2)
    asked = [("a", "request_info", False)] * 2
    assert chain.calls() == asked, "once for each service"
    chain.peers["a"].link.forget_request_info()
    chain.feed("a", b"PUB help 0\r\n\r\n")
    assert chain.calls() == asked


def test_an_answer_that_becomes_a_request_tells_as_little_as_can_be(chain: World) -> None:
    """Whoever answers has shared nothing with whoever asked, or with those behind."""
    set_routes(chain, "A", ServiceRoute(b"help", "C", mapper=Prefix(b"c.b."), share=True),
               ServiceRoute(b"onwards", "B", export="B's", share=True))  # fmt: skip
    chain.feed("b", b"SUB onwards 1\r\n")
    chain.feed("a", b"PUB help onwards 0\r\n\r\n")
    chain.feed("c", b"PUB %b 2\r\nok\r\n" % replies(chain, "c")[0])
    assert told_of(chain, "b") == [b'{"who":"c","svc":"A","server":"here"}']


def test_nobody_at_the_end_of_the_chain(chain: World) -> None:
    chain.peers["c"].link.close()
    told = chain.feed("a", ASK)
    assert told == (b"HMSG _INBOX.1 1 36 36\r\nNATS/1.0 503\r\nNats-Subject: help\r\n\r\n\r\n")
    assert chain.router.expire_responses() == 0


def test_every_link_of_a_chain_goes_out_of_date(chain: World) -> None:
    routes = [
        ServiceRoute(b"help", "B", mapper=Prefix(b"b."), threshold=-1.0),
        ServiceRoute(b"b.help", "C", mapper=Prefix(b"c."), threshold=-1.0),
    ]
    for account, route in zip("AB", routes, strict=True):
        set_routes(chain, account, route)
    chain.feed("a", ASK)
    assert chain.router.expire_responses() == 2


def test_every_link_of_a_chain_is_forgotten_with_who_asked(chain: World) -> None:
    observer = Observer(chain.log)
    two = ServiceRoute(b"b.help", "C", mapper=Prefix(b"c."), observer=observer)
    set_routes(chain, "B", two)
    chain.feed("a", ASK)
    (reply,) = replies(chain, "c")
    chain.calls()
    chain.peers["a"].link.close()
    assert [call for call in chain.calls() if call[0] == "unanswered"] == [
        ("unanswered", 1, "interest lost")
    ]
    chain.attach("late", account="A")
    chain.feed("late", b"SUB _INBOX.* 1\r\n")
    chain.feed("c", b"PUB %b 2\r\nok\r\n" % reply)
    assert chain.output("late") == b""
    assert chain.router.expire_responses() == 0


def test_a_stream_of_answers_through_a_chain(chain: World) -> None:
    routes = [
        ServiceRoute(b"help", "B", mapper=Prefix(b"b."), response=ResponseType.STREAM),
        ServiceRoute(b"b.help", "C", mapper=Prefix(b"c."), response=ResponseType.STREAM),
    ]
    for account, route in zip("AB", routes, strict=True):
        set_routes(chain, account, route)
    chain.feed("a", ASK)
    (reply,) = replies(chain, "c")
    for text in (b"1", b"2", b"", b"3"):
        chain.feed("c", b"PUB %b %d\r\n%b\r\n" % (reply, len(text), text))
    assert chain.output("a") == b"".join(
        b"MSG _INBOX.1 1 %d\r\n%b\r\n" % (len(text), text) for text in (b"1", b"2", b"")
    )
    assert chain.router.expire_responses() == 0


def test_one_answer_where_any_account_on_the_way_allows_one(chain: World) -> None:
    many = ServiceRoute(b"help", "B", mapper=Prefix(b"b."), response=ResponseType.STREAM)
    set_routes(chain, "A", many)
    chain.feed("a", ASK)
    (reply,) = replies(chain, "c")
    for _ in range(2):
        chain.feed("c", b"PUB %b 2\r\nok\r\n" % reply)
    assert chain.output("a") == b"MSG _INBOX.1 1 2\r\nok\r\n"


# --- circles ----------------------------------------------------------------------------


def circle(world: World, *exports: object) -> None:
    """A imports ``help`` from B, B from C, C from A; and everybody listens."""
    for name in "abc":
        world.attach(name, account=name.upper())
        world.feed(name, b"SUB _INBOX.* 1\r\nSUB help 2\r\n")
    for importer, exporter, export in zip("ABC", "BCA", exports, strict=True):
        set_routes(world, importer, ServiceRoute(b"help", exporter, export=export))


def test_a_request_does_not_come_through_one_export_twice(world: World) -> None:
    circle(world, object(), object(), object())
    assert world.peers["a"].link.publish(b"help", b"", b"", b"why") == 4
    heard = [world.output(name).count(b"why\r\n") for name in "abc"]
    assert heard == [2, 1, 1], "it came home through the third export, and no further"


def test_equal_exports_are_not_the_same(world: World) -> None:
    circle(world, [1], [1], [1])
    assert world.peers["a"].link.publish(b"help", b"", b"", b"why") == 4


def test_the_same_export_may_be_imported_by_many(world: World) -> None:
    """A and B both import C's: what came to B through it does not go on to C again."""
    shared = object()
    circle(world, shared, shared, object())
    assert world.peers["a"].link.publish(b"help", b"", b"", b"why") == 2
    assert world.peers["b"].link.publish(b"help", b"", b"", b"why") == 3


def test_circles_without_exports_come_to_an_end(world: World) -> None:
    """Nothing says what they have in common: the number of imports on the way is bounded."""
    circle(world, None, None, None)
    went = world.peers["a"].link.publish(b"help", b"", b"", b"why")
    assert 3 < went < 1000
    assert world.output("b").count(b"why\r\n") > 1


def test_an_answer_that_looks_like_a_request(world: World) -> None:
    """The requester wants its answer where the service is imported: it is no new request."""
    world.attach("a", account="A")
    world.attach("b", account="B")
    world.feed("a", b"SUB help 1\r\n")
    world.feed("b", b"SUB help 1\r\n")
    set_routes(world, "A", ServiceRoute(b"help", "B", export=object()))
    world.feed("a", b"PUB help help 3\r\nwhy\r\n")
    (reply,) = replies(world, "b")
    world.output("a")
    world.feed("b", b"PUB %b 2\r\nok\r\n" % reply)
    assert world.output("a") == b"MSG help 1 2\r\nok\r\n"
    assert world.output("b") == b""


# --- measuring --------------------------------------------------------------------------


@pytest.fixture
def measured(world: World) -> World:
    """A asks, B serves, and an observer writes into the log."""
    world.attach("a", account="A")
    world.attach("b", account="B")
    world.feed("a", b"SUB _INBOX.* 1\r\n")
    world.feed("b", b"SUB help 1\r\n")
    measure(world)
    return world


def measure(world: World, measures: bool = True, **changes: Any) -> None:
    observer = Observer(world.log, measures)
    set_routes(world, "A", replace(ServiceRoute(b"help", "B", observer=observer), **changes))


def told(world: World) -> list[tuple[Any, ...]]:
    """What the observer was told."""
    return [call for call in world.calls() if "request_info" not in call]


def test_requests_and_first_answers_are_measured(measured: World) -> None:
    measure(measured, response=ResponseType.STREAM)
    block = b"NATS/1.0\r\nA: b\r\n\r\n"
    measured.feed("a", b"HPUB help _INBOX.1 18 21\r\n%bwhy\r\n" % block + ASK)
    assert told(measured) == [
        ("requested", 1, b"_INBOX.1", block),
        ("requested", 1, b"_INBOX.1", b""),
    ]
    first, second = replies(measured, "b")
    for reply in (second, first, second):
        measured.feed("b", b"PUB %b 2\r\nok\r\n" % reply)
    assert told(measured) == [("answered", 2, 2), ("answered", 1, 2)]
    measured.feed("a", b"UNSUB 1\r\n")
    assert measured.router.expire_responses() == 0
    assert told(measured) == [], "there was an answer"


def test_a_request_without_reply_is_told_and_no_more(measured: World) -> None:
    measured.feed("a", b"PUB help 0\r\n\r\n")
    assert told(measured) == [("requested", 1, b"", b"")]
    measured.router.publish("A", b"help", b"$JS.ACK.x", b"", b"")
    assert told(measured) == [("requested", None, b"$JS.ACK.x", b"")]


def test_what_is_not_measured_is_not_told(measured: World) -> None:
    measure(measured, measures=False)
    measured.feed("a", ASK)
    measured.feed("b", b"PUB %b 2\r\nok\r\n" % replies(measured, "b")[0])
    measured.feed("a", ASK + b"UNSUB 1\r\n")
    measured.router.expire_responses()
    assert told(measured) == [("requested", 1, b"_INBOX.1", b"")] * 2


def test_why_there_is_no_answer(measured: World) -> None:
    measure(measured, threshold=-1.0)
    measured.feed("a", ASK)
    measured.router.expire_responses()
    measure(measured)
    measured.feed("a", ASK + b"UNSUB 1\r\n")
    measured.feed("b", b"UNSUB 1\r\n")
    measured.feed("a", ASK)
    assert [call for call in told(measured) if call[0] == "unanswered"] == [
        ("unanswered", 1, "timeout"),
        ("unanswered", 1, "interest lost"),
        ("unanswered", 2, "no responders"),
    ]


def test_requests_of_the_server_itself_are_measured(measured: World) -> None:
    measured.router.publish("A", b"help", b"_INBOX.1", b"", b"")
    measured.router.publish("B", replies(measured, "b")[0], b"", b"", b"ok")
    assert told(measured) == [("requested", None, b"_INBOX.1", b""), ("answered", 1, None)]
    assert measured.output("a") == b"MSG _INBOX.1 1 2\r\nok\r\n"


def test_a_request_in_a_circle_is_not_measured_again(measured: World) -> None:
    export = object()
    measure(measured, export=export)
    back = ServiceRoute(b"help", "A", export=object())
    set_routes(measured, "B", back)
    measured.feed("a", b"PUB help 0\r\n\r\n")
    assert len(told(measured)) == 1


@implementer(IServiceObserver)
class Broken:
    """Fails in one of its methods."""

    def __init__(self, method: str) -> None:
        self.method = method

    def requested(self, link: ILink | None, reply: bytes, headers: bytes) -> Any:
        self._fail("requested")
        return 1

    def answered(self, token: Any, link: ILink | None, reply: bytes) -> None:
        self._fail("answered")

    def unanswered(self, token: Any, reason: str) -> None:
        self._fail("unanswered")

    def _fail(self, method: str) -> None:
        if method == self.method:
            raise RuntimeError(f"{method} failed")


@pytest.mark.parametrize("method", ["requested", "answered", "unanswered"])
def test_a_broken_measurement_costs_no_message(
    measured: World, method: str, logged_failures: Any
) -> None:
    set_routes(measured, "A", ServiceRoute(b"help", "B", observer=Broken(method)))
    measured.feed("a", ASK)
    measured.feed("b", b"PUB %b 2\r\nok\r\n" % replies(measured, "b")[0])
    assert measured.output("a") == b"MSG _INBOX.1 1 2\r\nok\r\n"
    measured.feed("b", b"UNSUB 1\r\n")
    assert b" 503\r\n" in measured.feed("a", ASK)
    assert len(logged_failures.flush(RuntimeError)) == (2 if method == "requested" else 1)


def test_a_broken_introduction_costs_no_request(measured: World, logged_failures: Any) -> None:
    def broken(detailed: bool) -> bytes:
        raise RuntimeError("who am I?")

    measured.peers["a"].request_info = broken  # type: ignore[method-assign]
    measured.feed("a", b"PUB help 3\r\nwhy\r\n" * 2)
    assert measured.output("b") == b"MSG help 1 3\r\nwhy\r\n" * 2
    assert len(logged_failures.flush(RuntimeError)) == 1, "it is not asked again"


def test_a_requester_that_leaves_while_it_is_introduced(measured: World) -> None:
    link = measured.peers["a"].link
    measured.peers["a"].on["request_info"] = lambda detailed: link.close()
    measured.feed("a", ASK)
    assert len(replies(measured, "b")) == 1
    assert measured.router.expire_responses() == 0


def test_a_service_that_is_dropped_while_it_is_asked(measured: World) -> None:
    """Importing anew from within a delivery does not disturb the delivery."""
    service = measured.attach("s", account="B", kind=PeerKind.INTERNAL)
    service.options = QUIET
    service.subscribe(b"help", b"", b"1")
    measured.peers["s"].on["message_received"] = lambda *message: set_routes(measured, "A")
    measured.feed("a", ASK)
    assert len(replies(measured, "b")) == 1
    assert b" 503\r\n" in measured.feed("a", ASK)
