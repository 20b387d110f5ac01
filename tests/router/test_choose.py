"""Which backend runs."""

from __future__ import annotations

import pytest
from zope.interface import implementer

from pubsub.config.options import Options
from pubsub.errors import BackendUnavailable
from pubsub.interfaces import IRouter, IRouterBackend, RouterSettings
from pubsub.router.choose import (
    better_backends,
    choose,
    choose_backend,
    passed_over,
    router_settings,
)
from pubsub.router.python.backend import PythonBackend


@implementer(IRouterBackend)
class Backend:
    def __init__(self, name: str, priority: int, reason: str = "") -> None:
        self.name = name
        self.priority = priority
        self.reason = reason

    def unavailable(self) -> str:
        return self.reason

    def create(self, settings: RouterSettings) -> IRouter:
        return PythonBackend().create(settings)


FAST = Backend("fast", 10)
BROKEN = Backend("broken", 20, "it was not compiled")
SLOW = Backend("slow", 0)


def test_the_python_backend_is_found_by_name() -> None:
    backend = choose_backend("python")
    assert backend.name == "python"
    assert backend.create(RouterSettings()).name == "python"


def test_auto_finds_one_that_runs_here() -> None:
    assert choose_backend("auto").unavailable() == ""
    assert choose_backend().name == choose_backend("auto").name


def test_auto_takes_the_highest_priority_that_is_available() -> None:
    assert choose("auto", [SLOW, BROKEN, FAST]) is FAST
    assert choose("auto", [SLOW, BROKEN]) is SLOW


def test_a_name_is_a_name() -> None:
    assert choose("slow", [SLOW, BROKEN, FAST]) is SLOW


@pytest.mark.parametrize(
    ("name", "backends", "text"),
    [
        ("qick", [SLOW, FAST], "there is no router 'qick': choose one of auto, fast, slow"),
        (
            "broken",
            [SLOW, BROKEN],
            'no router can run here: broken: it was not compiled; use "auto" to take what there is',
        ),
        ("auto", [BROKEN], "no router can run here: broken: it was not compiled"),
        (
            "auto",
            [],
            "no router backend was found: is twisted/plugins/pubsub_plugin.py installed?",
        ),
    ],
)
def test_otherwise_it_says_why_and_what_to_do(
    name: str, backends: list[IRouterBackend], text: str
) -> None:
    with pytest.raises(BackendUnavailable) as caught:
        choose(name, backends)
    assert str(caught.value) == text


def test_better_backends_that_cannot_run_are_named_with_their_reasons() -> None:
    """The operator of a slow router is told what keeps the fast one away."""
    assert passed_over("auto", "slow", [SLOW, BROKEN]) == ["broken: it was not compiled"]
    assert passed_over("auto", "fast", [FAST, SLOW]) == []


def test_who_chose_a_backend_is_not_told_of_better_ones() -> None:
    assert passed_over("slow", "slow", [SLOW, BROKEN]) == []
    assert better_backends("python", "python") == []


def test_the_settings_are_the_options() -> None:
    options = Options(
        max_control_line=9, max_pending=99, max_sub_tokens=3, no_fast_producer_stall=True
    )
    settings = router_settings(options)
    assert (settings.max_control_line, settings.max_pending, settings.max_sub_tokens) == (9, 99, 3)
    assert settings.no_fast_producer_stall
    assert settings.cache
    assert not router_settings(Options(disable_sublist_cache=True)).cache
