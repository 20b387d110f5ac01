"""Placeholder for measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pubsub.router.python.link import PythonLink


class Plan:
    """none"""


def publish_ordinary(link: PythonLink, data: bytes, pos: int) -> int:
    """none"""
    return pos
