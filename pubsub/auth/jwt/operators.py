"""Whom this server trusts: the operators of the configuration and their signing keys.

(nats-server: ``validateTrustedOperators``, ``processTrustedKeys``, ``isTrustedIssuer``,
``getOperatorKeys``.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pubsub.auth.jwt.claims import OperatorClaims
from pubsub.auth.jwt.codec import decode_operator
from pubsub.auth.jwt.keys import is_operator
from pubsub.errors import CredentialsError, InvalidOption

__all__ = ["TrustedOperators", "system_account_of"]

#: the default of the option, which means that none was configured
_DEFAULT_SYSTEM_ACCOUNT = "$SYS"


class TrustedOperators:
    """The keys whose signature makes an account one of this server's.

    :param operators: operator JWTs. One that insists on signing keys is not trusted itself.
    :param trusted_keys: public keys that are trusted without a JWT.
    :raises pubsub.errors.InvalidOption: one of them cannot be used.
    """

    def __init__(self, operators: Iterable[str] = (), trusted_keys: Iterable[str] = ()) -> None:
        self.operators: list[OperatorClaims] = []
        for token in operators:
            try:
                self.operators.append(decode_operator(token))
            except CredentialsError as error:
                raise InvalidOption(f"operator: error parsing operator JWT: {error}") from None
        self._keys = set(trusted_keys)
        self._strict: set[str] = set()
        for operator in self.operators:
            self._keys.update(operator.signing_keys)
            if operator.strict_signing_keys:
                self._strict.update(operator.signing_keys)
            else:
                self._keys.add(operator.subject)
        for key in self._keys:
            if not is_operator(key):
                raise InvalidOption("trusted keys are required to be valid public operator nkeys")

    def trusts(self, issuer: str) -> bool:
        """Whether an account signed by that key is one of this server's."""
        return issuer in self._keys

    def is_strict(self, issuer: str) -> bool:
        """Whether accounts signed by that key may not issue users with their own key."""
        return issuer in self._strict

    def refuses(self, issuer: str) -> bool:
        """Whether it is the key of the first operator, who said that it must not be used."""
        return bool(
            self.operators
            and self.operators[0].strict_signing_keys
            and issuer == self.operators[0].subject
        )

    def may_delete(self, issuer: str) -> bool:
        """Whether that key may ask for accounts to be deleted: one of the first operator's."""
        if not self.operators:
            return False
        first = self.operators[0]
        return issuer in first.signing_keys or (
            issuer == first.subject and not first.strict_signing_keys
        )

    @property
    def system_account(self) -> str:
        """The system account the first operator names, ``""`` if it names none."""
        return self.operators[0].system_account if self.operators else ""


def system_account_of(options: Any) -> str:
    """The system account of a server with these options: theirs, or else the operator's.

    :param options: :class:`pubsub.config.options.Options`.
    """
    configured: str = options.system_account
    if options.operator and configured in ("", _DEFAULT_SYSTEM_ACCOUNT):
        try:
            return decode_operator(options.operator[0]).system_account or configured
        except CredentialsError:
            return configured
    return configured
