"""Scoped signing keys: permissions with blanks that each user fills (``{{name()}}``…).

(nats-server: ``processUserPermissionsTemplate``.) An allowed subject that comes out wrong is
left out; a denied one that does refuses the user, for nobody knows what it was to deny.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pubsub.auth.jwt.account_claims import AccountClaims
from pubsub.auth.jwt.claims import PermissionClaims, UserClaims
from pubsub.errors import AuthenticationFailed
from pubsub.router.subjects import is_valid

__all__ = ["MAX_EXPANSIONS", "expand"]

#: Subjects one list may become: with tags a blank has many values, and several blanks have
#: all combinations. nats-server's bound.
MAX_EXPANSIONS = 4096

#: nothing in it begins another one: looking for it takes time in proportion to the text
_BLANK = re.compile(r"\{\{((?:(?!\{\{)[^}])+)\}\}")
_TAG = re.compile(r"(account-)?tag\(.*\)\Z", re.IGNORECASE | re.DOTALL)


def expand(
    template: PermissionClaims, user: UserClaims, account: AccountClaims
) -> PermissionClaims:
    """``template`` with its blanks filled for ``user``.

    :raises pubsub.errors.AuthenticationFailed: an unknown operation, a denied subject that
        cannot be, or more subjects than :data:`MAX_EXPANSIONS`.
    """
    filled = _Filler(user, account)
    subscribe_allow = filled.subjects(template.subscribe_allow, must_be_valid=False)
    subscribe_deny = filled.subjects(template.subscribe_deny, must_be_valid=True)
    publish_allow = filled.subjects(template.publish_allow, must_be_valid=False)
    publish_deny = filled.subjects(template.publish_deny, must_be_valid=True)
    # An empty list allows everything: where nothing was left of one, deny that.
    if template.subscribe_allow and not subscribe_allow:
        subscribe_deny = (*subscribe_deny, ">")
    if template.publish_allow and not publish_allow:
        publish_deny = (*publish_deny, ">")
    return replace(
        template,
        publish_allow=publish_allow,
        publish_deny=publish_deny,
        subscribe_allow=subscribe_allow,
        subscribe_deny=subscribe_deny,
    )


class _Filler:
    def __init__(self, user: UserClaims, account: AccountClaims) -> None:
        self._user = user
        self._account = account

    def subjects(self, entries: Sequence[str], *, must_be_valid: bool) -> tuple[str, ...]:
        if not any(_BLANK.search(entry) for entry in entries):
            return tuple(entries)
        found: list[str] = []
        for entry in entries:
            blanks = [match[0] for match in _BLANK.finditer(entry)]
            values = [self._values(entry, blank[2:-2].strip(), must_be_valid) for blank in blanks]
            combinations = 1
            for value in values:
                combinations *= len(value)
                if combinations > MAX_EXPANSIONS:
                    raise _too_many()
            if len(found) + combinations > MAX_EXPANSIONS:
                raise _too_many()
            found += self._filled(entry, blanks, values, must_be_valid)
        return tuple(found)

    def _filled(
        self,
        entry: str,
        blanks: Sequence[str],
        values: Iterable[Sequence[str]],
        must_be_valid: bool,
    ) -> Iterable[str]:
        for row in itertools.product(*values):
            subject = entry
            for blank, value in zip(blanks, row, strict=True):
                subject = subject.replace(blank, value)
            if is_valid(subject.encode("utf-8", "surrogatepass")):
                yield subject
            elif must_be_valid:
                raise AuthenticationFailed("a scope denies a subject that cannot be")

    def _values(self, entry: str, operation: str, must_be_valid: bool) -> Sequence[str]:
        simple = {
            "name()": self._user.name,
            "subject()": self._user.subject,
            "account-name()": self._account.name,
            "account-subject()": self._account.subject,
        }.get(operation.lower())
        if simple is not None:
            return [simple]
        tag = _TAG.match(operation)
        if tag is None:
            raise AuthenticationFailed(f"a scope has an unknown operation in {entry[:128]!r}")
        tags = self._account.tags if tag[1] else self._user.tags
        # As in nats-server, "TAG(x)" is an operation, but no such tag is ever there.
        written = operation.removeprefix("account-tag(" if tag[1] else "tag(")[:-1]
        prefix = f"{written.lower()}:"
        values = [text[len(prefix) :] for text in tags if text.startswith(prefix)]
        if not values:
            if must_be_valid:
                raise AuthenticationFailed(f"a scope denies by a tag that is not there: {entry!r}")
            return [" "]  # no subject has a space: what is made with it is left out
        return values


def _too_many() -> AuthenticationFailed:
    return AuthenticationFailed(f"template expansion exceeds limit: {MAX_EXPANSIONS}")
