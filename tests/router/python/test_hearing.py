"""What servers hear, in the index and on their link."""

from __future__ import annotations

import pytest

from pubsub.interfaces import PeerKind, RouterSettings
from pubsub.router.python.hearing import hear, unhear
from pubsub.router.python.link import PythonLink
from pubsub.router.python.router import PythonRouter
from tests.router.recording import Recorder


@pytest.fixture
def link() -> PythonLink:
    router = PythonRouter(RouterSettings(seed=1))
    return PythonLink(router, Recorder("r", []), PeerKind.ROUTE, 1, router.home("$G"))


def test_what_is_heard_is_known_by_all_that_it_is(link: PythonLink) -> None:
    for origin, account, subject, queue in (
        (b"", "$G", b"a", b""), (b"L", "$G", b"a", b""), (b"", "X", b"a", b""),
        (b"", "$G", b"b", b""), (b"", "$G", b"a", b"q"),
    ):  # fmt: skip
        assert hear(link, account, subject, queue, 1, origin)
        assert (origin, account, subject, queue) in link.heard
    assert len(link.heard) == 5
    unhear(link, "$G", b"a", b"", b"L")
    assert len(link.heard) == 4
    assert link.subs == {}


def test_a_new_weight_makes_no_new_entry(link: PythonLink) -> None:
    hear(link, "$G", b"a", b"q", 2, b"")
    (entry,) = link.heard.values()
    hear(link, "$G", b"a", b"q", 5, b"")
    assert list(link.heard.values()) == [entry]
    assert entry.weight == 5
    assert link.router.home("$G").index.inserts == 1


def test_without_a_group_there_is_no_weight(link: PythonLink) -> None:
    hear(link, "$G", b"a", b"", 5, b"")
    assert [entry.weight for entry in link.heard.values()] == [1]
