"""The subscription index against a naive model."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pubsub.router.python.index import NOTHING, SubscriptionIndex
from pubsub.router.python.subscription import Subscription
from pubsub.router.subjects import is_valid_pattern, matches

TOKENS = st.sampled_from([b"a", b"b", b"c", b"*", b"a*"])
PATTERNS = st.lists(TOKENS, min_size=1, max_size=4).map(b".".join)
SUBJECTS = st.lists(
    st.sampled_from([b"a", b"b", b"c", b"a*", b"*", b">", b""]), min_size=1, max_size=5
).map(b".".join)
QUEUES = st.sampled_from([b"", b"", b"p", b"q"])


class IndexMachine(RuleBasedStateMachine):
    """Inserts and removes; the model is a list, matched one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.index = SubscriptionIndex()
        self.model: list[Subscription] = []
        self.serial = 0

    def _members(self, sub: Subscription) -> int:
        return sum(s.subject == sub.subject and s.queue == sub.queue for s in self.model)

    @rule(pattern=PATTERNS, rest=st.booleans(), queue=QUEUES)
    def insert(self, pattern: bytes, rest: bool, queue: bytes) -> None:
        pattern = pattern + b".>" if rest else pattern
        assert is_valid_pattern(pattern)
        self.serial += 1
        nobody = cast(Any, None)
        sub = Subscription(nobody, nobody, pattern, queue, b"%d" % self.serial, self.serial)
        self.model.append(sub)
        assert self.index.insert(sub) == self._members(sub)

    @precondition(lambda self: bool(self.model))
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        sub = self.model.pop(data.draw(st.integers(0, len(self.model) - 1)))
        assert self.index.remove(sub) == self._members(sub)

    @rule(subject=SUBJECTS)
    def match(self, subject: bytes) -> None:
        result = self.index.match(subject)
        found = [sub for sub in self.model if matches(subject, sub.subject)]
        assert list(result.plain) == [sub for sub in found if not sub.queue]
        queues = list(dict.fromkeys(sub.queue for sub in found if sub.queue))
        assert [list(members) for members in result.groups] == [
            [sub for sub in found if sub.queue == queue] for queue in queues
        ]
        assert result.fanout == len(result.plain) + len(queues)

    @invariant()
    def counts_agree(self) -> None:
        assert self.index.count == len(self.model)
        assert self.index.inserts - self.index.removes == len(self.model)

    def teardown(self) -> None:
        for sub in self.model:
            self.index.remove(sub)
        assert self.index._literals == {}
        assert self.index._root.empty


TestIndex = IndexMachine.TestCase


def test_a_subject_with_an_empty_token_reaches_nobody() -> None:
    assert SubscriptionIndex().match(b"a..b") is NOTHING
