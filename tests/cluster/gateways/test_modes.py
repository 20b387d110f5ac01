"""How /gatewayz calls the modes."""

from __future__ import annotations

from pubsub.cluster.gateways.modes import InterestMode


def test_modes_have_the_names_of_nats_server() -> None:
    """GatewayInterestMode.String."""
    assert [mode.value for mode in InterestMode] == [
        "Optimistic",
        "Transitioning",
        "Interest-Only",
    ]
