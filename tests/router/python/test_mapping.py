"""What mappers said, remembered."""

from __future__ import annotations

from zope.interface import implementer

from pubsub.interfaces import ISubjectMapper
from pubsub.router.python.mapping import MAX_MAPPED, Mapping


@implementer(ISubjectMapper)
class Mapper:
    def __init__(self, always: bool = True) -> None:
        self.asked = 0
        self.always = always

    def map(self, subject: bytes) -> tuple[bytes, bool]:
        self.asked += 1
        return b"new." + subject, self.always


def test_so_many_mapped_subjects_are_remembered() -> None:
    mapper = Mapper()
    mapping = Mapping(mapper)
    for number in range(MAX_MAPPED + 1):
        assert mapping(b"%d" % number) == b"new.%d" % number
    mapping(b"%d" % MAX_MAPPED)
    assert mapper.asked == MAX_MAPPED + 1
    mapping(b"0")
    assert mapper.asked == MAX_MAPPED + 2


def test_what_differs_from_message_to_message_is_asked_each_time() -> None:
    mapper = Mapper(always=False)
    mapping = Mapping(mapper)
    mapping(b"a")
    mapping(b"a")
    assert mapper.asked == 2
    assert mapping.recall(b"a") is None


def test_an_answer_may_be_recalled_without_asking() -> None:
    mapper = Mapper()
    mapping = Mapping(mapper)
    assert mapping.recall(b"a") is None
    mapping(b"a")
    assert mapping.recall(b"a") == b"new.a"
    assert mapper.asked == 1
