"""A message hook: what is published on some subjects has to match a JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from jsonschema.exceptions import SchemaError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from zope.interface import implementer

from pubsub.errors import InvalidOption, MessageRefused
from pubsub.interfaces import ILink, IMessageHook, IMessageHookPlugin, IServerAccess
from pubsub.router.subjects import is_valid, matches
from pubsub.wire.headers import build_headers

#: Subjects whose schema is known without looking: clients may make up any number of them.
MAX_KNOWN = 1000


@implementer(IMessageHook)
class SchemaHook:
    """Lets a message pass if its payload is JSON that matches the schema of its subject.

    :param schemas: by subject; the first that matches counts.
    """

    def __init__(self, schemas: Mapping[bytes, Validator], server: IServerAccess) -> None:
        self._schemas = schemas
        self._server = server
        self._known: dict[bytes, Validator | None] = {}

    def publishing(
        self, link: ILink, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        """False drops the message; then whoever published it is told why."""
        schema = self._schema_of(subject)
        wrong = "" if schema is None else what_is_wrong(schema, payload)
        if not wrong:
            return True
        if reply:
            head = build_headers(status=400, description=b"Bad Request")
            text = wrong.encode("utf-8", "backslashreplace")
            self._server.router.publish(link.account, reply, b"", head, text)
        else:
            link.write(MessageRefused(subject, wrong).to_bytes())
        return False

    def _schema_of(self, subject: bytes) -> Validator | None:
        try:
            return self._known[subject]
        except KeyError:
            found = [s for pattern, s in self._schemas.items() if matches(subject, pattern)]
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[subject] = found[0] if found else None
        return self._known[subject]


def what_is_wrong(schema: Validator, payload: bytes) -> str:
    """Why a payload does not match, ``""`` if it does."""
    try:
        value = json.loads(payload, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return "not JSON"
    error = best_match(schema.iter_errors(value))
    return f"{error.json_path}: {error.message}" if error is not None else ""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


@implementer(IMessageHookPlugin)
class SchemaPlugin:
    """Makes the hook from ``hooks: [{ plugin: schema, options: { … } }]``."""

    name = "schema"

    def create(self, options: Mapping[str, Any], server: IServerAccess) -> IMessageHook:
        """The hook for these options; a mistake in them keeps the server from starting."""
        subjects = options.get("subjects")
        if not isinstance(subjects, Mapping) or not subjects:
            raise InvalidOption("schema: subjects must name subjects and files")
        directory = Path(str(options.get("directory", ".")))
        schemas = {}
        for subject, name in subjects.items():
            if not is_valid(subject.encode()):
                raise InvalidOption(f"schema: {subject!r} is no subject")
            schemas[subject.encode()] = _read(directory / str(name))
        return SchemaHook(schemas, server)


def _read(path: Path) -> Validator:
    try:
        schema = json.loads(path.read_bytes())
        kind = validator_for(schema)
        kind.check_schema(schema)
    except (OSError, ValueError, SchemaError) as error:
        reason = getattr(error, "message", error)
        raise InvalidOption(f"schema: {path} cannot be used: {reason}") from error
    validator: Validator = kind(schema)
    return validator
