"""nats-py, the Python client: who may connect, TLS, and what goes wrong on the way.

With ``--pubsub-command nats-server`` the same is asked of nats-server.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt
import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoServersError, SlowConsumerError

from pubsub.testing.child import ChildServer
from tests.certs import Authority
from tests.interop.conftest import Start
from tests.interop.nats_py import Recorder, asynchronous, connected, settle, texts
from tests.patience import PATIENCE

# --- who may connect ----------------------------------------------------------------------


def _secrets() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Configurations, with what opens them, and what does not."""
    hashed = bcrypt.hashpw(b"s3cr3t", bcrypt.gensalt(4, b"2a")).decode()
    return [
        (
            "authorization { user: derek, password: s3cr3t }",
            {"user": "derek", "password": "s3cr3t"},
            {"user": "derek", "password": "x"},
        ),
        (
            f'authorization {{ user: derek, password: "{hashed}" }}',
            {"user": "derek", "password": "s3cr3t"},
            {"user": "derek", "password": hashed},
        ),
        ("authorization { token: s3cr3t }", {"token": "s3cr3t"}, {"token": "x"}),
        (f'authorization {{ token: "{hashed}" }}', {"token": "s3cr3t"}, {"token": hashed}),
    ]


@pytest.mark.parametrize(
    ("config", "right", "wrong"), _secrets(), ids=["password", "bcrypt", "token", "bcrypted token"]
)
@asynchronous
async def test_secrets(
    start: Start, config: str, right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    server = start(config)
    async with connected(server, **right) as client:
        assert client._server_info["auth_required"] is True
        await settle(client)
    for bad in (wrong, {}):
        recorder = Recorder()
        with pytest.raises(Error, match=r"(?i)authorization"):
            await nats.connect(
                server.url,
                **recorder.options(),
                **bad,
                allow_reconnect=False,
                connect_timeout=PATIENCE,
            )


@asynchronous
async def test_secrets_in_the_url(start: Start) -> None:
    server = start("authorization { user: derek, password: s3cr3t }")
    url = f"nats://derek:s3cr3t@127.0.0.1:{server.port}"
    async with connected(server, url=url) as client:
        await settle(client)


@asynchronous
async def test_a_connection_too_many(start: Start) -> None:
    server = start("max_connections: 2")
    recorder = Recorder()
    async with connected(server), connected(server):
        # what it sees of the refusal depends on which of its tasks runs first
        with pytest.raises((Error, OSError)):
            await nats.connect(server.url, **recorder.options(), allow_reconnect=False)
    assert "maximum connections exceeded" in server.log


# --- TLS ----------------------------------------------------------------------------------


def context_for(authority: Authority) -> ssl.SSLContext:
    """A client's context that trusts nobody but the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.cert_file)
    return context


@asynchronous
async def test_tls_after_info(
    start: Start, authority: Authority, tls_config: Callable[..., str]
) -> None:
    server = start(tls_config())
    async with connected(server, tls=context_for(authority)) as client:
        assert client._server_info["tls_required"] is True
        subscription = await client.subscribe("t")
        payload = os.urandom(300_000)
        await client.publish("t", payload)
        assert (await texts(subscription, 1) == [payload]) is True
    plain = Recorder()
    with pytest.raises((NoServersError, ssl.SSLError, Error)):
        await nats.connect(
            server.url.replace("tls://", "nats://"),
            **plain.options(),
            allow_reconnect=False,
            tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )


@pytest.mark.parametrize("setting", ["true", "auto", "2s"])
@asynchronous
async def test_tls_first(
    start: Start, authority: Authority, tls_config: Callable[..., str], setting: str
) -> None:
    server = start(tls_config(f"handshake_first: {setting}"))
    options: dict[str, Any] = {"tls": context_for(authority), "tls_handshake_first": True}
    async with connected(server, **options) as client:
        assert await client.rtt(timeout=PATIENCE) >= 0
    if setting == "auto":
        async with connected(server, tls=context_for(authority)) as client:
            assert await client.rtt(timeout=PATIENCE) >= 0


@asynchronous
async def test_certificates_of_clients(
    start: Start, authority: Authority, tls_config: Callable[..., str]
) -> None:
    server = start(tls_config("verify: true"))
    issued = authority.issue("client", client=True)
    context = context_for(authority)
    context.load_cert_chain(issued.cert_file, issued.key_file)
    async with connected(server, tls=context) as client:
        assert client._server_info["tls_verify"] is True
        await settle(client)
    with pytest.raises((Error, OSError)):
        async with connected(server, tls=context_for(authority)) as client:
            await settle(client)


# --- disturbances -------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stop", "kill"])
@asynchronous
async def test_clients_come_back(start: Start, how: str) -> None:
    server = start()
    recorder = Recorder()
    options: dict[str, Any] = {"allow_reconnect": True, "max_reconnect_attempts": -1}
    async with connected(server, recorder, **options) as client:
        received: list[bytes] = []
        arrived = asyncio.Event()

        async def take(message: Msg) -> None:
            received.append(message.data)
            arrived.set()

        await client.subscribe("back.*", cb=take)
        await client.publish("back.1", b"before")
        await settle(client)
        before = client._server_info["server_id"]
        await asyncio.to_thread(getattr(server, how))
        await asyncio.wait_for(recorder.event("disconnected").wait(), PATIENCE)
        await asyncio.to_thread(server.start)
        await asyncio.wait_for(recorder.event("reconnected").wait(), PATIENCE)
        arrived.clear()
        await client.publish("back.2", b"after")
        await settle(client)
        await asyncio.wait_for(arrived.wait(), PATIENCE)
        assert received == [b"before", b"after"]
        assert client._server_info["server_id"] != before


@asynchronous
async def test_lame_duck_mode_is_announced(start: Start) -> None:
    if "lame_duck_mode_cb" not in inspect.signature(Client.connect).parameters:
        pytest.skip("this nats-py does not know lame duck mode")
    server = start('lame_duck_duration: "30s", lame_duck_grace_period: "20s"')
    told = asyncio.Event()

    async def callback() -> None:
        told.set()

    recorder = Recorder()
    async with connected(server, recorder, lame_duck_mode_cb=callback) as client:
        await settle(client)
        os.kill(server.pid, signal.SIGUSR2)
        await asyncio.wait_for(told.wait(), PATIENCE)
        # it is not thrown out yet, and nobody else gets in
        await settle(client)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(server.host, server.port)
    # SIGTERM has to wait for the end of lame duck mode, and we do not
    server.kill()


@asynchronous
async def test_the_client_pings_a_server_that_lives(server: ChildServer) -> None:
    recorder = Recorder()
    options: dict[str, Any] = {"ping_interval": 0.02, "max_outstanding_pings": 1000}
    async with connected(server, recorder, **options) as client:
        pongs = asyncio.Event()
        count = 0
        process = client._process_pong

        async def counted() -> None:
            nonlocal count
            await process()
            count += 1
            if count >= 5:
                pongs.set()

        client._process_pong = counted  # type: ignore[method-assign]
        await asyncio.wait_for(pongs.wait(), PATIENCE)
        assert recorder.errors == []


@asynchronous
async def test_a_server_that_is_stopped_is_stale(start: Start) -> None:
    """The client finds out by its own pings; the server survives having been stopped."""
    server = start()
    recorder = Recorder()
    options: dict[str, Any] = {
        "ping_interval": 0.05,
        "max_outstanding_pings": 2,
        "allow_reconnect": True,
    }
    async with connected(server, recorder, **options) as client:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            await asyncio.wait_for(recorder.event("disconnected").wait(), PATIENCE)
            # a busy machine is no stopped server
            client.options["max_outstanding_pings"] = 1000
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await asyncio.wait_for(recorder.event("reconnected").wait(), PATIENCE)
        await settle(client)


@asynchronous
async def test_the_server_pings_clients(start: Start) -> None:
    """A client that answers stays."""
    server = start('ping_interval: "50ms", ping_max: 1000')
    recorder = Recorder()
    async with connected(server, recorder) as client:
        pings = asyncio.Event()
        process, count = client._process_ping, 0

        async def counted() -> None:
            nonlocal count
            await process()
            count += 1
            if count >= 4:
                pings.set()

        client._process_ping = counted  # type: ignore[method-assign]
        await asyncio.wait_for(pings.wait(), PATIENCE)
        await settle(client)
        assert recorder.errors == []


@asynchronous
async def test_a_client_that_does_not_answer_pings_is_stale(start: Start) -> None:
    server = start('ping_interval: "300ms", ping_max: 1')
    recorder = Recorder()
    async with connected(server, recorder) as client:

        async def silent() -> None:
            pass

        client._process_ping = silent  # type: ignore[method-assign]
        await asyncio.wait_for(recorder.event("closed").wait(), PATIENCE)
        assert "stale connection" in str(client.last_error)


@asynchronous
async def test_a_slow_subscription_is_the_clients_own_matter(server: ChildServer) -> None:
    recorder = Recorder()
    async with connected(server, recorder) as client:
        blocked = asyncio.Event()

        async def never(message: Msg) -> None:
            await blocked.wait()

        slow = await client.subscribe("slow", cb=never, pending_msgs_limit=10)
        for _ in range(30):
            await client.publish("slow", b"x")
        await settle(client)
        blocked.set()
        assert any(isinstance(error, SlowConsumerError) for error in recorder.errors)
        assert client.is_connected
        await slow.unsubscribe()
        await settle(client)


@asynchronous
async def test_five_hundred_clients(server: ChildServer) -> None:
    options: dict[str, Any] = {
        **Recorder().options(),
        "connect_timeout": 20,
        "allow_reconnect": False,
    }
    clients: list[Client] = []
    for _ in range(5):
        clients += await asyncio.gather(*(nats.connect(server.url, **options) for _ in range(100)))
    try:
        subscriptions = [await client.subscribe("all") for client in clients]
        await asyncio.gather(*map(settle, clients))
        await clients[0].publish("all", b"hello")
        messages = await asyncio.gather(*(s.next_msg(timeout=PATIENCE) for s in subscriptions))
        assert [message.data for message in messages] == [b"hello"] * 500
        assert len({client.client_id for client in clients}) == 500
    finally:
        await asyncio.gather(*(client.close() for client in clients))


@asynchronous
async def test_a_unix_socket(start: Start, tmp_path: Path, backend: str) -> None:
    """nats-py opens TCP connections only: its transport is given a Unix socket instead."""
    if not backend:
        pytest.skip("nats-server has no Unix sockets")
    path = tmp_path / "nats.sock"
    server = start(f'listen: ["127.0.0.1:-1", "unix:{path}"]')
    original = asyncio.open_connection

    def unix_only(**options: Any) -> Any:
        return asyncio.open_unix_connection(str(path), limit=options["limit"])

    asyncio.open_connection = unix_only  # type: ignore[assignment]
    try:
        async with connected(server) as client:
            subscription = await client.subscribe("unix")
            await client.publish("unix", b"x" * 100_000)
            assert await texts(subscription, 1) == [b"x" * 100_000]
    finally:
        asyncio.open_connection = original
