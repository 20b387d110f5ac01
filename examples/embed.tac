"""A Twisted application with a NATS server in it: ``twistd -ny embed.tac``.

It tells the time on the subject ``clock.tick``, once a second, to whoever subscribes.
"""

import os
import time

from twisted.application.internet import TimerService
from twisted.application.service import Application

from pubsub.config.options import Options
from pubsub.service import PubSubService

nats = PubSubService(Options(host="127.0.0.1", port=int(os.environ.get("PORT", "4222"))))


def tick() -> None:
    """Publish as the server itself: account, subject, reply, headers, payload."""
    router = nats.server.router
    router.publish("$G", b"clock.tick", b"", b"", time.ctime().encode())
    router.flush()


application = Application("clock")
nats.setServiceParent(application)
TimerService(1.0, tick).setServiceParent(application)
