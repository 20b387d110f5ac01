from __future__ import annotations

import os
from pathlib import Path

from bench.procfs import ProcessStat, Sample, parse_stat, parse_status, sample, total

STAT = (
    "42 (nats (server) 2) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 9 0 5 6 7 "
    "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
)


def proc(root: Path, pid: int, parent: int, ticks: int, kilobytes: int) -> None:
    directory = root / str(pid)
    directory.mkdir(parents=True)
    fields = f"S {parent} 0 0 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0"
    (directory / "stat").write_text(f"{pid} (x) {fields}\n")
    (directory / "status").write_text(f"VmHWM:\t{2 * kilobytes} kB\nVmRSS:\t{kilobytes} kB\n")


def test_a_stat_line_gives_parent_and_all_four_times_whatever_the_name() -> None:
    assert parse_stat(STAT) == ProcessStat(42, 7, 124)


def test_status_is_in_bytes() -> None:
    assert parse_status("Name:\tx\nVmHWM:\t    20 kB\nVmRSS:\t   10 kB\n") == (10240, 20480)


def test_a_kernel_thread_has_no_memory() -> None:
    assert parse_status("Name:\tkthreadd\n") == (0, 0)


def test_a_sample_adds_up_children_and_theirs_but_nobody_else(tmp_path: Path) -> None:
    proc(tmp_path, 10, 1, 100, 1)
    proc(tmp_path, 11, 10, 200, 2)
    proc(tmp_path, 12, 11, 300, 4)
    proc(tmp_path, 13, 1, 5000, 1000)
    (tmp_path / "self").mkdir()
    ticks = os.sysconf("SC_CLK_TCK")
    assert sample(10, tmp_path) == Sample(600 / ticks, 7 * 1024, 14 * 1024)


def test_a_process_that_is_gone_has_used_nothing(tmp_path: Path) -> None:
    assert sample(10, tmp_path) == Sample(0.0, 0, 0)


def test_a_process_that_ends_while_we_look_is_left_out(tmp_path: Path) -> None:
    proc(tmp_path, 10, 1, 100, 1)
    (tmp_path / "11").mkdir()
    proc(tmp_path, 12, 10, 0, 2)
    (tmp_path / "12" / "status").unlink()
    assert sample(10, tmp_path).rss == 1024


def test_our_own_process_is_there() -> None:
    own = sample(os.getpid())
    assert own.hwm >= own.rss > 0


def test_processes_are_added_up() -> None:
    assert total([Sample(1.0, 2, 3), Sample(0.5, 20, 30)]) == Sample(1.5, 22, 33)
    assert total([]) == Sample(0, 0, 0)
