"""One account: versions, counters."""

from __future__ import annotations

from pubsub.interfaces import PeerKind, RouterSettings
from pubsub.router.python.account import Account
from pubsub.router.python.backend import PythonRouter
from tests.router.recording import QUIET, Recorder


def account() -> Account:
    return Account("X", True, lambda *change: None, lambda *change: None, float)


def test_its_version_goes_up_with_every_change() -> None:
    home = account()
    seen = [home.version]
    home.set_caching(False)
    seen.append(home.version)
    home.set_mapper(None)
    seen.append(home.version)
    assert seen == sorted(set(seen))


def test_only_the_system_account_is_the_system_account() -> None:
    router = PythonRouter(RouterSettings())
    assert [router.home(name).is_system for name in ("$SYS", "$G")] == [True, False]
    router.system_account = "OURS"
    names = ("$SYS", "$G", "OURS")
    assert [router.home(name).is_system for name in names] == [False, False, True]


def test_matches_and_hits_are_counted() -> None:
    home = account()
    home.match(b"a")
    home.match(b"a")
    home.find(b"a")
    assert (home.matches, home.hits) == (2, 1)


def test_interest_of_other_servers_is_not_told_on() -> None:
    told: list[object] = []

    class Listener:
        def interest_changed(self, *change: object) -> None:
            told.append(change)

    router = PythonRouter(RouterSettings())
    router.add_interest_listener(Listener())  # type: ignore[arg-type]
    for kind in (PeerKind.ROUTE, PeerKind.GATEWAY, PeerKind.LEAF):
        link = router.attach(Recorder(kind.name, []), kind, 1, "$G")
        link.subscribe(kind.name.encode(), b"", b"1")
    assert told == [("$G", b"LEAF", b"", 1)]


def test_what_servers_pass_on_is_not_counted_as_their_clients() -> None:
    router = PythonRouter(RouterSettings())
    link = router.attach(Recorder("r", []), PeerKind.ROUTE, 1, "$G")
    link.options = QUIET
    link.publish(b"a", b"", b"", b"x")
    assert tuple(router.account_counters("$G")) == (0, 0, 0, 0)
    link.close()
    assert tuple(router.account_counters("$G")) == (0, 0, 0, 0)
