"""The name of the cluster, configured or made up.

A made-up name yields to a configured one, and of two made-up ones to the greater, so that
servers nobody gave a name agree on one (nats-server: processRouteInfo, processRouteConnect).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.logger import Logger

__all__ = ["ClusterName"]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 22


class ClusterName:
    """The name a server goes by.

    :param configured: ``""`` to make one up.
    :ivar value: the name.
    :ivar dynamic: it was made up, here or elsewhere.
    """

    _log = Logger()

    def __init__(self, configured: str, source: Random) -> None:
        self.dynamic = not configured
        self.value = configured or "".join(source.choices(_DIGITS, k=_LENGTH))
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener()`` when the name has become another."""
        self._listeners.append(listener)

    def agrees(self, name: str, dynamic: bool) -> bool:
        """Another server calls the cluster ``name``: whether ours is the same, or becomes it.

        :param dynamic: its name was made up.
        """
        if name == self.value:
            return True
        if not self.dynamic or (dynamic and self.value >= name):
            return False
        self.value, self.dynamic = name, dynamic
        self._log.info("Cluster name updated to {name}", name=name)
        for listener in self._listeners:
            listener()
        return True
