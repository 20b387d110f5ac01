"""A server as a Twisted service, and as a whole process.

:class:`PubSubService` is for ``twistd pubsub`` and for applications of yours; :func:`run` is
what ``pubsub-server`` does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.logger import Logger

from pubsub.assembly.security import check_accounts
from pubsub.server import PubSubServer
from pubsub.system.logging import LogSettings, ServerLog
from pubsub.system.process import Outcome, settle
from pubsub.system.signals import Signals

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pubsub.config.flags import CommandLine
    from pubsub.config.options import Options

__all__ = ["PubSubService", "run"]


class PubSubService(Service):
    """A server as a Twisted service.

    :param options: the configuration.
    :param reactor: the running reactor if not given.
    """

    def __init__(
        self,
        options: Options,
        reactor: Any = None,
        *,
        read_options: Callable[[], Options] | None = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor as running

            reactor = running
        self.reactor = reactor
        self.server = PubSubServer(
            options, reactor, read_options=read_options, on_stopped=self._stop_process
        )
        self.signals = Signals(self.server, reactor.callFromThread)
        self._handles_signals = False
        self.setName("pubsub")  # type: ignore[no-untyped-call]

    def startService(self) -> None:
        """Open the ports; one that cannot be opened ends the process with the reason."""
        super().startService()  # type: ignore[no-untyped-call]
        if self._handles_signals:
            # Now, since who reads "Server is ready" may send one at once, and again when the
            # reactor runs, since it takes some for itself.
            self.signals.install()
            self.reactor.callWhenRunning(self.signals.install)
        self.server.open().addErrback(self._failed)

    def stopService(self) -> Deferred[None]:
        """Close everything."""
        super().stopService()  # type: ignore[no-untyped-call]
        return self.server.close()

    def handle_signals(self) -> None:
        """Obey the signals ``pubsub-server`` obeys; call it before the service starts."""
        self._handles_signals = True

    def _failed(self, failure: Any) -> None:
        _log.critical("{reason}", reason=failure.getErrorMessage())
        self._stop_process()

    def _stop_process(self) -> None:
        # It may be so early that the reactor does not run yet.
        self.reactor.callWhenRunning(self.reactor.stop)


_log = Logger()


def run(options: Options, command_line: CommandLine) -> int:
    """Be the process ``pubsub-server``: returns its exit code when the server has stopped.

    :param command_line: reads the configuration again on reload.
    :raises pubsub.errors.PubSubError: there is no log to write to, so the caller must say why.
    """
    from pubsub.system.limits import raise_descriptor_limit
    from pubsub.transport.reactor import install_if_possible

    if options.router in ("auto", "native"):
        install_if_possible()
    # Its type is IReactorCore to mypy; it is much more.
    from twisted.internet import reactor as installed

    reactor: Any = installed
    settings = LogSettings.from_options(options)
    try:
        server_log = ServerLog(settings)
    except OSError as error:
        raise settings.unusable(error) from error
    raise_descriptor_limit()
    server_log.begin()
    outcome = Outcome(reactor)

    def read_again() -> Options:
        loaded = command_line.load(lambda path: Path(path).read_bytes(), os.environ)
        for warning in loaded.warnings:
            _log.warn("{warning}", warning=warning)
        check_accounts(loaded.options, loaded.places)
        return loaded.options

    try:
        check_accounts(options, command_line.places)
        server = PubSubServer(
            options, reactor, read_options=read_again, log=server_log, on_stopped=outcome.stop
        )
    except Exception as error:  # noqa: BLE001  whatever it is, the operator reads one line
        _log.critical("{reason}", reason=error)
        server_log.close()
        return 1
    signals = Signals(server, reactor.callFromThread)

    def begin() -> None:
        signals.install()
        server.open().addCallbacks(lambda _: settle(), outcome.fail)

    reactor.callWhenRunning(begin)
    reactor.run()
    server_log.close()
    return outcome.code
