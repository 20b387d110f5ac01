"""From the entries of a file and the flags to :class:`~pubsub.config.options.Options`.

The road is: entries (:mod:`pubsub.config.parser`) → settings, one per attribute, by the rows
of the table → flags laid over them → defaults → cross-checks → Options. All complaints about
a file are collected, so that one run shows all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from pubsub.config.digest import config_digest
from pubsub.config.options import AuthorizationOptions, Options, TlsOptions
from pubsub.config.parser import ReadFile, Token, parse, parse_file
from pubsub.config.row import NESTING, Option, ValueKind
from pubsub.config.special import finish_block, special
from pubsub.config.table import TABLE, children, suggestion
from pubsub.config.validate import Checked, validate
from pubsub.config.values import convert, invalid
from pubsub.errors import ConfigError, ConfigErrors, UnknownOption, UnsupportedOption

__all__ = ["Loaded", "Settings", "configure"]

#: Values by the path of their attribute: ``port``, ``tls.cert_file``, and ``tls`` itself:
#: whether there is a tls block.
Settings = Mapping[str, object]

#: What turns a feature off is no reason to refuse a configuration: it is off.
_OFF = (False, 0, "disabled", "disable")

_STORED = {row.stored_as: row for row in TABLE if row.stored_as is not None}
_TLS_FIELDS = tuple(field.name for field in fields(TlsOptions))
_AUTHORIZATION_FIELDS = tuple(field.name for field in fields(AuthorizationOptions))
_OPTIONS_FIELDS = tuple(
    field.name for field in fields(Options) if field.name not in ("tls", "authorization")
)


@dataclass(frozen=True)
class Loaded:
    """A configuration that is right.

    :ivar warnings: what was accepted and probably not meant, one line each.
    """

    options: Options
    warnings: tuple[str, ...] = ()


def configure(
    *,
    path: str = "",
    text: str | None = None,
    read_file: ReadFile | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Settings | None = None,
) -> Loaded:
    """Options from a file or a text, and settings that override it.

    :param path: the configuration file, read with ``read_file``; for a ``text`` its name only.
    :param flags: settings from the command line, or of a program that embeds the server.
    :raises ConfigError: what is wrong; ConfigErrors if it is more than one thing.
    """
    reading = _Reading()
    digest = ""
    if text is not None:
        entries = parse(text, path, read_file=read_file, environ=environ)
    elif path and read_file is not None:
        entries = parse_file(path, read_file, environ)
    else:
        entries = None
    if entries is not None:
        digest = config_digest(entries)
        if not entries:
            reading.warnings.append(f"{path}: config has no values or is empty")
        reading.block(entries, "")
        reading.raise_errors()
    settings = {**reading.settings, **(flags or {})}
    options = _finished(settings, path, digest)
    validate(options, Checked(path, reading.tokens))
    return Loaded(options, tuple(reading.warnings))


class _Reading:
    """Goes through the entries of a file, row by row."""

    def __init__(self) -> None:
        self.settings: dict[str, object] = {}
        #: where a setting was written
        self.tokens: dict[str, Token] = {}
        self.warnings: list[str] = []
        self._errors: list[ConfigError] = []

    def block(self, entries: Mapping[str, Token], path: str) -> None:
        """The entries of the block at ``path``, of the file itself for ``""``."""
        rows = children(path)
        for key, token in entries.items():
            row = rows.get(key.lower())
            try:
                if row is not None:
                    self._option(row, key, token)
                elif not token.used_variable:
                    message = f'unknown field "{key}"{suggestion(key, path)}'
                    raise UnknownOption(message, token.file, token.line, token.column)
            except ConfigError as error:
                self._errors.append(error)

    def raise_errors(self) -> None:
        """All there is to complain about.

        :raises ConfigError: or ConfigErrors, if there is anything.
        """
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            raise ConfigErrors(self._errors)

    def _option(self, row: Option, key: str, token: Token) -> None:
        self.tokens[row.path] = token
        if row.unsupported:
            if not _is_off(token):
                raise UnsupportedOption(
                    f"{key}: {row.unsupported} is not supported yet by this server",
                    token.file,
                    token.line,
                    token.column,
                )
            return
        if row.kind is ValueKind.BLOCK:
            if not isinstance(token.value, dict):
                raise invalid(f"{key} must be a block, {{ … }}", token)
            self.settings[row.path] = True
            self.block(token.value, row.path)
            finish_block(row.path, token, self.settings)
            return
        read = special(row.path)
        if read is not None:
            read(row, token, self.settings, self._warn)
        else:
            assert row.stored_as is not None, "the table test sees to it"
            self.settings[row.stored_as] = convert(row, token, self._warn)

    def _warn(self, token: Token, reason: str) -> None:
        self.warnings.append(f"{token.file}:{token.line}:{token.column}: {reason}")


def _is_off(token: Token) -> bool:
    return not isinstance(token.value, (dict, list)) and token.value in _OFF


def _given(settings: Settings, prefix: str, names: tuple[str, ...]) -> dict[str, object]:
    """The settings of one dataclass, without those that ask for the default."""
    given = {}
    for name in names:
        stored = f"{prefix}{NESTING}{name}" if prefix else name
        if stored not in settings:
            continue
        row = _STORED.get(stored)
        if row is not None and row.zero_is_default and not settings[stored]:
            continue
        given[name] = settings[stored]
    return given


def _finished(settings: Settings, path: str, digest: str) -> Options:
    tls = None
    if settings.get("tls"):
        tls = TlsOptions(**_given(settings, "tls", _TLS_FIELDS))  # type: ignore[arg-type]
    authorization = _given(settings, "authorization", _AUTHORIZATION_FIELDS)
    if tls is not None:
        # the handshake takes its time before CONNECT can come
        authorization.setdefault("timeout", tls.timeout + 1.0)
    return Options(
        **_given(settings, "", _OPTIONS_FIELDS),  # type: ignore[arg-type]
        authorization=AuthorizationOptions(**authorization),  # type: ignore[arg-type]
        tls=tls,
        config_file=path,
        config_digest=digest,
    )
