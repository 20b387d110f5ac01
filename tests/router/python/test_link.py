"""What only a link in Python says of itself."""

from __future__ import annotations

from pubsub.interfaces import PeerKind, RouterSettings
from pubsub.router.python.backend import PythonRouter
from pubsub.router.python.link import PythonLink
from tests.router.recording import Recorder


def new_link() -> PythonLink:
    router = PythonRouter(RouterSettings())
    return PythonLink(router, Recorder("a", []), PeerKind.CLIENT, 1, router.home("$G"))


def test_it_leaves_descriptors_to_the_transport() -> None:
    link = new_link()
    assert link.bind(3, None) is False
    assert link.unbind() == b""
    assert (link.read_ready(), link.write_ready()) == (-1, -1)


def test_it_has_no_dictionary() -> None:
    """There is one for each connection: they are kept small."""
    assert not hasattr(new_link(), "__dict__")


def test_pausing_twice_keeps_the_time_of_the_first() -> None:
    times = iter([1.0, 2.0])
    router = PythonRouter(RouterSettings(), monotonic=lambda: next(times))
    link = router.attach(Recorder("a", []), PeerKind.CLIENT, 1, "$G")
    link.pause_output()
    link.pause_output()
    assert link.blocked_since == 1.0


def test_a_closed_link_holds_nothing_but_its_output() -> None:
    link = new_link()
    link.feed(b"PUB a 100\r\n" + b"x" * 50)
    link.subscribe(b"a", b"", b"1")
    link.close()
    left = (link.body, link.kept, link.backlog, link.plans, link.routes, link.subs)
    assert not any(left)


def test_a_closed_link_stays_in_its_account() -> None:
    link = new_link()
    link.close()
    link.account = "elsewhere"
    assert link.account == "$G"
