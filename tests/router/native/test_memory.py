"""Who keeps whom alive: links, routers, payloads, predicates."""

from __future__ import annotations

import gc
import platform
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from pubsub.interfaces import ILink, IRouter, PeerKind, RouterSettings
from tests.router.native.sockets import Sockets
from tests.router.recording import QUIET, Recorder, native_backend

pytestmark = pytest.mark.skipif(
    platform.python_implementation() != "CPython", reason="counts references"
)


@pytest.fixture
def router() -> IRouter:
    return native_backend().create(RouterSettings(seed=1))


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Reference counts alone have to do it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _attach(router: IRouter, cid: int = 1) -> tuple[Recorder, ILink]:
    handler = Recorder("peer", [])
    link = router.attach(handler, PeerKind.CLIENT, cid, "$G")
    handler.link = link
    link.options = QUIET
    return handler, link


def test_a_link_that_is_closed_and_forgotten_is_freed(
    router: IRouter, without_collector: None
) -> None:
    handler, link = _attach(router)
    link.feed(b"SUB a.* q 1\r\nPUB a.b 1\r\nx\r\nPUB a.b 10\r\nhalf")
    reference = weakref.ref(handler)
    link.close()
    del handler.link
    del link, handler
    assert reference() is None
    assert list(router.subscriptions()) == []


def test_predicates_and_what_they_refer_to_are_freed_with_the_link(
    router: IRouter, without_collector: None
) -> None:
    class Token:
        """Something that can be referred to weakly."""

    token = Token()
    reference = weakref.ref(token)
    handler, link = _attach(router)
    link.set_permissions(
        lambda subject, kept=token: True,  # type: ignore[misc]
        lambda subject, queue, kept=token: True,  # type: ignore[misc]
        lambda subject, kept=token: True,  # type: ignore[misc]
    )
    link.feed(b"SUB a 1\r\nPUB a 1\r\nx\r\n")
    del token
    assert reference() is not None
    link.close()
    assert reference() is None
    del handler.link


def test_a_router_is_freed_with_its_last_link(without_collector: None) -> None:
    router = native_backend().create(RouterSettings(seed=1))
    reference = weakref.ref(router)
    handler, link = _attach(router)
    link.feed(b"SUB a.> 1\r\nPUB a.b 1\r\nx\r\n")
    del router
    assert reference() is not None
    link.close()
    del handler.link, link, handler
    assert reference() is None


def test_a_router_and_its_links_in_a_cycle_are_collected() -> None:
    router = native_backend().create(RouterSettings(seed=1))
    handler, link = _attach(router)
    link.feed(b"SUB a 1\r\n")
    references = [weakref.ref(router), weakref.ref(handler)]
    handler.on["stall"] = lambda seconds, kept=router: None
    link.close()
    del router, handler, link
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_a_link_that_waits_to_be_flushed_may_be_forgotten(router: IRouter) -> None:
    handler, link = _attach(router)
    other_handler, other = _attach(router, 2)
    link.write(b"never\r\n")
    other.write(b"seen\r\n")
    link.close()
    del handler.link, link, handler
    gc.collect()
    router.flush()
    assert other_handler.output == b"seen\r\n"


def test_an_unbound_transport_is_not_kept(sockets: Sockets, without_collector: None) -> None:
    end = sockets.end()
    reference = weakref.ref(end.transport)
    end.link.unbind()
    del end.transport
    assert reference() is None


def _count(thing: Any) -> int:
    return sys.getrefcount(thing)


def test_calls_take_and_give_back_what_they_are_given(router: IRouter) -> None:
    """References of the objects that cross into the compiled units a thousand times."""
    handler, link = _attach(router)
    data, settings, options = b"PUB a.b 3\r\nabc\r\n" + b"SUB x 1\r\n", router.settings, QUIET
    given: list[Any] = [data, settings, options, handler, link]

    def work() -> None:
        link.feed(data)
        link.write(data)
        link.feed(b"UNSUB x\r\n")
        link.options = options
        router.settings = settings
        router.publish("$G", data[:3], b"", b"", data)
        link.set_permissions(None, None, None)
        link.counters()
        list(router.subscriptions())
        router.flush()
        handler.output = b""
        handler.writes.clear()

    work()
    before = [_count(thing) for thing in given]
    for _ in range(1000):
        work()
    assert [_count(thing) for thing in given] == before
    link.close()
    del handler.link


def test_memory_does_not_grow_with_traffic(sockets: Sockets) -> None:
    """Payload blocks, chunks and bodies are given back: the second half needs no more."""
    resource = pytest.importorskip("resource")
    reader, writer = sockets.end(), sockets.end()
    reader.send(b"SUB a.> 1\r\nSUB a.b 2\r\nSUB a.* q 3\r\n")
    payload = bytes(150_000)

    def work(rounds: int) -> None:
        for number in range(rounds):
            writer.send(b"PUB a.b 150000\r\n" + payload + b"\r\n")
            writer.send(b"PUB a.%d 1\r\nx\r\n" % (number % 7))
            assert len(reader.drain()) > 300_000

    work(40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work(80)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 8 * 1024  # KiB; each round alone moved 600 KiB


def test_a_link_cannot_be_made_by_hand() -> None:
    engine = pytest.importorskip("pubsub.router.native.engine")
    with pytest.raises(TypeError, match="attach"):
        engine.NativeLink()
