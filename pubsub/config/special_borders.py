"""What an account exports and imports.

The rules and texts are those of nats-server's ``opts.go``: parseAccountExports,
parseExportStreamOrService, parseServiceLatency, parseAccountImports and
parseImportStreamOrService. Whether an import has an export behind it is for those who know
all accounts (:mod:`pubsub.accounts`).
"""

from __future__ import annotations

import re
from typing import Any

from pubsub.config.durations import parse_duration
from pubsub.config.parser import Token
from pubsub.config.reading import Problems, entries, list_of, map_of
from pubsub.config.row import Option
from pubsub.config.special_users import is_subject
from pubsub.config.values import Warn, convert, invalid
from pubsub.values.accounts import (
    LatencyOptions,
    ResponseType,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
)

__all__ = ["read_exports", "read_imports"]

_RESPONSE_TYPES = {
    "single": ResponseType.SINGLETON,
    "singleton": ResponseType.SINGLETON,
    "stream": ResponseType.STREAM,
    "chunk": ResponseType.CHUNKED,
    "chunked": ResponseType.CHUNKED,
}

#: What only services have, and what it is called where a stream has it.
_OF_SERVICES = {
    "response_type": "response",
    "response_threshold": "response",
    "latency": "latency",
}

_BAD_SAMPLING = "bad sampling percentage, should be 1-100"
_BAD_PUBLISH_SUBJECT = "invalid publish subject"
_BAD_SERVICE_TYPE = "bad service response type"


# exports


def read_exports(path: str, token: Token, warn: Warn) -> tuple[StreamExport | ServiceExport, ...]:
    """The exports of an account.

    :raises ConfigError: or ConfigErrors; what is wrong with them.
    """
    problems = Problems()
    exports = []
    for element in list_of(token, "Exports should be an array"):
        with problems.caught():
            export = _export(path, element, warn)
            if export is not None:
                exports.append(export)
    problems.raise_all()
    return tuple(exports)


def _export(path: str, token: Token, warn: Warn) -> StreamExport | ServiceExport | None:
    """``None`` for one that names neither a stream nor a service: it exports nothing."""
    map_of(token, "Export Items should be a map with type entry")
    problems = Problems()
    found: dict[str, Token] = {}
    fields: dict[str, Any] = {}
    for row, _, element in entries(path, token, problems):
        with problems.caught():
            _check_new(row.name, element, found)
            found[row.name] = element
            _export_field(row, element, warn, fields)
    if "stream" in found:
        for name, what in _OF_SERVICES.items():
            if name in found:
                message = f"Detected {what} directive on non-service"
                problems.add(invalid(message, found[name]))
        _refuse_tracing(token, "Detected allow_trace directive on non-service", problems)
    problems.raise_all()
    kind = "stream" if "stream" in fields else "service"
    if kind not in fields:
        return None
    subject = fields.pop(kind)
    _check_position(subject, fields.get("account_token_position", 0), found)
    if kind == "stream":
        return StreamExport(subject, **fields)
    export = ServiceExport(subject, **fields)
    _check_latency(export, found)
    return export


def _refuse_tracing(token: Token, message: str, problems: Problems) -> None:
    """``allow_trace`` where it has no place, be it off."""
    assert isinstance(token.value, dict)
    for key, element in token.value.items():
        if key.lower() == "allow_trace":
            problems.add(invalid(message, element))


def _check_new(name: str, token: Token, found: dict[str, Token]) -> None:
    """An entry under two of its names, or one that excludes another."""
    other = {"stream": "service", "service": "stream"}.get(name)
    if other is not None and other in found:
        raise invalid(f'Detected {name} "{token.value}" but already saw a {other}', token)
    if name in found:
        what = name.replace("_", " ")
        duplicate = {
            "response_type": "Duplicate response type definition",
            "response_threshold": "Duplicate response threshold detected",
        }
        raise invalid(duplicate.get(name, f"Duplicate {what} detected"), token)


def _export_field(row: Option, token: Token, warn: Warn, fields: dict[str, Any]) -> None:
    if row.name in ("stream", "service"):
        if not isinstance(token.value, str):
            raise invalid(f"Expected {row.name} name to be string", token)
        fields[row.name] = token.value
    elif row.name == "accounts":
        # an empty list is as good as none: everybody may
        fields["accounts"] = _account_names(token) or None
    elif row.name == "response_type":
        fields["response_type"] = _response_type(token)
    elif row.name == "response_threshold":
        seconds = _threshold(token)
        if seconds:
            fields["response_threshold"] = seconds
    elif row.name == "latency":
        fields["latency"] = _latency(row, token, warn)
    else:
        fields["account_token_position"] = convert(row, token, warn)


def _account_names(token: Token) -> tuple[str, ...]:
    names = []
    for element in list_of(token, "accounts of an export must be a list of names"):
        if not isinstance(element.value, str):
            raise invalid("accounts of an export must be a list of names", element)
        names.append(element.value)
    return tuple(names)


def _response_type(token: Token) -> ResponseType:
    if not isinstance(token.value, str):
        raise invalid("Expected response type to be string", token)
    kind = _RESPONSE_TYPES.get(token.value.lower())
    if kind is None:
        raise invalid(f'Unknown response type: "{token.value}"', token)
    return kind


def _threshold(token: Token) -> float:
    expected = "Expected response threshold to be a parseable time duration"
    if not isinstance(token.value, str):
        raise invalid(f'{expected} such as "2s"', token)
    try:
        return parse_duration(token.value)
    except ValueError as error:
        raise invalid(f'{expected}, got "{token.value}"', token) from error


