"""One subscription."""

from __future__ import annotations

from pubsub.interfaces import PeerKind, RouterSettings, SubscriptionInfo
from pubsub.router.python.backend import PythonRouter
from pubsub.router.python.link import PythonLink
from pubsub.router.python.subscription import Subscription
from tests.router.recording import Recorder


def test_it_describes_itself() -> None:
    router = PythonRouter(RouterSettings())
    link = PythonLink(router, Recorder("a", []), PeerKind.CLIENT, 7, router.home("X"))
    sub = Subscription(link, link.home, b"foo.*", b"q", b"s1", 3)
    assert sub.active
    sub.delivered, sub.max = 2, 5
    assert sub.info() == SubscriptionInfo("X", 7, b"s1", b"foo.*", b"q", 2, 5)
