"""What happens to a message before it is distributed: checks, mapping, hooks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from zope.interface import implementer

from pubsub.interfaces import ILink, IMessageHook, IRouterBackend, ISubjectMapper, PeerKind
from tests.router.recording import QUIET, Setup, World, play

VERBOSE = replace(QUIET, verbose=True)
PEDANTIC = replace(QUIET, pedantic=True)


def reader(subject: bytes = b">", **options: Any) -> Setup:
    """Peer ``b``, subscribed to ``subject``."""

    def setup(world: World) -> None:
        world.attach("b", replace(QUIET, **options))
        world.feed("b", b"SUB %b 1\r\n" % subject)

    return setup


def test_a_message_reaches_a_subscriber(backend: IRouterBackend) -> None:
    world = play(backend, b"PUB foo 5\r\nhello\r\nPUB foo 0\r\n\r\n", reader(b"foo"))
    assert world.output("b") == b"MSG foo 1 5\r\nhello\r\nMSG foo 1 0\r\n\r\n"
    assert world.output("a") == b""


def test_the_reply_is_passed_on(backend: IRouterBackend) -> None:
    world = play(backend, b"PUB foo bar.baz 2\r\nhi\r\n", reader())
    assert world.output("b") == b"MSG foo 1 bar.baz 2\r\nhi\r\n"


def test_digits_are_passed_on_as_they_were_written(backend: IRouterBackend) -> None:
    data = b"PUB foo 005\r\nhello\r\nHPUB foo 012 0013\r\nNATS/1.0\r\n\r\nx\r\n"
    world = play(backend, data, reader())
    assert world.output("b") == (
        b"MSG foo 1 005\r\nhello\r\nHMSG foo 1 012 0013\r\nNATS/1.0\r\n\r\nx\r\n"
    )


@pytest.mark.parametrize("line", [b"PUB foo 5\r\nhello\r\n"] * 1)
def test_many_messages_in_one_piece(backend: IRouterBackend, line: bytes) -> None:
    world = World(backend)
    world.attach("a")
    reader(b"foo")(world)
    world.feed("a", line * 1000)
    assert world.output("b") == b"MSG foo 1 5\r\nhello\r\n" * 1000
    assert world.peers["a"].link.counters()[:2] == (1000, 5000)
    assert world.peers["b"].link.counters()[2:4] == (1000, 5000)


def test_headers_are_passed_on_to_who_can_read_them(backend: IRouterBackend) -> None:
    data = b"HPUB foo 12 15\r\nNATS/1.0\r\n\r\nabc\r\nHPUB foo bar 12 12\r\nNATS/1.0\r\n\r\n\r\n"
    world = play(backend, data, reader())
    assert world.output("b") == (
        b"HMSG foo 1 12 15\r\nNATS/1.0\r\n\r\nabc\r\nHMSG foo 1 bar 12 12\r\nNATS/1.0\r\n\r\n\r\n"
    )


def test_headers_are_stripped_for_who_can_not(backend: IRouterBackend) -> None:
    data = b"HPUB foo 12 0015\r\nNATS/1.0\r\n\r\nabc\r\nHPUB foo bar 12 12\r\nNATS/1.0\r\n\r\n\r\n"
    world = play(backend, data, reader(headers=False))
    assert world.output("b") == b"MSG foo 1 3\r\nabc\r\nMSG foo 1 bar 0\r\n\r\n"
    assert world.peers["b"].link.counters()[2:4] == (2, 3)
    assert world.peers["a"].link.counters()[:2] == (2, 27)


def test_a_header_of_no_size_is_no_header(backend: IRouterBackend) -> None:
    world = play(backend, b"HPUB foo 0 3\r\nabc\r\n", reader())
    assert world.output("b") == b"MSG foo 1 3\r\nabc\r\n"


# --- verbose and pedantic ---------------------------------------------------------------


def test_a_verbose_client_is_told_that_its_message_was_taken(backend: IRouterBackend) -> None:
    world = play(backend, b"PUB foo 2\r\nhi\r\nHPUB foo 0 0\r\n\r\n", reader(), VERBOSE)
    assert world.output("a") == b"+OK\r\n+OK\r\n"


def test_ok_comes_before_an_echo(backend: IRouterBackend) -> None:
    world = play(backend, b"SUB foo 1\r\nPUB foo 2\r\nhi\r\n", options=VERBOSE)
    assert world.output("a") == b"+OK\r\n+OK\r\nMSG foo 1 2\r\nhi\r\n"


@pytest.mark.parametrize("subject", [b"foo.*", b"foo.>", b"*", b">.a", b"a..b", b".a", b"a."])
def test_a_pedantic_client_is_told_of_a_bad_subject_and_may_go_on(
    backend: IRouterBackend, subject: bytes
) -> None:
    data = b"PUB %b 2\r\nhi\r\n" % subject
    world = play(backend, data, reader(b"foo.>"), PEDANTIC)
    assert world.output("a") == b"-ERR 'Invalid Publish Subject'\r\n"
    assert world.calls() == [("a", "fault", "InvalidPublishSubject", "Invalid Publish Subject")]
    assert world.peers["a"].link.counters().in_msgs == 1
    expected = b"MSG %b 1 2\r\nhi\r\n" % subject if subject in (b"foo.*", b"foo.>") else b""
    assert world.output("b") == expected


def test_a_bad_subject_is_reported_before_the_payload_is_there(world: World) -> None:
    world.attach("a", PEDANTIC)
    assert world.feed("a", b"PUB * 5\r\n") == b"-ERR 'Invalid Publish Subject'\r\n"


def test_nobody_else_minds_wildcards_in_a_subject(backend: IRouterBackend) -> None:
    data = b"PUB foo.* 2\r\nhi\r\nPUB a..b 0\r\n\r\nPUB foo.bar 2\r\nhi\r\n"
    world = play(backend, data, reader(b"foo.*"))
    assert world.output("a") == b""
    assert world.output("b") == b"MSG foo.* 1 2\r\nhi\r\nMSG foo.bar 1 2\r\nhi\r\n"


# --- nobody there -----------------------------------------------------------------------


def test_nobody_responds(backend: IRouterBackend) -> None:
    world = play(backend, b"SUB inbox.* 7\r\nPUB svc inbox.1 2\r\nhi\r\n")
    assert world.output("a") == (
        b"HMSG inbox.1 7 35 35\r\nNATS/1.0 503\r\nNats-Subject: svc\r\n\r\n\r\n"
    )
    assert world.peers["a"].link.counters()[2:4] == (0, 0)
    assert world.peers["a"].link.subscriptions()[0].delivered == 0


def test_the_answer_goes_to_the_oldest_plain_subscription_of_ones_own(
    backend: IRouterBackend,
) -> None:
    data = (
        b"SUB inbox.1 q 1\r\nSUB *.1 2\r\nSUB inbox.1 3\r\nPUB svc inbox.1 2\r\nhi\r\n"
        b"UNSUB 2\r\nPUB svc inbox.1 2\r\nhi\r\nUNSUB 3\r\nPUB svc inbox.1 2\r\nhi\r\n"
    )
    world = play(backend, data, reader(b"inbox.1"))
    answer = b"HMSG inbox.1 %d 35 35\r\nNATS/1.0 503\r\nNats-Subject: svc\r\n\r\n\r\n"
    assert world.output("a") == answer % 2 + answer % 3
    assert world.output("b") == b""


@pytest.mark.parametrize(
    "data",
    [
        b"SUB inbox.1 7\r\nPUB svc 2\r\nhi\r\n",
        b"SUB inbox.2 7\r\nPUB svc inbox.1 2\r\nhi\r\n",
        b"SUB svc 1\r\nSUB inbox.1 7\r\nUNSUB 1 1\r\nPUB svc inbox.1 2\r\nhi\r\n",
    ],
)
def test_no_answer_without_a_request_and_somebody_to_answer(
    backend: IRouterBackend, data: bytes
) -> None:
    assert b"503" not in play(backend, data).output("a")


def test_no_answer_unless_asked_for(backend: IRouterBackend) -> None:
    data = b"SUB inbox.1 7\r\nPUB svc inbox.1 2\r\nhi\r\n"
    world = play(backend, data, options=replace(QUIET, no_responders=False))
    assert world.output("a") == b""


def test_ones_own_subscription_does_not_respond_without_echo(backend: IRouterBackend) -> None:
    data = b"SUB svc 1\r\nSUB inbox.1 7\r\nPUB svc inbox.1 2\r\nhi\r\n"
    world = play(backend, data, options=replace(QUIET, echo=False))
    assert world.output("a").startswith(b"HMSG inbox.1 7 35 35\r\nNATS/1.0 503\r\n")


# --- reserved subjects and permissions --------------------------------------------------


@pytest.mark.parametrize("subject", [b"_GR_.x.y", b"$GR.x", b"$NRG.x"])
def test_subjects_of_servers_are_not_for_clients(backend: IRouterBackend, subject: bytes) -> None:
    world = play(backend, b"PUB %b 2\r\nhi\r\n" % subject, reader(), VERBOSE)
    text = b"-ERR 'Permissions Violation for Publish to \"%b\"'\r\n" % subject
    assert world.output("a") == text
    assert world.output("b") == b""
    assert world.peers["a"].link.counters().in_msgs == 1


@pytest.mark.parametrize(
    "subject", [b"_GR_", b"_GRX.a", b"$GR", b"$NRG", b"a._GR_.b", b"$JS.ACK.a"]
)
def test_similar_subjects_are(backend: IRouterBackend, subject: bytes) -> None:
    world = play(backend, b"PUB %b 2\r\nhi\r\n" % subject, reader())
    assert world.output("b") == b"MSG %b 1 2\r\nhi\r\n" % subject


def test_the_system_account_may_publish_to_its_consensus_groups(world: World) -> None:
    world.attach("a", account="$SYS")
    world.feed("a", b"SUB > 1\r\nPUB $NRG.x 0\r\n\r\nPUB _GR_.x 0\r\n\r\n")
    assert world.output("a") == (
        b"MSG $NRG.x 1 0\r\n\r\n-ERR 'Permissions Violation for Publish to \"_GR_.x\"'\r\n"
    )


def test_internal_links_may_publish_everywhere(world: World) -> None:
    world.attach("a")
    world.feed("a", b"SUB > 1\r\n")
    internal = world.attach("i", kind=PeerKind.INTERNAL)
    assert internal.publish(b"_GR_.x", b"_R_.y", b"", b"hi") == 1
    assert internal.publish(b"$NRG.x", b"", b"", b"") == 1
    assert world.output("a") == b"MSG _GR_.x 1 _R_.y 2\r\nhi\r\nMSG $NRG.x 1 0\r\n\r\n"


@pytest.mark.parametrize("reply", [b"_R_.x", b"$JS.ACK.a.b", b"_GR_.x", b"$GR.x"])
def test_replies_of_servers_are_not_for_clients(backend: IRouterBackend, reply: bytes) -> None:
    world = play(backend, b"PUB foo %b 2\r\nhi\r\n" % reply, reader(), VERBOSE)
    text = b"-ERR 'Permissions Violation for Publish with Reply of \"%b\"'\r\n" % reply
    assert world.output("a") == text
    assert world.output("b") == b""


def test_publishing_needs_permission(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        reader()(world)
        world.peers["a"].link.set_permissions(lambda s: s.startswith(b"ok"), None, None)

    data = b"PUB ok.1 1\r\nx\r\nPUB no.1 1\r\nx\r\nPUB no.1 r 1\r\nx\r\nPUB ok.1 1\r\ny\r\n"
    world = play(backend, data, setup, VERBOSE)
    text = b"-ERR 'Permissions Violation for Publish to \"no.1\"'\r\n"
    assert world.output("a") == b"+OK\r\n" + text * 2 + b"+OK\r\n"
    assert world.output("b") == b"MSG ok.1 1 1\r\nx\r\nMSG ok.1 1 1\r\ny\r\n"
    assert world.calls()[0] == (
        "a",
        "fault",
        "PublishPermissionViolation",
        'Permissions Violation for Publish to "no.1"',
    )


def test_a_permission_is_asked_once_for_each_subject(world: World) -> None:
    asked: list[bytes] = []

    def may(subject: bytes) -> bool:
        asked.append(subject)
        return subject == b"a"

    link = world.attach("a")
    link.set_permissions(may, None, None)
    world.feed("a", b"PUB a 0\r\n\r\nPUB b 0\r\n\r\n" * 5)
    assert asked == [b"a", b"b"]
    link.set_permissions(may, None, None)
    world.feed("a", b"PUB a 0\r\n\r\n")
    assert asked == [b"a", b"b"], "it is the same predicate"
    link.set_permissions(lambda subject: may(subject), None, None)
    world.feed("a", b"PUB a 0\r\n\r\n")
    assert asked == [b"a", b"b", b"a"]
    link.set_permissions(None, None, None)
    world.output("a")
    assert world.feed("a", b"PUB b 0\r\n\r\n") == b""
    assert len(asked) == 3


def test_answers_about_subjects_of_any_length_are_remembered(world: World) -> None:
    """Those with the same beginning, too."""
    asked: list[bytes] = []

    def ask(subject: bytes) -> bool:
        asked.append(subject)
        return len(subject) % 3 > 0

    world.attach("a").set_permissions(ask, None, None)
    lengths = range(1, 200)
    for _ in range(3):
        world.output("a")
        for length in lengths:
            world.feed("a", b"PUB %b 0\r\n\r\n" % (b"s" * length))
    assert [len(subject) for subject in asked] == list(lengths)
    assert world.output("a").count(b"Violation") == sum(not length % 3 for length in lengths)


def test_what_one_may_publish_is_not_what_all_may(world: World) -> None:
    """Nor what the same one may later; also of subjects that everybody publishes to."""
    asked: list[bytes] = []

    def ask(subject: bytes) -> bool:
        asked.append(subject)
        return True

    links = {name: world.attach(name) for name in "abc"}
    world.feed("c", b"SUB * 1\r\n")
    links["a"].set_permissions(ask, None, None)
    links["b"].set_permissions(lambda subject: False, None, None)
    for _ in range(5):
        for name in "abac":
            world.feed(name, b"PUB x 0\r\n\r\nPUB y 0\r\n\r\nPUB y 0\r\n\r\n")
    assert world.output("c") == b"MSG x 1 0\r\n\r\nMSG y 1 0\r\n\r\nMSG y 1 0\r\n\r\n" * 15
    assert world.output("b").count(b"-ERR") == 15
    assert asked == [b"x", b"y"]
    links["b"].set_permissions(ask, None, None)
    links["a"].set_permissions(lambda subject: subject == b"y", None, None)
    for name in "ab":
        world.feed(name, b"PUB x 0\r\n\r\nPUB y 0\r\n\r\n")
    assert world.output("a").count(b"-ERR") == 1
    assert world.output("b") == b""
    assert world.output("c") == b"MSG y 1 0\r\n\r\nMSG x 1 0\r\n\r\nMSG y 1 0\r\n\r\n"
    assert asked == [b"x", b"y"]


# --- mapping ----------------------------------------------------------------------------


@implementer(ISubjectMapper)
class Mapper:
    """``old.x`` becomes ``new.x``, ``gone`` nothing at all; counts what it is asked."""

    def __init__(self, cacheable: bool = True) -> None:
        self.asked: list[bytes] = []
        self.cacheable = cacheable

    def map(self, subject: bytes) -> tuple[bytes, bool]:
        self.asked.append(subject)
        if subject == b"gone":
            return b"", self.cacheable
        return subject.replace(b"old.", b"new."), self.cacheable


def mapped(world: World) -> None:
    reader()(world)
    world.router.set_mapper("$G", Mapper())


def test_subjects_of_clients_are_mapped(backend: IRouterBackend) -> None:
    data = b"PUB old.x 2\r\nhi\r\nPUB other 2\r\nho\r\nPUB gone 0\r\n\r\n"
    world = play(backend, data, mapped, VERBOSE)
    assert world.output("b") == b"MSG new.x 1 2\r\nhi\r\nMSG other 1 2\r\nho\r\n"
    assert world.output("a") == b"+OK\r\n" * 3


def test_permissions_are_about_the_mapped_subject(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        mapped(world)
        world.peers["a"].link.set_permissions(lambda s: s != b"new.x", None, None)

    world = play(backend, b"PUB old.x 2\r\nhi\r\n", setup)
    assert world.output("a") == b"-ERR 'Permissions Violation for Publish to \"new.x\"'\r\n"


def test_the_answer_that_nobody_responds_names_the_mapped_subject(
    backend: IRouterBackend,
) -> None:
    def setup(world: World) -> None:
        world.router.set_mapper("$G", Mapper())

    world = play(backend, b"SUB inbox 1\r\nPUB old.x inbox 0\r\n\r\n", setup)
    assert world.output("a") == (
        b"HMSG inbox 1 37 37\r\nNATS/1.0 503\r\nNats-Subject: new.x\r\n\r\n\r\n"
    )


@pytest.mark.parametrize(("cacheable", "times"), [(True, 1), (False, 3)])
def test_a_mapping_is_remembered_if_it_may_be(world: World, cacheable: bool, times: int) -> None:
    mapper = Mapper(cacheable)
    world.attach("a")
    world.router.set_mapper("$G", mapper)
    world.feed("a", b"PUB old.x 0\r\n\r\n" * 3)
    assert mapper.asked == [b"old.x"] * times
    world.router.set_mapper("$G", mapper)
    world.feed("a", b"PUB old.x 0\r\n\r\n")
    assert len(mapper.asked) == times + 1


def test_a_mapper_is_of_one_account_and_may_be_taken_away(world: World) -> None:
    for name, account in (("a", "one"), ("b", "two")):
        world.attach(name, account=account)
        world.feed(name, b"SUB > 1\r\n")
    world.router.set_mapper("one", Mapper())
    assert world.feed("a", b"PUB old.x 0\r\n\r\n") == b"MSG new.x 1 0\r\n\r\n"
    assert world.feed("b", b"PUB old.x 0\r\n\r\n") == b"MSG old.x 1 0\r\n\r\n"
    world.router.set_mapper("one", None)
    assert world.feed("a", b"PUB old.x 0\r\n\r\n") == b"MSG old.x 1 0\r\n\r\n"
    assert list(world.router.accounts()) == ["one", "two"]


def test_what_the_server_publishes_is_not_mapped(world: World) -> None:
    world.attach("a")
    world.feed("a", b"SUB > 1\r\n")
    world.router.set_mapper("$G", Mapper())
    world.router.publish("$G", b"old.x", b"", b"", b"")
    world.attach("i", kind=PeerKind.INTERNAL).publish(b"old.y", b"", b"", b"")
    assert world.output("a") == b"MSG old.x 1 0\r\n\r\nMSG old.y 1 0\r\n\r\n"


# --- hooks ------------------------------------------------------------------------------


@implementer(IMessageHook)
class Hook:
    """Drops what is published to ``drop``; records what it sees."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def publishing(
        self, link: ILink, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        self.seen.append((link.cid, subject, reply, headers, payload))
        if subject == b"drop":
            link.write(b"-ERR 'dropped'\r\n")
            return False
        return True


