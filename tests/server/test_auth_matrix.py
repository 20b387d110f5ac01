"""Each kind of credentials, by TCP and by TLS: who is let in, who is not, and how it is told.

The table is made of ``auth_kinds*.py``. In each row a server with that configuration runs, and
everything it logs, traces included, is searched for what nobody may read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from tests.certs import Authority
from tests.server.auth_kinds import PASSWORDS, Kind, Place, Scene, Visit, Welcome
from tests.server.auth_kinds_keys import KEYS
from tests.server.auth_kinds_services import SERVICES
from tests.server.auth_rows import Row
from tests.server.auth_visitor import accepted, join, refused
from tests.server.conftest import Serve

KINDS = (*PASSWORDS, *KEYS, *SERVICES)

#: both routers for the first of each kind; the others are refused before a router matters
TABLE = [
    pytest.param(
        kind, tls, visit, router,
        id=f"{kind.name} - {'TLS' if tls else 'TCP'} - {visit.title} - {router}",
    )
    for kind in KINDS
    for tls in (False, True)
    for place, visit in enumerate(kind.coming(tls))
    for router in (("auto", "python") if place == 0 else ("auto",))
]  # fmt: skip


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def rows() -> Iterator[list[Row]]:
    made: list[Row] = []
    yield made
    for row in made:
        row.close()


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
@pytest.mark.parametrize(("kind", "tls", "visit", "router"), TABLE)
@pytest_twisted.ensureDeferred
async def test_who_comes(
    kind: Kind,
    tls: bool,
    visit: Visit,
    router: str,
    serve: Serve,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[Row],
) -> None:
    scene = kind.make(Place(tmp_path, authority, tls, monkeypatch))
    row = Row(scene, authority if tls else None, tmp_path / "server.log", router=router)
    rows.append(row)
    served = await row.start(serve)
    peer, info = await join(
        served, authority if tls else None, scene.certificates.get(visit.certificate)
    )
    fields = visit.connect(scene.things, info.get("nonce", ""))
    row.note(fields)
    if isinstance(visit.outcome, Welcome):
        assert await accepted(peer, fields) == b"+OK\r\nPONG\r\n"
        client = served.server.registry.open[info["client_id"]]
        assert client.identity.user == _of(visit.outcome.user, scene)
        assert client.identity.account == _of(visit.outcome.account, scene)
        assert client.link is not None
        assert client.link.account == client.identity.account
    else:
        assert await refused(peer, fields) == visit.outcome.answer
        (closed,) = served.server.registry.closed
        assert closed.reason is visit.outcome.reason
    await served.server.close()
    row.check_log()


def _of(value: Any, scene: Scene) -> str:
    return str(value(scene.things) if callable(value) else value)
