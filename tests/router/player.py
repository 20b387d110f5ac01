"""Takes a router through a conversation, and says all that can be seen of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from zope.interface import implementer

from pubsub.interfaces import (
    ILink,
    IMessageHook,
    IRouterBackend,
    IStreamImports,
    ISubjectMapper,
    LinkOptions,
    PeerKind,
    ResponsePermission,
    RouterSettings,
    ServerPeer,
    ServiceRoute,
    ShadowSubscription,
)
from pubsub.router.subjects import is_valid_pattern, overlaps
from tests.router.importing import Interest, Observer
from tests.router.recording import World
from tests.router.serving import NAMES, Subscriptions, stop_clock

Step = tuple[Any, ...]


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


class Listener(Interest):
    """Writes into the log of its world."""

    def __init__(self, log: list[Step]) -> None:
        super().__init__()
        self.log = log

    def interest_changed(self, account: str, subject: bytes, queue: bytes, members: int) -> None:
        self.log.append(("interest", account, subject, queue, members))


class SubscriptionListener(Subscriptions):
    """Writes into the log of its world."""

    def __init__(self, log: list[Step]) -> None:
        super().__init__()
        self.log = log

    def subscription_changed(self, link: ILink | None, *change: Any) -> None:
        self.log.append(("subscription", None if link is None else link.cid, *change))


@implementer(IStreamImports)
class Streams:
    """Rows of: what is subscribed to here, the account, what that means there, a mapper."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows

    def shadows(self, subject: bytes) -> Sequence[ShadowSubscription]:
        return [
            ShadowSubscription(account, subject if dynamic else there, mapper)
            for here, account, there, mapper, dynamic in self.rows
            if overlaps(subject, here)
        ]


SERVERS = (PeerKind.ROUTE, PeerKind.GATEWAY, PeerKind.LEAF)


def written(link: ILink, what: str, *fields: Any) -> bytes:
    """What a server says, as one at the other end of ``link`` writes it."""
    if what == "raw":
        return bytes(fields[0])
    return (_message if what == "message" else _interest)(link, *fields)


def _message(
    link: ILink, account: str, subject: bytes, reply: bytes, groups: list[bytes], origin: bytes,
    headers: bytes, payload: bytes,
) -> bytes:  # fmt: skip
    verb, row = b"LMSG", [subject]
    sizes = [b"%d" % (len(headers) + len(payload))]
    if headers:
        verb = b"HMSG"
        sizes.insert(0, b"%d" % len(headers))
    if link.kind != PeerKind.LEAF:
        verb = verb if headers else b"RMSG"
        row = [subject] if link.peer.account else [account.encode(), subject]
        if origin and link.kind == PeerKind.ROUTE:
            verb, sizes = b"LMSG", [b"%d" % len(headers), sizes[-1]]
            row.insert(0, origin)
    if groups:
        row += [b"+", reply] if reply else [b"|"]
        row += groups
    elif reply:
        row.append(reply)
    return b" ".join([verb, *row, *sizes]) + b"\r\n" + headers + payload + b"\r\n"


def _interest(
    link: ILink, account: str, subject: bytes, queue: bytes, weight: int, origin: bytes, more: bool
) -> bytes:
    verb, row = b"LS", [subject]
    if link.kind != PeerKind.LEAF:
        row.insert(0, account.encode())
        if origin and link.kind == PeerKind.ROUTE:
            row.insert(0, origin)
        else:
            verb = b"RS"
    if queue:
        row += [queue, b"%d" % weight] if more else [queue]
    return b" ".join([verb + (b"+" if more else b"-"), *row]) + b"\r\n"


#: What a service is asked with.
REPLY = re.compile(rb"(?:_GR_\.\w{6}\.\w{6}\.)?_R_\.\w{6}\.\w{8}")