def test_a_hook_sees_and_may_drop_what_clients_publish(backend: IRouterBackend) -> None:
    hooks: list[Hook] = []

    def setup(world: World) -> None:
        reader()(world)
        hooks.append(Hook())
        world.router.set_hook(hooks[-1])

    data = b"PUB foo bar 2\r\nhi\r\nPUB drop 1\r\nx\r\nHPUB foo 12 13\r\nNATS/1.0\r\n\r\ny\r\n"
    world = play(backend, data, setup, VERBOSE)
    assert world.output("a") == b"+OK\r\n-ERR 'dropped'\r\n+OK\r\n"
    assert world.output("b") == (
        b"MSG foo 1 bar 2\r\nhi\r\nHMSG foo 1 12 13\r\nNATS/1.0\r\n\r\ny\r\n"
    )
    for hook in hooks:
        assert hook.seen == [
            (1, b"foo", b"bar", b"", b"hi"),
            (1, b"drop", b"", b"", b"x"),
            (1, b"foo", b"", b"NATS/1.0\r\n\r\n", b"y"),
        ]


def test_a_hook_is_not_asked_about_messages_of_the_server_and_may_be_removed(
    world: World,
) -> None:
    hook = Hook()
    world.router.set_hook(hook)
    world.router.publish("$G", b"foo", b"", b"", b"")
    world.attach("i", kind=PeerKind.INTERNAL).publish(b"foo", b"", b"", b"")
    assert hook.seen == []
    world.attach("a")
    world.feed("a", b"PUB foo 0\r\n\r\n")
    world.router.set_hook(None)
    world.feed("a", b"PUB foo 0\r\n\r\n")
    assert len(hook.seen) == 1


