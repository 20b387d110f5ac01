"""Trusted proxies: ``proxies { trusted: [{key: …}] }``.

A proxy passes CONNECT on with ``proxy_sig``, its signature over the nonce that INFO gave to
the client. A signature nobody trusts refuses the client, whatever its own credentials are;
without one the client came by itself. The chain finds out once for each attempt, and
authenticators read :attr:`pubsub.interfaces.ConnectionAttempt.trusted_proxy`
(nats-server: ``proxyCheck``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pubsub.auth.signatures import decode_signature, is_signed_by
from pubsub.errors import AuthenticationFailed, InvalidOption, ProxyNotTrusted, ProxyRequired
from pubsub.interfaces import ConnectionAttempt
from pubsub.values.strkey import KeyKind, key_kind

__all__ = ["TrustedProxies", "require_proxy"]


class TrustedProxies:
    """The proxies that may vouch for clients.

    :param keys: their public keys.
    :raises pubsub.errors.InvalidOption: one of them is no public key that can sign.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = tuple(keys)
        for key in self._keys:
            if key_kind(key) in (None, KeyKind.CURVE):
                raise InvalidOption("proxies.trusted: a key is not a public key")

    def __bool__(self) -> bool:
        return bool(self._keys)

    def checked(self, attempt: ConnectionAttempt) -> ConnectionAttempt:
        """The attempt, and whether it came by one of these proxies.

        :raises pubsub.errors.AuthenticationFailed: it came by another; the fault says so.
        """
        shown = attempt.connect.get("proxy_sig", "")
        if not shown or not self._keys:
            return attempt
        if attempt.nonce:
            try:
                signature = decode_signature(shown, standard=False)
            except AuthenticationFailed as error:
                raise _not_trusted("its signature is not 64 bytes in base64") from error
            for key in self._keys:
                if is_signed_by(key, attempt.nonce, signature):
                    return replace(attempt, trusted_proxy=True, proxy_key=key)
        raise _not_trusted("no trusted key made its signature")


def _not_trusted(reason: str) -> AuthenticationFailed:
    return AuthenticationFailed(f"the proxy is not trusted: {reason}", ProxyNotTrusted())


def require_proxy(attempt: ConnectionAttempt) -> None:
    """Return if it came by a trusted proxy.

    :raises pubsub.errors.AuthenticationFailed: it did not; the fault says so.
    """
    if not attempt.trusted_proxy:
        raise AuthenticationFailed("a trusted proxy is required", ProxyRequired())