def _check_position(subject: str, position: int, found: dict[str, Token]) -> None:
    """The account's token must be a ``*`` of the subject."""
    if not position:
        return
    kind = "stream" if "stream" in found else "service"
    tokens = subject.split(".")
    # nats-server takes a negative number for one that is larger than any subject is long
    if not 0 < position <= len(tokens) or tokens[position - 1] != "*":
        raise invalid(
            f'Error adding {kind} export "{subject}": invalid subject: token {position} is not a *',
            found["account_token_position"],
        )


# latency


def _latency(row: Option, token: Token, warn: Warn) -> LatencyOptions:
    if isinstance(token.value, str):
        return LatencyOptions(token.value)
    map_of(token, "Expected latency entry to be a map/struct or string")
    found = {
        inner.name: element for inner, _, element in entries(row.path, token, Problems(), warn=warn)
    }
    sampling = _sampling(found["sampling"]) if "sampling" in found else LatencyOptions.sampling
    if "subject" not in found:
        raise invalid("Latency subject required, but missing", token)
    subject = found["subject"].value
    if not isinstance(subject, str):
        raise invalid("Expected latency subject to be a string", found["subject"])
    return LatencyOptions(subject, sampling)


def _sampling(token: Token) -> int:
    value = token.value
    if isinstance(value, str):
        if value.strip().lower() == "headers":
            return 0
        digits = value.removesuffix("%")
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", digits):
            raise invalid(f'Failed to parse latency sample: "{digits}" is no whole number', token)
        value = int(digits)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid('Expected latency sample to be a string or map/struct: 50, "50%"', token)
    if not 1 <= value <= 100:
        raise invalid(_BAD_SAMPLING, token)
    return value


def _check_latency(export: ServiceExport, found: dict[str, Token]) -> None:
    """Where measurements are published, and of which services."""
    if export.latency is None:
        return
    subject, tokens = export.latency.subject, export.latency.subject.split(".")
    reason = ""
    if not is_subject(subject) or "*" in tokens or ">" in tokens:
        reason = _BAD_PUBLISH_SUBJECT
    elif export.response_type is not ResponseType.SINGLETON:
        reason = _BAD_SERVICE_TYPE
    if reason:
        raise invalid(
            f'Error adding service latency sampling for "{export.subject}" on subject '
            f'"{subject}": {reason}',
            found["latency"],
        )


# imports


def read_imports(path: str, token: Token, warn: Warn) -> tuple[StreamImport | ServiceImport, ...]:
    """The imports of an account.

    :raises ConfigError: or ConfigErrors; what is wrong with them.
    """
    problems = Problems()
    imports: list[StreamImport | ServiceImport] = []
    for element in list_of(token, "Imports should be an array"):
        with problems.caught():
            imported = _import(path, element, warn)
            if imported is None:
                continue
            if isinstance(imported, ServiceImport):
                _check_duplicate(imported, imports, element)
            imports.append(imported)
    problems.raise_all()
    return tuple(imports)


def _check_duplicate(
    imported: ServiceImport, imports: list[StreamImport | ServiceImport], token: Token
) -> None:
    local = imported.to or imported.subject
    for other in imports:
        same = isinstance(other, ServiceImport) and other.account == imported.account
        if same and (other.to or other.subject) == local:
            raise invalid(
                f'Duplicate service import subject "{local}", previously used in import for '
                f'account "{other.account}", subject "{other.subject}"',
                token,
            )


def _import(path: str, token: Token, warn: Warn) -> StreamImport | ServiceImport | None:
    map_of(token, "Import Items should be a map with type entry")
    problems = Problems()
    found: dict[str, Token] = {}
    fields: dict[str, Any] = {}
    for row, _, element in entries(path, token, problems):
        with problems.caught():
            other = {"stream": "service", "service": "stream"}.get(row.name)
            if other is not None and other in found:
                raise invalid(f"Detected {row.name} but already saw a {other}", element)
            found[row.name] = element
            if other is not None:
                fields[row.name] = _imported(row, element, warn)
            else:
                fields[row.name] = convert(row, element, warn)
    if "service" in found:
        _refuse_tracing(token, "Detected allow_trace directive on a non-stream", problems)
    if "stream" in found and fields.get("prefix") and fields.get("to"):
        problems.add(
            invalid(
                "Stream import can not have a 'prefix' and a 'to' property",
                max(found["prefix"], found["to"], key=lambda place: (place.line, place.column)),
            )
        )
    problems.raise_all()
    if "stream" in fields:
        account, subject = fields["stream"]
        return StreamImport(account, subject, to=_stream_to(fields, subject, found))
    if "service" in fields:
        account, subject = fields["service"]
        to = fields.get("to", "")
        return ServiceImport(account, subject, to=to, share=fields.get("share", False))
    return None


def _stream_to(fields: dict[str, Any], subject: str, found: dict[str, Token]) -> str:
    prefix = fields.get("prefix", "")
    if not prefix:
        return str(fields.get("to", ""))
    tokens = prefix.split(".")
    if "*" in tokens or ">" in tokens:
        raise invalid(
            f'Error adding stream import "{subject}": stream import prefix can not contain '
            "wildcard tokens",
            found["prefix"],
        )
    return prefix + subject if prefix.endswith(".") else f"{prefix}.{subject}"


def _imported(row: Option, token: Token, warn: Warn) -> tuple[str, str]:
    """Account and subject of ``stream`` or ``service``."""
    map_of(token, f"{row.name.capitalize()} entry should be an account map")
    problems = Problems()
    parts = {"account": "", "subject": ""}
    for inner, _, element in entries(row.path, token, problems):
        with problems.caught():
            parts[inner.name] = str(convert(inner, element, warn))
    problems.raise_all()
    if not all(parts.values()):
        raise invalid("Expect an account name and a subject", token)
    return parts["account"], parts["subject"]
