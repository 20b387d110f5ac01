"""The example does what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_a_cluster_of_three_survives_the_loss_of_one() -> None:
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    shown = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "cluster" / "run.py")],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert shown.stdout.splitlines() == [
        "each client knows 3 servers",
        "published at the second, heard at the first: hello",
        "a queue group with members everywhere: all of them answer",
        "its server was killed; the client went to another and is served as before",
    ], shown.stderr
