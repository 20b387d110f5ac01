"""What a server without certain parts says when they are asked for."""

from __future__ import annotations

import pytest

from tests.cluster.network import Network


def test_parts_that_are_missing_say_so() -> None:
    context = Network().node("a").context
    for call in (context.serve_tls, context.join_tls, context.defer_to_thread):
        with pytest.raises(RuntimeError):
            call(None, None, "")  # type: ignore[operator]
    assert context.account_known("any")
    assert not context.tls_details(None).peer_certificates
