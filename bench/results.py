"""A benchmark's results: what was measured, run by run, and the file it is kept in."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Results", "ServerInfo", "load", "save"]

#: Raised when a file of an older shape could not be read any more.
FORMAT = 1


@dataclass(frozen=True)
class ServerInfo:
    """One column of the tables."""

    key: str
    label: str
    version: str
    command: str
    ours: bool
    backend: str = ""
    #: keys of the two that a mixed system is made of, in turn
    members: tuple[str, ...] = ()


@dataclass
class Results:
    """``runs[row][server][round][metric]``, and why rows have none."""

    machine: dict[str, Any]
    settings: dict[str, Any]
    servers: list[ServerInfo]
    #: systems of ours and a peer, measured in some rows only
    mixed: list[ServerInfo] = field(default_factory=list)
    runs: dict[str, dict[str, list[dict[str, float]]]] = field(default_factory=dict)
    #: ``failures[row][server]``: messages lost, a server that ended, a time-out
    failures: dict[str, dict[str, str]] = field(default_factory=dict)
    #: rows that could not be measured here, and why
    skipped: dict[str, str] = field(default_factory=dict)

    def values(self, row: str, server: str, metric: str) -> list[float]:
        """One metric of all rounds, oldest first; empty if there is none."""
        runs = self.runs.get(row, {}).get(server, [])
        return [run[metric] for run in runs if metric in run]

    @property
    def ours(self) -> list[ServerInfo]:
        """Our own servers."""
        return [server for server in self.servers if server.ours]

    @property
    def peers(self) -> list[ServerInfo]:
        """Those they are compared with."""
        return [server for server in self.servers if not server.ours]


def _server(document: dict[str, Any]) -> ServerInfo:
    return ServerInfo(**{**document, "members": tuple(document.get("members", ()))})


def save(results: Results, path: Path, extra: dict[str, Any]) -> None:
    """Write it as JSON; ``extra`` holds the derived tables, for those who read the file."""
    document = {"format": FORMAT, **dataclasses.asdict(results), **extra}
    path.write_text(json.dumps(document, indent=1) + "\n")


def load(path: Path) -> Results:
    """Read what :func:`save` wrote; the derived tables are computed anew when needed.

    :raises ValueError: if it is not such a file.
    """
    document = json.loads(path.read_text())
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{path}: not a benchmark result of format {FORMAT}")
    try:
        return Results(
            machine=document["machine"],
            settings=document["settings"],
            servers=[_server(server) for server in document["servers"]],
            mixed=[_server(server) for server in document.get("mixed", [])],
            runs=document["runs"],
            failures=document["failures"],
            skipped=document["skipped"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error!r}") from error
