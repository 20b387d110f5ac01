"""Reloading: each option that can change does, for those connected and those to come."""

from __future__ import annotations

import json
import os
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from pubsub.config.options import (
    AuthorizationOptions,
    ClusterOptions,
    MappingEntry,
    Options,
    TlsOptions,
    WeightedDestination,
)
from pubsub.errors import InvalidOption, PubSubError, ReloadRefused
from pubsub.server import PubSubServer
from pubsub.system.logging import LogSettings, ServerLog
from tests.certs import Authority
from tests.patience import PATIENCE, until
from tests.server.conftest import Serve
from tests.server.peer import Peer

reactor: Any = installed

OPEN = b'CONNECT {"verbose":false}\r\n'


@pytest_twisted.ensureDeferred
async def test_max_payload(serve: Serve, router: str) -> None:
    """Those connected have to obey; those to come are told."""
    one = await serve(router=router)
    client = await one.client()
    one.reload(max_payload=10)
    client.send(b"PUB a 11\r\n")
    assert b"-ERR 'Maximum Payload Violation'\r\n" in await client.closed()
    assert (await (await one.peer()).info())["max_payload"] == 10
    one.reload(max_payload=20)
    assert b"-ERR" not in await (await one.client()).ask(b"PUB a 20\r\n" + bytes(20) + b"\r\n")


@pytest_twisted.ensureDeferred
async def test_max_control_line(serve: Serve, router: str) -> None:
    one = await serve(router=router)
    client = await one.client()
    one.reload(max_control_line=20)
    client.send(b"SUB " + b"a" * 40 + b" 1\r\n")
    assert (await client.closed()).endswith(b"-ERR 'maximum control line exceeded'\r\n")


@pytest_twisted.ensureDeferred
async def test_max_connections(serve: Serve) -> None:
    """The oldest go until there are no more than allowed; nobody else comes in."""
    one = await serve()
    oldest, youngest = await one.client(), await one.client()
    one.reload(max_connections=1)
    assert (await oldest.closed()).endswith(b"-ERR 'maximum connections exceeded'\r\n")
    assert await youngest.ask(b"") is not None
    refused = await one.peer()
    assert (await refused.closed()).endswith(b"-ERR 'maximum connections exceeded'\r\n")
    one.reload(max_connections=2)
    await one.client()


@pytest_twisted.ensureDeferred
async def test_authorization(serve: Serve, router: str) -> None:
    """Who is not known any more has to go; who is stays; newcomers have to say who they are."""
    one = await serve(router=router)
    nobody = await one.client()
    somebody = await one.client(b'{"verbose":false,"user":"ann","pass":"s3cret"}')
    users = AuthorizationOptions(user="ann", password="s3cret")
    one.reload(authorization=users)
    assert (await nobody.closed()).endswith(b"-ERR 'Authorization Violation'\r\n")
    await somebody.ask(b"")
    newcomer = await one.peer()
    assert (await newcomer.info())["auth_required"] is True
    newcomer.send(b"PING\r\n")
    assert await newcomer.closed() == b"-ERR 'Authorization Violation'\r\n"
    one.reload(authorization=replace(users, password="an0ther"))
    assert (await somebody.closed()).endswith(b"-ERR 'Authorization Violation'\r\n")
    one.reload(authorization=AuthorizationOptions())
    assert "auth_required" not in await (await one.peer()).info()


@pytest_twisted.ensureDeferred
async def test_the_time_to_authenticate(serve: Serve) -> None:
    users = AuthorizationOptions(user="ann", password="s3cret", timeout=60.0)
    one = await serve(authorization=users)
    one.reload(authorization=replace(users, timeout=0.01))
    late = await one.peer()
    assert (await late.closed()).endswith(b"-ERR 'Authentication Timeout'\r\n")


@pytest_twisted.ensureDeferred
async def test_ping_interval_and_ping_max(serve: Serve) -> None:
    one = await serve()
    one.reload(ping_interval=0.2, ping_max=1)
    client = await one.client()
    await client.until(b"PING\r\n")
    assert b"-ERR 'Stale Connection'\r\n" in await client.closed()


@pytest_twisted.ensureDeferred
async def test_mappings(serve: Serve, router: str) -> None:
    one = await serve(router=router)
    client = await one.client()
    await client.ask(b"SUB new 1\r\nSUB old 2\r\n")
    assert await client.ask(b"PUB old 1\r\nx\r\n") == b"MSG old 2 1\r\nx\r\n"
    one.reload(mappings=(MappingEntry("old", (WeightedDestination("new", 100),)),))
    assert await client.ask(b"PUB old 1\r\nx\r\n") == b"MSG new 1 1\r\nx\r\n"
    one.reload(mappings=())
    assert await client.ask(b"PUB old 1\r\nx\r\n") == b"MSG old 2 1\r\nx\r\n"


