"""Random conversations, cut at random places, through both backends: everything is equal.

The Python backend is the oracle: whatever the native one does differently is a bug in
one of them. By default the same few conversations are tried at each run;
``PUBSUB_AGREE_EXAMPLES=5000`` tries so many new ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zope.interface import implementer

from pubsub.interfaces import (
    IInterestListener,
    ILink,
    IMessageHook,
    IRouterBackend,
    ISubjectMapper,
    LinkOptions,
    PeerKind,
    RouterSettings,
)
from pubsub.router.subjects import is_valid_pattern
from tests.router.recording import World

EXAMPLES = int(os.environ.get("PUBSUB_AGREE_EXAMPLES", "150"))

# --- what peers say ---------------------------------------------------------------------

TOKENS = st.sampled_from([b"a", b"b", b"cc", b"*", b">", b"", b"a*", b"_GR_", b"$NRG", b"\xff"])
COMMON = st.sampled_from([b"a", b"a", b"a.b", b"a.b", b"a.b.cc", b"b", b"_INBOX.x.1"])
SUBJECTS = st.one_of(
    COMMON,
    COMMON,
    COMMON,
    st.sampled_from([b"mapped", b"denied"]),
    st.lists(TOKENS, min_size=1, max_size=4).map(b".".join),
)
COMMON_PATTERNS = st.sampled_from(
    [b"a", b"a.b", b"a.*", b"a.>", b">", b"*", b"*.b", b"_INBOX.x.*", b"a.b.>", b"b"]
)
PATTERNS = st.one_of(COMMON_PATTERNS, COMMON_PATTERNS, SUBJECTS)
SIDS = st.sampled_from([b"1", b"2", b"3", b"44"])
QUEUES = st.sampled_from([b"", b"", b"", b"q", b"q", b"r", b"_sys_"])
REPLIES = st.sampled_from([b"", b"", b"", b"_INBOX.x.1", b"_INBOX.x.1", b"_R_.x", b"$JS.ACK.y"])
#: 30 is the rare case
RARELY = st.integers(0, 30)
SPACES = st.sampled_from([b" ", b" ", b" ", b"\t", b"  ", b" \t "])
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r\r\n", b" \r\n"])
PAYLOADS = st.one_of(
    st.sampled_from([b"", b"x", b"hello", b"\r\n", b"PUB a 1\r\nx\r\n", b"y" * 300]),
    st.binary(max_size=20),
)
HEADERS = st.sampled_from([b"", b"NATS/1.0\r\n\r\n", b"NATS/1.0\r\nA: b\r\n\r\n"])


def _line(verb: bytes, fields: list[bytes], space: bytes, end: bytes) -> bytes:
    return space.join([verb, *[field for field in fields if field]]) + end


@st.composite
def pubs(draw: st.DrawFn) -> bytes:
    payload, space = draw(PAYLOADS), draw(SPACES)
    digits = b"%d" % len(payload)
    if draw(RARELY) == 30:
        digits = draw(st.sampled_from([b"00" + digits, b"x", b"-1", b"9999999999", b"7"]))
    verb = draw(st.sampled_from([b"PUB", b"PUB", b"pub", b"PuB"]))
    line = _line(verb, [draw(SUBJECTS), draw(REPLIES), digits], space, draw(ENDS))
    return line + payload + (b"\n" if draw(RARELY) == 30 else b"\r\n")


@st.composite
def hpubs(draw: st.DrawFn) -> bytes:
    headers, payload = draw(HEADERS), draw(PAYLOADS)
    sizes = [b"%d" % len(headers), b"%d" % (len(headers) + len(payload))]
    if draw(RARELY) == 30:
        sizes = draw(st.sampled_from([sizes[::-1], [b"0" + sizes[0], b"0" + sizes[1]], sizes[1:]]))
    line = _line(b"HPUB", [draw(SUBJECTS), draw(REPLIES), *sizes], draw(SPACES), draw(ENDS))
    return line + headers + payload + b"\r\n"


SUBS = st.builds(
    lambda subject, queue, sid, space, end: _line(b"SUB", [subject, queue, sid], space, end),
    PATTERNS, QUEUES, SIDS, SPACES, ENDS,
)  # fmt: skip
UNSUBS = st.builds(
    lambda sid, most, space, end: _line(b"UNSUB", [sid, most], space, end),
    SIDS, st.sampled_from([b"", b"0", b"1", b"2", b"5", b"x"]), SPACES, ENDS,
)  # fmt: skip
OTHERS = st.sampled_from(
    [
        b"PING\r\n", b"ping x\n", b"PONG\r\n", b"+OK\r\n", b"-ERR 'x'\r\n", b"INFO {}\r\n",
        b"CONNECT {}\r\n", b"CONNECT{}\r\n", b"connect  \t{\r}\r\n",
    ]
)  # fmt: skip
WRONG = st.sampled_from(
    [
        b"\r\n", b"PINK\r\n", b"PUB\r\n", b"PUB a\r\n", b"SUB a\r\n", b"UNSUB 1 2 3\r\n",
        b"SUB " + b"a" * 70 + b" 1\r\n", b"SUB \r\n", b"PUB \n\n", b"MSG a 1 0\r\n\r\n", b"\x00",
        b"SUB a b c d\r\n", b"HPUB a 5 3\r\n", b"PUB a 0\r\nx\r\n", b"CONNECT \r\n",
    ]
)  # fmt: skip
OPERATIONS = st.one_of(pubs(), pubs(), hpubs(), SUBS, SUBS, UNSUBS, OTHERS)
#: a producer that repeats itself
BURST = st.builds(lambda operation, times: operation * times, pubs(), st.integers(2, 12))
TALK = st.one_of(
    st.lists(OPERATIONS, max_size=6).map(b"".join),
    st.lists(OPERATIONS, max_size=6).map(b"".join),
    BURST,
    st.tuples(BURST, BURST, SUBS, BURST).map(b"".join),
    st.builds(
        lambda talk, rare, wrong: b"".join(talk) + (wrong if rare > 20 else b""),
        st.lists(OPERATIONS, max_size=3), RARELY, WRONG,
    ),
)  # fmt: skip

# --- what happens to them ---------------------------------------------------------------

OPTIONS = st.builds(
    LinkOptions,
    verbose=st.booleans(),
    pedantic=st.booleans(),
    echo=st.booleans(),
    headers=st.booleans(),
    no_responders=st.booleans(),
    max_payload=st.sampled_from([-1, 100, 1000]),
    max_subscriptions=st.sampled_from([0, 0, 2]),
)
SETTINGS = st.builds(
    RouterSettings,
    max_control_line=st.sampled_from([60, 4096]),
    max_pending=st.sampled_from([200, 1000, 1 << 20]),
    max_sub_tokens=st.sampled_from([0, 3]),
    no_fast_producer_stall=st.booleans(),
    cache=st.sampled_from([True, True, True, False]),
    seed=st.integers(1, 2**64 - 1),
)
PEERS = st.sampled_from("abc")
KINDS = st.sampled_from(
    [PeerKind.CLIENT, PeerKind.CLIENT, PeerKind.CLIENT, PeerKind.INTERNAL, PeerKind.SINK]
)
ACCOUNTS = st.sampled_from(["$G", "$G", "$G", "$SYS"])
MEMBERS = st.tuples(KINDS, ACCOUNTS, OPTIONS)

Step = tuple[Any, ...]

#: What a handler may do from within a call.
REACTIONS = ("answers", "unsubscribes", "subscribes", "closes", "flushes", "pauses", "nothing")


def _step(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), *arguments)


FEED = _step("feed", PEERS, TALK, st.lists(st.integers(0, 60), max_size=3))
STEPS = st.one_of(
    *[FEED] * 12,
    _step("flush"),
    _step("flush"),
    _step("close", PEERS),
    _step("options", PEERS, OPTIONS),
    _step("trace", PEERS, st.booleans()),
    _step("awaiting", PEERS),
    _step("first_ping", PEERS),
    _step("pause_input", PEERS, st.booleans()),
    _step("pause_output", PEERS, st.booleans()),
    _step("permissions", PEERS, st.booleans()),
    _step("clear", PEERS),
    _step("account", PEERS, ACCOUNTS),
    _step("subscribe", PEERS, PATTERNS, QUEUES, SIDS),
    _step("unsubscribe", PEERS, SIDS, st.integers(0, 3)),
    _step("publish", PEERS, SUBJECTS, REPLIES, HEADERS, PAYLOADS),
    _step("server", SUBJECTS, HEADERS, PAYLOADS),
    _step("react", PEERS, st.sampled_from(REACTIONS)),
    _step("mapper", st.booleans()),
    _step("hook", st.booleans()),
    _step("settings", SETTINGS),
)


@implementer(ISubjectMapper)
class Mapper:
    def map(self, subject: bytes) -> tuple[bytes, bool]:
        return (b"a.b" if subject == b"mapped" else subject), subject != b"a"


@implementer(IMessageHook)
class Hook:
    def __init__(self, log: list[Step]) -> None:
        self.log = log

    def publishing(
        self, link: ILink, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        self.log.append(("hook", link.cid, subject, reply, headers, payload))
        return payload != b"x"


@implementer(IInterestListener)
class Listener:
    def __init__(self, log: list[Step]) -> None:
        self.log = log

    def interest_changed(self, account: str, subject: bytes, queue: bytes, members: int) -> None:
        self.log.append(("interest", account, subject, queue, members))


class Player:
    """Takes one router through a conversation."""

    def __init__(self, backend: IRouterBackend, router: RouterSettings, members: list[Any]) -> None:
        self.world = World(backend, router)
        self.world.router.add_interest_listener(Listener(self.world.log))
        for name, (kind, account, options) in zip("abc", members, strict=True):
            self.world.attach(name, kind=kind, account=account)
            self.do_options(name, options)
        # So that there is something to see from the first message on.
        self.do_feed("a", b"SUB a 1\r\nSUB a.> 2\r\nSUB _INBOX.x.* 3\r\n", [])
        self.do_feed("b", b"SUB * q 1\r\nSUB a.b q 2\r\n", [])
        self.do_subscribe("c", b">", b"", b"1")

    def _link(self, name: str) -> ILink:
        return self.world.peers[name].link

    def step(self, step: Step) -> None:
        method: Callable[..., None] = getattr(self, f"do_{step[0]}")
        method(*step[1:])

    def do_feed(self, name: str, data: bytes, cuts: list[int]) -> None:
        if self._link(name).kind != PeerKind.CLIENT:
            return
        at = 0
        for cut in sorted(cuts):
            self._link(name).feed(data[at:cut])
            at = max(at, cut)
        self._link(name).feed(data[at:])

    def do_flush(self) -> None:
        self.world.router.flush()

    def do_close(self, name: str) -> None:
        self._link(name).close()

    def do_options(self, name: str, options: LinkOptions) -> None:
        if self._link(name).kind != PeerKind.CLIENT:
            options = replace(options, max_subscriptions=0, no_responders=False)
        self._link(name).options = options

    def do_trace(self, name: str, trace: bool) -> None:
        self._link(name).trace = trace

    def do_awaiting(self, name: str) -> None:
        self._link(name).awaiting_connect = True
        self.world.peers[name].on["operation_before_connect"] = lambda: name != "a"

    def do_first_ping(self, name: str) -> None:
        self._link(name).announce_first_ping = True

    def do_pause_input(self, name: str, pause: bool) -> None:
        link = self._link(name)
        (link.pause_input if pause else link.resume_input)()

    def do_pause_output(self, name: str, pause: bool) -> None:
        link = self._link(name)
        (link.pause_output if pause else link.resume_output)()

    def do_permissions(self, name: str, some: bool) -> None:
        if some and self._link(name).kind == PeerKind.CLIENT:
            self._link(name).set_permissions(
                lambda subject: subject != b"denied",
                lambda subject, queue: subject != b"denied" and queue != b"r",
                lambda subject, queue: subject != b"b",
            )
        else:
            self._link(name).set_permissions(None, None, None)

    def do_clear(self, name: str) -> None:
        self._link(name).clear_subscriptions()

    def do_account(self, name: str, account: str) -> None:
        if not self._link(name).closed:
            self._link(name).clear_subscriptions()
            self._link(name).account = account

    def do_subscribe(self, name: str, subject: bytes, queue: bytes, sid: bytes) -> None:
        link = self._link(name)
        if link.kind != PeerKind.CLIENT and is_valid_pattern(subject):
            self.world.log.append(("subscribed", link.subscribe(subject, queue, sid)))

    def do_unsubscribe(self, name: str, sid: bytes, maximum: int) -> None:
        self._link(name).unsubscribe(sid, maximum)

    def do_publish(
        self, name: str, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> None:
        count = self._link(name).publish(subject, reply, headers, payload)
        self.world.log.append(("published", count))

    def do_server(self, subject: bytes, headers: bytes, payload: bytes) -> None:
        count = self.world.router.publish("$G", subject, b"", headers, payload)
        self.world.log.append(("published", count))

    def do_react(self, name: str, reaction: str) -> None:
        """Calls back from where a handler is called; ``answers`` cannot go in circles."""
        link, router = self._link(name), self.world.router

        def message_received(
            sid: bytes, subject: bytes, reply: bytes, headers: bytes, payload: bytes
        ) -> None:
            if reaction == "answers" and reply:
                link.publish(reply, b"", headers, payload)
            elif reaction == "unsubscribes":
                link.unsubscribe(sid)
            elif reaction == "subscribes":
                link.subscribe(subject, b"", b"%b again" % sid[:20])
            elif reaction == "closes":
                self._link("a").close()
            elif reaction == "flushes":
                router.flush()

        def connect_received(argument: bytes) -> None:
            if reaction == "pauses":
                link.pause_input()
            elif reaction == "closes":
                link.close()
            elif reaction == "subscribes":
                link.feed(b"SUB b 9\r\nPING\r\n")

        def batch_received(messages: Any) -> None:
            if reaction == "closes":
                link.close()
            elif reaction in ("answers", "unsubscribes"):
                for message in messages:
                    message_received(*message)

        peer = self.world.peers[name]
        peer.on["message_received"] = message_received
        peer.on["connect_received"] = connect_received
        peer.on["batch_received"] = batch_received

    def do_mapper(self, some: bool) -> None:
        self.world.router.set_mapper("$G", Mapper() if some else None)

    def do_hook(self, some: bool) -> None:
        self.world.router.set_hook(Hook(self.world.log) if some else None)

    def do_settings(self, settings: RouterSettings) -> None:
        self.world.router.settings = settings

    def state(self) -> dict[str, Any]:
        """All that can be seen, and what happened."""
        state = self.world.state()
        state["writes"] = {name: peer.writes for name, peer in self.world.peers.items()}
        return state

    def matching(self) -> list[Any]:
        """Who would hear some subjects."""
        router = self.world.router
        return [list(router.matching("$G", subject)) for subject in (b"a", b"a.b", b"*", b"a..")]


@pytest.mark.usefixtures("both_backends")
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PUBSUB_AGREE_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
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
    oracle, other = (Player(backend, router, members) for backend in both_backends)
    for number, step in enumerate(steps):
        oracle.step(step)
        other.step(step)
        assert other.state() == oracle.state(), f"after step {number}: {step!r}"
    oracle.do_flush()
    other.do_flush()
    assert other.state() == oracle.state()
    assert other.matching() == oracle.matching()
