"""nats-server's six log levels, and which of them a ``twisted.logger`` event has.

=============================== =====================================================
event                           level
=============================== =====================================================
``trace=True`` among its fields ``TRC``, whatever its own level
``debug``                       ``DBG``
``info``                        ``INF``, but ``DBG`` if it is Twisted talking to itself
``warn``                        ``WRN``
``error``                       ``ERR``
``critical``                    ``FTL``, but ``ERR`` for failures and for Twisted's own
=============================== =====================================================

``FTL`` is for what ends the server, as in nats-server: an unhandled failure does not, and
Twisted logs those as critical. Twisted's chatter (``Starting factory``, ``(TCP Port 4222
Closed)``) is about how this server is made, so it is for those who debug it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from twisted.logger import LogLevel

__all__ = ["Level", "level_of"]


class Level(enum.IntEnum):
    """A level; its name is the label in the log, its order is the severity."""

    TRC = 0
    DBG = 1
    INF = 2
    WRN = 3
    ERR = 4
    FTL = 5


_LEVELS = {
    LogLevel.debug: Level.DBG,
    LogLevel.info: Level.INF,
    LogLevel.warn: Level.WRN,
    LogLevel.error: Level.ERR,
    LogLevel.critical: Level.FTL,
}

#: Factories log these under their own namespace, so the namespace cannot tell.
_CHATTER = ("Starting factory ", "Stopping factory ")

#: What ``twisted.internet.defer`` says before the failure itself, as an event of its own.
_PREAMBLE = "Unhandled error in Deferred:"


def level_of(event: Mapping[str, Any]) -> Level:
    """The level of one ``twisted.logger`` event; events without a level are ``INF``."""
    if event.get("trace") is True:
        return Level.TRC
    level = _LEVELS.get(event.get("log_level", LogLevel.info), Level.INF)
    if level is Level.INF and _is_chatter(event):
        return Level.DBG
    if level is Level.FTL and (_is_from_twisted(event) or "log_failure" in event):
        return Level.DBG if event.get("log_format") == _PREAMBLE else Level.ERR
    return level


def _is_chatter(event: Mapping[str, Any]) -> bool:
    text = event.get("log_format")
    return _is_from_twisted(event) or (isinstance(text, str) and text.startswith(_CHATTER))


def _is_from_twisted(event: Mapping[str, Any]) -> bool:
    namespace = event.get("log_namespace") or ""
    return namespace == "log_legacy" or namespace.startswith("twisted.")
