"""Plugins by name: what they are called is known at once, their code is loaded at first use.

``twisted/plugins/pubsub_plugin.py`` lists this server's own with these classes, because
every plugin file is imported whenever anybody asks for any plugin, ``twistd --help`` included.
A third party's plugin may use them too, or just be an instance of its own class.

:func:`installed` finds all of them.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from twisted.plugin import IPlugin
from zope.interface import implementer

from pubsub.errors import BackendUnavailable, NotConfigured
from pubsub.interfaces import (
    IAuthenticator,
    IAuthenticatorPlugin,
    IMessageHook,
    IMessageHookPlugin,
    IRouter,
    IRouterBackend,
    IServerAccess,
    RouterSettings,
)

__all__ = [
    "LazyAuthenticatorPlugin",
    "LazyMessageHookPlugin",
    "LazyRouterBackend",
    "installed",
]

#: the plugin files that come with Twisted, and ours
_KNOWN = frozenset(
    [
        "__init__", "cred_anonymous", "cred_file", "cred_memory", "cred_sshkeys", "cred_unix",
        "twisted_conch", "twisted_core", "twisted_ftp", "twisted_inet", "twisted_mail",
        "twisted_names", "twisted_portforward", "twisted_reactors", "twisted_runner",
        "twisted_socks", "twisted_trial", "twisted_web", "twisted_words", "pubsub_plugin",
    ]
)  # fmt: skip


def installed(interface: Any) -> Iterator[Any]:
    """The plugins with that interface along ``sys.path``: ``twisted.plugin.getPlugins``, sooner.

    Twisted's cache loads whatever interface any plugin has, trial's and with it unittest among
    them: a tenth of all that a server does until it is ready. It is read where there are plugin
    files of others; if there are none then ours are all there are.
    """
    from twisted import plugins

    if any(map(_has_others, plugins.__path__)):
        from twisted.plugin import getPlugins

        yield from getPlugins(interface)
        return
    try:
        ours = importlib.import_module("twisted.plugins.pubsub_plugin")
    except ImportError:
        return
    for value in list(vars(ours).values()):
        if IPlugin.providedBy(value) and interface.providedBy(value):
            yield value


def _has_others(folder: str) -> bool:
    """Whether there is a plugin file that is neither Twisted's nor ours, or there might be."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return False
    except OSError:
        # in an archive, perhaps
        return True
    return any(name.endswith(".py") and name[:-3] not in _KNOWN for name in names)


def _instance(path: str) -> Any:
    """An instance of the class at ``package.module:Class``."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)()


@implementer(IPlugin, IRouterBackend)
class LazyRouterBackend:
    """A router backend whose module is imported when somebody asks about it.

    :param name: what ``router:`` and ``--router`` call it.
    :param priority: ``router: auto`` takes the highest that is available.
    :param path: ``package.module:Class``, a class providing
        :class:`~pubsub.interfaces.IRouterBackend` that is called without arguments.
    """

    def __init__(self, name: str, priority: int, path: str) -> None:
        self.name = name
        self.priority = priority
        self.path = path

    def unavailable(self) -> str:
        """Why it cannot run here; a module that cannot be imported is a reason."""
        try:
            backend: IRouterBackend = _instance(self.path)
        except ImportError as error:
            return f"router {self.name!r} cannot be loaded: {error}"
        return backend.unavailable()

    def create(self, settings: RouterSettings) -> IRouter:
        """A new router.

        :raises pubsub.errors.BackendUnavailable: if it cannot run here.
        """
        reason = self.unavailable()
        if reason:
            raise BackendUnavailable(reason)
        backend: IRouterBackend = _instance(self.path)
        return backend.create(settings)


@implementer(IPlugin, IAuthenticatorPlugin)
class LazyAuthenticatorPlugin:
    """An authenticator plugin whose module is imported when an authenticator is made.

    :param name: what ``authorization { plugin: … }`` calls it.
    :param order: built-in authenticators are asked in ascending order.
    :param path: ``package.module:Class``, a class providing
        :class:`~pubsub.interfaces.IAuthenticatorPlugin` that is called without arguments.
    :param concerned: whether options have something for it, if that can be said beforehand.
    """

    def __init__(
        self, name: str, order: int, path: str, concerned: Callable[[Any], Any] | None = None
    ) -> None:
        self.name = name
        self.order = order
        self.path = path
        self._concerned = concerned

    def create(self, options: Any) -> IAuthenticator:
        """The authenticator for ``options``.

        :raises pubsub.errors.NotConfigured: nothing in them concerns it.
        """
        if self._concerned is not None and not self._concerned(options):
            raise NotConfigured(f"nothing is configured for {self.name}")
        plugin: IAuthenticatorPlugin = _instance(self.path)
        return plugin.create(options)


@implementer(IPlugin, IMessageHookPlugin)
class LazyMessageHookPlugin:
    """A message hook plugin whose module is imported when a hook is made.

    :param name: what ``hooks`` calls it.
    :param path: ``package.module:Class``, a class providing
        :class:`~pubsub.interfaces.IMessageHookPlugin` that is called without arguments.
    """

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path

    def create(self, options: Mapping[str, Any], server: IServerAccess) -> IMessageHook:
        """The hook for these options.

        :raises pubsub.errors.ConfigError: it cannot use them.
        """
        plugin: IMessageHookPlugin = _instance(self.path)
        return plugin.create(options, server)
