"""How much of an account's interest another cluster is told."""

from __future__ import annotations

import enum

__all__ = ["InterestMode"]


class InterestMode(enum.Enum):
    """nats-server's GatewayInterestMode; the values are how ``/gatewayz`` calls them."""

    #: messages are sent unless the other cluster has said that nobody there wants them
    OPTIMISTIC = "Optimistic"
    #: all interest is being told, and messages are still sent as before
    TRANSITIONING = "Transitioning"
    #: all interest was told: messages are sent where there is some
    INTEREST_ONLY = "Interest-Only"
