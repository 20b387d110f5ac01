"""Lines of the log, character by character."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from pubsub.errors import InvalidSubject
from pubsub.system.levels import Level
from pubsub.system.log_format import BareFormat, JsonFormat, TextFormat, message_of

#: 2026-08-21 14:50:11.123456 UTC
WHEN = 1787323811.123456


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def event(text: str, **fields: Any) -> dict[str, Any]:
    return {"log_format": text, "log_time": WHEN, "log_level": LogLevel.info, **fields}


def a_failure() -> Failure:
    try:
        raise InvalidSubject("foo..bar")
    except InvalidSubject:
        return Failure()


def test_a_text_line_is_nats_servers() -> None:
    line = TextFormat(utc=True).line(Level.INF, event("Server is ready"), 1234)
    assert line == "[1234] 2026/08/21 14:50:11.123456 [INF] Server is ready"


@pytest.mark.usefixtures("berlin")
def test_times_are_local_unless_utc_is_asked_for() -> None:
    line = TextFormat().line(Level.INF, event("Server is ready"), 1234)
    assert line == "[1234] 2026/08/21 16:50:11.123456 [INF] Server is ready"


def test_without_logtime_a_line_has_no_time() -> None:
    line = TextFormat(logtime=False).line(Level.ERR, event("no"), 7)
    assert line == "[7] [ERR] no"


@pytest.mark.parametrize(
    ("level", "label"),
    [
        (Level.INF, "[\x1b[32mINF\x1b[0m] "),
        (Level.DBG, "[\x1b[36mDBG\x1b[0m] "),
        (Level.WRN, "[\x1b[0;93mWRN\x1b[0m] "),
        (Level.ERR, "[\x1b[31mERR\x1b[0m] "),
        (Level.FTL, "[\x1b[31mFTL\x1b[0m] "),
        (Level.TRC, "[\x1b[33mTRC\x1b[0m] "),
    ],
)
def test_colours_are_nats_servers(level: Level, label: str) -> None:
    line = TextFormat(logtime=False, colours=True).line(level, event("x"), 7)
    assert line == f"[7] {label}x"


@given(st.floats(min_value=0, max_value=4e9), st.floats(min_value=0, max_value=4e9))
def test_the_time_of_a_line_does_not_depend_on_the_line_before(first: float, second: float) -> None:
    format_ = TextFormat(utc=True)
    format_.render(Level.INF, "x", first, 1)
    assert format_.render(Level.INF, "x", second, 1) == TextFormat(utc=True).render(
        Level.INF, "x", second, 1
    )


def test_nobody_forges_a_line_of_the_log_or_drives_the_terminal() -> None:
    forged = "name\n[1] 2026/08/21 14:50:11.000000 [INF] all is well\r\x1b[2J\u2028end"
    line = TextFormat(logtime=False).line(Level.INF, event("{name}", name=forged), 1)
    assert line == (
        "[1] [INF] name\\n[1] 2026/08/21 14:50:11.000000 [INF] all is well\\r\\x1b[2J\\u2028end"
    )


def test_a_failure_is_one_line_that_names_the_place() -> None:
    line = TextFormat(logtime=False).line(
        Level.ERR, event("reload failed", log_failure=a_failure()), 1
    )
    assert line.startswith("[1] [ERR] reload failed: pubsub.errors.InvalidSubject: foo..bar (")
    assert line.endswith("in a_failure)")
    assert __file__ in line


def test_a_failure_without_frames_or_text_is_its_name() -> None:
    assert message_of(event("", log_failure=Failure(ValueError()))) == "ValueError"
    assert message_of(event("x", log_failure=Failure(OSError("no")))) == "x: OSError: no"


def test_an_unhandled_deferred_is_called_what_twisted_calls_it() -> None:
    told = event("", log_failure=Failure(ValueError("no")), log_namespace="twisted.internet.defer")
    assert message_of(told) == "Unhandled error in Deferred: ValueError: no"


def test_a_traceback_is_one_line_of_the_log_for_each_of_its_lines() -> None:
    lines = TextFormat(logtime=False).traceback(Level.DBG, event("", log_failure=a_failure()), 1)
    assert lines[0] == "[1] [DBG] Traceback (most recent call last):"
    assert lines[-1] == "[1] [DBG] pubsub.errors.InvalidSubject: foo..bar"


def test_events_without_failures_have_no_traceback() -> None:
    assert TextFormat().traceback(Level.DBG, event("x"), 1) == []
    assert BareFormat().traceback(Level.DBG, event("x"), 1) == []


def test_a_json_line_has_the_facts_and_then_the_fields() -> None:
    told = event(
        "{subject} from {cid}", subject=b"foo.\xff", cid=5, account="$G",
        log_namespace="pubsub.client.protocol",
    )  # fmt: skip
    line = JsonFormat(utc=True).line(Level.WRN, told, 1234)
    assert "\n" not in line
    assert list(json.loads(line).items()) == [
        ("time", "2026-08-21T14:50:11.123456Z"),
        ("level", "WRN"),
        ("pid", 1234),
        ("message", "b'foo.\\xff' from 5"),
        ("logger", "pubsub.client.protocol"),
        ("subject", "foo.\\xff"),
        ("cid", 5),
        ("account", "$G"),
    ]


@pytest.mark.usefixtures("berlin")
def test_json_times_carry_their_offset() -> None:
    record = json.loads(JsonFormat().line(Level.INF, event("x"), 1))
    assert record["time"] == "2026-08-21T16:50:11.123456+02:00"


def test_json_without_logtime_has_no_time() -> None:
    assert JsonFormat(logtime=False).render(Level.INF, "x", WHEN, 1) == (
        '{"level":"INF","pid":1,"message":"x"}'
    )


def test_json_fields_are_plain_values() -> None:
    fields = {
        "ok": True, "ratio": float("inf"), "subjects": [b"a", "b", object()], "none": None,
        "reason": OSError("gone"), "live": object(), "trace": True, "half": 0.5,
    }  # fmt: skip
    record = json.loads(JsonFormat(logtime=False).line(Level.INF, event("x", **fields), 1))
    del record["level"], record["pid"], record["message"]
    assert record == {
        "ok": True, "ratio": "inf", "subjects": ["a", "b"], "none": None, "reason": "gone",
        "half": 0.5,
    }  # fmt: skip


def test_json_fields_do_not_overwrite_the_facts() -> None:
    told = event("x", level="mine", pid=9, error="told")
    record = json.loads(JsonFormat(logtime=False).line(Level.INF, told, 1))
    assert record == {
        "level": "INF", "pid": 1, "message": "x", "_level": "mine", "_pid": 9, "_error": "told",
    }  # fmt: skip


def test_json_fields_that_are_secrets_are_blanked() -> None:
    told = event("x", password="hunter2", connect='{"pass":"hunter2"}')
    line = JsonFormat().line(Level.INF, told, 1)
    assert "hunter2" not in line
    assert json.loads(line)["password"] == "[REDACTED]"


def test_a_json_failure_carries_its_traceback() -> None:
    format_ = JsonFormat()
    told = event("no", log_failure=a_failure())
    record = json.loads(format_.line(Level.ERR, told, 1))
    assert record["error"].startswith("pubsub.errors.InvalidSubject: foo..bar (")
    assert record["traceback"].startswith("Traceback (most recent call last):\n")
    assert format_.traceback(Level.DBG, told, 1) == []


@given(st.text())
def test_a_json_line_is_one_line_and_gives_the_message_back(text: str) -> None:
    line = JsonFormat().render(Level.INF, text, WHEN, 1)
    assert line.splitlines() == [line]
    assert json.loads(line)["message"] == text


def test_a_bare_line_is_the_message() -> None:
    assert BareFormat().line(Level.INF, event("a\nb"), 1) == "a\\nb"
    assert BareFormat().render(Level.INF, "x", WHEN, 1) == "x"
    assert BareFormat().traceback(Level.DBG, event("", log_failure=a_failure()), 1)[0] == (
        "Traceback (most recent call last):"
    )
