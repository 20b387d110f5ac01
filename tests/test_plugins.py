"""Plugins are found by name, and cost nothing until they are used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.application.reactors import getReactorTypes
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pubsub.errors import BackendUnavailable, NotConfigured
from pubsub.interfaces import (
    IAuthenticatorPlugin,
    IMessageHookPlugin,
    IRouterBackend,
    RouterSettings,
)
from pubsub.plugins import (
    LazyAuthenticatorPlugin,
    LazyMessageHookPlugin,
    LazyRouterBackend,
    installed,
)
from twisted import plugins


@implementer(IRouterBackend)
class FakeBackend:
    """Records nothing: its answers show that it was asked."""

    name = "fake"
    priority = 1
    reason = ""

    def unavailable(self) -> str:
        return self.reason

    def create(self, settings: RouterSettings) -> Any:
        return ("a router", settings)


class BrokenBackend(FakeBackend):
    reason = "it is broken"


@implementer(IAuthenticatorPlugin)
class FakeAuthenticatorPlugin:
    name = "fake"
    order = 1

    def create(self, options: Any) -> Any:
        if options is None:
            raise NotConfigured
        return ("an authenticator", options)


@implementer(IMessageHookPlugin)
class FakeHookPlugin:
    name = "fake"

    def create(self, options: Any, server: Any) -> Any:
        return ("a hook", options, server)


def test_a_lazy_backend_is_a_backend_that_hands_on_to_the_real_one() -> None:
    backend = LazyRouterBackend("fake", 1, f"{__name__}:FakeBackend")
    assert verifyObject(IRouterBackend, backend)
    assert backend.unavailable() == ""
    settings = RouterSettings(max_pending=5)
    assert backend.create(settings) == ("a router", settings)


def test_a_backend_that_cannot_run_is_refused_with_its_own_reason() -> None:
    backend = LazyRouterBackend("fake", 1, f"{__name__}:BrokenBackend")
    assert backend.unavailable() == "it is broken"
    with pytest.raises(BackendUnavailable, match="it is broken"):
        backend.create(RouterSettings())


def test_a_backend_that_was_not_compiled_says_so() -> None:
    backend = LazyRouterBackend("absent", 1, "pubsub.router.absent.backend:Backend")
    assert "'absent' cannot be loaded: No module named" in backend.unavailable()
    with pytest.raises(BackendUnavailable, match=r"pubsub\.router\.absent"):
        backend.create(RouterSettings())


def test_a_lazy_authenticator_plugin_hands_on_to_the_real_one() -> None:
    plugin = LazyAuthenticatorPlugin("fake", 1, f"{__name__}:FakeAuthenticatorPlugin")
    assert verifyObject(IAuthenticatorPlugin, plugin)
    assert plugin.create("options") == ("an authenticator", "options")
    with pytest.raises(NotConfigured):
        plugin.create(None)


def test_a_lazy_hook_plugin_hands_on_to_the_real_one() -> None:
    plugin = LazyMessageHookPlugin("fake", f"{__name__}:FakeHookPlugin")
    assert verifyObject(IMessageHookPlugin, plugin)
    server: Any = "a server"
    assert plugin.create({"a": 1}, server) == ("a hook", {"a": 1}, "a server")


def test_the_built_in_hooks_are_found_by_name() -> None:
    assert [plugin.name for plugin in getPlugins(IMessageHookPlugin)] == ["rate_limit"]


def test_the_built_in_router_backends_are_found_by_name() -> None:
    found = {plugin.name: plugin.priority for plugin in getPlugins(IRouterBackend)}
    assert found["native"] > found["python"]


def test_the_python_backend_is_always_available() -> None:
    (backend,) = (plugin for plugin in getPlugins(IRouterBackend) if plugin.name == "python")
    assert backend.unavailable() == ""
    assert backend.create(RouterSettings()).name == "python"


def test_the_built_in_authenticators_are_asked_from_the_most_to_the_least_demanding() -> None:
    found = sorted((plugin.order, plugin.name) for plugin in getPlugins(IAuthenticatorPlugin))
    assert [name for _, name in found] == [
        "callout", "jwt", "nkeys", "tlsmap", "users", "token", "userpass", "anonymous",
    ]  # fmt: skip


@pytest.mark.parametrize("interface", [IRouterBackend, IAuthenticatorPlugin, IMessageHookPlugin])
@pytest.mark.parametrize("others", [False, True], ids=["ours", "everybody's"])
def test_what_is_installed_is_what_twisted_finds(
    interface: Any, others: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without looking into its cache, which is left alone where it has nothing for us."""
    if others:
        (tmp_path / "nobody.py").write_text("")
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(tmp_path)])
    before = {plugin.name: type(plugin) for plugin in getPlugins(interface)}
    assert {plugin.name: type(plugin) for plugin in installed(interface)} == before != {}


