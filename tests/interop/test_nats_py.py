"""nats-py, the Python client, finds nothing to wonder about in its messages.

With ``--pubsub-command nats-server`` the same is asked of nats-server: a test that fails
there proves nothing here.
"""

from __future__ import annotations

import asyncio
import os

import nats
import pytest
from nats.aio.msg import Msg
from nats.errors import MaxPayloadError, NoRespondersError
from nats.errors import TimeoutError as NatsTimeout

from pubsub.testing.child import ChildServer
from tests.interop.conftest import Start
from tests.interop.nats_py import Recorder, asynchronous, connected, settle, texts
from tests.patience import PATIENCE


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
            reply = await client.request("r.help", text, timeout=PATIENCE, old_style=old_style)
            assert reply.data == b"re: " + text


@asynchronous
async def test_a_request_nobody_answers_fails_at_once(server: ChildServer) -> None:
    async with connected(server) as client:
        with pytest.raises(NoRespondersError):
            await client.request("n.nobody", b"", timeout=PATIENCE)
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
        message = await subscription.next_msg(timeout=PATIENCE)
        assert message.headers == {"Key": "value: with colon", "Other": "2"}
        assert message.data == b"body"
        message = await subscription.next_msg(timeout=PATIENCE)
        assert (message.headers, message.data) == ({"Only": "headers"}, b"")
        message = await subscription.next_msg(timeout=PATIENCE)
        assert (message.headers, message.data) == (None, b"plain")


@asynchronous
async def test_headers_of_a_request_and_its_answer(server: ChildServer) -> None:
    async def answer(message: Msg) -> None:
        await client.publish(message.reply, b"", headers={"Seen": (message.headers or {})["Trace"]})

    async with connected(server) as client:
        await client.subscribe("h.r", cb=answer)
        reply = await client.request("h.r", b"x", timeout=PATIENCE, headers={"Trace": "17"})
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
            await client.request("u.gone", b"", timeout=PATIENCE)


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
        await asyncio.wait_for(recorder.event("closed").wait(), PATIENCE)
        assert received[100:] == [b"2 %d" % number for number in range(100)]
        assert client.is_closed


@asynchronous
async def test_flush_and_round_trip(server: ChildServer) -> None:
    async with connected(server) as client:
        await client.flush(timeout=PATIENCE)
        assert await client.rtt(timeout=PATIENCE) >= 0


@asynchronous
async def test_many_inboxes(server: ChildServer) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(message.data)

    async with connected(server) as client:
        await client.subscribe("i.echo", cb=answer)
        replies = await asyncio.gather(
            *(client.request("i.echo", b"%d" % n, timeout=PATIENCE) for n in range(500)),
            *(
                client.request("i.echo", b"%d" % n, timeout=PATIENCE, old_style=True)
                for n in range(200)
            ),
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
            message = await subscription.next_msg(timeout=PATIENCE)
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
        await asyncio.wait_for(recorder.event("disconnected").wait(), PATIENCE)
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
