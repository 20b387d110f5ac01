from __future__ import annotations

import platform

from bench.machine import cpu_model, describe, memory_bytes, one_line


def test_the_processor_has_its_name() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: AMD EPYC\n") == "AMD EPYC"


def test_a_processor_without_a_name_is_called_by_its_architecture() -> None:
    assert cpu_model("") == platform.machine()


def test_memory_is_in_bytes() -> None:
    assert memory_bytes("MemTotal:       24000000 kB\nMemFree: 1 kB\n") == 24_000_000 * 1024
    assert memory_bytes("") == 0


def test_this_machine_can_be_described_in_a_line() -> None:
    machine = describe()
    assert int(machine["cores"]) >= 1
    assert str(machine["python"]) in one_line(machine)
