"""Who may import what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pubsub.accounts.exports import Verdict, check_exports, find_export, is_revoked, judge, usable
from pubsub.errors import ConfigError
from pubsub.values.accounts import (
    AccountOptions,
    Export,
    LatencyOptions,
    ResponseType,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
)

B = AccountOptions("B")


def exporter(*exports: StreamExport | ServiceExport) -> AccountOptions:
    return AccountOptions("A", exports=exports)


def may_stream(subject: str, *exports: StreamExport | ServiceExport) -> bool:
    return judge(B, StreamImport("A", subject), exporter(*exports)).export is not None


def may_call(subject: str, *exports: StreamExport | ServiceExport) -> bool:
    return judge(B, ServiceImport("A", subject), exporter(*exports)).export is not None


def test_public_exports_are_for_everybody() -> None:
    """As they are, or any part of them."""
    export = StreamExport("s.>")
    assert may_stream("s.>", export)
    assert may_stream("s.a.*", export)
    assert not may_stream(">", export)
    assert not may_stream("t", export)


def test_a_service_is_no_stream() -> None:
    """Each kind has its own list."""
    assert not may_stream("q", ServiceExport("q"))
    assert not may_call("q", StreamExport("q"))
    assert may_call("q", ServiceExport("q"))


@pytest.mark.parametrize("subject", ["", ".", "a..b", "a b", ">.a"])
def test_invalid_subjects_are_not_for_import(subject: str) -> None:
    """Not even if somebody exports them."""
    assert not may_stream(subject, StreamExport(subject), StreamExport(">"))


def test_private_exports_are_for_those_who_are_named() -> None:
    """An empty list names nobody."""
    assert may_stream("s", StreamExport("s", accounts=("X", "B")))
    assert not may_stream("s", StreamExport("s", accounts=("X",)))
    assert not may_stream("s", StreamExport("s", accounts=()))


def test_the_export_of_exactly_that_subject_decides() -> None:
    """Whatever covers it, and comes before it."""
    everything = StreamExport(">")
    mine = StreamExport("s.*", accounts=("X",))
    assert not may_stream("s.*", everything, mine)
    assert may_stream("s.a", everything, mine)
    assert find_export((everything, mine), "s.a", StreamExport) is everything


def test_the_importer_s_name_in_the_subject() -> None:
    """Only the importer's own part, and not by naming the wildcard."""
    export = StreamExport("acc.*.>", account_token_position=2)
    assert may_stream("acc.B.x", export)
    assert may_stream("acc.B.>", export)
    assert not may_stream("acc.A.x", export)
    assert not may_stream("acc.*.x", export)
    assert not may_stream("acc.*.>", export)


def test_the_position_is_what_counts_where_both_are_given() -> None:
    """As in nats-server."""
    export = StreamExport("acc.*", accounts=("X",), account_token_position=2)
    assert may_stream("acc.B", export)


class TestActivations:
    """Exports that need a token."""

    IMPORT = ServiceImport("A", "q", token="jwt")
    EXPORT = ServiceExport("q", token_required=True)

    def ask(self, outcome: float | bool | None) -> Verdict:
        asked: list[tuple[object, ...]] = []

        def check(
            importer: AccountOptions,
            import_: StreamImport | ServiceImport,
            export: Export,
            of: AccountOptions,
        ) -> float | bool | None:
            asked.append((importer, import_, export, of))
            return outcome

        verdict = judge(B, self.IMPORT, exporter(self.EXPORT), check)
        assert asked == [(B, self.IMPORT, self.EXPORT, exporter(self.EXPORT))]
        return verdict

    def test_a_token_that_counts(self) -> None:
        """For ever, or until a time."""
        assert self.ask(True) == Verdict(self.EXPORT, 0.0)
        assert self.ask(0.0) == Verdict(self.EXPORT, 0.0)
        assert self.ask(1234.0) == Verdict(self.EXPORT, 1234.0)

    def test_a_token_that_does_not_count(self) -> None:
        """Whichever way that is said."""
        assert self.ask(False).export is None
        assert self.ask(None).export is None

    def test_without_a_token_nobody_is_asked(self) -> None:
        """There is nothing to judge."""

        def check(*arguments: object) -> bool:
            raise AssertionError

        import_ = replace(self.IMPORT, token="")
        assert judge(B, import_, exporter(self.EXPORT), check).export is None

    def test_where_nobody_can_judge_no_token_counts(self) -> None:
        """A server without JWTs."""
        assert judge(B, self.IMPORT, exporter(self.EXPORT)).export is None


@pytest.mark.parametrize(
    ("revocations", "revoked"),
    [
        ({}, False),
        ({"B": 10}, True),
        ({"B": 11}, True),
        ({"B": 9}, False),
        ({"*": 10}, True),
        ({"B": 1, "*": 12}, True),
        ({"X": 99}, False),
    ],
)
def test_revocations(revocations: dict[str, int], revoked: bool) -> None:
    """What was issued at that time or before counts no more; ``*`` is everybody."""
    assert is_revoked(StreamExport("s", revocations=revocations), "B", 10) is revoked


LATENCY = LatencyOptions("lat")


@pytest.mark.parametrize(
    ("export", "text"),
    [
        (StreamExport("a..b"), 'stream export "a..b" of account "A": invalid subject'),
        (ServiceExport("a b"), 'service export "a b" of account "A": invalid subject'),
        (StreamExport("a.b", account_token_position=2), "invalid subject: account_token_position"),
        (StreamExport("a.*", account_token_position=3), "invalid subject: account_token_position"),
        (StreamExport("a.*", account_token_position=-1), "invalid subject: account_token_position"),
        (
            ServiceExport("q", latency=LatencyOptions("lat", 101)),
            "bad sampling percentage, should be 1-100",
        ),
        (ServiceExport("q", latency=LatencyOptions("lat.*")), "invalid publish subject"),
        (ServiceExport("q.>", latency=LatencyOptions("q.lat")), "invalid publish subject"),
        (
            ServiceExport("q", response_type=ResponseType.STREAM, latency=LATENCY),
            "bad service response type",
        ),
    ],
)
def test_exports_that_cannot_be(export: StreamExport | ServiceExport, text: str) -> None:
    """The texts end as nats-server's do."""
    with pytest.raises(ConfigError) as raised:
        check_exports(exporter(export))
    assert text in raised.value.message


def test_exports_that_can_be() -> None:
    """All that is allowed."""
    check_exports(
        exporter(
            StreamExport("s.*", account_token_position=2),
            ServiceExport("q.>", latency=LATENCY),
            ServiceExport("r", latency=LatencyOptions("lat", 0)),
        )
    )


def test_latency_that_cannot_be_is_left_out_of_jwts() -> None:
    """The service is still there."""
    good, bad = (
        ServiceExport("q", latency=LATENCY),
        ServiceExport("q", response_type=ResponseType.CHUNKED, latency=LATENCY),
    )
    assert usable(exporter(good), good) is good
    assert usable(exporter(bad), bad) == replace(bad, latency=None)
