from __future__ import annotations

import io

from bench.progress import Progress, remaining, row_line
from bench.results import Results
from bench.rows import select
from tests.bench.made_up import PEER, with_mixed

ROW = select(["flow-1-1-128"])[0]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_rest_takes_as_long_as_what_was() -> None:
    assert remaining(0, 10, 0.0) == "?"
    assert remaining(5, 10, 30.0) == "30 s"
    assert remaining(1, 11, 25.0) == "4 min 10 s"


def test_a_row_shows_medians_failures_and_what_is_still_to_come(results: Results) -> None:
    results.failures["flow-1-1-128"] = {PEER.key: "lost"}
    del results.runs["flow-1-1-128"]["python"]
    assert row_line(results, ROW) == (
        "pubsub native 6.00 M/s | pubsub python … | nats-server 2.9.10 FAILED"
    )


def test_a_terminal_sees_every_run(results: Results) -> None:
    stream = Terminal()
    Progress(results, [ROW], 3, stream).run_started(ROW, 0, "native")
    assert "[1/9, ? left] flow-1-1-128, round 1: pubsub native 6.00 M/s" in stream.getvalue()


def test_a_log_gets_a_line_for_a_row_that_is_complete(results: Results) -> None:
    stream = io.StringIO()
    progress = Progress(results, [ROW], 3, stream)
    progress.run_started(ROW, 2, "native")
    progress.run_ended(ROW, 2, "native", "")
    assert stream.getvalue().startswith("1:1, 128 B: pubsub native 6.00 M/s | ")


def test_a_failure_is_told_at_once(results: Results) -> None:
    stream = io.StringIO()
    results.runs["flow-1-1-128"]["native"].pop()
    progress = Progress(results, [ROW], 3, stream)
    progress.run_ended(ROW, 1, PEER.key, "round 2: lost")
    assert stream.getvalue() == "FAILED: flow-1-1-128 on nats-server-2.9.10: round 2: lost\n"


def test_mixed_systems_are_awaited_in_rows_about_them_only() -> None:
    stream, results = Terminal(), with_mixed()
    routed = select(["routed-1-1"])[0]
    Progress(results, [ROW, routed], 1, stream).run_started(routed, 0, "native")
    assert "[1/7, ? left]" in stream.getvalue()
    assert "native → nats-server 2.9.10 3.00 M/s" in row_line(results, routed)
    assert "→" not in row_line(results, ROW)


def test_backends_that_are_not_measured_in_a_row_are_not_awaited(results: Results) -> None:
    assert "python" not in row_line(results, select(["mesh-9"])[0])
