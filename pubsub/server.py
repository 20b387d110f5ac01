"""The composition root: builds a server from options, and runs it.

This is the only place that knows all rooms. :class:`PubSubServer` is a server on a given
reactor; :class:`PubSubService` the same as a Twisted service (``twistd pubsub``, or inside
an application of yours); :func:`run` a whole process, as ``pubsub-server`` is.

The life of a server::

    made ──start()──▶ running ──enter_lame_duck()──▶ leaving ──┐
                         │                                     │
                         └────────────stop()───────────────────┴──▶ stopped
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub._version import NATS_VERSION, VERSION
from pubsub.auth.chain import create_chain
from pubsub.client.context import ClientContext
from pubsub.client.control import announce_info, announce_lame_duck, close_all
from pubsub.client.factory import ClientFactory
from pubsub.client.preamble_types import HandshakeRate
from pubsub.client.registry import Registry
from pubsub.client.reload import apply_reload
from pubsub.config.reload import diff
from pubsub.errors import ClosedState, ReloadRefused
from pubsub.interfaces import GLOBAL_ACCOUNT, RouterSettings
from pubsub.monitor.ports import MonitoringPorts
from pubsub.monitor.state import IServerState, ProcessUsage
from pubsub.monitor.usage import UsageMeter
from pubsub.router.choose import choose_backend
from pubsub.router.mappings import AccountMapper
from pubsub.system import startup
from pubsub.system.files import PortsFile, ServerPorts, listener_urls, write_pid_file
from pubsub.system.identity import new_server_id, runtime_name
from pubsub.system.lameduck import ILameDuckServer, LameDuck
from pubsub.system.signals import IServerControl, Signals
from pubsub.transport.listen import Listeners
from pubsub.transport.tls import ServerTls
from pubsub.wire.info import InfoRenderer, ServerInfo

if TYPE_CHECKING:
    from pubsub.config.flags import CommandLine
    from pubsub.config.options import Options
    from pubsub.interfaces import IRouter
    from pubsub.system.logging import ServerLog

__all__ = ["PubSubServer", "PubSubService", "run", "router_settings"]

SYSTEM_ACCOUNT = "$SYS"

#: Seconds between looks at what is only worth a log line now and then.
HOUSEKEEPING = 1.0


def router_settings(options: Options) -> RouterSettings:
    """What the router has to obey."""
    return RouterSettings(
        max_control_line=options.max_control_line,
        max_pending=options.max_pending,
        max_sub_tokens=options.max_sub_tokens,
        no_fast_producer_stall=options.no_fast_producer_stall,
        cache=not options.disable_sublist_cache,
    )


@implementer(IServerControl, ILameDuckServer, IServerState)
class PubSubServer:
    """A server: its router, its listeners, its clients.

    :param options: the configuration.
    :param reactor: where it listens, and its clock.
    :param read_options: reads the configuration again, for :meth:`reload`.
    :param log: what :meth:`reopen_log` and a reload change; ``None`` under ``twistd``.
    :param on_stopped: called once, when the server has stopped by itself (a signal, or
        the end of lame duck mode).
    :raises pubsub.errors.PubSubError: the configuration cannot be used here.
    """

    _log = Logger()

    def __init__(
        self,
        options: Options,
        reactor: Any,
        *,
        read_options: Callable[[], Options] | None = None,
        log: ServerLog | None = None,
        on_stopped: Callable[[], None] | None = None,
    ) -> None:
        self.options = options
        self.system_account = SYSTEM_ACCOUNT
        self.server_id = new_server_id()
        self.start = self.config_time = 0.0
        self.http_requests: dict[str, int] = {}
        self.usage: Callable[[], ProcessUsage] = UsageMeter()
        self._reactor = reactor
        self._read_options = read_options
        self._server_log = log
        self._on_stopped = on_stopped
        self._stopping: Deferred[None] | None = None
        self._listeners: Listeners | None = None
        self._monitoring: MonitoringPorts | None = None
        self._ports_file: PortsFile | None = None
        self._tls = ServerTls(options.tls, reactor) if options.tls is not None else None
        self._handshakes: HandshakeRate | None = None
        self._housekeeping = LoopingCall(self._keep_house)
        self._housekeeping.clock = reactor
        self._lame_duck = LameDuck(self, reactor)
        self.router: IRouter = choose_backend(options.router).create(router_settings(options))
        self.registry = Registry(options.max_closed_clients)
        self._map_subjects()
        self.context = self._make_context()
        self.factory = ClientFactory(self.context)

    # making

    def _make_context(self) -> ClientContext:
        options = self.options
        context = ClientContext(
            options=options,
            router=self.router,
            clock=self._reactor,
            authenticator=self._make_authenticator(options),
            info=InfoRenderer(ServerInfo("", "", "", "", "", 0, 0)),
            registry=self.registry,
            system_account=SYSTEM_ACCOUNT,
        )
        self._use_tls(context, options)
        return context

    def _make_authenticator(self, options: Options) -> Any:
        def defer_to_thread(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
            pool = self._reactor.getThreadPool()
            return deferToThreadPool(self._reactor, pool, function, *arguments)

        return create_chain(options, self._reactor, defer_to_thread)

    def _use_tls(self, context: ClientContext, options: Options) -> None:
        if self._tls is None or options.tls is None:
            return
        context.start_tls = self._tls.start_tls
        context.tls_details = self._tls.details
        limit = options.tls.connection_rate_limit
        self._handshakes = HandshakeRate(limit, self._reactor) if limit else None
        context.allow_handshake = self._handshakes.allow if self._handshakes else None

    def _map_subjects(self) -> None:
        mappings = self.options.mappings
        self.router.set_mapper(GLOBAL_ACCOUNT, AccountMapper(mappings) if mappings else None)

    def _make_info(self) -> InfoRenderer:
        """INFO, with the port the kernel gave and the address clients are told."""
        options = self.options
        host, port = options.host, self.port
        if options.client_advertise:
            name, _, number = options.client_advertise.rpartition(":")
            host, port = (name, int(number)) if name and number.isdigit() else (
                options.client_advertise, port
            )  # fmt: skip
        tls = options.tls
        return InfoRenderer(
            ServerInfo(
                server_id=self.server_id,
                server_name=self.name,
                version=NATS_VERSION,
                go=runtime_name(),
                host=host,
                port=port,
                max_payload=options.max_payload,
                headers=not options.no_header_support,
                auth_required=self.context.authenticator.required,
                tls_required=tls is not None and not options.allow_non_tls,
                tls_verify=tls is not None and tls.verify,
                tls_available=tls is not None and options.allow_non_tls,
            )
        )

    # what it is

    @property
    def name(self) -> str:
        """``server_name``, or the id."""
        return self.options.server_name or self.server_id

    @property
    def info(self) -> ServerInfo:
        """What INFO tells everybody."""
        return self.context.info.info

    @property
    def port(self) -> int:
        """The client port; 0 before it is open, or when there is none."""
        return self._listeners.port if self._listeners is not None else 0

    @property
    def monitoring_port(self) -> int:
        """The HTTP monitoring port; 0 without one."""
        return self._monitoring.http_port if self._monitoring is not None else 0

    @property
    def lame_duck(self) -> bool:
        """Whether lame duck mode was entered."""
        return self._lame_duck.active

    @property
    def tls_not_after(self) -> float:
        """When the server's certificate expires, epoch seconds; 0.0 without TLS."""
        return self._tls.not_after if self._tls is not None else 0.0

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def not_ready(self) -> str:
        """``""`` if clients can connect."""
        running = self._listeners is not None and self.registry.accepting
        return "" if running else "server"

    # starting

    def open(self) -> Deferred[None]:
        """Start: open the ports, then say so in the log and in files.

        Fails with the error that says which address or file it was; nothing stays open.
        """
        self.start = self.config_time = time.time()
        options = self.options
        startup.say(self._log, *self._opening_lines())
        self._warn_of_tls()
        self._monitoring = MonitoringPorts(self, self._reactor, self._tls)
        self._listeners = Listeners(options, self._reactor, self.factory, self.router.flush)
        opened = maybeDeferred(self._monitoring.open)
        opened.addCallback(lambda _: self._say_monitoring())
        opened.addCallback(lambda _: self._open_clients())
        opened.addCallback(lambda _: self._opened())
        opened.addErrback(self._not_opened)
        return opened

    def _open_clients(self) -> Deferred[None]:
        assert self._listeners is not None
        # INFO names the port, so it is made when the port is known, before anybody is accepted.
        return self._listeners.open(self._be_introduced)

    def _be_introduced(self) -> None:
        self.context.info = self._make_info()

    def _opened(self) -> None:
        options = self.options
        assert self._listeners is not None
        lines = [
            startup.Line(f"Listening for client connections on {address}")
            for address in self._listeners.addresses
        ]
        if options.proxy_protocol:
            lines.append(startup.Line("PROXY protocol enabled for client connections"))
        if options.tls is not None:
            lines += startup.tls_lines(
                allow_non_tls=options.allow_non_tls,
                handshake_first=options.tls.handshake_first,
            )
        startup.say(self._log, *lines)
        # Scripts read these files as soon as they see that the server is ready.
        if options.pid_file:
            write_pid_file(options.pid_file)
        if options.ports_file_dir:
            self._ports_file = PortsFile(options.ports_file_dir)
            self._ports_file.write(self._server_ports())
        self._housekeeping.start(HOUSEKEEPING, now=False)
        startup.say(self._log, startup.READY)

    def _keep_house(self) -> None:
        refused = self._handshakes.take_refused() if self._handshakes is not None else 0
        if refused:
            self._log.warn("Rejected {count} connections due to TLS rate limiting", count=refused)

    def _warn_of_tls(self) -> None:
        for warning in self._tls.warnings if self._tls is not None else ():
            self._log.warn("{warning}", warning=warning)

    def _not_opened(self, failure: Any) -> Deferred[Any]:
        return self.close().addCallback(lambda _: failure)

    def _opening_lines(self) -> list[startup.Line]:
        options = self.options
        lines = startup.identity_lines(
            version=NATS_VERSION,
            git_commit="",
            pubsub_version=VERSION,
            router=self.router.name,
            runtime=runtime_name(),
            server_name=self.name,
            server_id=self.server_id,
        )
        lines += startup.configuration_lines(options.config_file, options.config_digest)
        lines += startup.warning_lines(
            password=options.authorization.password, max_payload=options.max_payload
        )
        return lines

    def _say_monitoring(self) -> None:
        assert self._monitoring is not None
        for scheme, host, port in self._monitoring.addresses():
            startup.say(self._log, startup.monitoring_line(scheme, host, port))

    def _server_ports(self) -> ServerPorts:
        assert self._listeners is not None and self._monitoring is not None
        scheme = "tls" if self.options.tls is not None else "nats"
        nats = [
            url
            for host, port in self._listeners.tcp_addresses()
            for url in listener_urls(scheme, host, port)
        ]
        monitoring = [
            url
            for scheme, host, port in self._monitoring.addresses()
            for url in listener_urls(scheme, host, port)
        ]
        return ServerPorts(nats=nats, monitoring=monitoring)

    # stopping

    def close(self) -> Deferred[None]:
        """Stop: close the ports and everybody. Fires when nothing is left open."""
        if self._stopping is None:
            self._stopping = Deferred()
            self._lame_duck.cancel()
            close_all(self.context)
            self.router.flush()
            if self._housekeeping.running:
                self._housekeeping.stop()
            closed = maybeDeferred(self.stop_listening)
            closed.addCallback(lambda _: self.registry.when_all_lost())
            closed.addCallback(
                lambda _: self._monitoring.close() if self._monitoring is not None else None
            )
            closed.addBoth(self._closed)
        done: Deferred[None] = Deferred()
        self._stopping.addCallback(lambda result: (done.callback(None), result)[1])
        return done

    def _closed(self, outcome: object) -> None:
        if isinstance(outcome, Failure):
            self._log.failure("Stopping the server failed", outcome)
        self.context.deadlines.stop()
        if self._ports_file is not None:
            self._ports_file.remove()
            self._ports_file = None
        assert self._stopping is not None
        self._stopping.callback(None)

    def shutdown(self) -> None:
        """Close everything; the process ends if it is ours (IServerControl)."""
        if self._stopping is not None:
            return
        startup.say(self._log, startup.SHUTTING_DOWN)
        self.close().addCallback(lambda _: self._ended())

    def _ended(self) -> None:
        startup.say(self._log, startup.EXITING)
        if self._on_stopped is not None:
            self._on_stopped()

    # lame duck mode (ILameDuckServer)

    def enter_lame_duck(self) -> None:
        """Leave slowly."""
        options = self.options
        self._lame_duck.enter(options.lame_duck_duration, options.lame_duck_grace_period)

    def stop_listening(self) -> Deferred[None] | None:
        """Accept no more clients."""
        return self._listeners.close() if self._listeners is not None else None

    def connections(self) -> Sequence[Any]:
        """The clients that are connected now."""
        return list(self.registry.open.values())

    def send_lame_duck_info(self) -> None:
        """Tell them."""
        announce_lame_duck(self.context)

    def close_connection(self, connection: Any, reason: ClosedState) -> None:
        """Close one of them."""
        connection.close(reason)

    # reloading

    def reopen_log(self) -> None:
        """Open the log file anew."""
        if self._server_log is not None:
            self._server_log.reopen()

    def reload(self) -> None:
        """Read the configuration again and apply what changed, or change nothing.

        :raises pubsub.errors.PubSubError: it is wrong, or an option cannot change.
        """
        if self._read_options is None:
            self._log.warn("There is no configuration to read again: reload ignored")
            return
        new = self._read_options()
        changes = diff(self.options, new)
        authenticator = self._make_authenticator(new)
        mapper = AccountMapper(new.mappings) if new.mappings else None
        if new.tls is not None and self._tls is not None:
            # Also when no option changed: the files may hold a new certificate.
            self._tls.reload(new.tls)
            self._warn_of_tls()
        elif (new.tls is None) != (self._tls is None):
            self._tls = ServerTls(new.tls, self._reactor) if new.tls is not None else None
        self._apply(new, authenticator, mapper)
        for change in changes:
            self._log.info(
                "Reloaded: {option} = {value}", option=change.path, value=change.shown_new
            )
        self._log.info("Reloaded server configuration")

    def _apply(self, new: Options, authenticator: Any, mapper: AccountMapper | None) -> None:
        old, context = self.options, self.context
        # A port the kernel chose stays the one that is open.
        self.options = context.options = replace(new, port=old.port, http_port=old.http_port)
        self.config_time = time.time()
        context.authenticator = authenticator
        self._use_tls(context, new)
        self.router.settings = router_settings(new)
        self.router.set_mapper(GLOBAL_ACCOUNT, mapper)
        context.info = self._make_info()
        apply_reload(context, old)
        self.router.flush()
        if new.client_advertise != old.client_advertise:
            announce_info(context)
        if self._server_log is not None:
            from pubsub.system.logging import LogSettings

            self._server_log.reconfigure(LogSettings.from_options(new))
        if new.pid_file and new.pid_file != old.pid_file:
            write_pid_file(new.pid_file)


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
        self.setName("pubsub")

    def startService(self) -> None:
        """Open the ports; one that cannot be opened ends the process with the reason."""
        super().startService()
        self.server.open().addErrback(self._failed)

    def stopService(self) -> Deferred[None]:
        """Close everything."""
        super().stopService()
        return self.server.close()

    def handle_signals(self) -> None:
        """Obey SIGHUP, SIGUSR1 and SIGUSR2 as well; ``twistd`` keeps SIGINT and SIGTERM."""
        self.reactor.callWhenRunning(self.signals.install)

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
    """
    from pubsub.system.limits import raise_descriptor_limit
    from pubsub.system.logging import LogSettings, ServerLog
    from pubsub.transport.reactor import install_if_possible

    if options.router in ("auto", "native"):
        install_if_possible()
    from twisted.internet import reactor

    raise_descriptor_limit()
    server_log = ServerLog(LogSettings.from_options(options))
    server_log.begin()
    outcome = _Outcome(reactor)

    def read_again() -> Options:
        loaded = command_line.load(lambda path: Path(path).read_bytes(), os.environ)
        for warning in loaded.warnings:
            _log.warn("{warning}", warning=warning)
        return loaded.options

    try:
        server = PubSubServer(
            options,
            reactor,
            read_options=read_again,
            log=server_log,
            on_stopped=outcome.stop,
        )
    except Exception as error:  # noqa: BLE001  whatever it is, the operator reads one line
        _log.critical("{reason}", reason=error)
        return 1
    signals = Signals(server, reactor.callFromThread)  # type: ignore[attr-defined]

    def begin() -> None:
        signals.install()
        server.open().addCallbacks(lambda _: _settle(), outcome.fail)

    reactor.callWhenRunning(begin)  # type: ignore[attr-defined]
    reactor.run()  # type: ignore[attr-defined]
    server_log.close()
    return outcome.code


def _settle() -> None:
    """The server is up: what exists now stays, so the collector need not look at it again.

    Connections are freed by reference counts; rare, large collections only cause pauses.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


class _Outcome:
    """How the process ends."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.code = 0

    def stop(self) -> None:
        self._reactor.stop()

    def fail(self, failure: Any) -> None:
        _log.critical("{reason}", reason=failure.getErrorMessage())
        self.code = 1
        self._reactor.stop()
