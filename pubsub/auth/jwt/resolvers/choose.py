"""The resolver that the configuration asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pubsub.auth.jwt.codec import decode_account
from pubsub.auth.jwt.operators import TrustedOperators
from pubsub.errors import CredentialsError, InvalidOption
from pubsub.interfaces import IAccountResolver

__all__ = ["create_resolver"]


def create_resolver(options: Any, trust: TrustedOperators) -> IAccountResolver:
    """The resolver of these :class:`pubsub.config.options.Options`.

    Without one, ``resolver_preload`` makes it memory, and the URL in the operator's JWT makes
    it that.

    :raises pubsub.errors.InvalidOption: there is none, or it cannot be used.
    """
    preload = options.resolver_preload
    for name, token in preload.items():
        try:
            if decode_account(token).subject != name:
                raise CredentialsError("it is the JWT of another account")
        except CredentialsError as error:
            raise InvalidOption(f'preload account error for "{name}": {error}') from None
    resolver = options.resolver
    kind = resolver.type if resolver is not None else ("memory" if preload else "")
    if kind == "memory":
        from pubsub.auth.jwt.resolvers.memory import MemoryResolver

        return MemoryResolver(preload)
    if kind in ("full", "cache"):
        if not trust.operators:
            raise InvalidOption("resolver: no operator key found")
        return _with_directory(kind, resolver, preload)
    if preload:
        raise InvalidOption(
            "resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR"
        )
    url = resolver.url if resolver is not None else ""
    if resolver is None and len(trust.operators) == 1 and trust.operators[0].account_server_url:
        url = f"{trust.operators[0].account_server_url.rstrip('/')}/accounts/"
    if not url:
        raise InvalidOption("operators require an account resolver to be configured")
    from pubsub.auth.jwt.resolvers.url import UrlResolver

    timeout = resolver.timeout if resolver is not None else 0.0
    return UrlResolver(url, timeout or 1.9, resolver.tls if resolver is not None else None)


def _with_directory(kind: str, resolver: Any, preload: Mapping[str, str]) -> IAccountResolver:
    from pubsub.auth.jwt.resolvers.cache import DEFAULT_LIMIT, CacheResolver
    from pubsub.auth.jwt.resolvers.directory import AccountDirectory, Deletion
    from pubsub.auth.jwt.resolvers.full import FullResolver

    try:
        if kind == "cache":
            # what is only a copy may always go
            directory = AccountDirectory(
                resolver.dir,
                deletion=Deletion.REMOVED,
                limit=resolver.limit or DEFAULT_LIMIT,
                evict=True,
                ttl=resolver.ttl,
                scan=False,
            )
        else:
            removed = Deletion.REMOVED if resolver.hard_delete else Deletion.RENAMED
            directory = AccountDirectory(
                resolver.dir,
                deletion=removed if resolver.allow_delete else Deletion.REFUSED,
                limit=resolver.limit,
                scan=False,
            )
        for name, token in preload.items():
            directory.save_if_newer(name, token)
    except OSError as error:
        raise InvalidOption(f"resolver.dir: {error.strerror}: {resolver.dir}") from error
    except CredentialsError as error:
        raise InvalidOption(f"resolver: {error}") from error
    timeout = resolver.timeout or 1.9
    if kind == "cache":
        return CacheResolver(directory, timeout, resolver.ttl)
    return FullResolver(directory, timeout, resolver.interval or 60.0)
