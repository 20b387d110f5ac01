"""The examples do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def shown_by(example: str) -> list[str]:
    """The lines it prints, started as its page says."""
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    shown = subprocess.run(
        [sys.executable, str(ROOT / "examples" / example / "run.py")],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert not shown.returncode, shown.stderr
    return shown.stdout.splitlines()


def test_a_cluster_of_three_survives_the_loss_of_one() -> None:
    assert shown_by("cluster") == [
        "each client knows 3 servers",
        "published at the second, heard at the first: hello",
        "a queue group with members everywhere: all of them answer",
        "its server was killed; the client went to another and is served as before",
    ]


def test_two_clusters_of_two_are_one_supercluster() -> None:
    assert shown_by("supercluster") == [
        "published in the east, heard in the west: hello",
        "published in the west, heard in the east: hi",
        "asked in the east, with the service in both: it is east",
        "without it in the east: it is west",
        "a server of the west was killed: the rest is served as before",
    ]
