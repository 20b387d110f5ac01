"""Real clients with .creds files come to a real server, and stay as long as they may."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.errors import Error

from pubsub.auth.jwt.codec import encode, format_credentials
from pubsub.auth.jwt.keys import KeyPair
from pubsub.testing.child import ChildServer
from pubsub.testing.plugin import ServerFactory
from tests.auth.jwt.world import World
from tests.patience import PATIENCE


class Site:
    """A server with a full resolver, in which the account and the system account are."""

    def __init__(self, directory: Path, factory: ServerFactory) -> None:
        self.world = World(now=time.time())
        self.directory = directory
        self.jwts = directory / "jwts"
        self.jwts.mkdir()
        self.put(self.world.account, self.world.account_jwt())
        self.put(self.world.system, self.world.account_jwt(self.world.system, name="SYS"))
        self.config = (
            f"operator: {self.world.operator_jwt()}\n"
            f'resolver {{ type: full, dir: "{self.jwts}", allow_delete: true }}\n'
        )
        self.server: ChildServer = factory(self.config)

    def put(self, account: KeyPair, token: str) -> None:
        (self.jwts / f"{account.public_key}.jwt").write_text(token)

    def credentials(self, token: str, user: KeyPair | None = None) -> str:
        path = self.directory / f"{len(list(self.directory.iterdir()))}.creds"
        path.write_text(format_credentials(token, (user or self.world.user).seed))
        return str(path)

    async def connect(self, token: str, user: KeyPair | None = None) -> Peer:
        peer = Peer()
        peer.client = await nats.connect(
            self.server.url,
            user_credentials=self.credentials(token, user),
            allow_reconnect=False,
            closed_cb=peer.was_closed,
        )
        return peer

    async def system(self) -> Client:
        """Who administers the server."""
        world, key = World(of=self.world), KeyPair.generate("U")
        world.account = self.world.system
        return (await self.connect(world.user_jwt(key), key)).client


class Peer:
    """A client, and a way to see that it was closed."""

    client: Client

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def was_closed(self) -> None:
        self.closed.set()


@pytest.fixture
def site(tmp_path: Path, pubsub_server_factory: ServerFactory) -> Site:
    return Site(tmp_path, pubsub_server_factory)


def run(talk) -> None:
    asyncio.run(asyncio.wait_for(talk(), PATIENCE))


def test_credentials_in_a_file(site: Site) -> None:
    async def talk() -> None:
        peer = await site.connect(site.world.user_jwt(sub={"allow": ["a"]}))
        heard = await peer.client.subscribe("a")
        await peer.client.publish("a", b"hello")
        assert (await heard.next_msg(PATIENCE)).data == b"hello"
        await peer.client.close()

    run(talk)


@pytest.mark.parametrize("spoil", ["revoked", "expired", "of nobody", "signed by another"])
def test_credentials_that_are_refused(site: Site, spoil: str) -> None:
    world = site.world
    user = KeyPair.generate("U")
    token = {
        "revoked": lambda: world.user_jwt(issued=world.now - 2000),
        "expired": lambda: world.user_jwt(claims={"exp": int(world.now) - 5}),
        "of nobody": lambda: world.user_jwt(signer=KeyPair.generate("A"), issuer_account=""),
        "signed by another": world.user_jwt,
    }[spoil]()
    site.put(world.account, world.account_jwt(revocations={"*": int(world.now) - 1500}))

    async def talk() -> None:
        with pytest.raises(Error, match="Authorization Violation"):
            await site.connect(token, user if spoil == "signed by another" else None)

    run(talk)


def test_a_revocation_reaches_who_is_connected(site: Site) -> None:
    world = site.world

    async def talk() -> None:
        system = await site.system()
        peer, other = await site.connect(world.user_jwt()), KeyPair.generate("U")
        stays = await site.connect(world.user_jwt(other), other)
        revoked = world.account_jwt(revocations={world.user.public_key: int(world.now)})
        await system.request("$SYS.REQ.CLAIMS.UPDATE", revoked.encode(), timeout=PATIENCE)
        await peer.closed.wait()
        await stays.client.flush()
        assert not stays.closed.is_set()
        for client in (stays.client, system):
            await client.close()

    run(talk)


def test_an_account_deleted_while_its_clients_are_busy(site: Site) -> None:
    world = site.world

    async def busy(started: asyncio.Event) -> None:
        """Publish until the server closes."""
        reader, writer = await asyncio.open_connection(site.server.host, site.server.port)
        info = json.loads((await reader.readline())[5:])
        options = {**world.connect(world.user_jwt(), nonce=info["nonce"].encode())}
        writer.write(b"CONNECT " + json.dumps({"verbose": False, **options}).encode() + b"\r\n")
        writer.write(b"SUB busy 1\r\nPING\r\n")
        try:
            while line := await reader.readline():
                if line == b"PONG\r\n":
                    started.set()
                    writer.write(b"PUB busy 5\r\nhello\r\nPING\r\n")
        except ConnectionError:
            pass  # what was on its way when the server closed
        writer.close()

    async def talk() -> None:
        system = await site.system()
        starts = [asyncio.Event() for _ in range(5)]
        work = [asyncio.ensure_future(busy(started)) for started in starts]
        await asyncio.gather(*(started.wait() for started in starts))
        claims = {
            "sub": world.operator.public_key,
            "nats": {"accounts": [world.account.public_key]},
        }
        token = encode(claims, world.operator)
        answer = await system.request("$SYS.REQ.CLAIMS.DELETE", token.encode(), timeout=PATIENCE)
        assert b'"deleted 1 accounts"' in answer.data
        await asyncio.gather(*work)
        with pytest.raises(Error, match="Authorization Violation"):
            await site.connect(world.user_jwt())
        await system.close()

    run(talk)


def test_a_reload_reads_the_directory_again(site: Site) -> None:
    world = site.world

    async def talk() -> None:
        peer = await site.connect(world.user_jwt())
        site.put(world.account, world.account_jwt(revocations={"*": int(world.now)}))
        await asyncio.to_thread(site.server.reload, site.config)
        await peer.closed.wait()

    run(talk)
