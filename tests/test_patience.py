"""Waiting ends when it has come, or after a while."""

from __future__ import annotations

import inspect

import pytest
import pytest_twisted
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from tests import patience
from tests.patience import PATIENCE, until, wait_for


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for in vain here is not the run's failure."""
    monkeypatch.setattr(patience, "PATIENCE", 0.0)
    monkeypatch.setattr(patience, "_disappointments", [])


def test_what_other_threads_do_is_waited_for() -> None:
    looks = iter([False, False, True])
    wait_for(lambda: next(looks))


@pytest_twisted.ensureDeferred
async def test_what_the_reactor_does_is_waited_for() -> None:
    looks = iter([False, False, True])
    await until(lambda: next(looks))


def test_what_never_happens_is_named(impatient: None) -> None:
    with pytest.raises(AssertionError, match="the end of the world never happened"):
        wait_for(lambda: False, "the end of the world")


@pytest_twisted.ensureDeferred
async def test_what_never_happens_on_the_reactor_is_named(impatient: None) -> None:
    with pytest.raises(AssertionError, match="rain never happened"):
        await until(lambda: False, "rain")


def test_after_that_nothing_is_waited_for_as_long(impatient: None) -> None:
    with pytest.raises(AssertionError):
        wait_for(lambda: False)
    assert patience._deadline() > 0
    assert patience._disappointments == ["it"]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (Client.connect, "connect_timeout"),
        (Client.request, "timeout"),
        (Client.flush, "timeout"),
        (Subscription.next_msg, "timeout"),
    ],
)
def test_nats_py_is_as_patient(function: object, name: str) -> None:
    assert inspect.signature(function).parameters[name].default == PATIENCE  # type: ignore[arg-type]
