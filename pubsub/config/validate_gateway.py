"""What must be right between gateways and the rest (nats-server: validateGatewayOptions,
validateCluster, and validateLeafNode about both together)."""

from __future__ import annotations

from pubsub.config.options import Options
from pubsub.config.places import Places

__all__ = ["validate_gateway"]

_SYSTEM_ACCOUNT = (
    "leaf nodes and gateways (both being defined) require a system account to also be configured"
)
_NAMES = "cluster name conflicts between cluster and gateway definitions"


def validate_gateway(options: Options, places: Places) -> None:
    """Check that this cluster and all others have a name, and that there is a way to them.

    :raises InvalidOption: at the first thing that is wrong.
    """
    gateway = options.gateway
    if not gateway.name and not gateway.port:
        return
    if options.leafnodes.port and options.no_system_account:
        raise places.error(_SYSTEM_ACCOUNT, "no_system_account")
    if not gateway.name:
        raise places.error("gateway has no name: add that of this cluster, name: NAME", "gateway")
    if " " in gateway.name:
        raise places.error("gateway name cannot contain spaces", "gateway.name")
    if not gateway.port:
        raise places.error(
            f'gateway "{gateway.name}" has no port specified (select -1 for random port)',
            "gateway.port",
            "gateway",
        )
    for index, remote in enumerate(gateway.gateways):
        place = ("gateway", "gateways", index)
        if not remote.name:
            raise places.error(f"gateway in the list {index} has no name", place)
        if not remote.urls:
            raise places.error(f'gateway "{remote.name}" has no URL', place)
    if options.cluster.name not in ("", gateway.name):
        ours = f"{_NAMES}: {options.cluster.name!r} and {gateway.name!r} have to be the same"
        raise places.error(ours, "cluster.name", "gateway.name")
