"""Imports as the router sees them. Who maps and observes is in :mod:`pubsub.interfaces`, which
stands above this and so cannot be named in types here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from pubsub.values.accounts import ResponseType

__all__ = ["ServiceRoute", "ShadowSubscription"]


class ShadowSubscription(NamedTuple):
    """What a subscription also means, in an account whose stream is imported."""

    account: str
    #: where it subscribes there
    subject: bytes
    #: from a subject there to the one that is delivered; ``None``: the same
    mapper: Any


@dataclass(frozen=True)
class ServiceRoute:
    """One import of a service, as the router sees it."""

    #: what the importing account publishes to; may hold wildcards
    subject: bytes
    #: whose service it is
    account: str
    #: from a subject of the importer to the service's; ``None``: the same
    mapper: Any = None
    response: ResponseType = ResponseType.SINGLETON
    #: seconds without an answer after which a request is forgotten
    threshold: float = 120.0
    #: tell the service who asks
    share: bool = False
    #: where it does not share, tell it at least at which server and in which cluster they are
    located: bool = False
    #: identifies the export: requests that come back to the same one are dropped
    export: object = None
    observer: Any = None
