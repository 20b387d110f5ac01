"""Real processes: JetStream of a hub's domain, requests to all servers, HTTP proxies, certificates.

What else leaf node links do is in ``tests/cluster/test_interop_leafs.py``.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import nats
import pytest
from nats.aio.msg import Msg

from tests.certs import Authority
from tests.cluster.processes import Processes, free_port, until
from tests.cluster.test_interop_leafs import Inbox, Pair, linked, settled

pytestmark = pytest.mark.compared


@pytest.mark.parametrize(
    ("hub", "spoke", "owner"),
    [("debian", "native", "hub"), ("newer", "native", "hub"), ("native", "newer", "spoke")],
)
def test_clients_of_one_end_use_the_jetstream_of_the_other(
    processes: Processes, tmp_path: Path, hub: str, spoke: str, owner: str
) -> None:
    """By the name of its domain: streams, acknowledgements, a consumer."""
    top = {f"{owner}_top": f'jetstream {{ domain: there, store_dir: "{tmp_path / "js"}" }}'}
    pair = Pair(processes, hub, spoke, **top)

    async def run() -> None:
        await pair.linked()
        owners = (pair.hub, pair.spoke) if owner == "hub" else (pair.spoke, pair.hub)
        there, here = [await pair.client(server) for server in owners]
        await settled(here, there, "there")
        await settled(there, here, "here")
        stream = here.jetstream(domain="there")
        await stream.add_stream(name="READINGS", subjects=["readings.>"])
        await until(lambda: heard_by_stream(here), "the stream hears")
        acknowledged = await stream.publish("readings.1", b"21.5")
        assert (acknowledged.stream, acknowledged.domain) == ("READINGS", "there")
        consumer = await stream.pull_subscribe("readings.>", "device")
        (message,) = await consumer.fetch(1, timeout=10)
        assert (message.subject, message.data) == ("readings.1", b"21.5")
        await message.ack_sync(timeout=10)
        with pytest.raises(nats.errors.NoRespondersError):
            await here.request("$JS.API.INFO", timeout=10)
        await pair.close()

    async def heard_by_stream(client: nats.NATS) -> bool:
        """Its interest has arrived."""
        try:
            await client.request("readings.probe", b"", timeout=1)
        except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
            return False
        await client.jetstream(domain="there").purge_stream("READINGS")
        return True

    asyncio.run(run())


@pytest.mark.parametrize(("hub", "spoke"), [("newer", "native"), ("python", "newer")])
def test_a_request_to_all_servers_reaches_both_ends(
    processes: Processes, hub: str, spoke: str
) -> None:
    pair = Pair(processes, hub, spoke)

    async def run() -> None:
        await pair.linked()
        there = await pair.client(pair.spoke)
        await settled(there, await pair.client(pair.hub), "here")
        inbox = Inbox()
        await there.subscribe("answers", cb=inbox.hear)
        await there.publish("$SYS.REQ.ACCOUNT.PING.CONNZ", b"", reply="answers")
        await until(lambda: len(inbox.messages) >= 2, "both answer")
        answers = [json.loads(message.data) for message in inbox.messages]
        assert {answer["server"]["name"] for answer in answers} == {"hub", "spoke"}
        assert all("connections" in answer["data"] for answer in answers)
        await pair.close()

    asyncio.run(run())


class HttpProxy:
    """Connects whoever knows the password."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._pumps: set[asyncio.Task[None]] = set()

    async def open(self) -> int:
        """Its port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head)
        host, port = head.split()[1].decode().rsplit(":", 1)
        other_reader, other_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for source, sink in ((reader, other_writer), (other_reader, writer)):
            task = asyncio.ensure_future(self._pump(source, sink))
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()

    async def close(self) -> None:
        """Connect nobody any more."""
        self._server.close()
        for task in list(self._pumps):
            task.cancel()


@pytest.mark.parametrize("hub", ["newer"])
def test_a_hub_behind_an_http_proxy(processes: Processes, tmp_path: Path, hub: str) -> None:
    """With TLS inside."""
    authority = Authority(tmp_path)
    mine = authority.issue("localhost")
    hub_port = free_port()

    async def run() -> None:
        proxy = HttpProxy()
        port = await proxy.open()
        processes.start(
            "hub",
            hub,
            f'leafnodes {{ listen: "127.0.0.1:{hub_port}"'
            f', tls {{ cert_file: "{mine.cert_file}", key_file: "{mine.key_file}" }} }}',
        )
        processes.start(
            "spoke",
            "native",
            f"""leafnodes {{ remotes [ {{
                url: "tls://localhost:{hub_port}", tls {{ ca_file: "{authority.cert_file}" }}
                proxy {{ url: "http://127.0.0.1:{port}", username: u, password: p }}
            }} ] }}""",
        )
        await until(lambda: linked(processes, "hub") and linked(processes, "spoke"))
        here = await nats.connect(processes.servers["hub"].url)
        there = await nats.connect(processes.servers["spoke"].url)
        await settled(here, there, "s")
        assert proxy.asked[0].startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % hub_port)
        assert b"Proxy-Authorization: Basic dTpw\r\n" in proxy.asked[0]
        await here.close()
        await there.close()
        await proxy.close()

    asyncio.run(run())


@pytest.mark.parametrize(("hub", "spoke"), [("native", "newer")])
def test_the_user_is_whom_the_certificate_names(
    processes: Processes, tmp_path: Path, hub: str, spoke: str
) -> None:
    authority = Authority(tmp_path)
    mine, theirs = (
        authority.issue("localhost"),
        authority.issue("edge", names=("edge.example",), both=True),
    )
    pair = Pair(
        processes,
        hub,
        spoke,
        listener=f"""
            authorization {{ users [ {{ user: "edge.example", account: A }} ] }}
            tls {{ cert_file: "{mine.cert_file}", key_file: "{mine.key_file}"
                   ca_file: "{authority.cert_file}", verify_and_map: true }}
        """,
        hub_top="accounts { A { users [ { user: a, password: a } ] } }",
        remote=f"""
            tls {{ cert_file: "{theirs.cert_file}", key_file: "{theirs.key_file}"
                   ca_file: "{authority.cert_file}" }}
        """,
    )

    async def run() -> None:
        await pair.linked()
        assert [leaf["account"] for leaf in processes.page("hub", "leafz")["leafs"]] == ["A"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("far", "hub", "spoke"),
    [("newer", "native", "newer"), ("native", "newer", "native")],
)
def test_a_leaf_node_reaches_another_cluster(
    processes: Processes, far: str, hub: str, spoke: str
) -> None:
    """Through the gateway of its hub, and answers come back."""
    ports = {name: free_port() for name in ("far", "near", "leafs")}

    def gateway(name: str, other: str) -> str:
        return (
            "accounts { SYS { users [ { user: s, password: s } ] } }\nsystem_account: SYS\n"
            f'gateway {{ name: {name}, listen: "127.0.0.1:{ports[name]}", gateways: ['
            f' {{ name: {other}, url: "nats://127.0.0.1:{ports[other]}" }} ] }}\n'
        )

    async def run() -> None:
        processes.start("far", far, gateway("far", "near"))
        processes.start(
            "hub",
            hub,
            f'{gateway("near", "far")} leafnodes {{ listen: "127.0.0.1:{ports["leafs"]}" }}',
        )
        processes.start(
            "spoke",
            spoke,
            f'leafnodes {{ remotes [ {{ url: "nats-leaf://127.0.0.1:{ports["leafs"]}" }} ] }}',
        )
        await until(lambda: linked(processes, "hub") and linked(processes, "spoke"))
        await until(lambda: "far" in processes.page("hub", "gatewayz")["outbound_gateways"])
        await until(lambda: "near" in processes.page("far", "gatewayz")["outbound_gateways"])
        there = await nats.connect(processes.servers["far"].url)
        here = await nats.connect(processes.servers["spoke"].url)

        async def answer(message: Msg) -> None:
            await message.respond(b"answer to " + message.data)

        await there.subscribe("far.svc", cb=answer)
        await here.subscribe("near.svc", cb=answer)
        await settled(here, there, "far.sync")
        await settled(there, here, "near.sync")
        for _ in range(3):
            assert (await here.request("far.svc", b"a", timeout=10)).data == b"answer to a"
            assert (await there.request("near.svc", b"b", timeout=10)).data == b"answer to b"
        await here.close()
        await there.close()

    asyncio.run(run())
