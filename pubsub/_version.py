"""The versions this server states: its own, and the nats-server whose behaviour it follows."""

__all__ = ["NATS_VERSION", "VERSION"]

VERSION = "0.1.0"

#: Sent as ``version`` in INFO. Clients switch features on by comparing it, so it
#: must be the nats-server release whose behaviour we follow, not our own number.
NATS_VERSION = "2.15.0"
