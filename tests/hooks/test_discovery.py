"""Hooks by name: installed ones, entry points, and what can be wrong with them."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any, cast

import pytest
from twisted.internet.task import Clock
from zope.interface import implementer

from pubsub.config.options import PluginOptions
from pubsub.errors import BackendUnavailable, InvalidOption
from pubsub.hooks.discovery import ENTRY_POINTS, make_hooks
from pubsub.interfaces import ILink, IMessageHook, IMessageHookPlugin, IServerAccess


class Access:
    """As much of a server as a hook is given here."""

    clock = Clock()


SERVER = cast(IServerAccess, Access())
LINK = cast(ILink, None)


@implementer(IMessageHook)
class Hook:
    """Lets pass what is not forbidden."""

    def __init__(self, options: Mapping[str, Any], server: IServerAccess) -> None:
        self.options = options
        self.server = server
        self.stopped = False

    def publishing(
        self, link: ILink, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        return subject.decode() not in self.options.get("forbidden", ())

    def stop(self) -> None:
        self.stopped = True


@implementer(IMessageHookPlugin)
class Plugin:
    """Makes hooks, and remembers them."""

    def __init__(self, name: str = "fake", error: Exception | None = None) -> None:
        self.name = name
        self.error = error
        self.made: list[Hook] = []

    def create(self, options: Mapping[str, Any], server: IServerAccess) -> IMessageHook:
        if self.error is not None:
            raise self.error
        self.made.append(Hook(options, server))
        return self.made[-1]


class Point:
    """An entry point, as far as it is looked at."""

    value = "somewhere:Thing"

    def __init__(self, name: str, thing: Any) -> None:
        self.name = name
        self.thing = thing

    def load(self) -> Any:
        if isinstance(self.thing, Exception):
            raise self.thing
        return self.thing


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> list[Point]:
    """The entry points that are installed."""
    installed: list[Point] = []

    def entry_points(group: str) -> list[Point]:
        assert group == ENTRY_POINTS
        return installed

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    return installed


def passes(chain: Any, subject: bytes) -> bool:
    return cast(bool, chain.publishing(LINK, subject, b"", b"", b""))


def test_hooks_are_made_in_their_order_with_their_options() -> None:
    one, two = Plugin("one"), Plugin("two")
    wanted = [
        PluginOptions("two", {"forbidden": ["a"]}),
        PluginOptions("one"),
        PluginOptions("two", {"forbidden": ["b"]}),
    ]
    chain = make_hooks(wanted, SERVER, [one, two])
    assert [hook.options for hook in two.made] == [{"forbidden": ["a"]}, {"forbidden": ["b"]}]
    assert one.made[0].server is SERVER
    assert [passes(chain, subject) for subject in (b"a", b"b", b"c")] == [False, False, True]
    chain.stop()
    assert all(hook.stopped for hook in (*one.made, *two.made))


def test_of_two_with_one_name_the_first_counts() -> None:
    first, second = Plugin(), Plugin()
    make_hooks([PluginOptions("fake")], SERVER, [first, second])
    assert (len(first.made), len(second.made)) == (1, 0)


def test_the_rate_limiter_is_installed() -> None:
    chain = make_hooks([PluginOptions("rate_limit")], SERVER)
    assert chain.sees_connections


def test_a_plugin_may_be_an_entry_point(points: list[Point]) -> None:
    plugin = Plugin("mine")
    points.append(Point("mine", plugin))
    make_hooks([PluginOptions("mine")], SERVER)
    assert len(plugin.made) == 1


def test_an_entry_point_may_be_a_class(points: list[Point]) -> None:
    points.append(Point("mine", Plugin))
    assert passes(make_hooks([PluginOptions("mine")], SERVER), b"a")


def test_an_entry_point_nobody_asks_for_is_not_loaded(points: list[Point]) -> None:
    points.append(Point("mine", ImportError("broken")))
    make_hooks([PluginOptions("rate_limit")], SERVER)


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (ImportError("no module"), "cannot be loaded: ImportError: no module"),
        (object, "is no IMessageHookPlugin"),
        (lambda: 1 / 0, "cannot be loaded: ZeroDivisionError"),
    ],
)
def test_a_broken_entry_point_says_what_is_wrong(
    points: list[Point], thing: Any, text: str
) -> None:
    points.append(Point("mine", thing))
    with pytest.raises(BackendUnavailable, match=text):
        make_hooks([PluginOptions("mine")], SERVER)


def test_a_name_nobody_has(points: list[Point]) -> None:
    points.append(Point("theirs", Plugin))
    with pytest.raises(BackendUnavailable, match=r"'missing'; those installed are: .*rate_limit"):
        make_hooks([PluginOptions("missing")], SERVER)
    with pytest.raises(BackendUnavailable, match="theirs"):
        make_hooks([PluginOptions("missing")], SERVER)
    with pytest.raises(BackendUnavailable, match="those installed are: none"):
        make_hooks([PluginOptions("missing")], SERVER, [])


def test_errors_in_options_are_the_users() -> None:
    with pytest.raises(InvalidOption, match="wrong"):
        make_hooks([PluginOptions("fake")], SERVER, [Plugin(error=InvalidOption("wrong"))])


def test_other_errors_are_the_plugins() -> None:
    with pytest.raises(BackendUnavailable, match="'fake' cannot be made: KeyError: 'x'"):
        make_hooks([PluginOptions("fake")], SERVER, [Plugin(error=KeyError("x"))])


def test_if_one_cannot_be_made_the_others_are_stopped() -> None:
    good, bad = Plugin("good"), Plugin("bad", InvalidOption("wrong"))
    with pytest.raises(InvalidOption):
        make_hooks([PluginOptions("good"), PluginOptions("bad")], SERVER, [good, bad])
    assert good.made[0].stopped
