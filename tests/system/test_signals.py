"""Signals and what they do."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from twisted.logger import Logger, formatEvent
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pubsub.errors import ReloadRefused
from pubsub.system.signals import IServerControl, Signals


@implementer(IServerControl)
class Control:
    """A server that remembers what it was told."""

    def __init__(self) -> None:
        self.lame_duck = False
        self.calls: list[str] = []
        self.error: Exception | None = None

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def reload(self) -> None:
        self.calls.append("reload")
        if self.error is not None:
            raise self.error

    def reopen_log(self) -> None:
        self.calls.append("reopen_log")

    def enter_lame_duck(self) -> None:
        self.calls.append("enter_lame_duck")


class Installer:
    """``signal.signal`` of a made-up process."""

    def __init__(self) -> None:
        self.handlers: dict[int, Any] = {
            signal.SIGINT: signal.default_int_handler,
            signal.SIGTERM: None,
        }

    def __call__(self, number: int, handler: Any) -> Any:
        previous = self.handlers.get(number, signal.SIG_DFL)
        self.handlers[number] = handler
        return previous


@pytest.fixture
def control() -> Control:
    return Control()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    log = Logger("pubsub.test", observer=lambda event: lines.append(formatEvent(event)))
    monkeypatch.setattr(Signals, "_log", log)
    return lines


def test_the_fake_is_a_server_control(control: Control) -> None:
    assert verifyObject(IServerControl, control)


@pytest.mark.parametrize(
    ("name", "text", "call"),
    [
        ("SIGINT", 'Trapped "interrupt" signal', "shutdown"),
        ("SIGTERM", 'Trapped "terminated" signal', "shutdown"),
        ("SIGHUP", 'Trapped "hangup" signal', "reload"),
        ("SIGUSR1", 'Trapped "user defined signal 1" signal', "reopen_log"),
        ("SIGUSR2", 'Trapped "user defined signal 2" signal', "enter_lame_duck"),
    ],
)
def test_each_signal_is_told_and_has_its_effect(
    control: Control, said: list[str], name: str, text: str, call: str
) -> None:
    Signals(control, lambda call: call(), Installer()).received(name)
    assert said == [text]
    assert control.calls == [call]


def test_in_lame_duck_mode_sigterm_is_ignored_and_sigint_is_not(
    control: Control, said: list[str]
) -> None:
    control.lame_duck = True
    signals = Signals(control, lambda call: call(), Installer())
    signals.received("SIGTERM")
    assert said == ['Trapped "terminated" signal']
    assert control.calls == []
    signals.received("SIGINT")
    assert control.calls == ["shutdown"]


def test_a_reload_that_is_refused_is_told(control: Control, said: list[str]) -> None:
    control.error = ReloadRefused("port", 4222, 4333)
    Signals(control, lambda call: call(), Installer()).received("SIGHUP")
    assert said[-1] == (
        "Failed to reload server configuration: "
        "config reload not supported for port: old=4222, new=4333"
    )


def test_a_reload_that_breaks_is_told_with_its_failure(control: Control, said: list[str]) -> None:
    control.error = ZeroDivisionError()
    Signals(control, lambda call: call(), Installer()).received("SIGHUP")
    assert said[-1] == "Failed to reload server configuration"


def test_nothing_happens_inside_the_handler_itself(control: Control, said: list[str]) -> None:
    scheduled: list[Callable[[], None]] = []
    installer = Installer()
    Signals(control, scheduled.append, installer).install()
    installer.handlers[signal.SIGHUP](signal.SIGHUP, None)
    assert control.calls == []
    assert said == []
    scheduled.pop()()
    assert control.calls == ["reload"]


def test_uninstalling_brings_the_previous_handlers_back(control: Control) -> None:
    installer = Installer()
    before = dict(installer.handlers)
    signals = Signals(control, lambda call: call(), installer)
    signals.install()
    signals.install()
    assert len(installer.handlers) == 5
    signals.uninstall()
    signals.uninstall()
    assert installer.handlers[signal.SIGINT] is before[signal.SIGINT]
    assert installer.handlers[signal.SIGTERM] is signal.SIG_DFL
    assert installer.handlers[signal.SIGUSR2] is signal.SIG_DFL


def test_a_real_signal_arrives(control: Control, said: list[str]) -> None:
    signals = Signals(control, lambda call: call())
    signals.install()
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signals.uninstall()
    assert control.calls == ["reopen_log"]
