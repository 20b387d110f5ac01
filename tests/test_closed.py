"""The words of nats-server's ``/connz``, which tools compare."""

from __future__ import annotations

import pubsub.errors
from pubsub.closed import ClosedState


def test_each_reason_has_words_of_its_own() -> None:
    assert len({state.value for state in ClosedState}) == len(ClosedState)
    assert ClosedState("Duplicate Route") is ClosedState.DUPLICATE_ROUTE


def test_whoever_knows_errors_knows_reasons() -> None:
    assert pubsub.errors.ClosedState is ClosedState
