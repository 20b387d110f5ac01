"""Subjects that only servers may publish to."""

from __future__ import annotations

import pytest

from pubsub.interfaces import PeerKind, RouterSettings
from pubsub.router.python.backend import PythonRouter
from pubsub.router.python.link import PythonLink
from pubsub.router.python.publish import is_reserved
from tests.router.recording import Recorder


@pytest.mark.parametrize(
    ("kind", "account", "subject", "reserved"),
    [
        (PeerKind.CLIENT, "$G", b"_GR_.x", True),
        (PeerKind.CLIENT, "$G", b"$NRG.x", True),
        (PeerKind.CLIENT, "$SYS", b"$NRG.x", False),
        (PeerKind.CLIENT, "$SYS", b"_GR_.x", True),
        (PeerKind.CLIENT, "$G", b"$SYS.x", False),
        (PeerKind.LEAF, "$G", b"_GR_.x", False),
        (PeerKind.INTERNAL, "$G", b"$NRG.x", False),
    ],
)
def test_reserved_subjects(kind: PeerKind, account: str, subject: bytes, reserved: bool) -> None:
    router = PythonRouter(RouterSettings())
    link = PythonLink(router, Recorder("a", []), kind, 1, router.home(account))
    assert is_reserved(link, subject) is reserved


def test_leafs_are_mapped_and_routes_are_not() -> None:
    class Mapper:
        def map(self, subject: bytes) -> tuple[bytes, bool]:
            return b"mapped", True

    router = PythonRouter(RouterSettings())
    reader = Recorder("i", [])
    reader.link = router.attach(reader, PeerKind.INTERNAL, 1, "$G")
    reader.link.subscribe(b">", b"", b"1")
    router.set_mapper("$G", Mapper())  # type: ignore[arg-type]
    for kind in (PeerKind.LEAF, PeerKind.ROUTE):
        router.attach(Recorder("x", []), kind, 2, "$G").publish(b"a", b"", b"", b"")
    assert [call[3] for call in reader.log] == [b"mapped", b"a"]
