"""Dask's dashboard of a scheduler, made when somebody first looks at it.

Its import takes longer than many a run, and most commands end without a look.
"""

from __future__ import annotations

from distributed import Scheduler
from tornado.web import Application, RequestHandler


def offer(scheduler: Scheduler) -> None:
    """Serve the dashboard at the scheduler's own HTTP address from the first request on.

    Args:
        scheduler: running, with ``dashboard=False``: its HTTP server has no dashboard yet.
    """
    until_then = Application([(r"/.*", _FirstLook, {"scheduler": scheduler})])
    scheduler.http_application.add_application(until_then)


class _FirstLook(RequestHandler):
    """Puts the dashboard in its own place, and sends the browser there."""

    def initialize(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def get(self) -> None:
        routes = self._scheduler.http_application
        # Two browsers at once: the second finds it done.
        if self.application in routes.applications:
            from distributed.dashboard.scheduler import connect

            connect(  # type: ignore[no-untyped-call]
                routes, self._scheduler.http_server, self._scheduler, prefix="/"
            )
            routes.applications.remove(self.application)
        self.redirect(self.request.uri or "/")
