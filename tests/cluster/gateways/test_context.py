"""What gateways need of their server."""

from __future__ import annotations

import pytest

from tests.cluster.gateways.raw import a_server


def test_without_tls_and_threads_nothing_is_lost_silently() -> None:
    """Whoever builds a server without them hears of it when they are needed."""
    context = a_server().gateway_context
    for call in (context.serve_tls, context.join_tls, context.defer_to_thread):
        with pytest.raises(RuntimeError, match="this server"):
            call(None, None)  # type: ignore[call-arg,arg-type]
    assert not context.tls_details(None).peer_certificates


def test_a_context_knows_its_block_after_a_reload_too() -> None:
    """``options`` is assigned."""
    context = a_server().gateway_context
    assert context.gateway is context.options.gateway
    assert context.gateway.name == "A"
