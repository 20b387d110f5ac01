"""The hooks of a server: made, changed by a reload, stopped, and absent where nobody wants any."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.task import Clock
from twisted.plugin import IPlugin
from zope.interface import implementer

from pubsub.config.options import Options, PluginOptions
from pubsub.errors import BackendUnavailable, InvalidOption, MessageRefused, PubSubError
from pubsub.hooks import discovery
from pubsub.interfaces import ILink, IMessageHook, IMessageHookPlugin, IServerAccess
from pubsub.server import PubSubServer
from pubsub.values.accounts import AccountOptions, StreamImport
from tests.server.conftest import Serve, router, serve

__all__ = ["router", "serve"]

ONE = (PluginOptions("rate_limit", {"user": {"messages": 1}}),)
REFUSED = MessageRefused(b"a", "rate limit exceeded").to_bytes()


@implementer(IMessageHook)
class Hook:
    """Lets everything pass, and says when it is stopped."""

    def __init__(self, stopped: list[Any]) -> None:
        self.stopped = stopped

    def publishing(
        self, link: ILink, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        return True

    def stop(self) -> None:
        self.stopped.append(self)


@implementer(IPlugin, IMessageHookPlugin)
class Plugin:
    """Makes them."""

    name = "watched"

    def __init__(self) -> None:
        self.made: list[Hook] = []
        self.stopped: list[Any] = []

    def create(self, options: Mapping[str, Any], server: IServerAccess) -> IMessageHook:
        if options.get("wrong"):
            raise InvalidOption("wrong")
        self.made.append(Hook(self.stopped))
        return self.made[-1]


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Plugin:
    """The only one that is installed."""
    watched = Plugin()
    monkeypatch.setattr(discovery, "installed", lambda interface: [watched])
    return watched


def watched(**options: Any) -> tuple[PluginOptions, ...]:
    return (PluginOptions("watched", options),)


def test_a_hook_that_is_not_there_keeps_the_server_from_starting() -> None:
    with pytest.raises(BackendUnavailable, match="no hook plugin is called 'absent'"):
        PubSubServer(Options(hooks=(PluginOptions("absent"),)), Clock())


def test_so_do_wrong_options() -> None:
    with pytest.raises(InvalidOption, match="explode"):
        PubSubServer(Options(hooks=(PluginOptions("rate_limit", {"over": "explode"}),)), Clock())


def test_a_server_without_hooks_does_not_load_them() -> None:
    code = (
        "import sys\n"
        "from twisted.internet.task import Clock\n"
        "from pubsub.config.options import Options\n"
        "from pubsub.server import PubSubServer\n"
        "PubSubServer(Options(), Clock())\n"
        "print([name for name in sys.modules if name.startswith('pubsub.hooks')])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.strip() == b"[]"


def test_a_programs_own_hook_is_left_alone() -> None:
    """Who embeds a server may set one; the configuration does not concern it."""
    server = PubSubServer(Options(router="python"), Clock())
    hook = Hook([])
    server.router.set_hook(hook)
    server._hooks.use(Options(), server._hooks.prepare(Options()))
    assert server.router.hook is hook  # type: ignore[attr-defined]


@pytest_twisted.ensureDeferred
async def test_messages_and_clients_are_limited(serve: Serve, router: str) -> None:
    limits = {"user": {"messages": 2}, "account": {"connections": 2}}
    served = await serve(router=router, hooks=(PluginOptions("rate_limit", limits),))
    one, two = await served.client(), await served.client()
    await two.ask(b"SUB a 1\r\n")
    said = await one.ask(b"PUB a 1\r\n1\r\nPUB a 1\r\n2\r\nPUB a 1\r\n3\r\n")
    assert said == REFUSED
    assert await two.ask(b"") == b"MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\n"
    three = await served.peer()
    await three.until(b"\r\n")
    three.send(b"CONNECT {}\r\nPING\r\n")
    gone = await three.gone
    assert gone == b"-ERR 'Connection throttling is active. Please try again later.'\r\n"


@pytest_twisted.ensureDeferred
async def test_a_publisher_that_is_held_back_loses_nothing(serve: Serve, router: str) -> None:
    limits = {"user": {"messages": 100}, "burst": 0.05, "over": "wait"}
    served = await serve(router=router, hooks=(PluginOptions("rate_limit", limits),))
    one, two = await served.client(), await served.client()
    await two.ask(b"SUB a 1\r\n")
    assert await one.ask(b"PUB a 1\r\nx\r\n" * 20) == b""
    assert await two.ask(b"") == b"MSG a 1 1\r\nx\r\n" * 20


@pytest_twisted.ensureDeferred
async def test_a_reload_brings_changes_and_removes_them(serve: Serve, router: str) -> None:
    served = await serve(router=router)
    peer = await served.client()
    burst = b"PUB a 1\r\nx\r\n" * 3
    assert await peer.ask(burst) == b""
    served.reload(hooks=ONE)
    assert await peer.ask(burst) == REFUSED
    served.reload(hooks=())
    assert await peer.ask(burst) == b""


@pytest_twisted.ensureDeferred
async def test_what_did_not_change_goes_on(serve: Serve, plugin: Plugin) -> None:
    served = await serve(hooks=watched(a=1))
    served.reload(max_payload=1000)
    assert len(plugin.made) == 1
    assert plugin.stopped == []
    served.reload(hooks=watched(a=2))
    assert len(plugin.made) == 2
    assert plugin.stopped == plugin.made[:1]
    await served.server.close()
    assert plugin.stopped == plugin.made


@pytest_twisted.ensureDeferred
async def test_a_reload_that_cannot_be_changes_nothing(serve: Serve, plugin: Plugin) -> None:
    served = await serve(hooks=watched())
    with pytest.raises(InvalidOption):
        served.reload(hooks=watched(wrong=True))
    assert plugin.stopped == []
    broken = AccountOptions("A", imports=(StreamImport("nobody", "a"),))
    with pytest.raises(PubSubError):
        served.reload(hooks=watched(a=2), accounts=(broken,))
    in_use = [hook for hook in plugin.made if hook not in plugin.stopped]
    assert in_use == plugin.made[:1], "those that were made for nothing are stopped"
    await served.server.close()
    assert len(plugin.stopped) == len(plugin.made)
