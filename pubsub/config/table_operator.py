"""The rows of operator mode: accounts and users are JWTs, signed by keys that are trusted."""

from __future__ import annotations

from typing import Any

from pubsub.config.row import Option
from pubsub.config.row import ValueKind as K
from pubsub.config.table_tls import tls_rows

__all__ = ["ROWS"]


def _resolver(name: str, kind: K, description: str, **keywords: Any) -> Option:
    return Option(
        f"resolver.{name}", kind, description, attribute=None, reloadable=True, **keywords
    )


ROWS = (
    Option("operator", K.STRINGS, "Operator JWTs, or their files",
           ("operators", "roots", "root", "root_operators", "root_operator"), since="2.0",
           go_name="TrustedOperators"),
    Option("trusted_keys", K.STRINGS, "Public keys of operators that are trusted without a JWT",
           ("trusted",), since="2.0", go_name="TrustedKeys"),
    Option("resolver", K.ANY,
           "Where account JWTs come from: MEMORY, URL(https://host/accounts/), or a block",
           ("account_resolver", "accounts_resolver"), since="2.0", reloadable=True),
    _resolver("type", K.STRING, "full, cache or memory"),
    _resolver("dir", K.STRING, "Directory of the JWTs (full and cache)"),
    _resolver("allow_delete", K.BOOL, "JWTs may be deleted (full)", default=False),
    _resolver("hard_delete", K.BOOL, "Remove the files of deleted JWTs, do not rename them (full)",
              since="2.10", default=False),
    _resolver("limit", K.INTEGER,
              "JWTs to keep; 0 for any number (full), or for 1000 (cache)", default=0),
    _resolver("ttl", K.STRICT_DURATION, "Time to keep them (cache)"),
    _resolver("interval", K.STRICT_DURATION, "Time between two exchanges with other servers (full)",
              default=60.0),
    _resolver("timeout", K.STRICT_DURATION, "Time to look one up", default=1.9),
    *tls_rows("resolver_tls"),
    Option("resolver_preload", K.MAP, "Account JWTs to begin with, by the accounts' public keys",
           since="2.0", reloadable=True, secret=True),
    Option("resolver_pinned_accounts", K.STRINGS,
           "Public keys of the accounts that may be used at all; any by default", since="2.4",
           reloadable=True),
    Option("default_sentinel", K.STRING, "Bearer JWT of clients that send no credentials",
           since="2.12", reloadable=True, secret=True),
)  # fmt: skip
