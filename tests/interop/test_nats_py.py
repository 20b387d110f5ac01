"""nats-py, the Python client, finds nothing to wonder about.

With ``--pubsub-command nats-server`` the same is asked of nats-server: a test that fails
there proves nothing here.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import bcrypt
import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import (
    Error,
    MaxPayloadError,
    NoRespondersError,
    NoServersError,
    SlowConsumerError,
)
from nats.errors import TimeoutError as NatsTimeout

from pubsub.testing.child import ChildServer
from tests.certs import Authority
from tests.interop.conftest import Start

#: No test takes as long; one that hangs shall say where.
PATIENCE = 30.0


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on an event loop of its own."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**fixtures), PATIENCE))

    return run


class Recorder:
    """What the client reports, and a way to wait for it."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self._events: dict[str, asyncio.Event] = {}

    def event(self, name: str) -> asyncio.Event:
        """Set when that callback was called."""
        return self._events.setdefault(name, asyncio.Event())

    def options(self) -> dict[str, Any]:
        """For connect()."""

        def callback(name: str) -> Callable[[], Coroutine[Any, Any, None]]:
            async def called() -> None:
                self.event(name).set()

            return called

        async def error(problem: Exception) -> None:
            self.errors.append(problem)
            self.event("error").set()

        return {
            "error_cb": error,
            **{f"{name}_cb": callback(name) for name in ("disconnected", "reconnected", "closed")},
        }


@asynccontextmanager
async def connected(
    server: ChildServer, recorder: Recorder | None = None, url: str = "", **options: Any
) -> AsyncIterator[Client]:
    """A client; it is closed at the end."""
    settings = {
        "connect_timeout": 10,
        "reconnect_time_wait": 0.02,
        "allow_reconnect": False,
        **(recorder or Recorder()).options(),
        **options,
    }
    client = await nats.connect(url or server.url, **settings)
    try:
        yield client
    finally:
        await client.close()


async def settle(client: Client) -> None:
    """Wait until the server has taken what was published, and its answers have come.

    Once is not enough: nats-py may write the PING of a flush ahead of what is pending.
    """
    await client.flush(timeout=10)
    await client.flush(timeout=10)


async def texts(subscription: Any, count: int) -> list[bytes]:
    """The next payloads."""
    return [(await subscription.next_msg(timeout=10)).data for _ in range(count)]


# --- messages -----------------------------------------------------------------------------


@asynchronous
async def test_what_the_server_says_about_itself(server: ChildServer) -> None:
    async with connected(server, name="me") as client:
        assert client.is_connected
        assert client.connected_url is not None
        assert client.connected_url.netloc == f"127.0.0.1:{server.port}"
        assert client.max_payload == 1048576
        assert client.client_id is not None
        assert client.client_id > 0
        assert client.connected_server_version.major == 2
        info = client._server_info
        assert info["proto"] == 1
        assert info["headers"] is True
        assert info["client_ip"] == "127.0.0.1"
        assert info["port"] == server.port


@asynchronous
async def test_wildcards(server: ChildServer) -> None:
    async with connected(server) as client:
        exact = await client.subscribe("w.a.b")
        star = await client.subscribe("w.*.b")
        rest = await client.subscribe("w.>")
        for subject in ("w.a.b", "w.x.b", "w.a", "w.a.b.c"):
            await client.publish(subject, subject.encode())
        await settle(client)
        assert await texts(exact, 1) == [b"w.a.b"]
        assert await texts(star, 2) == [b"w.a.b", b"w.x.b"]
        assert await texts(rest, 4) == [b"w.a.b", b"w.x.b", b"w.a", b"w.a.b.c"]
        assert (exact.pending_msgs, star.pending_msgs, rest.pending_msgs) == (0, 0, 0)


@asynchronous
async def test_each_message_goes_to_one_of_a_queue_group(server: ChildServer) -> None:
    async with (
        connected(server) as first,
        connected(server) as second,
        connected(server) as publisher,
    ):
        members = [await c.subscribe("q.>", queue="workers") for c in (first, second, second)]
        plain = await publisher.subscribe("q.>")
        for client in (first, second):
            await settle(client)
        for number in range(300):
            await publisher.publish(f"q.{number}", b"%d" % number)
        await settle(publisher)
        for client in (first, second):
            await settle(client)
        counts = [member.pending_msgs for member in members]
        assert sum(counts) == 300
        # one in 10**50 runs leaves one out
        assert min(counts) > 0
        received = [(await m.next_msg()).data for m in members for _ in range(m.pending_msgs)]
        assert sorted(received) == sorted(b"%d" % number for number in range(300))
        assert plain.pending_msgs == 300


