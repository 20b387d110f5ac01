"""Each kind of credentials again: nothing secret is on a monitoring page, or in a JSON log."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from pubsub.auth.jwt.claims import UserClaims
from pubsub.auth.jwt.codec import decode
from pubsub.errors import CredentialsError
from tests.certs import Authority
from tests.patience import PATIENCE
from tests.server.auth_kinds import PASSWORDS, Kind, Place, Welcome
from tests.server.auth_kinds_keys import KEYS
from tests.server.auth_kinds_services import SERVICES
from tests.server.auth_rows import Row
from tests.server.auth_visitor import accepted, join
from tests.server.conftest import Serve

PAGES = (
    *("varz", "connz?auth=true&subs=detail", "connz?auth=true&state=closed", "subsz?subs=true"),
    *("accountz", "accstatz?unused=1", "accountz?acc=$G", "healthz"),
)
KINDS = [
    kind
    for kind in (*PASSWORDS, *KEYS, *SERVICES)
    if any(isinstance(visit.outcome, Welcome) for visit in kind.visits)
]


def _read(port: int) -> str:
    texts = []
    for page in PAGES:
        with urlopen(f"http://127.0.0.1:{port}/{page}", timeout=PATIENCE) as answer:
            texts.append(answer.read().decode())
    return "\n".join(texts)


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
@pytest_twisted.ensureDeferred
async def test_pages(
    kind: Kind, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashes of passwords are none of a page's business either."""
    place = Place(tmp_path, Authority(tmp_path), False, monkeypatch)
    scene = kind.make(place)
    log = tmp_path / "server.log"
    row = Row(scene, None, log)
    row.options = replace(row.options, http_port=-1)
    try:
        served = await row.start(serve)
        for visit in kind.visits:
            if not isinstance(visit.outcome, Welcome):
                continue
            peer, info = await join(served)
            fields = visit.connect(scene.things, info.get("nonce", ""))
            row.note(fields)
            await accepted(peer, fields)
        text = await deferToThread(_read, served.server.monitoring_port)
        assert '"cid"' in text
        for secret in (*scene.secrets, *row.sent):
            if not _needs_key(secret):
                assert secret not in text
    finally:
        row.close()


def _needs_key(text: str) -> bool:
    """It is a JWT of which nobody has any use without the user's key: /connz has it."""
    try:
        claims = decode(text)
    except CredentialsError:
        return False
    return isinstance(claims, UserClaims) and not claims.limits.bearer


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
@pytest_twisted.ensureDeferred
async def test_a_json_log(
    kind: Kind, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = kind.make(Place(tmp_path, Authority(tmp_path), False, monkeypatch))
    log = tmp_path / "server.log"
    row = Row(scene, None, log, log_format="json")
    try:
        served = await row.start(serve)
        for visit in kind.visits:
            peer, info = await join(served)
            fields = visit.connect(scene.things, info.get("nonce", ""))
            row.note(fields)
            if isinstance(visit.outcome, Welcome):
                await accepted(peer, fields)
        await served.server.close()
        row.check_log()
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert any("<<- [CONNECT " in json.dumps(line) for line in lines)
    finally:
        row.close()
