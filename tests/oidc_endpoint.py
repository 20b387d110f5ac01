"""An introspection endpoint (RFC 7662) that does what the token says; prints its port.

A program: the server under test asks it over the network, from another process.
"""

from __future__ import annotations

import json
import sys

from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

#: HTTP Basic for nats:hush
_AUTHORIZATION = "Basic bmF0czpodXNo"


class Introspect(Resource):
    """Knows the tokens ``ann``, ``bob``, ``hang`` and ``broken``."""

    isLeaf = True

    def render_POST(self, request):
        token = request.args.get(b"token", [b""])[0]
        if request.getHeader("authorization") != _AUTHORIZATION:
            request.setResponseCode(401)
            return b""
        if token == b"hang":
            return NOT_DONE_YET
        if token == b"broken":
            request.setResponseCode(500)
            return b"<html>oh no</html>"
        answer = {"active": token in (b"ann", b"bob")}
        if answer["active"]:
            answer |= {
                "sub": token.decode(),
                "aud": "nats",
                "scope": "openid nats.pub:orders.> nats.sub:orders.> nats.sub:_INBOX.>",
                "team": "SALES" if token == b"ann" else "BOARD",
            }
        return json.dumps(answer).encode()


if __name__ == "__main__":
    port = reactor.listenTCP(0, Site(Introspect()), interface="127.0.0.1")
    sys.stdout.write(f"{port.getHost().port}\n")
    sys.stdout.flush()
    reactor.run()
