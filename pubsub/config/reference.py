"""The reference page of all options, made from the table.

``python -m pubsub.config.reference docs/reference/options.rst`` writes the page; a test sees
to it that the one in the repository is the one this makes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pubsub.config.durations import format_duration
from pubsub.config.help import flag_text
from pubsub.config.row import NESTING, Option, ValueKind
from pubsub.config.table import TABLE, by_path, default_of

__all__ = ["options_page"]

_INTRODUCTION = """\
Options
=======

.. This page is made by pubsub.config.reference: change the table of options instead.

A configuration file is in nats-server's language:

* ``key = value``, ``key: value`` or ``key value``, one to a line, or with ``;`` or ``,`` between
  them; ``key { … }`` for a block. Keys do not care about case. JSON is accepted, too.
* Comments begin with ``#`` or ``//``.
* Strings are bare words, ``'as they are'``, ``"with \\t \\n \\r \\" \\\\ and \\x41"``, or a block
  ``(`` … ``)`` whose ``)`` stands alone on its line.
* Booleans are ``true``, ``yes``, ``on``, ``false``, ``no`` and ``off``.
* Numbers may end with ``k`` (1000), ``kb``, ``ki`` or ``kib`` (1024), and so on with ``m``, ``g``,
  ``t``, ``p`` and ``e``.
* Durations are strings such as ``"2m"``, ``"1h30m"`` or ``"100ms"``. Put them in quotes: ``2m``
  without quotes is the number 2000000.
* ``[a, b]`` is a list; new lines separate its elements, too.
* ``include "file"`` reads another file, relative to the one it stands in.
* ``$NAME`` is the value of the key ``NAME`` above, or of the environment variable. A key that only
  serves as a variable need not be an option.

``pubsub-server -t -c server.conf`` tests a file and shows everything that is wrong with it.

An option marked *reload* takes effect when the server is told to read its configuration again; a
change of any other refuses the reload.
"""

#: Blocks that are like another one, which has a table of its own keys.
_ALIKE = {
    "authorization.default_permissions": "authorization.users.permissions",
    "accounts.*.users": "authorization.users",
    "accounts.*.default_permissions": "authorization.users.permissions",
    "accounts.*.mappings": "mappings",
    "resolver_tls": "tls",
    "cluster.tls": "tls",
    "cluster.permissions": "authorization.users.permissions",
    "gateway.tls": "tls",
    "gateway.gateways.tls": "tls",
    "leafnodes.tls": "tls",
    "leafnodes.remotes.tls": "tls",
}

#: What stands for the names that a user chooses.
_CHOSEN = {"accounts": "name", "mappings": "subject", "server_metadata": "name"}


def options_page() -> str:
    """The page, as reStructuredText."""
    lines = [_INTRODUCTION]
    supported = [row for row in TABLE if not row.unsupported and row.kind is not ValueKind.ACTION]
    for parent in dict.fromkeys(row.parent for row in supported):
        if not any(_inside(parent, block) for block in _ALIKE):
            lines += _heading(_title(parent))
            lines += _table(row for row in supported if row.parent == parent)
    lines += _heading("Known and not supported yet")
    lines.append("These options of nats-server are refused, with their place in the file.")
    lines.append("")
    features = dict.fromkeys(row.unsupported for row in TABLE if row.unsupported)
    for feature in features:
        lines += _feature(feature, [row for row in TABLE if row.unsupported == feature])
    return "\n".join(lines)


def _inside(path: str, block: str) -> bool:
    return path == block or path.startswith(f"{block}{NESTING}")


def _title(parent: str) -> str:
    """``tls { certs [ { … } ] }``: how one gets to the keys of a block."""
    title = "…"
    path = parent
    while path:
        row = by_path(path)
        inner = f"[ {{ {title} }} ]" if row.kind is ValueKind.LIST else f"{{ {title} }}"
        name = _CHOSEN.get(row.parent, "name") if row.name == "*" else row.name
        title = f"{name} {inner}"
        path = row.parent
    return title if parent else "Top level"


def _heading(title: str) -> list[str]:
    return [title, "-" * len(title), ""]


def _table(rows: Iterable[Option]) -> list[str]:
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        "   :widths: 24 16 14 46",
        "",
        "   * - Option",
        "     - Value",
        "     - Default",
        "     - Meaning",
    ]
    for row in rows:
        names = ", ".join(f"``{name}``" for name in row.names)
        lines += [
            f"   * - {names}",
            f"     - {_value(row)}",
            f"     - {_default(row)}",
            f"     - {_escaped(row.description)}{_remarks(row)}.",
        ]
    return [*lines, ""]


def _value(row: Option) -> str:
    text = row.kind.value
    if row.kind is ValueKind.CHOICE:
        text = ", ".join(f"``{choice}``" for choice in row.choices)
    return f"{text} ({row.unit})" if row.unit in ("bytes", "percent") else text


def _default(row: Option) -> str:
    default = default_of(row)
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"``{format_duration(default)}``"
    if default is None or (not default and default != 0):
        return "–"
    return f"``{default}``"


def _remarks(row: Option) -> str:
    remarks = []
    if row.flag is not None:
        remarks.append(f"``{flag_text(row.flag)}``")
    if row.since:
        remarks.append(f"since {row.since}")
    if row.reloadable:
        remarks.append("*reload*")
    if row.path in _ALIKE:
        remarks.append(f"keys as in ``{_title(_ALIKE[row.path])}``")
    return f" ({', '.join(remarks)})" if remarks else ""


def _feature(feature: str, rows: Sequence[Option]) -> list[str]:
    """A definition list entry: the feature, and its options by block."""
    lines = [_escaped(feature[0].upper() + feature[1:])]
    blocks: dict[str, list[str]] = {}
    for row in rows:
        # every tls block has the same keys: one list of them is enough
        repeated = re.search(r"(_|\.)tls(\.|$)", row.parent) is not None
        if row.kind is not ValueKind.ACTION and not repeated:
            blocks.setdefault(row.parent, []).append(row.name)
    # the top level comes first
    for parent, names in sorted(blocks.items(), key=lambda block: bool(block[0])):
        label = parent.replace(NESTING, " › ")
        listed = ", ".join(f"``{name}``" for name in names if name != "*")
        if listed:
            lines.append(f"   | ``{label}``: {listed}" if parent else f"   | {listed}")
    return [*lines, ""]


def _escaped(text: str) -> str:
    # what is literal already stays as it is
    parts = text.split("``")
    parts[::2] = [part.replace("*", "\\*").replace("_<", "\\_<") for part in parts[::2]]
    return "``".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(options_page(), encoding="utf-8")
