"""Who a client is, for services of other accounts that it asks (nats-server's ``ClientInfo``).

Its account and round trip are always told, the rest only where the import shares. The
router keeps the answer until it is told to forget it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pubsub.wire.gotime import nanoseconds, rfc3339
from pubsub.wire.info import go_json

if TYPE_CHECKING:
    from pubsub.client.protocol import ClientProtocol

__all__ = ["client_info", "request_info"]


def request_info(client: ClientProtocol, detailed: bool) -> bytes:
    """What ``Nats-Request-Info`` says, as JSON."""
    return go_json(client_info(client, detailed))


def client_info(client: ClientProtocol, detailed: bool) -> dict[str, Any]:
    """The same as an object: nats-server's fields in its order, without the empty ones."""
    account = client.link.account if client.link is not None else client.identity.account
    if not detailed:
        return _present(acc=account, rtt=nanoseconds(client.rtt))
    info, identity, server = client.describe(), client.identity, client.context.info.info
    return _present(
        start=rfc3339(client.start),
        host=client.host,
        id=client.cid,
        acc=account,
        user=info.user,
        name=info.name,
        lang=info.lang,
        ver=info.version,
        rtt=nanoseconds(client.rtt),
        server=server.server_name,
        cluster=server.cluster,
        alts=list(client.context.alternates()),
        jwt=identity.jwt,
        issuer_key=info.issuer_key,
        name_tag=identity.name_tag,
        tags=list(identity.tags),
        kind=info.kind,
        client_type=info.type,
    )


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
