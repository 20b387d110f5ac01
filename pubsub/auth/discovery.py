"""Which authenticators a configuration asks for, and making them.

Plugins (:class:`pubsub.interfaces.IAuthenticatorPlugin`) are found in ``twisted/plugins/``
along ``sys.path``, and under the entry point group ``pubsub.authenticators``, where each name
stands for such a plugin or for a class that makes one. An entry point is loaded only if the
configuration has its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pubsub.errors import BackendUnavailable, ConfigError, NotConfigured
from pubsub.interfaces import IAuthenticator, IAuthenticatorPlugin
from pubsub.plugins import installed

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["BUILT_IN", "ENTRY_POINTS", "Made", "check_authenticators", "make_authenticators"]

#: asked without being named
BUILT_IN = frozenset(
    {"callout", "jwt", "nkeys", "tlsmap", "users", "token", "userpass", "anonymous"}
)
ENTRY_POINTS = "pubsub.authenticators"
#: of those, what may be made without consequences
_HARMLESS = ("users", "token", "userpass")


class Made(NamedTuple):
    """An authenticator, and what the log calls it."""

    name: str
    authenticator: IAuthenticator
    #: one of this package's own
    built_in: bool


def make_authenticators(
    options: Any, plugins: Iterable[IAuthenticatorPlugin] | None = None
) -> list[Made]:
    """Those that ``options`` name, in their order; then those of this package, in theirs.

    :param options: :class:`pubsub.config.options.Options`.
    :param plugins: in place of those that are installed.
    :raises pubsub.errors.BackendUnavailable: a named plugin is not installed, or fails.
    :raises pubsub.errors.ConfigError: an authenticator cannot use its options.
    """
    found = _by_name(plugins)
    look_further = plugins is None
    made = []
    named = set()
    for name, of_its_own in _named(options):
        named.add(name)
        made.append(
            Made(
                name, _create(_find(name, found, look_further), name, of_its_own), name in BUILT_IN
            )
        )
    rest = [plugin for name, plugin in found.items() if name in BUILT_IN - named]
    for plugin in sorted(rest, key=lambda plugin: (plugin.order, plugin.name)):
        try:
            made.append(Made(plugin.name, _make(plugin, plugin.name, options), True))
        except NotConfigured:
            continue
    return made


def check_authenticators(options: Any) -> None:
    """What can be known of :func:`make_authenticators` without making what others wrote.

    :raises pubsub.errors.PubSubError: it would fail: a plugin is not installed, or a hash costs
        too much to check.
    """
    found = _by_name(None)
    named = [name for name, _ in _named(options)]
    for name in named:
        _find(name, found, True)
    for name in _HARMLESS:
        if name in found and name not in named:
            with suppress(NotConfigured):
                _make(found[name], name, options)


def _by_name(plugins: Iterable[IAuthenticatorPlugin] | None) -> dict[str, IAuthenticatorPlugin]:
    found: dict[str, IAuthenticatorPlugin] = {}
    for plugin in installed(IAuthenticatorPlugin) if plugins is None else plugins:
        found.setdefault(plugin.name, plugin)
    return found


def _named(options: Any) -> Iterator[tuple[str, Any]]:
    """The names in the configuration, and the options each plugin is given."""
    authorization = options.authorization
    if authorization.plugin:
        yield authorization.plugin, options
    for entry in authorization.plugins:
        own = replace(authorization, plugin=entry.name, options=entry.options)
        yield entry.name, replace(options, authorization=own)


def _find(
    name: str, found: dict[str, IAuthenticatorPlugin], look_further: bool
) -> IAuthenticatorPlugin:
    if name in found:
        return found[name]
    points = _entry_points() if look_further else {}
    if name in points:
        return _load(points[name])
    names = ", ".join(sorted({*found, *points})) or "none"
    raise BackendUnavailable(
        f"no authenticator plugin is called {name!r}; those installed are: {names}"
    )


def _entry_points() -> dict[str, EntryPoint]:
    # not at the top: reading what is installed takes as long as starting the server
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _load(point: EntryPoint) -> IAuthenticatorPlugin:
    """The plugin an entry point stands for: itself, or what calling it gives."""
    try:
        loaded = point.load()
        plugin = loaded if IAuthenticatorPlugin.providedBy(loaded) else loaded()
    except Exception as error:
        raise BackendUnavailable(
            f"authenticator {point.name!r} ({point.value}) cannot be loaded: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not IAuthenticatorPlugin.providedBy(plugin):
        raise BackendUnavailable(
            f"authenticator {point.name!r}: {point.value} is no IAuthenticatorPlugin"
        )
    return plugin


def _create(plugin: IAuthenticatorPlugin, name: str, options: Any) -> IAuthenticator:
    """An authenticator somebody asked for by name: it has to be there."""
    try:
        return _make(plugin, name, options)
    except NotConfigured as reason:
        raise BackendUnavailable(f"authenticator {name!r}: {reason}") from reason


def _make(plugin: IAuthenticatorPlugin, name: str, options: Any) -> IAuthenticator:
    try:
        return plugin.create(options)
    except (NotConfigured, BackendUnavailable, ConfigError):
        raise
    except Exception as error:
        raise BackendUnavailable(
            f"authenticator {name!r} cannot be made: {type(error).__name__}: {error}"
        ) from error
