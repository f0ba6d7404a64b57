"""The composition root of the web application: shield, API, live socket and pages around a running engine."""

from aiohttp import web

from server.api import routes
from server.api.call import ENGINE
from server.engine import Engine
from server.live.session import Live
from server.pages import book, card, hold, join, messages, render
from server.pages.messages import page_problem
from server.pages.render import BOOKING
from server.reading import BODY_LIMIT
from server.shield import PAGE_PROBLEM, Shield, protect

LIVE = web.AppKey("live", Live)


def create_app(engine: Engine) -> web.Application:
    """Everything that answers HTTP. The engine runs longer than the application."""
    app = web.Application(client_max_size=BODY_LIMIT)
    app[ENGINE] = engine
    app[BOOKING] = engine.booking
    app[LIVE] = Live(engine)
    app[PAGE_PROBLEM] = page_problem
    routes.setup(app)
    app.router.add_get("/live", app[LIVE].handle)
    render.setup(app)
    for page in (book, hold, card, join, messages):
        page.add_routes(app.router)
    protect(app, Shield(engine.config, engine.clock, engine.ids))
    app.on_shutdown.append(_close_sockets)
    return app


async def _close_sockets(app: web.Application) -> None:
    await app[LIVE].close()
