"""Account JWTs among real processes: ours and nats-server, directories and caches of them.

nats-server is looked for on PATH (Debian's) and in the environment variable NATS_SERVER (a newer
one).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from pubsub.auth.jwt.codec import encode, format_credentials
from pubsub.auth.jwt.keys import KeyPair
from tests.auth.jwt.world import World
from tests.cluster.processes import Cluster, until
from tests.patience import PATIENCE
from tests.ports import free_port

pytestmark = pytest.mark.compared

#: who has all the JWTs, and who asks for them
PAIRS = [
    ("native", "native"),
    ("python", "python"),
    *(("native", other) for other in ("debian", "newer")),
    *((other, "native") for other in ("debian", "newer")),
    ("newer", "python"),
]
UPDATE = "$SYS.REQ.CLAIMS.UPDATE"
DELETE = "$SYS.REQ.CLAIMS.DELETE"
LIST = "$SYS.REQ.CLAIMS.LIST"
PACK = "$SYS.REQ.CLAIMS.PACK"


class Site:
    """A cluster in operator mode; each server has its own directory of JWTs."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.world = World(now=time.time())
        self.cluster = Cluster(directory, stack)
        self._directory = directory

    def jwts(self, name: str) -> Path:
        """The directory of a server."""
        return self._directory / f"{name}-jwts"

    def join(
        self,
        name: str,
        kind: str,
        resolver: str,
        *routes: str,
        alone: bool = False,
        extra: str = "",
    ) -> None:
        """One more server; it knows the system account.

        :param alone: it is no member of the cluster; ``extra``: what it is instead.
        """
        system = self.world.system
        top = (
            f"operator: {self.world.operator_jwt()}\n"
            f'resolver {{ dir: "{self.jwts(name)}", {resolver} }}\n'
            f"resolver_preload {{ {system.public_key}: {self.system_jwt()} }}\n"
        )
        self.jwts(name).mkdir(exist_ok=True)
        if alone:
            self.cluster.start(name, kind, f"{top}\n{extra}")
            return
        self.cluster.join(name, kind, *routes, top=f"{top}\n{extra}")

    def system_jwt(self) -> str:
        """The same each time."""
        return self.world.account_jwt(self.world.system, name="SYS")

    def put(self, name: str, account: KeyPair, token: str) -> None:
        """As an operator would, before the server starts."""
        self.jwts(name).mkdir(exist_ok=True)
        (self.jwts(name) / f"{account.public_key}.jwt").write_text(token)

    def files(self, name: str) -> dict[str, str]:
        """What is in a directory, without the system account."""
        return {
            path.stem: path.read_text()
            for path in self.jwts(name).glob("*.jwt")
            if path.stem != self.world.system.public_key
        }

    async def meshed(self) -> None:
        """All of them have found one another."""
        await until(self.cluster.meshed)

    async def connect(self, name: str, account: KeyPair, **user: object) -> Client:
        """A client of a new user of that account."""
        client: Client = await nats.connect(
            self.cluster.servers[name].url, user_credentials=self.credentials(account, **user),
            allow_reconnect=False,
        )  # fmt: skip
        return client

    def credentials(self, account: KeyPair, **user: object) -> str:
        """The path of the file of a new user of that account."""
        of, key = World(of=self.world), KeyPair.generate("U")
        of.account = account
        path = self._directory / f"{key.public_key}.creds"
        path.write_text(format_credentials(of.user_jwt(key, **user), key.seed))
        return str(path)

    async def ask(self, client: Client, subject: str, payload: bytes, answers: int) -> list[dict]:
        """What so many servers answer."""
        inbox = await client.subscribe("answers.>")
        await client.publish(subject, payload, reply=f"answers.{time.monotonic_ns()}")
        found = [json.loads((await inbox.next_msg(PATIENCE)).data) for _ in range(answers)]
        await inbox.unsubscribe()
        return found

    async def push(self, name: str, token: str, answers: int) -> None:
        """As ``nsc push`` does, at one server; so many servers keep it."""
        client = await self.connect(name, self.world.system)
        for answer in await self.ask(client, UPDATE, token.encode(), answers):
            assert answer["data"]["code"] == 200, answer
        await client.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


def run(talk: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(talk(), PATIENCE))


FULL = "type: full, allow_delete: true, interval: '1s'"
CACHE = "type: cache, ttl: '1h'"


