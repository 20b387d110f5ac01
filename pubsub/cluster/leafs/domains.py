"""JetStream on both ends of a leaf node link: which of its subjects cross.

Two servers with JetStream are one system (the same domain, the system account linked) or two. Two
must not hear each other's ``$JS.API.…``, or both would answer; the other's JetStream is asked by
``$JS.<domain>.API.…``, which each server maps to its own. nats-server: addLeafNodeConnection,
generateJSMappingTable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["NOTHING_DENIED", "NO_JETSTREAM", "Denied", "JetStreamSide", "denied", "domain_mappings"]

#: nats-server's denyAllClientJs, and denyAllJs in the system account
_CLIENTS = ("$JS.API.>", "$KV.>", "$OBJ.>")
_SYSTEM = ("$JSC.>", "$NRG.>", *_CLIENTS)

#: what is behind ``$JS.<domain>.API.``, and what that is in the domain itself
_MAPPINGS = {
    "INFO": "$JS.API.INFO",
    "STREAM.>": "$JS.API.STREAM.>",
    "CONSUMER.>": "$JS.API.CONSUMER.>",
    "DIRECT.>": "$JS.API.DIRECT.>",
    "META.>": "$JS.API.META.>",
    "SERVER.>": "$JS.API.SERVER.>",
    "ACCOUNT.>": "$JS.API.ACCOUNT.>",
    "$KV.>": "$KV.>",
    "$OBJ.>": "$OBJ.>",
}


@dataclass(frozen=True)
class JetStreamSide:
    """The JetStream of this server, as its leaf node links see it."""

    enabled: bool = False
    domain: str = ""
    #: ``extension_hint: will_extend``: without one of its own it is part of the hub's
    will_extend: bool = False
    #: ``default_js_domain``: by account
    default_domains: Mapping[str, str] = field(default_factory=dict)


NO_JETSTREAM = JetStreamSide()


class Denied(NamedTuple):
    """Subjects that do not cross a link."""

    #: in neither direction
    both: tuple[str, ...] = ()
    #: to the other end
    outgoing: tuple[str, ...] = ()


NOTHING_DENIED = Denied()


def denied(here: JetStreamSide, domain: str, account: str, system_account: str) -> Denied:
    """What does not cross a link of ``account``.

    :param domain: of the server at the other end, ``""`` if it has none.
    :param system_account: ``""`` if this server has none.
    """
    is_system = bool(system_account) and account == system_account
    if not is_system and here.default_domains.get(account) == "":
        # set-ups from before there were domains: the account's JetStream is the hub's
        return NOTHING_DENIED
    apart = (
        here.domain != domain
        or not (here.enabled or here.domain or here.will_extend)
        or not system_account
        or (is_system and "" in here.default_domains.values())
    )
    if not apart and is_system:
        # one system: this link carries what makes it one
        return NOTHING_DENIED
    outgoing: tuple[str, ...] = ()
    if apart and here.enabled and here.domain:
        # what is meant for this domain stays here, also if another one has the same name
        outgoing = (f"$JS.{here.domain}.API.>",)
    return Denied(_SYSTEM if is_system else _CLIENTS, outgoing)


def domain_mappings(domain: str) -> dict[str, str]:
    """What an account of a server with JetStream in that domain maps, source to destination."""
    return {f"$JS.{domain}.API.{source}": to for source, to in _MAPPINGS.items()}
