"""What system events and answers look like: pure functions from facts to JSON objects.

Names, order and what is left out when empty are those of nats-server 2.15's structs
(``server/events.go``; the schemas are ``io.nats.server.advisory.v1.*``). Times are epoch
seconds; dictionaries keep the order of the fields.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pubsub.wire.gotime import nanoseconds, rfc3339

if TYPE_CHECKING:
    from pubsub.client.protocol import ClientProtocol
    from pubsub.client.registry import ConnectionInfo
    from pubsub.config.options import Options
    from pubsub.interfaces import Permissions
    from pubsub.wire.info import ServerInfo

__all__ = [
    "ACCOUNT_CONNECTIONS",
    "CLIENT_CONNECT",
    "CLIENT_DISCONNECT",
    "EventIds",
    "client_block",
    "counts",
    "permissions_block",
    "present",
    "server_block",
    "traffic",
    "typed",
]

CLIENT_CONNECT = "io.nats.server.advisory.v1.client_connect"
CLIENT_DISCONNECT = "io.nats.server.advisory.v1.client_disconnect"
ACCOUNT_CONNECTIONS = "io.nats.server.advisory.v1.account_connections"

#: ids are 22 digits to this base, as nuid's are: random ones, then ones that count
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE = len(_DIGITS)
_RANDOM_DIGITS = 12
_COUNTED_DIGITS = 10
#: the counter's steps are random within this, so that ids cannot be guessed by adding one
_STEPS = (33, 333)


def present(**fields: Any) -> dict[str, Any]:
    """The fields that are not empty."""
    return {name: value for name, value in fields.items() if value}


class EventIds:
    """Makes the ids of events: 22 letters and digits, never twice the same.

    :param source: of the random part; tests fix it.
    """

    def __init__(self, source: random.Random | None = None) -> None:
        self._random = source or random.SystemRandom()
        self._begin()

    def _begin(self) -> None:
        self._prefix = "".join(self._random.choices(_DIGITS, k=_RANDOM_DIGITS))
        self._count = self._random.randrange(_BASE**_COUNTED_DIGITS)

    def next(self) -> str:
        """A new id."""
        self._count += self._random.randint(*_STEPS)
        if self._count >= _BASE**_COUNTED_DIGITS:
            self._begin()
        rest, digits = self._count, []
        for _ in range(_COUNTED_DIGITS):
            rest, digit = divmod(rest, _BASE)
            digits.append(_DIGITS[digit])
        return self._prefix + "".join(reversed(digits))


def server_block(info: ServerInfo, options: Options) -> dict[str, Any]:
    """Who says it (``ServerInfo``), without ``seq`` and ``time``, which differ each time."""
    return {
        "name": info.server_name,
        "host": info.host,
        "id": info.server_id,
        **present(cluster=info.cluster, domain=info.domain),
        "ver": info.version,
        **present(
            tags=list(options.server_tags), metadata=dict(sorted(options.server_metadata.items()))
        ),
        "jetstream": info.jetstream,
        "flags": 0,
    }


def typed(kind: str, event_id: str, now: float) -> dict[str, Any]:
    """How every advisory begins (``TypedEvent``)."""
    return {"type": kind, "id": event_id, "timestamp": rfc3339(now)}


def client_block(
    client: ClientProtocol,
    info: ConnectionInfo,
    *,
    account: str,
    name_tag: str,
    stop: float = 0.0,
) -> dict[str, Any]:
    """Who it is about (``ClientInfo``).

    :param info: what ``client.describe()`` says.
    :param name_tag: what its account is called.
    :param stop: when it ended, 0 for one that has not.
    """
    identity, jwt = client.identity, client.connect.jwt
    by_key = bool(jwt or identity.nkey)
    return {
        "start": rfc3339(info.start),
        **present(
            host=client.host,
            id=info.cid,
            acc=account,
            user=info.user,
            name=info.name,
            lang=info.lang,
            ver=info.version,
            rtt=nanoseconds(info.rtt) if stop else 0,
            stop=rfc3339(stop) if stop else "",
            jwt=jwt,
            issuer_key=identity.issuer_key or (identity.account if by_key else ""),
            name_tag=name_tag,
            tags=list(identity.tags),
            kind=info.kind,
            client_type=info.type,
        ),
    }


def counts(messages: int, size: int) -> dict[str, int]:
    """Messages and bytes (``MsgBytes``)."""
    return {"msgs": messages, "bytes": size}


def traffic(of_clients: tuple[int, int], linked: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """The same of an account (``DataStats``): all of it, then what went by way of others.

    :param linked: by ``gateways``, ``routes`` and ``leafs``; each messages and bytes.
    """
    messages, sizes = zip(of_clients, *linked.values(), strict=True)
    of_others = {kind: counts(*each) for kind, each in linked.items()}
    return {**counts(sum(messages), sum(sizes)), **of_others}


def permissions_block(permissions: Permissions) -> dict[str, Any]:
    """What a user may do (``Permissions``), as the configuration says it."""
    shown: dict[str, Any] = {
        "publish": _allowed(permissions.publish_allow, permissions.publish_deny),
        "subscribe": _allowed(permissions.subscribe_allow, permissions.subscribe_deny),
    }
    if permissions.responses is not None:
        shown["responses"] = {
            "max": permissions.responses.max_messages,
            "ttl": nanoseconds(permissions.responses.expires),
        }
    return shown


def _allowed(allow: Sequence[str] | None, deny: Sequence[str]) -> Mapping[str, Any]:
    return present(allow=list(allow or ()), deny=list(deny))
