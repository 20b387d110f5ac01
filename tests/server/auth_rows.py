"""A scene with its server, and what that logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.logger import globalLogPublisher

from pubsub.config.build import configure
from pubsub.config.options import Options
from pubsub.system.logging import LogSettings, ServerLog
from tests.certs import Authority
from tests.server.auth_kinds import Scene
from tests.server.conftest import Serve, Served

__all__ = ["Row"]

#: CONNECT fields that nobody may read in a log
SECRET_FIELDS = ("pass", "auth_token", "sig", "jwt", "proxy_sig")


class Row:
    """A scene, its server and what that logs, traces included.

    :param authority: signs the server's certificate; ``None`` for no TLS.
    :param log: the file.
    :param changes: of the scene's options.
    :ivar sent: what clients sent and nobody may read.
    """

    def __init__(
        self, scene: Scene, authority: Authority | None, log: Path, **changes: Any
    ) -> None:
        text = scene.config
        if authority is not None:
            lines = (*_files(authority), *scene.tls)
            text += "\ntls {\n" + "\n".join(lines) + "\n}\n"
        self.scene = scene
        self.options = replace(
            configure(text=text, path="server.conf").options,
            host="127.0.0.1", port=-1, debug=True, trace=True, log_file=str(log), **changes,
        )  # fmt: skip
        self.sent: set[str] = set()
        self._log = log
        self._observer = ServerLog(LogSettings.from_options(self.options))
        globalLogPublisher.addObserver(self._observer)

    async def start(self, serve: Serve) -> Served:
        """The server, and the service it needs."""
        values = {name: getattr(self.options, name) for name in Options.__dataclass_fields__}
        served = await serve(**values)
        if self.scene.service is not None:
            service = self.scene.service()
            served.server.connect_in_process(service)
            await service.ready
        return served

    def note(self, fields: Mapping[str, Any]) -> None:
        """Somebody sends this in CONNECT."""
        self.sent.update(str(fields[name]) for name in SECRET_FIELDS if fields.get(name))

    def check_log(self) -> None:
        """Nothing in it but what anybody may read."""
        self.close()
        text = self._log.read_text()
        assert "Client connection closed" in text
        assert not self.sent or "<<- [CONNECT " in text
        for secret in (*self.scene.secrets, *self.sent):
            assert secret not in text

    def close(self) -> None:
        globalLogPublisher.removeObserver(self._observer)
        self._observer.close()


def _files(authority: Authority) -> tuple[str, ...]:
    issued = authority.issue("server")
    return (
        f'cert_file: "{issued.cert_file}"',
        f'key_file: "{issued.key_file}"',
        f'ca_file: "{authority.cert_file}"',
    )
