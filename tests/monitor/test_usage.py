"""CPU and memory of this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from pubsub.monitor.usage import CpuMeter, UsageMeter, peak_rss, rss_of


class Moving:
    """A figure that is moved by hand."""

    def __init__(self) -> None:
        self.value = 100.0

    def __call__(self) -> float:
        return self.value


def test_cpu_is_the_share_of_one_core_since_the_last_look() -> None:
    clock, cpu = Moving(), Moving()
    meter = CpuMeter(clock, cpu)
    assert meter.percent() == 0.0
    clock.value += 10
    cpu.value += 2.5
    assert meter.percent() == 25.0
    clock.value += 0.5
    cpu.value += 0.5
    assert meter.percent() == 25.0
    clock.value += 0.5
    assert meter.percent() == 50.0
    clock.value += 3
    cpu.value += 1
    assert meter.percent() == 33.3


def test_resident_memory_is_in_the_second_field_of_statm() -> None:
    assert rss_of("2345 678 90 1 0 2 0\n", 4096) == 678 * 4096
    with pytest.raises(ValueError, match="not a statm line"):
        rss_of("", 4096)


def test_the_meter_reads_this_process() -> None:
    usage = UsageMeter()()
    assert usage.rss > 1_000_000
    assert usage.cores >= 1
    assert usage.cpu >= 0.0


def test_where_proc_is_missing_the_peak_is_shown(tmp_path: Path) -> None:
    assert UsageMeter(statm=tmp_path / "statm")().rss == pytest.approx(peak_rss(), rel=0.5)
    assert peak_rss() > 1_000_000
