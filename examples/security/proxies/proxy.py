"""A proxy that vouches for clients: ``python proxy.py SEED_FILE SERVER_HOST:PORT [PORT]``.

It adds ``proxy_sig`` to CONNECT, and passes on what follows as it is. Without encryption, for the
sake of shortness.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from asyncio import StreamReader, StreamWriter
from functools import partial
from pathlib import Path

import nkeys


def vouch(key: nkeys.KeyPair, info: bytes, connect: bytes) -> bytes:
    """CONNECT with the signature of the nonce in INFO."""
    nonce = json.loads(info.removeprefix(b"INFO "))["nonce"]
    fields = json.loads(connect.removeprefix(b"CONNECT "))
    signature = base64.urlsafe_b64encode(key.sign(nonce.encode()))
    fields["proxy_sig"] = signature.decode().rstrip("=")
    return b"CONNECT " + json.dumps(fields).encode() + b"\r\n"


async def copy(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(
    key: nkeys.KeyPair, host: str, port: str, client: StreamReader, to_client: StreamWriter
) -> None:
    server, to_server = await asyncio.open_connection(host, int(port))
    info = await server.readline()
    to_client.write(info)
    to_server.write(vouch(key, info, await client.readline()))
    await asyncio.gather(copy(client, to_server), copy(server, to_client))


async def main(seed_file: str, server: str, port: str = "0") -> None:
    key = nkeys.from_seed(Path(seed_file).read_bytes().strip())
    handle = partial(serve, key, *server.rsplit(":", 1))
    listener = await asyncio.start_server(handle, "127.0.0.1", int(port))
    print(f"nats://127.0.0.1:{listener.sockets[0].getsockname()[1]}", flush=True)
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