@pytest.mark.parametrize(("full", "cache"), PAIRS)
def test_a_cache_asks(site: Site, full: str, cache: str) -> None:
    """A client comes to a server that has never heard of its account."""
    account = site.world.account
    site.put("a", account, site.world.account_jwt())
    site.join("a", full, FULL)
    site.join("b", cache, CACHE, "a")

    async def talk() -> None:
        await site.meshed()
        here, there = await site.connect("b", account), await site.connect("a", account)
        heard = await here.subscribe("hello")
        await here.flush()

        async def arrives() -> bool:
            await there.publish("hello", b"there")
            await there.flush()
            return heard.pending_msgs > 0

        await until(arrives)
        await here.close()
        await there.close()
        assert site.files("b") == site.files("a")

    run(talk)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_directories_become_equal(site: Site, one: str, other: str) -> None:
    """One was down when accounts were pushed, the other one when others were."""
    site.join("a", one, FULL)
    mine = [KeyPair.generate("A") for _ in range(3)]
    theirs = [KeyPair.generate("A") for _ in range(3)]

    async def talk() -> None:
        for key in mine:
            await site.push("a", site.world.account_jwt(key), 1)
        old = site.world.account_jwt(mine[0], issued=site.world.now - 900, name="old")
        site.put("b", mine[0], old)
        for key in theirs:
            site.put("b", key, site.world.account_jwt(key))
        site.join("b", other, FULL, "a")
        await until(lambda: site.files("a") == site.files("b"))
        assert set(site.files("a")) == {key.public_key for key in mine + theirs}
        assert site.files("b")[mine[0].public_key] != old

    run(talk)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_updates_apply_everywhere(site: Site, one: str, other: str) -> None:
    """An account that is pushed to one server changes for the clients of all, and is deleted."""
    site.join("a", one, FULL)
    site.join("b", other, FULL, "a")
    account = site.world.account

    async def talk() -> None:
        await site.meshed()
        await until(lambda: site.cluster.servers["a"].running)
        await site.push("a", site.world.account_jwt(), 2)
        clients = [await site.connect(name, account) for name in "ab"]
        closed = [client.is_closed for client in clients]
        assert closed == [False, False]
        # a user that was revoked goes, on whichever server it is
        await site.push("b", site.world.account_jwt(revocations={"*": int(time.time()) + 5}), 2)
        await until(lambda: all(client.is_closed for client in clients))
        assert site.files("a") == site.files("b")
        admin = await site.connect("b", site.world.system)
        token = encode(
            {"sub": site.world.operator.public_key, "nats": {"accounts": [account.public_key]}},
            site.world.operator,
        )
        for answer in await site.ask(admin, DELETE, token.encode(), 2):
            assert answer["data"]["message"] == "deleted 1 accounts"
        for answer in await site.ask(admin, LIST, b"", 2):
            assert answer["data"] == [site.world.system.public_key]
        await admin.close()
        assert site.files("a") == site.files("b") == {}

    run(talk)


HOSTILE = {
    "garbage": lambda site, key: b"garbage",
    "no JWT": lambda site, key: f"{key.public_key}|x.y.z".encode(),
    "a path": lambda site, key: f"../{key.public_key}|{site.world.account_jwt(key)}".encode(),
    "wrong signature": lambda site, key: (
        f"{key.public_key}|{site.world.account_jwt(key)[:-4]}AAAA".encode()
    ),
    "unknown issuer": lambda site, key: (
        f"{key.public_key}|{site.world.account_jwt(key, KeyPair.generate('O'))}".encode()
    ),
    "oversized": lambda site, key: f"{key.public_key}|".encode() + b"a" * 1000000,
}


@pytest.mark.parametrize(("one", "other"), [("native", "native"), ("native", "newer")])
def test_a_hostile_pack_changes_nothing(site: Site, one: str, other: str) -> None:
    """Sent by the other server to whatever the first one asks; what is right is still taken."""
    site.join("a", one, FULL)
    site.join("b", other, CACHE, "a")
    keys = {kind: KeyPair.generate("A") for kind in HOSTILE}
    good = KeyPair.generate("A")
    old, known = site.world.account_jwt(issued=site.world.now - 900), site.world.account

    async def talk() -> None:
        await site.meshed()
        await site.push("a", site.world.account_jwt(known), 2)
        before = site.files("a")
        admin = await site.connect("b", site.world.system)
        asked = await admin.subscribe(PACK)
        inbox = (await asked.next_msg(PATIENCE)).reply
        for kind, make in HOSTILE.items():
            await admin.publish(inbox, make(site, keys[kind]))
        await admin.publish(inbox, f"{known.public_key}|{old}".encode())
        token = site.world.account_jwt(good)
        await admin.publish(inbox, f"{good.public_key}|{token}\n".encode())
        await admin.publish(inbox, b"")
        await until(lambda: good.public_key in site.files("a"))
        assert site.files("a") == {**before, good.public_key: token}
        await admin.close()

    run(talk)


@pytest.mark.parametrize(("full", "cache"), [*PAIRS[:1], *PAIRS[3:4], *PAIRS[5:6]])
def test_a_cache_asks_in_another_cluster(site: Site, full: str, cache: str) -> None:
    """What a gateway leads to is as good as what a route leads to."""
    gates = {name: free_port() for name in "ab"}
    account = site.world.account
    site.put("a", account, site.world.account_jwt())
    for name, kind, resolver in (("a", full, FULL), ("b", cache, CACHE)):
        others = ", ".join(
            f'{{ name: {other}, url: "nats://127.0.0.1:{gates[other]}" }}' for other in "ab"
        )
        gateway = (
            f'gateway {{ name: {name}, listen: "127.0.0.1:{gates[name]}", gateways: [{others}] }}'
        )
        site.join(name, kind, resolver, alone=True, extra=gateway)

    async def talk() -> None:
        await until(lambda: site.cluster.page("b", "gatewayz")["outbound_gateways"].get("a"))
        client = await site.connect("b", account)
        await client.flush()
        await client.close()
        assert site.files("b") == site.files("a")

    run(talk)


@pytest.mark.parametrize(("full", "cache"), [*PAIRS[:1], *PAIRS[3:4], *PAIRS[5:6]])
def test_a_cache_asks_the_hub(site: Site, full: str, cache: str) -> None:
    """A leaf node whose system account is linked to the hub's."""
    port, account = free_port(), site.world.account
    site.put("a", account, site.world.account_jwt())
    site.join(
        "a", full, FULL, alone=True, extra=f'leafnodes {{ listen: "127.0.0.1:{port}" }}'
    )  # fmt: skip
    remote = (
        f'{{ url: "nats-leaf://127.0.0.1:{port}", account: {site.world.system.public_key},'
        f' credentials: "{site.credentials(site.world.system)}" }}'
    )
    site.join("b", cache, CACHE, alone=True, extra=f"leafnodes {{ remotes: [{remote}] }}")

    async def talk() -> None:
        await until(lambda: site.cluster.page("b", "leafz")["leafnodes"] == 1)
        client = await site.connect("b", account)
        await client.flush()
        await client.close()
        assert site.files("b") == site.files("a")

    run(talk)