def test_a_plugin_of_somebody_else_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "somebody.py").write_text(
        "from pubsub.plugins import LazyRouterBackend\n"
        "other = LazyRouterBackend('other', 5, 'nowhere:Backend')\n"
    )
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(tmp_path)])
    assert {plugin.name for plugin in installed(IRouterBackend)} == {"native", "python", "other"}


def test_a_folder_that_cannot_be_read_may_have_plugins_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "archive").write_text("")
    looked: list[Any] = []
    monkeypatch.setattr(plugins, "__path__", [str(tmp_path / "archive"), str(tmp_path / "none")])
    monkeypatch.setattr("twisted.plugin.getPlugins", lambda interface: looked)
    looked.append("found")
    assert list(installed(IRouterBackend)) == ["found"]
    monkeypatch.setattr(plugins, "__path__", [str(tmp_path / "none")])
    assert {plugin.name for plugin in installed(IRouterBackend)} == {"native", "python"}


def test_without_our_plugin_file_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "__path__", [])
    monkeypatch.setitem(sys.modules, "twisted.plugins.pubsub_plugin", None)
    assert list(installed(IRouterBackend)) == []


def test_an_authenticator_that_is_not_concerned_is_not_loaded() -> None:
    plugin = LazyAuthenticatorPlugin("none", 1, "nowhere:Nobody", lambda options: options.wanted)
    with pytest.raises(NotConfigured, match="nothing is configured for none"):
        plugin.create(SimpleNamespace(wanted=False))
    with pytest.raises(ModuleNotFoundError):
        plugin.create(SimpleNamespace(wanted=True))


def test_twistd_offers_the_service_and_the_reactor() -> None:
    assert "pubsub" in {maker.tapname for maker in getPlugins(IServiceMaker)}
    assert "pubsub-epoll" in {reactor.shortName for reactor in getReactorTypes()}


_TWISTD_HELP = """
import sys
from twisted.scripts import twistd
sys.argv = ["twistd", "--help"]
try:
    twistd.run()
except SystemExit:
    pass
loaded = sorted(name for name in sys.modules if name.partition(".")[0] == "pubsub")
print("LOADED", *loaded)
"""


def test_twistd_help_names_the_server_and_loads_none_of_it() -> None:
    """A plugin file is imported whenever any plugin is looked for: ours has to stay light."""
    result = subprocess.run(
        [sys.executable, "-c", _TWISTD_HELP], capture_output=True, text=True, check=True
    )
    assert "A NATS server" in result.stdout
    (loaded,) = (line for line in result.stdout.splitlines() if line.startswith("LOADED"))
    assert loaded.split()[1:] == [
        "pubsub",
        "pubsub.closed",
        "pubsub.errors",
        "pubsub.interfaces",
        "pubsub.plugins",
        "pubsub.quoting",
        "pubsub.router_interfaces",
        "pubsub.values",
        "pubsub.values.accounts",
        "pubsub.values.identity",
        "pubsub.values.links",
        "pubsub.values.services",
    ]
