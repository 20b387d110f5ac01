"""The composition root: builds a server from options, and runs it.

This is the only place that knows all rooms. :class:`PubSubServer` is a server on a given
reactor; :mod:`pubsub.service` makes a Twisted service or a whole process of one.

The life of a server::

    made ──start()──▶ running ──enter_lame_duck()──▶ leaving ──┐
                         │                                     │
                         └────────────stop()───────────────────┴──▶ stopped
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.assembly.hooks import ServerHooks
from pubsub.assembly.security import Security, new_nonce
from pubsub.assembly.unlinked import make_links, may_be_linked
from pubsub.auth.chain import AuthenticatorChain
from pubsub.client.context import ClientContext
from pubsub.client.control import announce_info, announce_lame_duck, close_all
from pubsub.client.factory import ClientFactory
from pubsub.client.preamble_types import HandshakeRate
from pubsub.client.registry import Registry
from pubsub.client.reload import apply_reload, user_changed
from pubsub.config.reload import diff
from pubsub.errors import ClosedState, PubSubError
from pubsub.monitor.requests import page_requests
from pubsub.monitor.state import IServerState, ProcessUsage
from pubsub.monitor.usage import UsageMeter
from pubsub.router.choose import better_backends, choose_backend, router_settings
from pubsub.system import introduction, startup
from pubsub.system.account_figures import AccountFigures
from pubsub.system.advisories import server_block
from pubsub.system.files import PortsFile, write_pid_file
from pubsub.system.identity import ServerIdentity
from pubsub.system.lameduck import ILameDuckServer, LameDuck
from pubsub.system.logging import LogSettings, ServerLog
from pubsub.system.services import SystemServices
from pubsub.system.signals import IServerControl
from pubsub.transport.inprocess import (
    InProcessRefused,
    PipeTransport,
    connect_in_process,
    connect_in_process_socket,
)
from pubsub.transport.listen import Listeners
from pubsub.wire.info import InfoRenderer, ServerInfo

if TYPE_CHECKING:
    import socket

    from twisted.internet.interfaces import IProtocol

    from pubsub.assembly.unlinked import PreparedLinks
    from pubsub.config.options import Options, TlsOptions
    from pubsub.interfaces import IRouter
    from pubsub.monitor.ports import MonitoringPorts
    from pubsub.transport.tls import ServerTls

__all__ = ["PubSubServer"]

#: Seconds between looks at what is only worth a log line now and then.
HOUSEKEEPING = 1.0


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
        self.identity = ServerIdentity()
        self.server_id = self.identity.server_id
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
        self._tls = self._make_tls(options.tls)
        self._handshakes: HandshakeRate | None = None
        self._housekeeping = LoopingCall(self._keep_house)
        self._housekeeping.clock = reactor
        self._lame_duck = LameDuck(self, reactor)
        self.router: IRouter = choose_backend(options.router).create(router_settings(options))
        self.registry = Registry(options.max_closed_clients)
        self.security = Security(
            options,
            reactor,
            self.router,
            self.identity,
            lambda: self.name,
            self._server_block,
            lambda: may_be_linked(self.options, self.system_account),
        )
        self.accounts = self.security.accounts
        #: change users and accounts of the running server
        self.live = self.security.live
        self.system_account = self.security.system_account
        self.context = self._make_context()
        self.accounts.client_of = lambda link: self.registry.open.get(link.cid)
        links = self._links = make_links(options, reactor, self.security.access, self.context)
        self.cluster, self.gateways, self.leafs = links.cluster, links.gateways, links.leafs
        # Resolvers subscribe: the links, which tell other servers, have to be there by then.
        self._authenticators = self.security.authenticators(options)
        self.context.authenticator = self._authenticators
        # after them: they have to know who has changed before their clients are asked about
        self.security.users.listen(partial(user_changed, self.context))
        self._figures = AccountFigures(self.router, self.accounts)
        self._system = self._make_system()
        self._hooks = ServerHooks(self.security.access, self.context)
        self._hooks.use(options, self._hooks.prepare(options))
        self.factory = ClientFactory(self.context)

    # making

    def _make_context(self) -> ClientContext:
        options = self.options
        context = ClientContext(
            options=options,
            router=self.router,
            clock=self._reactor,
            # of nobody, so nobody comes in: the real one is made when there are links
            authenticator=AuthenticatorChain((), self._reactor, 0.0),
            info=InfoRenderer(ServerInfo("", "", "", "", "", 0, 0)),
            registry=self.registry,
            nonce=self._nonce,
            system_account=self.system_account,
            accounts=self.accounts,
            users=self.security.users,
        )
        self._use_tls(context, options)
        return context

    def _make_system(self) -> SystemServices | None:
        """What it says and answers in the system account, if there is one."""
        if not self.system_account:
            return None
        system = SystemServices(
            self.security.access,
            self,
            self._figures,
            self.context,
            page_requests(self),
            self.reload,
            self.accounts.remote_latency,
        )
        self.context.observer = system.events
        return system

    def _nonce(self) -> str:
        return new_nonce() if self._authenticators.needs_nonce else ""

    def _server_block(self) -> Mapping[str, Any]:
        return server_block(self.info, self.options)

    def _use_tls(self, context: ClientContext, options: Options) -> None:
        if self._tls is None or options.tls is None:
            return
        context.start_tls = self._tls.start_tls
        context.tls_details = self._tls.details
        limit = options.tls.connection_rate_limit
        self._handshakes = HandshakeRate(limit, self._reactor) if limit else None
        context.allow_handshake = self._handshakes.allow if self._handshakes else None

    def _make_tls(self, options: TlsOptions | None) -> ServerTls | None:
        if options is None:
            return None
        # OpenSSL takes its time to load, so only who needs it waits for it.
        from pubsub.transport.tls import ServerTls

        return ServerTls(options, self._reactor)

    def _make_monitoring(self) -> MonitoringPorts | None:
        if not (self.options.http_port or self.options.https_port):
            return None
        # So does twisted.web.
        from pubsub.monitor.ports import MonitoringPorts

        return MonitoringPorts(self, self._reactor, self._tls)

    def _make_info(self, options: Options, authenticator: AuthenticatorChain) -> InfoRenderer:
        """INFO, with the port the kernel gave and the address clients are told."""
        info = introduction.server_info(
            options,
            server_id=self.server_id,
            server_name=self.name,
            port=self.port,
            auth_required=bool(authenticator.required or options.users),
            xkey=self.identity.xkey,
        )
        return InfoRenderer(self.cluster.introduce(info))

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
        self._listeners = Listeners(options, self._reactor, self.factory, self.router.flush)
        opened = maybeDeferred(self._open_monitoring)
        opened.addCallback(lambda _: self._open_clients())
        opened.addCallback(lambda _: self._links.open(self.port))
        opened.addCallback(lambda _: self._opened())
        opened.addErrback(self._not_opened)
        return opened

    def _open_monitoring(self) -> None:
        self._monitoring = self._make_monitoring()
        if self._monitoring is not None:
            self._monitoring.open()
            for scheme, host, port in self._monitoring.addresses():
                startup.say(self._log, startup.monitoring_line(scheme, host, port))

    def _open_clients(self) -> Deferred[None]:
        assert self._listeners is not None
        # INFO names the port, so it is made when the port is known, before anybody is accepted.
        return self._listeners.open(self._be_introduced)

    def _be_introduced(self) -> None:
        self.context.info = self._make_info(self.options, self._authenticators)
        self.accounts.in_cluster(self.info.cluster)

    def _opened(self) -> None:
        assert self._listeners is not None
        startup.say(self._log, *introduction.opened_lines(self.options, self._listeners.addresses))
        # Scripts read these files as soon as they see that the server is ready.
        self._write_pid_file()
        self._write_ports_file()
        self._housekeeping.start(HOUSEKEEPING, now=False)
        if self._system is not None:
            self._system.start()
        startup.say(self._log, startup.READY)

    def _write_pid_file(self) -> None:
        path = self.options.pid_file
        try:
            if path:
                write_pid_file(path)
        except OSError as error:
            reason = error.strerror or error
            raise PubSubError(f"Could not write pidfile: {path}: {reason}") from error

    def _write_ports_file(self) -> None:
        """A new ports file where it should be now, and none elsewhere."""
        if self._ports_file is not None:
            self._ports_file.remove()
            self._ports_file = None
        if self.options.ports_file_dir and self._listeners is not None:
            monitoring = self._monitoring.addresses() if self._monitoring is not None else ()
            self._ports_file = PortsFile(self.options.ports_file_dir)
            self._ports_file.write(
                introduction.server_ports(
                    self.options,
                    self._listeners.tcp_addresses(),
                    monitoring,
                    self.cluster.addresses(),
                    self.gateways.addresses(),
                )
            )

    def account_statz(self, names: Sequence[str] | None, unused: bool) -> list[dict[str, Any]]:
        """How busy the accounts are (IServerState)."""
        return self._figures.statz(list(names or ()), unused)

    def _keep_house(self) -> None:
        self.router.expire_responses()
        self._links.keep_house()
        refused = self._handshakes.take_refused() if self._handshakes is not None else 0
        if refused:
            self._log.warn("Rejected {count} connections due to TLS rate limiting", count=refused)

    def _warn_of_tls(self) -> None:
        for warning in self._tls.warnings if self._tls is not None else ():
            self._log.warn("{warning}", warning=warning)

    def _not_opened(self, failure: Failure) -> Deferred[Failure]:
        return self.close().addCallback(lambda _: failure)

    def _opening_lines(self) -> list[startup.Line]:
        return introduction.opening_lines(
            self.options,
            server_id=self.server_id,
            server_name=self.name,
            router=self.router.name,
            missing=better_backends(self.options.router, self.router.name),
        )

    # clients inside this process

    def connect_in_process(self, client: IProtocol) -> PipeTransport:
        """Join a Twisted protocol to this server, memory to memory; its transport.

        ``client.connectionMade`` has been called when this returns. It may speak plain text
        where TLS is required of others. (nats-server: ``InProcessConn``.)

        :raises pubsub.transport.inprocess.InProcessRefused: the server does not run.
        """
        return connect_in_process(self._in_process_factory(), client, self._reactor)

    def connect_in_process_socket(self) -> socket.socket:
        """Join a blocking socket to this server, for a client in another thread or event loop.

        Call it in the reactor's thread. The socket is the caller's to close.

        :raises pubsub.transport.inprocess.InProcessRefused: the server does not run.
        """
        return connect_in_process_socket(self._in_process_factory(), self._reactor)

    def _in_process_factory(self) -> ClientFactory:
        if self.not_ready():
            raise InProcessRefused("the server does not run")
        return ClientFactory(self.context, in_process=True)

    # stopping

    def close(self) -> Deferred[None]:
        """Stop: close the ports and everybody. Fires when nothing is left open."""
        if self._stopping is None:
            self._stopping = Deferred()
            self._lame_duck.cancel()
            if self._system is not None:
                self._system.stop()
            close_all(self.context)
            self.router.flush()
            if self._housekeeping.running:
                self._housekeeping.stop()
            closed = maybeDeferred(self.stop_listening)
            closed.addCallback(lambda _: self._links.close())
            closed.addCallback(lambda _: self.registry.when_all_lost())
            closed.addCallback(lambda _: self._close_monitoring())
            closed.addBoth(self._closed)
        done: Deferred[None] = Deferred()

        def tell(result: None) -> None:
            done.callback(result)

        self._stopping.addCallback(tell)
        return done

    def _close_monitoring(self) -> Deferred[None] | None:
        return self._monitoring.close() if self._monitoring is not None else None

    def _closed(self, outcome: object) -> None:
        if isinstance(outcome, Failure):
            self._log.failure("Stopping the server failed", outcome)
        self._authenticators.stop()
        self._hooks.stop()
        if self._system is not None:
            self._system.close()
        self.security.close()
        self.accounts.close()
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
        if self._system is not None and not self.lame_duck:
            self._system.lame_duck()
        self._lame_duck.enter(options.lame_duck_duration, options.lame_duck_grace_period)

    def stop_listening(self) -> Deferred[None] | None:
        """Accept no more clients."""
        return self._listeners.close() if self._listeners is not None else None

    def connections(self) -> Sequence[Any]:
        """The clients that are connected now."""
        return list(self.registry.open.values())

    def send_lame_duck_info(self) -> None:
        """Tell them, and other servers."""
        announce_lame_duck(self.context, self._links.say_leaving())

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
        old, new = self.options, self._read_options()
        changes = diff(old, new)
        # All that may fail comes first; the log, which says what follows, is the last of it.
        authenticators = self.security.authenticators(new)
        hooks = None
        try:
            hooks = self._hooks.prepare(new)
            info = self._make_info(new, authenticators)
            # Also when no option changed: the files may hold a new certificate.
            tls = self._make_tls(new.tls)
            self.security.check(new)
            links = self._links.prepare(new)
            self._change_log(new)
        except PubSubError:
            authenticators.stop()
            self._hooks.discard(hooks)
            raise
        if self._tls is not None and tls is not None:
            # The HTTPS port has this one.
            self._tls.adopt(tls)
        else:
            self._tls = tls
        self._warn_of_tls()
        self._apply(new, authenticators, info, links)
        self.leafs.reload(old.leafnodes, links.leafs)
        self._hooks.use(new, hooks)
        for change in changes:
            self._log.info(
                "Reloaded: {option} = {value}", option=change.path, value=change.shown_new
            )
        self._log.info("Reloaded server configuration")

    def _change_log(self, new: Options) -> None:
        """Log where and what ``new`` says.

        :raises InvalidOption: the new file cannot be opened; the log stays as it is.
        """
        settings = LogSettings.from_options(new)
        if self._server_log is None or settings == self._server_log.settings:
            return
        try:
            self._server_log.reconfigure(settings)
        except OSError as error:
            raise settings.unusable(error) from error

    def _apply(
        self,
        new: Options,
        authenticators: AuthenticatorChain,
        info: InfoRenderer,
        links: PreparedLinks,
    ) -> None:
        old, context = self.options, self.context
        # A port the kernel chose stays the one that is open.
        self.options = context.options = replace(new, port=old.port, http_port=old.http_port)
        self.config_time = time.time()
        context.reloading = True
        self.security.change_accounts(new)
        old_authenticators, self._authenticators = self._authenticators, authenticators
        context.authenticator = authenticators
        context.info = info
        self.accounts.in_cluster(info.info.cluster)
        self._use_tls(context, new)
        self._links.reload(self.options, links)
        self.router.settings = router_settings(new)
        self.security.change_users(new)
        context.reloading = False
        apply_reload(context, old)
        old_authenticators.stop()
        self.router.flush()
        if new.client_advertise != old.client_advertise:
            announce_info(context)
        if new.pid_file != old.pid_file:
            try:
                self._write_pid_file()
            except PubSubError as error:
                self._log.error("{error}", error=error)
        if new.ports_file_dir != old.ports_file_dir:
            self._write_ports_file()
