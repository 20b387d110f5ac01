"""Accounts as other people's clients see them: nats-py, and the nats command of an operator.

With ``--pubsub-command nats-server`` the same is asked of nats-server.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from pubsub.testing.child import ChildServer
from tests.interop.conftest import Start
from tests.interop.nats_py import Recorder, asynchronous, connected, settle, texts
from tests.interop.test_nats_cli import Commands
from tests.patience import PATIENCE
from tests.server.auth_nsc import Key, Operator, creds_file, user_token

#: a shop that exports, a customer that imports, and the system account
CONFIG = """
accounts {
  SHOP {
    users: [ { user: shop, password: p }, { user: clerk, password: p } ]
    exports: [
      { stream: "news.>" }
      { stream: "secret", accounts: [ SYS ] }
      { service: "price.*", latency: { sampling: 100, subject: "latency.price" } }
      { service: "catalogue", response_type: stream }
    ]
  }
  CUSTOMER {
    users: [
      { user: customer, password: p }
      { user: guest, password: p, permissions: {
          publish: { deny: "price.>" }, subscribe: { allow: [ "shop.news.*", "_INBOX.>" ] } } }
    ]
    imports: [
      { stream: { account: SHOP, subject: "news.>" }, prefix: shop }
      { service: { account: SHOP, subject: "price.*" } }
      { service: { account: SHOP, subject: "catalogue" }, to: "shop.catalogue" }
    ]
  }
  SYS { users: [ { user: sys, password: p } ] }
}
system_account: SYS
"""


@pytest.fixture
def shop(start: Start) -> ChildServer:
    return start(CONFIG)


def _as(user: str, **options: Any) -> dict[str, Any]:
    return {"user": user, "password": "p", **options}


async def _prices(client: Client) -> None:
    """A service, as one would write it."""

    async def answer(message: Msg) -> None:
        await message.respond(b"5 " + message.subject.encode())

    await client.subscribe("price.*", cb=answer)
    await settle(client)


# nats-py


@asynchronous
async def test_a_stream_of_another_account(shop: ChildServer) -> None:
    async with (
        connected(shop, **_as("shop")) as seller,
        connected(shop, **_as("customer")) as customer,
    ):
        news = await customer.subscribe("shop.news.*")
        everything = await customer.subscribe(">")
        await settle(customer)
        for subject in ("news.one", "other", "secret", "news.two"):
            await seller.publish(subject, subject.encode(), headers={"from": "shop"})
        await settle(seller)
        messages = [await news.next_msg(timeout=PATIENCE) for _ in range(2)]
        assert [(m.subject, m.data) for m in messages] == [
            ("shop.news.one", b"news.one"),
            ("shop.news.two", b"news.two"),
        ]
        assert messages[0].headers == {"from": "shop"}
        assert await texts(everything, 2) == [b"news.one", b"news.two"]


@asynchronous
async def test_a_service_of_another_account(shop: ChildServer) -> None:
    async with (
        connected(shop, **_as("shop")) as seller,
        connected(shop, **_as("clerk")) as clerk,
        connected(shop, **_as("customer")) as customer,
    ):
        with pytest.raises(NoRespondersError):
            await customer.request("price.tea", b"", timeout=PATIENCE)
        measured = await clerk.subscribe("latency.price")
        await settle(clerk)
        await _prices(seller)
        answers = await asyncio.gather(
            *(customer.request(f"price.{n}", b"", timeout=PATIENCE) for n in range(20))
        )
        assert [a.data for a in answers] == [b"5 price.%d" % n for n in range(20)]
        # the first request, which nobody answered, is not among them: nobody listened then
        metrics = [json.loads((await measured.next_msg(timeout=PATIENCE)).data) for _ in range(20)]
        assert {m["type"] for m in metrics} == {"io.nats.server.metric.v1.service_latency"}
        assert {m["status"] for m in metrics} == {200}
        assert {m["requestor"]["acc"] for m in metrics} == {"CUSTOMER"}
        assert {m["responder"]["user"] for m in metrics} == {"shop"}
        assert all(m["total"] >= m["service"] for m in metrics)


@asynchronous
async def test_many_answers_of_another_account(shop: ChildServer) -> None:
    async with (
        connected(shop, **_as("shop")) as seller,
        connected(shop, **_as("customer")) as customer,
    ):

        async def answer(message: Msg) -> None:
            for name in (b"tea", b"coffee", b""):
                await message.respond(name)

        await seller.subscribe("catalogue", cb=answer)
        await settle(seller)
        inbox = customer.new_inbox()
        answers = await customer.subscribe(inbox)
        await customer.publish("shop.catalogue", b"", reply=inbox)
        assert await texts(answers, 3) == [b"tea", b"coffee", b""]


@asynchronous
async def test_what_is_not_permitted(shop: ChildServer) -> None:
    """The client is told, and stays."""
    recorder = Recorder()
    async with connected(shop, recorder, **_as("guest")) as guest:
        await guest.publish("price.tea", b"")
        await guest.subscribe("shop.>")
        await settle(guest)
        # nats-py 2.x has changed its mind about capitals and quotes around it
        said = [str(error).lower().replace("'", "") for error in recorder.errors]
        assert said == [
            'nats: permissions violation for publish to "price.tea"',
            'nats: permissions violation for subscription to "shop.>"',
        ]
        news = await guest.subscribe("shop.news.*")
        await settle(guest)
        async with connected(shop, **_as("shop")) as seller:
            await seller.publish("news.one", b"hello")
            assert await texts(news, 1) == [b"hello"]


@asynchronous
async def test_a_queue_group_in_the_importing_account(shop: ChildServer) -> None:
    """Each message goes to one of them; those of the exporter are not among them."""
    async with (
        connected(shop, **_as("shop")) as seller,
        connected(shop, **_as("customer")) as one,
        connected(shop, **_as("customer")) as two,
    ):
        heard: list[bytes] = []
        done = asyncio.Event()

        async def hear(message: Msg) -> None:
            heard.append(message.data)
            if len(heard) == 100:
                done.set()

        for client in (one, two):
            await client.subscribe("shop.news.>", queue="readers", cb=hear)
            await settle(client)
        for number in range(100):
            await seller.publish("news.n", b"%d" % number)
        await asyncio.wait_for(done.wait(), PATIENCE)
        await asyncio.gather(settle(one), settle(two))
        assert sorted(heard) == sorted(b"%d" % number for number in range(100))


@asynchronous
async def test_a_reload_moves_a_user_who_reconnects(shop: ChildServer) -> None:
    recorder = Recorder()
    options = _as("clerk", allow_reconnect=True, max_reconnect_attempts=-1)
    async with connected(shop, recorder, **options) as clerk:
        inbox = await clerk.subscribe("shop.news.*")
        await settle(clerk)
        moved = CONFIG.replace(", { user: clerk, password: p }", "").replace(
            "{ user: customer, password: p }",
            "{ user: customer, password: p }, { user: clerk, password: p }",
        )
        await asyncio.to_thread(shop.reload, moved)
        await asyncio.wait_for(recorder.event("reconnected").wait(), PATIENCE)
        await settle(clerk)
        async with connected(shop, **_as("shop")) as seller:
            await seller.publish("news.one", b"hello")
            assert await texts(inbox, 1) == [b"hello"]


@asynchronous
async def test_imports_of_jwts(start: Start, tmp_path: Path) -> None:
    """Operator mode: exports and imports are claims, and private ones need an activation."""
    operator, seller_key, customer_key = Operator(), Key("A"), Key("A")
    exports = [
        {"name": "news", "subject": "news.>", "type": "stream"},
        {"name": "price", "subject": "price", "type": "service", "response_type": "Singleton"},
        {"name": "secret", "subject": "secret", "type": "stream", "token_req": True},
    ]
    imports = [
        {"subject": "news.>", "account": seller_key.public, "to": "shop", "type": "stream"},
        {"subject": "price", "account": seller_key.public, "type": "service"},
        {"subject": "secret", "account": seller_key.public, "type": "stream"},
    ]
    server = start(
        operator.config(
            operator.account(seller_key, "SHOP", exports=exports),
            operator.account(customer_key, "CUSTOMER", imports=imports),
        )
    )

    def creds(account: Key) -> dict[str, Any]:
        user = Key("U")
        path = tmp_path / f"{user.public}.creds"
        path.write_text(creds_file(user_token(user, account), user.seed))
        return {"user_credentials": str(path)}

    async with (
        connected(server, **creds(seller_key)) as seller,
        connected(server, **creds(customer_key)) as customer,
    ):
        news, secrets = await customer.subscribe("shop.>"), await customer.subscribe("secret")
        await settle(customer)

        async def answer(message: Msg) -> None:
            await message.respond(b"5")

        await seller.subscribe("price", cb=answer)
        await settle(seller)
        await seller.publish("secret", b"not for them")
        await seller.publish("news.one", b"hello")
        assert (await customer.request("price", b"", timeout=PATIENCE)).data == b"5"
        message = await news.next_msg(timeout=PATIENCE)
        await settle(customer)
        assert secrets.pending_msgs == 0
        assert (message.subject, message.data) == ("shop.news.one", b"hello")


# the nats command


@pytest.fixture
def command(shop: ChildServer, tmp_path: Path) -> Iterator[Callable[[str], Commands]]:
    """``command(user)``: the nats command of that user."""
    made: list[Commands] = []

    def make(user: str) -> Commands:
        url = f"nats://{user}:p@{shop.host}:{shop.port}"
        made.append(Commands(SimpleNamespace(url=url), tmp_path))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for commands in made:
        commands.close()


@pytest.mark.interop
def test_what_an_operator_types_to_share(command: Callable[[str], Commands]) -> None:
    shop, clerk, customer = command("shop"), command("clerk"), command("customer")
    reader = customer.start("sub", "shop.>", "--count", "1", until="Subscribing on")
    meter = clerk.start("sub", "latency.price", "--count", "1", until="Subscribing on")
    shop.start("reply", "price.tea", "5 a pound", until="Listening on")
    customer.run("rtt")
    clerk.run("rtt")
    shop.run("pub", "news.one", "hello")
    output, _ = reader.communicate(timeout=PATIENCE)
    assert re.search(r'Received on "shop\.news\.one"\s+hello', output)
    assert "5 a pound" in customer.run("request", "price.tea", "")
    output, _ = meter.communicate(timeout=PATIENCE)
    assert '"type":"io.nats.server.metric.v1.service_latency"' in output
    assert '"requestor":{"acc":"CUSTOMER"' in output
    assert "No responders" in customer.run("request", "price.coffee", "")


@pytest.mark.interop
def test_what_an_operator_is_told_of_permissions(command: Callable[[str], Commands]) -> None:
    guest = command("guest")
    info = guest.run("account", "info")
    assert re.search(r"User:\s+guest\n", info)
    assert re.search(r"Account:\s+CUSTOMER", info)
    assert re.search(r"System Account:\s+false", info)
    assert re.search(r"Publish:\s+Deny: price\.>", info)
    assert re.search(r"Subscribe:\s+Allow: _INBOX\.>\s+shop\.news\.\*", info)
    with pytest.raises(AssertionError, match=r'for Publish to "price\.tea"'):
        guest.run("pub", "price.tea", "x")
    with pytest.raises(AssertionError, match='for Subscription to "x"'):
        guest.run("sub", "x", "--count", "1")


@pytest.mark.interop
def test_what_an_operator_sees_of_accounts(command: Callable[[str], Commands]) -> None:
    """By the system account."""
    command("customer").start("sub", "shop.>", until="Subscribing on")
    command("customer").run("rtt")
    sys = command("sys")
    accounts = sys.run("server", "report", "accounts")
    assert re.search(r"CUSTOMER\s+│ 1\b", accounts)
    connections = sys.run("server", "report", "connections", "--account", "CUSTOMER")
    assert "out of 1 by subs" in connections
    assert "│ CUSTOMER │" in connections
    listed = json.loads(sys.run("server", "request", "accounts"))
    assert {"$G", "SYS", "SHOP", "CUSTOMER"} <= set(listed["data"]["accounts"])
    detail = sys.run("server", "account", "info", "SHOP")
    assert re.search(r"Subject: price\.\*", detail)
    with pytest.raises(AssertionError):
        command("customer").run("server", "report", "accounts", "--timeout", "1s")