@pytest_twisted.ensureDeferred
async def test_mappings_of_this_cluster(serve: Serve, router: str) -> None:
    """From the start on, and after a reload; those of others are not for us."""
    ours, theirs = WeightedDestination("new", 100, "C"), WeightedDestination("other", 100, "D")
    entry = MappingEntry("old", (ours, theirs))
    one = await serve(router=router, cluster=ClusterOptions(name="C"), mappings=(entry,))
    client = await one.client()
    await client.ask(b"SUB * 1\r\n")
    assert await client.ask(b"PUB old 1\r\nx\r\n") == b"MSG new 1 1\r\nx\r\n"
    one.reload(mappings=(MappingEntry("older", (ours, theirs)),))
    assert await client.ask(b"PUB older 1\r\nx\r\n") == b"MSG new 1 1\r\nx\r\n"
    assert await client.ask(b"PUB old 1\r\nx\r\n") == b"MSG old 1 1\r\nx\r\n"


@pytest_twisted.ensureDeferred
async def test_write_deadline(serve: Serve, router: str) -> None:
    """A client that reads nothing is closed when there is a deadline, not before."""
    one = await serve(router=router, write_deadline=0.0)
    deaf = await one.client()
    await deaf.ask(b"SUB big 1\r\n")
    deaf.transport.pauseProducing()
    for _ in range(10):
        one.server.router.publish("$G", b"big", b"", b"", bytes(1_000_000))
        one.server.router.flush()
    await deferLater(reactor, 0.2)
    assert len(one.server.registry.open) == 1
    one.reload(write_deadline=0.1)
    await until(lambda: not one.server.registry.open)
    (closed,) = one.server.registry.closed
    assert closed.reason is not None
    assert closed.reason.value == "Slow Consumer (Write Deadline)"
    deaf.transport.resumeProducing()
    await deaf.closed()


@pytest_twisted.ensureDeferred
async def test_client_advertise(serve: Serve) -> None:
    """Those who understand INFO at any time are told at once."""
    one = await serve()
    modern, old = await one.modern_client(), await one.client()
    one.reload(client_advertise="nats.example:4333")
    info = await modern.info()
    assert (info["host"], info["port"]) == ("nats.example", 4333)
    assert await old.ask(b"") == b""
    assert (await (await one.peer()).info())["host"] == "nats.example"
    one.reload(client_advertise="")
    assert (await modern.info())["port"] == one.server.port


@pytest_twisted.ensureDeferred
async def test_no_fast_producer_stall(serve: Serve) -> None:
    one = await serve()
    one.reload(no_fast_producer_stall=True)
    assert one.server.router.settings.no_fast_producer_stall


