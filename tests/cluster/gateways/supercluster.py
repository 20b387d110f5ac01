"""Clusters of servers of either make, as processes, and gateways between them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from pubsub.testing.child import ChildServer
from tests.cluster.processes import PATIENCE, Processes, free_port, until

__all__ = ["Supercluster", "answered", "asks", "no_one_answers", "serves"]

#: two accounts that share a service and a stream, and nothing else
ACCOUNTS = """
accounts {
  A {
    users: [ { user: a, password: p } ]
    exports: [ { service: shared.service }, { stream: "shared.stream.>" } ]
  }
  B {
    users: [ { user: b, password: p } ]
    imports: [
      { service: { account: A, subject: shared.service } }
      { stream: { account: A, subject: "shared.stream.>" } }
    ]
  }
  $SYS { users: [ { user: sys, password: p } ] }
}
no_auth_user: a
"""


class Supercluster(Processes):
    """Servers, each in one of the clusters.

    :ivar clusters: the cluster of each server, by name.
    """

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        super().__init__(directory, stack)
        self.clusters: dict[str, str] = {}
        self._ports: dict[tuple[str, str], int] = {}

    def port(self, name: str, kind: str = "gateway") -> int:
        """Where that server listens, or will."""
        return self._ports.setdefault((name, kind), free_port())

    def join(
        self,
        name: str,
        kind: str,
        cluster: str,
        *,
        gateways: dict[str, str] | None = None,
        routes: Iterable[str] = (),
        extra: str = "",
        top: str = ACCOUNTS,
    ) -> ChildServer:
        """One more.

        :param gateways: of other clusters, the name of a server there.
        :param routes: names of other servers of its cluster.
        :param extra: more of its ``gateway`` block; ``top``: of its configuration.
        """
        self.clusters[name] = cluster
        urls = ", ".join(f'"nats://127.0.0.1:{self.port(each, "route")}"' for each in routes)
        others = "".join(
            f' {{ name: {other}, url: "nats://u:p@localhost:{self.port(server)}" }}\n'
            for other, server in (gateways or {}).items()
        )
        text = (
            f'{top}\ncluster {{\n listen: "127.0.0.1:{self.port(name, "route")}"\n'
            f" routes: [{urls}]\n}}\n"
            f'gateway {{\n name: {cluster}\n listen: "127.0.0.1:{self.port(name)}"\n'
            f" gateways: [\n{others} ]\n {extra}\n}}\n"
        )
        return self.start(name, kind, text)

    def reached(self, name: str) -> set[str]:
        """The clusters a server sends to."""
        return set(self.page(name, "gatewayz")["outbound_gateways"])

    def reaching(self, name: str) -> set[str]:
        """The clusters that send to it."""
        return set(self.page(name, "gatewayz")["inbound_gateways"])

    async def formed(self, *names: str) -> None:
        """Each of these servers, or all, sends to all other clusters."""
        for name in names or self.servers:
            others = set(self.clusters.values()) - {self.clusters[name]}
            await until(
                lambda name=name, others=others: self.reached(name) == others,
                f"{name} reaches all other clusters",
            )

    async def client(self, name: str, user: str = "a") -> Client:
        """A client of that server."""
        return await nats.connect(self.servers[name].url, user=user, password="p")


async def serves(client: Client, subject: str, name: str) -> list[str]:
    """Answer requests, as one of a group; the reply subjects that were seen."""
    replies: list[str] = []

    async def answer(message: Msg) -> None:
        replies.append(message.reply)
        await message.respond(name.encode())

    await client.subscribe(subject, "group", cb=answer)
    await client.flush()
    return replies


async def asks(client: Client, subject: str, times: int = 1, timeout: float = PATIENCE) -> set[str]:
    """Who answers, each time to a reply subject nobody knew before; ``""`` for nobody."""
    found = set()
    for _ in range(times):
        inbox = client.new_inbox()
        answers = await client.subscribe(inbox)
        await client.publish(subject, b"?", reply=inbox)
        try:
            found.add((await answers.next_msg(timeout)).data.decode())
        except nats.errors.TimeoutError:
            found.add("")
        await answers.unsubscribe()
    return found


async def answered(client: Client, subject: str, name: str) -> bool:
    """Whether that one answers now. What is lost as long as links form is not waited for."""
    return await asks(client, subject, timeout=0.5) == {name}


async def no_one_answers(client: Client, subject: str) -> bool:
    """Whether that is known at once."""
    try:
        await client.request(subject, b"?", timeout=0.5)
    except nats.errors.NoRespondersError:
        return True
    except asyncio.TimeoutError:
        return False
    return False
