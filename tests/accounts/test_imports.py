"""What an import means, subject by subject; the cases of nats-server's addShadowSubscriptions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from pubsub.accounts.imports import (
    ServiceSpec,
    StreamImports,
    StreamSpec,
    service_route,
    service_spec,
    stream_spec,
)
from pubsub.errors import ConfigError
from pubsub.interfaces import IStreamImports, ISubjectMapper
from pubsub.router.subjects import is_subset, matches
from pubsub.values.accounts import (
    LatencyOptions,
    ResponseType,
    ServiceExport,
    ServiceImport,
    StreamImport,
)


def heard(subject: bytes, *imports: StreamImport) -> list[tuple[bytes, bytes]]:
    """Where a subscription goes, and what the subject there becomes here (wildcards filled)."""
    made = StreamImports([stream_spec(import_) for import_ in imports])
    verifyObject(IStreamImports, made)
    found = []
    for shadow in made.shadows(subject):
        assert shadow.account == "E"
        sent = shadow.subject.replace(b"*", b"any").replace(b">", b"more.rest")
        if shadow.mapper is None:
            found.append((shadow.subject, sent))
        else:
            verifyObject(ISubjectMapper, shadow.mapper)
            delivered, always = shadow.mapper.map(sent)
            assert always
            found.append((shadow.subject, delivered))
    return found


PLAIN = StreamImport("E", "s.*.x")


@pytest.mark.parametrize(
    ("subject", "there"),
    [
        # exactly it, a part of it, more than it
        (b"s.*.x", b"s.*.x"),
        (b"s.1.x", b"s.1.x"),
        (b"s.>", b"s.*.x"),
        (b">", b"s.*.x"),
        (b"*.*.*", b"s.*.x"),
        # some of both
        (b"*.1.*", b"s.1.x"),
        (b"*.1.>", b"s.1.x"),
        (b"s.1.*", b"s.1.x"),
    ],
)
def test_a_stream_under_its_own_name(subject: bytes, there: bytes) -> None:
    """Where both overlap, and no more."""
    ((shadow, _),) = heard(subject, PLAIN)
    assert shadow == there


@pytest.mark.parametrize("subject", [b"s", b"s.1", b"s.1.y", b"t.>", b"*.*", b"s.1.x.y", b"*.1.y"])
def test_other_subjects_hear_nothing_of_it(subject: bytes) -> None:
    """Not even with wildcards."""
    assert heard(subject, PLAIN) == []


PREFIXED = StreamImport("E", "s.>", "from.e.s.>")


@pytest.mark.parametrize(
    ("subject", "there", "here"),
    [
        (b"from.e.s.>", b"s.>", b"from.e.s.more.rest"),
        (b"from.e.s.a", b"s.a", b"from.e.s.a"),
        (b"from.e.s.a.*", b"s.a.*", b"from.e.s.a.any"),
        (b"from.>", b"s.>", b"from.e.s.more.rest"),
        (b"*.*.*.b", b"s.b", b"from.e.s.b"),
        (b"*.*.s.*.c", b"s.*.c", b"from.e.s.any.c"),
    ],
)
def test_a_prefix(subject: bytes, there: bytes, here: bytes) -> None:
    """Subscribed without it, delivered with it."""
    assert heard(subject, PREFIXED) == [(there, here)]


SWAPPED = StreamImport("E", "a.*.b.*", "z.$2.$1")


@pytest.mark.parametrize(
    ("subject", "there", "here"),
    [
        (b"z.*.*", b"a.*.b.*", b"z.any.any"),
        (b"z.2.1", b"a.1.b.2", b"z.2.1"),
        (b"z.2.*", b"a.*.b.2", b"z.2.any"),
        (b"*.*.1", b"a.1.b.*", b"z.any.1"),
        (b"z.>", b"a.*.b.*", b"z.any.any"),
        (b"*.2.>", b"a.*.b.2", b"z.2.any"),
    ],
)
def test_wildcards_in_another_order(subject: bytes, there: bytes, here: bytes) -> None:
    """Followed there, and back."""
    assert heard(subject, SWAPPED) == [(there, here)]


def test_three_wildcards_turned_around() -> None:
    """Where turning forward and back are different things."""
    turned = StreamImport("E", "a.*.*.*", "b.{{wildcard(2)}}.$3.{{ Wildcard( 1 ) }}")
    assert stream_spec(turned) == StreamSpec(
        "E",
        b"a.*.*.*",
        b"b.*.*.*",
        b"b.{{wildcard(2)}}.$3.{{ Wildcard( 1 ) }}",
        b"a.$3.$1.$2",
    )
    assert heard(b"b.1.2.3", turned) == [(b"a.3.1.2", b"b.1.2.3")]


def test_one_subject_under_another_name() -> None:
    """However it is subscribed to."""
    renamed = StreamImport("E", "there", "here.now")
    assert heard(b"here.now", renamed) == [(b"there", b"here.now")]
    assert heard(b"here.*", renamed) == [(b"there", b"here.now")]
    assert heard(b">", renamed) == [(b"there", b"here.now")]
    assert heard(b"there", renamed) == []


def test_a_transform_that_changes_nothing_is_none() -> None:
    """The fast path is for these."""
    (shadow,) = StreamImports([stream_spec(StreamImport("E", "s.*", "s.$1"))]).shadows(b"s.1")
    assert shadow.mapper is None


def test_several_imports_are_all_heard() -> None:
    """In the order of the configuration."""
    assert [there for there, _ in heard(b">", PLAIN, PREFIXED, SWAPPED)] == [
        b"s.*.x",
        b"s.>",
        b"a.*.b.*",
    ]


_tokens = st.sampled_from([b"a", b"b", b"c"])
_patterns = st.lists(st.sampled_from([b"a", b"b", b"c", b"*"]), min_size=1, max_size=4)


@given(remote=_patterns, wanted=_patterns, tails=st.tuples(st.booleans(), st.booleans()),
       sent=st.lists(_tokens, min_size=1, max_size=5))  # fmt: skip
def test_nothing_is_lost_and_nothing_is_too_much(
    remote: list[bytes], wanted: list[bytes], tails: tuple[bool, bool], sent: list[bytes]
) -> None:
    """A message of the stream is heard exactly if its name here is subscribed to."""
    stream = b".".join(remote + [b">"] * tails[0])
    pattern = b".".join([b"p", *wanted] + [b">"] * tails[1])
    message = b".".join(sent)
    import_ = StreamImport("E", stream.decode(), "p." + stream.decode())
    shadows = StreamImports([stream_spec(import_)]).shadows(pattern)
    reached = any(matches(message, shadow.subject) for shadow in shadows)
    assert all(is_subset(shadow.subject, stream) for shadow in shadows)
    assert reached == (matches(message, stream) and matches(b"p." + message, pattern))


@pytest.mark.parametrize(
    ("import_", "text"),
    [
        (StreamImport("E", "a..b"), "invalid subject"),
        (StreamImport("E", "a", "b c"), "invalid subject"),
        (StreamImport("E", "a", "b.*"), "invalid subject"),
        (StreamImport("E", "a.*.*", "b.$1"), "not using all of the token wildcard(s)"),
        (StreamImport("E", "a.*.*", "b.$1.$1"), "not using all of the token wildcard(s)"),
        (StreamImport("E", "a.*", "b.$2"), "wildcard index out of range"),
        (StreamImport("E", "a.>", "b.c"), "invalid subject"),
        (
            StreamImport("E", "a.*", "b.{{partition(3,1)}}"),
            "the only mapping function allowed for import transforms is {{Wildcard()}}",
        ),
    ],
)
def test_streams_that_cannot_be(import_: StreamImport, text: str) -> None:
    """The texts are nats-server's, and name the import."""
    with pytest.raises(ConfigError) as raised:
        stream_spec(import_)
    assert text in raised.value.message
    assert f'stream import "{import_.subject}" from account "E"' in raised.value.message


