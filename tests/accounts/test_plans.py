"""What the options of an account come to, given those of all others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pubsub.accounts.plans import Plan, Planner
from pubsub.errors import ConfigError, ImportCycle
from pubsub.values.accounts import (
    AccountOptions,
    LatencyOptions,
    ResponseType,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
)

E = AccountOptions("E", exports=(StreamExport("s.>"), ServiceExport("q"), ServiceExport("p.*")))


def planner(*accounts: AccountOptions, **plans: Plan) -> Planner:
    return Planner({account.name: account for account in accounts}, plans, "$SYS")


def importing(*imports: StreamImport | ServiceImport) -> AccountOptions:
    return AccountOptions("A", imports=imports)


def plan(*imports: StreamImport | ServiceImport, strict: bool = True) -> Plan:
    account = importing(*imports)
    return planner(account, E).plan(account, strict=strict)


def test_imports_are_understood() -> None:
    """Those of both kinds, in their order."""
    made = plan(
        StreamImport("E", "s.a"), ServiceImport("E", "q", "ask"), StreamImport("E", "s.b", "b")
    )
    assert [(spec.remote, spec.local) for spec in made.streams] == [
        (b"s.a", b"s.a"),
        (b"s.b", b"b"),
    ]
    assert [(spec.remote, spec.local, spec.exported) for spec in made.services] == [
        (b"q", b"ask", "q")
    ]
    assert made.refused == ()


@pytest.mark.parametrize(
    ("imports", "text"),
    [
        ((StreamImport("X", "s.a"),), '"X" account not defined for stream import (account "A")'),
        ((ServiceImport("X", "q"),), '"X" account not defined for service import (account "A")'),
        (
            (StreamImport("E", "t"),),
            (
                'Error adding stream import "t" from account "E": '
                'stream import not authorized (account "A")'
            ),
        ),
        (
            (ServiceImport("E", "s.a"),),
            (
                'Error adding service import "s.a" from account "E": '
                'service import not authorized (account "A")'
            ),
        ),
        (
            (StreamImport("E", "s.a"), StreamImport("E", "s.a", "b")),
            (
                'Error adding stream import "s.a" from account "E": '
                'stream import already exists (account "A")'
            ),
        ),
        (
            (ServiceImport("E", "q", "x"), ServiceImport("E", "p.1", "x")),
            (
                'Error adding service import "p.1" from account "E": duplicate service import '
                'subject "x", previously used in import for account "E", subject "q" (account "A")'
            ),
        ),
        (
            (StreamImport("E", "s.*", "x.{{random(3)}}"),),
            (
                'Error adding stream import "s.*" from account "E": failed to create mapping '
                'transform for stream import subject from "s.*" to "x.{{random(3)}}": invalid '
                "mapping destination: the only mapping function allowed for import transforms is "
                '{{Wildcard()}} in {{random(3)}} (account "A")'
            ),
        ),
    ],
)
def test_imports_that_cannot_be(imports: tuple[StreamImport, ...], text: str) -> None:
    """Refused where somebody can be told, left out where not; the others are there."""
    with pytest.raises(ConfigError) as raised:
        plan(*imports)
    assert raised.value.message == text
    made = plan(*imports, StreamImport("E", "s.good"), strict=False)
    assert made.refused == (text,)
    assert made.streams[-1].remote == b"s.good"


def test_accounts_that_are_not_known_are_named() -> None:
    """Somebody may find them."""
    assert plan(StreamImport("X", "s"), strict=False).unknown == {"X"}
    assert plan(StreamImport("E", "t"), strict=False).unknown == set()


def test_a_cycle_is_closed_by_whoever_comes_last() -> None:
    """The first plan stays."""
    a = AccountOptions("A", exports=(ServiceExport("q"),), imports=(ServiceImport("B", "q"),))
    b = AccountOptions("B", exports=(ServiceExport("q"),), imports=(ServiceImport("A", "q"),))
    plans: dict[str, Plan] = {}
    making = Planner({"A": a, "B": b}, plans, "$SYS")
    plans["A"] = making.plan(a, strict=True)
    with pytest.raises(ImportCycle, match="import forms a cycle: B -> A -> B"):
        making.plan(b, strict=True)
    assert making.plan(b, strict=False).services == ()


def test_a_cycle_of_streams() -> None:
    """Through what they are called in between."""
    a = AccountOptions("A", exports=(StreamExport(">"),), imports=(StreamImport("B", "x.>"),))
    b = AccountOptions("B", exports=(StreamExport(">"),), imports=(StreamImport("A", "x.y"),))
    plans: dict[str, Plan] = {}
    making = Planner({"A": a, "B": b}, plans, "$SYS")
    plans["A"] = making.plan(a, strict=True)
    with pytest.raises(ImportCycle, match="import forms a cycle: B -> A -> B"):
        making.plan(b, strict=True)


def test_planning_again_is_no_cycle_with_oneself() -> None:
    """The plan before does not count."""
    account = importing(ServiceImport("E", "q"))
    making = planner(account, E, A=plan(ServiceImport("E", "q")))
    assert len(making.plan(account, strict=True).services) == 1


def test_the_first_activation_to_end() -> None:
    """Then there is to be another plan."""
    ends = {"s.a": 0.0, "s.b": 30.0, "s.c": 20.0}
    exporter = replace(E, exports=(StreamExport("s.*", token_required=True),))
    account = importing(*(StreamImport("E", subject, token="jwt") for subject in ends))
    making = Planner(
        {"A": account, "E": exporter}, {}, "$SYS", lambda _, import_, *__: ends[import_.subject]
    )
    assert making.plan(account, strict=True).until == 20.0


def test_the_system_account_is_asked_by_everybody() -> None:
    """Under names nobody had to import."""
    system = AccountOptions("$SYS")
    account = importing()
    made = planner(account, system).plan(account, strict=True)
    assert [
        (spec.local, spec.remote, spec.response, spec.share, spec.exported)
        for spec in made.services[2:]
    ] == [
        (
            b"$SYS.REQ.ACCOUNT.PING.STATZ",
            b"$SYS.REQ.ACCOUNT.A.STATZ",
            ResponseType.STREAM,
            False,
            "$SYS.REQ.ACCOUNT.*.STATZ",
        ),
        (
            b"$SYS.REQ.USER.INFO",
            b"$SYS.REQ.USER.A.INFO",
            ResponseType.SINGLETON,
            True,
            "$SYS.REQ.USER.*.INFO",
        ),
    ]
    assert planner(account).plan(account, strict=True).services == ()


def test_what_the_system_account_has_may_be_imported_by_hand() -> None:
    """One's own part of it, and what is for everybody."""
    system = AccountOptions("$SYS")
    account = importing(
        ServiceImport("$SYS", "$SYS.REQ.ACCOUNT.A.CONNZ", "my.connz"),
        ServiceImport("$SYS", "$SYS.DEBUG.SUBSCRIBERS"),
    )
    made = planner(account, system).plan(account, strict=True)
    assert [spec.local for spec in made.services[:2]] == [b"my.connz", b"$SYS.DEBUG.SUBSCRIBERS"]
    account = importing(ServiceImport("$SYS", "$SYS.REQ.ACCOUNT.B.CONNZ"))
    with pytest.raises(ConfigError, match="service import not authorized"):
        planner(account, system).plan(account, strict=True)


def test_latency_that_cannot_be_measured_is_not() -> None:
    """A JWT may say so all the same."""
    export = ServiceExport("q", response_type=ResponseType.STREAM, latency=LatencyOptions("l"))
    account = importing(ServiceImport("E", "q"))
    made = planner(account, replace(E, exports=(export,))).plan(account, strict=False)
    assert made.services[0].latency is None
