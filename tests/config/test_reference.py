"""The page of all options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pubsub.config.reference import options_page
from pubsub.config.row import ValueKind
from pubsub.config.table import TABLE

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "options.rst"


def test_the_page_in_the_repository_is_the_one_the_table_makes() -> None:
    assert PAGE.read_text(encoding="utf-8") == options_page(), (
        "run python -m pubsub.config.reference docs/reference/options.rst"
    )


def test_every_option_is_on_the_page() -> None:
    page = options_page()
    for row in TABLE:
        if row.kind is not ValueKind.ACTION and row.name != "*":
            assert f"``{row.name}``" in page, row.path


def test_the_module_writes_the_page(tmp_path: Path) -> None:
    page = str(tmp_path / "options.rst")
    subprocess.run([sys.executable, "-m", "pubsub.config.reference", page], check=True)
    assert (tmp_path / "options.rst").read_text(encoding="utf-8") == options_page()


@pytest.mark.parametrize(
    "line",
    [
        "   * - ``max_payload``\n     - size (bytes)\n     - ``1048576``\n",
        "   * - ``lame_duck_duration``\n     - duration string\n     - ``2m0s``\n",
        "   * - ``log_format``\n     - ``text``, ``json``\n     - ``text``\n",
        "   * - ``logtime``\n     - boolean\n     - true\n",
        "     - Timestamp log entries (``-T, --logtime``, *reload*).\n",
        "\nJetStream\n   | ``jetstream``, ``store_dir``",
    ],
)
def test_rows_say_what_a_user_asks(line: str) -> None:
    assert line in options_page()
