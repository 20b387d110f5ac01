"""What can be written in ``authorization { options { … } }``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from pubsub.errors import InvalidOption, NotConfigured

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """The options; those without a default have to be there."""

    #: the introspection endpoint: ``https://…``
    url: str
    #: what this server is to the endpoint (HTTP Basic)
    client_id: str
    client_secret: str = field(repr=False)
    #: seconds for an answer; below ``authorization.timeout``, which is 2
    timeout: float = 1.5
    #: seconds an answer is good for; ``exp`` of the token may end that sooner
    cache_ttl: float = 60.0
    #: likewise for tokens that are not active: a client that keeps trying is not asked about
    refusal_ttl: float = 5.0
    #: answers to keep
    cache_size: int = 10_000
    #: questions at a time; who comes when there are more is refused
    max_requests: int = 32
    #: what ``aud`` has to be or to hold; empty: not looked at
    audience: str = ""
    #: the claim that is the user's name
    user_claim: str = "sub"
    #: the claim that is the name of its account; empty: everybody is in ``account``
    account_claim: str = ""
    account: str = "$G"
    #: accounts that ``account_claim`` may name
    accounts: tuple[str, ...] = ()
    #: ``nats.pub:orders.>`` in ``scope`` allows to publish, ``nats.sub:…`` to subscribe;
    #: empty: scopes mean nothing, and everything is allowed
    scope_prefix: str = "nats."

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> Settings:
        """The settings that are written there.

        :raises pubsub.errors.NotConfigured: nothing is.
        :raises pubsub.errors.InvalidOption: something cannot be.
        """
        if not options:
            raise NotConfigured("it has no options")
        known = {each.name: each.type for each in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in options.items():
            if name not in known:
                raise InvalidOption(f"oidc: there is no option {name!r}")
            values[name] = _typed(name, known[name], value)
        for name in ("url", "client_id", "client_secret"):
            if not values.get(name):
                raise InvalidOption(f"oidc: option {name!r} is missing")
        settings = cls(**values)
        if urlsplit(settings.url).scheme not in ("http", "https"):
            raise InvalidOption("oidc: url has to begin with https://")
        if settings.account_claim and not settings.accounts:
            raise InvalidOption("oidc: account_claim needs accounts, those that it may name")
        return settings


def _typed(name: str, wanted: Any, value: Any) -> Any:
    if wanted == "float" and isinstance(value, int | float) and value > 0:
        return float(value)
    if wanted == "int" and isinstance(value, int) and value > 0:
        return value
    if wanted == "str" and isinstance(value, str):
        return value
    if wanted.startswith("tuple") and isinstance(value, list | tuple):
        return tuple(map(str, value))
    raise InvalidOption(f"oidc: option {name!r} has a value it cannot have")