class Player:
    """Takes one router through a conversation.

    :param timed: time passes only in steps. Only what gateways remember goes by that.
    """

    def __init__(
        self,
        backend: IRouterBackend,
        router: RouterSettings,
        members: list[Any],
        timed: bool = False,
    ) -> None:
        self.world = World(backend, router)
        self.clock = stop_clock(self.world) if timed else None
        self.world.router.add_interest_listener(Listener(self.world.log))
        self.world.router.add_subscription_listener(SubscriptionListener(self.world.log))
        for name, (kind, account, options) in zip("abcde"[: len(members)], members, strict=True):
            self.world.attach(name, kind=kind, account=account)
            self.do_options(name, options)
            self._obey(name)
        # So that there is something to see from the first message on.
        self.do_feed("a", b"SUB a 1\r\nSUB a.> 2\r\nSUB _INBOX.x.* 3\r\n", [])
        self.do_feed("b", b"SUB * q 1\r\nSUB a.b q 2\r\n", [])
        self.do_feed("c", b"SUB > 1\r\n", [])
        self.do_subscribe("c", b">", b"", b"1")

    def _obey(self, name: str) -> None:
        """What a server says it wants to hear it does hear, if it can be read."""
        link = self._link(name)

        def interest_received(verb: bytes, argument: bytes) -> None:
            fields = argument.decode("latin-1").split(" ")
            routed = link.kind != PeerKind.LEAF
            origin = fields.pop(0).encode() if routed and verb[:1] == b"L" and fields else b""
            account = fields.pop(0) if routed and fields else link.account
            row = [field.encode("latin-1") for field in fields]
            if len(row) == 3 and verb[2:] == b"+":
                link.hear(account, row[0], row[1], int(row[2]), origin)
            elif len(row) == 1 and verb[2:] == b"+":
                link.hear(account, row[0], b"", 1, origin)
            elif row and verb[2:] == b"-":
                link.unhear(account, row[0], b"".join(row[1:2]), origin)

        self.world.peers[name].on["interest_received"] = interest_received

    def _link(self, name: str) -> ILink:
        return self.world.peers[name].link

    def step(self, step: Step) -> None:
        method: Callable[..., None] = getattr(self, f"do_{step[0]}")
        method(*step[1:])

    def do_feed(self, name: str, data: bytes, cuts: list[int]) -> None:
        if self._link(name).kind == PeerKind.CLIENT:
            self._feed(name, data, cuts)

    def _feed(self, name: str, data: bytes, cuts: list[int]) -> None:
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

    def do_permissions(self, name: str, some: bool, responses: ResponsePermission | None) -> None:
        if responses is not None and self.clock is not None:
            responses = replace(responses, expires=0.0)
        if some and self._link(name).kind in (PeerKind.CLIENT, PeerKind.LEAF):
            self._link(name).set_permissions(
                lambda subject: subject != b"denied" and not subject.startswith(b"_"),
                lambda subject, queue: subject != b"denied" and queue != b"r",
                lambda subject, queue: subject != b"b" and (subject, queue) != (b"a.b", b"q"),
                responses,
            )
        else:
            self._link(name).set_permissions(None, None, None, responses)

    def do_clear(self, name: str) -> None:
        self._link(name).clear_subscriptions()

    def do_account(self, name: str, account: str) -> None:
        if not self._link(name).closed:
            self._link(name).clear_subscriptions()
            self._link(name).account = account

    def do_subscribe(self, name: str, subject: bytes, queue: bytes, sid: bytes) -> None:
        link = self._link(name)
        if link.kind in (PeerKind.INTERNAL, PeerKind.SINK) and is_valid_pattern(subject):
            self.world.log.append(("subscribed", link.subscribe(subject, queue, sid)))

    def do_unsubscribe(self, name: str, sid: bytes, maximum: int) -> None:
        self._link(name).unsubscribe(sid, maximum)

    def do_publish(
        self, name: str, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> None:
        if self._link(name).kind not in SERVERS:
            count = self._link(name).publish(subject, reply, headers, payload)
            self.world.log.append(("published", count))

    def do_serve(self, name: str, said: list[Step], times: int, cuts: list[int]) -> None:
        """What another server says, in the words of one of its kind."""
        if self._link(name).kind in SERVERS:
            lines = [written(self._link(name), *item) for item in said]
            self._feed(name, b"".join(lines) * times, cuts)

    def do_peer(self, name: str, peer: ServerPeer) -> None:
        if self._link(name).kind == PeerKind.GATEWAY:
            peer = replace(peer, account="")
        if self._link(name).kind in SERVERS:
            self._link(name).peer = peer

    def do_gateways(self, names: list[str]) -> None:
        links = [self._link(name) for name in names]
        use = [link for link in links if link.kind == PeerKind.GATEWAY]
        self.world.router.use_gateways(NAMES, use)

    def do_advance(self, seconds: float) -> None:
        assert self.clock is not None
        self.clock.advance(seconds)

    def do_hear(
        self, name: str, account: str, subject: bytes, queue: bytes, weight: int, origin: bytes
    ) -> None:
        link = self._link(name)
        if link.kind == PeerKind.LEAF:
            account, origin = link.account, b""
        if link.kind in SERVERS:
            heard = link.hear(account, subject, queue, weight, origin)
            self.world.log.append(("heard", heard))

    def do_unhear(
        self, name: str, account: str, subject: bytes, queue: bytes, origin: bytes
    ) -> None:
        link = self._link(name)
        if link.kind == PeerKind.LEAF:
            account, origin = link.account, b""
        if link.kind in SERVERS:
            link.unhear(account, subject, queue, origin)

    def do_server(
        self, account: str, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> None:
        count = self.world.router.publish(account, subject, reply, headers, payload)
        self.world.log.append(("published", count))

    def do_streams(self, account: str, rows: list[Any]) -> None:
        rows = [row for row in rows if row[1] != account]
        self.world.router.set_stream_imports(account, Streams(rows) if rows else None)

    def do_services(self, account: str, routes: list[ServiceRoute], observed: bool) -> None:
        observer = Observer(self.world.log) if observed else None
        routes = [replace(r, observer=observer) for r in routes if r.account != account]
        self.world.router.set_service_imports(account, routes)

    def do_respond(self, name: str, reply: bytes, payload: bytes) -> None:
        """Answer the last request that crossed; ``""`` is a peer that got it."""
        self.do_flush()
        for peer in self.world.peers.values():
            asked = REPLY.findall(peer.output)
            if asked:
                self._respond(name or peer.name, asked[-1], reply, payload)
                return

    def _respond(self, name: str, subject: bytes, reply: bytes, payload: bytes) -> None:
        link = self._link(name)
        if link.kind not in SERVERS:
            # It was shown the subject alone.
            self.do_publish(name, subject[subject.index(b"_R_") :], reply, b"", payload)
            return
        for account in ("",) if link.kind == PeerKind.LEAF else ("$G", "A", "B"):
            line = written(link, "message", account, subject, reply, [], b"", b"", payload)
            self._feed(name, line, [])

    def do_expire(self) -> None:
        self.world.log.append(("expired", self.world.router.expire_responses()))

    def do_forget(self, name: str) -> None:
        self._link(name).forget_request_info()

    def do_system(self, account: str) -> None:
        self.world.router.system_account = account

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
        if link.kind in SERVERS:
            return
        peer.on["message_received"] = message_received
        peer.on["connect_received"] = connect_received
        peer.on["batch_received"] = batch_received

    def do_mapper(self, account: str, some: bool) -> None:
        self.world.router.set_mapper(account, Mapper() if some else None)

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
        return [
            list(router.matching(account, subject))
            for account in router.accounts()
            for subject in (b"a", b"a.b", b"*", b"a..", b"_INBOX.x.1")
        ]