# --- services ------------------------------------------------------------------------------


def asked(subject: bytes, import_: ServiceImport) -> bytes:
    """What a request on ``subject`` becomes over there."""
    route = service_route(service_spec(import_, None), None, "SYS")
    assert matches(subject, route.subject)
    if route.mapper is None:
        return subject
    verifyObject(ISubjectMapper, route.mapper)
    there, always = route.mapper.map(subject)
    assert always
    return there


@pytest.mark.parametrize(
    ("import_", "local", "sent", "there"),
    [
        (ServiceImport("E", "q"), b"q", b"q", b"q"),
        (ServiceImport("E", "q", "here"), b"here", b"here", b"q"),
        (ServiceImport("E", "q.*"), b"q.*", b"q.1", b"q.1"),
        (ServiceImport("E", "q.*", "here.*"), b"here.*", b"here.1", b"q.1"),
        (ServiceImport("E", "q.*.*", "h.$2.$1"), b"h.*.*", b"h.2.1", b"q.1.2"),
        (ServiceImport("E", "q.>", "h.>"), b"h.>", b"h.a.b", b"q.a.b"),
        (ServiceImport("E", "q", "h.*"), b"h.*", b"h.1", b"q"),
    ],
)
def test_a_service(import_: ServiceImport, local: bytes, sent: bytes, there: bytes) -> None:
    """Where it is asked for, and what arrives."""
    assert service_spec(import_, None).local == local
    assert asked(sent, import_) == there


@pytest.mark.parametrize(
    ("import_", "text"),
    [
        (ServiceImport("E", "q."), "invalid subject"),
        (ServiceImport("E", "q.*.*", "h.$1"), "not using all of the token wildcard(s)"),
        (ServiceImport("E", "q.*", "h"), "failed to create mapping transform"),
        (ServiceImport("E", "q.>", "h.*"), "failed to create mapping transform"),
    ],
)
def test_services_that_cannot_be(import_: ServiceImport, text: str) -> None:
    """The texts are nats-server's, and name the import."""
    with pytest.raises(ConfigError) as raised:
        service_spec(import_, None)
    assert text in raised.value.message
    assert f'service import "{import_.subject}" from account "E"' in raised.value.message


def test_the_export_says_how_it_answers() -> None:
    """Type, threshold, latency; the import says whether it shares."""
    latency = LatencyOptions("lat")
    export = ServiceExport(
        "q.*", response_type=ResponseType.CHUNKED, response_threshold=3.0, latency=latency
    )
    spec = service_spec(ServiceImport("E", "q.1", share=True), export)
    assert spec == ServiceSpec(
        "E", b"q.1", b"q.1", b"", ResponseType.CHUNKED, 3.0, True, "q.*", latency
    )
    observer = object()
    route = service_route(spec, observer, "SYS")  # type: ignore[arg-type]
    assert route.export == ("E", "q.*")
    assert route.response is ResponseType.CHUNKED
    assert route.threshold == 3.0
    assert route.share
    assert route.observer is observer
