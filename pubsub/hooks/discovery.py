"""The hooks a configuration asks for, found and made.

Plugins (:class:`pubsub.interfaces.IMessageHookPlugin`) are found in ``twisted/plugins/`` along
``sys.path``, and under the entry point group ``pubsub.hooks``, where each name stands for such
a plugin or for a class that makes one. An entry point is loaded only if the configuration has
its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from pubsub.errors import BackendUnavailable, ConfigError
from pubsub.hooks.chain import HookChain, NamedHook
from pubsub.interfaces import IMessageHook, IMessageHookPlugin, IServerAccess
from pubsub.plugins import installed

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["ENTRY_POINTS", "WantedHook", "check_hooks", "make_hooks"]

ENTRY_POINTS = "pubsub.hooks"


class WantedHook(Protocol):
    """One entry of ``hooks``: :class:`pubsub.config.options.PluginOptions`."""

    @property
    def name(self) -> str:
        """Of the plugin."""

    @property
    def options(self) -> Mapping[str, object]:
        """For the plugin, as they were written."""


def make_hooks(
    wanted: Iterable[WantedHook],
    server: IServerAccess,
    plugins: Iterable[IMessageHookPlugin] | None = None,
) -> HookChain:
    """Those hooks, in that order, as one; whoever gets it stops it.

    :param plugins: in place of those that are installed.
    :raises pubsub.errors.BackendUnavailable: a plugin is not installed, or fails.
    :raises pubsub.errors.ConfigError: a hook cannot use its options.
    """
    found = _by_name(plugins)
    hooks: list[NamedHook] = []
    try:
        for entry in wanted:
            plugin = _find(entry.name, found, look_further=plugins is None)
            hooks.append(NamedHook(entry.name, _make(plugin, entry, server)))
    except Exception:
        HookChain(hooks, server.clock).stop()
        raise
    return HookChain(hooks, server.clock)


def check_hooks(wanted: Iterable[WantedHook]) -> None:
    """Are their plugins there? None is asked for a hook, which may begin something.

    :raises pubsub.errors.BackendUnavailable: one is not installed, or cannot be loaded.
    """
    found = _by_name(None)
    for entry in wanted:
        _find(entry.name, found, look_further=True)


def _by_name(plugins: Iterable[IMessageHookPlugin] | None) -> dict[str, IMessageHookPlugin]:
    found: dict[str, IMessageHookPlugin] = {}
    for plugin in installed(IMessageHookPlugin) if plugins is None else plugins:
        found.setdefault(plugin.name, plugin)
    return found


def _find(
    name: str, found: Mapping[str, IMessageHookPlugin], look_further: bool
) -> IMessageHookPlugin:
    if name in found:
        return found[name]
    points = _entry_points() if look_further else {}
    if name in points:
        return _load(points[name])
    names = ", ".join(sorted({*found, *points})) or "none"
    raise BackendUnavailable(f"no hook plugin is called {name!r}; those installed are: {names}")


def _entry_points() -> dict[str, EntryPoint]:
    # not at the top: reading what is installed takes as long as starting the server
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _load(point: EntryPoint) -> IMessageHookPlugin:
    """The plugin an entry point stands for: itself, or what calling it gives."""
    try:
        loaded = point.load()
        plugin: Any = loaded if IMessageHookPlugin.providedBy(loaded) else loaded()
    except Exception as error:
        raise BackendUnavailable(
            f"hook {point.name!r} ({point.value}) cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not IMessageHookPlugin.providedBy(plugin):
        raise BackendUnavailable(f"hook {point.name!r}: {point.value} is no IMessageHookPlugin")
    return IMessageHookPlugin(plugin)


def _make(plugin: IMessageHookPlugin, entry: WantedHook, server: IServerAccess) -> IMessageHook:
    try:
        return plugin.create(entry.options, server)
    except (BackendUnavailable, ConfigError):
        raise
    except Exception as error:
        raise BackendUnavailable(
            f"hook {entry.name!r} cannot be made: {type(error).__name__}: {error}"
        ) from error
