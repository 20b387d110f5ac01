"""Results to work on."""

from __future__ import annotations

import pytest

from bench.results import Results
from tests.bench.made_up import made_up


@pytest.fixture
def results() -> Results:
    """Native three times as fast as the peer, Python a tenth."""
    return made_up(native=[3e6, 6e6, 9e6], python=[2e5, 2e5, 2e5], peer=[1e6, 2e6, 3e6])
