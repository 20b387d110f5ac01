"""What the operating system allows."""

from __future__ import annotations

import resource

import pytest

from pubsub.system.limits import raise_descriptor_limit


class Kernel:
    """``resource``'s two functions over a made-up limit."""

    def __init__(self, soft: int, hard: int, refuses: bool = False) -> None:
        self.limits = (soft, hard)
        self.refuses = refuses

    def getrlimit(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.limits

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        assert which == resource.RLIMIT_NOFILE
        if self.refuses:
            raise ValueError("not allowed to raise maximum limit")
        self.limits = limits


INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("kernel", "result"),
    [
        (Kernel(1024, 524288), 524288),
        (Kernel(4096, 4096), 4096),
        (Kernel(1024, INFINITE), 1 << 20),
        (Kernel(1 << 21, INFINITE), 1 << 21),
        (Kernel(INFINITE, INFINITE), INFINITE),
        (Kernel(1024, 4096, refuses=True), 1024),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_it_goes(
    kernel: Kernel, result: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", kernel.getrlimit)
    monkeypatch.setattr(resource, "setrlimit", kernel.setrlimit)
    hard = kernel.limits[1]
    assert raise_descriptor_limit() == result
    assert kernel.limits == (result, hard)
