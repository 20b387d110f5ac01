"""Pages made from the code: errors-table, contracts, unsupported-table, flags."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from zope.interface import Attribute
from zope.interface.interface import InterfaceClass, Method

import pubsub.interfaces
from pubsub import errors
from pubsub.config.flags import PROGRAM
from pubsub.config.help import usage
from pubsub.config.table import TABLE


def _faults() -> Iterator[type[errors.ClientFault]]:
    for name in errors.__all__:
        found = getattr(errors, name)
        if inspect.isclass(found) and issubclass(found, errors.ClientFault):
            yield found


def errors_table() -> list[str]:
    """One row for each fault of a peer: what it is sent, why it is closed, what it means."""
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        "   :widths: 30 30 20 20",
        "",
        "   * - Sent in ``-ERR``",
        "     - When",
        "     - Closes, with reason",
        "     - Class",
    ]
    for fault in sorted(_faults(), key=lambda fault: (fault.closed_state is None, fault.__name__)):
        if fault is errors.ClientFault:
            continue
        wire = fault.wire or getattr(fault, "template", "").replace("%s", '"<subject>"')
        lines += [
            f"   * - {f'``{wire}``' if wire else 'nothing'}",
            f"     - {(inspect.getdoc(fault) or '').splitlines()[0]}",
            f"     - {fault.closed_state.value if fault.closed_state else 'stays open'}",
            f"     - ``{fault.__name__}``",
        ]
    return lines


def _signature(method: Method) -> str:
    return f"{method.getName()}{method.getSignatureString()}"


def _body(text: str, indent: str) -> list[str]:
    return [indent + line if line else "" for line in inspect.cleandoc(text).splitlines()]


def contracts() -> list[str]:
    """Every interface with its methods and attributes: autodoc does not know zope's."""
    lines: list[str] = []
    for name in pubsub.interfaces.__all__:
        interface = getattr(pubsub.interfaces, name)
        if not isinstance(interface, InterfaceClass):
            continue
        lines += [f".. py:class:: {name}", "", *_body(interface.__doc__ or "", "   "), ""]
        for member_name, member in interface.namesAndDescriptions():
            if isinstance(member, Method):
                lines += [f"   .. py:method:: {_signature(member)}", ""]
            elif isinstance(member, Attribute):
                lines += [f"   .. py:attribute:: {member_name}", ""]
            lines += [*_body(member.__doc__ or "", "      "), ""]
    return lines


def _everywhere(path: str) -> str:
    """What is in every ``tls`` block alike need not be named for each of them."""
    parts = path.split(".")
    if len(parts) > 1 and parts[-2] in ("tls", "resolver_tls"):
        return f"``{parts[-1]}`` of any ``tls``"
    return f"``{path}``"


def unsupported_table() -> list[str]:
    """One row for each feature that does not exist yet: the options that ask for it."""
    options: dict[str, dict[str, None]] = {}
    refused = {row.path for row in TABLE if row.unsupported}
    for row in TABLE:
        # inside of a refused block nothing needs to be named
        if row.unsupported and row.parent not in refused:
            options.setdefault(row.unsupported, {})[_everywhere(row.path)] = None
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        "   :widths: 30 70",
        "",
        "   * - Feature",
        "     - Options",
    ]
    for feature, names in options.items():
        lines += [f"   * - {feature[0].upper()}{feature[1:]}", f"     - {', '.join(names)}"]
    return lines


class _Generated(SphinxDirective):
    """Parses the lines a function makes as if they stood in the page."""

    lines: staticmethod[[], list[str]]

    def run(self) -> list[nodes.Node]:
        node = nodes.container()
        self.state.nested_parse(StringList(self.lines(), source="pubsub"), 0, node)
        return node.children


class ErrorsTable(_Generated):
    lines = staticmethod(errors_table)


class Contracts(_Generated):
    lines = staticmethod(contracts)


class UnsupportedTable(_Generated):
    lines = staticmethod(unsupported_table)


class Flags(SphinxDirective):
    """What ``pubsub-server --help`` prints."""

    def run(self) -> list[nodes.Node]:
        text = usage(PROGRAM).strip("\n")
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("errors-table", ErrorsTable)
    app.add_directive("contracts", Contracts)
    app.add_directive("unsupported-table", UnsupportedTable)
    app.add_directive("flags", Flags)
    return {"parallel_read_safe": True}
