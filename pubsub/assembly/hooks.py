"""The message hooks of a server: made from the configuration, put to work, and stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pubsub.client.context import ClientContext
    from pubsub.config.options import Options, PluginOptions
    from pubsub.hooks.chain import HookChain
    from pubsub.interfaces import IServerAccess

__all__ = ["ServerHooks"]


class ServerHooks:
    """What sees the messages and clients of one server, if anything does.

    :param access: the server as hooks see it.
    :param context: the server as its clients see it.
    """

    def __init__(self, access: IServerAccess, context: ClientContext) -> None:
        self._access = access
        self._context = context
        self._wanted: tuple[PluginOptions, ...] = ()
        self._chain: HookChain | None = None

    def prepare(self, options: Options) -> HookChain | None:
        """The hooks that ``options`` ask for; those in use, if they are the same.

        :raises pubsub.errors.PubSubError: one of them cannot be.
        """
        if options.hooks == self._wanted:
            return self._chain
        if not options.hooks:
            return None
        # A server without hooks does not load them.
        from pubsub.hooks.discovery import make_hooks

        return make_hooks(options.hooks, self._access)

    def use(self, options: Options, chain: HookChain | None) -> None:
        """Have these, prepared for ``options``, see what comes, and stop those that did."""
        before, self._chain, self._wanted = self._chain, chain, options.hooks
        if chain is before:
            return
        self._context.router.set_hook(chain)
        self._context.admission = chain if chain and chain.sees_connections else None
        if before is not None:
            before.stop()

    def discard(self, chain: HookChain | None) -> None:
        """They were prepared, but are not used after all."""
        if chain is not None and chain is not self._chain:
            chain.stop()

    def stop(self) -> None:
        """The server ends."""
        if self._chain is not None:
            self._chain.stop()
