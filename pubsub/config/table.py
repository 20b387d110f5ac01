"""The table of options: every option of nats-server 2.15 and our own, one row each.

Parsing, ``--help``, the documentation page, redaction and reload are made from it.
The rows stand by area in :mod:`~pubsub.config.table_core`,
:mod:`~pubsub.config.table_authorization`, :mod:`~pubsub.config.table_tls`,
:mod:`~pubsub.config.table_accounts`, :mod:`~pubsub.config.table_operator`,
:mod:`~pubsub.config.table_cluster`, :mod:`~pubsub.config.table_gateway`,
:mod:`~pubsub.config.table_leafnodes` and :mod:`~pubsub.config.table_streams`; what a row holds
is said in :mod:`pubsub.config.row`.
"""

from __future__ import annotations

import difflib
from dataclasses import fields

from pubsub.config import (
    table_accounts,
    table_authorization,
    table_cluster,
    table_core,
    table_gateway,
    table_leafnodes,
    table_operator,
    table_streams,
    table_tls,
)
from pubsub.config.options import AuthorizationOptions, Options, TlsOptions
from pubsub.config.row import NESTING, Option, ValueKind

__all__ = ["TABLE", "by_path", "children", "default_of", "flagged", "suggestion"]

TABLE: tuple[Option, ...] = (
    *table_core.ROWS,
    *table_authorization.ROWS,
    *table_tls.ROWS,
    *table_accounts.ROWS,
    *table_operator.ROWS,
    *table_cluster.ROWS,
    *table_gateway.ROWS,
    *table_leafnodes.ROWS,
    *table_streams.ROWS,
)

_BY_PATH = {row.path: row for row in TABLE}
_CHILDREN: dict[str, dict[str, Option]] = {}
for _row in TABLE:
    if _row.kind is not ValueKind.ACTION:
        for _name in _row.names:
            _CHILDREN.setdefault(_row.parent, {})[_name] = _row
_FLAGS = {name: row for row in TABLE if row.flag is not None for name in row.flag.names}

#: Where the defaults of the attributes are.
_DEFAULTS = {
    **{name.name: getattr(Options(), name.name) for name in fields(Options)},
    **{f"tls.{name.name}": getattr(TlsOptions(), name.name) for name in fields(TlsOptions)},
    **{
        f"authorization.{name.name}": getattr(AuthorizationOptions(), name.name)
        for name in fields(AuthorizationOptions)
    },
}


def by_path(path: str) -> Option:
    """The row of that path.

    :raises KeyError: if there is none.
    """
    return _BY_PATH[path]


def children(path: str = "") -> dict[str, Option]:
    """The rows of a block by all their names; those of the top without ``path``."""
    return _CHILDREN.get(path, {})


def flagged() -> dict[str, Option]:
    """The rows that have flags, by the names of the flags."""
    return _FLAGS


def default_of(row: Option) -> object:
    """The value the option has when nobody says anything, ``None`` if there is none."""
    stored = row.stored_as
    return row.default if stored is None else _DEFAULTS[stored]


def suggestion(key: str, path: str = "") -> str:
    """``"; did you mean max_payload?"`` for a key that does not exist, or ``""``.

    :param path: the block the key is in.
    """
    wanted = key.lower()
    near = difflib.get_close_matches(wanted, children(path), n=5, cutoff=0.7)
    if near:
        # of names that are equally near, the one with the same letters: prot is port, not root
        best = max(
            near,
            key=lambda name: (
                round(difflib.SequenceMatcher(None, name, wanted).ratio(), 2),
                sorted(name) == sorted(wanted),
            ),
        )
        return f"; did you mean {best}?"
    elsewhere = sorted({row.path for row in TABLE if wanted in row.names and row.parent})
    if len(elsewhere) == 1 and elsewhere[0].partition(NESTING)[0] != path:
        return f"; did you mean {elsewhere[0]}?"
    return ""
