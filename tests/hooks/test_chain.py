"""Several hooks as one, and hooks that fail."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.task import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pubsub.errors import AuthorizationViolation, ClientFault, ConnectionThrottled
from pubsub.hooks.chain import HookChain, NamedHook
from pubsub.interfaces import IConnectionHook, Identity, ILink, IMessageHook
from tests.hooks.conftest import HookedServer

NO_LINK = cast(ILink, None)


@implementer(IMessageHook)
class Messages:
    """Answers as it is told; an exception is raised."""

    def __init__(self, name: str, log: list[Any], answer: Any = True) -> None:
        self.name = name
        self.log = log
        self.answer = answer

    def publishing(
        self, link: ILink, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        self.log.append((self.name, subject, reply, headers, payload))
        return cast(bool, self._say(self.answer))

    @staticmethod
    def _say(answer: Any) -> Any:
        if isinstance(answer, Exception) and not isinstance(answer, ClientFault):
            raise answer
        return answer


@implementer(IConnectionHook)
class Both(Messages):
    """Sees connections, too."""

    def __init__(self, name: str, log: list[Any], fault: Any = None) -> None:
        super().__init__(name, log)
        self.fault = fault

    def connecting(self, link: ILink, identity: Identity) -> ClientFault | None:
        self.log.append((self.name, identity.user))
        return cast("ClientFault | None", self._say(self.fault))

    def stop(self) -> None:
        self.log.append((self.name, "stop"))


def chain(*hooks: Messages, clock: Clock | None = None) -> HookChain:
    return HookChain([NamedHook(hook.name, hook) for hook in hooks], clock or Clock())


def publish(hooks: HookChain) -> bool:
    return hooks.publishing(NO_LINK, b"a", b"r", b"", b"x")


def test_it_is_a_hook() -> None:
    assert verifyObject(IMessageHook, chain())
    assert verifyObject(IConnectionHook, chain())


def test_without_hooks_everything_passes() -> None:
    assert publish(chain())
    assert chain().connecting(NO_LINK, Identity()) is None
    assert not chain().sees_connections


def test_they_are_asked_in_their_order_until_one_refuses() -> None:
    log: list[Any] = []
    hooks = chain(Messages("1", log), Messages("2", log, False), Messages("3", log))
    assert not publish(hooks)
    assert log == [("1", b"a", b"r", b"", b"x"), ("2", b"a", b"r", b"", b"x")]


def test_only_those_who_want_to_see_connections() -> None:
    log: list[Any] = []
    hooks = chain(Messages("1", log), Both("2", log), Both("3", log))
    assert hooks.sees_connections
    assert not chain(Messages("1", log)).sees_connections
    assert hooks.connecting(NO_LINK, Identity(user="ann")) is None
    assert log == [("2", "ann"), ("3", "ann")]


def test_the_first_that_refuses_a_client_ends_the_matter() -> None:
    log: list[Any] = []
    fault = ConnectionThrottled()
    hooks = chain(Both("1", log), Both("2", log, fault), Both("3", log))
    assert hooks.connecting(NO_LINK, Identity(user="ann")) is fault
    assert log == [("1", "ann"), ("2", "ann")]


def test_who_fails_refuses(logged_failures: Any) -> None:
    """Nobody gets around a check by breaking it."""
    log: list[Any] = []
    assert not publish(chain(Messages("1", log, RuntimeError("no")), Messages("2", log)))
    fault = chain(Both("1", log, RuntimeError("no"))).connecting(NO_LINK, Identity())
    assert isinstance(fault, AuthorizationViolation)
    assert "no" not in fault.wire
    assert len(log) == 2
    assert len(logged_failures.flush(RuntimeError)) == 2


def test_failures_are_logged_once_a_second(logged_failures: Any) -> None:
    clock = Clock()
    hooks = chain(Messages("1", [], RuntimeError("no")), clock=clock)
    for _ in range(5):
        publish(hooks)
    (first,) = logged_failures.flush(RuntimeError)
    clock.advance(1.0)
    publish(hooks)
    (second,) = logged_failures.flush(RuntimeError)
    assert (first["count"], second["count"]) == (1, 5)


def test_they_are_stopped_whatever_happens(logged_failures: Any) -> None:
    log: list[Any] = []
    first, second = Both("1", log), Both("2", log)

    def broken() -> None:
        raise RuntimeError("no")

    first.stop = broken  # type: ignore[method-assign]
    chain(first, Messages("3", log), second).stop()
    assert log == [("2", "stop")]
    assert len(logged_failures.flush(RuntimeError)) == 1


# --- on a server ------------------------------------------------------------------------


@pytest.fixture
def log() -> list[Any]:
    return []


def test_a_hook_sees_messages_of_clients(server: HookedServer, log: list[Any]) -> None:
    server.use(chain(Messages("1", log)))
    peer = server.connect(b'{"verbose":false,"headers":true}')
    peer.received()
    peer.send(b"SUB > 1\r\nPUB a r 2\r\nhi\r\nHPUB b 12 14\r\nNATS/1.0\r\n\r\nyo\r\n")
    assert log == [
        ("1", b"a", b"r", b"", b"hi"),
        ("1", b"b", b"", b"NATS/1.0\r\n\r\n", b"yo"),
    ]
    server.context.router.publish("$G", b"c", b"", b"", b"")
    assert len(log) == 2, "the server's own messages are its own business"


def test_what_is_refused_reaches_nobody(server: HookedServer, log: list[Any]) -> None:
    server.use(chain(Messages("1", log, False)))
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    assert peer.send(b"SUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\n") == b"PONG\r\n"
    server.context.router.set_hook(None)
    assert peer.send(b"PUB a 2\r\nhi\r\n") == b"MSG a 1 2\r\nhi\r\n"


def test_a_hook_that_fails_leaves_the_connection_alone(
    server: HookedServer, log: list[Any], logged_failures: Any
) -> None:
    server.use(chain(Messages("1", log, RuntimeError("no"))))
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    assert peer.send(b"SUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\n") == b"PONG\r\n"
    assert not peer.closing
    assert len(logged_failures.flush(RuntimeError)) == 1


@pytest.mark.parametrize("closes", [True, False])
def test_a_hook_may_close_its_client(server: HookedServer, closes: bool, log: list[Any]) -> None:
    class Closing(Messages):
        def publishing(self, link: ILink, *message: Any) -> bool:
            server.client_of(link).fault(ConnectionThrottled())
            return not closes

    server.use(chain(Closing("1", log)))
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    said = peer.send(b"SUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\n")
    assert said == ConnectionThrottled().to_bytes()
    assert peer.closing


def test_a_client_is_refused_before_it_is_anybody(server: HookedServer, log: list[Any]) -> None:
    hooks = chain(Both("1", log, ConnectionThrottled()))
    server.use(hooks, connections=True)
    peer = server.connect(b'{"verbose":false}')
    assert peer.received() == b""
    assert peer.closing
    assert server.context.accounts.connections("$G") == 0
