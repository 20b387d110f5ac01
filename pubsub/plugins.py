"""Plugins by name: what they are called is known at once, their code is loaded at first use.

``twisted/plugins/pubsub_plugin.py`` lists this server's own with these classes, because
every plugin file is imported whenever anybody asks for any plugin, ``twistd --help`` included.
A third party's plugin may use them too, or just be an instance of its own class.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from twisted.plugin import IPlugin
from zope.interface import implementer

from pubsub.errors import BackendUnavailable
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

__all__ = ["LazyAuthenticatorPlugin", "LazyMessageHookPlugin", "LazyRouterBackend"]


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
    """

    def __init__(self, name: str, order: int, path: str) -> None:
        self.name = name
        self.order = order
        self.path = path

    def create(self, options: Any) -> IAuthenticator:
        """The authenticator for ``options``.

        :raises pubsub.errors.NotConfigured: nothing in them concerns it.
        """
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
