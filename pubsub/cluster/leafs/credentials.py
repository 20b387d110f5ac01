"""What a leaf node shows its hub: user and password, a signature, a user JWT.

nats-server: sendLeafConnect. Files are read anew for each connection, so that they may be replaced
while the server runs.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from pubsub.config.options import LeafRemoteOptions, LeafUrl
from pubsub.errors import CredentialsError

__all__ = ["credentials"]

#: what stands between ``-----BEGIN …-----`` and ``------END …------``
_DECORATED = re.compile(
    rb"\s*(?:(?:[-]{3,}.*[-]{3,}\r?\n)([\w\-.=]+)(?:\r?\n[-]{3,}.*[-]{3,}(?:\r?\n|\Z)))"
)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def credentials(
    remote: LeafRemoteOptions,
    url: LeafUrl,
    nonce: str,
    read: Callable[[str], bytes] = _read,
) -> dict[str, str]:
    """Fields of CONNECT.

    :param url: of the hub; one that another server told us of has no user: take those of the
        first that was configured.
    :param nonce: what INFO asks to be signed.
    :raises CredentialsError: the file or the seed cannot be used; the text holds no secret.
    """
    fields: dict[str, str] = {}
    if remote.credentials:
        try:
            found = _DECORATED.findall(read(remote.credentials))
        except OSError as error:
            reason = error.strerror or str(error)
            raise CredentialsError(f"open {remote.credentials}: {reason.lower()}") from error
        if len(found) < 2:
            raise CredentialsError("Credentials file malformed")
        fields["jwt"] = found[0].decode("ascii", "replace")
        try:
            fields["sig"] = _signed(found[1].decode("ascii", "replace"), nonce)[1]
        except CredentialsError:
            raise CredentialsError("Credentials file has malformed seed") from None
    elif remote.nkey:
        try:
            fields["nkey"], fields["sig"] = _signed(remote.nkey, nonce)
        except CredentialsError:
            raise CredentialsError("Remote nkey has malformed seed") from None
    known = url if url.user else next((other for other in remote.urls if other.user), url)
    if known.user:
        fields["user"] = known.user
        if known.password is None:
            fields["auth_token"] = known.user
        elif known.password:
            fields["pass"] = known.password
    return fields


def _signed(seed: str, nonce: str) -> tuple[str, str]:
    """The public key, and the signature of the nonce in URL-safe base64."""
    # a library that only this needs
    from pubsub.auth.jwt.keys import KeyPair

    pair = KeyPair(seed)
    signature = pair.sign(nonce.encode("utf-8", "surrogateescape"))
    return pair.public_key, base64.urlsafe_b64encode(signature).rstrip(b"=").decode("ascii")
