"""An auth callout service: ``python service.py [nats://host:port]``, with server.conf.

The server asks it about everybody who connects, except the user ``auth``, which is itself.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from typing import Any

import nats
import nkeys
from nats.aio.msg import Msg

#: Signs the answers. Its public key is the ``issuer`` in server.conf. This one is printed in a
#: manual: make your own.
SEED = b"SAAKQAIXFORQYQWNQ4MXNJX4FKYLFPHCBYLKGL445H5KMBQLUF7QXXI5OQ"

#: who may come: password, account, and what they may publish
STAFF = {"ann": ("secret", "SHOP", ["orders.>"])}


def encode(claims: dict[str, Any]) -> str:
    """A signed NATS JWT."""
    key = nkeys.from_seed(SEED)
    claims = {"iat": int(time.time()), "iss": key.public_key.decode(), "jti": "-", **claims}
    parts = [{"typ": "JWT", "alg": "ed25519-nkey"}, claims]
    text = b".".join(base64url(json.dumps(part).encode()) for part in parts)
    return (text + b"." + base64url(key.sign(text))).decode()


def base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def decide(connect: dict[str, Any]) -> dict[str, Any]:
    """The user to be, or why not."""
    password, account, subjects = STAFF.get(connect.get("user", ""), ("", "", []))
    if not password or connect.get("pass") != password:
        return {"error": "no such user or wrong password"}
    limits = {"subs": -1, "data": -1, "payload": -1}
    permissions = {"pub": {"allow": subjects}, "sub": {"allow": ["_INBOX.>"]}}
    return {"aud": account, "nats": {"type": "user", "version": 2, **limits, **permissions}}


async def answer(message: Msg) -> None:
    # The server signed it, and only the server can ask here: decoding is enough.
    _, payload, _ = message.data.split(b".")
    request = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))["nats"]
    found = decide(request["connect_opts"])
    nats_claims: dict[str, Any] = {"type": "authorization_response", "version": 2}
    if "error" in found:
        nats_claims["error"] = found["error"]
    else:
        nats_claims["jwt"] = encode({"sub": request["user_nkey"], **found})
    claims = {"sub": request["user_nkey"], "aud": request["server_id"]["id"], "nats": nats_claims}
    await message.respond(encode(claims).encode())


async def main(url: str) -> None:
    client = await nats.connect(url, user="auth", password="auth", name="auth-service")
    # As a member of a queue group it can run several times.
    await client.subscribe("$SYS.REQ.USER.AUTH", queue="auth", cb=answer)
    await client.flush()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:] or ["nats://localhost:4222"]))