@pytest.mark.parametrize("old_style", [False, True])
@asynchronous
async def test_requests(server: ChildServer, old_style: bool) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(b"re: " + message.data)

    async with connected(server) as service, connected(server) as client:
        await service.subscribe("r.help", queue="helpers", cb=answer)
        await settle(service)
        for number in range(20):
            text = b"%d" % number
            reply = await client.request("r.help", text, timeout=10, old_style=old_style)
            assert reply.data == b"re: " + text


@asynchronous
async def test_a_request_nobody_answers_fails_at_once(server: ChildServer) -> None:
    async with connected(server) as client:
        with pytest.raises(NoRespondersError):
            await client.request("n.nobody", b"", timeout=10)
        silent = await client.subscribe("n.silent")
        with pytest.raises(NatsTimeout):
            await client.request("n.silent", b"", timeout=0.05)
        assert silent.pending_msgs == 1


@asynchronous
async def test_headers(server: ChildServer) -> None:
    async with connected(server) as client:
        subscription = await client.subscribe("h")
        await client.publish("h", b"body", headers={"Key": "value: with colon", "Other": "2"})
        await client.publish("h", b"", headers={"Only": "headers"})
        await client.publish("h", b"plain")
        message = await subscription.next_msg(timeout=10)
        assert message.headers == {"Key": "value: with colon", "Other": "2"}
        assert message.data == b"body"
        message = await subscription.next_msg(timeout=10)
        assert (message.headers, message.data) == ({"Only": "headers"}, b"")
        message = await subscription.next_msg(timeout=10)
        assert (message.headers, message.data) == (None, b"plain")


@asynchronous
async def test_headers_of_a_request_and_its_answer(server: ChildServer) -> None:
    async def answer(message: Msg) -> None:
        await client.publish(message.reply, b"", headers={"Seen": (message.headers or {})["Trace"]})

    async with connected(server) as client:
        await client.subscribe("h.r", cb=answer)
        reply = await client.request("h.r", b"x", timeout=10, headers={"Trace": "17"})
        assert reply.headers == {"Seen": "17"}


@asynchronous
async def test_unsubscribing_with_a_maximum(server: ChildServer) -> None:
    async with connected(server) as client, connected(server) as other:
        received: list[bytes] = []

        async def take(message: Msg) -> None:
            received.append(message.data)

        before = await client.subscribe("u", cb=take)
        await before.unsubscribe(limit=3)
        await settle(client)
        for number in range(10):
            await other.publish("u", b"%d" % number)
        await settle(other)
        await settle(client)
        assert received == [b"0", b"1", b"2"]


@asynchronous
async def test_unsubscribing_ends_it(server: ChildServer) -> None:
    async with connected(server) as client:
        gone = await client.subscribe("u.gone")
        kept = await client.subscribe("u.*")
        await client.publish("u.gone", b"1")
        await settle(client)
        await gone.unsubscribe()
        await client.publish("u.gone", b"2")
        await settle(client)
        assert await texts(kept, 2) == [b"1", b"2"]
        await kept.unsubscribe()
        with pytest.raises(NoRespondersError):
            await client.request("u.gone", b"", timeout=10)


@asynchronous
async def test_draining_a_subscription_and_a_connection(server: ChildServer) -> None:
    recorder = Recorder()
    async with connected(server) as publisher:
        client = await nats.connect(server.url, **recorder.options())
        received: list[bytes] = []

        async def slowly(message: Msg) -> None:
            await asyncio.sleep(0)
            received.append(message.data)

        one = await client.subscribe("d.one", cb=slowly)
        await client.subscribe("d.two", cb=slowly)
        await settle(client)
        for number in range(100):
            await publisher.publish("d.one", b"1 %d" % number)
        await settle(publisher)
        await one.drain()  # type: ignore[no-untyped-call]
        assert received == [b"1 %d" % number for number in range(100)]
        for number in range(100):
            await publisher.publish("d.one", b"lost")
            await publisher.publish("d.two", b"2 %d" % number)
        await settle(publisher)
        await client.drain()
        await asyncio.wait_for(recorder.event("closed").wait(), 10)
        assert received[100:] == [b"2 %d" % number for number in range(100)]
        assert client.is_closed


@asynchronous
async def test_flush_and_round_trip(server: ChildServer) -> None:
    async with connected(server) as client:
        await client.flush(timeout=10)
        assert await client.rtt(timeout=10) >= 0