@pytest_twisted.ensureDeferred
async def test_the_pid_and_ports_files_move(serve: Serve, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    one = await serve(ports_file_dir=str(old))
    one.reload(ports_file_dir=str(new), pid_file=str(new / "pid"))
    assert list(old.iterdir()) == []
    assert (new / "pid").read_text() == str(os.getpid())
    (ports,) = new.glob("*.ports")
    assert json.loads(ports.read_text())["nats"] == [f"nats://127.0.0.1:{one.server.port}"]
    one.reload(ports_file_dir="", pid_file="/no/such/directory/pid")
    assert [file.name for file in new.iterdir()] == ["pid"]


def _certificate(port: int) -> bytes:
    return ssl.PEM_cert_to_DER_cert(
        ssl.get_server_certificate(("127.0.0.1", port), timeout=PATIENCE)
    )


@pytest_twisted.ensureDeferred
async def test_a_new_certificate_in_the_same_files(serve: Serve, tmp_path: Path) -> None:
    """No option changes: what the files hold does."""
    ca = Authority(tmp_path)
    first = ca.issue("server")
    one = await serve(tls=first.options(handshake_first=True))
    assert await deferToThread(_certificate, one.server.port) == first.der
    second = ca.issue("server", days=(-1, 5))
    assert second.cert_file == first.cert_file
    assert await deferToThread(_certificate, one.server.port) == first.der
    one.reload()
    assert await deferToThread(_certificate, one.server.port) == second.der
    assert one.server.tls_not_after == second.not_after


@pytest_twisted.ensureDeferred
async def test_tls_comes_and_goes(serve: Serve, tmp_path: Path) -> None:
    one = await serve()
    connected = await one.client()
    one.reload(tls=Authority(tmp_path).issue("server").options())
    assert (await (await one.peer()).info())["tls_required"] is True
    assert one.server.tls_not_after > 0
    await connected.ask(b"")
    one.reload(tls=None)
    assert one.server.tls_not_after == 0
    await one.client()


@pytest_twisted.ensureDeferred
async def test_the_log(tmp_path: Path) -> None:
    """Another file, with debug and trace lines; the old one gets no more."""
    old, new = tmp_path / "old.log", tmp_path / "new.log"
    options = Options(host="127.0.0.1", port=-1, log_file=str(old))
    given = [options]
    log = ServerLog(LogSettings.from_options(options))
    globalLogPublisher.addObserver(log)
    server = PubSubServer(options, reactor, read_options=lambda: given[0], log=log)
    try:
        await server.open()
        peer = Peer()
        server.connect_in_process(peer)
        await peer.ask(OPEN)
        given[0] = replace(options, log_file=str(new), debug=True, trace=True)
        server.reload()
        await peer.ask(b"SUB traced 1\r\n")
        await server.close()
    finally:
        globalLogPublisher.removeObserver(log)
        log.close()
    before, after = old.read_text(), new.read_text()
    assert "Server is ready" in before
    assert "Reloaded" not in before
    assert "[INF] Reloaded: debug = True" in after
    assert "[TRC] pipe - cid:1 - <<- [SUB traced 1]" in after
    assert "[DBG] pipe - cid:1 - Client connection closed: Server Shutdown" in after


# what cannot change


@pytest.mark.parametrize(
    ("option", "value", "name"),
    [
        ("host", "0.0.0.0", "Host"),
        ("port", 4333, "Port"),
        ("server_name", "other", "ServerName"),
        ("max_pending", 1000, "MaxPending"),
        ("max_subscriptions", 5, "MaxSubs"),
        ("router", "python", "Router"),
        ("proxy_protocol", True, "ProxyProtocol"),
        ("allow_non_tls", True, "AllowNonTLS"),
        ("lame_duck_duration", 30.0, "LameDuckDuration"),
        ("http_port", 8222, "HTTPPort"),
        ("dont_listen", True, "DontListen"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_cannot_change_is_refused_by_name_and_nothing_changes(
    serve: Serve, option: str, value: object, name: str
) -> None:
    one = await serve()
    before = one.server.options, one.server.context.info, one.server.context.authenticator
    with pytest.raises(ReloadRefused, match=f"config reload not supported for {name}:"):
        one.reload(max_payload=10, **{option: value})
    assert (one.server.options, one.server.context.info) == before[:2]
    assert one.server.context.authenticator is before[2]
    assert (await (await one.peer()).info())["max_payload"] == 1048576


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"authorization": AuthorizationOptions(plugin="oracle")}, "oracle"),
        ({"client_advertise": "a:b:c"}, "client_advertise"),
        ({"tls": TlsOptions(cert_file="no.pem", key_file="no.pem")}, "no.pem"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_reload_that_fails_halfway_changes_nothing(
    serve: Serve, changes: dict[str, Any], text: str
) -> None:
    one = await serve()
    before = one.server.options
    with pytest.raises(PubSubError, match=text):
        one.reload(max_payload=10, max_control_line=10, **changes)
    assert one.server.options is before
    assert one.server.router.settings.max_control_line == 4096
    client = await one.client()
    assert await client.ask(b"SUB averylongsubject 1\r\nPUB a 11\r\n" + bytes(11) + b"\r\n") == b""


@pytest_twisted.ensureDeferred
async def test_a_log_file_that_cannot_be_opened_changes_nothing(tmp_path: Path) -> None:
    """It is the last thing that can fail: the certificate is the old one still."""
    ca = Authority(tmp_path)
    options = Options(host="127.0.0.1", port=-1, tls=ca.issue("server").options())
    given = [options]
    log = ServerLog(LogSettings.from_options(options))
    server = PubSubServer(options, reactor, read_options=lambda: given[0], log=log)
    await server.open()
    not_after = server.tls_not_after
    ca.issue("server", days=(-1, 3))
    given[0] = replace(options, max_payload=10, log_file=str(tmp_path / "none" / "x.log"))
    with pytest.raises(InvalidOption, match=r"error opening the log .*x.log: No such file"):
        server.reload()
    assert server.tls_not_after == not_after
    assert server.options.max_payload == 1048576
    await server.close()


@pytest_twisted.ensureDeferred
async def test_without_a_way_to_read_it_again_a_reload_is_a_warning(serve: Serve) -> None:
    logged: list[str] = []

    def observe(event: LogEvent) -> None:
        logged.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    try:
        PubSubServer(Options(), reactor).reload()
    finally:
        globalLogPublisher.removeObserver(observe)
    assert logged == ["There is no configuration to read again: reload ignored"]
