"""Which authenticators there are, and in which order they are asked."""

from __future__ import annotations

import importlib.metadata
from types import SimpleNamespace

import pytest
from zope.interface import implementer

from pubsub.auth.anonymous import AnonymousPlugin
from pubsub.auth.discovery import ENTRY_POINTS, make_authenticators
from pubsub.auth.token import TokenPlugin
from pubsub.auth.userpass import UserPassPlugin
from pubsub.config.options import AuthorizationOptions, Options, PluginOptions
from pubsub.errors import BackendUnavailable, InvalidOption, NotConfigured
from pubsub.interfaces import IAuthenticatorPlugin

BUILT_IN = [AnonymousPlugin(), UserPassPlugin(), TokenPlugin()]


@implementer(IAuthenticatorPlugin)
class Plugin:
    """Somebody else's plugin, which makes what it is told to."""

    order = 5

    def __init__(self, name="other", error=None):
        self.name = name
        self.error = error
        self.given = []

    def create(self, options):
        if self.error is not None:
            raise self.error
        self.given.append((options.authorization.plugin, options.authorization.options))
        return SimpleNamespace(required=True)


def made(installed, **authorization):
    options = Options(authorization=AuthorizationOptions(**authorization))
    return make_authenticators(options, installed)


def names(installed, **authorization):
    return [one.name for one in made(installed, **authorization)]


def test_ours_are_asked_in_their_order_if_they_are_configured():
    assert names(BUILT_IN) == ["anonymous"]
    assert names(BUILT_IN, token="t") == ["token"]
    assert names(BUILT_IN, user="u", token="t") == ["token", "userpass"]


def test_a_plugin_is_asked_first_and_only_when_named():
    plugins = [*BUILT_IN, Plugin("other"), Plugin("another")]
    assert names(plugins, user="u", plugin="other") == ["other", "userpass"]
    assert names(plugins, user="u") == ["userpass"]
    assert names(plugins, plugin="another") == ["another"]
    assert [one.built_in for one in made(plugins, user="u", plugin="other")] == [False, True]


def test_several_are_asked_as_they_are_written():
    plugins = [*BUILT_IN, Plugin("a"), Plugin("b"), Plugin("c")]
    written = (PluginOptions("c"), PluginOptions("a"))
    assert names(plugins, token="t", plugins=written) == ["c", "a", "token"]
    assert names(plugins, plugin="b", plugins=written) == ["b", "c", "a"]


def test_each_is_given_its_own_options():
    plugin = Plugin("a")
    made(
        [plugin],
        plugin="a",
        options={"x": 0},
        plugins=(PluginOptions("a", {"x": 1}), PluginOptions("a", {"x": 2})),
    )
    assert plugin.given == [("a", {"x": 0}), ("a", {"x": 1}), ("a", {"x": 2})]


def test_one_of_ours_that_is_named_has_the_place_it_is_given():
    plugins = [*BUILT_IN, Plugin("a")]
    written = (PluginOptions("userpass"), PluginOptions("a"))
    assert names(plugins, user="u", token="t", plugins=written) == ["userpass", "a", "token"]


def test_of_two_with_one_name_the_first_that_was_found_counts():
    first, second = Plugin("a"), Plugin("a")
    assert names([first, second], plugin="a") == ["a"]
    assert (len(first.given), len(second.given)) == (1, 0)


def test_a_plugin_that_is_not_there():
    with pytest.raises(BackendUnavailable, match=r"'x'; those installed are: anonymous, "):
        made(BUILT_IN, plugin="x")
    with pytest.raises(BackendUnavailable, match="'x'; those installed are: none"):
        made([], plugins=(PluginOptions("x"),))


@pytest.mark.parametrize(
    ("error", "raised", "match"),
    [
        (NotConfigured("no url"), BackendUnavailable, "'a': no url"),
        (ZeroDivisionError("oh"), BackendUnavailable, "'a' cannot be made: ZeroDivisionError: oh"),
        (InvalidOption("bad"), InvalidOption, "bad"),
        (BackendUnavailable("gone"), BackendUnavailable, "gone"),
    ],
)
def test_a_plugin_that_cannot_be_made(error, raised, match):
    with pytest.raises(raised, match=match):
        made([Plugin("a", error)], plugin="a")


class TestEntryPoints:
    @pytest.fixture
    def installed(self, monkeypatch):
        """Packages whose entry points are these."""
        points = {}

        def entry_points(group):
            assert group == ENTRY_POINTS
            return [
                importlib.metadata.EntryPoint(name, value, group) for name, value in points.items()
            ]

        monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
        return points

    def names(self, name):
        options = Options(authorization=AuthorizationOptions(plugin=name))
        return [one.name for one in make_authenticators(options)][:1]

    def test_a_class_that_makes_a_plugin(self, installed):
        installed["other"] = f"{__name__}:Plugin"
        assert self.names("other") == ["other"]

    def test_a_plugin(self, installed, monkeypatch):
        monkeypatch.setattr(Plugin, "ready", Plugin("other"), raising=False)
        installed["other"] = f"{__name__}:Plugin.ready"
        assert self.names("other") == ["other"]
        assert len(Plugin.ready.given) == 1

    def test_only_the_one_that_is_named_is_loaded(self, installed):
        installed["broken"] = "no.such.module:Plugin"
        installed["other"] = f"{__name__}:Plugin"
        assert self.names("other") == ["other"]

    def test_ours_cannot_be_replaced(self, installed):
        installed["users"] = "no.such.module:Plugin"
        assert self.names("users") == ["users"]

    @pytest.mark.parametrize(
        ("value", "match"),
        [
            ("no.such.module:Plugin", "ModuleNotFoundError"),
            (f"{__name__}:Plugout", "AttributeError"),
            (f"{__name__}:names", "TypeError|IAuthenticatorPlugin"),
            ("builtins:list", "is no IAuthenticatorPlugin"),
        ],
    )
    def test_one_that_cannot_be_loaded(self, installed, value, match):
        installed["other"] = value
        with pytest.raises(BackendUnavailable, match=f"'other'.*({match})"):
            self.names("other")

    def test_the_names_of_all_are_told(self, installed):
        installed["other"] = "x:Y"
        with pytest.raises(BackendUnavailable, match=r"'x'; those installed are: .*other.*token"):
            self.names("x")