@asynchronous
async def test_many_inboxes(server: ChildServer) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(message.data)

    async with connected(server) as client:
        await client.subscribe("i.echo", cb=answer)
        replies = await asyncio.gather(
            *(client.request("i.echo", b"%d" % n, timeout=10) for n in range(500)),
            *(client.request("i.echo", b"%d" % n, timeout=10, old_style=True) for n in range(200)),
        )
        assert [int(reply.data) for reply in replies] == [*range(500), *range(200)]


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 1048576])
@asynchronous
async def test_payloads_of_every_size(server: ChildServer, size: int) -> None:
    payload = os.urandom(size)
    async with connected(server) as client:
        subscription = await client.subscribe("l")
        for _ in range(3):
            await client.publish("l", payload)
        await settle(client)
        for _ in range(3):
            message = await subscription.next_msg(timeout=10)
            # an unequal megabyte makes a report nobody can read
            assert len(message.data) == size
            assert (message.data == payload) is True


@asynchronous
async def test_a_payload_that_is_too_large(start: Start) -> None:
    server = start("max_payload: 100")
    recorder = Recorder()
    async with connected(server, recorder) as client:
        assert client.max_payload == 100
        with pytest.raises(MaxPayloadError):
            await client.publish("p", bytes(101))
        # and if the client does not look
        client._max_payload = 1000
        await client.publish("p", bytes(101))
        await asyncio.wait_for(recorder.event("disconnected").wait(), 10)
        # the client knows only that it was closed if that comes first
        assert "Maximum Payload Violation" in server.log or "maximum payload" in server.log


@asynchronous
async def test_verbose_and_pedantic(server: ChildServer) -> None:
    recorder = Recorder()
    async with connected(server, recorder, verbose=True, pedantic=True) as client:
        subscription = await client.subscribe("v")
        await client.publish("v", b"1")
        await settle(client)
        assert await texts(subscription, 1) == [b"1"]
        assert recorder.errors == []


@asynchronous
async def test_no_echo(server: ChildServer) -> None:
    async with connected(server, no_echo=True) as client, connected(server) as other:
        subscription = await client.subscribe("e")
        await client.publish("e", b"own")
        await settle(client)
        await other.publish("e", b"other's")
        await settle(other)
        assert await texts(subscription, 1) == [b"other's"]


@pytest.mark.parametrize(
    ("subject", "reply"), [("_GR_.x", ""), ("$NRG.x", ""), ("ok", "_R_.x"), ("ok", "$JS.ACK.x")]
)
@asynchronous
async def test_reserved_subjects(server: ChildServer, subject: str, reply: str) -> None:
    recorder = Recorder()
    async with connected(server, recorder) as client:
        everything = await client.subscribe(">")
        await client.publish(subject, b"x", reply=reply)
        await settle(client)
        assert everything.pending_msgs == 0
        assert len(recorder.errors) == 1
        assert "permissions violation for publish" in str(recorder.errors[0]).lower()
        assert client.is_connected


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
                server.url, **recorder.options(), **bad, allow_reconnect=False, connect_timeout=10
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
        assert await client.rtt(timeout=10) >= 0
    if setting == "auto":
        async with connected(server, tls=context_for(authority)) as client:
            assert await client.rtt(timeout=10) >= 0


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
        await asyncio.wait_for(recorder.event("disconnected").wait(), 10)
        await asyncio.to_thread(server.start)
        await asyncio.wait_for(recorder.event("reconnected").wait(), 10)
        arrived.clear()
        await client.publish("back.2", b"after")
        await settle(client)
        await asyncio.wait_for(arrived.wait(), 10)
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
        await asyncio.wait_for(told.wait(), 10)
        # it is not thrown out yet, and nobody else gets in
        await settle(client)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(server.host, server.port)
    # SIGTERM has to wait for the end of lame duck mode, and we do not
    server.kill()


@asynchronous
async def test_the_client_pings_a_server_that_lives(server: ChildServer) -> None:
    recorder = Recorder()
    options: dict[str, Any] = {"ping_interval": 0.02, "max_outstanding_pings": 2}
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
        await asyncio.wait_for(pongs.wait(), 10)
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
            await asyncio.wait_for(recorder.event("disconnected").wait(), 10)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await asyncio.wait_for(recorder.event("reconnected").wait(), 10)
        await settle(client)


@asynchronous
async def test_the_server_pings_clients(start: Start) -> None:
    """A client that answers stays."""
    server = start('ping_interval: "50ms"')
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
        await asyncio.wait_for(pings.wait(), 10)
        await settle(client)
        assert recorder.errors == []


@asynchronous
async def test_a_client_that_does_not_answer_pings_is_stale(start: Start) -> None:
    server = start('ping_interval: "50ms", ping_max: 1')
    recorder = Recorder()
    async with connected(server, recorder) as client:

        async def silent() -> None:
            pass

        client._process_ping = silent  # type: ignore[method-assign]
        await asyncio.wait_for(recorder.event("closed").wait(), 10)
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
        messages = await asyncio.gather(*(s.next_msg(timeout=20) for s in subscriptions))
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
