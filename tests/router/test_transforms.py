"""Subject transforms: what they make of subjects, and what is refused in which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.errors import BadSubjectTransform
from pubsub.router.transforms import SubjectTransform, is_call, mark_wildcards

INT32 = 2**31 - 1


@pytest.mark.parametrize(
    ("source", "destination", "subject", "expected"),
    [
        (b"", b"prefix.>", b"foo", b"prefix.foo"),
        (b">", b">", b"foo.bar", b"foo.bar"),
        (b"foo", b"bar", b"foo", b"bar"),
        (b"foo", b"bar.$SYS.$x", b"foo", b"bar.$SYS.$x"),
        (b"foo.*.bar.*.baz", b"req.$2.$1", b"foo.A.bar.B.baz", b"req.B.A"),
        (
            b"foo.*.bar.*.baz",
            b"req.{{wildcard(2)}}.{{wildcard(1)}}",
            b"foo.A.bar.B.baz",
            b"req.B.A",
        ),
        (b"foo.*.*", b"bar.{{ Wildcard ( 2 ) }}", b"foo.a.b", b"bar.b"),
        (b"baz.>", b"my.pre.>", b"baz.1.2.3", b"my.pre.1.2.3"),
        (b"baz.>", b">", b"baz.1.2.3", b"1.2.3"),
        (b"*.>", b"a.$1.>", b"x.y.z", b"a.x.y.z"),
        (b"*", b"foo.bar.$1", b"foo", b"foo.bar.foo"),
        (b"*", b"{{splitfromleft(1,3)}}", b"12345", b"123.45"),
        (b"*", b"{{SplitFromRight(1,3)}}", b"12345", b"12.345"),
        (b"*", b"{{splitFromLeft(1,5)}}", b"12345", b"12345"),
        (b"*", b"{{splitFromRight(1,0)}}", b"12345", b"12345"),
        (b"*", b"{{splitFromRight(1,-1)}}", b"12345", b"12345"),
        (b"*", b"{{SliceFromLeft(1,3)}}", b"1234567890", b"123.456.789.0"),
        (b"*", b"{{SliceFromLeft(1,5)}}", b"1234567890", b"12345.67890"),
        (b"*", b"{{SliceFromRight(1,3)}}", b"1234567890", b"1.234.567.890"),
        (b"*", b"{{SliceFromRight(1,5)}}", b"1234567890", b"12345.67890"),
        (b"*", b"{{sliceFromRight(1,10)}}", b"1234567890", b"1234567890"),
        (b"*", b"{{split(1,-)}}", b"-abc-def--ghi-", b"abc.def.ghi"),
        (b"*", b"{{split(1,-)}}", b"abc-def--ghi-", b"abc.def.ghi"),
        (b"*", b"{{split(1,ab)}}", b"1ab2", b"1.2"),
        (b"*", b"{{split(1,)}}", "aé".encode(), "a.é".encode()),
        (
            b"*.*",
            b"{{split(2,-)}}.{{splitfromleft(1,2)}}",
            b"foo.-abc-def--ghij-",
            b"abc.def.ghij.fo.o",
        ),
        (b"*", b"{{right(1,1)}}", b"1234", b"4"),
        (b"*", b"{{right(1,3)}}", b"1234", b"234"),
        (b"*", b"{{right(1,6)}}", b"1234", b"1234"),
        (b"*", b"{{left(1,1)}}", b"1234", b"1"),
        (b"*", b"{{Left(1,3)}}", b"1234", b"123"),
        (b"*", b"{{left(1,6)}}", b"1234", b"1234"),
        (b"*", b"bar.{{partition(0)}}", b"baz", b"bar.0"),
        (b"*", b"bar.{{partition(10, 0)}}", b"foo", b"bar.3"),
        (b"*.*", b"bar.{{partition(10)}}", b"foo.bar", b"bar.6"),
        (b"*", b"bar.{{partition(10)}}", b"foo", b"bar.3"),
        (b"*", b"bar.{{partition(10)}}", b"baz", b"bar.0"),
        (b"*", b"bar.{{partition(10)}}", b"qux", b"bar.9"),
        (b"foo.bar", b"baz.{{partition(10)}}", b"foo.bar", b"baz.6"),
        (b"foo.baz", b"qux.{{partition(10)}}", b"foo.baz", b"qux.4"),
        (b"test.subject", b"result.{{partition(5)}}", b"test.subject", b"result.0"),
        (b"*", b"bar.{{random(0)}}", b"qux", b"bar.0"),
    ],
)
def test_transforming(source: bytes, destination: bytes, subject: bytes, expected: bytes) -> None:
    assert SubjectTransform(source, destination).match(subject) == expected


@pytest.mark.parametrize(
    ("source", "subject"),
    [
        (b"foo", b"bar"),
        (b"foo.*", b"foo"),
        (b"foo.*", b"foo.*"),
        (b"foo.>", b"foo"),
        (b"foo.*", b"foo."),
    ],
)
def test_what_the_source_does_not_match_is_left_alone(source: bytes, subject: bytes) -> None:
    destination = b"new.>" if source.endswith(b">") else b"new"
    assert SubjectTransform(source, destination).match(subject) is None


INVALID = "invalid mapping destination"
BAD_ARGUMENT = f"{INVALID}: function argument is invalid or in the wrong format"


@pytest.mark.parametrize(
    ("source", "destination", "text"),
    [
        (b"foo..", b"bar", "invalid subject"),
        (b"foo.>.bar", b"bar", "invalid subject"),
        (b"foo", b"", "invalid subject"),
        (b"foo", b"bar.", "invalid subject"),
        (b"foo.*", b"bar.*", "invalid subject"),
        (b"foo.*", b"bar.$1.>", "invalid subject"),
        (b"foo.>", b"bar.baz", "invalid subject"),
        (b"foo.*", b"bar.$2", f"{INVALID}: wildcard index out of range in $2: [2]"),
        (
            b"foo.*",
            b"foo.{{wildcard(2)}}",
            f"{INVALID}: wildcard index out of range in {{{{wildcard(2)}}}}: [2]",
        ),
        (
            b"foo",
            b"bla.{{wildcard(1)}}",
            f"{INVALID}: wildcard index out of range in {{{{wildcard(1)}}}}",
        ),
        (b"foo", b"bla.$1", f"{INVALID}: wildcard index out of range in $1"),
        (
            b"foo.*",
            b"foo.{{unimplemented(1)}}",
            f"{INVALID}: unknown function in {{{{unimplemented(1)}}}}",
        ),
        (
            b"foo.*",
            b"foo.{{ wildcard5) }}",
            f"{INVALID}: unknown function in {{{{ wildcard5) }}}}",
        ),
        (
            b"foo.*",
            b"foo.{{wildcard()}}",
            f"{INVALID}: not enough arguments passed to the function in {{{{wildcard()}}}}",
        ),
        (
            b"foo.*",
            b"foo.{{wildcard(1,2)}}",
            f"{INVALID}: too many arguments passed to the function in {{{{wildcard(1,2)}}}}",
        ),
        (
            b"foo.*",
            b"foo.{{wildcard(foo)}}",
            BAD_ARGUMENT + " in {{wildcard(foo)}}",
        ),
        (
            b"foo.*",
            b"foo.{{partition()}}",
            BAD_ARGUMENT + " in {{partition()}}",
        ),
        (
            b"foo.*",
            b"foo.{{random(1,2)}}",
            f"{INVALID}: not enough arguments passed to the function in {{{{random(1,2)}}}}",
        ),
        (
            b"foo.*",
            b"foo.{{left(1)}}",
            f"{INVALID}: not enough arguments passed to the function in {{{{left(1)}}}}",
        ),
        (
            b"foo.*",
            b"foo.{{split(1,a,b)}}",
            f"{INVALID}: too many arguments passed to the function in {{{{split(1,a,b)}}}}",
        ),
    ],
)
def test_what_is_wrong_is_said_in_nats_servers_words(
    source: bytes, destination: bytes, text: str
) -> None:
    with pytest.raises(BadSubjectTransform) as caught:
        SubjectTransform(source, destination)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "destination",
    [
        b"foo.{{random()}}",
        b"foo.{{splitLeft(2,2}}",
        b"foo.{{split(1, )}}x.{{split(1,a b)}}",
        b"foo.{{partition(%d)}}" % (INT32 + 1),
        b"foo.{{random(%d)}}" % (INT32 + 1),
        b"foo.{{partition(10,x)}}",
        b"foo.{{partition(10,1_0)}}",
        b"foo.{{left(1,%d)}}" % (INT32 + 1),
        b"foo.{{left(x,1)}}",
        b"foo.{{left(2,1)}}",
        b"foo.{{split(1, )}}.{{split(x,-)}}",
    ],
)
def test_other_bad_calls(destination: bytes) -> None:
    with pytest.raises(BadSubjectTransform, match=f"^{INVALID}: "):
        SubjectTransform(b"foo.*", destination)


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        (b"foo.*.*", b"bar.$2"),
        (b"foo.*.*", b"bar.{{wildcard(1)}}"),
        (b"foo.*.*", b"bar.{{partition(1)}}"),
        (b"foo.*.*", b"bar.{{random(5)}}"),
        (b"*.*", b"{{partition(10,1,2)}}"),
        (b"foo.*.*", b"foo.{{wildcard(1)}}.{{wildcard(2)}}.{{partition(5,1,2)}}"),
        (b"foo.*", b"foo.{{partition(%d)}}" % INT32),
        (b"foo.bar", b"foo.{{random(%d)}}" % INT32),
        (b"foo", b"$99999999999999999999"),
        (b"foo", b"{{}}"),
    ],
)
def test_what_is_fine(source: bytes, destination: bytes) -> None:
    assert SubjectTransform(source, destination).destination == destination


def test_random_numbers_are_drawn_for_each_message() -> None:
    numbers = iter([4, 2])
    transform = SubjectTransform(b"*", b"$1.{{random(6)}}", draw=lambda n: next(numbers))
    assert transform.random
    assert [transform.match(b"a"), transform.match(b"a")] == [b"a.4", b"a.2"]
    assert not SubjectTransform(b"*", b"$1").random


def test_marking_wildcards() -> None:
    assert mark_wildcards(b"foo.*.*.a*.>") == b"foo.$1.$2.a*.>"


def test_calls_are_recognised() -> None:
    assert is_call(b"{{x}}")
    assert not any(map(is_call, (b"{{}}", b"x{{y}}", b"{{y}}x", b"$1")))


TOKEN = st.sampled_from([b"a", b"bc", b"def", b"a-b"])


@given(row=st.lists(TOKEN, min_size=1, max_size=5), wild=st.lists(st.booleans(), min_size=5))
def test_marked_wildcards_change_nothing(row: list[bytes], wild: list[bool]) -> None:
    pattern = b".".join(b"*" if any_ else t for t, any_ in zip(row, wild, strict=False))
    subject = b".".join(row)
    assert SubjectTransform(pattern, mark_wildcards(pattern)).match(subject) == subject


@given(key=st.binary(max_size=30).filter(lambda key: b"." not in key), n=st.integers(1, 100))
def test_partitions_are_in_range_and_stable(key: bytes, n: int) -> None:
    transform = SubjectTransform(b"*", b"{{partition(%d,1)}}" % n)
    number = transform.apply([key])
    assert 0 <= int(number) < n
    assert transform.apply([key]) == number
