"""Imports that would lead back to where they come from are refused.

What follows what is decided by nats-server's rules (``accounts.go``:
``checkServiceImportsForCycles`` and ``checkStreamImportsForCycles``), so that what it
accepts is accepted here. Chains they do not see (through renamed subjects) do no harm: the
router drops what comes back to an export it passed already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pubsub.errors import ImportCycle
from pubsub.router.subjects import is_subset, overlaps

__all__ = ["Edge", "check_service_cycle", "check_stream_cycle"]

#: nats-server's MaxAccountCycleSearchDepth
MAX_DEPTH = 1024


class Edge(NamedTuple):
    """An import that exists already: ``local`` in its account is ``remote`` in ``account``."""

    account: str
    local: bytes
    remote: bytes


#: the imports of an account, by its name
Edges = Callable[[str], Sequence[Edge]]


def check_service_cycle(importer: str, exporter: str, local: bytes, edges: Edges) -> None:
    """Refuse a service import on ``local`` that leads back to ``importer``.

    :raises pubsub.errors.ImportCycle: the text names the chain of accounts.
    """
    _follow(importer, exporter, local, lambda account, _: edges(account), by_remote=True)


def check_stream_cycle(
    importer: str,
    exporter: str,
    subject: bytes,
    edges: Edges,
    exported: Callable[[str, bytes], bool],
) -> None:
    """Refuse an import of the stream ``subject`` that comes from ``importer`` itself.

    :param exported: whether that account exports a stream that covers that subject.
    :raises pubsub.errors.ImportCycle: the text names the chain of accounts.
    """

    def edges_of_exporter(account: str, subject: bytes) -> Sequence[Edge]:
        return edges(account) if exported(account, subject) else ()

    _follow(importer, exporter, subject, edges_of_exporter, by_remote=False)


def _follow(
    importer: str,
    exporter: str,
    subject: bytes,
    edges: Callable[[str, bytes], Sequence[Edge]],
    *,
    by_remote: bool,
) -> None:
    """Depth first, without recursion; each account and subject once, however many ways lead there.

    :param by_remote: an import follows if its remote subject overlaps, else its local one.
    """
    waiting: list[tuple[str, bytes, tuple[str, ...]]] = [(exporter, subject, (importer,))]
    seen = {(exporter, subject)}
    while waiting:
        account, subject, chain = waiting.pop()
        chain = (*chain, account)
        if len(chain) > MAX_DEPTH:
            raise ImportCycle("search cycle depth exhausted")
        for edge in edges(account, subject):
            if not overlaps(subject, edge.remote if by_remote else edge.local):
                continue
            if edge.account in chain:
                raise ImportCycle(f"import forms a cycle: {' -> '.join((*chain, edge.account))}")
            onward = edge.local if is_subset(edge.local, subject) else subject
            if (edge.account, onward) not in seen:
                seen.add((edge.account, onward))
                waiting.append((edge.account, onward, chain))
