"""What an import means, subject by subject.

An import says: what is ``subject`` in that account is ``to`` in this one. Both may hold
wildcards; ``to`` may then put them in another order (``$2.$1``), and must use them all,
since a stream is followed both ways: from what is subscribed here to what is subscribed
there, and from what arrives there to what is delivered here (nats-server:
``addShadowSubscriptions``, ``addShadowSub``, ``addServiceImport``, ``reverse``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from zope.interface import implementer

from pubsub.accounts.exports import encode
from pubsub.errors import BadSubjectTransform, ConfigError
from pubsub.interfaces import (
    IServiceObserver,
    IStreamImports,
    ISubjectMapper,
    ServiceRoute,
    ShadowSubscription,
)
from pubsub.router.subjects import has_wildcard, is_subset, is_valid
from pubsub.router.transforms import SubjectTransform, is_call, mark_wildcards
from pubsub.values.accounts import (
    LatencyOptions,
    ResponseType,
    ServiceExport,
    ServiceImport,
    StreamImport,
)

__all__ = [
    "ServiceSpec",
    "StreamImports",
    "StreamSpec",
    "service_route",
    "service_spec",
    "stream_spec",
]

#: how a destination refers to a wildcard of its source
_REFERENCE = re.compile(rb"\$([0-9]+)|\{\{\s*[wW]ildcard\s*\(\s*([0-9]+)\s*\)\s*\}\}")
_ANY, _REST = b"*", b">"


@dataclass(frozen=True)
class StreamSpec:
    """An import of a stream, understood."""

    account: str
    #: over there
    remote: bytes
    #: over here, as a pattern
    local: bytes
    #: from ``remote`` to a subject over here, ``b""``: the same
    outward: bytes = b""
    #: from ``local`` to a subject over there, ``b""``: the same
    inward: bytes = b""


@dataclass(frozen=True)
class ServiceSpec:
    """An import of a service, understood; equal ones need the same of the router."""

    account: str
    #: over there, as a pattern
    remote: bytes
    #: over here, as a pattern
    local: bytes
    #: from ``local`` to a subject over there, ``b""``: the same
    inward: bytes = b""
    response: ResponseType = ResponseType.SINGLETON
    threshold: float = 120.0
    share: bool = False
    #: the exported subject: what the request must not come back to
    exported: str = ""
    latency: LatencyOptions | None = None


def stream_spec(import_: StreamImport) -> StreamSpec:
    """What an import of a stream means.

    :raises pubsub.errors.ConfigError: its subjects do not go together.
    """
    remote = encode(import_.subject)
    to = encode(import_.to) or remote
    if not (is_valid(remote) and is_valid(_untokenize(to)[0])):
        raise ConfigError(f"{_title(import_)}: invalid subject")
    if to == remote:
        return StreamSpec(import_.account, remote, remote)
    if not has_wildcard(remote):
        if has_wildcard(_untokenize(to)[0]):
            raise _mismatch(import_, remote, to, "invalid subject")
        return StreamSpec(import_.account, remote, to, to, remote)
    outward = mark_wildcards(to)
    try:
        local, inward = _reverse(remote, outward)
    except BadSubjectTransform as error:
        raise _mismatch(import_, remote, to, error) from None
    return StreamSpec(import_.account, remote, local, outward, inward)


def service_spec(import_: ServiceImport, export: ServiceExport | None) -> ServiceSpec:
    """What an import of a service means.

    :param export: what it is an import of.
    :raises pubsub.errors.ConfigError: its subjects do not go together.
    """
    remote = encode(import_.subject)
    to = encode(import_.to) or remote
    if not (is_valid(remote) and is_valid(_untokenize(to)[0])):
        raise ConfigError(f"{_title(import_)}: invalid subject")
    local, inward = to, b""
    if has_wildcard(remote):
        if to != remote:
            try:
                local, inward = _reverse(remote, mark_wildcards(to))
            except BadSubjectTransform as error:
                raise _mismatch(import_, to, remote, error) from None
    elif to != remote:
        inward = remote
    if export is None:
        return ServiceSpec(import_.account, remote, local, inward, share=import_.share)
    return ServiceSpec(
        import_.account,
        remote,
        local,
        inward,
        export.response_type,
        export.response_threshold,
        import_.share,
        export.subject,
        export.latency,
    )


def service_route(
    spec: ServiceSpec, observer: IServiceObserver | None, system_account: str
) -> ServiceRoute:
    """``spec``, as the router takes it; the system account learns where askers are."""
    return ServiceRoute(
        subject=spec.local,
        account=spec.account,
        mapper=_mapper(spec.local, spec.inward),
        response=spec.response,
        threshold=spec.threshold,
        share=spec.share,
        located=bool(system_account) and spec.account == system_account,
        export=(spec.account, spec.exported) if spec.exported else None,
        observer=observer,
    )


def _title(import_: StreamImport | ServiceImport) -> str:
    kind = "stream" if isinstance(import_, StreamImport) else "service"
    return f'Error adding {kind} import "{import_.subject}" from account "{import_.account}"'


def _mismatch(
    import_: StreamImport | ServiceImport, source: bytes, to: bytes, why: object
) -> ConfigError:
    kind = "stream" if isinstance(import_, StreamImport) else "service"
    return ConfigError(
        f"{_title(import_)}: failed to create mapping transform for {kind} import subject "
        f'from "{source.decode(errors="replace")}" to "{to.decode(errors="replace")}": {why}'
    )


# --- transforms that can be followed both ways --------------------------------------------


def _untokenize(subject: bytes) -> tuple[bytes, list[int]]:
    """``foo.$2.$1`` as the pattern ``foo.*.*``, and which wildcard each ``*`` was."""
    row, numbers = [], []
    for token in subject.split(b"."):
        match = _REFERENCE.fullmatch(token)
        number = int(match.group(1) or match.group(2)) if match else 0
        if number:
            numbers.append(number)
        row.append(_ANY if number else token)
    return b".".join(row), numbers


def _reverse(source: bytes, destination: bytes) -> tuple[bytes, bytes]:
    """``destination`` as a pattern, and what makes a subject of ``source`` from one of it.

    :raises BadSubjectTransform: it is no transform, or cannot be followed back.
    """
    for token in destination.split(b"."):
        if is_call(token) and not _REFERENCE.fullmatch(token):
            raise BadSubjectTransform(
                "invalid mapping destination: the only mapping function allowed for import "
                f"transforms is {{{{Wildcard()}}}} in {token.decode(errors='replace')}"
            )
    SubjectTransform(source, destination)
    pattern, numbers = _untokenize(destination)
    row, number = [], 0
    for token in source.split(b"."):
        if token != _ANY:
            row.append(token)
            continue
        number += 1
        if number not in numbers:
            raise BadSubjectTransform(
                "invalid mapping destination: not using all of the token wildcard(s) in "
                + destination.decode(errors="replace")
            )
        row.append(b"$%d" % (numbers.index(number) + 1))
    back = b".".join(row)
    SubjectTransform(pattern, back)
    return pattern, back


@implementer(ISubjectMapper)
class _Constant:
    """Whatever the subject, it becomes this one."""

    def __init__(self, subject: bytes) -> None:
        self._answer = (subject, True)

    def map(self, subject: bytes) -> tuple[bytes, bool]:
        """The one subject."""
        return self._answer


@implementer(ISubjectMapper)
class _Mapper:
    """A transform for subjects that match its source: the router asks about no others."""

    def __init__(self, source: bytes, destination: bytes) -> None:
        self._transform = SubjectTransform(source, destination)

    def map(self, subject: bytes) -> tuple[bytes, bool]:
        """What it becomes, always."""
        return self._transform.apply(subject.split(b".")), True


def _mapper(source: bytes, destination: bytes) -> ISubjectMapper | None:
    """``None`` if nothing changes."""
    if not destination or destination == mark_wildcards(source):
        return None
    constant = not _untokenize(destination)[1] and not destination.endswith(b">")
    return _Constant(destination) if constant else _Mapper(source, destination)


# --- streams -------------------------------------------------------------------------------


class _Stream:
    """One import, ready to be asked."""

    __slots__ = ("inward", "local", "mapper", "row", "spec")

    def __init__(self, spec: StreamSpec) -> None:
        self.spec = spec
        self.local = spec.local
        self.row = spec.local.split(b".")
        self.mapper = _mapper(spec.remote, spec.outward)
        self.inward = _mapper(spec.local, spec.inward)

    def there(self, subject: bytes) -> bytes:
        """Where a subscription on ``subject``, which ``local`` covers, subscribes over there."""
        return self.inward.map(subject)[0] if self.inward is not None else subject


@implementer(IStreamImports)
class StreamImports:
    """The streams an account imports.

    :param specs: in the order of the configuration.
    """

    def __init__(self, specs: Sequence[StreamSpec]) -> None:
        self._streams = [_Stream(spec) for spec in specs]

    def shadows(self, subject: bytes) -> Sequence[ShadowSubscription]:
        """What a subscription on ``subject`` hears elsewhere: where both overlap, and no more."""
        found = []
        wild = has_wildcard(subject)
        for stream in self._streams:
            remote = _overlap(subject, stream, wild)
            if remote:
                found.append(ShadowSubscription(stream.spec.account, remote, stream.mapper))
        return found


def _overlap(subject: bytes, stream: _Stream, wild: bool) -> bytes:
    """What to subscribe to over there, ``b""`` if nothing of the stream is meant."""
    local = stream.local
    if subject == local:
        return stream.spec.remote
    if is_subset(subject, local):
        return stream.there(subject)
    if not wild:
        return b""
    if is_subset(local, subject):
        return stream.spec.remote
    narrowed = _narrow(subject.split(b"."), stream.row)
    return stream.there(narrowed) if is_subset(narrowed, local) else b""


def _narrow(row: list[bytes], wanted: list[bytes]) -> bytes:
    """``row`` with its wildcards made as specific as ``wanted`` is in these places."""
    for at, token in enumerate(row[: len(wanted)]):
        if token == _ANY and wanted[at] != _REST:
            row[at] = wanted[at]
    last = len(row) - 1
    if row[last] == _REST and len(wanted) > last:
        row[last:] = wanted[last:]
    return b".".join(row)