# --- publishing by call -----------------------------------------------------------------


def test_a_call_publishes_as_a_peer_and_tells_how_many_got_it(world: World) -> None:
    a = world.attach("a", VERBOSE)
    world.feed("a", b"SUB foo 1\r\nSUB foo 2\r\nSUB foo q 3\r\n")
    world.output("a")
    assert a.publish(b"foo", b"bar", b"NATS/1.0\r\n\r\n", b"hi") == 3
    frame = b"HMSG foo %d bar 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
    assert world.output("a") == frame % 1 + frame % 2 + frame % 3
    assert a.counters()[:4] == (1, 14, 3, 42)
    a.options = replace(VERBOSE, echo=False)
    assert a.publish(b"foo", b"", b"", b"hi") == 0


def test_the_server_publishes_as_nobody(world: World) -> None:
    world.attach("a", replace(QUIET, echo=False))
    world.feed("a", b"SUB foo 1\r\n")
    assert world.router.publish("$G", b"foo", b"bar", b"", b"hi") == 1
    assert world.router.publish("other", b"foo", b"", b"", b"hi") == 0
    assert world.output("a") == b"MSG foo 1 bar 2\r\nhi\r\n"
    assert tuple(world.router.counters()) == (0, 0, 1, 2)
    assert list(world.router.accounts()) == ["$G", "other"]
