"""From the entries of a file and the flags to :class:`~pubsub.config.options.Options`.

The road is: entries (:mod:`pubsub.config.parser`) → settings, one per attribute, by the rows
of the table → flags laid over them → defaults → cross-checks → Options. All complaints about
a file are collected, so that one run shows all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pubsub.config.complete import complete
from pubsub.config.digest import config_digest
from pubsub.config.options import AuthorizationOptions, ClusterOptions, Options, TlsOptions
from pubsub.config.parser import ReadFile, Token, parse, parse_file
from pubsub.config.places import Places, find_places
from pubsub.config.reading import Problems, entries, given
from pubsub.config.row import Option, ValueKind
from pubsub.config.special import finish_block, special
from pubsub.config.special_cluster import cluster_with_flags
from pubsub.config.validate import validate
from pubsub.config.values import convert, invalid

__all__ = ["Loaded", "configure"]


@dataclass(frozen=True)
class Loaded:
    """A configuration that is right.

    :ivar warnings: what was accepted and probably not meant, one line each.
    :ivar places: where everything stands, for checks that need more than the options alone.
    """

    options: Options
    warnings: tuple[str, ...] = ()
    places: Places = field(default_factory=Places, repr=False, compare=False)


def configure(
    *,
    path: str = "",
    text: str | None = None,
    read_file: ReadFile | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Loaded:
    """Options from a file or a text, and settings that override it.

    :param path: the configuration file, read with ``read_file``; for a ``text`` its name only.
    :param flags: settings from the command line, or of a program that embeds the server.
    :raises ConfigError: what is wrong; ConfigErrors if it is more than one thing.
    """
    reading = _Reading()
    digest = ""
    written: dict[str, Token] | None = None
    if text is not None:
        written = parse(text, path, read_file=read_file, environ=environ)
    elif path and read_file is not None:
        written = parse_file(path, read_file, environ)
    if written is not None:
        digest = config_digest(written)
        if not written:
            reading.warnings.append(f"{path}: config has no values or is empty")
        reading.block(Token(written), "")
        reading.problems.raise_all()
    places = find_places(written or {})
    complete(reading.settings, read_file, places)
    options = _finished({**reading.settings, **(flags or {})}, path, digest)
    validate(options, places)
    return Loaded(options, tuple(reading.warnings), places)


class _Reading:
    """Goes through the entries of a file, row by row."""

    def __init__(self) -> None:
        self.settings: dict[str, object] = {}
        self.warnings: list[str] = []
        self.problems = Problems()

    def block(self, token: Token, path: str) -> None:
        """The block at ``path``, the file itself for ``""``."""
        for row, key, element in entries(path, token, self.problems):
            with self.problems.caught():
                self._option(row, key, element)

    def _option(self, row: Option, key: str, token: Token) -> None:
        read = special(row.path)
        if read is not None:
            read(row, token, self.settings, self._warn)
        elif row.kind is ValueKind.BLOCK:
            if not isinstance(token.value, dict):
                raise invalid(f"{key} must be a block, {{ … }}", token)
            self.settings[row.path] = True
            self.block(token, row.path)
            finish_block(row.path, token, self.settings)
        else:
            assert row.stored_as is not None, "the table test sees to it"
            self.settings[row.stored_as] = convert(row, token, self._warn)

    def _warn(self, token: Token, reason: str) -> None:
        self.warnings.append(f"{token.file}:{token.line}:{token.column}: {reason}")


def _finished(settings: Mapping[str, object], path: str, digest: str) -> Options:
    values = given(settings, "", Options)
    values["tls"] = None
    if settings.get("tls"):
        values["tls"] = TlsOptions(**given(settings, "tls", TlsOptions))
    values["cluster"] = cluster_with_flags(
        values.get("cluster", ClusterOptions()), cast("Any", settings.get("cluster.flags", {}))
    )
    authorization = given(settings, "authorization", AuthorizationOptions)
    if values["tls"] is not None:
        # the handshake takes its time before CONNECT can come
        authorization.setdefault("timeout", values["tls"].timeout + 1.0)
    values["authorization"] = AuthorizationOptions(**authorization)
    return Options(**values, config_file=path, config_digest=digest)
