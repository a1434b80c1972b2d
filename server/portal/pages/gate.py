"""The picture and the sound of the gate's digits; whoever asks may have them."""

from __future__ import annotations

from ca_core.errors import NotFound
from protocols.wire import Reply
from server.portal.gate_pictures import Code
from server.portal.route import PortalRoute
from server.portal.visit import HEADERS, Visit


async def draw(visit: Visit) -> Reply:
    """The digits to be read."""
    picture = await visit.portal.codes.picture(_code(visit), source=visit.source, now=visit.now)
    return Reply(200, (("Content-Type", "image/png"), *HEADERS), picture)


async def speak(visit: Visit) -> Reply:
    """The digits to be heard."""
    sound = await visit.portal.codes.sound(_code(visit), source=visit.source, now=visit.now)
    return Reply(200, (("Content-Type", "audio/wav"), *HEADERS), sound)


def _code(visit: Visit) -> Code:
    code = visit.portal.codes.read(visit.path["name"])
    if code is None or visit.now > code.ends_at:
        raise NotFound("there is no such picture, or not any more; load the page for signing in anew")
    return code


ROUTES = (PortalRoute("GET", "/gate/{name}.png", draw, None), PortalRoute("GET", "/gate/{name}.wav", speak, None))
